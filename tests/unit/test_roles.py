"""Worker, dispatcher and burial, step by step in one process."""
import errno
import os
import shlex
import signal
import subprocess
import sys

import pytest

from helpers import Clock, jobs_in, ledger, log_of, repeat, wait_until

from fjd import files
from fjd.command import patiently
from fjd.jobfile import Job
from fjd.joblog import JobLog
from fjd.verbs.census import left
from fjd.members import BEAT, MISSED, QUIET, STANDBY, enrol, myself
from fjd.names import (
    Announcement, Attempt, Order, Running, Stamps, given_order, new_token,
)
from fjd.proc import start_time, stat_of
from fjd.process import Processes
from fjd.project import NOW, ORDER
from fjd.reclaim import Reclaimer
from fjd.roles.active import Succession
from fjd.roles.dispatcher import Dispatcher
from fjd.roles.interruption import GIVEN_UP, INTERRUPTED, MOST, SIGNALLED, SOON
from fjd.roles.neighbours import Neighbours
from fjd.roles.recruiter import Recruiter
from fjd.roles.task import DOUBT, SHORT_DOUBT
from fjd.roles.worker import Worker
from fjd.verbs.summary import Outcome
from fjd.terminal import Terminal
from fjd.verbs.audit import audit
from fjd.verbs.limits import Limits
from fjd.verbs.why import why
from fjd.wakeup import LONGEST

BUSY, IDLE, GONE = "a_1.000000-1", "b_1.000000-1", "c_1.000000-1"
TRUE = "[control]\nexecutable: true\n"


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def new_worker(project, clock, said):
    def new_worker(**limits):
        name = enrol(project, "workers", myself())
        clock.now += 0.001  # Each has a ledger and stamps of its own.
        reclaimer = Reclaimer(
            project, myself(), Processes(), said.append, 3, clock)
        neighbours = Neighbours(project, name, reclaimer, clock)
        worker = Worker(
            project, name, Processes(), neighbours, Terminal(),
            lambda *texts: None, 1.0, Limits(neighbours, **limits), clock,
        )
        worker.start()
        return worker
    return new_worker


@pytest.fixture
def said():
    return []


@pytest.fixture
def new_dispatcher(project, clock, said):
    def new_dispatcher(here=None, **how):
        here = here or myself()
        succession = Succession(project, here)
        succession.take_over()
        clock.now += 0.001
        reclaimer = Reclaimer(
            project, here, Processes(), said.append, 3, clock)
        return Dispatcher(
            project, succession, reclaimer, Outcome(project, {}), said.append,
            1.0, clock=clock, **how,
        )
    return new_dispatcher


def test_a_dispatcher_says_once_that_the_disk_is_full(
    project, new_dispatcher, clock, said, monkeypatch,
):
    """It could go on, but no worker can."""
    def create(path, text):
        raise OSError(28, "No space left on device")
    dispatcher = new_dispatcher(keep_running=True)
    for _ in range(2):
        with monkeypatch.context() as full:
            full.setattr(project.files, "create", create)
            for _ in range(3):
                clock.now += BEAT
                dispatcher.count_if_due()
        clock.now += BEAT
        dispatcher.count_if_due()
    assert said == 2 * [
        f"{project.root}: No space left on device; what has ended waits until"
        " that can be recorded."]


def test_an_end_that_finds_no_room_is_said_once(
    project, new_dispatcher, said, monkeypatch,
):
    dispatcher = new_dispatcher()
    with monkeypatch.context() as full:
        full.setattr(dispatcher.succession, "stand_down", no_room)
        for _ in range(3):
            with pytest.raises(OSError):
                dispatcher.step()
    dispatcher.step()
    assert said == ["No (more) jobs."]


def no_room():
    raise OSError(errno.ENOSPC, "No space left on device")


def work(worker, until):
    """Step by step; the jobs are real, the worker's clock stands still."""
    repeat(worker.step, until)


@pytest.fixture
def begun(put, new_worker, new_dispatcher):
    """begun(text): a worker that has begun that job, and its dispatcher."""
    def begun(text):
        put("job1", text)
        worker, dispatcher = new_worker(), new_dispatcher()
        dispatcher.step()
        work(worker, lambda: worker.task)
        return worker, dispatcher
    return begun


def test_worker_asks_for_one_job_until_it_knows_how_long_they_take(
    project, put, new_worker, new_dispatcher, clock,
):
    for number in range(40):
        put(f"job{number}", TRUE)
    worker, dispatcher = new_worker(), new_dispatcher()
    wants = []
    while len(jobs_in(project, "done")) < 40:
        wants += [asked.want for asked in project.announcements()]
        dispatcher.step()
        work(worker, lambda: not (worker.task or worker.given))
        worker.step()
    assert wants[0] == 1 and wants == sorted(wants) and wants[-1] > 4


@pytest.mark.parametrize("step", [-86400.0, 3600.0, 0.0])
def test_clock_that_is_set_in_a_job_changes_neither_duration_nor_pace(
    project, begun, clock, monkeypatch, step,
):
    worker, dispatcher = begun("[control]\nexecutable: cat gate #\n")
    monkeypatch.setattr(clock, "time", lambda: clock.now + step)
    started, pace = worker.task.start, worker.request.pace
    clock.now += 3.0
    with open("gate", "w"):
        pass
    work(worker, lambda: not worker.task)
    row, = ledger(project)
    assert float(row["start"]) == started
    assert float(row["end"]) - started == pytest.approx(3.0, abs=0.1)
    assert worker.request.pace > pace


def test_heartbeat_does_not_depend_on_the_interval(
    project, put, new_worker, new_dispatcher,
):
    put("job1", "[control]\nexecutable: sleep 1234 #\n")
    worker, dispatcher = new_worker(), new_dispatcher(keep_running=True)
    worker.interval = dispatcher.backoff.longest = 1000.0
    dispatcher.step()
    work(worker, lambda: worker.task)
    assert 0 < worker.step() <= BEAT
    dispatcher.backoff.next = 1000.0
    assert 0 < dispatcher.step() <= BEAT
    worker.processes.end_trees({worker.task.run.attempt})


def test_announcement_that_failed_is_made_again(
    project, new_worker, monkeypatch,
):
    worker = new_worker()
    worker.request.withdraw()

    def full(announcement):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(project, "announce", full)
    with pytest.raises(OSError):
        worker.step()
    monkeypatch.undo()
    worker.step()
    assert [a.worker for a in project.announcements()] == [worker.id]


def test_jobs_begin_in_the_natural_order_first_attempts_first(
    project, put, new_worker, new_dispatcher,
):
    again = Attempt("job1", 2, Stamps(new_token(1.0)).new())
    for name in ("job10", "job2", "other", again.name):
        put(name, TRUE)
    worker, dispatcher = new_worker(), new_dispatcher()
    while len(jobs_in(project, "done")) < 4:
        dispatcher.step()
        work(worker, lambda: not (worker.task or worker.given))
        worker.step()
    assert [row["job"] for row in ledger(project)] == [
        "job2", "job10", "other", "job1",
    ]


def test_worker_begins_in_the_order_in_which_it_was_given_jobs(
    project, put, new_worker, new_dispatcher,
):
    for number in range(12):
        put(f"job{number}", TRUE)
    project.replace(ORDER, "job7\njob11\njob3\n", "x")
    worker, dispatcher = new_worker(), new_dispatcher()
    dispatcher.queue.look()
    dispatcher.fill(worker.id, 12)
    worker.look_in_pod()
    begun = [Attempt.parse(name).job for name in reversed(worker.given)]
    assert begun[:5] == ["job7", "job11", "job3", "job0", "job1"]


def test_last_jobs_go_to_many_workers(project, put, new_dispatcher):
    for number in range(8):
        put(f"job{number}", TRUE)
    workers = [f"lab_{n}.000000-1" for n in range(4)]
    for worker in workers:
        project.make_pod(worker)
        project.announce(Announcement(worker, 1, 100))
    dispatcher = new_dispatcher()
    dispatcher.pair()
    assert [len(project.given(worker)) for worker in workers] == [2, 2, 2, 2]


