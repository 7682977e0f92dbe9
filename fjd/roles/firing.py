"""Ordering workers to leave, and waiting until they do."""
import collections
from typing import Callable, List, Set

from fjd.names import host_of, Order, Stamps
from fjd.output import number_of_workers
from fjd.project import Project


class Dismissal:
    """Orders to all workers that are meant, also to those that come later."""

    def __init__(
        self, project: Project, stamps: Stamps, word: str,
        is_meant: Callable[[str], bool] = lambda worker: True,
    ) -> None:
        self.project = project
        self.stamps = stamps
        self.word = word
        self.is_meant = is_meant
        self.ordered: Set[str] = set()

    def remaining(self) -> List[str]:
        """Return the workers that have not left yet; each has its order."""
        workers = [w for w in self.project.pods() if self.is_meant(w)]
        for worker in workers:
            if worker not in self.ordered:
                self.send_order(worker)
        return workers

    def send_order(self, worker: str) -> None:
        self.project.send_order(Order(worker, self.stamps.new(), self.word))
        self.ordered.add(worker)

    def summary(self, here: str) -> List[str]:
        """Return how many were fired, in a line for each host, here first."""
        counts = collections.Counter(map(host_of, self.ordered))
        others = sorted(set(counts) - {here})
        hosts = [here] * bool(counts[here] or not others) + others
        return [
            (f"Host {host}: [fjd-recruiter] " if host != here else "")
            + f"Fired {number_of_workers(counts[host])}"
            + f' in project "{self.project.name}".'
            for host in hosts
        ]
