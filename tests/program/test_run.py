"""fjd run and fjd --exe, as people type them."""
import os
import re
import signal
import subprocess
import sys
import threading
from types import SimpleNamespace

import pytest

from helpers import (
    command, finish, ledger, LONG, ok, path_without, program, run, wait_until,
)

from fjd.project import Project
from fjd.verbs import callback
from fjd.verbs.joblist import listed

HOLD = "touch begun{}; while test -e hold; do sleep 0.02; done"


def run_fjd(*arguments, stdin=subprocess.DEVNULL, data=None):
    """Status, stdout, stderr of fjd, as text."""
    how = {"input": data} if data is not None else {"stdin": stdin}
    result = subprocess.run(
        command("fjd", *arguments), stdout=subprocess.PIPE,
        stderr=subprocess.PIPE, timeout=LONG, **how)
    texts = [text.decode() for text in (result.stdout, result.stderr)]
    assert "Traceback" not in texts[1], texts[1]
    return [result.returncode] + texts


def of_jobs(said):
    """What jobs have printed to stderr."""
    return "".join(line for line in said.splitlines(True)
                   if not line.startswith("[fjd] "))


def projects(home):
    """Those that fjd run has made, the oldest first."""
    place = home / ".fjd"
    names = os.listdir(place) if place.exists() else []
    return [Project(str(place / name)) for name in sorted(names)]


def nobody_lives(project):
    """No worker is a member; the last one may be about to end."""
    return not project.pods() and wait_until(
        lambda: project.names("workers") == [])


def begin(*arguments, **how):
    """A fjd run that is at work on jobs that hold."""
    return subprocess.Popen(
        command("fjd", "run", "-j1", *arguments), stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, encoding="utf-8",
        **how)


@pytest.fixture
def hold(home):
    """Jobs like HOLD do not end before hold() is called."""
    (home / "hold").write_text("")
    yield (home / "hold").unlink
    for project in projects(home):
        ok("fjd-recruiter", "--project", project.name, "fire")


# The list

def test_each_argument_is_a_job_in_a_project_of_its_own(home):
    status, out, said = run_fjd("run", "-j2", "touch {}", ":::", "a b", "it's")
    assert (status, out) == (0, "")
    assert said.splitlines()[-1] == "[fjd] 2 done, 0 failed"
    assert (home / "a b").exists() and (home / "it's").exists()
    project, = projects(home)
    assert re.fullmatch("run-[0-9a-f]{10}", project.name)
    assert nobody_lives(project) and not project.members("dispatchers")
    assert ok("fjd", "audit", "--project", project.name)


def test_commands_come_one_a_line(home):
    data = b"echo a > a\n\n  \ncat <<EOF > b\\ b; echo $PWD\nexit 3\n"
    status, _, said = run_fjd("run", data=data)
    assert status == 3
    assert said.splitlines()[-2:] == [
        "[fjd] 2 done, 1 failed", "[fjd] To see why: fjd why 3"]
    assert "[fjd] Failed: 3: exit 3 (exit 3)" in said.splitlines()
    assert (home / "a").read_text() == "a\n" and (home / "b b").exists()


def test_arguments_come_one_a_line_where_there_is_a_command(home):
    names = ["a b", "", "é", "$HOME"]
    status, out, _ = run_fjd(
        "run", "-k", "printf '<%s>\\n' {}", data="\n".join(names).encode())
    assert (status, out) == (0, "".join(f"<{name}>\n" for name in names))


def test_a_bare_list_is_one_of_commands(home):
    assert run_fjd("run", "-k", ":::", "echo a", "echo 'b  c'")[:2] == [
        0, "a\nb  c\n"]


def test_jobs_run_where_it_was_typed(home, monkeypatch):
    (home / "x y").mkdir()
    monkeypatch.chdir(home / "x y")
    monkeypatch.setenv("PWD", str(home / "x y"))
    assert run_fjd("run", "-k", "pwd", ":::", "-L")[:2] == [
        0, f"{home}/x y\n"]