def test_idle_worker_gets_what_waits_behind_a_long_job(
    project, new_dispatcher,
):
    stamps = Stamps(new_token(1.0))
    given = [Attempt(f"job{n}", 1, stamps.new()).name for n in range(6)]
    for worker in (BUSY, IDLE):
        project.make_pod(worker)
    for name in given:
        open(project.path("jobpods", BUSY, name), "w").close()
    project.begin(Running(given[0], BUSY))
    project.announce(Announcement(IDLE, 1, 1))
    assert new_dispatcher().pair() == 3
    moved = sorted(project.given(IDLE), key=given_order)
    assert [Attempt.parse(name).job for name in moved] == [
        "job3", "job4", "job5"]
    assert sorted(project.given(BUSY)) == given[1:3]
    assert set(moved).isdisjoint(given)  # A new stamp fences.


def test_worker_that_asks_while_its_job_runs_is_not_idle(
    project, new_dispatcher,
):
    """It announced early; what is in its pod may still go to others."""
    stamps = Stamps(new_token(1.0))
    for worker in (BUSY, IDLE):
        project.make_pod(worker)
        project.announce(Announcement(worker, 1, 3))
    for number in range(3):
        name = Attempt(f"job{number}", 1, stamps.new()).name
        open(project.path("jobpods", BUSY, name), "w").close()
    project.begin(Running(project.given(BUSY)[0], BUSY))
    dispatcher = new_dispatcher()
    assert dispatcher.pair() == 1
    assert len(project.given(IDLE)) == len(project.given(BUSY)) == 1
    assert dispatcher.pair() == 0


def test_idle_worker_gets_a_job_before_one_that_has_some(
    project, put, new_dispatcher,
):
    """It has not begun them, and wants more."""
    for worker in (BUSY, IDLE):
        project.make_pod(worker)
        project.announce(Announcement(worker, 1, 8))
    dispatcher = new_dispatcher()
    for number in range(4):
        put(f"job{number}", TRUE)
        dispatcher.pair()
    assert [len(project.given(worker)) for worker in (BUSY, IDLE)] == [2, 2]


def test_one_job_for_a_thousand_idle_workers_lists_few_pods(
    project, put, new_dispatcher, monkeypatch, said,
):
    for number in range(1000):
        worker = f"lab_{number:04}.000000-1"
        project.make_pod(worker)
        project.announce(Announcement(worker, 1, 8))
    dispatcher = new_dispatcher()
    real, listed = project.files.names, []

    def names(directory):
        listed.append(directory)
        return real(directory)

    monkeypatch.setattr(project.files, "names", names)
    dispatcher.pair()
    put("job1", "[control]\nexecutable: sleep 1234 #\n")
    assert dispatcher.pair() == 1
    assert said == ["Found 1 job(s) and 1000 worker(s)..."]
    run = Running(project.given("lab_0000.000000-1")[0], "lab_0000.000000-1")
    assert not dispatcher.is_all_quiet()
    project.begin(run)
    for _ in range(3):
        assert dispatcher.pair() == 0 and not dispatcher.is_all_quiet()
    project.end(run, "done")
    assert dispatcher.pair() == 0
    assert len(listed) <= 50


def test_pod_that_is_gone_takes_no_job_with_it(
    project, put, new_worker, new_dispatcher,
):
    put("job1", TRUE)
    project.announce(Announcement(GONE, 1, 1))
    dispatcher = new_dispatcher()
    assert dispatcher.fill(GONE, 1) == 0
    assert project.waiting() == ["job1"]


def test_found_is_said_when_numbers_change_at_most_once_a_second(
    project, put, new_worker, new_dispatcher, clock, said,
):
    for number in range(3):
        put(f"job{number}", TRUE)
    dispatcher = new_dispatcher()
    for _ in range(3):
        new_worker()
        dispatcher.step()
        clock.now += 0.4
    assert said == [
        "Found 3 job(s) and 1 worker(s)...",
    ]
    put("job9", TRUE)
    new_worker()
    dispatcher.step()
    assert said[1:] == ["Found 1 job(s) and 1 worker(s)..."]


@pytest.mark.parametrize("age, seconds", [(30, 1), (59, 1), (61, 10)])
def test_found_is_said_less_often_after_the_first_minute(
    new_dispatcher, clock, said, age, seconds,
):
    dispatcher = new_dispatcher()
    clock.now += age
    queue = dispatcher.queue
    for number, later in ((1, 0), (2, 0.75), (3, 0.5)):
        clock.now += later * seconds
        queue.names = ["job"] * number
        dispatcher.tell_found(4)
    assert said == [
        "Found 1 job(s) and 4 worker(s)...",
        "Found 3 job(s) and 4 worker(s)...",
    ]


def test_long_queue_is_not_listed_for_every_pass(project, put, clock):
    from fjd.roles.dispatcher import Queue
    put("job1", TRUE)
    put("job2", TRUE)
    queue = Queue(project, Stamps(new_token(0.0)), clock)
    slow = project.waiting

    def slow_waiting():
        clock.now += 0.5
        return slow()

    project.waiting = slow_waiting
    queue.look()
    put("job0", TRUE)
    queue.look()
    assert queue.names == ["job2", "job1"]
    clock.now += 10.0
    queue.look()
    assert queue.names == ["job2", "job1", "job0"]


def test_names_are_sorted_only_when_some_have_come(
    project, put, clock, monkeypatch,
):
    from fjd.roles.dispatcher import Queue
    for number in range(3):
        put(f"job{number}", TRUE)
    queue = Queue(project, Stamps(new_token(0.0)), clock)
    real, keys = queue.ranking.key, []
    monkeypatch.setattr(
        queue.ranking, "key", lambda name: keys.append(name) or real(name))
    for remove, names, sorts in (
        ("", ["job2", "job1", "job0"], 3),
        ("job1", ["job2", "job0"], 3),
        ("job0", ["job2"], 3),
    ):
        if remove:
            os.unlink(project.path("jobqueue", remove))
        clock.now += 1.0
        queue.look()
        assert (queue.names, len(keys)) == (names, sorts)
    assert queue.owed == {"job0": "", "job1": ""}
    put("job0", TRUE)
    clock.now += 1.0
    queue.look()
    assert (queue.names, len(keys)) == (["job2", "job0"], 5)
    project.replace(ORDER, "job2\n", "x")
    clock.now += 1.0
    queue.look()
    assert queue.names == ["job0", "job2"]


def test_worker_whose_pod_is_gone_ends_and_its_job_with_it(
    project, begun, clock,
):
    """It was taken for dead, and its job given to somebody else."""
    worker, dispatcher = begun("[control]\nexecutable: sleep 1234 #\n")
    dispatcher.reclaimer.bury([worker.id])
    clock.now += BEAT
    worker.step()
    assert worker.has_left and worker.was_buried
    assert not worker.processes.child
    events = sorted(row["event"] for row in ledger(project))
    assert events == ["lost", "superseded"]
    assert [Attempt.parse(n).n for n in project.waiting()] == [2]


def test_late_end_of_a_lost_job_is_superseded(project, begun):
    """The worker was only stopped: one attempt's result counts."""
    worker, dispatcher = begun(TRUE)
    dispatcher.reclaimer.processes.end_trees = lambda attempts: None
    dispatcher.reclaimer.bury([worker.id])
    work(worker, lambda: not worker.task)
    assert jobs_in(project, "done") == []
    events = [row["event"] for row in ledger(project)]
    assert sorted(events) == ["done", "lost", "superseded"]


