"""hold, release, cancel and retry, as a person meets them."""
import os
import subprocess
import sys

import pytest

from helpers import (
    BIN, Clock, fjd, jobs_in, ledger, ok, ROOT, start, wait_until,
)
from test_roles import work

from fjd.verbs.find import find
from fjd.ledger import DONE, FAILED, RETRIED
from fjd.members import BEAT, enrol, myself
from fjd.names import Attempt, new_id, new_token, Running, Stamps
from fjd.process import Processes
from fjd.reclaim import new_reclaimer
from fjd.roles.neighbours import Neighbours
from fjd.roles.worker import Worker
from fjd.verbs.summary import Outcome
from fjd.terminal import Terminal
from fjd.verbs.audit import audit
from fjd.verbs.change import Changes
from fjd.verbs.limits import Limits

STAMPS = Stamps(new_token(1.0))
DAY = 86400


@pytest.fixture
def changes(project):
    return Changes(project, myself())


def refused(*arguments, status=3):
    """The lines on stderr of a verb that could not do all."""
    result = fjd("fjd", *arguments)
    assert result.returncode == status
    return result.stderr.splitlines()


def events(project):
    return [(row["event"], row["job"], row["reason"])
            for row in ledger(project)]


@pytest.mark.parametrize("place", ["jobqueue", "jobpods"])
def test_what_is_held_is_given_to_nobody_until_it_is_released(
    project, lay, place,
):
    before = lay(place, "a job", 2)
    assert ok("fjd", "hold", "a job") == ["Held: a job"]
    held, = project.names("held")
    assert Attempt.parse(held)[:2] == ("a job", 2) and held != before
    assert project.waiting() == []
    assert ok("fjd", "audit") == [
        "0 waiting, 1 held, 0 given out, 0 running, 0 done, 0 failed:"
        " 0 not accounted for",
    ]
    assert ok("fjd", "release", "a job") == ["Released: a job"]
    waits, = project.waiting()
    assert Attempt.parse(waits)[:2] == ("a job", 2)
    assert waits not in (held, before)
    assert ledger(project) == []


def test_a_job_with_the_name_that_its_user_gave_is_held(project, put):
    put("job1", "x")
    ok("fjd", "hold", "job1")
    put("job1", "y")
    ok("fjd", "release", "job1")
    assert len(project.waiting()) == 2


def test_a_dispatcher_ends_beside_what_is_held(project, put):
    put("job1", "x")
    ok("fjd", "hold", "job1")
    assert ok("fjd-dispatcher")[-2:] == [
        "[fjd-dispatcher] 0 done, 0 failed",
        "[fjd-dispatcher] 1 job(s) are held: fjd release --project default"
        " --all lets them wait again.",
    ]
    assert len(project.names("held")) == 1


@pytest.mark.parametrize("verb, place, why", [
    ("hold", "running", "runs on HOST"),
    ("hold", "done", "is done (fjd retry repeats it)"),
    ("hold", "held", "is held (fjd release lets it go)"),
    ("release", "jobqueue", "waits"),
    ("release", "jobpods", "was given to a worker on HOST, and has not begun"),
    ("cancel", "failed", "has failed (fjd retry repeats it)"),
    ("retry", "running", "runs on HOST"),
])
def test_what_cannot_be_done_is_said_and_changes_nothing(
    project, lay, verb, place, why,
):
    name = lay(place)
    why = why.replace("HOST", myself().host)
    for word in ("job1", name):
        assert refused(verb, word) == [
            f"fjd: error: {verb} {word}: job1 {why}"]
    assert len(find(project, name)) == 1
    assert ledger(project) == []


@pytest.mark.parametrize("verb", ["hold", "release", "cancel", "retry"])
def test_job_that_nobody_knows_is_named_and_the_others_are_done(
    project, lay, verb,
):
    place = {"release": "held", "retry": "failed"}.get(verb, "jobqueue")
    lay(place)
    assert refused(verb, "é\n", "job1", status=2) == [
        f"fjd: error: {verb} \u00e9\\n: there is no such job"]
    assert find(project, "job1") == [] or \
        find(project, "job1")[0].place != place