def test_a_dry_run_prints_the_commands_and_does_nothing(home):
    assert run_fjd("run", "--dry-run", "echo {} {2}", ":::", "a b", ":::", "1",
                   "2") == [0, "echo 'a b' 1 1\necho 'a b' 2 2\n", ""]
    assert not (home / ".fjd").exists()


def test_an_empty_list_is_nothing_to_do(home):
    assert run_fjd("run", "echo", ":::") == [0, "", "[fjd] Nothing to do.\n"]
    assert run_fjd("run") == [0, "", "[fjd] Nothing to do.\n"]
    assert not (home / ".fjd").exists()


def test_failed_jobs_are_status_3_and_named_to_the_quiet(home):
    assert run_fjd("run", "--quiet", "echo {}; exit {}", ":::", "0", "7") == [
        3, "7\n", "[fjd] Failed: 2: echo 7; exit 7 (exit 7): 7\n"]


@pytest.mark.parametrize("words", [
    ["echo {2}", ":::", "a"], ["a", "::::"], ["-x", "echo", ":::", "a"],
    ["echo", "::::", "no such file"], ["-a", "no such file", "echo"],
    ["echo", ":::+", "a"], ["echo '{}'", ":::", "a"],
    ["echo", "{}", "|", "cat", ":::", "a"], ["echo {..}", ":::", "a"],
    ["--colsep", "(", "echo", ":::", "a"], ["--shell", "nosuch", "a"],
    ["echo", "::::", "-", "-"], ["echo", "::::", "/"],
])
def test_wrong_usage_makes_nothing(home, words):
    status, out, said = run_fjd("run", *words)
    assert (status, out, said.count("\n")) in [(2, "", 1), (2, "", 2)]
    assert not (home / ".fjd").exists()


def test_options_of_the_command_are_its_own(home):
    assert run_fjd("run", "-k", "echo", "--quiet", "-j", "{}", ":::", "--help",
                   "-k")[:2] == [0, "--quiet -j --help\n--quiet -j -k\n"]


def test_a_job_may_run_a_list_itself(home):
    script = " ".join(command("fjd", "run", "-k", "echo inner", ":::", "a"))
    status, out, said = run_fjd("run", "-k", f"{script} 2>&1 #", ":::", "b")
    assert status == 0 and "inner a\n" in out
    assert len(projects(home)) == 2


# -k

def test_output_comes_in_order_byte_by_byte(home):
    script = r"printf '\377\0x %s' {}; test {} != 2 || exit 1"
    numbers = [str(number) for number in range(12)]
    result = subprocess.run(
        command("fjd", "run", "-kj3", script, ":::", *numbers),
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
        stderr=subprocess.PIPE)
    texts = [b"\xff\0x %d" % number for number in range(12)]
    assert result.stdout == b"".join(texts)


def test_stderr_of_jobs_goes_to_stderr(home):
    status, out, said = run_fjd("run", "-k", "echo {}; echo e{} >&2", ":::",
                                "a", "b")
    assert (status, out, of_jobs(said)) == (0, "a\nb\n", "ea\neb\n")


def test_a_line_of_a_job_that_looks_like_ours_is_its_own(home):
    """It tells who has printed it by the name that it knows."""
    looks = 'printf "[fjd-worker] %s: exit 1\\n" "$FJD_JOB"; exit'
    said = run_fjd("run", "-k", looks, ":::", "0", "3")[1]
    assert re.sub(r"list-1:\d", "JOB", said) == 2 * (
        "[fjd-worker] JOB: exit 1\n")


def test_output_comes_as_soon_as_it_is_there(home, hold):
    script = f"echo {{}}; test {{}} = 1 || ( {HOLD} )"
    process = begin("-k", script, ":::", "1", "2", "3")
    assert "1\n" in iter(process.stdout.readline, "")
    hold()
    rest = [line for line in finish(process).splitlines() if line[0] != "["]
    assert rest == ["2", "3"]