def test_job_that_was_begun_unseen_is_adopted(
    project, put, new_worker, new_dispatcher, clock,
):
    """NFS: a rename may happen after it was said to have failed."""
    put("job1", TRUE)
    worker, dispatcher = new_worker(), new_dispatcher()
    worker.beat_if_due(clock.now)
    dispatcher.step()
    project.begin(Running(project.given(worker.id)[0], worker.id))
    clock.now += BEAT
    work(worker, lambda: jobs_in(project, "done") == ["job1"])


def silence(worker):
    """Make a worker one of another host, that beats no more."""
    path = worker.project.path("workers", worker.id)
    with open(path) as file:
        text = file.read().replace("boot: ", "boot: x")
    with open(path, "w") as file:
        file.write(text)


def test_silent_worker_of_another_host_loses_its_job_after_some_beats(
    project, put, new_worker, new_dispatcher, clock,
):
    put("job1", "[control]\nexecutable: sleep 1234 #\n")
    worker, dispatcher = new_worker(), new_dispatcher(keep_running=True)
    silence(worker)
    dispatcher.step()
    work(worker, lambda: worker.task)
    for _ in range(MISSED):
        dispatcher.step()
        clock.now += BEAT
    assert len(project.running()) == 1
    for _ in range(2):
        dispatcher.step()
        clock.now += BEAT
    assert project.running() == project.pods() == []
    assert [Attempt.parse(n).n for n in project.waiting()] == [2]
    worker.processes.end_trees({worker.task.run.attempt})


def test_unbegun_jobs_of_a_silent_worker_go_to_others_soon(
    project, put, new_worker, new_dispatcher, clock,
):
    """It is not dead yet, and what it begins later is nobody's job."""
    put("job1", TRUE)
    os.utime(project.path("jobqueue", "job1"), (1, 1))  # Long ago.
    silent, dispatcher = new_worker(), new_dispatcher(keep_running=True)
    silence(silent)
    dispatcher.step()
    silent.look_in_pod()
    other = new_worker()
    for beats in range(QUIET + 1):
        assert project.given(other.id) == [] and not project.waiting()
        dispatcher.step()
        clock.now += BEAT
        other.project.touch("workers", other.id)
    dispatcher.step()
    assert project.given(silent.id) == []
    silent.request.announce()
    put("job2", TRUE)
    repeat(lambda: (dispatcher.step(), other.step()),
           lambda: jobs_in(project, "done") == ["job1", "job2"])
    silent.begin(silent.given.pop())
    assert not silent.task and project.running() == []
    rows = [row["attempt"] for row in ledger(project)]
    assert len(set(rows)) == len(rows) == 2


def test_worker_that_beats_again_is_asked_again(
    project, put, new_worker, new_dispatcher, clock,
):
    worker, dispatcher = new_worker(), new_dispatcher(keep_running=True)
    silence(worker)
    for _ in range(QUIET + 2):
        dispatcher.step()
        clock.now += BEAT
    assert dispatcher.reclaimer.quiet == {worker.id}
    path = project.path("workers", worker.id)
    os.utime(path, (1, 1))  # As any heartbeat.
    put("job1", TRUE)
    dispatcher.step()
    clock.now += BEAT
    dispatcher.step()
    assert [name[:7] for name in project.given(worker.id)] == ["job1~1."]


@pytest.mark.parametrize("is_stopped", [True, False])
def test_job_of_a_stopped_worker_is_ended_before_others_run_it(
    project, new_dispatcher, is_stopped,
):
    """One that goes on learns that its job was taken away, and ends it."""
    worker = subprocess.Popen(["sleep", "1234"])
    identity = myself()._replace(
        pid=worker.pid, start=start_time(worker.pid))
    name = enrol(project, "workers", identity)
    run = Running("job1~1." + "0" * 17 + "-1", name)
    project.make_pod(name)
    project.files.create(project.job_file(run), TRUE)
    job = subprocess.Popen(["sleep", "1234"], start_new_session=True, env={
        **os.environ, "FJD_ATTEMPT": run.attempt})
    try:
        if is_stopped:
            worker.send_signal(signal.SIGSTOP)
            wait_until(lambda: stat_of(worker.pid)[0] == "T")
        new_dispatcher().reclaimer.bury([name])
        assert [n[:7] for n in project.waiting()] == ["job1~2."]
        assert job.poll() == (-signal.SIGTERM if is_stopped else None)
    finally:
        for process in (worker, job):
            process.kill()
            process.wait()


def test_observer_that_was_late_itself_buries_nobody(
    project, new_worker, new_dispatcher, clock,
):
    """A server that froze made all heartbeats old."""
    worker, dispatcher = new_worker(), new_dispatcher(keep_running=True)
    silence(worker)
    for _ in range(3 * MISSED):
        dispatcher.step()
        clock.now += 2 * BEAT
    assert project.pods() == [worker.id]


def test_dispatcher_that_keeps_running_tells_of_failures(
    project, put, new_worker, new_dispatcher, clock, said,
):
    put("job1", "[control]\nexecutable: false\n")
    worker, dispatcher = new_worker(), new_dispatcher(keep_running=True)
    dispatcher.step()
    work(worker, lambda: jobs_in(project, "failed"))
    clock.now += BEAT
    dispatcher.step()
    clock.now += BEAT
    dispatcher.step()
    assert said[1:] == ["Failed: job1 (exit 1)"]


def test_job_that_lost_three_workers_is_given_up(
    project, put, new_dispatcher, said,
):
    put("job1", TRUE)
    dispatcher = new_dispatcher()
    for number in range(3):
        lose_worker(project, dispatcher, number)
    assert jobs_in(project, "failed") == ["job1"]
    failed = Attempt.parse(os.listdir(project.path("failed"))[0])
    assert failed.n == 4
    with open(project.job_log(failed.name)) as log:
        assert log.read() == (
            "[fjd] job1: given up after 3 attempt(s):"
            " worker gone_2.000000-1 died\n"
        )
    events = sorted(row["event"] for row in ledger(project))
    assert events == ["failed", "lost", "lost", "lost"]


def test_burial_leaves_a_pod_that_a_job_came_into(
    project, new_dispatcher, monkeypatch,
):
    """RACE: a dispatcher gives a job to a worker that is being buried."""
    project.make_pod(GONE)
    reclaimer = new_dispatcher().reclaimer
    late = project.path("jobpods", GONE, "job1~1." + "0" * 17 + "-1")
    real = project.remove_pod

    def remove_pod(worker):
        open(late, "w").close()
        return real(worker)

    monkeypatch.setattr(project, "remove_pod", remove_pod)
    reclaimer.sweep()
    assert os.path.exists(late)
    monkeypatch.undo()
    reclaimer.sweep()
    assert project.pods() == []
    assert [name.split("~")[0] for name in project.waiting()] == ["job1"]


def test_what_a_dead_worker_printed_is_kept(project, begun):
    worker, dispatcher = begun(
        "[control]\nexecutable: echo hello; exec sleep 1234 #\n",
    )
    attempt = worker.task.run.attempt
    draft = project.draft_log(worker.id, 1)
    wait_until(lambda: os.path.getsize(draft))
    dispatcher.reclaimer.bury([worker.id])
    with open(project.job_log(attempt)) as log:
        assert log.read() == "hello\n"
    worker.processes.end_trees({attempt})


def test_empty_log_of_a_dead_worker_is_removed(project, begun):
    worker, dispatcher = begun("[control]\nexecutable: sleep 1234 #\n")
    dispatcher.reclaimer.bury([worker.id])
    assert os.listdir(project.path("joblogs")) == []
    worker.processes.end_trees({worker.task.run.attempt})


def full(*arguments):
    raise OSError(28, "No space left on device")


def test_fired_worker_gives_its_job_back_also_without_room(
    project, begun, monkeypatch,
):
    """It counts for nothing: the worker did not die."""
    worker, dispatcher = begun("[control]\nexecutable: sleep 1234 #\n")
    monkeypatch.setattr(worker.ledger, "write", full)
    worker.order = "now"
    with pytest.raises(OSError):
        worker.step()
    work(worker, lambda: worker.has_left)
    assert [Attempt.parse(n).n for n in project.waiting()] == [1]
    assert project.running() == []