def test_an_empty_name_is_shown(project):
    assert refused("hold", "", status=2) == [
        'fjd: error: hold "": there is no such job']


@pytest.mark.parametrize("verb", ["hold", "release", "cancel", "retry"])
def test_without_a_job_nothing_is_done(project, lay, verb):
    lay("jobqueue")
    result = fjd("fjd", verb)
    assert (result.returncode, result.stdout) == (2, "")
    assert result.stderr.count("\n") == 1
    assert len(project.waiting()) == 1


def test_all_that_wait_are_held_and_all_that_are_held_released(project, lay):
    lay("jobqueue")
    lay("jobpods", "job2")
    lay("running", "job3")
    lay("failed", "job4")
    assert ok("fjd", "hold", "--all") == ["Held: job1, job2"]
    assert ok("fjd", "hold", "--all") == ["Held: 0 jobs"]
    assert ok("fjd", "release", "--all") == ["Released: job1, job2"]
    assert len(project.waiting()) == 2 and len(project.running()) == 1


@pytest.mark.parametrize("place", ["jobqueue", "held", "jobpods", "running"])
def test_what_is_cancelled_is_gone_and_the_ledger_says_so(
    project, lay, record, place,
):
    name = lay(place)
    lines = ok("fjd", "cancel", name)
    assert lines[0] == "Cancelled: job1"
    assert lines[1:] == ["Still running for a moment: job1"] * (
        place == "running")
    assert find(project, "job1") == []
    assert events(project) == [("cleaned", "job1", "cancelled")]
    # Its worker may have died just after it had said that it was done.
    record(DONE, name)
    assert audit(project, myself())[1] == []


def test_a_job_of_this_host_runs_on_for_a_moment_only(project, lay):
    """A worker of another one beats every ten seconds."""
    here = new_id(myself().host, 1.0, 2)
    for name, worker in [("b", here), ("c", "lab7_1.000000-1"), ("d", here)]:
        run = Running(Attempt(name, 1, f"{'0' * 17}-1").name, worker)
        project.files.create(project.job_file(run))
    lay("held", "e")
    assert ok("fjd", "cancel", "b", "c", "d", "e") == [
        "Cancelled: 4 jobs (b, c, ... e)",
        "Still running for a moment: b, d",
        "Still running for 10 seconds at most: c",
    ]


def test_only_the_attempt_that_is_named_is_cancelled(project, lay):
    first, second = lay("jobqueue"), lay("jobqueue")
    ok("fjd", "cancel", first)
    assert project.waiting() == [second]


def test_a_job_that_moves_meanwhile_is_looked_for_again(
    project, put, worker, changes, monkeypatch,
):
    """A dispatcher gives it out just when it is to be held."""
    put("job1", "x")
    real = project.commit

    def commit(source, target):
        if project.waiting():
            attempt = Attempt("job1", 1, STAMPS.new())
            project.assign("job1", worker, attempt)
        return real(source, target)

    monkeypatch.setattr(project, "commit", commit)
    done, left = changes.apply("hold", ["job1"])
    assert (list(done), left) == (["job1"], {})
    assert project.given(worker) == [] and len(project.names("held")) == 1


def test_a_job_that_always_was_quicker_is_left(
    project, lay, changes, monkeypatch,
):
    lay("failed")
    monkeypatch.setattr(project, "commit", lambda source, target: False)
    done, left = changes.apply("retry", ["job1"])
    assert (done, list(left)) == ({}, ["job1"])


def test_a_worker_ends_what_is_cancelled(project, put):
    put("job1", "#!/bin/sh\nsleep 1234 & wait\n", 0o700)
    clock, name = Clock(), enrol(project, "workers", myself())
    reclaimer = new_reclaimer(project, lambda text: None, 3)
    neighbours = Neighbours(project, name, reclaimer)
    worker = Worker(
        project, name, Processes(), neighbours, Terminal(),
        lambda *texts: None, 1.0, Limits(neighbours), clock,
    )
    worker.start()
    project.assign("job1", name, Attempt("job1", 1, STAMPS.new()))
    work(worker, lambda: worker.task)
    ok("fjd", "cancel", "job1")
    clock.now += BEAT
    work(worker, lambda: not worker.task)
    assert not worker.processes.child
    assert audit(project, myself())[1] == []
    assert sorted(event for event, *_ in events(project)) == [
        "cleaned", "superseded"]


