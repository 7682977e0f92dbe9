"""What cron starts: --once and --hire, quietly."""
import os
import re
import signal
import subprocess
import sys

import pytest

from helpers import (
    copy_of_project, finish, fjd, jobs_in, ledger, LONG, ok, path_without,
    start, wait_until,
)

from needs import SESSIONS

from fjd.handover import recall
from fjd.members import HIRING, read_member

TRUE = "[control]\nexecutable: true\n"
FALSE = "[control]\nexecutable: false\n"
LASTING = "[control]\nexecutable: sh -c 'while test -e hold; do :; done' #\n"
FAILING = LASTING.replace("done'", "done; false'")


@pytest.fixture(autouse=True)
def nobody_is_left(project):
    yield
    fjd("fjd-recruiter", "fire")


@pytest.fixture
def bare(tmp_path, monkeypatch):
    """No session but processes; cron knows HOME and a tiny PATH."""
    path = path_without("screen", "tmux", "ssh", directory=tmp_path / "bin")
    for name in set(os.environ) - {"HOME"}:
        monkeypatch.delenv(name)
    monkeypatch.setenv("PATH", path)


def cron(*options):
    """The lines, and the status, of what a crontab has."""
    result = fjd("fjd-dispatcher", "--quiet", *options)
    assert result.stderr == ""
    return result.stdout.splitlines(), result.returncode


def is_active(project):
    """Whether a dispatcher is, which hires."""
    records = [project.record("dispatchers", member)
               for member in project.members("dispatchers")]
    return any(r and "session: hiring\n" in r[1] for r in records)


def log_path(project, name):
    found = [log for log in os.listdir(project.path("joblogs"))
             if log.startswith(name)]
    return project.path("joblogs", found[0])


@pytest.mark.parametrize("options", [["--hire"], ["--once", "--hire"],
                                     ["--once"]])
def test_where_nothing_is_to_do_nothing_is_said(project, bare, options):
    assert cron(*options) == ([], 0)
    assert project.names("dispatchers") == project.names("workers") == []


def test_workers_that_have_nothing_to_do_are_not_fired(project, bare):
    ok("fjd-recruiter", "hire", "1")
    before = project.names("workers")
    assert cron("--hire") == cron("--once") == ([], 0)
    assert project.names("workers") == before != []


def test_whatever_was_put_is_run(project, put, bare):
    for name in ("a", "b"):
        put(name, TRUE)
    put("c", FALSE)
    lines, status = cron("--hire")
    log = log_path(project, "c~")
    assert lines == [
        f"[fjd-dispatcher] Failed: c (exit 1), see '{log}'",
    ]
    assert status == 3
    assert jobs_in(project, "done") == ["a", "b"]
    assert project.names("jobpods") == []
    wait_until(lambda: project.names("workers") == [])
    put("d", TRUE)
    assert cron("--hire") == ([], 0)  # c has been told.


@pytest.mark.parametrize("options", [["--hire"], ["--hire", "--once"]])
@pytest.mark.parametrize("text", [
    "[a]\nname: node1\nworkers: many\n", "name: node1\n",
])
def test_what_the_recruiter_cannot_understand_ends_with_its_exit_code(
    project, put, bare, options, text,
):
    put("a", TRUE)
    with open(project.path("remote.conf"), "w") as file:
        file.write(text)
    result = fjd("fjd-dispatcher", "--quiet", *options)
    assert (result.returncode, result.stdout) == (78, "")
    why, error = result.stderr.splitlines()
    assert why.startswith("fjd-recruiter: error: ")
    assert "/remote.conf: " in why
    assert error.startswith("fjd-dispatcher: error: there are jobs, and")
    assert project.waiting() == ["a"]


def test_a_pass_hires_only_if_asked_and_never_fires(project, put, bare):
    put("a", TRUE)
    assert cron("--once") == ([], 0)
    assert project.names("workers") == []
    assert cron("--once", "--hire") == ([], 0)
    wait_until(lambda: jobs_in(project, "done") == ["a"])
    assert len(project.names("workers")) >= 1


def test_a_pass_tells_once_what_failed_since_the_last(
    project, put, bare, home,
):
    ok("fjd-recruiter", "hire", "1")
    (home / "hold").touch()
    put("a", FAILING)
    assert cron("--once") == ([], 0)
    (home / "hold").unlink()
    wait_until(lambda: jobs_in(project, "failed") == ["a"])
    lines, status = cron("--once")
    assert len(lines) == 1 and "Failed: a (exit 1)" in lines[0]
    assert status == 3
    assert cron("--once") == ([], 0)


