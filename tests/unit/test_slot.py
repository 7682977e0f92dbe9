"""Slots: each worker of a project on a host has one of its own."""
import errno
import os
import signal
import subprocess
import sys

import pytest

from helpers import PIPE, ROOT, wait_until

from fjd.hosts import slot
from fjd.proc import stat_of

# Prints its slot, and the slot that a child without the socket would get.
HOLDER = f"""import subprocess, sys; sys.path.insert(0, {ROOT!r})
from fjd.hosts import slot
print(slot.bind(sys.argv[1]), flush=True)
child = subprocess.Popen(["sleep", "60"], close_fds=False)
print(child.pid, flush=True); sys.stdin.read(); child.kill()"""


@pytest.fixture
def holders(tmp_path):
    """holders(number) starts so many at once: {their slots: (process, pid of
    a child)}.
    """
    found = []

    def start(number, root=str(tmp_path)):
        new = [subprocess.Popen(
            [sys.executable, "-S", "-c", HOLDER, root], stdin=PIPE,
            stdout=PIPE, encoding="utf-8") for _ in range(number)]
        found.extend(new)
        told = [list(map(int, [one.stdout.readline(), one.stdout.readline()]))
                for one in new]
        return {number: (one, child) for one, (number, child)
                in zip(new, told)}
    yield start
    for one in found:
        one.send_signal(signal.SIGCONT)
        one.communicate()


def test_many_at_once_have_different_ones(holders):
    assert sorted(holders(12)) == list(range(1, 13))


def test_that_of_a_killed_one_is_free_though_its_job_lives_on(holders):
    process, child = holders(4)[2]
    process.kill()
    process.wait()
    try:
        assert stat_of(child)[0] not in "ZX"
        assert list(holders(1)) == [2]
    finally:
        os.kill(child, signal.SIGKILL)


def test_one_that_is_stopped_keeps_its_own(holders):
    process, _ = holders(2)[1]
    process.send_signal(signal.SIGSTOP)
    wait_until(lambda: stat_of(process.pid)[0] == "T")
    assert list(holders(1)) == [3]


def test_projects_know_nothing_of_one_another(holders, tmp_path):
    other = tmp_path / "other"
    other.mkdir()
    assert sorted(holders(2)) == [1, 2]
    assert sorted(holders(2, str(other))) == [1, 2]
    (tmp_path / "link").symlink_to(other)
    assert list(holders(1, str(tmp_path / "link"))) == [3]


def test_names_tell_users_apart_and_fit(monkeypatch, tmp_path):
    mine = slot.name_of(str(tmp_path), 1)
    monkeypatch.setattr(os, "geteuid", lambda: 2**32 - 2)
    assert slot.name_of(str(tmp_path), 1) != mine
    assert len(slot.name_of("/" + "x" * 300, 10**6)) <= 108


@pytest.mark.parametrize("number", [
    errno.EINVAL, errno.ENOENT, errno.EAFNOSUPPORT])
def test_without_such_sockets_it_is_1(monkeypatch, tmp_path, number):
    class Refusing:
        def bind(self, name):
            raise OSError(number, os.strerror(number))

    monkeypatch.setattr(slot, "socket", lambda *_: Refusing())
    monkeypatch.setenv("FJD_SLOT", "7")
    slot.take(str(tmp_path))
    assert os.environ["FJD_SLOT"] == "1"
    assert slot.HELD == []
