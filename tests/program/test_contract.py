"""What a job inherits: fjd/pages/job.rst, for each way to start a worker.

Whoever starts the worker has all that a shell may have: functions, names that
no shell has, open files with a lock, signals ignored and blocked, a umask and
limits.  Jobs of each kind print what they have of it.
"""
import fcntl
import json
import os
import resource
import signal
import subprocess
import sys

import pytest

from helpers import command, fjd, jobs_in, log_of, LONG, ok
from probe import DOTTED, EVERYWHERE, FUNCTION, PIPE, PROBE

pytestmark = pytest.mark.slow
TERMINALS = [
    pytest.param(kind, marks=pytest.mark.needs(kind, "a terminal"))
    for kind in ("screen", "tmux")
]
WAYS = ["by hand", "cron", "fjd run", "process", *TERMINALS]
KINDS = ["here", "plain", "sh", "script"]
UMASK, OPEN_FILES, FILE_SIZE = 0o027, 200, 1 << 24


@pytest.fixture
def probe(tmp_path):
    path = tmp_path / "probe"
    path.write_text(f"#!{sys.executable}\n{PROBE}")
    path.chmod(0o700)
    return str(path)


@pytest.fixture
def place(tmp_path, monkeypatch):
    """The jobs' directory, by a link; whoever starts workers is elsewhere."""
    (tmp_path / "real").mkdir()
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "place").symlink_to(tmp_path / "real")
    monkeypatch.setenv(FUNCTION, "() {  echo this is g\n}")
    monkeypatch.setenv(DOTTED, "a 'b'\n")
    return str(tmp_path / "place")


@pytest.fixture
def jobs(project, put, probe, place):
    """The same program as a job of each kind, all but one in that directory.
    """
    where = f"argument: no\ndirectory: {place}\n"
    put("here", f"[control]\nexecutable: {probe}\nargument: no\n")
    put("ypipe", f"[control]\nexecutable: {PIPE}\nargument: no\n")
    put("plain", f"[control]\nexecutable: {probe}\n{where}")
    put("sh", f"[control]\nexecutable: {probe} && true\n{where}")
    with open(probe) as file:
        first, rest = file.read().split("\n", 1)
    script = f"{first}\n# fjd: directory={place}\n{rest}"
    project.put("script", script.encode(), is_program=True)
    put("zpipe", f"[control]\nexecutable: {PIPE}\n{where}")


@pytest.fixture
def lock(tmp_path):
    """A descriptor that holds a lock, as of flock(1)."""
    with open(str(tmp_path / "lock"), "w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        os.set_inheritable(file.fileno(), True)
        yield file
    with open(str(tmp_path / "lock")) as file:  # Nobody else has it.
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)


@pytest.fixture
def parent(lock, tmp_path):
    """parent(argv): run a command as a child of somebody odd."""
    def odd():
        os.umask(UMASK)
        for what, most in ((resource.RLIMIT_NOFILE, OPEN_FILES),
                           (resource.RLIMIT_FSIZE, FILE_SIZE)):
            resource.setrlimit(what, (most, most))
        signal.signal(signal.SIGPIPE, signal.SIG_IGN)
        signal.pthread_sigmask(
            signal.SIG_BLOCK, [signal.SIGUSR1, signal.SIGTERM])

    def parent(argv, **how):
        process = subprocess.Popen(
            argv, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL, pass_fds=[lock.fileno()],
            cwd=str(tmp_path / "elsewhere"), restore_signals=False,
            preexec_fn=odd, **how)
        return process
    return parent


def run_to_the_end(way, parent):
    """Start a worker in that way, and let it run all jobs."""
    if way == "by hand":
        worker = parent(command("fjd-worker"))
        ok("fjd-dispatcher")
        return worker.wait(LONG)
    if way == "fjd run":
        words = command("fjd", "run", "--project", "default", "-j1", "true")
        return parent(words + [":::", "x"]).wait(LONG)
    if way == "cron":
        with open(os.path.expanduser("~/.fjd/default/remote.conf"), "w") as f:
            f.write("[here]\nname: localhost\nworkers: 1\n"
                    "session: process\n")
        hire = command("fjd-dispatcher", "--hire", "--quiet")
        return parent(hire).wait(LONG)
    hire = command("fjd-recruiter", "--session", way, "hire", "1")
    assert parent(hire).wait(LONG) == 0
    return ok("fjd-dispatcher")


def has_in_shell(name):
    """Whether /bin/sh hands on a variable of that name."""
    said = subprocess.check_output(["/bin/sh", "-c", "env -0; true"])
    return f"\0{name}=".encode() in b"\0" + said


@pytest.mark.parametrize("way", WAYS)
def test_what_a_job_inherits(way, project, jobs, parent, place, tmp_path):
    run_to_the_end(way, parent)
    assert set(jobs_in(project, "done")) >= {*KINDS, "ypipe", "zpipe"}
    for kind in KINDS:
        found = json.loads(log_of(project, kind))
        environment = found.pop("environment")
        wanted = str(tmp_path / "elsewhere") if kind == "here" else place
        assert (kind, found.pop("PWD")) == (kind, wanted)
        for name in (FUNCTION, DOTTED):
            is_wanted = kind != "sh" or has_in_shell(name)
            wanted = os.environ[name] if is_wanted else None
            assert environment.pop(name) == wanted, (kind, name)
        assert (kind, environment) == (
            kind, {"OMP_NUM_THREADS": "1", "FJD_PROJECT": "default"})
        assert (kind, found) == (kind, {
            **EVERYWHERE, "umask": UMASK, "open files": OPEN_FILES,
            "file size": FILE_SIZE})
    fjd("fjd-recruiter", "fire")