def test_what_failed_between_two_dispatchers_is_told(
    project, put, bare, home,
):
    ok("fjd-recruiter", "hire", "1")
    (home / "hold").touch()
    put("a", FAILING)
    put("b", TRUE)
    cron("--once")
    (home / "hold").unlink()
    wait_until(lambda: jobs_in(project, "failed") == ["a"])
    told = fjd("fjd-dispatcher")
    assert "[fjd-dispatcher] 1 done, 1 failed: a (exit 1)" in told.stdout
    assert told.returncode == 3
    assert recall(project).ledgers
    assert ok("fjd-dispatcher")[-1] == "[fjd-dispatcher] 0 done, 0 failed"


@pytest.fixture
def active(project, put, bare, home):
    """A dispatcher that hires, in the middle of a job."""
    hold = home / "hold"
    hold.touch()
    put("a", LASTING)
    dispatcher = start("fjd-dispatcher", "--hire")
    wait_until(project.running)
    yield dispatcher
    if hold.exists():
        hold.unlink()
    finish(dispatcher)


def test_beside_another_dispatcher_it_leaves_silently(project, active):
    before = project.names("workers")
    for options in (["--hire"], ["--once"], ["--once", "--hire"]):
        assert cron(*options) == ([], 0)
    assert project.names("workers") == before


def test_fire_says_that_somebody_will_hire_again(project, active, home):
    name, = project.members("dispatchers")
    assert read_member(project, "dispatchers", name).session == HIRING
    assert ok("fjd-recruiter", "fire")[-1] == (
        f"[fjd-recruiter] Dispatcher {name} is active with --hire, and will"
        " hire again: end it first."
    )
    (home / "hold").unlink()
    active.terminate()


@pytest.mark.slow
def test_it_hires_again_when_all_workers_have_died(
    project, put, bare, home,
):
    (home / "hold").touch()
    put("a", LASTING)
    dispatcher = start("fjd-dispatcher", "--hire")
    wait_until(project.running)
    ok("fjd-recruiter", "fire")
    wait_until(project.running)
    (home / "hold").unlink()
    lines = finish(dispatcher).splitlines()
    assert lines[-1] == "[fjd-dispatcher] 1 done, 0 failed"
    assert len([line for line in lines if "] Hired " in line]) >= 2
    assert {row["event"] for row in ledger(project)} == {"done", "given-back"}


@pytest.fixture
def clone(tmp_path):
    return copy_of_project(tmp_path / "clone")


def update(clone):
    """Functions get other names, in the modules and in the scripts."""
    for path in [*clone.glob("fjd/**/*.py"), *clone.glob("bin/*")]:
        text = path.read_text()
        path.write_text(re.sub(
            r"\b(beside|cpus|open_project)\(", r"new_\1(", text))


def begin(clone, name, *arguments):
    program = str(clone / "bin" / name)
    return subprocess.Popen([sys.executable, program, *arguments])


def end(dispatcher, number=signal.SIGINT):
    dispatcher.send_signal(number)
    return dispatcher.wait(LONG)


def test_a_dispatcher_hires_after_an_update_as_before(
    project, put, bare, clone,
):
    dispatcher = begin(clone, "fjd-dispatcher", "--keep-running", "--hire")
    wait_until(lambda: is_active(project))
    update(clone)
    put("a", TRUE)
    wait_until(lambda: jobs_in(project, "done") == ["a"])
    assert end(dispatcher) == 130


@pytest.mark.slow
def test_a_list_is_hired_for_after_an_update_as_before(
    project, bare, clone, home,
):
    (home / "hold").touch()
    run = begin(clone, "fjd", "run", "--project", "default", "-j1", ":::",
                "while test -e hold; do :; done; true")
    wait_until(project.running)
    update(clone)
    ok("fjd-recruiter", "fire")
    wait_until(project.running)
    (home / "hold").unlink()
    assert run.wait(LONG) == 0


def test_who_has_hired_nobody_says_so(project, put, bare):
    put("a", TRUE)
    with open(project.path("remote.conf"), "w") as file:
        file.write("[a]\nname: localhost\nworkers: 0\n")
    result = fjd("fjd-dispatcher", "--hire", "--quiet")
    assert (result.returncode, result.stdout) == (3, "")
    assert result.stderr == (
        "fjd-dispatcher: error: there are jobs, and nobody could be hired\n")


def test_who_cannot_hire_anybody_says_so_and_loses_nothing(
    project, put, bare,
):
    put("a", TRUE)
    with open(project.path("remote.conf"), "w") as file:
        file.write("[a]\nname: localhost\nworkers: none\n")
    result = fjd("fjd-dispatcher", "--hire", "--quiet")
    assert result.returncode == 78
    assert result.stdout == ""
    assert result.stderr.splitlines() == [
        f"fjd-recruiter: error: {project.root}/remote.conf: [a] workers:"
        " 'none' is neither a number from 0 to 1000 nor auto",
        "fjd-dispatcher: error: there are jobs, and nobody could be hired",
    ]
    assert project.waiting() == ["a"]


