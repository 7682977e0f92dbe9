"""The job files that fjd writes into the queue.

Each records the directory that the command was typed in.  It is put under a
stamped name, so that it replaces no other job of that name.
"""
import os
import re
from typing import NamedTuple, Optional

from fjd import files
from fjd.errors import BadJob, BadUsage
from fjd.ini import BLANKS
from fjd.jobfile import (
    Job, parse, PROGRAM, read_job, SECTIONS, SHELL, whole_lines, WRITE_BUFFER,
)
from fjd.names import Attempt, CONTROL, is_editor_copy, printable, why_bad
from fjd.project import Project

# The first lines of a script whose interpreter takes # for a comment, up to
# its code; a line that ends in a backslash may go on in the next (Tcl).
SCRIPT = re.compile(
    rb"#![ \t]*(?:\S*/env[ \t]+(?:(?:-|\w+=)\S*[ \t]+)*)?(?:\S*/)?"
    rb"(?:(?:|a|ba|c|da|fi|k|mk|tc|z)sh|python|pypy|perl|ruby|Rscript|[gm]?awk"
    rb"|sed|tclsh|wish|expect|julia|g?make|octave|gnuplot)[0-9.]*"
    rb"(?:[ \t].*)?(?<!\\)\n(?:#.*(?<!\\)\n)*",
)
# Blanks that a shell ignores at the ends of a line.
OUTER_BLANKS = re.compile(r"^[ \t]+|(?<![\\ \t])[ \t]+$")
BASH = "/usr/bin/env bash"
LONGEST_WORD = 1 << 17  # bytes of one argument (execve(2), MAX_ARG_STRLEN)
LONGEST_SHOWN = 500  # characters, to fit into the part that a worker reads
SECTION = (  # the header line, and the indentation of the next key
    rb"^(?:\xef\xbb\xbf)?[ \t]*\[%s\].*?(\r?\n)"
    rb"(?=(?:[ \t]*(?:[#;].*)?\r?\n)*([ \t]*))"
)


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

    It is a script if another shell is to run it, or if the command does not
    fit into a line of an INI file or into an argument of a shell.
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
    if shell != SHELL or not is_plain or BLANKS.search(line):
        shown = printable(command)[:LONGEST_SHOWN]
        text = f"#!{shell}\n# fjd: directory={directory}\n" \
            f"# fjd: command={shown}\n{command}\n"
        return JobFile(os.fsencode(text), is_program=True)
    return JobFile(os.fsencode(
        f"[control]\nexecutable: {line}\nargument: no\n"
        f"directory: {directory}\n"
    ))


def of_file(path: str, directory: str) -> JobFile:
    """Return a user's file, with an added line that records the directory.

    The line is left out if the file has a directory, or has no place for it.
    BadJob: it cannot be run.
    """
    try:
        job = read_job(files, path)._replace(written=0.0)
    except FileNotFoundError:
        raise BadJob("there is no such file")
    status, data = files.read(path)
    is_program = data.startswith(PROGRAM)
    wanted = job._replace(directory=job.directory or directory)
    for text in (data, with_directory(data, os.fsencode(directory))):
        if job_in(status.st_mode, text, path) == wanted:
            return JobFile(text, is_program)
    return JobFile(data, is_program, has_directory=False)


def job_in(mode: int, data: bytes, path: str) -> Optional[Job]:
    """Return the job that a worker would read; None if it is bad."""
    if data.startswith(PROGRAM) and len(data) > WRITE_BUFFER:
        data = whole_lines(data[:WRITE_BUFFER])
    try:
        return parse(mode, data, path)
    except BadJob:
        return None


def with_directory(data: bytes, directory: bytes) -> bytes:
    """Return the data with a line that records the directory, if possible."""
    script = b"\0" not in data and SCRIPT.match(data)
    if script:
        line = b"# fjd: directory=" + directory + b"\n"
        return data[:script.end()] + line + data[script.end():]
    for name in SECTIONS:
        header = re.search(SECTION % name.encode(), data, re.M)
        if header:
            end, indent = header.groups()
            line = indent + b"directory: " + directory + end
            return data[:header.end()] + line + data[header.end():]
    return data


def checked_name(name: str) -> str:
    """Return the job's name for a file of that name; BadJob if it is bad."""
    job = Attempt.parse(name).job
    if not job:
        raise BadJob("a job has to have a name")
    why = why_bad(job)
    if job[0] == "." or "/" in job or is_editor_copy(job):
        why = "a job's name may not contain /, begin with a dot, end with ~" \
            " or be like #x#"
    if why:
        raise BadJob(why)
    return job
