"""Telling all workers to leave, and seeing that they do."""
from typing import List, Set

from fjd.names import Order, Stamps
from fjd.project import Project


class Dismissal:
    """Orders that reach every worker, also those that appear meanwhile."""

    def __init__(self, project: Project, stamps: Stamps, word: str) -> None:
        self.project = project
        self.stamps = stamps
        self.word = word
        self.told: Set[str] = set()

    def remaining(self) -> List[str]:
        """The workers that have not left yet; each has been told."""
        pods = self.project.pods()
        for worker in pods:
            if worker not in self.told:
                self.tell(worker)
        return pods

    def tell(self, worker: str) -> None:
        self.project.order(Order(worker, self.stamps.new(), self.word))
        self.told.add(worker)