def test_fired_worker_leaves_a_job_whose_end_finds_no_room(
    project, begun, new_worker, new_dispatcher, monkeypatch,
):
    """It is run again, and for nothing: the worker does as if it died."""
    worker, dispatcher = begun(TRUE)
    monkeypatch.setattr(worker.ledger, "write", full)
    with pytest.raises(OSError):
        work(worker, lambda: False)
    project.send_order(Order(worker.id, dispatcher.stamps.new(), "now"))
    worker.next_orders = 0.0
    worker.step()
    assert worker.has_left and not worker.was_buried
    assert [run.worker for run in project.running()] == [worker.id]
    dispatcher.reclaimer.bury([worker.id])
    assert [Attempt.parse(n).n for n in project.waiting()] == [1]
    other = new_worker()
    new_dispatcher().step()
    work(other, lambda: jobs_in(project, "done") == ["job1"])
    events = [row["event"] for row in ledger(project)]
    assert sorted(events) == ["done", "lost"]


def test_end_that_has_to_be_tried_again_keeps_the_log(
    project, begun, monkeypatch,
):
    worker, dispatcher = begun("[control]\nexecutable: echo hello; exit 4 #\n")
    monkeypatch.setattr(project, "end", full)
    with pytest.raises(OSError):
        work(worker, lambda: False)
    monkeypatch.undo()
    work(worker, lambda: not worker.task)
    assert log_of(project, "job1") == "hello\n[fjd-worker] job1: exit 4\n"
    assert [row["event"] for row in ledger(project)] == ["failed"]


def test_reason_begins_a_line_of_its_own(project, begun):
    worker, dispatcher = begun(
        "[control]\nexecutable: printf hello; exit 4 #\n")
    work(worker, lambda: not worker.task)
    assert log_of(project, "job1") == "hello\n[fjd-worker] job1: exit 4\n"


def test_orders_do_not_wait_for_the_interval(
    project, put, new_worker, new_dispatcher, clock,
):
    put("job1", "[control]\nexecutable: sleep 1234 #\n")
    worker, dispatcher = new_worker(), new_dispatcher()
    worker.interval = 600.0
    dispatcher.step()
    work(worker, lambda: worker.task)
    assert worker.step() <= LONGEST
    worker.order = "now"
    work(worker, lambda: worker.has_left)


def test_new_job_during_the_farewell_is_counted_as_left(
    project, put, new_dispatcher, clock,
):
    dispatcher = new_dispatcher()
    while not dispatcher.has_ended:
        clock.now += dispatcher.step()
    put("job1", TRUE)
    assert left(project) == 1


@pytest.mark.parametrize("place", [
    "jobpods", "workerqueue", "running", "orders", "workers", "dispatchers",
])
def test_strange_file_in_a_directory_of_ours_stops_nothing(
    project, put, new_worker, new_dispatcher, clock, place,
):
    for name in ("stray", "stray@", "@", "a.b", "a.1.1"):
        open(project.path(place, name), "w").close()
    put("job1", TRUE)
    worker, dispatcher = new_worker(), new_dispatcher()

    def step():
        if not dispatcher.has_ended:
            dispatcher.step()
        if not worker.has_left:
            worker.step()
        clock.now += 1.0

    repeat(step, lambda: worker.has_left and dispatcher.has_ended)
    assert jobs_in(project, "done") == ["job1"]


# Keys of a job

def work_off(worker, dispatcher, count):
    """Until so many attempts have ended, one way or another."""
    def step():
        dispatcher.step()
        worker.step()

    repeat(step, lambda: len(ledger(worker.project)) >= count)


def test_failed_job_is_tried_again_behind_the_others(
    project, put, new_worker, new_dispatcher,
):
    put("job1", "[control]\nexecutable: echo no; exit 4 #\nretries: 2\n")
    put("job2", TRUE)
    put("job3", TRUE)
    work_off(new_worker(), new_dispatcher(), 5)
    rows = ledger(project)
    assert [(row["event"], row["job"]) for row in rows] == [
        ("retried", "job1"), ("done", "job2"), ("done", "job3"),
        ("retried", "job1"), ("failed", "job1"),
    ]
    attempts = [Attempt.parse(row["attempt"]) for row in rows]
    assert [a.n for a in attempts if a.job == "job1"] == [1, 2, 3]
    assert jobs_in(project, "failed") == ["job1"]
    for row in rows:
        if row["job"] == "job1":
            with open(project.job_log(row["attempt"])) as log:
                assert log.read() == "no\n[fjd-worker] job1: exit 4\n"


def test_job_that_cannot_be_started_is_tried_again_too(
    project, put, new_worker, new_dispatcher,
):
    put("job1", "[control]\nexecutable: ./late\nretries: 1\n")
    worker, dispatcher = new_worker(), new_dispatcher()
    work_off(worker, dispatcher, 1)
    with open("late", "w") as script:
        script.write("#!/bin/sh\n")
    os.chmod("late", 0o700)
    work_off(worker, dispatcher, 2)
    assert jobs_in(project, "done") == ["job1"]


@pytest.mark.parametrize("number", [
    errno.EAGAIN, errno.ENOMEM, errno.ENFILE, errno.EIO, errno.ETXTBSY,
])
def test_job_is_not_to_blame_for_what_its_host_is_short_of(
    project, put, new_worker, new_dispatcher, clock, number, monkeypatch,
):
    def start(*arguments):
        raise OSError(number, os.strerror(number))

    put("job1", TRUE)
    worker, dispatcher = new_worker(), new_dispatcher()
    monkeypatch.setattr(worker.processes, "start", start)
    dispatcher.step()
    work(worker, project.waiting)
    monkeypatch.undo()
    name, = project.waiting()
    os.utime(project.path("jobqueue", name), (1, 1))  # Long ago.
    clock.now = worker.rested
    work_off(worker, dispatcher, 2)
    assert jobs_in(project, "done") == ["job1"]
    assert [(row["event"], row["attempt"].split(".")[0])
            for row in ledger(project)] == [
        ("given-back", "job1~1"), ("done", "job1~1")]


def test_worker_that_can_start_nothing_lets_others_run_the_jobs(
    project, put, new_worker, new_dispatcher, clock, monkeypatch,
):
    """It asks again later and later, at last twice a minute."""
    def start(*arguments):
        tries.append(clock.now)
        raise OSError(errno.ENOMEM, "short")

    tries = []
    for number in range(9):
        put(f"job{number}", TRUE)
        # None looks as if it were still being written.
        os.utime(project.path("jobqueue", f"job{number}"), (1, 1))
    worker, dispatcher = new_worker(), new_dispatcher()
    worker.request.pace = 0.001  # It is given them all.
    monkeypatch.setattr(worker.processes, "start", start)
    begun = clock.now
    while clock.now < begun + 600:
        dispatcher.step()
        clock.now += max(worker.step(), 0.001)
        if clock.now < worker.rested:
            worker.step()
            assert not project.given(worker.id) and not project.running()
    assert 20 < len(tries) < 45
    assert 29 < tries[-1] - tries[-2] < 33
    monkeypatch.undo()
    clock.now += 60
    repeat(
        lambda: (dispatcher.step(), worker.step()),
        lambda: len(jobs_in(project, "done")) == 9)
    assert worker.rest.longer() < 0.01


def test_worker_that_may_open_nothing_more_gives_the_job_back_and_leaves(
    project, put, new_worker, new_dispatcher, monkeypatch,
):
    """patiently() makes it leave."""
    def start(*arguments):
        raise OSError(errno.EMFILE, "too many")

    put("job1", TRUE)
    worker, dispatcher = new_worker(), new_dispatcher()
    monkeypatch.setattr(worker.processes, "start", start)
    dispatcher.step()
    with pytest.raises(OSError):
        work(worker, lambda: worker.task)
    assert project.waiting() and not worker.task


