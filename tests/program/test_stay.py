"""hire --stay: the workers of somebody's own batch job."""
import os
import signal

import pytest

from helpers import finish, fjd, jobs_in, ledger, ok, start, wait_until
from needs import SESSIONS

from fjd.members import read_member
from fjd.proc import is_alive

LEFT = "[fjd-recruiter] The workers have left."


def told(number):
    workers = "1 worker" if number == 1 else f"{number} workers"
    return f'[fjd-recruiter] Hired {workers} in project "default"; staying' \
        " until they leave."


@pytest.fixture(autouse=True)
def nobody_is_left(project):
    yield
    fjd("fjd-recruiter", "fire")


def members(project):
    found = {name: read_member(project, "workers", name)
             for name in project.names("workers")}
    return {name: found[name] for name in found if found[name].identity.pid}


def pids(project):
    return [member.identity.pid for member in members(project).values()]


def starting(project):
    return [name for name in project.names("screenlogs")
            if name.endswith(".err")]


@pytest.fixture
def stay(project):
    """stay(N, option ...): hire --stay N whose workers have all come up."""
    begun = []

    def stay(number, *options):
        before = len(members(project))
        process = start("fjd-recruiter", "hire", "--stay", str(number),
                        *options)
        begun.append(process)
        wait_until(lambda: len(members(project)) == before + number
                   and not starting(project))
        return process
    yield stay
    for process in begun:
        if process.poll() is None:
            process.kill()
            finish(process)


@pytest.mark.parametrize("kind", SESSIONS)
def test_it_ends_when_the_workers_are_fired(project, stay, kind):
    process = stay(2, "--session", kind)
    sessions = [member.session for member in members(project).values()]
    assert {session.split(" ")[0] for session in sessions} == {"stay"}
    assert len(set(sessions)) == 2
    ok("fjd-recruiter", "fire")
    assert finish(process).splitlines() == [told(2), LEFT]
    assert process.returncode == 0


@pytest.mark.parametrize("kind", SESSIONS)
@pytest.mark.parametrize("number", [
    signal.SIGTERM, signal.SIGHUP, signal.SIGINT,
])
def test_a_signal_is_passed_on_and_jobs_are_given_back(
    project, put, stay, number, kind,
):
    if kind != "process" and number != signal.SIGTERM:
        pytest.skip("they have one way to end a session")
    process = stay(1, "--session", kind)
    put("job1", "[control]\nexecutable: exec sleep 1234 #\n")
    dispatcher = start("fjd-dispatcher", "--keep-running")
    wait_until(lambda: len(project.running()) == 1)
    pid, = pids(project)
    dispatcher.terminate()
    finish(dispatcher)
    process.send_signal(number)
    assert finish(process).splitlines() == [told(1), LEFT]
    assert process.returncode == 0
    wait_until(lambda: not is_alive(pid))
    assert project.waiting("jobqueue") and not project.running()
    assert [row["event"] for row in ledger(project)] == ["given-back"]


def test_jobs_are_run_and_the_dispatcher_lets_it_end(project, put, stay):
    process = stay(2)
    for number in range(5):
        put(f"job{number}", "[control]\nexecutable: true\n")
    ok("fjd-dispatcher")
    assert finish(process).splitlines()[-1] == LEFT
    assert process.returncode == 0
    assert len(jobs_in(project, "done")) == 5


def test_it_ends_when_its_workers_are_killed(project, stay):
    process = stay(2)
    for pid in pids(project):
        os.kill(pid, signal.SIGKILL)
    assert finish(process).splitlines()[-1] == LEFT
    assert process.returncode == 0


def test_a_worker_that_is_stopped_leaves_too(project, stay):
    process = stay(1)
    pid, = pids(project)
    os.kill(pid, signal.SIGSTOP)
    process.terminate()
    finish(process)
    assert process.returncode == 0 and not members(project)


def test_two_on_one_host_do_not_count_each_other(project, stay):
    first = stay(2)
    mine = set(members(project))
    second = stay(2)
    assert len(members(project)) == 4
    second.terminate()
    finish(second)
    assert set(members(project)) == mine and first.poll() is None
    first.terminate()
    finish(first)
    assert (first.returncode, members(project)) == (0, {})


def test_a_worker_that_does_not_come_up_is_told(project):
    with open(project.path("setup.sh"), "w") as file:
        file.write("echo no module gcc >&2\nexit 7\n")
    result = fjd("fjd-recruiter", "hire", "--stay", "1")
    assert result.returncode == 3
    assert "did not come up: no module gcc" in result.stderr
    assert result.stdout.splitlines() == [LEFT]
    assert not starting(project)


def test_a_signal_while_they_come_up_ends_setup_too(project, home):
    with open(project.path("setup.sh"), "w") as file:
        file.write(f"sleep 1234 &\necho $! >'{home}/pid'\nwait\n")
    process = start("fjd-recruiter", "hire", "--stay", "1")
    wait_until(lambda: (home / "pid").read_text().endswith("\n"))
    process.terminate()
    assert finish(process, 20).splitlines() == [LEFT]
    assert process.returncode == 0
    wait_until(lambda: not is_alive(int((home / "pid").read_text())))


@pytest.mark.parametrize("words, why", [
    (["--stay"], "expected one argument"),
    (["--stay", "0"], "'0' is no number from 1 to 1000"),
    (["--stay", "1001"], "'1001' is no number from 1 to 1000"),
    (["--stay", "auto"], "'auto' is no number from 1 to 1000"),
    (["--stay", "node2:2"], "'node2:2' is no number from 1 to 1000"),
    (["--stay", "2", "node2"], "no host belongs beside it (node2)"),
    (["--stay", "2", "3"], "no host belongs beside it (3)"),
])
def test_what_it_cannot_do_is_refused(words, why, project):
    result = fjd("fjd-recruiter", "hire", *words)
    assert result.returncode == 2
    assert why in result.stderr and result.stderr.count("\n") == 1
    assert not project.names("screenlogs") + project.names("workers")
