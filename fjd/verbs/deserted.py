"""Workers of a fjd run that was killed: they leave by themselves.

fjd run tells those that it hires in processes, here or on other hosts, by a
variable, how long they may be without a living dispatcher.  Then such a worker
orders itself to leave: it ends its task, gives the rest of its range back, and
leaves.  A worker that a person hired has no such variable, and waits.
"""
import os
import signal
import time
from typing import Any, Dict, List, Mapping

from fjd.members import read_member
from fjd.names import Order
from fjd.process import OF_RUN
from fjd.project import DRAIN, Project
from fjd.reclaim import Reclaimer
from fjd.roles.neighbours import Neighbours

PATIENCE = 60.0  # seconds without a dispatcher
LOOKS = 6  # in that time


def of_run(environ: Mapping[str, str]) -> Dict[str, str]:
    """Return the environment with which a fjd run hires."""
    return {**environ, OF_RUN: f"{PATIENCE:g}"}


def neighbours_of(
    project: Project, worker: str, reclaimer: Reclaimer,
) -> Neighbours:
    """Return the neighbours of this worker; its jobs shall not know whether it
    is one of a fjd run.
    """
    patience = os.environ.pop(OF_RUN, "")
    if not patience:
        return Neighbours(project, worker, reclaimer)
    return Deserted(project, worker, reclaimer, float(patience))


class Deserted(Neighbours):
    """Neighbours of a worker that looks for dispatchers and orders, too.

    patience: seconds.  beats: the last heartbeats of those on other hosts.
    """

    def __init__(
        self, project: Project, worker: str, reclaimer: Reclaimer,
        patience: float, clock: Any = time,
    ) -> None:
        super().__init__(project, worker, reclaimer, clock)
        self.patience = patience
        self.seen = self.next_search = clock.monotonic()
        self.beats: Dict[str, float] = {}
        self.has_left = False
        self.orders: List[Order] = []

    def look(self) -> None:
        super().look()
        self.look_for_orders()
        now = self.clock.monotonic()
        if now < self.next_search or self.has_left:
            return
        self.next_search = now + self.patience / LOOKS
        if self.has_dispatcher():
            self.seen = now
        elif now >= self.seen + self.patience:
            self.leave()

    def look_for_orders(self) -> None:
        """Look each second, as a person waits for the end of fjd run, and send
        the signal that the kernel sends for a new file of this host only.
        """
        before, self.orders = self.orders, self.project.orders_for(self.worker)
        if self.orders != before:
            os.kill(os.getpid(), signal.SIGIO)

    def has_dispatcher(self) -> bool:
        """Return whether one is alive: by pid or, of another host, because
        its heartbeat is not that of our last look.
        """
        before, self.beats = self.beats, {}
        is_found = False
        for name in self.project.members("dispatchers"):
            member = read_member(self.project, "dispatchers", name)
            is_alive = self.here.sees(member.identity)
            if is_alive is None and not member.is_missing:
                self.beats[name] = member.heartbeat
                is_alive = before.get(name) != member.heartbeat
            is_found |= bool(is_alive)
        return is_found

    def leave(self) -> None:
        self.has_left = True
        self.reclaimer.say("The fjd run that hired me has died: leaving.")
        self.project.send_order(
            Order(self.worker, self.reclaimer.stamps.new(), DRAIN))