def test_program_that_is_always_being_written_fails_its_job(
    project, put, new_worker, new_dispatcher, clock,
):
    with open("script", "w") as script:
        script.write("#!/bin/sh\n")
        os.chmod("script", 0o700)
        put("job1", "[control]\nexecutable: ./script\n")
        os.utime(project.path("jobqueue", "job1"), (1, 1))
        worker, dispatcher = new_worker(), new_dispatcher()
        begun = clock.now
        while not jobs_in(project, "failed"):
            dispatcher.step()
            clock.now += max(worker.step(), 0.001)
            assert clock.now < begun + 200
    assert clock.now > begun + 60
    assert ledger(project)[-1]["reason"] \
        == f"cannot run ./script: {os.strerror(errno.ETXTBSY)}"


@pytest.mark.parametrize("number", [errno.E2BIG, errno.EACCES, errno.ENOEXEC])
def test_job_fails_with_the_reason_if_it_is_to_blame(
    project, put, new_worker, new_dispatcher, number, monkeypatch,
):
    def start(*arguments):
        raise OSError(number, os.strerror(number))

    put("job1", TRUE)
    worker, dispatcher = new_worker(), new_dispatcher()
    monkeypatch.setattr(worker.processes, "start", start)
    work_off(worker, dispatcher, 1)
    assert jobs_in(project, "failed") == ["job1"]
    reason = f"cannot run true: {os.strerror(number)}"
    assert [row["reason"] for row in ledger(project)] == [reason]


@pytest.mark.parametrize("keys", [
    "executable: nosuchcommand", "executable: true\ndirectory: ../x",
    "executable: ./relative #",
])
def test_job_fails_also_where_the_directory_of_its_worker_is_gone(
    project, put, new_worker, new_dispatcher, tmp_path, monkeypatch, keys,
):
    (tmp_path / "gone").mkdir()
    monkeypatch.chdir(tmp_path / "gone")
    put("job1", f"[control]\n{keys}\n")
    worker, dispatcher = new_worker(), new_dispatcher()
    (tmp_path / "gone").rmdir()
    dispatcher.step()
    work(worker, lambda: jobs_in(project, "failed"))
    assert len(os.listdir(project.path("joblogs"))) == 1


def test_job_that_takes_too_long_is_ended_and_failed(
    project, begun, clock,
):
    worker, dispatcher = begun(
        "[control]\nexecutable: trap 'exit 0' TERM; touch ready;"
        " while :; do :; done #\ntimeout: 5m\n",
    )
    wait_until(lambda: os.path.exists("ready"))
    clock.now += 299.0
    assert 0 < worker.step() <= 1.0
    assert worker.task and not worker.task.entry
    clock.now += 1.0
    work(worker, lambda: not worker.task)
    row = ledger(project)[0]
    assert (row["event"], row["status"], row["reason"]) == (
        "failed", "exit 0", "timeout after 300 s",
    )
    assert log_of(project, "job1") == (
        "[fjd-worker] job1: timeout after 300 s\n"
    )


def test_worker_looks_again_when_a_timeout_comes(begun, clock):
    worker, dispatcher = begun(
        "[control]\nexecutable: sleep 1234 #\ntimeout: 0.25\n",
    )
    assert worker.step() == 0.25
    clock.now += 1
    work(worker, lambda: not worker.task)


def test_directory_of_a_job(project, put, new_worker, new_dispatcher, home):
    (home / "a place").mkdir()
    put("job1", "[control]\nexecutable: pwd -P #\ndirectory: a place\n")
    work_off(new_worker(), new_dispatcher(), 1)
    assert log_of(project, "job1") == f"{os.path.realpath('a place')}\n"


def test_worker_that_leaves_never_seems_to_stay(
    project, new_worker, monkeypatch,
):
    """Otherwise hire would start one less."""
    worker = new_worker()
    recruiter = Recruiter(project, worker.neighbours.reclaimer, print)
    assert recruiter.staying() == [worker.id]
    project.send_order(Order(worker.id, worker.stamps.new(), NOW))
    remove, stayed = files.remove, []

    def removed(path):
        stayed.extend(recruiter.staying())
        remove(path)
        stayed.extend(recruiter.staying())

    monkeypatch.setattr(files, "remove", removed)
    worker.next_orders = 0.0
    worker.step()
    assert worker.has_left and stayed == []


# Logs

LEFT = "[control]\nexecutable: (sleep 0.3; echo late) & #\n"


def test_an_empty_log_is_used_for_the_next_job(
    project, put, new_worker, new_dispatcher,
):
    for name in "job1", "job2", "job4":
        put(name, TRUE)
    put("job3", "[control]\nexecutable: echo c; #\n")
    worker = new_worker()
    work_off(worker, new_dispatcher(), 4)
    assert worker.log.k == 2
    assert log_of(project, "job3") == "c\n"
    empty = os.path.basename(worker.log.draft)
    assert len(os.listdir(project.path("joblogs"))) == 2
    assert os.listdir(project.path("joblogs")).count(empty) == 1


def test_a_log_that_a_process_still_has_open_is_not_used_again(
    project, put, new_worker, new_dispatcher,
):
    """What it prints then belongs to no other job."""
    put("job1", LEFT)
    put("job2", "[control]\nexecutable: sleep 0.6; echo mine #\n")
    work_off(new_worker(), new_dispatcher(), 2)
    assert log_of(project, "job2") == "mine\n"


def test_a_log_that_is_in_use_is_no_draft_of_the_next_job(
    project, put, new_worker, new_dispatcher,
):
    put("job1", LEFT)
    worker = new_worker()
    work_off(worker, new_dispatcher(), 1)
    assert project.draft_logs(worker.id) == []


def test_jobs_that_cannot_run_leave_no_descriptor_open(
    project, put, new_worker, new_dispatcher,
):
    worker, dispatcher = new_worker(), new_dispatcher()
    put("job1", "")
    work_off(worker, dispatcher, 1)
    before = len(os.listdir("/proc/self/fd"))
    for number in range(2, 7):
        put(f"job{number}", "")
    work_off(worker, dispatcher, 6)
    assert len(os.listdir("/proc/self/fd")) == before


def test_a_log_that_cannot_be_opened_leaves_no_descriptor_open(
    project, new_worker, monkeypatch,
):
    log = new_worker().log
    os.close(log.open()[0])
    before = len(os.listdir("/proc/self/fd"))
    monkeypatch.setattr(files, "open_output", lambda path: os.open("", 0))
    for _ in range(5):
        with pytest.raises(FileNotFoundError):
            log.open()
    assert len(os.listdir("/proc/self/fd")) == before


def test_neither_does_one_whose_errors_cannot_be_apart(
    project, new_worker, monkeypatch,
):
    log = new_worker().log
    log.errors = JobLog(project, "other", log.terminal, ".err")
    apart = Job(["true"], "true", is_apart=True)
    log.let_go(*log.open(apart))
    before, real = len(os.listdir("/proc/self/fd")), files.open_output
    monkeypatch.setattr(files, "open_output", lambda path: os.open("", 0)
                        if path.endswith(".err") else real(path))
    for _ in range(5):
        with pytest.raises(FileNotFoundError):
            log.open(apart)
    assert len(os.listdir("/proc/self/fd")) == before


def test_an_empty_log_that_is_removed_costs_no_job(
    project, put, new_worker, new_dispatcher,
):
    worker, dispatcher = new_worker(), new_dispatcher()
    put("job1", TRUE)
    work_off(worker, dispatcher, 1)
    os.unlink(worker.log.draft)
    put("job2", "[control]\nexecutable: echo b #\n")
    turn = patiently(worker.step, lambda text: None, project)
    repeat(lambda: (dispatcher.step(), turn()),
           lambda: jobs_in(project, "done") == ["job1", "job2"])
    assert log_of(project, "job2") == "b\n"


# Losses