def test_head_gets_its_lines_and_workers_end(home):
    result = run(["sh", "-c", '"$@" 2>/dev/null | head -1', "sh"] + command(
        "fjd", "run", "-kj1", "test {} = 1 || sleep 0.3; echo {}", ":::", "1",
        "2", "3", "4", "5"))
    assert result.stdout == "1\n"
    wait_until(lambda: nobody_lives(projects(home)[0]))


# --resume

def test_resume_runs_what_is_new_and_what_has_failed(home):
    script = "echo {} >> runs; test {} != b || test -e good"
    assert run_fjd("run", script, ":::", "a", "b")[0] == 3
    (home / "good").write_text("")
    status, _, said = run_fjd(
        "run", "--resume", script, ":::", "c", "b", "a", "c")
    assert (status, said.splitlines()[-1]) == (0, "[fjd] 4 done, 0 failed")
    runs = (home / "runs").read_text().split()
    assert sorted(runs[:2]) == ["a", "b"]
    assert sorted(runs[2:]) == ["b", "c", "c"]
    project, = projects(home)
    ok("fjd", "audit", "--project", project.name)


def test_a_dry_run_prints_only_what_is_not_done(home):
    dry = ["run", "--dry-run", "--resume", "test {} != b", ":::"]
    assert run_fjd(*dry, "a")[1] == "test a != b\n"
    assert not (home / ".fjd").exists()
    assert run_fjd("run", "test {} != b", ":::", "a", "b")[0] == 3
    assert run_fjd(*dry, "a", "b", "c")[1] == "test b != b\ntest c != b\n"
    assert len(projects(home)) == 1


def test_resume_with_nothing_left_says_so(home):
    assert run_fjd("run", "-k", "echo", ":::", "a")[0] == 0
    assert run_fjd("run", "--resume", "-k", "echo", ":::", "a") == [
        0, "a\n", f'[fjd] Resuming project "{projects(home)[0].name}", which'
        " has 1 of 1 command(s).\n[fjd] Nothing to do.\n"
        "[fjd] 1 done, 0 failed\n"]


def test_a_new_run_has_a_new_project_and_the_latest_of_equals_goes_on(home):
    for _ in range(2):
        assert run_fjd("run", "-k", "echo", ":::", "a")[1] == "a\n"
    one, two = projects(home)
    assert two.name == one.name + "-2"
    assert run_fjd("run", "--resume", "-k", "echo", ":::", "a", "b")[:2] == [
        0, "a\nb\n"]
    assert len(two.names("done")) == 2 and len(one.names("done")) == 1


def test_another_directory_is_another_list(home, monkeypatch):
    run_fjd("run", "true", ":::", "a")
    (home / "sub").mkdir()
    monkeypatch.chdir(home / "sub")
    status, _, said = run_fjd("run", "--resume", "true", ":::", "a")
    place = os.path.realpath(os.getcwd())
    nothing = f"[fjd] No run in {place} has a job of this list: running all."
    assert status == 0 and said.startswith(f"{nothing}\n")
    assert len(projects(home)) == 2


def test_another_directory_is_another_list_also_in_one_project(
    home, monkeypatch,
):
    for name in ("one", "two"):
        (home / name).mkdir()
        monkeypatch.chdir(home / name)
        run_fjd("run", "--resume", "--project", "p", "touch", ":::", "a")
        assert (home / name / "a").exists()


def test_resume_of_nothing_without_a_list_is_wrong_usage(home):
    for words in (["echo"], []):
        status, out, said = run_fjd("run", "--resume", *words)
        assert (status, out) == (2, "")
        assert "--resume: this command was never run in " in said
    assert not (home / ".fjd").exists()


def test_in_order_prints_what_this_run_has_printed(home):
    for text in ("one", "two"):
        (home / "text").write_text(text)
        assert run_fjd("run", "-k", "--project", "p", "cat text #", ":::", "a",
                       "b")[:2] == [0, 2 * text]


