"""FJD_SLOT: jobs that run at the same time here have different ones."""
import os
import signal

import pytest

from helpers import fjd, ok, wait_until

from fjd.members import read_member

HOLD = "echo $FJD_SLOT >slot-{}; while [ ! -e end ]; do sleep 0.1; done"


@pytest.fixture(autouse=True)
def nobody_is_left(project, home):
    yield
    (home / "end").touch()
    fjd("fjd-recruiter", "fire")


def slots(home, *names):
    """What the jobs of these names have, as soon as they run."""
    files = [home / f"slot-{name}" for name in names]
    return wait_until(lambda: all(
        file.exists() and file.read_text() for file in files) and [
            int(file.read_text()) for file in files])


def put_holding(*names):
    for name in names:
        ok("fjd", "put", "--name", name, HOLD.replace("{}", name))


def test_a_killed_workers_slot_is_the_next_ones(project, home, monkeypatch):
    """Nor does that of a job around the workers matter."""
    monkeypatch.setenv("FJD_SLOT", "9")
    names = ["a", "b", "c"]
    put_holding(*names)
    ok("fjd-recruiter", "--session", "process", "hire", "3")
    ok("fjd-dispatcher", "--once", "--quiet")
    assert sorted(slots(home, *names)) == [1, 2, 3]
    killed = next(run for run in project.running()
                  if run.attempt.startswith("b~"))
    slot, = slots(home, "b")
    identity = read_member(project, "workers", killed.worker).identity
    os.kill(identity.pid, signal.SIGKILL)
    # Its job is run again, by a new worker.
    wait_until(lambda: killed.worker not in project.names("workers"))
    (home / "slot-b").unlink()
    ok("fjd-recruiter", "--session", "process", "hire", "3")
    ok("fjd-dispatcher", "--once", "--quiet")
    assert slots(home, "b") == [slot]


def test_workers_of_a_run_share_the_slots_among_them(home):
    result = fjd("fjd", "run", "-k", "-j3", "echo $FJD_SLOT; sleep 0.3; #",
                 ":::", "a", "b", "c")
    assert sorted(result.stdout.split()) == ["1", "2", "3"]
