"""What the tasks of a range print: two files for all of them, .out and .err.

The ledger says which bytes are whose.
"""
import time
from typing import Any, List, Optional, Tuple

from fjd.jobfile import Job
from fjd.joblog import JobLog, unless_removed
from fjd.ledger import SHORT
from fjd.process import Logs
from fjd.project import Project
from fjd.terminal import Terminal

OFTEN = 0.25  # seconds between two looks at the room on the disk


class RangeLog:
    """The two logs of a worker's current range; used like a JobLog."""

    def __init__(
        self, project: Project, worker: str, terminal: Terminal,
        clock: Any = time,
    ) -> None:
        self.terminal = terminal
        self.clock = clock
        self.next_look = 0.0
        self.parts = [JobLog(project, worker, terminal, kind)
                      for kind in (".out", ".err")]
        self.logs: Optional[Logs] = None
        self.begun = self.sizes = [0, 0]

    def open(self, job: Optional[Job] = None) -> Logs:
        """Return the descriptors for a task, which begins to print now.

        What others have printed since the last one ended is taken for its.
        """
        if not self.logs:
            out, err = self.parts
            self.logs = out.open()[0], err.open()[0]
            self.sizes = [0, 0]
        self.begun = self.sizes
        return self.logs

    def measure(self) -> List[int]:
        """Return the bytes in both logs, or their last known number."""
        unless_removed(self.ask)
        return self.sizes

    def ask(self) -> None:
        self.sizes = [
            part.project.files.length(part.descriptor) for part in self.parts]

    def printed(self) -> Tuple[str, str]:
        """Return the bytes that the last task printed, as `from-to`."""
        out, err = [f"{begin}-{end}" if end > begin else ""
                    for begin, end in zip(self.begun, self.measure())]
        return out, err

    def own_drafts(self) -> List[str]:
        """Return no path: other tasks may have left processes that print."""
        return []

    def let_go(self, *descriptors: int) -> None:
        """Do nothing: the next task prints into the same files."""

    def flush(self) -> None:
        """Flush both logs; NFS: asking for their lengths does so."""
        self.measure()

    def look_for_room(self) -> None:
        """Note a full disk; NFS: each look is a call, so not for each task."""
        self.next_look = self.clock.monotonic() + OFTEN
        self.parts[0].is_short = False
        self.parts[0].look_for_room()

    def shortage(self) -> str:
        if self.clock.monotonic() >= self.next_look:
            self.look_for_room()
        return SHORT if self.parts[0].is_short else ""

    def echo(self) -> None:
        for part in self.parts:
            part.echo()

    def keep(self, attempt: str) -> None:
        """Name both logs after an attempt of the range."""
        for part, descriptor in zip(self.parts, self.logs or ()):
            part.let_go(descriptor)
        self.logs = None
        for part in self.parts:
            part.keep(attempt)
