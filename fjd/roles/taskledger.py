"""The ledger of a worker that runs tasks, whose lines are decisions."""
import time
from typing import Any, List

from fjd.ledger import Entry, Ledger
from fjd.project import Project

GROUP = 0.25  # seconds for which lines are written together


class TaskLedger(Ledger):
    """A ledger of which some lines may wait.

    A flush that fails may have lost lines, and the next one succeeds
    (fsync(2)).  So these lines are written again.
    """

    def __init__(
        self, project: Project, writer: str, clock: Any = time,
    ) -> None:
        super().__init__(project, writer)
        self.clock = clock
        self.waiting: List[Entry] = []
        self.unsynced: List[Entry] = []  # written since the last flush
        self.next_write = 0.0

    def add(self, entry: Entry) -> None:
        """Write a line with the next ones."""
        if not self.waiting:
            self.next_write = self.clock.monotonic() + GROUP
        self.waiting.append(entry)

    def write_waiting(self) -> None:
        if self.waiting:
            self.write(*self.waiting)
            self.unsynced += self.waiting
            self.waiting = []

    def write_if_due(self) -> float:
        """Write the lines that wait long enough; return the seconds left."""
        left = self.next_write - self.clock.monotonic()
        if left <= 0:
            self.write_waiting()
        return max(left, 0.0)

    def forget(self) -> None:
        """Write no line again, as they count for nothing any more."""
        self.waiting, self.unsynced = [], []

    def sync(self) -> None:
        try:
            super().sync()
        except OSError:
            self.waiting = self.unsynced + self.waiting
            self.unsynced = []
            raise
        self.unsynced = []
