"""Reading what ended jobs have printed, piece by piece.

The ledger says which bytes of a range's two logs a task has printed.  A job
that is a file has a log of its own.  While a range runs, its logs are drafts
of its worker.
"""
import os
import re
from typing import Dict, List, NamedTuple, Optional, Tuple

from fjd.files import GONE
from fjd.ledger import Entry, FAILED
from fjd.project import Project

MOST_OPEN = 16  # logs that are kept open
END = 1 << 12   # bytes of the end of a log that are searched
NOTE = rb"\[fjd(-worker)?\] %s: [^\n]*\n\Z"  # why a job failed
OUT, ERR, LOG = ".out", ".err", ".log"  # kinds of logs
Key = Tuple[str, str]


class Part(NamedTuple):
    """Some bytes of a log."""

    kind: str
    begin: int
    end: int
    is_errors: bool  # printed to stderr


class Printed:
    """The logs of a project, of which the latest ones stay open."""

    def __init__(self, project: Project) -> None:
        self.project = project
        self.open: Dict[Key, int] = {}
        self.drafts: Dict[Key, int] = {}  # number of a worker's last draft

    def parts(self, entry: Entry) -> List[Part]:
        """Return what a job or task has printed: stdout, then stderr."""
        if not entry.task:
            return self.parts_of_job(entry)
        found = []
        for kind, bounds in ((OUT, entry.out), (ERR, entry.err)):
            begin, _, end = bounds.partition("-")
            if end:
                found.append(Part(kind, int(begin), int(end), kind == ERR))
        return found

    def parts_of_job(self, entry: Entry) -> List[Part]:
        """Leave out the reason that fjd adds to the log of a job."""
        sizes = {kind: self.size(entry, kind) for kind in (LOG, ERR)}
        for kind in (ERR, LOG):
            size = sizes[kind]
            if size and entry.event == FAILED:
                begin = max(0, size - END)
                end = self.read(entry, kind, begin, END)
                job = re.escape(entry.job).encode()
                found = re.search(NOTE % job, end)
                if found:
                    sizes[kind] -= len(found.group())
                    break
        return [Part(kind, 0, size, kind == ERR)
                for kind, size in sizes.items() if size]

    def size(self, entry: Entry, kind: str) -> int:
        descriptor = self.descriptor(entry, kind)
        return os.fstat(descriptor).st_size if descriptor is not None else 0

    def last_line(self, entry: Entry) -> str:
        """Return the last line that was printed to stderr, else to stdout."""
        for part in reversed(self.parts(entry)):
            begin = max(part.begin, part.end - END)
            data = self.read(entry, part.kind, begin, part.end - begin)
            lines = data.decode(errors="replace").split("\n")
            for line in filter(str.strip, reversed(lines)):
                return line.strip()
        return ""

    def read(self, entry: Entry, kind: str, offset: int, size: int) -> bytes:
        """Return some bytes of a log; b"" if a person has removed it."""
        for _ in range(2):
            descriptor = self.descriptor(entry, kind)
            if descriptor is None:
                return b""
            try:
                data = os.pread(descriptor, size, offset)
            except OSError as error:
                if error.errno not in GONE:
                    raise
                data = b""
            if len(data) == size:
                break
            # NFS: a file that another host writes is longer when it is
            # opened again.
            self.close(entry, kind)
        return data

    def close(self, entry: Entry, kind: str) -> None:
        descriptor = self.open.pop((entry.attempt, kind), None)
        if descriptor is not None:
            os.close(descriptor)

    def descriptor(self, entry: Entry, kind: str) -> Optional[int]:
        """Return a log's descriptor; None if there is no such log."""
        key = (entry.attempt, kind)
        if key not in self.open:
            found = self.find(entry, kind)
            if found is None:
                self.project.check_home()
                return None
            while len(self.open) >= MOST_OPEN:
                os.close(self.open.pop(next(iter(self.open))))
            self.open[key] = found
        return self.open[key]

    def find(self, entry: Entry, kind: str) -> Optional[int]:
        log = self.project.job_log(entry.attempt, kind)
        found = opened(log)
        if found is not None or not entry.task:
            return found
        draft = self.draft(entry.worker, kind)
        # RACE: the draft may have got its name meanwhile, and another range
        # a new draft; so the log is looked for again.
        found = opened(log)
        if found is None:
            return draft
        if draft is not None:
            os.close(draft)
        return found

    def draft(self, worker: str, kind: str) -> Optional[int]:
        """Open the only draft of that kind that a worker has."""
        number = self.drafts.get((worker, kind), 0)
        for k in (number + 1, number):
            # This saves a listing of all logs.
            found = opened(self.project.draft_log(worker, k, kind))
            if found is not None:
                self.drafts[worker, kind] = k
                return found
        for path in self.project.draft_logs(worker):
            found = opened(path) if path.endswith(kind) else None
            if found is not None:
                k = path[:-len(kind)].rpartition(".")[2]
                self.drafts[worker, kind] = int(k) if k.isdecimal() else 0
                return found
        return None


def opened(path: str) -> Optional[int]:
    """Open a log; None if it is not there."""
    try:
        return os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_NOCTTY)
    except FileNotFoundError:
        return None
