"""What fjd writes into the queue: job files of its own making.

Each records the directory that it was typed in, and is put under a stamped
name, so that no other job of that name is replaced.
"""
import os
from typing import NamedTuple

from fjd.errors import BadUsage
from fjd.names import Attempt, CONTROL, printable
from fjd.project import Project


class JobFile(NamedTuple):
    """The bytes of a job, and whether they are a program."""

    data: bytes
    is_program: bool = False

    def put(self, project: Project, job: str, stamp: str) -> str:
        """Let it wait, whole or not at all; the name of its attempt."""
        name = Attempt(job, 1, stamp).name
        project.put(name, self.data, self.is_program)
        return name


def of_command(command: str, directory: str) -> JobFile:
    """What a shell is to run in that directory, an absolute path.

    A script, if it is more than a line of an INI file can hold.
    """
    if CONTROL.search(directory):
        raise BadUsage(f"{printable(directory)}: a directory whose name has a"
                       " control character cannot be recorded")
    if CONTROL.search(command) or command != command.strip():
        text = f"#!/bin/sh\n# fjd: directory={directory}\n{command}\n"
        return JobFile(os.fsencode(text), is_program=True)
    return JobFile(os.fsencode(
        f"[control]\nexecutable: {command}\nargument: no\n"
        f"directory: {directory}\n"
    ))
