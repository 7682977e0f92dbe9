"""Calls to other programs through sh: screen, tmux and ssh.

Only this module imports sh, and late: that takes a tenth of a second.  If sh
is not installed, it is imported from wheels/ beside the package of fjd, as
Python can import from a wheel of one pure module directly.
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
    """Run a program to its end; return "", or the reason if it failed.

    Unavailable: the program or sh is missing.
    """
    command, sh = program(name), package()
    keep_descriptors()  # sh would use /dev/fd, which may be missing.
    if "_fg" not in how:
        how["_close_fds"] = False
        how["_tty_out"] = False  # It would open a terminal; there may be none.
    try:
        command(*arguments, **how)
    except sh.ErrorReturnCode as error:
        said = (error.stdout + error.stderr).decode(errors="replace")
        return " ".join(said.split())[:200] or f"exit {error.exit_code}"
    except sh.TimeoutException:
        return f"no answer within {how['_timeout']} seconds"
    return ""


def program(name: str) -> Any:
    """Return a program to call; Unavailable says what to install."""
    import shutil
    sh = package()
    if not shutil.which(name):
        raise Unavailable(
            f"{name} is not installed",
            f"try: apt-get install {name} (as root)",
        )
    return sh.Command(name)


def package() -> Any:
    """Return the package sh; Unavailable says how to get it."""
    try:
        return optional("sh")
    except ImportError:
        sys.path[:0] = wheels()
        try:
            return optional("sh")
        except ImportError:
            raise Unavailable("the Python package sh is missing", GET_SH)


def wheels() -> List[str]:
    """Return the paths of the unchanged wheels of sh shipped with fjd."""
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
