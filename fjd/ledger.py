"""The ledger: the fate of each attempt, one file for each writer.

A line is one unbuffered write, before the rename that it records, so kill -9
loses no record; fsync comes with the heartbeat, after a failure and on
leaving.  Lines are only records: the directory of a job decides.

The columns are separated by tabs, and named in the first line.  New ones will
be added at the end; lines of an older fjd have fewer and are read as well.
event is one of

    done        ended with exit status 0
    failed      ended otherwise, could not be run, or was lost too often
    retried     ended, and waits again: its key `retries`, or a person, asks
                for that
    given-back  begun, and put back into the queue; does not count, except
                in interruption.py
    lost        its worker died
    superseded  ended after the job had been given to another worker
    cleaned     removed by a person: from done/ or failed/, or before its end
                ("cancelled")

job, attempt, host and worker identify the attempt; start and end are seconds
since 1970 by the host's own clock; status is `exit N`, `signal N` or `-`; cpu
is seconds, user and system, children included; peak is KiB of the largest
process (getrusage(2); on Linux that counts from before execve, so a worker's
own 15,000 are the minimum); command is that of the job file; reason is
why it could not be run, or that its log may be short.  Of a task of an array,
job is `<array>:<task>`, attempt that of its range, task its number, and out
and err are the bytes that it printed, in the logs of its range: `from-to`,
without the last; "" if it printed nothing.  Tab, newline, return and backslash
are written as \\t, \\n, \\r and \\\\.
"""
import errno
import os
import re
from typing import (
    Any, Callable, Container, Iterable, Iterator, Mapping, NamedTuple,
    Optional, Tuple,
)

from fjd.files import GONE
from fjd.project import Project

DONE, FAILED, LOST = "done", "failed", "lost"
RETRIED, GIVEN_BACK, SUPERSEDED = "retried", "given-back", "superseded"
CLEANED = "cleaned"
BACK = (LOST, SUPERSEDED, RETRIED)  # may undo an end: see holds()
SHORT = "disk was full: the log may be short"


class Entry(NamedTuple):
    """One line; attempt is the name on disk."""

    event: str
    job: str
    attempt: str
    host: str = ""
    worker: str = ""
    start: float = 0.0
    end: float = 0.0
    status: str = "-"
    cpu: float = 0.0
    peak: int = 0
    command: str = ""
    reason: str = ""
    task: str = ""
    out: str = ""
    err: str = ""

    @property
    def how(self) -> str:
        """The end, for people: its reason, or exit 1 or signal 9."""
        if self.reason == SHORT:
            return f"{self.status}, {self.reason}"
        return self.reason or self.status


NAMES = list(Entry._fields)
HEADER = "\t".join(NAMES) + "\n"
FEWEST = 3  # least columns of a line: event, job and attempt
ESCAPES = {"\\": "\\\\", "\t": "\\t", "\n": "\\n", "\r": "\\r"}
PLAIN = {escaped: character for character, escaped in ESCAPES.items()}
TO_ESCAPE = re.compile(r"[\\\t\n\r]")
LINE = "\t".join(
    ["%s"] * 5 + ["%.3f", "%.3f", "%s", "%.3f", "%d", "%s", "%s"]
    + ["%s", "%s", "%s"]) + "\n"
PART = 1 << 16  # bytes of a ledger read at a time


def unescape(text: str) -> str:
    """Return the text that escape() was given."""
    if "\\" not in text:
        return text
    return re.sub(r"\\[\\tnr]", lambda found: PLAIN[found.group()], text)


KINDS: Tuple[Callable[[str], Any], ...] = (unescape,) * 5 + (
    float, float, unescape, float, int, unescape, unescape, str, str, str)


def escape(text: str) -> str:
    return TO_ESCAPE.sub(lambda found: ESCAPES[found.group()], text)


def line_of(entry: Entry) -> str:
    line = LINE % entry
    is_plain = line.count("\t") == len(NAMES) - 1 and line.count("\n") == 1
    if is_plain and "\\" not in line and "\r" not in line:
        return line
    return LINE % Entry._make(
        escape(v) if isinstance(v, str) else v for v in entry)


