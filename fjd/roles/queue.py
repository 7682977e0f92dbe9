"""A dispatcher's view of the waiting jobs."""
from typing import Any, Dict, List, Set

from fjd.names import Stamps
from fjd.project import Project
from fjd.queueorder import QueueOrder

LISTING_SHARE = 20  # listing the queue may take one part in so many of time
PAUSE = 0.1         # least seconds between two listings while jobs wait


class Queue:
    """The waiting jobs, in order; listed only as often as that is cheap."""

    def __init__(self, project: Project, stamps: Stamps, clock: Any) -> None:
        self.project = project
        self.clock = clock
        self.ranking = QueueOrder(project, stamps, clock)
        self.names: List[str] = []  # the first one last
        self.next_listing = 0.0
        self.stuck: Set[str] = set()  # names that cannot be moved
        self.owed: Dict[str, str] = {}  # receives names that others took

    def look(self) -> None:
        began = self.clock.monotonic()
        is_reordered = bool(self.names) and self.ranking.look()
        if self.names and not (is_reordered or began >= self.next_listing):
            return
        names = self.waiting()
        if names and not self.names:
            self.ranking.look()
        there = set(names) if self.names else ()
        gone = (name for name in self.names if name not in there)
        self.owed.update(dict.fromkeys(gone, ""))
        # To sort them takes ten times as long as to list them.
        self.names = [name for name in self.names if name in there]
        if is_reordered or len(names) > len(self.names):
            self.names = sorted(names, key=self.ranking.key, reverse=True)
        now = self.clock.monotonic()
        self.next_listing = now + max(PAUSE, LISTING_SHARE * (now - began))

    def waiting(self) -> List[str]:
        names = self.project.waiting()
        if not self.stuck:
            return names
        return [name for name in names if name not in self.stuck]

    def forget(self) -> None:
        """Make the next look list again, as the names may be wrong."""
        self.next_listing = 0.0
