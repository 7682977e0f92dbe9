"""A dispatcher's view of the waiting jobs."""
from typing import Any, Dict, List, Set

from fjd.names import Stamps
from fjd.project import Project
from fjd.queueorder import QueueOrder

LISTING_SHARE = 20  # listing the queue may take one part in so many of time


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
        is_due = began >= self.next_listing
        if self.names and not (is_due or self.ranking.look()):
            return
        names = self.waiting()
        if names:
            self.ranking.look()
        there = set(names) if self.names else ()
        gone = (name for name in self.names if name not in there)
        self.owed.update(dict.fromkeys(gone, ""))
        self.names = sorted(names, key=self.ranking.key, reverse=True)
        now = self.clock.monotonic()
        self.next_listing = now + LISTING_SHARE * (now - began)

    def waiting(self) -> List[str]:
        names = self.project.waiting()
        if not self.stuck:
            return names
        return [name for name in names if name not in self.stuck]

    def forget(self) -> None:
        """Make the next look list again, as the names may be wrong."""
        self.next_listing = 0.0