def test_two_dashes_end_the_options(home):
    assert run_fjd("run", "-k", "--", "echo", "--", ":::", "a")[:2] == [
        0, "-- a\n"]


def test_a_job_that_is_held_is_left(home, hold):
    process = begin(HOLD, ":::", "a", "b")
    wait_until(lambda: (home / "beguna").exists())
    project, = projects(home)
    ok("fjd", "hold", "--all", "--project", project.name)
    hold()
    said = finish(process)
    assert process.returncode == 3
    assert said.splitlines()[-1] == (
        f"[fjd] 1 job(s) are held: fjd release --project {project.name} --all")


@pytest.mark.parametrize("words", [
    ["run", "-k", "echo", ":::", "a"],
    ["run", "--dry-run", "echo", ":::", "a"], ["results"], ["log", "job1"],
])
def test_a_closed_stdout_is_no_harm(project, put, words):
    put("job1", "#!/bin/sh\necho hello\n", mode=0o700)
    ok("fjd-recruiter", "hire", "1")
    ok("fjd-dispatcher")
    shell = ["sh", "-c", 'exec "$@" >&-', "sh"]
    result = run(shell + command("fjd", *words))
    assert result.returncode == 0
    assert "Traceback" not in result.stderr


def test_only_marks_tell_what_is_done(project):
    """The same as before, wherever it stands; and as often."""
    jobs = list(listed(["a", "b", "a"], "/"))
    assert [job.job.split("-")[0] for job in jobs] == ["1", "2", "3"]
    assert len({job.mark for job in jobs}) == 3
    grown = list(listed(["b", "x", "a", "a", "a"], "/"))
    assert {job.mark for job in jobs} < {job.mark for job in grown}
    elsewhere = list(listed(["b", "x", "a", "a", "a"], "/tmp"))
    assert {job.mark for job in jobs}.isdisjoint(j.mark for j in elsewhere)


# Signals

@pytest.mark.parametrize("number", [
    signal.SIGINT, signal.SIGTERM, signal.SIGHUP,
])
def test_a_signal_ends_jobs_and_workers_and_says_how_to_go_on(
    home, hold, number,
):
    words = [HOLD, ":::", "1", "2", "a b"]
    process = begin(*words)
    wait_until(lambda: (home / "begun1").exists())
    process.send_signal(number)
    said = finish(process)
    project, = projects(home)
    assert process.returncode == 130
    assert nobody_lives(project) and not project.members("dispatchers")
    stopped, last = said.splitlines()[-2:]
    assert stopped == "[fjd] Stopped: 3 job(s) are left."
    assert last == ("[fjd] To go on: fjd run --resume -j1 --project"
                    f" {project.name}")
    hold()
    way_on = last.split("To go on: ")[1]
    result = run(["sh", "-c", way_on])
    assert result.returncode == 0
    assert "[fjd] 3 done, 0 failed" in result.stderr.splitlines()
    assert (home / "beguna b").exists()
    ok("fjd", "audit", "--project", project.name)


def test_to_go_on_in_order_the_whole_list_is_wanted(home):
    process = begin("-k", "touch begun; sleep 60; echo", ":::", "a", "b")
    wait_until(lambda: (home / "begun").exists())
    process.send_signal(signal.SIGINT)
    assert finish(process).splitlines()[-1] == (
        "[fjd] To go on: type the same with --resume")


def test_a_second_signal_does_not_wait_and_leaves_nobody(home):
    """The only worker is stopped until that has ended."""
    process = begin("touch begun; sleep 1234 #", ":::", "a")
    wait_until(lambda: (home / "begun").exists())
    project, = projects(home)
    worker = int(project.pods()[0].rpartition("-")[2])
    os.kill(worker, signal.SIGSTOP)
    process.send_signal(signal.SIGINT)
    wait_until(lambda: project.orders())
    process.send_signal(signal.SIGINT)
    assert "job(s) are left" in finish(process)
    assert process.returncode == 130
    os.kill(worker, signal.SIGCONT)
    wait_until(lambda: nobody_lives(project))


