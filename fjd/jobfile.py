"""What fjd writes into the queue: job files of its own making.

Each records the directory that it was typed in, and is put under a stamped
name, so that no other job of that name is replaced.
"""
import os
import re
from typing import Any, NamedTuple, Optional

from fjd.errors import BadJob, BadUsage
from fjd.job import (
    Job, parse, PROGRAM, read_job, SECTIONS, whole_lines, WRITE_BUFFER,
)
from fjd.names import Attempt, CONTROL, is_editor_copy, printable, why_bad
from fjd.project import Project

# Interpreters that take a line with # for a comment.
HASHED = re.compile(
    rb"(|a|ba|c|da|fi|k|mk|tc|z)sh|python|pypy|perl|ruby|Rscript|[gmn]?awk|sed"
    rb"|tclsh|wish|expect|julia|g?make|octave|gnuplot",
)
COMMENTS = re.compile(rb"(?:#.*(?<!\\)\n)*")
SECTION = rb"^(?:\xef\xbb\xbf)?[ \t]*\[%s\].*?(\r?\n)"
INDENT = re.compile(rb"(?:[ \t]*(?:[#;].*)?\r?\n)*([ \t]*)")


class JobFile(NamedTuple):
    """The bytes of a job, and whether they are a program."""

    data: bytes
    is_program: bool = False
    has_directory: bool = True

    def put(self, project: Project, job: str, stamp: str) -> str:
        """Let it wait, whole or not at all; the name of its attempt."""
        name = Attempt(job, 1, stamp).name
        project.put(name, self.data, self.is_program)
        return name


def of_command(command: str, directory: str) -> JobFile:
    """What a shell is to run in that directory, an absolute path.

    A script, if it is more than a line of an INI file can hold.
    """
    if not command.strip():
        raise BadJob("the command is empty")
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


def of_file(files: Any, path: str, directory: str) -> JobFile:
    """A user's file with a line more, which records that directory, unless it
    has one, or there is no place for it.

    BadJob: why it cannot be run.
    """
    try:
        job = read_job(files, path)._replace(written=0.0)
    except FileNotFoundError:
        raise BadJob("there is no such file")
    status, data = files.read(path)
    is_program = data.startswith(PROGRAM)
    wanted = job._replace(directory=job.directory or directory)
    for text in (data, with_directory(data, os.fsencode(directory))):
        if parsed(status.st_mode, text, path) == wanted:
            return JobFile(text, is_program)
    return JobFile(data, is_program, has_directory=False)


def parsed(mode: int, data: bytes, path: str) -> Optional[Job]:
    """The job, as who reads a file with that data has it."""
    if data.startswith(PROGRAM) and len(data) > WRITE_BUFFER:
        data = whole_lines(data[:WRITE_BUFFER])
    try:
        return parse(mode, data, path)
    except BadJob:
        return None


def with_directory(data: bytes, directory: bytes) -> bytes:
    """With a line more, at the place where it may be right."""
    if data.startswith(PROGRAM):
        if not has_hashes(data):
            return data
        place = COMMENTS.match(data).end()  # type: ignore
        line = b"# fjd: directory=" + directory + b"\n"
        return data[:place] + line + data[place:]
    for section in SECTIONS:
        header = re.search(SECTION % section.encode(), data, re.M)
        if header:
            place = header.end()
            indent = INDENT.match(data, place).group(1)  # type: ignore
            line = indent + b"directory: " + directory + header.group(1)
            return data[:place] + line + data[place:]
    return data


def has_hashes(script: bytes) -> bool:
    """Whether its interpreter takes # for a comment; no archive follows."""
    words = script.split(b"\n", 1)[0][2:].split()
    if words and os.path.basename(words[0]) == b"env":
        words = [w for w in words[1:] if w[:1] != b"-" and b"=" not in w]
    name = os.path.basename(words[0]) if words else b""
    return bool(HASHED.fullmatch(name.rstrip(b"0123456789.-"))) \
        and b"\0" not in script


def checked_name(name: str) -> str:
    """The job that a file of that name is to be; BadJob if it cannot."""
    job = Attempt.parse(name).job
    why = why_bad(job)
    if not job or "/" in job:
        why = "a name has no slash, and is not empty"
    elif job.startswith(".") or is_editor_copy(job):
        why = "its name is that of a draft or of an editor's copy"
    if why:
        raise BadJob(why)
    return job