def test_what_failed_is_retried_as_if_it_had_never_run(
    project, lay, record,
):
    names = [lay("failed", "job1", 3), lay("failed", "job2")]
    for name in names:
        record(FAILED, name)
    done = lay("done", "job3")
    record(DONE, done)
    assert ok("fjd", "retry", "--failed") == [
        "Waiting again: job1, job2"]
    again = [Attempt.parse(name) for name in project.waiting()]
    assert sorted(attempt[:2] for attempt in again) == [
        ("job1", 1), ("job2", 1)]
    assert project.names("failed") == [] and project.names("done") == [done]
    assert events(project)[3:] == [
        ("retried", "job1", "on demand"), ("retried", "job2", "on demand")]
    assert audit(project, myself())[1] == []


def test_what_is_done_is_retried_only_by_name(project, lay):
    failed, done = lay("failed"), lay("done")
    ok("fjd", "retry", "job1")
    assert (project.names("failed"), project.names("done")) == ([], [done])
    assert failed not in project.waiting()
    ok("fjd", "retry", done)
    assert len(project.waiting()) == 2


def test_a_dispatcher_forgets_a_failure_that_was_retried(
    project, lay, record, changes,
):
    """Also if it reads of the retry first; not if that came to nothing."""
    outcome = Outcome(project, {})
    name, other = lay("failed"), lay("failed", "job2")
    record(RETRIED, other)
    changes.apply("retry", [name])
    outcome.update()
    record(FAILED, name)
    record(FAILED, other)
    outcome.update()
    assert list(outcome.failed) == [other]


def test_lines_are_safe_before_a_job_is_moved(
    project, lay, changes, monkeypatch,
):
    lay("failed")
    seen = []
    monkeypatch.setattr(project, "commit", lambda source, target: seen.append(
        changes.ledger.is_synced and len(ledger(project))))
    changes.apply("retry", ["job1"])
    assert seen[0] == 1


@pytest.mark.slow
def test_persons_change_their_minds_while_all_runs(project):
    """Nothing is lost, whatever is held, released, cancelled, retried."""
    commands = "".join(f"sleep 0.0{n % 7}; exit {n % 2}\n" for n in range(60))
    with open("commands", "w") as file:
        file.write(commands)
    os.system("fjd put < commands > put")
    ok("fjd-recruiter", "--session", "process", "hire", "2")
    dispatcher = start("fjd-dispatcher", "--keep-running")
    cancelled = 0
    for _ in range(4):
        ok("fjd", "hold", "--all")
        ok("fjd", "retry", "--failed")
        held = project.names("held")
        if held:
            ok("fjd", "cancel", held[0])
            cancelled += 1
        ok("fjd", "release", "--all")
    ok("fjd", "release", "--all")
    wait_until(lambda: len(jobs_in(project, "done"))
               + len(jobs_in(project, "failed")) == 60 - cancelled)
    dispatcher.terminate()
    dispatcher.wait()
    ok("fjd-recruiter", "fire")
    assert ": 0 not accounted for" in ok("fjd", "audit")[-1]
    assert len(jobs_in(project, "done")) <= 30


def test_job_that_is_cancelled_on_this_host_is_ended_at_once(project):
    """Its worker beats too rarely to notice it in time."""
    rarely = "import runpy, sys; from fjd import members; del sys.argv[0];" \
        "members.BEAT = 1e6; runpy.run_path(sys.argv[0], run_name='__main__')"
    ok("fjd", "put", "--name", "job1", "sleep 1234")
    worker = subprocess.Popen(
        [sys.executable, "-c", rarely, os.path.join(BIN, "fjd-worker")],
        env=dict(os.environ, PYTHONPATH=ROOT), stdout=subprocess.DEVNULL)
    wait_until(project.announcements)
    ok("fjd-dispatcher", "--once")
    wait_until(project.running)
    ok("fjd", "cancel", "job1")
    wait_until(lambda: any(
        row["event"] == "superseded" for row in ledger(project)))
    worker.terminate()
    assert worker.wait() == 0
