"""Waiting ends with the time, with a signal, or with a file that comes."""
import fcntl
import os
import signal
import subprocess
import sys
import time
import traceback

import pytest

from helpers import ROOT

from fjd.wakeup import Alarm, ANY, NEW, SHORTEST

LONG = 20  # seconds


def in_a_child(test, events=ANY):
    """Do it with an alarm, where no other thread is sent the signals."""
    pid = os.fork()
    if not pid:
        status = 1
        try:
            alarm = Alarm([signal.SIGUSR1], events)
            alarm.set()
            test(alarm)
            status = 0
        except BaseException:
            traceback.print_exc()
        finally:
            sys.stderr.flush()
            os._exit(status)
    assert os.waitpid(pid, 0)[1] == 0


@pytest.fixture(params=[True, False], autouse=True)
def has_sigtimedwait(request, monkeypatch):
    if not request.param:
        monkeypatch.delattr(signal, "sigtimedwait")  # as elsewhere


def test_waits_as_long_as_it_is_told():
    @in_a_child
    def waits(alarm):
        begun = time.monotonic()
        assert alarm.wait(0.1) == set()
        assert time.monotonic() - begun >= 0.1


def test_signal_ends_a_wait():
    @in_a_child
    def ends(alarm):
        os.kill(os.getpid(), signal.SIGUSR1)
        assert alarm.wait(LONG) == {signal.SIGUSR1}
        assert alarm.wait(0) == set()


def test_who_was_stopped_meanwhile_has_heard_nothing():
    """Python then returns whatever lay in memory, often as SIGHUP."""
    stop = "sleep 0.1; kill -STOP $0; sleep 0.2; kill -CONT $0"

    @in_a_child
    def waits(_):
        alarm = Alarm(set(range(1, 16)) - {signal.SIGKILL})
        alarm.set()
        for _ in range(3):
            argv = ["sh", "-c", stop, str(os.getpid())]
            with subprocess.Popen(argv):
                assert alarm.wait(0.2) == set()


def test_signal_that_is_ignored_ends_no_wait():
    """Those that nohup(1) ignores."""
    before = signal.signal(signal.SIGUSR1, signal.SIG_IGN)

    @in_a_child
    def waits(alarm):
        os.kill(os.getpid(), signal.SIGUSR1)
        assert alarm.wait(0.01) == set()

    signal.signal(signal.SIGUSR1, before)


@pytest.mark.parametrize("is_new", [True, False])
def test_file_that_comes_into_a_directory_ends_a_wait(tmp_path, is_new):
    """Made there, or moved there; the next one does not, nor one elsewhere."""
    place = tmp_path / "place"
    place.mkdir()

    @in_a_child
    def ends(alarm):
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


@pytest.mark.parametrize("events", [ANY, NEW])
@pytest.mark.parametrize("is_removed", [True, False])
def test_file_that_goes_ends_a_wait_only_for_who_wants_that(
    tmp_path, events, is_removed,
):
    place = tmp_path / "place"
    expected = {signal.SIGIO} if events == ANY else set()
    place.mkdir()
    (place / "a").touch()

    def goes(alarm):
        alarm.watch(str(place))
        if is_removed:
            (place / "a").unlink()
        else:
            (place / "a").rename(tmp_path / "a")
        assert alarm.wait(LONG if expected else 0.01) == expected

    in_a_child(goes, events)


@pytest.mark.parametrize("seconds", [0.001, LONG])
def test_who_dozes_hears_what_comes_a_little_later(seconds):
    @in_a_child
    def dozes(alarm):
        os.kill(os.getpid(), signal.SIGUSR1)
        begun = time.monotonic()
        assert alarm.doze(seconds) == {signal.SIGUSR1}
        assert time.monotonic() - begun >= min(seconds, SHORTEST)


def test_nothing_depends_on_it(tmp_path, monkeypatch):
    @in_a_child
    def waits(alarm):
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
