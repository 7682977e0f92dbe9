"""fjd run --resume: which run goes on, what of it is done, and who does it."""
import argparse
import os
import re
import resource
import shutil
import subprocess
import threading
from collections import Counter

import pytest

from helpers import command, finish, LONG, wait_until
from test_run import HOLD, begin, hold, projects, run_fjd  # noqa: F401

from fjd.jobfile import SHELL
from fjd.ledger import DONE, Entry, FAILED, Ledger
from fjd.members import BEAT, FRESH, HIRING, myself
from fjd.project import CLAIM, LIST, Project
from fjd.verbs import run
from fjd.verbs.claim import Claim, name_of
from fjd.verbs.joblist import listed, Request
from fjd.verbs.lists import Lists
from fjd.verbs.newarray import Common, put_list, put_range
from fjd.verbs.earlier import MOST_LOOKED_AT, base_of, Runs

LOG = "echo {} >> runs; test -e good || test {} != %s"


def runs(home):
    return (home / "runs").read_text().split()


def taken(said):
    """The project that goes on, and how many jobs it shares."""
    line = next(line for line in said.splitlines() if "Resuming" in line)
    shared = line.partition(" has ")[2].split()[0]
    return line.split('"')[1], int(shared)


# Which run

def test_the_run_that_shares_most_goes_on(home):
    """Not the latest one of the same command."""
    run_fjd("run", "echo {} >> runs", ":::", "a1", "a2", "a3")
    run_fjd("run", "echo {} >> runs", ":::", "b1", "b2")
    status, _, said = run_fjd("run", "--resume", "echo {} >> runs", ":::",
                              "a1", "a2", "a3", "a4")
    assert status == 0
    assert sorted(runs(home)) == ["a1", "a2", "a3", "a4", "b1", "b2"]
    assert taken(said) == (projects(home)[0].name, 3)
    assert "[fjd] 4 done, 0 failed" in said.splitlines()


@pytest.mark.parametrize("words, is_named", [
    ("a b", True), ("b", True), ("b c", False), ("c", False),
])
def test_who_starts_anew_is_told_of_jobs_that_are_left(
    home, hold, words, is_named,  # noqa: F811
):
    """As after a crash: the command is typed once more."""
    first = begin("-j1", HOLD, ":::", "a", "b")
    wait_until(lambda: projects(home) and projects(home)[0].running())
    first.kill()
    finish(first)
    hold()
    wait_until(lambda: projects(home)[0].names("done"))
    said = run_fjd("run", "-j1", HOLD, ":::", *words.split())[2]
    line = f"[fjd] Run before, as {projects(home)[0].name}: 1 job is left of" \
        " it; --resume goes on"
    assert len(line) < 80
    assert (line in said.splitlines()) == is_named
    assert "2 done, 0 failed" in run_fjd(
        "run", "--resume", "--project", projects(home)[0].name)[2]
    said = run_fjd("run", "-j1", HOLD, ":::", "a", "b")[2]
    assert "left of it" not in said


