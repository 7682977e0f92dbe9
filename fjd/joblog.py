"""What a job prints: one file, under a dot name while the job runs.

A job that printed nothing leaves nothing: its file serves the next job.  On
a terminal (a screen or tmux session, or a worker started by hand) what comes
into the file is shown as well.
"""
import os
import sys
from typing import Optional

from fjd.project import Project


class JobLog:
    """The log of the job that a worker runs now."""

    def __init__(self, project: Project, worker: str) -> None:
        self.project = project
        self.worker = worker
        self.k = 0
        self.descriptor: Optional[int] = None
        self.shown = 0
        self.is_shown = sys.stdout.isatty()

    def open(self) -> int:
        """A descriptor for a job's stdout and stderr."""
        if self.descriptor is None:
            self.k += 1
            self.shown = 0
            self.descriptor = self.project.files.open_log(self.draft)
        return self.descriptor

    @property
    def draft(self) -> str:
        return self.project.draft_log(self.worker, self.k)

    def echo(self) -> None:
        """Show on the terminal what has come since the last time."""
        while self.is_shown and self.descriptor is not None:
            data = os.pread(self.descriptor, 65536, self.shown)
            if not data:
                return
            self.shown += len(data)
            try:
                os.write(sys.stdout.fileno(), data)
            except OSError:
                self.is_shown = False  # The session was closed.

    def keep(self, attempt: str, note: str = "") -> None:
        """Name the log after its attempt, if there is anything in it."""
        if note:
            line = f"[fjd-worker] {note}\n"
            self.project.files.append(self.open(), os.fsencode(line))
        self.echo()
        if self.descriptor is None or not os.fstat(self.descriptor).st_size:
            return
        self.project.files.move(self.draft, self.project.job_log(attempt))
        os.close(self.descriptor)
        self.descriptor = None

    def close(self) -> None:
        """The worker leaves, and no job runs."""
        if self.descriptor is not None:
            self.project.files.remove(self.draft)
            os.close(self.descriptor)
            self.descriptor = None
