"""What workers and their jobs have of who hired them, and what not."""
import os
import select
import subprocess

import pytest

from helpers import command, finish, fjd, log_of, LONG, ok, path_without, \
    PIPE, wait_until
from needs import SESSIONS

pytestmark = pytest.mark.slow

FUNCTION = {"BASH_FUNC_g%%": "() {  echo this is g\n}"}
ODD = {"MY.VAR": "a 'b'\n", "MY-VAR": "", "1": "one", "é%": "x=y"}


@pytest.fixture(autouse=True)
def nobody_is_left(project):
    yield
    fjd("fjd-recruiter", "fire")


@pytest.fixture
def odd(monkeypatch):
    """Variables whose names are no shell's: env(1) and bash(1) export such."""
    for name, value in {**FUNCTION, **ODD}.items():
        monkeypatch.setenv(name, value)


def printed(project, job):
    return dict(line.split("=", 1) for line in
                log_of(project, job).split("\0")[:-1])


def run_jobs(put):
    """What needs bash, and what prints the environment; both are direct."""
    put("job1", "[control]\nexecutable: bash -c g\nargument: no\n")
    put("job2", "[control]\nexecutable: env -0\nargument: no\n")
    return ok("fjd-dispatcher")


@pytest.mark.needs("bash")
@pytest.mark.parametrize("kind", SESSIONS)
def test_functions_and_names_that_no_shell_has_reach_jobs(
    project, put, odd, kind,
):
    ok("fjd-recruiter", "--session", kind, "hire", "1")
    assert "[fjd-dispatcher] 2 done, 0 failed" in run_jobs(put)
    assert log_of(project, "job1") == "this is g\n"
    assert ODD.items() <= printed(project, "job2").items()


@pytest.mark.needs("bash")
def test_they_reach_those_of_fjd_run_and_of_hiring_dispatchers(
    project, put, odd,
):
    for name, words in [("fjd", ("run", "-k")), ("fjd", ("run", "-kj2"))]:
        assert fjd(name, *words, "bash -c g", ":::", "a").stdout \
            == "this is g\n"
    put("job1", "[control]\nexecutable: bash -c g\nargument: no\n")
    assert ok("fjd-dispatcher", "--hire", "--quiet") == []
    assert log_of(project, "job1") == "this is g\n"


@pytest.mark.needs("bash")
@pytest.mark.parametrize("shells", [("bash",), ()])
def test_setup_in_between_drops_none_of_them(
    project, put, odd, tmp_path, monkeypatch, shells,
):
    """What runs it is bash, or where there is none, sh."""
    with open(project.path("setup.sh"), "w") as file:
        file.write("mine=set; export mine\n")
    bash = os.path.realpath("/bin/bash")
    if not shells:
        monkeypatch.setenv("PATH", path_without(
            "bash", directory=tmp_path / "path"))
    ok("fjd-recruiter", "--session", "process", "hire", "1")
    put("job1", f"[control]\nexecutable: {bash} -c g\nargument: no\n")
    put("job2", "[control]\nexecutable: env -0\nargument: no\n")
    assert "[fjd-dispatcher] 2 done, 0 failed" in ok("fjd-dispatcher")
    assert log_of(project, "job1") == "this is g\n"
    found = printed(project, "job2")
    assert found["mine"] == "set" and ODD.items() <= found.items()


# Descriptors

def reads_to_the_end(*words):
    """What is behind a pipe ends when the command does; its status."""
    ours, theirs = os.pipe()
    os.set_inheritable(theirs, True)
    process = subprocess.Popen(
        words, pass_fds=[theirs], stdout=PIPE, stderr=subprocess.STDOUT)
    os.close(theirs)
    finish(process)
    is_over = select.select([ours], [], [], LONG)[0]
    os.close(ours)
    assert is_over, "somebody has it open"
    return process.returncode


@pytest.mark.parametrize("kind", SESSIONS)
def test_no_descriptor_is_kept_open_by_workers(project, kind):
    """As of $(fjd-recruiter hire 1 3>&1)."""
    hire = command("fjd-recruiter", "--session", kind, "hire", "1")
    assert reads_to_the_end(*hire) == 0
    assert len(project.pods()) == 1


@pytest.mark.needs("flock", "a terminal")
@pytest.mark.parametrize("kind", SESSIONS)
def test_lock_of_a_pass_is_free_when_that_has_ended(project, put, kind):
    """As in a crontab: flock -n lock fjd-dispatcher --hire --quiet --once."""
    with open(project.path("remote.conf"), "w") as file:
        file.write("[here]\nname: localhost\nworkers: 1\n"
                   f"session: {kind}\n")
    put("job1", "[control]\nexecutable: sleep 1234 #\n")
    wanted = ["flock", "-n", "lock"] + command(
        "fjd-dispatcher", "--hire", "--quiet", "--once")
    for _ in range(2):
        assert subprocess.call(wanted, timeout=LONG) == 0
    wait_until(project.running)
