"""fjd runs: what fjd run has left behind, and how that is removed."""
import json
import os
import re
import subprocess
import sys
import time

import pytest

from helpers import command, fjd, LONG, ok, wait_until

from fjd.members import HIRING, myself
from fjd.project import Project
from fjd.verbs import manyruns, runs
from fjd.verbs.claim import Claim
from fjd.verbs.earlier import Runs

HOLD = "touch begun{}; while test -e hold; do sleep 0.02; done"


def projects(home):
    """Those of runs, the oldest first."""
    names = [name for name in os.listdir(str(home / ".fjd"))
             if name.startswith("run-")]
    return [Project(str(home / ".fjd" / name)) for name in
            sorted(names, key=lambda name: (len(name), name))]


def listed():
    return [json.loads(line) for line in ok("fjd", "runs", "--json")]


def age(project, seconds):
    """Let all files of a run be so old."""
    then = time.time() - seconds
    for place, _, names in os.walk(project.root):
        for name in names:
            os.utime(os.path.join(place, name), (then, then))


@pytest.fixture
def killed(home):
    """A run of four jobs that was killed when one had begun; the worker's
    job ends later, and the worker has left."""
    (home / "hold").touch()
    process = subprocess.Popen(
        command("fjd", "run", "-j1", HOLD, ":::", *"abcd"),
        stdin=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    wait_until((home / "beguna").exists)
    process.kill()
    process.wait(LONG)
    project, = projects(home)
    ok("fjd-recruiter", "--project", project.name, "fire")
    (home / "hold").unlink()
    return project


def test_runs_are_listed_with_what_became_of_their_jobs(home, killed):
    fjd("fjd", "run", "exit {}", ":::", "0", "3")
    (home / "elsewhere").mkdir()
    fjd("fjd", "run", "true {} é", ":::", "0", cwd=str(home / "elsewhere"))
    here = os.path.realpath(str(home))
    found = listed()
    assert [[run[key] for key in ("directory", "command", "done", "failed",
                                  "left")] for run in found] == [
        [here, HOLD, 0, 0, 4], [here, "exit {}", 1, 1, 0],
        [f"{here}/elsewhere", "true {} é", 1, 0, 0]]
    assert [run["project"] for run in found[:2]] \
        == [project.name for project in projects(home)
            if project.name.startswith(killed.name)]
    assert all(abs(run["begun"] - time.time()) < LONG for run in found)
    for run in found:
        place = str(home / ".fjd" / run["project"])
        files = [os.path.join(at, name) for at, _, names in os.walk(place)
                 for name in names]
        assert run["size"] == 512 * sum(
            os.stat(path).st_blocks for path in files) > 0
    header, *lines = ok("fjd", "runs")
    assert header.split()[:5] == ["begun", "done", "failed", "left", "size"]
    assert re.fullmatch(
        r"....-..-.. ..:..:.. +1 +1 +0 +[0-9.]+ kB "
        f" {killed.name}-2  {re.escape(here)}: exit {{}}", lines[1])


def test_without_runs_nothing_is_listed(home):
    assert ok("fjd", "runs") == ok("fjd", "runs", "--json") == []
    assert ok("fjd", "runs", "--clean") == ["Removed 0 run(s), 0 B."]
    assert not (home / ".fjd").exists()


def test_finished_runs_are_removed_whole_and_others_stay(home, killed):
    fjd("fjd", "run", "exit {}", ":::", "0", "3")
    ok("fjd", "put", "--name", "job1", "true")
    removed, last = ok("fjd", "runs", "--clean")
    assert re.fullmatch(f"Removed: {killed.name}-2  .*: exit {{}} \\(.* kB\\)",
                        removed)
    assert re.fullmatch(r"Removed 1 run\(s\), .* kB\. 1 stay\(s\)\.", last)
    assert sorted(os.listdir(str(home / ".fjd"))) == ["default", killed.name]
    assert "4 done, 0 failed" in fjd(
        "fjd", "run", "--resume", HOLD, ":::", *"abcd").stderr


def test_only_runs_that_ended_long_ago_are_old(home):
    for number in "12":
        ok_run("true {}", number)
    old, new = projects(home)
    age(old, 3 * 86400)
    for words, stay in ((["4"], 2), (["2d"], 1), (["1"], 1)):
        ok("fjd", "runs", "--clean", "--older", *words)
        assert len(projects(home)) == stay
    assert [project.name for project in projects(home)] == [new.name]


def ok_run(*words):
    assert fjd("fjd", "run", words[0], ":::", *words[1:]).returncode == 0


def test_a_run_that_begins_stays_until_it_has_claimed_its_project(home):
    """And after it has; one that was killed then goes after an hour."""
    (home / ".fjd").mkdir(0o700)
    new = Runs(str(home / ".fjd"), "true", str(home))
    project = Project(str(home / ".fjd" / new.begin("x" * 17)))
    assert ok("fjd", "runs", "--clean")[-1].endswith(" 1 stay(s).")
    project.make_directories()
    assert ok("fjd", "runs", "--clean")[-1].endswith(" 1 stay(s).")
    claim = Claim(project, myself(), time.time())
    assert claim.make()
    age(project, 2 * runs.BEGINNING)
    now = time.time()
    os.utime(project.path("dispatchers", claim.name), (now, now))
    assert ok("fjd", "runs", "--clean")[-1].endswith(" 1 stay(s).")
    claim.release()
    assert ok("fjd", "runs", "--clean")[-1].startswith("Removed 1 run(s)")
    assert os.listdir(str(home / ".fjd")) == []
    Runs(str(home / ".fjd"), "true", str(home)).begin("x" * 17)
    age(projects(home)[0], 2 * runs.BEGINNING)
    ok("fjd", "runs", "--clean")
    assert projects(home) == []


@pytest.mark.parametrize("kind", ["workers", "dispatchers"])
def test_a_run_that_somebody_serves_stays(home, kind):
    ok_run("true {}", "1")
    project, = projects(home)
    member = f"{myself().host}_{os.getpid()}.000000-1"
    project.enrol(kind, member, myself().record(HIRING))
    assert ok("fjd", "runs", "--clean") == [
        "Removed 0 run(s), 0 B. 1 stay(s)."]
    project.strike(kind, member)
    ok("fjd", "runs", "--clean")
    assert projects(home) == []


def test_who_resumes_a_run_finds_all_of_it_or_nothing(home):
    """A removal that was killed is completed by the next one."""
    ok_run("true {}", "1")
    project, = projects(home)
    script = "import sys; sys.path.insert(0, %r);" \
        " from fjd.verbs import runs; from types import SimpleNamespace;" \
        " runs.remove_tree = lambda place: sys.exit(9);" \
        " runs.act(SimpleNamespace(older=0, json=False, clean=True))"
    root = os.path.dirname(os.path.dirname(runs.__file__))
    result = subprocess.run(
        [sys.executable, "-c", script % os.path.dirname(root)])
    assert result.returncode == 9
    left, = os.listdir(str(home / ".fjd"))
    assert left.startswith(f".{project.name}.") and listed() == []
    ok("fjd", "runs", "--clean")
    assert os.listdir(str(home / ".fjd")) == []


def test_links_are_removed_and_not_what_they_name(home):
    """A project, or its logs, may lie on another disk."""
    ok_run("true {}", "1")
    project, = projects(home)
    for name in ("joblogs", "mine"):
        (home / name).mkdir()
        (home / name / "file").touch()
        if os.path.isdir(project.path(name)):
            os.rmdir(project.path(name))
        os.symlink(str(home / name), project.path(name))
    os.rename(project.root, str(home / "large"))
    os.symlink(str(home / "large"), project.root)
    assert len(listed()) == 1
    ok("fjd", "runs", "--clean")
    assert os.listdir(str(home / ".fjd")) == []
    assert not (home / "large").exists()
    assert (home / "joblogs" / "file").exists()
    assert (home / "mine" / "file").exists()


@pytest.mark.parametrize("words, said", [
    (["--older", "3"], "runs: --older needs --clean"),
    (["--clean", "--older", "x"], "'x' is no time such as 30d, 12h or 45m"),
    (["--clean", "--json"], "runs: give either --json or --clean"),
])
def test_options_that_make_no_sense_remove_nothing(home, words, said):
    ok_run("true {}", "1")
    result = fjd("fjd", "runs", *words)
    assert result.returncode == 2 and said in result.stderr
    assert len(projects(home)) == 1


# What a new run says

@pytest.fixture
def many(home, monkeypatch):
    """21 runs that are finished."""
    monkeypatch.setattr(manyruns, "BUDGET", 100.0)
    place = home / ".fjd"
    for number in range(21):
        project = Project(str(place / f"run-{number:010x}"))
        os.makedirs(project.root)
        project.make_directories()
    return place


def test_many_finished_runs_are_told(many):
    line = "There are 21 finished runs; to remove them: fjd runs --clean"
    assert manyruns.told(str(many)) == [line]
    (many / "run-0000000003" / "jobqueue" / "job1").touch()
    assert manyruns.told(str(many)) == []


def test_large_logs_are_told(many, monkeypatch):
    (many / "run-0000000003" / "joblogs" / "job1~1.log").write_text("x" * 9)
    monkeypatch.setattr(manyruns, "entry_size", lambda entry: 10**9 + 1)
    line, = manyruns.told(str(many))
    assert line == "Logs of finished runs hold over 1 GB; to remove them:" \
        " fjd runs --clean"
    assert len(f"[fjd] {line}") < 80


def test_a_slow_home_costs_no_more_time(many, monkeypatch):
    looked = []
    monkeypatch.setattr(manyruns, "BUDGET", -1.0)
    monkeypatch.setattr(manyruns.Look, "bytes_in", looked.append)
    assert "21 finished" in manyruns.told(str(many))[0]
    assert not looked


def test_without_a_home_nothing_is_told(tmp_path):
    assert manyruns.told(str(tmp_path / "nothing")) == []


@pytest.mark.parametrize("words, is_told", [([], True), (["--quiet"], False)])
def test_a_new_run_tells_it_unless_it_is_quiet(home, many, words, is_told):
    many.chmod(0o700)
    said = fjd("fjd", "run", *words, "true {}", ":::", "1").stderr
    assert ("[fjd] There are 21 finished runs; to remove them: fjd runs"
            " --clean\n" in said) == is_told
