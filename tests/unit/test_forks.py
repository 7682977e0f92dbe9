"""Forks instead of new Pythons, for the workers of fjd run."""
import json
import os
import signal
import sys
import time

import pytest

from helpers import ROOT, run

from fjd.process import OWN_VARIABLES
from fjd.verbs import forks

# What a fork has, as JSON, in the file that is the first argument.
SCRIPT = """import json, os, signal, sys
sys.path.insert(0, {root!r})
from fjd.members import Here, myself
from fjd.verbs.forks import Fork

def act():
    with open(sys.argv[1], "w") as file:
        kept = sorted(map(int, os.listdir("/proc/self/fd")))
        files = [fd for fd in kept if fd not in (file.fileno(), kept[-1])]
        handlers = [signal.getsignal(getattr(signal, name))
                    for name in ("SIGTERM", "SIGHUP", "SIGIO", "SIGUSR1")]
        json.dump([files, [h if h is None else int(h) for h in handlers],
                   os.getsid(0) == os.getpid(), len(Here.in_sight),
                   os.readlink("/proc/self/fd/0"),
                   os.readlink("/proc/self/fd/1")], file)
    return 5

signal.signal(signal.SIGTERM, lambda *_: None)
signal.signal(signal.SIGIO, lambda *_: None)
signal.signal(signal.SIGHUP, signal.SIG_IGN)
reader, writer = os.pipe()
os.set_blocking(writer, False)
os.set_inheritable(reader, True)
signal.set_wakeup_fd(writer)
me = myself()
me.sees(me)
print("once")
child = Fork(act)
child.wait()
print(child.returncode, child.poll())
"""


def test_a_fork_has_what_a_new_python_would_have(tmp_path):
    path = str(tmp_path / "found")
    argv = [sys.executable, "-c", SCRIPT.format(root=ROOT), path]
    assert run(argv).stdout.splitlines() == ["once", "5 5"]
    with open(path) as file:
        found = json.load(file)
    default, ignored = int(signal.SIG_DFL), int(signal.SIG_IGN)
    assert found == [[0, 1, 2], [default, ignored, default, default], True, 0,
                     os.devnull, os.devnull]


@pytest.fixture
def young(monkeypatch):
    monkeypatch.setattr(forks, "BEGUN", time.monotonic())
    for name in OWN_VARIABLES:
        monkeypatch.delenv(name, raising=False)


def test_only_a_whole_and_young_process_forks(young, monkeypatch):
    assert forks.can_fork()
    monkeypatch.setattr(forks, "BEGUN", time.monotonic() - forks.SOON)
    assert not forks.can_fork()


@pytest.mark.parametrize("name", OWN_VARIABLES)
def test_no_fork_has_the_environment_of_a_job(young, monkeypatch, name):
    monkeypatch.setenv(name, "x")
    assert not forks.can_fork()


@pytest.mark.parametrize("name", ["stdin", "stdout", "stderr"])
def test_what_has_a_closed_stream_does_not_fork(young, monkeypatch, name):
    monkeypatch.setattr(sys, name, None)
    assert not forks.can_fork()
