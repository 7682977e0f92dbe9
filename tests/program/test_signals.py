"""Signals that reach a worker and its job in the same moment, as at logout,
shutdown, and the end of a batch job; and jobs that signal their workers.
"""
import os
import shlex
import signal
import sys
import time

import pytest

from helpers import (
    command, finish, fjd, jobs_in, ledger, ok, run, start, wait_until,
)

from fjd.names import Attempt, Stamps, new_token
from fjd.proc import stat_of
from fjd.project import Project

slow = pytest.mark.slow
JOBS = {
    "sleep": "echo $$ > pid; exec sleep 1234 #",
    "trap": "trap 'exit 0' TERM; echo $$ > pid;"
            " while :; do sleep 0.01; done #",
    "handler": f"exec {shlex.quote(sys.executable)} -c " + shlex.quote(
        "import os, signal, sys, time;"
        " signal.signal(signal.SIGTERM, lambda *_: sys.exit(0));"
        " print(os.getpid(), file=open('pid', 'w'), flush=True);"
        # Not one long sleep, before which a signal may come unseen.
        " any(time.sleep(0.01) for _ in iter(int, 1))") + " #",
}
QUICK = JOBS["handler"].replace("sys.exit", "os._exit")
DELAY = 0.2  # seconds
IN_TIME = 0.28  # for a worker that waits 0.3 seconds


@pytest.fixture
def begun(project, put, home):
    """begun(name): a worker that runs that job, and the pid of the job."""
    stamps = Stamps(new_token(time.time()))

    def begun(name):
        put("job1", f"[control]\nexecutable: {JOBS.get(name, QUICK)}\n")
        worker = start("fjd-worker", "--interval", "0.05")
        member, = wait_until(project.pods)
        attempt = Attempt("job1", 1, stamps.new())
        assert project.assign("job1", member, attempt)
        wait_until(lambda: (home / "pid").read_text().endswith("\n"))
        return worker, int((home / "pid").read_text())
    return begun


@pytest.fixture
def lines(project, home):
    """lines(worker): the events and places of its job, once it has left;
    nothing of that is left.
    """
    def lines(worker):
        finish(worker)
        assert worker.returncode == 0
        found = [row["event"] for row in ledger(project)]
        waiting = [Attempt.parse(name).n for name in project.waiting()]
        ended = jobs_in(project, "done") + jobs_in(project, "failed")
        assert len(waiting + ended) == 1 and project.running() == []
        files = [project.path("jobqueue", n) for n in project.waiting()]
        for place in ("done", "failed"):
            files += [project.path(place, n) for n in project.names(place)]
        for path in files + project.ledger_files() + [str(home / "pid")]:
            os.unlink(path)
        return found, waiting
    return lines


@pytest.mark.parametrize("times", [2, pytest.param(20, marks=slow)])
@pytest.mark.parametrize("name", JOBS)
def test_job_that_ended_by_the_same_signal_as_its_worker_waits_again(
    begun, lines, name, times,
):
    for _ in range(times):
        worker, job = begun(name)
        worker.send_signal(signal.SIGSTOP)
        wait_until(lambda: stat_of(worker.pid)[0] == "T")
        os.kill(job, signal.SIGTERM)
        worker.terminate()
        wait_until(lambda: stat_of(job)[0] == "Z")
        worker.send_signal(signal.SIGCONT)
        assert lines(worker) == (["given-back"], [1])


@pytest.mark.parametrize("times", [2, pytest.param(20, marks=slow)])
def test_signal_to_a_worker_may_come_some_time_after_that_to_its_job(
    begun, lines, times,
):
    """A turn in which this test itself was held up does not count."""
    while times:
        worker, job = begun("sleep")
        begin = time.monotonic()
        os.kill(job, signal.SIGTERM)
        time.sleep(DELAY)
        worker.terminate()
        is_in_time = time.monotonic() - begin < IN_TIME
        found = lines(worker)
        if is_in_time:
            assert found == (["given-back"], [1])
            times -= 1


@pytest.mark.parametrize("times", [2, pytest.param(20, marks=slow)])
@pytest.mark.parametrize("name", ["trap", "quick"])
def test_signal_to_a_worker_may_come_just_after_its_job_has_answered_one(
    begun, lines, name, times,
):
    while times:
        worker, job = begun(name)
        begin = time.monotonic()
        os.kill(job, signal.SIGTERM)
        wait_until(lambda: stat_of(job)[0] in "ZX")
        worker.terminate()
        is_in_time = time.monotonic() - begin < 0.025
        found = lines(worker)
        if is_in_time:
            assert found == (["given-back"], [1])
            times -= 1


def test_job_that_ended_well_before_its_worker_was_signalled_is_done(
    project, begun, lines,
):
    worker, job = begun("trap")
    os.kill(job, signal.SIGTERM)
    wait_until(lambda: jobs_in(project, "done"))
    worker.terminate()
    assert lines(worker) == (["done"], [])


def test_order_to_leave_now_lets_a_job_that_has_ended_be_done(
    project, begun, lines,
):
    worker, job = begun("trap")
    worker.send_signal(signal.SIGSTOP)
    os.kill(job, signal.SIGTERM)
    wait_until(lambda: stat_of(job)[0] == "Z")
    firing = start("fjd-recruiter", "fire")
    wait_until(project.orders)
    worker.send_signal(signal.SIGCONT)
    finish(firing)
    assert lines(worker) == (["done"], [])


@slow
@pytest.mark.parametrize("text", [
    "kill $PPID; sleep 1; echo {}", "kill -HUP $PPID $$",
])
def test_jobs_that_signal_their_workers_fail_at_last(home, text):
    result = run(command("fjd", "run", "-j2", text, ":::", "a", "b"))
    assert "Traceback" not in result.stderr
    assert result.returncode == 3, result.stderr
    name, = os.listdir(str(home / ".fjd"))
    project = Project(str(home / ".fjd" / name))
    assert len(jobs_in(project, "failed")) == 2
    why = fjd("fjd", "why", "--project", name, "1").stdout
    assert "its worker was signalled 10 times within 10 s of its start" in why
    assert ok("fjd", "audit", "--project", name)[-1].endswith(
        "2 failed: 0 not accounted for")
