"""A disk that is full for a while: said in one line, and nothing is lost."""
import os

import pytest

from helpers import (
    fjd, finish, jobs_in, log_of, ok, run, start, wait_until,
)

pytestmark = [
    pytest.mark.slow,
    pytest.mark.needs("mount"),
]
BYTES = 3 << 20


@pytest.fixture
def disk(tmp_path, monkeypatch):
    """A small disk of its own, on which the projects are."""
    disk = tmp_path / "disk"
    disk.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", f"mode=700,size={BYTES}", "tmpfs"]
    assert run(mount + [str(disk)]).returncode == 0
    monkeypatch.setenv("FJD_DIR", str(disk))
    yield disk
    fjd("fjd-recruiter", "fire")
    wait_until(lambda: run(["umount", str(disk)]).returncode == 0)


@pytest.fixture
def project(disk):
    from fjd.project import Project
    ok("fjd-recruiter", "hire", "0")  # This makes the project.
    return Project(str(disk / "default"))


def fill(disk):
    """Take all the room there is."""
    with open(str(disk / "filler"), "wb", buffering=0) as filler:
        with pytest.raises(OSError):
            while True:
                filler.write(b"x" * 512)


def test_all_goes_on_when_there_is_room_again(project, put, disk):
    """The disk is full while one job runs, and others wait."""
    gate = disk / "gate"
    os.mkfifo(str(gate))
    put("job1", f"[control]\nexecutable: cat '{gate}' #\n")
    put("job2", "[control]\nexecutable: echo done; exit 4 #\n")
    worker = start("fjd-worker")
    dispatcher = start("fjd-dispatcher")
    wait_until(lambda: project.running())
    fill(disk)
    gate.write_text("")
    wait_until(lambda: worker.stdout.readline().endswith(
        "No space left on device; trying again.\n"))
    assert len(project.running()) == 1
    full = f"{project.root}: the disk is full; what has ended waits until" \
        " there is room to record it"
    assert full in ok("fjd", "status")
    (disk / "filler").unlink()
    assert "[fjd-dispatcher] 1 done, 1 failed: job2 (exit 4)\n" in finish(
        dispatcher)
    finish(worker)
    assert full not in ok("fjd", "status")
    assert log_of(project, "job2") == "done\n[fjd-worker] job2: exit 4\n"
    assert ok("fjd", "audit")[-1].endswith(": 0 not accounted for")


@pytest.mark.parametrize("begin, end, status, how", [
    ("echo hello", "true", 0, "exit 0"), ("", "exit 4", 3, "exit 4"),
    ("", "true", 0, "exit 0"),
])
def test_a_log_that_may_be_short_is_told(
    project, put, disk, begin, end, status, how,
):
    """A job prints while the disk is full, and nothing tells it."""
    gate = disk / "gate"
    os.mkfifo(str(gate))
    put("job1", f"#!/bin/sh\n{begin}\ncat '{gate}'\n"
        f"head -c 100000 /dev/zero; {end}\n", mode=0o700)
    worker = start("fjd-worker")
    dispatcher = start("fjd-dispatcher")
    wait_until(lambda: project.running())
    fill(disk)
    gate.write_text("")
    wait_until(lambda: worker.stdout.readline().endswith(
        "No space left on device; trying again.\n"))
    (disk / "filler").unlink()
    said = finish(dispatcher)
    finish(worker)
    told = f"job1 ({how}, disk was full: the log may be short)"
    assert told in said and dispatcher.returncode == status
    assert any("disk was full: the log may be short" in line
               for line in ok("fjd", "why", "job1"))


def test_worker_leaves_on_a_signal_also_if_it_cannot_record_an_end(
    project, put, disk,
):
    gate = disk / "gate"
    os.mkfifo(str(gate))
    put("job1", f"[control]\nexecutable: cat '{gate}' #\n")
    worker = start("fjd-worker")
    dispatcher = start("fjd-dispatcher", "--keep-running")
    wait_until(lambda: project.running())
    fill(disk)
    gate.write_text("")
    wait_until(lambda: worker.stdout.readline().endswith(
        "No space left on device; trying again.\n"))
    worker.terminate()
    assert finish(worker).endswith(
        "Leaving, and cannot record an end: No space left on device.\n")
    assert worker.returncode == 0
    (disk / "filler").unlink()
    wait_until(lambda: project.waiting())
    dispatcher.terminate()
    finish(dispatcher)
    gate.unlink()
    gate.write_text("")
    start_again = start("fjd-worker")
    ok("fjd-dispatcher")
    finish(start_again)
    assert jobs_in(project, "done") == ["job1"]
    assert ok("fjd", "audit")[-1].endswith(": 0 not accounted for")


def test_dispatcher_and_hire_say_that_the_disk_is_full(project, put, disk):
    put("job1", "[control]\nexecutable: true\n")
    fill(disk)
    for command in (["fjd-dispatcher"], ["fjd-recruiter", "hire", "1"]):
        result = fjd(*command)
        assert result.returncode == 74
        assert result.stderr.endswith(": No space left on device\n")
        assert result.stderr.count("\n") == 1
    (disk / "filler").unlink()
    ok("fjd-recruiter", "hire", "1")
    ok("fjd-dispatcher")
    assert jobs_in(project, "done") == ["job1"]
    assert ok("fjd", "audit")[-1].startswith("0 waiting, 0 held, 0 given ")
