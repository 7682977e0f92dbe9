"""The job files that fjd writes into the queue.

Each records the directory that the command was typed in.  It is put under a
stamped name, so that it replaces no other job of that name.
"""
import os
import re
from typing import NamedTuple

from fjd.errors import BadJob, BadUsage
from fjd.ini import BLANKS
from fjd.jobfile import needs_shell, SHELL
from fjd.names import (
    Attempt, CONTROL, is_editor_copy, is_range_name, printable, why_bad,
)
from fjd.project import Project

# Blanks that a shell ignores at the ends of a line.
OUTER_BLANKS = re.compile(r"^[ \t]+|(?<![\\ \t])[ \t]+$")
LONGEST_WORD = 1 << 17  # bytes of one argument (execve(2), MAX_ARG_STRLEN)
LONGEST_SHOWN = 500  # characters, to fit into the part that a worker reads


class JobFile(NamedTuple):
    """The bytes of a job, and whether they are a program."""

    data: bytes
    is_program: bool = False
    has_directory: bool = True

    def put(self, project: Project, job: str, stamp: str) -> str:
        """Put it into the queue, atomically; return its attempt's name."""
        name = Attempt(job, 1, stamp).name
        project.put(name, self.data, self.is_program)
        return name


def of_command(
    command: str, directory: str, shell: str = SHELL,
) -> JobFile:
    """Return a job that runs a command in that directory, an absolute path.

    It is a script if the command does not fit into a line of an INI file or
    into an argument of a shell.
    """
    if not command.strip():
        raise BadJob("the command is empty")
    if "\0" in command:
        raise BadJob("it holds a NUL byte")
    if CONTROL.search(directory) or directory != directory.rstrip():
        raise BadUsage(f"{printable(directory)}: a directory whose name has a"
                       " control character, or ends with a blank, cannot be"
                       " recorded")
    line = OUTER_BLANKS.sub("", command)
    is_plain = line == line.strip() and not CONTROL.search(line) \
        and len(os.fsencode(line)) < LONGEST_WORD
    if not is_plain or BLANKS.search(line):
        shown = printable(command)[:LONGEST_SHOWN]
        text = f"#!{shell}\n# fjd: directory={directory}\n" \
            f"# fjd: command={shown}\n{command}\n"
        return JobFile(os.fsencode(text), is_program=True)
    key = f"shell: {shell}\n" \
        if shell != SHELL and needs_shell(line, shell) else ""
    return JobFile(os.fsencode(
        f"[control]\nexecutable: {line}\nargument: no\n"
        f"directory: {directory}\n{key}"
    ))


def checked_name(name: str) -> str:
    """Return the job's name for a file of that name; BadJob if it is bad."""
    job = Attempt.parse(name).job
    if not job:
        raise BadJob("a job has to have a name")
    why = why_bad(job)
    if is_range_name(job):
        why = "its name is like that of a range of an array"
    if job[0] == "." or "/" in job or is_editor_copy(job):
        why = "a job's name may not contain /, begin with a dot, end with ~" \
            " or be like #x#"
    if why:
        raise BadJob(why)
    return job
