"""What several tests need: running the commands, waiting, a bare PATH."""
import os
import shutil
import subprocess
import sys
import time

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
BIN = os.path.join(ROOT, "bin")
PIPE = subprocess.PIPE


def command(name, *arguments):
    """One of fjd's commands, run by the interpreter under test."""
    return [sys.executable, os.path.join(BIN, name)] + list(arguments)


def run(argv, **how):
    """The completed process, its output as text."""
    how.setdefault("timeout", 60)
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


def finish(process, timeout=30):
    """What a command printed by the time it had ended."""
    try:
        return process.communicate(timeout=timeout)[0]
    except subprocess.TimeoutExpired:
        process.kill()
        raise


def wait_until(condition, timeout=20):
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


def path_without(*programs, directory):
    """A PATH on which all other programs are, and a bare Python: the one
    under test, without any package.
    """
    directory.mkdir()
    python = directory / "python3"
    real = os.path.realpath(sys.executable)
    python.write_text(f'#!/bin/sh\nexec "{real}" -S "$@"\n')
    python.chmod(0o755)
    for place in ["/usr/bin", "/bin"]:
        for name in os.listdir(place):
            link = directory / name
            if name not in programs and not os.path.lexists(str(link)):
                link.symlink_to(os.path.join(place, name))
    return str(directory)


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


def is_root():
    return os.geteuid() == 0


def which(program):
    return shutil.which(program)


class PlainUser:
    """Runs fjd's commands as somebody who is not root.

    Root switches to nobody, for whom the Python under test is mounted at a
    place that nobody may look into; only the command itself sees the mount.
    """

    UID = 65534
    SWITCH = (
        'mount --bind "$1" "$2" && shift 2 && exec setpriv --reuid 65534'
        ' --regid 65534 --clear-groups "$@"'
    )

    def __init__(self, directory):
        self.directory = directory
        self.home = os.path.join(directory, "home")
        self.python = os.path.join(directory, "python")
        self.clone = os.path.join(directory, "clone")
        for place in (self.home, self.python):
            os.mkdir(place)
        os.chmod(directory, 0o755)
        copy_of_project(self.clone)

    def own(self):
        """Give the user everything in the home."""
        if is_root():
            run(["chown", "-Rh", f"{self.UID}:{self.UID}", self.home])

    def run(self, name, *arguments, **environ):
        program = os.path.join(self.clone, "bin", name)
        python = os.path.realpath(sys.executable)
        argv = [python, program] + list(arguments)
        if is_root():
            prefix = os.path.realpath(sys.base_prefix)
            inside = os.path.relpath(python, prefix)
            argv[0] = os.path.join(self.python, inside)
            argv = ["unshare", "--mount", "sh", "-c", self.SWITCH, "sh",
                    prefix, self.python] + argv
        places = [os.path.dirname(argv[-2 - len(arguments)]), "/usr/bin"]
        return run(argv, cwd=self.home, env={
            "HOME": self.home, "PATH": ":".join(places + ["/bin"]),
            "LD_LIBRARY_PATH": os.path.join(self.python, "lib"), **environ,
        })


class Clock:
    """A clock that goes when it is told to."""

    def __init__(self):
        self.now = 1000.0

    def monotonic(self):
        return self.now

    time = monotonic

    def sleep(self, seconds):
        self.now += seconds