def lose_worker(project, dispatcher, number, order=""):
    """A worker takes the only job that waits, and dies."""
    worker = f"gone_{number}.000000-1"
    project.make_pod(worker)
    name = project.waiting()[0]
    attempt = Attempt.parse(name)._replace(stamp=dispatcher.stamps.new())
    project.assign(name, worker, attempt)
    project.begin(Running(attempt.name, worker))
    if order:
        project.send_order(Order(worker, dispatcher.stamps.new(), order))
    dispatcher.reclaimer.sweep()


def test_job_with_retries_may_lose_as_many_workers(
    project, put, new_dispatcher,
):
    put("job1", TRUE + "retries: 4\n")
    dispatcher = new_dispatcher()
    for number in range(4):
        lose_worker(project, dispatcher, number)
    assert [Attempt.parse(n).n for n in project.waiting()] == [5]
    lose_worker(project, dispatcher, 4)
    assert jobs_in(project, "failed") == ["job1"]


def test_most_losses_can_be_set(project, put, new_dispatcher):
    put("job1", TRUE)
    dispatcher = new_dispatcher()
    dispatcher.reclaimer.most_losses = 1
    lose_worker(project, dispatcher, 1)
    assert jobs_in(project, "failed") == ["job1"]


def test_loss_of_a_fired_worker_counts_for_nothing(
    project, put, new_dispatcher,
):
    put("job1", TRUE)
    dispatcher = new_dispatcher()
    for number in range(5):
        lose_worker(project, dispatcher, number, "now")
    assert [Attempt.parse(n).n for n in project.waiting()] == [1]
    lose_worker(project, dispatcher, 5, "drain")
    assert [Attempt.parse(n).n for n in project.waiting()] == [2]


def test_giving_up_without_room_is_done_later_and_recorded_once(
    project, put, new_dispatcher, monkeypatch,
):
    put("job1", TRUE)
    dispatcher = new_dispatcher()
    reclaimer = dispatcher.reclaimer
    reclaimer.most_losses = 1
    monkeypatch.setattr(project, "fail", full)
    with pytest.raises(OSError):
        lose_worker(project, dispatcher, 1)
    assert os.listdir(project.path("joblogs")) == []
    monkeypatch.undo()
    real = reclaimer.ledger.write

    def write(entry):
        if entry.event == "failed":
            full()
        real(entry)

    monkeypatch.setattr(reclaimer.ledger, "write", write)
    with pytest.raises(OSError):
        reclaimer.sweep()
    monkeypatch.undo()
    reclaimer.sweep()
    events = [row["event"] for row in ledger(project)]
    assert events == ["lost", "lost", "failed"]
    assert jobs_in(project, "failed") == ["job1"]


# Names used again, and jobs taken away

def test_job_that_begins_while_the_home_goes_away_runs_before_the_next(
    project, put, new_worker, new_dispatcher, monkeypatch,
):
    """Its log could not be opened, and then the heartbeat failed as well."""
    def away(*arguments):
        raise OSError(errno.EIO, "away")

    put("job1", "[control]\nexecutable: sleep 0.2 #\n")
    put("job2", TRUE)
    worker, dispatcher = new_worker(), new_dispatcher()
    worker.request.withdraw()
    worker.request.pace = 0.01
    worker.announce()
    dispatcher.step()
    assert len(project.given(worker.id)) == 2
    with monkeypatch.context() as context:
        context.setattr(project.files, "open_log", away)
        with pytest.raises(OSError):
            work(worker, lambda: False)
        context.setattr(project.files, "touch", away)
        with pytest.raises(OSError):
            worker.step()
    work_off(worker, dispatcher, 2)
    assert [row["job"] for row in ledger(project)] == ["job1", "job2"]


def test_job_whose_home_was_away_for_a_moment_runs_before_the_next(
    project, put, new_worker, new_dispatcher, monkeypatch,
):
    """It seemed to be gone when its file was opened."""
    put("job1", TRUE)
    put("job2", TRUE)
    worker, dispatcher = new_worker(), new_dispatcher()
    worker.request.withdraw()
    worker.request.pace = 0.01
    worker.announce()
    dispatcher.step()
    real, opened = project.files.read, []

    def read(path, *how):
        if "/running/" in path:
            opened.append(path)
            if len(opened) == 1:
                raise FileNotFoundError(2, "No such file or directory", path)
        return real(path, *how)

    monkeypatch.setattr(project.files, "read", read)
    work(worker, lambda: jobs_in(project, "done") == ["job1", "job2"])
    assert [row["job"] for row in ledger(project)] == ["job1", "job2"]


def test_namesake_of_a_running_job_is_a_job_of_its_own(
    project, put, new_worker, new_dispatcher,
):
    put("job1", "[control]\nexecutable: echo first; sleep 0.2 #\n")
    workers = [new_worker(), new_worker()]
    dispatcher = new_dispatcher()

    def step():
        dispatcher.step()
        workers[0].step()
        workers[1].step()

    repeat(step, project.running)
    put("job1", "[control]\nexecutable: echo second; exit 1 #\n")
    repeat(step, lambda: len(ledger(project)) == 2 and not project.running())
    assert jobs_in(project, "done") == jobs_in(project, "failed") == ["job1"]
    assert sorted(row["event"] for row in ledger(project)) == [
        "done", "failed",
    ]


def test_job_removed_while_it_waits_is_cancelled(
    project, put, new_worker, new_dispatcher,
):
    put("job1", TRUE)
    put("job2", TRUE)
    worker, dispatcher = new_worker(), new_dispatcher()
    dispatcher.queue.look()
    os.unlink(project.path("jobqueue", "job1"))
    work_off(worker, dispatcher, 1)
    assert [row["job"] for row in ledger(project)] == ["job2"]


@pytest.mark.parametrize("is_late", [False, True])
def test_job_removed_while_it_runs_is_not_accounted_for(
    project, begun, clock, is_late,
):
    """Its worker finds out by a heartbeat, or when it commits the end."""
    worker, dispatcher = begun("[control]\nexecutable: exec sleep 1234 #\n")
    run = worker.task.run
    os.unlink(project.job_file(run))
    if is_late:
        os.kill(worker.processes.child, signal.SIGKILL)
        work(worker, lambda: worker.task.ending)
        clock.now += DOUBT
    else:
        worker.next_beat = 0.0
    work(worker, lambda: not worker.task)
    found, = audit(project, myself())[1]
    assert found.startswith(f"{run.attempt}: ")


def test_job_removed_from_a_pod_is_cancelled(
    project, put, new_worker, new_dispatcher,
):
    for number in range(3):
        put(f"job{number}", TRUE)
    worker, dispatcher = new_worker(), new_dispatcher()
    worker.request.pace = 0.01
    worker.request.withdraw()
    worker.announce()
    dispatcher.step()
    given = sorted(project.given(worker.id))
    assert len(given) == 3
    worker.look_in_pod()
    os.unlink(project.given_job(worker.id, given[1]))
    work(worker, lambda: len(jobs_in(project, "done")) == 2)
    worker.step()
    assert jobs_in(project, "done") == ["job0", "job2"]
    assert [row["job"] for row in ledger(project)] == ["job0", "job2"]


# Several dispatchers

def test_standby_takes_over_when_the_other_has_gone(
    project, put, new_worker, new_dispatcher, clock, said,
):
    put("job1", TRUE)
    new_worker()
    first = new_dispatcher()
    second = new_dispatcher()
    second.succession.role = STANDBY
    second.step()
    assert project.waiting() == ["job1"]
    first.succession.leave()
    clock.now += second.step()
    assert second.succession.role != STANDBY
    second.step()
    assert project.waiting() == []