def test_lists_of_commands_on_stdin_are_told_apart(home):
    a, b = (b"".join(b"echo %c%d >> runs\n" % (letter, n) for n in range(3))
            for letter in b"ab")
    for data in (a, b):
        run_fjd("run", data=data)
    status, _, said = run_fjd("run", "--resume", data=a)
    assert status == 0 and taken(said) == (projects(home)[0].name, 3)
    status, _, said = run_fjd("run", "--resume", data=b + a[:len(a) // 3])
    assert status == 0 and taken(said) == (projects(home)[1].name, 3)
    assert Counter(runs(home)) == {
        "a0": 2, "a1": 1, "a2": 1, "b0": 1, "b1": 1, "b2": 1}


def test_a_list_of_which_nothing_was_begun_begins(home):
    run_fjd("run", "echo {} >> runs", ":::", "a")
    status, _, said = run_fjd("run", "--resume", "echo {} >> runs", ":::", "b")
    assert status == 0 and "Resuming" not in said
    assert "has a job of this list: running all.\n" in said
    assert len(projects(home)) == 2


def test_another_command_with_the_same_jobs_goes_on(home):
    """The list decides, however it was typed."""
    run_fjd("run", "echo {} >> runs", ":::", "a", "b")
    data = b"echo b >> runs\necho c >> runs\n"
    assert run_fjd("run", "--resume", data=data)[0] == 0
    assert sorted(runs(home)) == ["a", "b", "c"]


def test_what_was_asked_for_and_not_put_counts(home, hold):  # noqa: F811
    """A run that was killed before it had put all."""
    process = begin(HOLD, ":::", "a", "b")
    wait_until(lambda: (home / "beguna").exists())
    process.kill()
    finish(process)
    hold()
    project, = projects(home)
    for name in project.waiting():
        os.unlink(project.waiting_job(name))  # As if it had not come.
    status, _, said = run_fjd("run", "--resume", "-j1", HOLD, ":::", "b")
    assert status == 0 and taken(said) == (project.name, 1)
    assert (home / "begunb").exists()


COMMANDS = ["test -e good", "true"]
STAMP = "0123456789abcdef0-1"


def killed_run(home, *ranges):
    """What a run of these commands has left, with that range or without."""
    project = Project(str(home / ".fjd" / "list"))
    os.makedirs(project.root, 0o700)
    project.make_directories()
    text = "".join(f"{command}\n" for command in COMMANDS)
    put_list(project, "list-1", text.encode(), STAMP)
    for name in ranges:
        put_range(project, "list-1", 1, 2, Common("", str(home)), 0, STAMP)
        first, = project.waiting()
        os.rename(project.waiting_job(first), project.waiting_job(name))
        Ledger(project, "lab_1.000000-1").write(Entry(
            FAILED, "list-1:1", first, "lab", status="exit 1", task="1"))


def resume(*commands):
    """The status, and the outcome."""
    status, _, said = run_fjd("run", "--project", "list", "-j1", "--resume",
                              ":::", *commands)
    return status, re.findall("[0-9]+ (?:done|failed|left)", said)


def test_a_list_without_a_range_is_put(home):
    killed_run(home)
    (home / "good").touch()
    assert resume(*COMMANDS) == (0, ["2 done", "0 failed"])
    assert os.listdir(str(home / ".fjd" / "list" / "arrays")) == ["list-1"]


def test_a_task_that_failed_in_a_range_that_goes_on_runs_again(home):
    """When its range has ended."""
    killed_run(home, f"list-1=1.2-2x1~1.{STAMP}9")
    (home / "good").touch()
    assert resume(*COMMANDS) == (0, ["2 done", "0 failed"])


def test_a_list_that_has_grown_is_known_by_all_of_it(home):
    for names in (["a", "b"], ["b", "c"], ["c"]):
        said = run_fjd("run", "--resume", "echo {} >> runs", ":::", *names)[2]
    assert taken(said) == (projects(home)[0].name, 1)
    assert sorted(runs(home)) == ["a", "b", "c"]


def old_run(home, text, number=""):
    """A project as older versions made them, with a list that is done."""
    place = os.path.realpath(os.getcwd())
    project = Project(str(home / ".fjd" / (base_of(text, place) + number)))
    os.makedirs(project.root, 0o700)
    project.make_directories()
    return project, place


def test_a_run_of_an_older_version_goes_on(home):
    project, place = old_run(home, "echo {} >> runs", "-2")
    jobs = list(listed(["echo a >> runs", "echo b >> runs"], place))
    name = f"{jobs[0].job}~1.0123456789abcdef0-1"
    open(project.path("done", name), "w").close()
    words = ["--resume", "echo {} >> runs", ":::", "a", "b"]
    assert run_fjd("run", "--dry-run", *words)[1] == "echo b >> runs\n"
    status, _, said = run_fjd("run", *words)
    assert (status, taken(said), runs(home)) == (0, (project.name, 1), ["b"])
    assert "[fjd] 2 done, 0 failed" in said.splitlines()


def test_without_a_list_the_latest_of_the_command_goes_on(home):
    assert run_fjd("run", LOG % "b", ":::", "a", "b")[0] == 3
    run_fjd("run", "true", ":::", "a")
    (home / "good").write_text("")
    status, _, said = run_fjd("run", "--resume", LOG % "b")
    one, _ = projects(home)
    assert status == 0 and f'Resuming project "{one.name}".' in said
    assert runs(home) == ["a", "b", "b"]


def new_runs(home):
    return Runs(str(home), "echo", os.path.realpath(str(home)))


def best(runs, *names):
    """The run that shares most of such a list, and how many."""
    request = Request(runs.asked.directory)
    request.add(f"echo {name}" for name in names)
    name, known = runs.best(request)
    return name, known.shared if known else 0


def put_all(home, name, *names):
    """What a run puts of its list."""
    project = Project(str(home / name))
    project.make_directories()
    lists = Lists(project, str(home), SHELL)
    lists.add([f"echo {name}" for name in names])
    lists.put(len(names))


def test_the_newest_are_looked_at(home):
    def begin_run(*names):
        some = new_runs(home)
        some.find()
        name = some.begin("token")
        put_all(home, name, *names)
        return name

    names = [begin_run("a")] + [
        begin_run("b") for _ in range(MOST_LOOKED_AT - 1)]
    assert best(new_runs(home), "a") == (names[0], 1)
    assert best(new_runs(home), "b") == (names[-1], 1)
    begin_run("b")
    assert best(new_runs(home), "a") == ("", 0)
    assert begin_run("c") == f"{names[0]}-{MOST_LOOKED_AT + 2}"


def test_of_two_that_begin_at_once_one_finds_the_other(home):
    one, two = new_runs(home), new_runs(home)
    assert best(one, "a", "b") == best(two, "b") == ("", 0)
    name = one.begin("1")
    assert name and two.begin("2") == ""
    put_all(home, name, "a", "b")
    assert best(two, "b") == (name, 1)
    assert [n for n in os.listdir(str(home)) if n.startswith(".run")] == []


def test_strange_files_are_no_runs(home):
    base = base_of(str(home))
    (home / base).write_text("")
    (home / (base + "-2")).mkdir()
    (home / (base + "-3")).mkdir()
    (home / (base + "-3") / LIST).write_text("nonsense")
    assert best(new_runs(home), "a") == ("", 0)


# Who goes on

@pytest.fixture
def claim(project):
    """claim(identity) tries to claim the project."""
    def claim(identity=None, now=None):
        me = identity or myself()
        now = now or project.server_time("now")
        found = Claim(project, myself(), now)
        found.here = SeenAs(found.here, me)
        return found
    return claim


class SeenAs:
    """What sees as we do, and is called otherwise."""

    def __init__(self, here, identity):
        self.sees = here.sees
        self.record = identity.record


GONE = myself()._replace(start="1")
ELSEWHERE = myself()._replace(host="lab7", boot="x")


def test_one_claims_a_project_until_it_releases_it(project, claim):
    one, two = claim(), claim()
    assert one.make() and not two.make()
    one.release()
    assert two.make() and not claim().make()
    assert project.claims() == [2]


def test_a_claim_of_a_dead_process_is_free(claim):
    assert claim(GONE).make()
    assert claim().make()


def test_a_claim_of_another_host_is_free_when_that_is_silent(project, claim):
    assert claim(ELSEWHERE).make()
    assert not claim().make()
    later = project.server_time("then") + FRESH * BEAT + 1
    assert claim(now=later).make()


@pytest.mark.parametrize("record", ["", "host: lab7\n"])
def test_a_claim_that_is_not_whole_is_free_after_a_while(
    project, claim, record,
):
    """Its process was killed while it wrote."""
    project.enrol("dispatchers", name_of(7), record)
    assert not claim().make()
    assert claim(now=project.server_time("then") + FRESH * BEAT + 1).make()
    assert project.claims() == [8]


def test_a_live_process_of_this_host_keeps_its_claim_however_long(
    project, claim,
):
    assert claim().make()
    assert not claim(now=project.server_time("then") + 10000).make()


def test_who_comes_late_with_an_old_number_loses(project, claim, monkeypatch):
    """It looked; then others claimed, released, and claimed again."""
    first, late = claim(), claim()
    assert first.make()
    first.release()
    before = project.claims()
    for _ in range(2):
        now = claim()
        assert now.make()
        now.release()
    looks = iter([before])
    real = project.claims
    monkeypatch.setattr(
        project, "claims", lambda: next(looks, None) or real())
    assert not late.make()
    assert real() == [3]
    monkeypatch.undo()
    assert claim().make()


def test_names_that_are_no_claims_do_no_harm(project, claim):
    project.files.create(project.path("dispatchers", f"x{CLAIM}"))
    assert claim().make()


def test_a_claim_says_who_holds_it_and_then_that_nobody_does(project, claim):
    one = claim()
    one.make()
    one.release()
    text = project.record("dispatchers", name_of(1))[1]
    assert f"session: {HIRING}\n" in text
    assert text.endswith("session: standby\n")


def start_two(*words):
    return [subprocess.Popen(
        command("fjd", "run", "-j1", *words), stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, encoding="utf-8")
        for _ in range(2)]


def see_pair(home, number):
    """Two that go on with a run that has failed, at once."""
    (home / "runs").write_text("")
    (home / "good").unlink()
    bad = f"bad{number}"
    jobs = ["x", bad, "y", "z"]
    assert run_fjd("run", LOG % bad, ":::", *jobs[:2])[0] == 3
    (home / "good").write_text("")
    both = start_two("--resume", LOG % bad, ":::", *jobs)
    said = [process.communicate(timeout=LONG)[1] for process in both]
    assert "Traceback" not in "".join(said)
    statuses = sorted(process.returncode for process in both)
    assert statuses in ([0, 75], [0, 0]), said
    for process, text in zip(both, said):
        assert (process.returncode == 75) == (" is active in project" in text)
    assert Counter(runs(home)) == {"x": 1, bad: 2, "y": 1, "z": 1}, said
    return statuses


def see_pairs(home, number):
    (home / "good").write_text("")
    found = [see_pair(home, n) for n in range(number)]
    assert [0, 75] in found


def test_of_two_that_go_on_at_once_one_does(home):
    see_pairs(home, 20)


@pytest.mark.slow
@pytest.mark.once
def test_of_100_pairs_that_go_on_at_once_one_does(home):
    see_pairs(home, 100)


@pytest.mark.slow
def test_of_two_that_begin_at_once_nothing_runs_twice(home):
    """Nothing was there to go on with."""
    for number in range(30):
        both = start_two("--resume", f"echo {{}}-{number} >> runs", ":::",
                         "a", "b", "c")
        for process in both:
            process.communicate(timeout=LONG)
        assert 0 in {process.returncode for process in both}
    counts = Counter(runs(home))
    assert len(counts) == 90 and set(counts.values()) == {1}


def test_who_was_killed_at_once_keeps_nobody_away(home, hold):  # noqa: F811
    process = begin("--resume", HOLD, ":::", "a")
    wait_until(lambda: projects(home) and projects(home)[0].claims())
    process.kill()
    finish(process)
    hold()
    assert run_fjd("run", "--resume", HOLD, ":::", "a")[0] == 0


# Many jobs

def done_run(home, number):
    """A run of so many jobs that are all done, and its list."""
    place = os.path.realpath(os.getcwd())
    (home / ".fjd").mkdir(mode=0o700)
    jobs = list(listed([f"true {n}" for n in range(number)], place))
    made = Runs(str(home / ".fjd"), "true", place)
    made.find()
    project = Project(str(home / ".fjd" / made.begin("token")))
    project.make_directories()
    with open(project.path(LIST), "a") as file:  # as an older fjd did
        file.writelines(sorted(f"{job.mark}\n" for job in jobs))
    ledger = Ledger(project, "w")
    for n, job in enumerate(jobs, 1):
        attempt = f"{job.job}~1.0123456789abcdef0-{n}"
        open(project.path("done", attempt), "w").close()
        ledger.write(Entry(DONE, job.job, attempt, worker="w"))
    return "\n".join(map(str, range(number))).encode()


@pytest.mark.parametrize("number", [
    2000, pytest.param(100000, marks=pytest.mark.slow)])
def test_many_done_jobs_are_resumed_in_a_moment(home, number):
    data = done_run(home, number)
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    status, _, said = run_fjd("run", "--resume", "true", data=data)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    assert status == 0 and taken(said)[1] == number
    assert said.splitlines()[-1] == f"[fjd] {number} done, 0 failed"
    assert after.ru_utime - before.ru_utime < 10


@pytest.mark.parametrize("is_resumed, is_quiet", [
    (True, False), (True, True), (False, False),
])
def test_what_takes_long_is_told(monkeypatch, capsys, is_resumed, is_quiet):
    monkeypatch.setattr(run, "SECONDS_OF_SILENCE", 0.0)
    options = argparse.Namespace(resume=is_resumed, quiet=is_quiet)
    before = threading.active_count()
    with run.patience(options) as ready:
        if is_resumed:
            wait_until(lambda: threading.active_count() == before)
        ready()
    told = "[fjd] Checking which jobs of the list are done ...\n"
    assert capsys.readouterr().err == told * (is_resumed and not is_quiet)


def test_what_takes_no_time_is_not_told(capsys):
    options = argparse.Namespace(resume=True, quiet=False)
    with pytest.raises(KeyError), run.patience(options):
        raise KeyError
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize("words", [["--resume"], []])
def test_a_run_that_was_killed_while_it_began_hinders_no_other(home, words):
    run_fjd("run", "true {}", ":::", "a")
    project = projects(home)[0]
    for place in "jobqueue", "arrays":
        shutil.rmtree(project.path(place))
    assert run_fjd("run", *words, "true {}", ":::", "a")[0] == 0
