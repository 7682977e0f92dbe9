"""A disk that was full may have cut what a job printed."""
import os
from types import SimpleNamespace

import pytest

from helpers import ledger
from test_roles import (  # noqa: F401
    begun, clock, new_dispatcher, new_worker, said, work,
)

from fjd import files
from fjd.ledger import DONE, Entry, FAILED, SHORT
from fjd.members import BEAT
from fjd.verbs.summary import Outcome

JOB = "[control]\nexecutable: {}cat gate; exit {} #\n"


def disk(**free):
    whole = dict(f_blocks=1000, f_frsize=4096, f_bavail=900, f_files=1000,
                 f_favail=900)
    return SimpleNamespace(**{**whole, **free})


@pytest.mark.parametrize("free, has_room", [
    ({}, True), ({"f_bavail": 256}, True), ({"f_bavail": 255}, False),
    ({"f_bavail": 3, "f_frsize": 1 << 20}, True), ({"f_favail": 16}, True),
    ({"f_favail": 15}, False), ({"f_favail": 0, "f_files": 0}, True),
    ({"f_bavail": 0, "f_blocks": 0}, True),
])
def test_a_disk_has_room_if_so_much_is_free(monkeypatch, free, has_room):
    monkeypatch.setattr(files.os, "statvfs", lambda path: disk(**free))
    assert files.has_room("/") == has_room


def test_a_disk_that_does_not_tell_has_room(tmp_path):
    assert files.has_room(str(tmp_path / "no such directory"))


@pytest.fixture
def ended(home, project, begun, clock, monkeypatch):  # noqa: F811
    """ended(...): the ledger's line of a job, and all lines of a summary."""
    def ended(prints="echo hello; ", status=0, then=(), last=True):
        """There is room or not at each heartbeat of then, and at last."""
        room = [True]
        monkeypatch.setattr(files, "has_room", lambda path: room[0])
        os.mkfifo(str(home / "gate"))
        worker, _ = begun(JOB.format(prints, status))
        if prints:
            work(worker, lambda: os.path.getsize(worker.log.draft))
        for room[0] in then:
            clock.now += BEAT
            worker.step()
        room[0] = last
        (home / "gate").write_text("")
        work(worker, lambda: not worker.task)
        outcome = Outcome(project, {})
        outcome.update()
        row, = ledger(project)
        return row, outcome.summary()
    return ended


@pytest.mark.parametrize("how", [
    dict(last=False), dict(then=[False]), dict(then=[True, False, True]),
    dict(then=[False], prints=""), dict(last=False, prints=""),
])
@pytest.mark.parametrize("status, event, line", [
    (0, DONE, "Done: job1 (exit 0, disk was full: the log may be short)"),
    (4, FAILED, "0 done, 1 failed: job1 (exit 4, disk was full: the log may be"
     " short)"),
])
def test_a_disk_that_was_full_is_told(ended, how, status, event, line):
    row, summary = ended(status=status, **how)
    assert (row["event"], row["reason"]) == (event, SHORT)
    assert row["status"] == f"exit {status}"
    assert line in summary


@pytest.mark.parametrize("how", [{}, dict(then=[True, True])])
def test_a_disk_that_has_room_is_not(ended, how):
    row, summary = ended(**how)
    assert (row["reason"], summary) == ("", ["1 done, 0 failed"])


def test_a_reason_of_its_own_stays():
    entry = Entry(FAILED, "a", "a~1.a-1", reason=f"timeout; {SHORT}")
    assert entry.how == f"timeout; {SHORT}"