def test_one_pass_gives_out_what_there_is_and_leaves_the_workers(
    project, put, new_worker, new_dispatcher,
):
    put("job1", TRUE)
    put("job2", TRUE)
    lost = Attempt("job3", 1, Stamps(new_token(1.0)).new()).name
    open(project.path("running", f"{lost}@{GONE}"), "w").close()
    worker, dispatcher = new_worker(), new_dispatcher()
    dispatcher.make_one_pass()
    jobs = [Attempt.parse(n).job for n in project.given(worker.id)]
    assert jobs == ["job1", "job2"]  # A minute's work.
    assert len(project.waiting()) == 1  # Its file was just written.
    assert project.running() == project.orders() == []


# What users remove, or put where it does not belong

def take_turns(project, worker, until):
    """Steps as bin/fjd-worker takes them."""
    turn = patiently(worker.step, lambda text: None, project)
    repeat(turn, until)


@pytest.mark.parametrize("place", ["done", "joblogs", "running", "jobqueue"])
def test_directory_that_its_user_removes_is_made_anew(
    project, put, new_worker, new_dispatcher, place,
):
    put("job1", "[control]\nexecutable: echo hello #\n")
    worker, dispatcher = new_worker(), new_dispatcher()
    dispatcher.step()
    os.rmdir(project.path(place))
    take_turns(project, worker, lambda: os.path.isdir(project.path("done"))
               and jobs_in(project, "done") == ["job1"])
    assert [row["event"] for row in ledger(project)] == ["done"]
    assert log_of(project, "job1") == "hello\n"


def test_removed_queue_is_made_anew_when_a_job_goes_back(project, begun):
    worker, dispatcher = begun("[control]\nexecutable: sleep 1234 #\n")
    os.rmdir(project.path("jobqueue"))
    worker.order = "now"
    take_turns(project, worker, lambda: worker.has_left)
    assert [Attempt.parse(n).n for n in project.waiting()] == [1]


def test_home_that_may_not_be_read_for_a_while_was_not_removed(
    project, monkeypatch,
):
    def refuse(path):
        raise PermissionError(13, "Permission denied", path)

    device = project.device()
    monkeypatch.setattr(project.files, "names", refuse)
    assert not project.is_missing() and not project.is_gone(device)
    monkeypatch.undo()
    assert not project.is_missing() and not project.is_gone(device)


def test_what_an_editor_leaves_in_a_pod_keeps_nobody(project, new_worker):
    worker = new_worker()
    open(project.given_job(worker.id, ".job1.swp"), "w").close()
    worker.order = "drain"
    work(worker, lambda: worker.has_left)
    assert os.listdir(project.path("jobpods")) == []


def test_child_in_a_session_of_its_own_ends_with_a_timeout(
    project, begun, clock, home,
):
    worker, dispatcher = begun(
        "[control]\nexecutable: env -i setsid sh -c 'echo $$ > pid; exec sleep"
        " 1234' & sleep 1234 #\ntimeout: 1\n",
    )
    wait_until(lambda: (home / "pid").read_text())
    clock.now += 2.0
    work(worker, lambda: not worker.task)
    assert start_time(int((home / "pid").read_text())) == ""


def test_workers_are_left_to_another_dispatcher_that_is_active(
    project, new_worker, new_dispatcher,
):
    worker = new_worker()
    busy, other = new_dispatcher(keep_running=True), new_dispatcher()
    while not other.has_ended:
        other.step()
    busy.step()
    assert project.orders() == [] and project.pods() == [worker.id]


# Signals to a worker, and to its job in the same moment

# A handler of Python's runs between two steps of its code: a signal that comes
# just before one long sleep waits for its end.  Many short sleeps do not.
FOR_EVER = " any(time.sleep(0.01) for _ in iter(int, 1))"
TRAP = "trap 'exit 0' TERM; touch ready; while :; do sleep 0.01; done #"
HANDLER = f"{shlex.quote(sys.executable)} -c " + shlex.quote(
    "import signal, sys, time;"
    " signal.signal(signal.SIGTERM, lambda *_: sys.exit(0));"
    " open('ready', 'w');" + FOR_EVER) + " #"
WAITS = f"{shlex.quote(sys.executable)} -c " + shlex.quote(
    "import signal; ends = [signal.SIGTERM];"
    " signal.pthread_sigmask(signal.SIG_BLOCK, ends);"
    " open('ready', 'w'); signal.sigwait(ends)") + " #"
SLEEP = "touch ready; exec sleep 1234 #"


def end_unseen(worker, number=signal.SIGTERM):
    """Signal the job, once it is ready, until it has ended: the worker has
    not looked yet.
    """
    wait_until(lambda: os.path.exists("ready"))
    child = worker.processes.child
    os.kill(child, number)
    wait_until(lambda: stat_of(child)[0] == "Z")


def events(project):
    return [row["event"] for row in ledger(project)]


@pytest.mark.parametrize("command", [SLEEP, TRAP, HANDLER, "exec true #"])
@pytest.mark.parametrize("is_early", [True, False])
def test_job_that_ended_when_its_worker_was_signalled_waits_again(
    project, begun, command, is_early,
):
    """Also if the signal comes while the worker looks at the end."""
    worker, dispatcher = begun(f"[control]\nexecutable: {command}\n")
    if "true" in command:
        wait_until(lambda: stat_of(worker.processes.child)[0] == "Z")
    else:
        end_unseen(worker)
    if is_early:
        worker.heed_signal()
    else:
        worker.listen = worker.heed_signal
    work(worker, lambda: worker.has_left)
    assert [Attempt.parse(n).n for n in project.waiting()] == [1]
    assert [(row["event"], row["reason"]) for row in ledger(project)] == [
        ("given-back", INTERRUPTED)]
    assert project.running() == []


@pytest.mark.parametrize("number", [
    signal.SIGTERM, signal.SIGHUP, signal.SIGINT, signal.SIGKILL,
    signal.SIGUSR2,
])
def test_end_by_such_a_signal_may_yet_be_an_interruption(
    project, begun, clock, number,
):
    worker, dispatcher = begun(f"[control]\nexecutable: {SLEEP}\n")
    end_unseen(worker, number)
    assert 0 < worker.step() <= DOUBT
    clock.now += 0.2
    assert 0 < worker.step() <= 0.11
    assert events(project) == []
    worker.listen = worker.heed_signal
    clock.now += 5.0  # The worker was held up, and the signal was not.
    work(worker, lambda: worker.has_left)
    assert events(project) == ["given-back"]
    assert len(project.waiting()) == 1


@pytest.mark.parametrize("command, status", [
    ("kill -TERM $$", "signal 15"), ("kill -HUP $$", "signal 1"),
    ("kill -INT $$", "signal 2"),
    ("exit 143", "exit 143"), ("exit 129", "exit 129"),
    ("exit 130", "exit 130"), ("kill -KILL $$", "signal 9"),
    ("kill -USR1 $$", "signal 10"), ("exit 137", "exit 137"),
])
def test_end_by_such_a_signal_counts_after_a_moment(
    project, begun, clock, command, status,
):
    worker, dispatcher = begun(f"[control]\nexecutable: {command} #\n")
    work(worker, lambda: worker.task.ending)
    ended = clock.now
    clock.now += DOUBT - 0.01
    worker.step()
    assert events(project) == []
    clock.now += 0.02
    worker.step()
    row, = ledger(project)
    assert (row["event"], row["status"]) == ("failed", status)
    assert float(row["end"]) == ended
    assert jobs_in(project, "failed") == ["job1"]


@pytest.mark.parametrize("command, place", [
    ("true", "done"), ("exit 1", "failed"), ("exit 15", "failed"),
    ("exit 255", "failed"), ("trap : USR1 INT; true", "done"),
])
def test_any_other_end_counts_at_once(project, begun, command, place):
    """The clock stands still."""
    worker, dispatcher = begun(f"[control]\nexecutable: {command} #\n")
    work(worker, lambda: not worker.task)
    assert jobs_in(project, place) == ["job1"]


