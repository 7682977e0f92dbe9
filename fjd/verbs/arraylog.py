"""The output of one task: some bytes of the two logs of its range.

The ledger says which.  Of a task that runs, they begin where those of the last
task ended that is recorded.
"""
# NFS: lines `done` may be written a quarter of a second late.  So what a task
# seems to have printed is shown only if a later look still finds it running.
import shlex
import time
from collections import defaultdict
from typing import (
    Callable, DefaultDict, Iterator, NamedTuple, Optional, Sequence, Tuple,
)

from fjd.errors import BadUsage
from fjd.ledger import Entry, FAILED
from fjd.names import printable
from fjd.project import Project
from fjd.verbs.arrayfind import Target
from fjd.verbs.taskhistory import History

KINDS = ("out", "err")  # columns of the ledger, and suffixes of logs
ERR = KINDS[1:]
POLL = 0.25  # seconds
LATE = 0.5  # seconds after which every line is written that was due
BLOCK = 1 << 20  # bytes


class Piece(NamedTuple):
    """Some bytes of a log; end: -1 for all there are."""

    attempt: str
    kind: str
    begin: int
    end: int
    worker: str


def show_task(
    project: Project, name: str, target: Target, is_once: bool,
    write: Callable[[bytes], None], say: Callable[[str], None],
    kinds: Sequence[str] = KINDS,
) -> str:
    """Copy the output of a task, of these kinds, until it has ended, or once.

    Return done or failed; "" if it was cancelled, or its record is lost.
    """
    if not target.task:
        number = target.first or 1
        raise BadUsage(
            f"{printable(name)}: it has many tasks; name one, such as"
            f" {printable(target.array)}:{number}")
    log = TaskLog(project, name, target, write, say)
    log.kinds = kinds
    return log.show(is_once)


class TaskLog:
    """Copies the output of a task, and each byte only once."""

    kinds: Sequence[str] = KINDS

    def __init__(
        self, project: Project, name: str, target: Target,
        write: Callable[[bytes], None], say: Callable[[str], None],
    ) -> None:
        self.project = project
        self.history = History(project, name, target)
        self.write = write
        self.say = say
        self.copied: DefaultDict[Tuple[str, str], int] = defaultdict(int)
        self.said = ""

    def show(self, is_once: bool) -> str:
        while True:
            end = self.history.end()
            if end or self.history.part.is_over:
                self.copy_last(end)
                return end.event if end else ""
            if self.is_running():
                self.copy_running()
            elif is_once:
                self.copy_last(None)
            else:
                self.tell_place()
            if is_once:
                return self.history.part.found.place
            time.sleep(POLL)
            self.history.update()

    def is_running(self) -> bool:
        return self.history.current() == self.history.task

    def tell_place(self) -> None:
        from fjd.verbs.taskwhy import place_of
        line = f"{place_of(self.history)}."
        if line != self.said:
            self.say(line)
            self.said = line

    def copy_last(self, end: Optional[Entry]) -> None:
        """Copy the output of its last try, which is its end if there is one.
        """
        tries = [told.entry for told in self.history.told()
                 if told.entry.task and not told.note]
        last = end if end and end.event else tries[-1] if tries else None
        if not last:
            return self.tell_place()
        pieces = list(pieces_of(last))
        for piece in pieces:
            if piece.kind in self.kinds:
                self.write_all(piece)
        if last.event == FAILED and not pieces:
            self.say(f"{printable(last.job)} printed nothing; to see why it"
                     f" failed: fjd why --project {self.project.name}"
                     f" {shlex.quote(printable(last.job))}")

    def copy_running(self) -> None:
        """Copy what has come so far, unless it has ended meanwhile."""
        found = self.history.part.found
        before = list(self.running_pieces())
        read = [(piece, data) for piece in before
                for data in self.data_of(piece)]
        ledgers = self.project.path("ledger")
        if not self.project.files.is_local(ledgers):
            time.sleep(LATE)
        self.history.update()
        is_same = self.history.part.found == found
        if not (is_same and self.is_running()):
            return self.copy_late()
        if before != list(self.running_pieces()):
            return  # It is tried again: the next look shows that.
        for piece, data in read:
            self.copied[piece.attempt, piece.kind] += len(data)
            self.write(data)

    def copy_late(self) -> None:
        """Copy all of its try that has just ended."""
        end = self.history.end()
        if end:
            self.copy_last(end)

    def running_pieces(self) -> Iterator[Piece]:
        """Yield what the current try has printed."""
        found = self.history.part.found
        for kind in self.kinds:
            ends = [span_of(getattr(entry, kind))[1]
                    for entry in self.history.entries
                    if entry.attempt == found.attempt.name]
            begin = max(ends, default=0)
            at = found.attempt.name, kind
            self.copied[at] = max(self.copied[at], begin)
            yield Piece(*at, begin, -1, found.worker)

    def write_all(self, piece: Piece) -> None:
        at = piece.attempt, piece.kind
        self.copied[at] = max(self.copied[at], piece.begin)
        for data in self.data_of(piece):
            self.copied[at] += len(data)
            self.write(data)

    def data_of(self, piece: Piece) -> Iterator[bytes]:
        """Yield the bytes of a piece that were not copied yet."""
        begin = self.copied[piece.attempt, piece.kind]
        path = log_of(self.project, piece)
        while piece.end < 0 or begin < piece.end:
            size = BLOCK if piece.end < 0 else min(BLOCK, piece.end - begin)
            try:
                _, data = self.project.files.read(path, size, begin)
            except FileNotFoundError:
                return
            if not data:
                return
            begin += len(data)
            yield data


def pieces_of(entry: Entry) -> Iterator[Piece]:
    """Yield what a try printed, by its line."""
    for kind in KINDS:
        begin, end = span_of(getattr(entry, kind))
        if end > begin:
            yield Piece(entry.attempt, kind, begin, end, entry.worker)


def span_of(text: str) -> Tuple[int, int]:
    """Return the two numbers of a column out or err."""
    begin, _, end = text.partition("-")
    is_span = begin.isdecimal() and end.isdecimal()
    return (int(begin), int(end)) if is_span else (0, 0)


def log_of(project: Project, piece: Piece) -> str:
    """Return the path of a log; while its range runs, that of its draft.

    NFS: no file is opened before it should exist.
    """
    suffix = f".{piece.kind}"
    if piece.attempt + suffix not in project.names("joblogs"):
        for draft in project.draft_logs(piece.worker):
            if draft.endswith(suffix):
                return draft
    return project.job_log(piece.attempt, suffix)
