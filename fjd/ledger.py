"""The ledger: what became of each attempt, one file for each writer.

A line is one unbuffered write, before the rename it tells of, so kill -9
takes no record; fsync comes with the heartbeat, after a failure and on
leaving.  Lines are records, not decisions: where a job lies decides.

Tab-separated columns, named in the first line; new ones will come at the end,
and lines of an older fjd, which has fewer, are read as well.  event is one of

    done        ended with exit status 0
    failed      ended otherwise, could not be run, or was lost too often
    retried     ended, and waits again: its key `retries` wants it, or a
                person does
    given-back  begun, and put back into the queue; does not count, except
                for what interruption.py says
    lost        its worker died
    superseded  ended after the job had been given to somebody else
    cleaned     removed, by a person who asked for that: from done/ or
                failed/, or before its end ("cancelled")

job, attempt, host and worker say who and where; start and end are seconds
since 1970 by the host's own clock; status is `exit N`, `signal N` or `-`; cpu
is seconds, user and system, children included; peak is KiB of the largest
process (getrusage(2); on Linux that counts from before execve, so that a
worker's own 20,000 or so are the least); command is what the job file says;
reason is why it could not be run, or that its log may be short.  \\t, \\n,
\\r and \\\\ stand for what they mean.
"""
import errno
import os
import re
from typing import (
    Any, Callable, Iterable, Iterator, List, NamedTuple, Optional, Tuple,
)

from fjd.files import GONE
from fjd.project import Project

DONE, FAILED, LOST = "done", "failed", "lost"
RETRIED, GIVEN_BACK, SUPERSEDED = "retried", "given-back", "superseded"
CLEANED = "cleaned"
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

    @property
    def how(self) -> str:
        """For people: why it could not be run, or exit 1, signal 9."""
        if self.reason == SHORT:
            return f"{self.status}, {self.reason}"
        return self.reason or self.status


NAMES = list(Entry._fields)
HEADER = "\t".join(NAMES) + "\n"
FEWEST = 3  # columns of a line: event, job and attempt
ESCAPES = {"\\": "\\\\", "\t": "\\t", "\n": "\\n", "\r": "\\r"}
PLAIN = {escaped: character for character, escaped in ESCAPES.items()}
TO_ESCAPE = re.compile(r"[\\\t\n\r]")
PART = 1 << 16  # bytes of a ledger to be read at a time


def unescape(text: str) -> str:
    """What escape() was given, as text."""
    if "\\" not in text:
        return text
    return re.sub(r"\\[\\tnr]", lambda found: PLAIN[found.group()], text)


KINDS: Tuple[Callable[[str], Any], ...] = (unescape,) * 5 + (
    float, float, unescape, float, int, unescape, unescape)


def escape(text: str) -> str:
    return TO_ESCAPE.sub(lambda found: ESCAPES[found.group()], text)


def line_of(entry: Entry) -> str:
    texts = [f"{v:.3f}" if isinstance(v, float) else str(v) for v in entry]
    if TO_ESCAPE.search("".join(texts)):
        texts = list(map(escape, texts))
    return "\t".join(texts) + "\n"


def parts(
    project: Project, path: str, offset: int = 0,
) -> Iterator[Tuple[List[str], int]]:
    """The whole lines from an offset on, some at a time, and where the next
    one begins.
    """
    size = PART
    while True:
        try:
            _, data = project.files.read(path, size, offset)
        except FileNotFoundError:
            return  # RACE: its user has removed it.
        whole = data[:data.rfind(b"\n") + 1]
        if whole:
            offset += len(whole)
            yield os.fsdecode(whole).split("\n")[:-1], offset
        elif len(data) == size:
            size *= 2  # It is a long line.
            continue
        if len(data) < size:
            return


def parsed(lines: Iterable[str]) -> Iterator[Entry]:
    """What lines say; without the header, and what is no line of a ledger."""
    for line in lines:
        fields = line.split("\t")
        if len(fields) >= FEWEST and fields[:FEWEST] != NAMES[:FEWEST]:
            try:
                yield Entry(*[kind(f) for kind, f in zip(KINDS, fields)])
            except ValueError:
                continue


def read_entries(
    project: Project, path: str, has: Callable[[str], bool] = bool,
) -> Iterator[Entry]:
    """All that a ledger says, in lines that have what is wanted."""
    for lines, _ in parts(project, path):
        yield from parsed(filter(has, lines))


class Ledger:
    """This process's own file; made with its first line.

    One that may not grow (ulimit -f), or was removed, goes on in another file.
    """

    def __init__(self, project: Project, writer: str) -> None:
        self.project = project
        self.writer = writer
        self.part = 1
        self.descriptor: Optional[int] = None
        self.has_header = False
        self.is_synced = True

    @property
    def path(self) -> str:
        return self.project.ledger_file(self.writer, self.part)

    def write(self, entry: Entry) -> None:
        """OSError if the line could not be written whole; then it is not."""
        text = line_of(entry)
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
        """Let the next line begin another file."""
        descriptor, self.descriptor = self.descriptor, None
        self.part += 1
        self.has_header = False
        if descriptor is not None:
            self.project.files.close(descriptor)

    def append(self, text: str) -> None:
        if self.descriptor is None:
            self.descriptor = self.project.files.open_own(self.path)
        line = os.fsencode(text if self.has_header else HEADER + text)
        self.project.files.append(self.path, self.descriptor, line)
        # NFS: to ask brings the line to the server, before the job's end is.
        self.project.files.length(self.descriptor)
        self.has_header = True

    def sync(self) -> None:
        if not self.is_synced and self.descriptor is not None:
            try:
                self.project.files.sync(self.path, self.descriptor)
            except OSError as error:
                if error.errno not in GONE:
                    raise
                self.begin_part()  # NFS: its user has removed it.
            self.is_synced = True
