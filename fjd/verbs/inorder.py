"""Printing the output of jobs in the order of their list: fjd run -k."""
import re
import sys
import time
from collections import deque
from typing import Any, Callable, Deque, Dict, List

from fjd.ledger import DONE, Entry, FAILED
from fjd.output import show_bytes
from fjd.progress import Progress
from fjd.project import Project
from fjd.verbs.joblist import Comparison
from fjd.verbs.results import results

PERIOD = 0.05  # least seconds between two looks for ended jobs
SHARE = 20     # looking may take one part in 20 of the time
BLOCK = 1 << 20  # bytes copied at a time
NOTE = rb"\[fjd(-worker)?\] %s: [^\n]*\n\Z"  # why a job failed


class InOrder:
    """Prints the output of each job once all earlier jobs have ended."""

    def __init__(
        self, project: Project, progress: Progress, is_wanted: bool,
    ) -> None:
        self.project = project
        self.progress = progress
        self.is_wanted = is_wanted
        # Names of arrays, with the next task and the last one, or of jobs.
        self.expected: Deque[List[Any]] = deque()
        self.holes: Deque[List[Any]] = deque()  # those not yet named
        self.ended: Dict[str, Entry] = {}  # by job, not yet printed
        self.next = 0.0
        self.update: Callable[[], object] = lambda: None  # reads the ledgers

    def expect(self, name: str, tasks: int) -> None:
        """Note the next jobs: so many tasks of an array; 0: it is a job."""
        task = 1
        while self.holes and task <= max(1, tasks):
            self.holes.popleft()[:] = [name, task, min(task, tasks)]
            task += 1
        if self.is_wanted and task <= max(1, tasks):
            self.expected.append([name, task, tasks])

    def plan(self, known: Comparison) -> None:
        """Expect the commands of a list, of which some are known; print those
        that are done.
        """
        if not self.is_wanted:
            return
        for place in range(len(known.states)):
            name, task = known.keys.get(place, ("", 0))
            self.expected.append([name, task, task])
            if not name:
                self.holes.append(self.expected[-1])
        for entry in results(self.project):
            if entry.event == DONE:
                self.see(entry)

    def see(self, entry: Entry) -> None:
        if self.is_wanted:
            self.ended[entry.job] = entry

    def show_if_due(self, is_last: bool = False) -> None:
        """Print the output of jobs up to the first that has not ended.

        The last call prints all there is, as some jobs may be cancelled.
        """
        now = time.monotonic()
        if not self.is_wanted or now < self.next and not is_last:
            return
        self.update()
        while self.expected:
            first = self.expected[0]
            name, task, last = first
            entry = self.ended.pop(f"{name}:{task}" if last else name, None)
            if entry:
                self.show(entry)
            elif not is_last:
                break
            first[1] += 1
            if task >= last:
                self.expected.popleft()
        self.next = now + max(PERIOD, SHARE * (time.monotonic() - now))

    def show(self, entry: Entry) -> None:
        """Print what a job or a task has printed, byte by byte."""
        self.progress.clear()
        if not entry.task:
            show_bytes(self.without_note(entry))
            return
        for kind, bounds in ((".out", entry.out), (".err", entry.err)):
            begin, _, end = bounds.partition("-")
            write = show_bytes if kind == ".out" else show_errors
            if end:
                copy(self.project, entry, kind, int(begin), int(end), write)

    def without_note(self, entry: Entry) -> bytes:
        """Return the log of a job without the reason that fjd adds."""
        try:
            log = self.project.job_log(entry.attempt)
            _, data = self.project.files.read(log)
        except FileNotFoundError:
            self.project.check_home()
            return b""  # The job printed nothing.
        job = re.escape(entry.job).encode()
        return re.sub(NOTE % job, b"", data) if entry.event == FAILED else data


def show_errors(data: bytes) -> None:
    if sys.stderr:
        sys.stderr.buffer.write(data)
        sys.stderr.buffer.flush()


def copy(
    project: Project, entry: Entry, kind: str, begin: int, end: int,
    write: Callable[[bytes], None],
) -> None:
    """Copy some bytes of the log of a task's range."""
    while begin < end:
        size = min(BLOCK, end - begin)
        data = read_log(project, entry, kind, begin, size)
        if not data:
            return  # A person has removed it.
        write(data)
        begin += len(data)


def read_log(
    project: Project, entry: Entry, kind: str, offset: int, size: int,
) -> bytes:
    """Return bytes of a range's log, also while the range runs."""
    log = project.job_log(entry.attempt, kind)
    drafts = [path for path in project.draft_logs(entry.worker)
              if path.endswith(kind)]
    data = b""
    for path in (log, *drafts, log):
        # RACE: the draft may have got its name meanwhile, and another range
        # a new draft; so the log is looked for again.
        try:
            data = project.files.read(path, size, offset)[1]
        except FileNotFoundError:
            continue
        if path == log:
            return bytes(data)
    return bytes(data)
