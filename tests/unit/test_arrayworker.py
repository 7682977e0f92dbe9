"""A worker that runs ranges, step by step in one process."""
import errno
import os

import pytest

from helpers import jobs_in, ledger, repeat

from fjd import files
from fjd.ledger import DONE, Entry, FAILED, RETRIED
from fjd.names import Attempt, Range, Running
from fjd.verbs.newarray import Common, put_list, put_range
from fjd.project import NOW
from fjd.roles.interruption import TOLD

STAMP = "0123456789abcdef0-1"


@pytest.fixture(autouse=True)
def local(monkeypatch):
    """Workers write each line at once, also where this home is no disk."""
    monkeypatch.setattr(files, "is_local", lambda path: True)


@pytest.fixture
def given(project, new_worker):
    """given(lines, n, keys): a worker with a range of these in its pod."""
    def given(lines, n=1, part=None, **keys):
        data = "".join(f"{line}\n" for line in lines).encode()
        put_list(project, "sim", data, STAMP)
        common = Common("", os.getcwd(), tuple(keys.items()))
        put_range(project, "sim", 1, len(lines), common, 0, STAMP)
        name, = project.waiting()
        worker = new_worker()
        part = part or Range("sim", 1, 1, len(lines))
        project.assign(name, worker.id, Attempt(part.job, n, STAMP))
        return worker
    return given


def work(worker, until=lambda: False):
    """Until the range has gone, or that."""
    project = worker.project
    repeat(worker.step, lambda: until() or not (
        worker.range or worker.task or worker.given
        or project.given(worker.id) or project.runs_of(worker.id)))


def names_in(project, place):
    return [Attempt.parse(job)[:2] for job in project.names(place)]


def rows(project):
    return [(row["event"], row["task"]) for row in ledger(project)]


def test_a_range_ends_with_a_line_for_each_task(project, given):
    work(given(["true", "false", "echo hello"]))
    assert names_in(project, "failed") == [("sim=1.4-3x1", 1)]
    assert rows(project) == [(DONE, "1"), (FAILED, "2"), (DONE, "3")]
    assert jobs_in(project, "done") == jobs_in(project, "running") == []


def test_a_task_has_names_and_an_attempt_of_its_own(project, given):
    script = 'echo "$FJD_JOB $FJD_TASK $FJD_ATTEMPT" >> seen; exit $((3 - N))'
    work(given([f"N={n}; {script}" for n in (2, 3)], retries="1"))
    attempt = f"sim=1.1-2~1.{STAMP}"
    with open("seen") as file:
        assert file.read().splitlines() == [
            f"sim:1 1 {attempt}:1~1", f"sim:1 1 {attempt}:1~2",
            f"sim:2 2 {attempt}:2~1"]


def test_a_failed_task_is_tried_again_at_once_and_in_place(project, given):
    work(given(["test -e x || { touch x; exit 1; }", "true"], retries="2"))
    assert rows(project) == [(RETRIED, "1"), (DONE, "1"), (DONE, "2")]
    assert names_in(project, "done") == [("sim=1.3-2", 1)]


def test_tries_before_count(project, given):
    """n is those of the first task to do, in this and in other attempts."""
    work(given(["false", "false"], n=2, retries="1"))
    assert rows(project) == [(FAILED, "1"), (RETRIED, "2"), (FAILED, "2")]


@pytest.mark.parametrize("n, retries, is_given_up", [
    (3, "0", False), (4, "0", True), (5, "4", False), (6, "4", True)])
def test_a_task_that_kills_workers_is_given_up_alone(
    project, given, n, retries, is_given_up,
):
    work(given(["true", "true"], n=n, retries=retries))
    first, second = ledger(project)
    reason = f"given up after {n - 1} attempt(s)" if is_given_up else ""
    assert (first["event"], first["reason"]) == (
        FAILED if is_given_up else DONE, reason)
    assert second["event"] == DONE


def test_a_cancelled_task_does_not_begin(project, given):
    project.files.create(project.path("cancelled", "sim=2"))
    work(given(["true", "touch ran", "true"]))
    assert rows(project) == [(DONE, "1"), ("cleaned", "2"), (DONE, "3")]
    assert names_in(project, "done") == [("sim=1.4-3", 1)]
    assert not os.path.exists("ran")


def test_a_task_that_is_cancelled_ends(project, given, clock):
    worker = given(["sleep 1234 #", "true"])
    work(worker, lambda: worker.task)
    project.files.create(project.path("cancelled", "sim=1"))
    clock.now += 11.0
    work(worker)
    assert rows(project) == [("cleaned", "1"), (DONE, "2")]