def lines_after(
    project: Project, path: str, offset: int,
) -> Iterator[Tuple[str, int]]:
    """Yield the whole lines of a ledger from an offset on, each with the
    offset of the next line.
    """
    size = PART
    while True:
        try:
            _, data = project.files.read(path, size, offset)
        except FileNotFoundError:
            return  # RACE: the user has removed it.
        *lines, _ = data.split(b"\n")
        for line in lines:
            offset += len(line) + 1
            yield os.fsdecode(line), offset
        if len(data) < size:
            return
        if not lines:
            size *= 2  # The line is longer.


def parse(line: str) -> Optional[Entry]:
    """Return the entry in a line; None for the header or a malformed line."""
    fields = line.split("\t")
    if len(fields) < FEWEST or fields[:FEWEST] == NAMES[:FEWEST]:
        return None
    try:
        return Entry(*[kind(f) for kind, f in zip(KINDS, fields)])
    except ValueError:
        return None


def read_entries(
    project: Project, paths: Iterable[str],
    has: Callable[[str], bool] = bool, offsets: Mapping[str, int] = {},
) -> Iterator[Entry]:
    """Yield the entries of ledgers, from those lines that has() accepts.

    offsets: where to begin in each, by path.
    """
    for path in paths:
        for line, _ in lines_after(project, path, offsets.get(path, 0)):
            entry = parse(line) if has(line) else None
            if entry:
                yield entry


def holds(project: Project, attempt: str, back: Container[str]) -> bool:
    """Return whether the recorded end of an attempt came about.

    back: attempts recorded as lost, superseded or retried.  An end is recorded
    before the rename.  The worker may die in between, or the job may have been
    given to others, so these attempts must have been accepted.
    """
    # RACE: an attempt may be accepted while it is reclaimed.
    return attempt not in back or project.is_accepted(attempt)


class Ledger:
    """This process's own file, created with its first line.

    It continues in another file if it may not grow (ulimit -f) or was removed.
    """

    def __init__(self, project: Project, writer: str) -> None:
        self.project = project
        self.writer = writer
        self.part = 1
        self.path = project.ledger_file(writer)
        self.is_local = False  # no line has to be flushed to a server
        self.descriptor: Optional[int] = None
        self.has_header = False
        self.is_synced = True

    def write(self, *entries: Entry) -> None:
        """Write lines; OSError if they cannot be, and then none of it is."""
        text = "".join(map(line_of, entries))
        try:
            self.append(text)
        except OSError as error:
            is_full = error.errno == errno.EFBIG and self.has_header
            is_gone = self.descriptor is not None and error.errno in GONE
            if not (is_full or is_gone):
                raise
            self.begin_part()
            self.append(text)
        self.is_synced = False

    def begin_part(self) -> None:
        """Start another file with the next line."""
        descriptor, self.descriptor = self.descriptor, None
        self.part += 1
        self.path = self.project.ledger_file(self.writer, self.part)
        self.has_header = False
        if descriptor is not None:
            self.project.files.close(descriptor)

    def append(self, text: str) -> None:
        if self.descriptor is None:
            self.descriptor = self.project.files.open_own(self.path)
            ledgers = self.project.path("ledger")
            self.is_local = self.project.files.is_local(ledgers)
        line = os.fsencode(text if self.has_header else HEADER + text)
        self.project.files.append(self.path, self.descriptor, line)
        if not self.is_local:
            # NFS: asking flushes the line to the server, before the job's end.
            self.project.files.length(self.descriptor)
        self.has_header = True

    def sync(self) -> None:
        if not self.is_synced and self.descriptor is not None:
            try:
                self.project.files.sync(self.path, self.descriptor)
            except OSError as error:
                if error.errno not in GONE:
                    raise
                self.begin_part()  # NFS: the user has removed it.
            self.is_synced = True
