"""Opening a project: what a person is told meanwhile."""
import os
import signal
import subprocess
import sys

import pytest

from helpers import ROOT, wait_until

from fjd import home

# A home whose server answers only when there is a file gate.
SLOW = """
import os, signal, sys, time
sys.path.insert(0, {root!r})
from fjd import command, files, home
home.AWAITED = {awaited}
real = files.make_directory
def make_directory(path):
    open("begun", "w").close()
    while not os.path.exists("gate"):
        time.sleep(0.01)
    return real(path)
files.make_directory = make_directory
def main():
    home.open_project("default", print)
    assert signal.getsignal(signal.SIGINT) == signal.default_int_handler
sys.argv[0] = "fjd"
command.run(main)
"""


@pytest.fixture
def start_slow(tmp_path, monkeypatch):
    """start_slow(seconds): a command whose home does not answer yet."""
    monkeypatch.setenv("FJD_DIR", str(tmp_path / "place"))
    monkeypatch.chdir(tmp_path)

    def start_slow(awaited):
        process = subprocess.Popen(
            [sys.executable, "-c", SLOW.format(root=ROOT, awaited=awaited)],
            stderr=subprocess.PIPE, encoding="utf-8")
        wait_until(lambda: os.path.exists("begun"))
        return process
    return start_slow


def test_a_home_that_does_not_answer_is_named_and_waited_for(
    start_slow, tmp_path,
):
    process = start_slow(0.01)
    line = process.stderr.readline()
    assert line == f"fjd: {tmp_path}/place: no answer yet; still" \
        " waiting\n"
    assert process.poll() is None
    (tmp_path / "gate").touch()
    assert process.stderr.read() == "" and process.wait() == 0


def test_nothing_is_said_of_one_that_answers(start_slow, tmp_path):
    process = start_slow(60)
    (tmp_path / "gate").touch()
    assert process.stderr.read() == "" and process.wait() == 0


def test_ctrl_c_ends_the_wait(start_slow):
    process = start_slow(60)
    process.send_signal(signal.SIGINT)
    assert process.wait() == -signal.SIGINT and process.stderr.read() == ""


def test_who_ignores_ctrl_c_goes_on_ignoring_it(tmp_path, monkeypatch):
    monkeypatch.setenv("FJD_DIR", str(tmp_path))
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        with home.awaiting_home():
            assert signal.getsignal(signal.SIGINT) == signal.SIG_IGN
        assert signal.getsignal(signal.SIGINT) == signal.SIG_IGN
    finally:
        signal.signal(signal.SIGINT, before)


def test_it_needs_no_thread(tmp_path, monkeypatch):
    def refuse(*arguments):
        raise RuntimeError("can't start new thread")

    monkeypatch.setenv("FJD_DIR", str(tmp_path))
    monkeypatch.setattr(home._thread, "start_new_thread", refuse)
    assert home.open_project("default", print).names("jobqueue") == []