def test_a_pass_gives_a_worker_enough_for_a_while(project, put, bare):
    """The next one may be a minute away."""
    ok("fjd-recruiter", "hire", "1")
    for number in range(9):
        put(f"job{number}", TRUE)
    cron("--once")
    wait_until(lambda: len(project.names("done")) == 9)


def test_workers_here_come_after_setup_sh_too(project, put, bare, home):
    with open(project.path("setup.sh"), "w") as file:
        file.write("export MINE=yes; cd /\n")
    put("a", "#!/bin/sh\npwd > where; echo $MINE > mine\n", 0o700)
    ok("fjd-recruiter", "hire", "1")
    cron("--once")
    wait_until(lambda: jobs_in(project, "done") == ["a"])
    assert (home / "mine").read_text() == "yes\n"
    assert (home / "where").read_text() == f"{home.resolve()}\n"


def test_setup_sh_that_fails_is_told(project, bare):
    with open(project.path("setup.sh"), "w") as file:
        file.write("module load nosuch\n")
    result = fjd("fjd-recruiter", "hire", "1")
    assert result.returncode == 3
    assert "module: command not found" in result.stderr


@pytest.mark.parametrize("kind", SESSIONS)
def test_setup_sh_that_ends_without_a_word_is_told_at_once(project, kind):
    check_setup(project, kind, "exit 5", 5)


@pytest.mark.parametrize("text, status", [
    ("false", 1), ("cd /nowhere 2>/dev/null", 1), ("fi", 2),
])
def test_however_setup_sh_ends_it_is_told_at_once(project, text, status):
    check_setup(project, "process", text, status)


def check_setup(project, kind, text, status):
    """Not after half a minute that there was no answer."""
    with open(project.path("setup.sh"), "w") as file:
        file.write(text + "\n")
    result = fjd("fjd-recruiter", "--session", kind, "hire", "1")
    assert result.returncode == 3
    assert "setup.sh" in result.stderr
    assert status == 2 or result.stderr.endswith(
        f"/setup.sh ended with status {status}\n")


def test_worker_that_nobody_waits_for_any_more_leaves(project, home):
    """setup.sh goes on when hire has been interrupted."""
    with open(project.path("setup.sh"), "w") as file:
        file.write("touch begun; while test -e hold; do sleep 0.02; done\n"
                   "touch ended\n")
    (home / "hold").touch()
    hire = start("fjd-recruiter", "--session", "process", "hire", "1")
    wait_until((home / "begun").exists)
    hire.send_signal(signal.SIGINT)
    finish(hire)
    assert ok("fjd-recruiter", "fire")
    (home / "hold").unlink()
    wait_until((home / "ended").exists)
    assert ok("fjd-recruiter", "--session", "process", "hire", "1") \
        == ['[fjd-recruiter] Hired 1 worker in project "default".']
    assert len(project.pods()) == 1


def test_interrupted_hire_says_what_it_has_started(project, home):
    """Its setup.sh takes a while, for one of the two."""
    with open(project.path("setup.sh"), "w") as file:
        file.write("mkdir first 2>/dev/null || { touch second; while test -e"
                   " hold; do sleep 0.02; done; }\n")
    (home / "hold").touch()
    hire = start("fjd-recruiter", "--session", "process", "hire", "2")
    wait_until(lambda: (home / "second").exists() and project.pods())
    hire.send_signal(signal.SIGINT)
    said = finish(hire)
    (home / "hold").unlink()
    assert said == "[fjd-recruiter] Stopped. Started here: 2 workers. To" \
        " end them: fjd-recruiter --project default fire\n"
    assert hire.returncode == 128 + signal.SIGINT
    assert len(project.pods()) == 1


def test_workers_of_a_dispatcher_that_was_killed_are_fired(
    project, put, bare, home,
):
    """By the next one that cron starts, though no job is left."""
    put("a", "#!/bin/sh\nwhile test -e hold; do sleep 0.02; done\n", 0o700)
    (home / "hold").touch()
    dispatcher = start("fjd-dispatcher", "--hire")
    wait_until(project.running)
    wait_until(lambda: recall(project).has_hired)
    dispatcher.kill()
    finish(dispatcher)
    (home / "hold").unlink()
    wait_until(lambda: jobs_in(project, "done") == ["a"])
    assert project.names("workers") != []
    assert cron("--hire") == ([], 0)
    assert project.pods() == []
    wait_until(lambda: project.names("workers") == [])
    assert not recall(project).has_hired