@pytest.mark.parametrize("command, place", [
    (TRAP, "done"), (TRAP.replace("exit 0", "exit 1"), "failed"),
    (TRAP.replace("TERM;", "HUP;"), "done"), ("exec " + HANDLER, "done"),
    ("exec " + WAITS, "done"),
])
@pytest.mark.parametrize("is_signalled", [True, False])
def test_end_of_a_job_that_catches_signals_counts_a_little_later(
    project, begun, clock, command, place, is_signalled,
):
    """It may be its answer to one, which its worker then gets, too."""
    worker, dispatcher = begun(f"[control]\nexecutable: {command}\n")
    wait_until(lambda: os.path.exists("ready"))
    worker.step()
    end_unseen(worker, getattr(
        signal, "SIGHUP" if "HUP" in command else "SIGTERM"))
    assert 0 < worker.step() <= SHORT_DOUBT
    assert events(project) == []
    if is_signalled:
        worker.heed_signal()
        work(worker, lambda: worker.has_left)
        assert events(project) == ["given-back"]
    else:
        clock.now += SHORT_DOUBT
        worker.step()
        assert events(project) == [place]


@pytest.mark.parametrize("command, place", [
    ("exec true", "done"), ("exit 4", "failed"),
])
def test_order_to_leave_now_undoes_no_end(
    project, begun, dispatcher_stamp, command, place,
):
    worker, dispatcher = begun(f"[control]\nexecutable: {command} #\n")
    wait_until(lambda: stat_of(worker.processes.child)[0] == "Z")
    project.send_order(Order(worker.id, dispatcher_stamp, "now"))
    worker.next_orders = 0.0
    work(worker, lambda: worker.has_left)
    assert worker.order == "now"
    assert jobs_in(project, place) == ["job1"]
    assert events(project) == [place]


@pytest.fixture
def dispatcher_stamp():
    return Stamps(new_token(1.0)).new()


def test_signal_undoes_no_end_that_was_recorded(
    project, begun, monkeypatch,
):
    worker, dispatcher = begun(TRUE)
    with monkeypatch.context() as patches:
        patches.setattr(project, "end", full)
        with pytest.raises(OSError):
            work(worker, lambda: False)
    worker.heed_signal()
    work(worker, lambda: worker.has_left)
    assert events(project) == ["done"]
    assert jobs_in(project, "done") == ["job1"]


def test_what_a_cut_off_job_left_running_is_ended(project, begun, home):
    worker, dispatcher = begun(
        "[control]\nexecutable: trap 'exit 0' TERM; sleep 1234 &"
        " echo $! > pid; touch ready; while :; do sleep 0.01; done #\n")
    end_unseen(worker)
    assert start_time(int((home / "pid").read_text()))
    worker.heed_signal()
    work(worker, lambda: worker.has_left)
    assert start_time(int((home / "pid").read_text())) == ""


def test_job_taken_away_while_its_end_is_in_doubt_is_superseded(
    project, begun, clock,
):
    worker, dispatcher = begun("[control]\nexecutable: kill $$ #\n")
    work(worker, lambda: worker.task.ending)
    os.unlink(project.job_file(worker.task.run))
    worker.next_beat = 0.0
    worker.step()
    assert not worker.task and not worker.has_left
    assert events(project) == ["superseded"]


def test_interrupted_job_waits_again_also_without_room(
    project, begun, monkeypatch,
):
    worker, dispatcher = begun(f"[control]\nexecutable: {SLEEP}\n")
    end_unseen(worker)
    monkeypatch.setattr(worker.ledger, "write", full)
    worker.heed_signal()
    take_turns(project, worker, lambda: worker.has_left)
    assert [Attempt.parse(n).n for n in project.waiting()] == [1]


# Jobs that signal their workers

@pytest.fixture
def interrupt(project, new_worker, clock):
    """interrupt(seconds): a worker begins the first job, and is signalled so
    long after it.
    """
    stamps = Stamps(new_token(1.0))

    def interrupt(seconds=0.0, signals=True, **limits):
        worker = new_worker(**limits)
        name = min(project.waiting())
        attempt = Attempt.parse(name)._replace(stamp=stamps.new())
        project.assign(name, worker.id, attempt)
        work(worker, lambda: worker.task)
        clock.now += seconds
        if signals:
            worker.heed_signal()
        else:
            project.send_order(Order(worker.id, stamps.new(), "now"))
            worker.next_orders = 0.0
        work(worker, lambda: worker.has_left)
    return interrupt


LONG_JOB = "[control]\nexecutable: exec sleep 1234 #\n"


def test_job_that_is_always_interrupted_fails_and_why_says_so(
    project, put, interrupt,
):
    put("job1", LONG_JOB)
    for _ in range(MOST - 1):
        interrupt()
        assert [Attempt.parse(n).n for n in project.waiting()] == [1]
    interrupt()
    assert project.waiting() == [] and jobs_in(project, "failed") == ["job1"]
    assert events(project) == ["given-back"] * (MOST - 1) + ["failed"]
    text = "its worker was signalled 10 times within 10 s of its start"
    assert text in "\n".join(why(project, myself(), "job1"))
    assert log_of(project, "job1") == f"[fjd-worker] job1: {text}\n"


def test_nothing_but_signals_soon_after_the_start_makes_a_job_fail(
    project, put, interrupt, three,
):
    put("job1", LONG_JOB)
    for _ in range(3):
        interrupt(signals=False)
        interrupt(SOON)
    for _ in range(2):
        interrupt(SOON - 0.1)
    assert len(project.waiting()) == 1
    reasons = [row["reason"] for row in ledger(project)]
    assert reasons.count(SIGNALLED) == 3
    assert reasons.count(INTERRUPTED) == 2
    interrupt()
    assert jobs_in(project, "failed") == ["job1"]


@pytest.fixture
def three(monkeypatch):
    monkeypatch.setattr("fjd.roles.interruption.MOST", 3)


def test_count_of_interruptions_begins_again_when_a_job_has_failed_of_them(
    project, put, interrupt, three,
):
    put("job1", LONG_JOB + "retries: 1\n")
    for _ in range(5):
        interrupt()
    assert [Attempt.parse(n).n for n in project.waiting()] == [2]
    interrupt()
    assert jobs_in(project, "failed") == ["job1"]
    back = ["given-back", "given-back"]
    assert events(project) == back + ["retried"] + back + ["failed"]
    assert [row["reason"] for row in ledger(project)].count(GIVEN_UP) == 2


def test_interruptions_of_a_namesake_and_of_others_do_not_count(
    project, put, interrupt, three,
):
    for text in ("first", "second"):
        put("job1", f"[control]\nexecutable: exec sleep 1234 # {text}\n")
        for _ in range(2):
            interrupt()
        name, = project.waiting()
        os.unlink(project.path("jobqueue", name))
        put("job2", LONG_JOB)
        interrupt()
        name, = project.waiting()
        os.unlink(project.path("jobqueue", name))
        for path in project.ledger_files():
            os.utime(path, (1.0, 1.0))  # It was some time ago.


def test_interruptions_do_not_count_where_ledgers_are_gone(
    project, put, interrupt, three,
):
    put("job1", LONG_JOB)
    for _ in range(5):
        interrupt()
        for path in project.ledger_files():
            os.unlink(path)
    assert len(project.waiting()) == 1


def test_ledgers_that_cannot_be_read_hold_up_no_interrupted_job(
    project, put, interrupt, three, monkeypatch,
):
    def fail():
        raise OSError(5, "Input/output error")

    put("job1", LONG_JOB)
    monkeypatch.setattr(project, "ledger_files", fail)
    for _ in range(4):
        interrupt()
    assert len(project.waiting()) == 1


def test_no_ledger_is_read_unless_a_signal_comes_soon(
    project, put, interrupt, monkeypatch,
):
    put("job1", LONG_JOB)
    monkeypatch.setattr("fjd.roles.interruption.returns", None)
    interrupt(signals=False)
    interrupt(SOON)
    monkeypatch.undo()
    interrupt()
    assert len(project.waiting()) == 1
