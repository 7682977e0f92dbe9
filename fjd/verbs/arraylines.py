"""The lines of a new array, and what its tasks have in common: checked.

Lines come some at a time, so that a list of any length needs little memory.
"""
import os
import sys
from itertools import islice
from stat import S_IFREG
from typing import Any, Iterable, Iterator, List

from fjd.errors import BadJob, BadUsage
from fjd.jobfile import Job, job_of_task, parse
from fjd.ledger import escape
from fjd.names import CONTROL, LONGEST_ARRAY_NAME, printable
from fjd.newjob import checked_name, LONGEST_WORD
from fjd.verbs.arrayfind import STAMP
from fjd.verbs.newarray import Common

LONG = LONGEST_WORD // 8  # bytes of a line that are checked with the command
TOGETHER = 4096  # lines at a time


def checked_array(name: str) -> str:
    """Return the name of an array; BadJob if it is bad."""
    array = checked_name(name)
    if len(os.fsencode(array)) > LONGEST_ARRAY_NAME:
        raise BadJob("its name is longer than"
                     f" {LONGEST_ARRAY_NAME} bytes")
    if ":" in array or "=" in array:
        raise BadJob("the name of an array may not contain : or =")
    if STAMP.search(array):
        raise BadJob("its name ends with a stamp of fjd")
    return array


def checked(common: Common) -> Common:
    """Return what tasks share; BadJob if a range cannot record it."""
    texts = [common.directory, common.command, *dict(common.keys).values()]
    if any(map(CONTROL.search, texts)):
        raise BadJob("the command or the directory holds a control character;"
                     " put the command into a script")
    job = job_in(common)
    if (job.command, job.directory) != (common.command, common.directory):
        raise BadJob("the command or the directory begins or ends with a"
                     " blank, or has many in a row; put the command into a"
                     " script")
    return common


def job_in(common: Common) -> Job:
    """Return what a worker reads in the file of a range."""
    return parse(S_IFREG, os.fsencode(common.text(0)), "")


def numbers(last: int) -> Iterator[bytes]:
    """Yield the lines 1 to last, some at a time."""
    for first in range(1, last + 1, TOGETHER):
        block = range(first, min(first + TOGETHER, last + 1))
        yield "".join(map("%d\n".__mod__, block)).encode()


def typed_list(path: str, has_command: bool) -> Iterator[bytes]:
    """Yield the wanted lines of a file, or of standard input for -."""
    if path != "-":
        return file_lines(path, has_command)
    if not sys.stdin or sys.stdin.isatty():
        raise BadUsage("put: --list - reads the list from standard input,"
                       " which is a terminal")
    return wanted(sys.stdin.buffer, has_command)


def file_lines(path: str, has_command: bool) -> Iterator[bytes]:
    try:
        with open(path, "rb") as file:
            yield from wanted(file, has_command)
    except OSError as error:
        if error.filename != path:
            raise  # It is about another file: one of ours.
        raise BadJob(f"{printable(path)}: {error.strerror}")


def wanted(lines: Iterable[bytes], has_command: bool) -> Iterator[bytes]:
    """Yield the lines that are tasks, some at a time.

    Without a command also those that begin with # are none.
    """
    found: List[bytes] = []
    for number, line in enumerate(lines, 1):
        text = line.strip()
        if not text or not has_command and text[:1] == b"#":
            continue
        if b"\0" in line:
            raise BadJob(f"line {number} of the list holds a NUL byte")
        found.append(line.rstrip(b"\r\n") + b"\n")
        if len(found) == TOGETHER:
            yield b"".join(found)
            found = []
    yield b"".join(found)


def check_long(common: Common, block: bytes, before: int) -> None:
    """Refuse a line that is too long for the argument of a program."""
    if len(block) < LONG:
        return
    for number, line in enumerate(block.split(b"\n"), before + 1):
        if len(line) < LONG:
            continue
        job = job_of_task(job_in(common), os.fsdecode(line))
        if max(map(len, map(os.fsencode, job.argv))) >= LONGEST_WORD:
            raise BadJob(f"the command of task {number} is longer than"
                         f" {LONGEST_WORD} bytes")


def escaped(values: Iterable[Any]) -> Iterator[bytes]:
    """Yield the lines of any values, which may hold newlines."""
    left = iter(values)
    while True:
        block = [f"{escape(str(text))}\n" for text in islice(left, TOGETHER)]
        if not block:
            return
        data = os.fsencode("".join(block))
        if b"\0" in data:
            raise BadJob("a value holds a NUL byte")
        yield data
