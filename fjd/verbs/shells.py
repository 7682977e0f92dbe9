"""The shell of the commands that a person types.

It is recorded when jobs are put, so that all hosts run them alike.
"""
import os
from typing import Optional

from fjd.errors import BadUsage
from fjd.jobfile import needs_shell, SHELL
from fjd.names import printable
from fjd.options import option

BASH = "/bin/bash"
OPTION = option("--shell", metavar="SHELL",
                help="the shell for command lines (default: bash, else sh)")


def chosen(typed: Optional[str]) -> str:
    """Return the shell to record: that of --shell, else bash, else sh."""
    if typed is None:
        return BASH if os.access(BASH, os.X_OK) else SHELL
    from shutil import which  # Late: few need it.
    program, *words = typed.split() or [""]
    path = which(program)
    if not path:
        raise BadUsage(f"--shell: there is no program {printable(program)}")
    place = os.path.abspath(path)
    if len(place.split()) > 1 or not place.isprintable():
        raise BadUsage(f"--shell: {printable(place)}: the path of a shell may"
                       " not contain blanks")
    return " ".join([place, *words])


def for_array(command: str, shell: str) -> str:
    """Return the shell to record for an array with that command, which has
    {} for the line; "" if the line is the command.
    """
    is_needed = not command.strip() \
        or needs_shell(command.replace("{}", "x"), shell)
    return shell if is_needed else SHELL
