"""A job's output: one file, under a dot name while the job runs.

Another one holds the standard error of a job that has it apart.

On a terminal (a screen or tmux session, or that of a worker started by hand)
the output is shown as well; of a large amount, only the end.
"""
import errno
import os
from typing import Callable, List, Optional, Tuple

from fjd.files import STALE
from fjd.jobfile import Job
from fjd.ledger import SHORT
from fjd.project import Project
from fjd.terminal import Terminal

MOST_SHOWN = 65536  # bytes at a time


def unless_removed(call: Callable, *arguments: object) -> None:
    """Call a function, and ignore an error because the log was removed.

    NFS: that happens when we were declared dead, and is harmless.  Then
    fstat(2) reports ESTALE, and ENOENT on sshfs (measured).
    """
    try:
        call(*arguments)
    except OSError as error:
        if error.errno not in STALE + (errno.ENOENT,):
            raise


class JobLog:
    """The log of a worker's current job.

    errors: the one for stderr, of jobs that have it apart.
    """

    errors: Optional["JobLog"] = None

    def __init__(
        self, project: Project, worker: str, terminal: Terminal,
        kind: str = ".log",
    ) -> None:
        self.project = project
        self.worker = worker
        self.terminal = terminal
        self.kind = kind
        self.k = 0
        self.place = project.path("joblogs")
        self.draft = ""  # its path
        self.descriptor: Optional[int] = None
        self.spare: Optional[int] = None  # the empty log of the last job
        self.shown = 0
        self.has_note = self.is_short = False

    def open(self, job: Optional[Job] = None) -> Tuple[int, int]:
        """Open an empty log; return descriptors for the job alone (for its
        stdout and stderr), so that files.is_reusable() finds those of its
        processes that are left.
        """
        self.shown = 0
        self.has_note = self.is_short = False
        files = self.project.files
        self.close()  # after an error
        self.descriptor, self.spare = self.spare, None
        if self.descriptor is None:
            self.k += 1
            self.draft = self.project.draft_log(
                self.worker, self.k, self.kind)
            self.descriptor = files.open_log(self.draft)
        output = files.open_output(self.draft)
        if not (self.errors and job and job.is_apart):
            return output, output
        try:
            return output, self.errors.open()[0]
        except OSError:
            self.let_go(output)
            raise

    def own_drafts(self) -> List[str]:
        """Return the paths into which only processes of the job print."""
        return [log.draft for log in self.logs()]

    def logs(self) -> List["JobLog"]:
        """Return this log, and that for stderr if it is apart."""
        is_apart = self.errors and self.errors.descriptor is not None
        return [self, self.errors] if is_apart else [self]

    def flush(self) -> None:
        """Flush the log to the server; NFS: asking for its length does so."""
        for log in self.logs():
            if log.descriptor is not None:
                unless_removed(self.project.files.length, log.descriptor)

    def look_for_room(self) -> None:
        """Note a full disk, which may truncate a job's output."""
        if self.descriptor is not None:
            self.is_short |= not self.project.files.has_room(self.place)

    def shortage(self) -> str:
        """Return why the log may be incomplete; "" if it is complete."""
        self.look_for_room()
        return SHORT if self.is_short else ""

    def echo(self) -> None:
        """Show new output on the terminal, if it is open."""
        for log in self.logs() if self.terminal.is_open else []:
            if log.descriptor is not None:
                unless_removed(log.show)

    def show(self) -> None:
        assert self.descriptor is not None
        size = self.project.files.length(self.descriptor)
        self.shown = max(self.shown, size - MOST_SHOWN)
        data = os.pread(self.descriptor, MOST_SHOWN, self.shown)
        self.shown += self.terminal.write(data)

    def keep(self, attempt: str, note: str = "") -> None:
        """Name the log after its attempt; an empty one is for the next job.
        """
        if self.errors:
            self.errors.keep(attempt)
        if self.descriptor is None:
            if not note:
                return
            self.let_go(self.open()[0])
        unless_removed(self.finish, attempt, note)
        self.close()

    def append(self, line: bytes) -> None:
        """Append a line; drop it if it does not fit, as the ledger has it."""
        assert self.descriptor is not None
        try:
            self.project.files.append(self.draft, self.descriptor, line)
        except OSError as error:
            if error.errno != errno.EFBIG:
                raise

    def close(self) -> None:
        descriptor, self.descriptor = self.descriptor, None
        if descriptor is not None:
            self.let_go(descriptor)

    def let_go(self, *descriptors: int) -> None:
        for descriptor in set(descriptors):
            try:
                self.project.files.close(descriptor)
            except OSError:
                pass  # NFS: no room; the log is short, but the end counts.

    def finish(self, attempt: str, note: str) -> None:
        files = self.project.files
        assert self.descriptor is not None
        if note and not self.has_note:
            is_new_line = files.has_whole_lines(self.descriptor)
            start = "" if is_new_line else "\n"
            self.append(os.fsencode(f"{start}[fjd-worker] {note}\n"))
            self.has_note = True
        self.echo()
        if files.is_reusable(self.descriptor):
            self.spare, self.descriptor = self.descriptor, None
        elif files.length(self.descriptor):
            log = self.project.job_log(attempt, self.kind)
            if not files.move(self.draft, log):
                self.project.check_home()
        else:
            self.close()  # NFS: removing an open file only renames it.
            files.remove(self.draft)
