"""Programs that are called through sh: screen, tmux and ssh.

The only module that imports sh, and late: that takes a tenth of a second.
Where it is not installed, it comes out of wheels/ beside the package of fjd,
for Python imports a wheel of one pure module as it lies there.
"""
import os
import sys
from typing import Any, List

from fjd.bytecode import optional
from fjd.errors import Unavailable
from fjd.process import keep_descriptors

WHEEL = "wheels/sh-*.whl"
GET_SH = "try: apt-get install python3-sh (as root), or ./install.sh --user" \
    f" of a clone with its wheels/, or {sys.executable} -m pip install sh"


def call(name: str, *arguments: str, **how: Any) -> str:
    """Run a program to its end: "", or why that went wrong.

    Unavailable, if the program or sh is not there.
    """
    command, sh = program(name), package()
    keep_descriptors()  # What sh would do by /dev/fd, which may not be there.
    if "_fg" not in how:
        how["_close_fds"] = False
        how["_tty_out"] = False  # It would take a terminal, where none may be.
    try:
        command(*arguments, **how)
    except sh.ErrorReturnCode as error:
        said = (error.stdout + error.stderr).decode(errors="replace")
        return " ".join(said.split())[:200] or f"exit {error.exit_code}"
    except sh.TimeoutException:
        return f"no answer within {how['_timeout']} seconds"
    return ""


def program(name: str) -> Any:
    """A program to be called; Unavailable says what to install."""
    import shutil
    sh = package()
    if not shutil.which(name):
        raise Unavailable(
            f"{name} is not installed",
            f"try: apt-get install {name} (as root)",
        )
    return sh.Command(name)


def package() -> Any:
    """The package sh; Unavailable says how to get it."""
    try:
        return optional("sh")
    except ImportError:
        sys.path[:0] = wheels()
        try:
            return optional("sh")
        except ImportError:
            raise Unavailable("the Python package sh is missing", GET_SH)


def wheels() -> List[str]:
    """The paths of the wheels of sh that came with fjd, and are unchanged."""
    import glob
    import hashlib
    place = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
    pattern = os.path.join(glob.escape(os.path.dirname(place)), WHEEL)
    found = []
    for path in glob.glob(pattern):
        with open(os.path.join(place, "requirements.txt")) as pins, \
                open(path, "rb") as file:
            if hashlib.sha256(file.read()).hexdigest() in pins.read():
                found.append(path)
    return found
