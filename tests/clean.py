"""A clean place to measure in, in memory: a Python without packages and
variables of its own, and copies of fjd that are compiled.

tests/bench starts its own copy there.  The checkout is only read.
"""
import io
import os
import shutil
import signal
import subprocess
import sys
import tarfile
import tempfile
from importlib.util import cache_from_source

from helpers import PIPE, ROOT

sys.path.insert(0, ROOT)

from fjd.revision import version

COPIED = ("bin", "fjd", "tests")
HYPERQUEUE = "HYPERQUEUE_PYTHON"


class NoPlace(Exception):
    """Says what is missing, in a line."""


def tmpfs():
    """The first place in memory that we may write to."""
    with open("/proc/mounts") as mounts:
        places = [line.split()[1:3] for line in mounts]
    return next((
        place for place, kind in places
        if kind == "tmpfs" and os.access(place, os.W_OK | os.X_OK)
    ), None)


def start_again(program, options):
    """Replace this process by a copy of the program in a clean place.

    The copy removes that place at its end.
    """
    place = tempfile.mkdtemp(prefix="fjd-bench-", dir=options.home)
    try:
        words = ["--place", place, "--version-of-fjd", version(ROOT)]
        if options.before:
            words += ["--before", add_commit(place, options.before)]
        add_checkout(place)
        environ = clean(os.environ)
        python = add_python(place, environ)
        copy = os.path.join(place, "now", os.path.relpath(program, ROOT))
        # Until the copy can tidy up.
        signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
        os.execve(python, [python, copy, *sys.argv[1:], *words], environ)
    except BaseException:
        shutil.rmtree(place)
        raise


def clean(environ):
    """The variables without those of Python; HyperQueue keeps its own."""
    kept = {k: v for k, v in environ.items() if k[:6] != "PYTHON"}
    kept.setdefault(HYPERQUEUE, sys.executable)
    return kept


def add_checkout(place):
    for name in COPIED:
        shutil.copytree(
            os.path.join(ROOT, name), os.path.join(place, "now", name),
            ignore=shutil.ignore_patterns("__pycache__"))


def add_commit(place, commit):
    """Add fjd as it was then; return the short name of the commit."""
    name = git("rev-parse", "--short", f"{commit}^{{commit}}")
    packed = git("archive", "--format=tar", commit, "bin", "fjd")
    with tarfile.open(fileobj=io.BytesIO(packed)) as archive:
        archive.extractall(os.path.join(place, "before"))
    return name.decode().strip()


def git(*words):
    try:
        answer = subprocess.run(
            ["git", *words], cwd=ROOT, stdout=PIPE, stderr=PIPE)
    except FileNotFoundError:
        raise NoPlace("--before: git is missing")
    if answer.returncode:
        lines = answer.stderr.decode(errors="replace").splitlines()
        raise NoPlace(f"--before: {lines[0]}")
    return answer.stdout


def add_python(place, environ):
    """Make an environment, compile all copies; return its interpreter."""
    python = os.path.join(place, "python", "bin", "python")
    for argv in (
        [sys.executable, "-m", "venv", "--without-pip",
         os.path.join(place, "python")],
        [python, "-m", "compileall", "-q", place],
    ):
        made = subprocess.run(
            argv, env=environ, stdout=PIPE, stderr=subprocess.STDOUT)
        if made.returncode:
            raise NoPlace(" ".join(argv) + ": " + made.stdout.decode())
    return python


def has_byte_code(tree):
    """Whether the commands of that tree start without compiling."""
    path = os.path.join(tree, "fjd", "command.py")
    return os.path.exists(cache_from_source(path))
