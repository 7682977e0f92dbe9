"""The order of the waiting jobs, as a person wants it.

The file queueorder holds names of jobs and arrays, one a line, the first one
first; other jobs come after them, in natural order.  It is harmless if the
file is missing, stale or malformed.
"""
import os
import time
from typing import Any, Dict, List, Tuple

from fjd.names import Attempt, queue_order, Stamps
from fjd.project import ORDER, Project

OFTEN = 1.0  # seconds between two looks at the file


class QueueOrder:
    """The order of names in the queue; stamps are those of a dispatcher."""

    def __init__(
        self, project: Project, stamps: Stamps = Stamps("none"),
        clock: Any = time,
    ) -> None:
        self.project = project
        self.stamps = stamps
        self.clock = clock
        self.text = b""
        self.ranks: Dict[str, int] = {}
        self.next_look = 0.0

    def look(self) -> bool:
        """Read the file if that is due; return whether it has changed."""
        before, now = self.text, self.clock.monotonic()
        if now >= self.next_look:
            self.next_look = now + OFTEN
            try:
                self.text = self.project.whole(ORDER)
            except OSError:
                pass  # The order stays if the file cannot be read.
        if self.text == before:
            return False
        self.ranks = {name: n for n, name in enumerate(lines(self.text))}
        return True

    def key(self, name: str) -> Tuple[int, Any]:
        """Return a sort key."""
        rank = len(self.ranks)
        if self.ranks:
            job = Attempt.parse(name).job
            array = job.rpartition("=")[0]
            rank = self.ranks.get(job, self.ranks.get(array, rank))
        return rank, queue_order(name, self.stamps)


def lines(text: bytes) -> List[str]:
    """Return each line once, without empty ones."""
    found = dict.fromkeys(os.fsdecode(text).split("\n"))
    return [line for line in found if line]
