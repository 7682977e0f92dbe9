"""Ordering workers to leave, and waiting until they do."""
import collections
from typing import Callable, Iterable, List, Set

from fjd.names import host_of, is_same_host, Order, Stamps
from fjd.project import Project


class Dismissal:
    """Orders to every worker, including those that appear meanwhile.

    If hosts are named, the orders go to every worker of these.
    """

    def __init__(
        self, project: Project, stamps: Stamps, word: str,
        hosts: Iterable[str] = (),
        is_spared: Callable[[str], bool] = lambda worker: False,
    ) -> None:
        self.project = project
        self.stamps = stamps
        self.word = word
        self.hosts = hosts
        self.is_spared = is_spared
        self.told: Set[str] = set()

    def remaining(self) -> List[str]:
        """Return the workers that have not left yet; each has its order."""
        workers = [w for w in self.project.pods() if self.is_meant(w)]
        for worker in workers:
            if worker not in self.told:
                self.tell(worker)
        return workers

    def is_meant(self, worker: str) -> bool:
        host = host_of(worker)
        names = [name for name in self.hosts if is_same_host(name, host)]
        return bool(names or not self.hosts) and not self.is_spared(worker)

    def tell(self, worker: str) -> None:
        self.project.order(Order(worker, self.stamps.new(), self.word))
        self.told.add(worker)

    def told_on(self, host: str) -> List[str]:
        return [w for w in self.told if is_same_host(host, host_of(w))]

    def summary(self, here: str) -> List[str]:
        """Return how many were fired, in a line for each host, here first."""
        counts = collections.Counter(map(host_of, self.told))
        others = sorted(set(counts) - {here})
        hosts = [here] * bool(counts[here] or not others) + others
        return [
            (f"Host {host}: [fjd-recruiter] " if host != here else "")
            + f'Fired {counts[host]} workers in project "{self.project.name}".'
            for host in hosts
        ]
