"""Waiting ends with the time, with a signal, or with a file that comes."""
import fcntl
import os
import signal
import subprocess
import sys
import time

import pytest

from helpers import ROOT

from fjd.wakeup import Alarm, SHORTEST

LONG = 20  # seconds


@pytest.fixture
def alarm():
    before = {number: signal.getsignal(number)
              for number in (signal.SIGIO, signal.SIGUSR1)}
    alarm = Alarm([signal.SIGUSR1])
    alarm.set()
    yield alarm
    for descriptor in alarm.watched.values():
        os.close(descriptor)
    signal.set_wakeup_fd(-1)
    for number, handler in before.items():
        signal.signal(number, handler)


def test_waits_as_long_as_it_is_told(alarm):
    begun = time.monotonic()
    assert alarm.wait(0.1) == set()
    assert time.monotonic() - begun >= 0.1


def test_signal_ends_a_wait(alarm):
    os.kill(os.getpid(), signal.SIGUSR1)
    assert alarm.wait(LONG) == {signal.SIGUSR1}
    assert alarm.wait(0) == set()


@pytest.mark.parametrize("is_new", [True, False])
def test_file_that_comes_into_a_directory_ends_a_wait(alarm, tmp_path, is_new):
    """Made there, or moved there; the next one does not, nor one elsewhere."""
    place = tmp_path / "place"
    place.mkdir()
    alarm.watch(str(place))
    for name in ("a", "b"):
        (tmp_path / name).touch()
        assert alarm.wait(0) == set()
        if is_new:
            (place / name).touch()
        else:
            (tmp_path / name).rename(place / name)
        expected = {signal.SIGIO} if name == "a" else set()
        assert alarm.wait(LONG if expected else 0) == expected
    alarm.watch(str(place))
    (place / "c").touch()
    assert alarm.wait(LONG) == {signal.SIGIO}


@pytest.mark.parametrize("seconds", [0.001, LONG])
def test_who_dozes_hears_what_comes_a_little_later(alarm, seconds):
    os.kill(os.getpid(), signal.SIGUSR1)
    begun = time.monotonic()
    assert alarm.doze(seconds) == {signal.SIGUSR1}
    assert time.monotonic() - begun >= min(seconds, SHORTEST)


def test_nothing_depends_on_it(alarm, tmp_path, monkeypatch):
    alarm.watch(str(tmp_path / "is not there"))
    monkeypatch.delattr(fcntl, "F_NOTIFY")  # as elsewhere than on Linux
    alarm.watch(str(tmp_path))
    (tmp_path / "a").touch()
    assert alarm.wait(0.01) == set()


LATE = """
import os, sys
from fjd.wakeup import Alarm, SHORTEST

class Last:
    def __del__(self, mkdir=os.mkdir):
        mkdir("late")

last = Last()
alarm = Alarm()
alarm.set()
alarm.watch(os.getcwd())
"""


def test_what_comes_while_python_ends_does_not_end_it(tmp_path):
    ended = subprocess.run(
        [sys.executable, "-c", LATE], cwd=str(tmp_path),
        env=dict(os.environ, PYTHONPATH=ROOT))
    assert (tmp_path / "late").is_dir()
    assert ended.returncode == 0
