"""The workers of one host watch each other.

A dead worker is found by its pid within two seconds, at almost no cost: the
eldest worker of a host lists the others and looks at all of them.  The others
look only at the eldest; when it has died, one of them is the eldest.
"""
import time
from typing import Any, Dict, Set

from fjd.members import Member, read_member
from fjd.project import Project
from fjd.reclaim import Reclaimer

PERIOD = 1.0  # seconds between two looks


class Neighbours:
    """One worker's knowledge of the others on its host."""

    def __init__(
        self, project: Project, worker: str, reclaimer: Reclaimer,
        clock: Any = time,
    ) -> None:
        self.project = project
        self.worker = worker
        self.reclaimer = reclaimer
        self.here = reclaimer.here
        self.clock = clock
        self.known: Dict[str, Member] = {}  # those of this host
        self.elsewhere: Set[str] = set()
        self.next_look = 0.0

    def look_if_due(self) -> None:
        now = self.clock.monotonic()
        if now >= self.next_look:
            self.next_look = now + PERIOD
            self.look()

    def look(self) -> None:
        """Bury dead workers of this host, if no elder worker does that."""
        eldest = min(self.known, default=self.worker)
        if eldest != self.worker \
                and self.here.is_awake(self.known[eldest].identity):
            return
        self.meet()
        self.reclaimer.bury([
            worker for worker in sorted(self.known)
            if self.known[worker].is_gone(self.here)
        ])

    def meet(self) -> None:
        """Learn which workers are here now; each record is read once."""
        names = self.project.names("workers")
        self.elsewhere.intersection_update(names)
        known, self.known = self.known, {}
        for name in names:
            if name in known:
                self.known[name] = known[name]
            elif name not in self.elsewhere:
                self.meet_one(name)

    def meet_one(self, name: str) -> None:
        member = read_member(self.project, "workers", name)
        if self.here.sees(member.identity) is not None:
            self.known[name] = member
        elif member.identity.host:  # RACE: otherwise it is being written.
            self.elsewhere.add(name)
