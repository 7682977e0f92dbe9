"""What is claimed at the end: all that was asked for is accounted for."""
import os
import signal

import pytest

from helpers import finish, jobs_in, ok, start, wait_until
from test_run import HOLD, begin, hold, projects, run_fjd  # noqa: F401

from fjd.project import ENDED

pytestmark = pytest.mark.slow

WAIT = "while test -e hold; do sleep 0.02; done"


def closing(said):
    """The line that says how it went."""
    line, = [line for line in said.splitlines() if " done, " in line]
    return line.partition("] ")[2]


# fjd run

def held_run(home, *names, words=("-j1",)):
    """A fjd run whose first job holds, and its project."""
    process = begin(*words, HOLD, ":::", *names)
    wait_until(lambda: (home / f"begun{names[0]}").exists())
    project, = projects(home)
    wait_until(lambda: len(names) == len(project.running()) + len(
        project.waiting()) + sum(len(project.given(w) or []) for w in
                                 project.pods()))
    return process, project


def take(project, how, job):
    """Take away a job of a list, wherever it is."""
    if how == "cancel":
        return ok("fjd", "cancel", "--project", project.name, job)
    for place in ("jobqueue", "running"):
        for name in project.names(place):
            if name.startswith(f"list-1={job}."):
                path = project.path(place, name)
                if how == "mv":
                    os.rename(path, name)
                else:
                    os.unlink(path)


@pytest.mark.parametrize("how, what, job", [
    ("rm", "vanished", "3"), ("mv", "vanished", "3"),
    ("cancel", "cancelled", "1"), ("cancel", "cancelled", "3"),
])
def test_a_job_of_a_list_that_is_taken_away_is_missed(
    home, hold, how, what, job,  # noqa: F811
):
    """1 runs, 3 waits.  If the file of 1 is removed, its end still counts: a
    line of a task is the decision.
    """
    process, project = held_run(home, "a", "b", "c", "d")
    take(project, how, job)
    hold()
    said = finish(process)
    assert process.returncode == 3
    assert closing(said) == f"3 done, 0 failed, 1 {what}"
    assert f"[fjd] Not done: {job}: touch begun" in said
    assert f" ({what})\n" in said


def test_several_parts_make_up_the_whole(home, hold):  # noqa: F811
    process = begin(HOLD + "; test {} != 2", ":::", *"123456")
    wait_until(lambda: (home / "begun1").exists())
    project, = projects(home)
    wait_until(lambda: len(project.waiting()) >= 4)
    take(project, "rm", "3")
    take(project, "cancel", "4")
    ok("fjd", "hold", "--project", project.name, "5")
    hold()
    said = finish(process)
    assert closing(said) == (
        "2 done, 1 failed, 1 cancelled, 1 vanished, 1 left")
    assert "[fjd] Failed: 2: touch begun2" in said
    assert process.returncode == 3


def test_to_the_quiet_what_is_missing_is_told(home, hold):  # noqa: F811
    process, project = held_run(home, "a", "b", words=("-j1", "--quiet"))
    take(project, "rm", "2")
    hold()
    line, = finish(process).splitlines()
    assert line.startswith("[fjd] Not done: 2: touch begunb; while ")
    assert line.endswith("(vanished)") and process.returncode == 3


@pytest.mark.parametrize("places", [["done"], ["failed"], ENDED])
def test_ended_jobs_that_are_removed_have_ended(
    home, hold, places,  # noqa: F811
):
    """Anybody may remove these at any time."""
    process = begin("test {} = 2 && exit 1; test {} != 3 || { " + HOLD + "; }",
                    ":::", "1", "2", "3")
    wait_until(lambda: (home / "begun3").exists())
    project, = projects(home)
    for place in places:
        for name in project.names(place):
            os.unlink(project.path(place, name))
    hold()
    said = finish(process)
    assert closing(said) == "2 done, 1 failed"
    assert said.count("[fjd] Failed: 2: ") == 1


