"""The workers of one host watch each other.

A dead worker is found by its pid within two seconds, at almost no cost: the
eldest worker of a host lists the others and looks at all of them.  The others
look only at the eldest; when it has died, one of them is the eldest.
"""
import time
from typing import Any, Dict, Optional, Set

from fjd.members import Identity, identity_in, keys_of
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
        self.known: Dict[str, Identity] = {}
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
        if eldest != self.worker and self.here.is_awake(self.known[eldest]):
            return
        self.meet()
        self.reclaimer.bury([
            worker for worker, identity in sorted(self.known.items())
            if self.here.sees(identity) is False
        ])

    def meet(self) -> None:
        """Learn which workers are here now; each record is read once."""
        names = self.project.names("workers")
        known, self.known = self.known, {}
        self.elsewhere.intersection_update(names)
        for name in names:
            if name not in self.elsewhere:
                self.meet_one(name, known.get(name))

    def meet_one(self, name: str, identity: Optional[Identity]) -> None:
        if not identity:
            keys = keys_of(self.project, "workers", name)
            if not keys:
                return  # RACE: it is being written.
            identity = identity_in(keys)
        if self.here.sees(identity) is None:
            self.elsewhere.add(name)
        else:
            self.known[name] = identity