@pytest.mark.parametrize("delay", [0.0, 0.05, 0.1, 0.15, 0.2, 0.25])
def test_a_signal_while_hiring_leaves_nobody(home, delay):
    """Wherever it comes; before the signals are caught nothing was made."""
    process = begin("sleep 1234 #", ":::", "a", "b")
    # Python loses one that comes while it looks where to import from.
    timers = [
        threading.Timer(seconds, process.send_signal, [signal.SIGINT])
        for seconds in (delay, delay + LONG / 4)
    ]
    for timer in timers:
        timer.start()
    said = finish(process)
    for timer in timers:
        timer.cancel()
    # While Python itself starts, it has its own traceback, or aborts (3.6).
    is_starting = "KeyboardInterrupt" in said and "command.py" not in said \
        or "Fatal Python error" in said
    starting = (1, -signal.SIGABRT) * is_starting
    assert process.returncode in (130, -signal.SIGINT) + starting
    for project in projects(home):
        project.make_directories()  # Perhaps it came in the midst of these.
        assert nobody_lives(project)
        assert not [name for name in project.names("screenlogs")
                    if name.endswith(".err")]


def test_who_is_killed_is_followed_by_a_next_one(home, hold):
    words = [f"echo {{}} >> runs; {HOLD}", ":::", "a", "b", "c"]
    process = begin(*words)
    wait_until(lambda: (home / "beguna").exists())
    process.kill()
    process.communicate()
    hold()
    assert run_fjd("run", "--resume", "-j1", *words)[0] == 0
    assert (home / "runs").read_text() == "a\nb\nc\n"
    project, = projects(home)
    assert nobody_lives(project)
    ok("fjd", "audit", "--project", project.name)


def test_workers_of_a_killed_one_are_fired_even_if_nothing_is_left(
    home, hold,
):
    process = begin(HOLD, ":::", "a")
    wait_until(lambda: (home / "beguna").exists())
    process.kill()
    process.communicate()
    hold()
    project, = projects(home)
    wait_until(lambda: project.names("done"))
    assert run_fjd("run", "--resume", HOLD, ":::", "a") == [
        0, "", f'[fjd] Resuming project "{project.name}", which has 1 of 1'
        " command(s).\n[fjd] Nothing to do.\n"
        f'[fjd] Started on project "{project.name}"\n'
        "[fjd] No (more) jobs.\n[fjd] 1 done, 0 failed\n"]
    assert nobody_lives(project)


def test_while_one_is_active_a_second_one_is_told(home, hold):
    process = begin(HOLD, ":::", "a")
    wait_until(lambda: (home / "beguna").exists())
    status, _, said = run_fjd("run", "--resume", HOLD, ":::", "a", "b")
    assert status == 75 and " is active in project " in said
    hold()
    assert "1 done, 0 failed" in finish(process)


# A project of others

def test_a_named_project_keeps_what_is_in_it(home, project, put):
    put("theirs", "[control]\nexecutable: touch theirs #\n")
    status, _, said = run_fjd(
        "run", "--project", "default", "touch", ":::", "mine")
    assert (status, said.splitlines()[-1]) == (0, "[fjd] 2 done, 0 failed")
    assert (home / "theirs").exists() and (home / "mine").exists()


def test_workers_of_a_named_project_are_not_made_fewer(home, project):
    ok("fjd-recruiter", "--session", "process", "hire", "2")
    before = project.names("workers")
    assert run_fjd("--project", "default", "run", "sleep", ":::", "0")[0] == 0
    assert {row["worker"] for row in ledger(project)} <= set(before)


def test_project_of_the_environment_is_not_meant(home, monkeypatch):
    monkeypatch.setenv("FJD_PROJECT", "theirs")
    assert run_fjd("run", "true", ":::", "a")[0] == 0
    assert [project.name[:4] for project in projects(home)] == ["run-"]


