"""What the tasks of a range print: two files for all of them, .out and .err.

The ledger says which bytes are whose.
"""
from typing import List, Optional, Tuple

from fjd.joblog import JobLog, unless_removed
from fjd.process import Logs
from fjd.project import Project
from fjd.terminal import Terminal


class RangeLog:
    """The two logs of a worker's current range; used like a JobLog."""

    def __init__(
        self, project: Project, worker: str, terminal: Terminal,
    ) -> None:
        self.terminal = terminal
        self.parts = [JobLog(project, worker, terminal, kind)
                      for kind in (".out", ".err")]
        self.logs: Optional[Logs] = None
        self.begun = self.sizes = [0, 0]

    def open(self) -> Logs:
        """Return the descriptors for a task, which begins to print now."""
        if not self.logs:
            out, err = self.parts
            self.logs = out.open()[0], err.open()[0]
            self.sizes = [0, 0]
        self.begun = self.measure()
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

    def let_go(self, descriptor: int) -> None:
        """Do nothing: the next task prints into the same files."""

    def flush(self) -> None:
        for part in self.parts:
            part.flush()

    def look_for_room(self) -> None:
        for part in self.parts:
            part.look_for_room()

    def shortage(self) -> str:
        return max(part.shortage() for part in self.parts)

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
