"""Programs that are called through sh: screen, tmux and ssh.

The only module that imports sh, and late: that takes a tenth of a second.
"""
import sys
from typing import Any

from fjd.errors import Unavailable
from fjd.process import keep_descriptors


def call(name: str, *arguments: str, **how: Any) -> str:
    """Run a program to its end: "", or why that went wrong.

    Unavailable, if the program or sh is not there.
    """
    command = program(name)
    import sh
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
    try:
        import sh
    except ImportError:
        raise Unavailable(
            "the Python package sh is missing",
            "try: ./install.sh --user, which brings it, or"
            f" {sys.executable} -m pip install --user sh",
        )
    if not shutil.which(name):
        raise Unavailable(
            f"{name} is not installed",
            f"try: apt-get install {name} (as root)",
        )
    return sh.Command(name)