# fjd --exe

def test_the_example_of_2013_makes_its_files(home):
    assert run_fjd("--exe", "touch bla$1.txt", "--parameters", "1,2,3")[0] == 0
    assert sorted(name for name in os.listdir(home) if name[0] != ".") == [
        "bla1.txt", "bla2.txt", "bla3.txt"]


@pytest.mark.parametrize("arguments, files", [
    (["--exe", "touch", "--parameters", "x y"], ["x y"]),
    (["--exe", "touch $2 $1", "--parameters", "a#b,c#d"], list("abcd")),
    (["--exe", "mktemp x.XXX", "--repeat", "3", "2"], ["x."] * 3),
    (["2", "--exe=mktemp x.XXX", "--repeat", "2", "--parameters", ""],
     []),
    (["--repeat", "2", "--exe", "mktemp x.XXX"], ["x."] * 2),
    (["--exe", "mktemp x.XXX", "--instances", "2"], ["x."] * 2),
    (["--exe", "touch a$1", "--parameters", "1, 2,\t3 "], ["a1", "a2", "a3"]),
    (["--exe", "touch $1 $2", "--parameters", " a#b , c"], ["a", "b", "c"]),
])
def test_older_scripts_find_what_they_had(home, arguments, files):
    status = run_fjd(*arguments)[0]
    found = [name for name in os.listdir(home) if name[0] != "."]
    assert status == (0 if files else 3)
    assert sorted(name if name[:2] != "x." else "x." for name in found) \
        == sorted(files)


@pytest.mark.needs("bash")
@pytest.mark.parametrize("command", [
    "touch {a..c}$1",
    "for x in a b c; do [[ $x != $1 ]] && touch ${x^^}; done",
])
def test_bash_runs_them(home, command):
    assert run_fjd("--exe", command, "--parameters", "1")[0] == 0
    found = sorted(name for name in os.listdir(home) if name[0] != ".")
    assert "".join(found) in ("a1b1c1", "ABC")


def test_where_there_is_no_bash_sh_runs_them(home, tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", path_without(
        "bash", directory=tmp_path / "path"))
    assert run_fjd("--exe", "test -z \"$BASH\" && touch $1", "--parameters",
                   "a")[0] == 0
    assert (home / "a").exists()


@pytest.fixture
def node2(tmp_path, monkeypatch):
    """A host that is called by ssh; it cannot be had, and notes each call."""
    program(tmp_path / "ssh", f"echo >>'{tmp_path}/calls'\n"
            "echo no route >&2; exit 255")
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    (tmp_path / "calls").touch()
    return lambda: (tmp_path / "calls").read_text()


@pytest.mark.parametrize("arguments, is_called", [
    ([], True), (["1"], False), (["--session", "process"], True)])
def test_a_named_project_hires_by_its_remote_conf(
    home, project, node2, arguments, is_called,
):
    with open(project.path("remote.conf"), "w") as file:
        file.write("[a]\nname: localhost\nworkers: 2\nsession: process\n"
                   "[b]\nname: node2\nworkers: 1\n")
    status, _, said = run_fjd(
        "--project", "default", "--exe", "sleep $1", "--parameters", "0,0",
        *arguments)
    assert status == 0
    assert bool(node2()) == ("host node2: no route" in said) == is_called
    assert "[fjd] 2 done, 0 failed" in said
    logs = [n for n in project.names("screenlogs") if n.endswith(".log")]
    assert len(logs) == (2 if is_called else 1)


def test_other_lists_are_run_here(home, project, node2):
    with open(project.path("remote.conf"), "w") as file:
        file.write("[b]\nname: node2\nworkers: 1\n")
    assert run_fjd("--project", "default", "run", "true", ":::", "a")[0] == 0
    assert run_fjd("--exe", "true")[0] == 0
    assert node2() == ""