def test_done_jobs_that_are_removed_while_a_list_goes_on_are_done(
    home, hold,  # noqa: F811
):
    words = ["test {} = a || { " + HOLD + "; }", ":::", "a", "b"]
    hold()
    assert run_fjd("run", words[0], ":::", "a")[0] == 0
    (home / "hold").write_text("")
    process = begin("--resume", *words)
    wait_until(lambda: (home / "begunb").exists())
    project, = projects(home)
    for name in project.names("done"):
        os.unlink(project.path("done", name))
    hold()
    assert closing(finish(process)) == "2 done, 0 failed"
    assert process.returncode == 0


def test_a_list_in_a_project_of_others_counts_their_jobs_too(
    home, project, put,
):
    for name in ("good", "bad"):
        put(name, f"[control]\nexecutable: test {name} = good\nargument: no\n")
    status, _, said = run_fjd(
        "run", "--project", "default", "true", ":::", "a")
    assert (status, closing(said)) == (3, "2 done, 1 failed")
    assert "[fjd] Failed: bad (exit 1)\n" in said


def test_the_same_list_again_in_one_project_is_asked_again(home):
    """What an earlier run has done does not answer for this one."""
    words = ["run", "--project", "p", "test -e good #", ":::", "a"]
    (home / "good").write_text("")
    assert run_fjd(*words)[0] == 0
    (home / "good").unlink()
    status, _, said = run_fjd(*words)
    assert (status, closing(said)) == (3, "0 done, 1 failed")
    assert "[fjd] Failed: 2: " in said


def test_an_interrupted_run_tells_what_is_left(home, hold):  # noqa: F811
    process, _ = held_run(home, "a", "b", "c")
    process.send_signal(signal.SIGINT)
    assert closing(finish(process)) == "0 done, 0 failed, 3 left"


def test_callback_gets_a_failure_without_a_record(home, hold):  # noqa: F811
    """Its ledger was removed while its worker lived."""
    script = "test -e began || { touch began; " + WAIT + "; }; test {} != 2"
    process = start(
        "fjd", "--exe", script.replace("{}", "$1"), "--parameters", "1,2,3",
        "--callback", "echo $FJD_DONE $FJD_FAILED > counts", "1")
    wait_until(lambda: (home / "began").exists())
    project, = projects(home)
    (home / "rm").write_text("")
    hold()
    wait_until(lambda: project.names("ledger"))
    for path in project.ledger_files():
        os.unlink(path)
    finish(process)
    assert process.returncode == 3
    assert (home / "counts").read_text() == "2 1\n"


# The dispatcher

@pytest.fixture
def dispatched(home, project, put):
    """dispatched(job ...): a dispatcher and a worker; the first job runs,
    until the file hold is removed.
    """
    (home / "hold").write_text("")

    def dispatched(*names, script=WAIT):
        for name in names:
            put(name, f"#!/bin/sh\ntouch begun-{name}\n{script}\n", 0o700)
        ok("fjd-recruiter", "--session", "process", "hire", "1")
        process = start("fjd-dispatcher")
        wait_until(lambda: (home / f"begun-{names[0]}").exists())
        return process
    yield dispatched
    ok("fjd-recruiter", "fire")


def remove(project, place, job):
    name, = [n for n in project.names(place) if n.split("~")[0] == job]
    os.unlink(project.path(place, name))


@pytest.mark.parametrize("place, job", [
    ("running", "job1"), ("jobqueue", "job3"),
])
def test_a_dispatcher_misses_what_it_saw(
    home, project, dispatched, place, job,
):
    process = dispatched("job1", "job2", "job3")
    remove(project, place, job)
    (home / "hold").unlink()
    said = finish(process)
    assert closing(said) == f"2 done, 0 failed, 1 vanished: {job} (vanished)"
    assert process.returncode == 3