def test_what_is_left_goes_back_when_the_worker_leaves(project, given):
    worker = given(["true", "false", "sleep 1234 #", "true"])
    work(worker, lambda: worker.task and worker.task.number == 3)
    worker.order = NOW
    work(worker, lambda: not worker.range)
    assert names_in(project, "jobqueue") == [("sim=1.3-4x1", 1)]
    assert rows(project)[-1] == ("given-back", "3")
    assert ledger(project)[-1]["reason"] == TOLD


def test_a_try_that_goes_back_keeps_its_number(project, given):
    worker = given(["true", "test -e x && sleep 1234; touch x; false"],
                   retries="3")
    work(worker, lambda: worker.range and worker.range.ends.retried
         and worker.task)
    worker.order = NOW
    work(worker, lambda: not worker.range)
    assert names_in(project, "jobqueue") == [("sim=1.2-2", 2)]


def failing(monkeypatch, project, name, happens, number=errno.EIO):
    """The next call of that function fails, perhaps after it happened."""
    real = getattr(project.files, name)

    def call(*arguments):
        monkeypatch.setattr(project.files, name, real)
        if happens:
            real(*arguments)
        raise OSError(number, os.strerror(number))
    monkeypatch.setattr(project.files, name, call)


@pytest.mark.parametrize("happens", [True, False])
def test_an_end_whose_answer_is_lost_is_an_end(
    project, given, monkeypatch, happens,
):
    worker = given(["true"])
    work(worker, lambda: worker.task)
    failing(monkeypatch, project, "move", happens)
    with pytest.raises(OSError):
        work(worker)
    worker.next_beat = 0.0  # It looks whether the range is still its own.
    work(worker)
    assert names_in(project, "done") == [("sim=1.2-1", 1)]
    assert rows(project) == [(DONE, "1")]


def test_a_range_is_adopted_with_the_ends_that_its_worker_recorded(
    project, given,
):
    worker = given(["true", "false", "true"])
    name, = project.given(worker.id)
    project.begin(Running(name, worker.id))
    worker.ledger.write(Entry(DONE, "sim:1", name, task="1"))
    work(worker, lambda: worker.range)
    work(worker)
    assert rows(project) == [(DONE, "1"), (FAILED, "2"), (DONE, "3")]
    assert names_in(project, "failed") == [("sim=1.4-3x1", 1)]


def test_a_line_that_a_failed_flush_may_have_lost_is_written_again(
    project, given, monkeypatch,
):
    worker = given(["false", "true"])
    failing(monkeypatch, project, "sync", False, errno.ENOSPC)
    with pytest.raises(OSError):
        work(worker)
    work(worker)
    assert rows(project) == [(FAILED, "1"), (FAILED, "1"), (DONE, "2")]
    assert names_in(project, "failed") == [("sim=1.3-2x1", 1)]


def test_a_line_that_could_not_be_written_is_written_once(
    project, given, monkeypatch,
):
    worker = given(["false"], retries="1")
    work(worker, lambda: worker.task)
    failing(monkeypatch, project, "append", False, errno.ENOSPC)
    with pytest.raises(OSError):
        work(worker)
    work(worker)
    assert rows(project) == [(RETRIED, "1"), (FAILED, "1")]


def test_after_an_error_a_task_has_its_own_line(project, given, monkeypatch):
    """Not that of the task before it, and not none."""
    worker = given(["echo a >> ran", "echo b >> ran"])
    work(worker, lambda: worker.range)
    lot = worker.range
    lot.open_list()
    lot.number = 2
    failing(monkeypatch, project, "read", False)
    with pytest.raises(OSError):
        lot.find_line()
    assert lot.find_line() == "echo b >> ran"


def test_a_list_without_the_line_fails_the_task(project, given):
    worker = given(["true", "true"], part=Range("sim", 1, 1, 3))
    work(worker)
    assert rows(project) == [(DONE, "1"), (DONE, "2"), (FAILED, "3")]


def test_a_range_whose_list_is_missing_fails_whole(project, given):
    worker = given(["true", "true"])
    project.files.remove(project.path("arrays", "sim"))
    work(worker)
    assert names_in(project, "failed") == [("sim=1.1-2", 1)]
    assert "does not exist" in ledger(project)[0]["reason"]


def test_a_range_that_was_taken_away_is_dropped(project, given, clock):
    worker = given(["true", "sleep 1234 #"])
    work(worker, lambda: worker.task and worker.task.number == 2)
    run, = project.runs_of(worker.id)
    project.requeue(run, f"sim=1.2-2~2.{STAMP[:-1]}9")
    clock.now += 11.0
    work(worker)
    assert rows(project) == [(DONE, "1"), ("superseded", "2")]
    assert not worker.task and not worker.range