@pytest.mark.parametrize("words", [
    ["-S", "localhost:2"], ["-j2", "-S", ":"],
    ["--project", "default", "-S", "conf"]])
def test_hosts_that_are_all_here_need_no_ssh(
    home, project, tmp_path, monkeypatch, words,
):
    with open(project.path("remote.conf"), "w") as file:
        file.write("[a]\nname: localhost\nworkers: 2\nsession: process\n")
    monkeypatch.setenv("PATH", path_without("ssh", directory=tmp_path / "bin"))
    status, out, said = run_fjd(
        "run", *words, "-k", "echo {}", ":::", "a", "b")
    assert (status, out) == (0, "a\nb\n")
    assert said.endswith("[fjd] 2 done, 0 failed\n")


def test_hosts_that_were_not_hired_are_named_at_the_end(home, project, node2):
    """What is left can be run on them later."""
    status, out, said = run_fjd(
        "run", "--quiet", "-S", "node2:1,localhost:1", "echo", ":::", "a")
    assert (status, out) == (3, "")
    assert said == ("[fjd] host node2: no route\n"
                    "[fjd] Not hired: host node2: no route\n")
    assert node2()
    status, out, said = run_fjd("run", "-S", "node2:1", "echo", ":::", "b")
    name = projects(home)[-1].name
    assert (status, out) == (3, "")
    assert said.splitlines()[-2:] == [
        f"[fjd] To go on: fjd run --resume -S node2:1 --project {name}",
        "fjd: error: there are jobs, and nobody could be hired"]
    status, out, said = run_fjd(
        "run", "--resume", "-S", ":", "--project", name)
    assert (status, out) == (0, "b\n")


def test_callback_knows_the_counts(home):
    status = run_fjd(
        "--exe", "test $1 = 1", "--parameters", "1,2,1", "--callback",
        "echo $FJD_DONE $FJD_FAILED $FJD_PROJECT > counts")[0]
    assert status == 3
    project, = projects(home)
    assert (home / "counts").read_text() == f"2 1 {project.name}\n"


def test_no_signal_is_blocked_in_a_callback(monkeypatch):
    """While fjd waits, some are.  (Some shells would unblock them.)"""
    blocked = []

    def call(*words, **how):
        blocked.append(signal.pthread_sigmask(signal.SIG_BLOCK, []))
        return 0

    monkeypatch.setattr(callback.subprocess, "call", call)
    signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGUSR2])
    callback.call_back("true", "p", SimpleNamespace(done=1, number_failed=0))
    assert blocked == [set()]


def test_callback_that_fails_is_told(home):
    status, _, said = run_fjd("--exe", "true", "--callback", "exit 7")[:3]
    assert status == 1
    assert said.splitlines()[-1] == (
        "fjd: error: the callback has failed: exit 7")


def test_curdir_is_where_they_run(home):
    (home / "x y").mkdir()
    assert run_fjd("--exe", "touch a", "--curdir", "x y")[0] == 0
    assert (home / "x y" / "a").exists()
    assert run_fjd("--exe", "touch a", "--curdir", "no")[0] == 2


def test_words_of_a_verb_are_not_taken_for_the_older_form(home):
    assert run_fjd("run", "-k", "echo", "--exe", "{}", ":::", "a")[1] == (
        "--exe a\n")


# Speed

def test_modules_that_are_not_needed_are_not_imported():
    """fjd --help should not wait for what only fjd run needs."""
    script = (
        "import os, sys, runpy; sys.argv = ['fjd', '--version']\n"
        "os._exit = sys.exit\n"
        "try: runpy.run_path(%r, run_name='__main__')\n"
        "except SystemExit: pass\n"
        "print(*sys.modules)" % command("fjd")[1]
    )
    loaded = set(run([sys.executable, "-c", script]).stdout.split())
    assert "fjd.command" in loaded
    assert not loaded & {
        "fjd.roles.dispatcher", "fjd.verbs.run", "tqdm", "hashlib",
        "concurrent.futures", "logging", "socket", "sh"}