def test_a_dispatcher_misses_what_was_there_before_it(
    home, project, dispatched,
):
    """Its predecessor was killed."""
    first = dispatched("job1", "job2")
    first.kill()
    finish(first)
    second = start("fjd-dispatcher")
    wait_until(lambda: second.stdout.readline().startswith(
        "[fjd-dispatcher] Started"))
    remove(project, "running", "job1")
    (home / "hold").unlink()
    assert closing(finish(second)) == (
        "1 done, 0 failed, 1 vanished: job1 (vanished)")
    assert second.returncode == 3


@pytest.mark.parametrize("job", ["job1", "job3"])
def test_a_dispatcher_tells_what_was_cancelled(
    home, project, dispatched, job,
):
    process = dispatched("job1", "job2", "job3")
    ok("fjd", "cancel", job)
    (home / "hold").unlink()
    assert closing(finish(process)) == (
        f"2 done, 0 failed, 1 cancelled: {job} (cancelled)")
    assert process.returncode == 3


def test_a_job_that_is_held_meanwhile_is_left(home, project, dispatched):
    process = dispatched("job1", "job2", "job3")
    ok("fjd", "hold", "job3")
    (home / "hold").unlink()
    said = finish(process)
    assert closing(said) == "2 done, 0 failed, 1 left"
    assert "1 job(s) are held" in said and process.returncode == 3


def test_a_job_that_is_held_for_long_is_nobodys_concern(project, put):
    put("job1", "[control]\nexecutable: true\n")
    ok("fjd", "hold", "job1")
    assert "[fjd-dispatcher] 0 done, 0 failed" in ok("fjd-dispatcher")


def test_a_job_that_is_released_again_is_done(home, project, dispatched):
    process = dispatched("job1", "job2")
    ok("fjd", "hold", "job2")
    ok("fjd", "release", "job2")
    (home / "hold").unlink()
    assert closing(finish(process)) == "2 done, 0 failed"
    assert process.returncode == 0


@pytest.mark.parametrize("script, place, line", [
    ("exit 1", "failed", "0 done, 1 failed: job1 (record lost)"),
    ("exit 0", "done", "1 done, 0 failed"),
])
def test_an_end_without_a_line_counts(
    home, project, put, dispatched, script, place, line,
):
    """rm ledger/* while the worker lives."""
    put("before", "[control]\nexecutable: true\n")
    ok("fjd-recruiter", "--session", "process", "hire", "1")
    first = start("fjd-dispatcher", "--keep-running")
    wait_until(lambda: project.names("done"))
    first.terminate()
    finish(first)
    ok("fjd-dispatcher", "--once")
    for path in project.ledger_files():
        os.unlink(path)
    process = dispatched("job1", script=f"{WAIT}; {script}")
    (home / "hold").unlink()
    assert closing(finish(process)) == line
    assert jobs_in(project, place)[-1] == "job1"
    assert process.returncode == (0 if place == "done" else 3)


def test_a_worker_that_dies_takes_no_job_from_the_sum(
    home, project, dispatched,
):
    process = dispatched("job1", "job2")
    ok("fjd-recruiter", "--session", "process", "hire", "2")
    worker = project.running()[0].worker
    os.kill(int(worker.rpartition("-")[2]), signal.SIGKILL)
    wait_until(lambda: worker not in project.pods())
    (home / "hold").unlink()
    assert closing(finish(process)) == "2 done, 0 failed"
    assert process.returncode == 0


def test_an_interrupted_dispatcher_tells_what_is_left(
    home, project, dispatched,
):
    process = dispatched("job1", "job2", "job3")
    process.send_signal(signal.SIGINT)
    assert closing(finish(process)) == "0 done, 0 failed, 3 left"


def test_a_job_that_is_tried_again_counts_once(home, project, dispatched):
    process = dispatched(
        "job1", script="# fjd: retries=1\ntest -e x || { touch x; exit 1; }")
    assert closing(finish(process)) == "1 done, 0 failed"
    assert process.returncode == 0
