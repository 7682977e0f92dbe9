"""What a dispatcher without workers says of those that batch systems have."""
import os

import pytest

from helpers import BIN, fjd, wait_until

from fakeslurm import FakeSlurm

from fjd.hosts import allocations
from fjd.members import myself
from fjd.verbs import places
from fjd.verbs.places import by_records, SystemsDispatcher, Wait

RECORDS = ["waits for Slurm: 3 workers may still come"]


class Clock:
    now = 1000.0

    def monotonic(self):
        return self.now


@pytest.fixture
def clock(monkeypatch):
    clock = Clock()
    monkeypatch.setattr(places, "time", clock)
    return clock


@pytest.fixture
def slurm(tmp_path, monkeypatch):
    fake = FakeSlurm(tmp_path / "slurm")
    monkeypatch.setenv("PATH", f"{fake.place}:{os.environ['PATH']}")
    monkeypatch.setattr("sys.argv", [os.path.join(BIN, "fjd-dispatcher")])
    return fake


@pytest.fixture
def submitted(project, slurm, put):
    """Three workers that wait, and a job."""
    name = allocations.claim(
        project, "slurm", [], myself(), 3, scheduler="slurm", section="slurm")
    allocations.amend(project, name, "id", "7")
    job = allocations.record(project, name).job
    slurm.let(tasks={f"7_{k}": {"state": "PD", "name": job, "number": "7"}
                     for k in (1, 2, 3)})
    put("job1", "[control]\nexecutable: true\n")
    return name


@pytest.fixture
def wait(project, clock):
    said = []
    wait = Wait(project, said.append)
    wait.said = said
    yield wait
    wait.end()


def look(wait):
    """Look, and let the answer come."""
    wait.look()
    if wait.process:
        wait_until(lambda: wait.process.poll() is not None)
        wait.look()


def test_it_is_said_once_and_again_when_it_changes(
    wait, clock, slurm, submitted,
):
    three = "waits for Slurm: 3 workers pending (Priority)"
    look(wait)
    assert (wait.said, wait.is_on) == ([three], True)
    slurm.set("", "7_3")
    look(wait)
    assert wait.said == [three] and len(slurm.calls("squeue")) == 1
    for _ in range(2):
        clock.now += places.PERIOD
        look(wait)
    assert wait.said == [
        three, "waits for Slurm: 2 workers pending (Priority)"]


def test_it_never_waits_for_squeue(wait, clock, slurm, submitted):
    slurm.let(hang=["squeue"])
    wait.look()
    wait.look()
    assert wait.process.poll() is None and wait.said == []
    clock.now += places.PATIENCE + 1
    wait.look()
    assert (wait.said, wait.process, wait.is_on) == (RECORDS, None, True)


def test_when_nothing_is_pending_any_more_nobody_is_waited_for(
    wait, clock, slurm, submitted,
):
    slurm.let(tasks={})
    look(wait)
    assert (wait.said, wait.is_on) == ([], False)


def test_without_allocations_nobody_is_asked(wait, clock, slurm, put):
    put("job1", "")
    look(wait)
    assert (wait.said, wait.process, wait.is_on) == ([], None, False)


def test_files_tell_how_many_may_come(project, submitted):
    allocations.amend(project, submitted, "cancelled", "3")
    assert list(by_records(project)) == []


@pytest.mark.parametrize("hires, is_on, alone", [
    (False, True, 0), (False, False, 1), (True, True, 1)])
def test_nobody_is_told_to_hire_while_workers_may_come(
    monkeypatch, hires, is_on, alone,
):
    calls = []
    monkeypatch.setattr(
        places.Dispatcher, "when_alone", lambda self: calls.append(1))
    dispatcher = SystemsDispatcher.__new__(SystemsDispatcher)
    dispatcher.hiring = hires
    dispatcher.systems = Wait(None, None)
    dispatcher.systems.is_on = is_on
    monkeypatch.setattr(dispatcher.systems, "look", lambda: None)
    dispatcher.when_alone()
    assert len(calls) == alone


def test_one_pass_says_what_files_tell(submitted, slurm):
    result = fjd("fjd-dispatcher", "--once")
    assert f"[fjd-dispatcher] {RECORDS[0]}\n" in result.stdout
    assert "there is no worker" not in result.stdout
    assert slurm.calls("squeue") == []
    assert fjd("fjd-dispatcher", "--once", "--quiet").stdout == ""
