"""What several tests need: running the commands, waiting, a bare PATH."""
import os
import shutil
import subprocess
import sys
import time

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
BIN = os.path.join(ROOT, "bin")
PIPE = subprocess.PIPE
LONG = 120  # seconds; whatever takes longer, hangs


def command(name, *arguments):
    """One of fjd's commands, run by the interpreter under test."""
    return [sys.executable, os.path.join(BIN, name)] + list(arguments)


def run(argv, **how):
    """The completed process, its output as text."""
    how.setdefault("timeout", LONG)
    return subprocess.run(
        argv, stdin=subprocess.DEVNULL, stdout=PIPE, stderr=PIPE,
        encoding="utf-8", errors="surrogateescape", **how,
    )


def fjd(name, *arguments, **how):
    """Run one of fjd's commands, and see that it has no traceback."""
    result = run(command(name, *arguments), **how)
    assert "Traceback" not in result.stderr, result.stderr
    return result


def ok(name, *arguments, **how):
    """The lines that a command prints; it must succeed."""
    result = fjd(name, *arguments, **how)
    assert (result.returncode, result.stderr) == (0, "")
    return result.stdout.splitlines()


def start(name, *arguments, **how):
    """A command in the background; end it with finish()."""
    return subprocess.Popen(
        command(name, *arguments), stdin=subprocess.DEVNULL, stdout=PIPE,
        stderr=subprocess.STDOUT, encoding="utf-8", **how,
    )


def finish(process, timeout=LONG):
    """What a command printed by the time it had ended."""
    try:
        return process.communicate(timeout=timeout)[0]
    except subprocess.TimeoutExpired:
        process.kill()
        raise


def wait_until(condition, timeout=LONG):
    """Until condition() is true; raises its last assertion, if it has one."""
    deadline = time.monotonic() + timeout
    while True:
        try:
            result = condition()
            error = AssertionError("it did not come true")
        except (AssertionError, FileNotFoundError) as found:
            result, error = None, found
        if result:
            return result
        if time.monotonic() > deadline:
            raise error
        time.sleep(0.01)


def repeat(step, until):
    """Take steps until it is true."""
    deadline = time.monotonic() + LONG
    while not until():
        assert time.monotonic() < deadline, "it did not come true"
        step()


def path_without(*programs, directory):
    """A PATH on which all other programs are, and a bare Python: the one
    under test, without any package.
    """
    directory.mkdir()
    python = directory / "python3"
    real = os.path.realpath(sys.executable)
    python.write_text(f'#!/bin/sh\nexec "{real}" -S "$@"\n')
    python.chmod(0o755)
    links = {name: os.path.join(place, name) for place in ("/bin", "/usr/bin")
             for name in os.listdir(place)}
    for name in set(links).difference(programs, ["python3"]):
        os.symlink(links[name], os.path.join(str(directory), name))
    return str(directory)


def program(path, script):
    """A program of shell."""
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)


def copy_of_project(directory):
    """What a clone has: no caches, no environments."""
    shutil.copytree(ROOT, str(directory), ignore=shutil.ignore_patterns(
        ".git", ".test", "__pycache__", ".*_cache", "logfiles", "results",
        ".hypothesis",
    ))
    return directory


def jobs_in(project, place):
    """The jobs of the attempts in done/ or failed/, sorted."""
    from fjd.names import Attempt

    names = os.listdir(project.path(place))
    return sorted(Attempt.parse(name).job for name in names)


def ledger(project):
    """All lines of all ledgers, as dicts."""
    rows = []
    for path in project.ledger_files():
        with open(path, encoding="utf-8", errors="surrogateescape") as file:
            lines = [line[:-1].split("\t") for line in file]
        rows += [dict(zip(lines[0], line)) for line in lines[1:]]
    return rows


def log_of(project, job):
    """What the only attempt at a job printed."""
    logs = [
        name for name in os.listdir(project.path("joblogs"))
        if name.startswith(job + "~")
    ]
    assert len(logs) == 1, logs
    with open(project.path("joblogs", logs[0]), "rb") as file:
        return file.read().decode(errors="replace")


def remove(directory):
    """All of it, also directories that may not be written or read."""
    for place, names, _ in os.walk(directory):
        for name in names:
            path = os.path.join(place, name)
            if not os.path.islink(path):
                os.chmod(path, 0o700)
    shutil.rmtree(directory)


class Clock:
    """A clock that goes when it is told to."""

    def __init__(self):
        self.now = 1000.0

    def monotonic(self):
        return self.now

    time = monotonic

    def sleep(self, seconds):
        self.now += seconds
