"""What tests of install.sh share."""
import hashlib
import os
import sys

from helpers import run

SYSTEM = "/usr/bin:/bin"
PREFIX = os.path.realpath(sys.base_prefix)
PYTHON = os.path.join(PREFIX, "bin", "python3")
COMMANDS = ["fjd", "fjd-dispatcher", "fjd-recruiter", "fjd-worker"]


def done(result):
    """The lines of a command that must have succeeded."""
    assert (result.returncode, result.stderr) == (0, ""), result
    return result.stdout.splitlines()


def tree(*places):
    """What lies there, each file with its mode and contents."""
    found = {}
    for place in map(str, places):
        for directory, names, files in os.walk(place):
            found[directory] = oct(os.stat(directory).st_mode)
            for name in files:
                path = os.path.join(directory, name)
                with open(path, "rb") as file:
                    content = hashlib.sha256(file.read()).hexdigest()
                found[path] = oct(os.stat(path).st_mode), content
    return found


def without_byte_code(place):
    """The same without byte code, in which there are times."""
    return {path: what for path, what in tree(place).items()
            if not path.endswith(".pyc")}


def version(local, name="fjd-worker"):
    return done(run([str(local / "bin" / name), "--version"]))
