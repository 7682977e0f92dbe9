"""A list of jobs that is stopped."""
import os
from math import inf
from types import SimpleNamespace

import pytest

from fakeslurm import FakeSlurm

from fjd.errors import Hopeless
from fjd.hosts import allocations
from fjd.members import myself
from fjd.verbs.batch import ListRun
from fjd.wakeup import LEAVE


@pytest.mark.parametrize("deadline, signals, ends", [
    (inf, set(), False), (0.0, set(), True),
    (inf, {min(LEAVE)}, True),
])
def test_workers_that_are_told_to_leave_are_not_waited_for_for_ever(
    deadline, signals, ends,
):
    """As where the disk has no room for the order."""
    run = ListRun.__new__(ListRun)
    run.deadline, run.is_stopping = deadline, True
    run.hiring = SimpleNamespace(listen=lambda: None)
    if ends:
        with pytest.raises(KeyboardInterrupt):
            run.heed(signals)
    else:
        run.heed(signals)


@pytest.mark.parametrize("all_written, is_moving, times", [
    ([True], False, 1), ([False, False, True], True, 3), ([False], False, 1),
])
def test_what_had_ended_is_printed_before_the_end_as_long_as_it_is_read(
    all_written, is_moving, times,
):
    calls, left = [], list(all_written)
    printer = SimpleNamespace(
        work=lambda patience: calls.append("work") or left.pop(0),
        is_moving=is_moving)
    alarm = SimpleNamespace(wait=lambda seconds: set())
    run = SimpleNamespace(
        printer=printer, mind=lambda signals: None,
        outcome=SimpleNamespace(update=lambda: calls.append("update")),
        dispatcher=SimpleNamespace(alarm=alarm))
    ListRun.print_ended(run)
    assert calls == ["update"] + times * ["work"]


def test_a_second_signal_ends_the_printing():
    def interrupt(signals):
        raise KeyboardInterrupt
    works = []
    run = SimpleNamespace(
        printer=SimpleNamespace(work=works.append, is_moving=True),
        mind=interrupt, outcome=SimpleNamespace(update=lambda: None),
        dispatcher=SimpleNamespace(
            alarm=SimpleNamespace(wait=lambda seconds: set())))
    ListRun.print_ended(run)
    assert len(works) == 1


@pytest.mark.parametrize("error, left", [
    (KeyboardInterrupt, 0), (Hopeless, 1)])
def test_a_second_signal_leaves_no_workers_that_wait(
    project, tmp_path, monkeypatch, error, left,
):
    fake = FakeSlurm(tmp_path / "slurm")
    monkeypatch.setenv("PATH", f"{fake.place}:{os.environ['PATH']}")
    name = allocations.claim(
        project, "slurm", [], myself(), 1, scheduler="slurm", section="slurm")
    allocations.amend(project, name, "id", "7")
    job = allocations.record(project, name).job
    fake.let(tasks={"7_1": {"state": "PD", "name": job, "number": "7"}})

    def fail():
        raise error("a second one")
    said, abandoned = [], []
    run = ListRun.__new__(ListRun)
    run.project, run.report, run.fire = project, said.append, fail
    run.hiring = SimpleNamespace(abandon=lambda: abandoned.append(1))
    run.stop()
    assert said[-1].startswith("Some workers have not left; to end them: ")
    assert len(fake.states()) == len(allocations.names(project)) == left
    assert len(abandoned) == 1 - left
