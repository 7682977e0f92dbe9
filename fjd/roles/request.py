"""A worker's request: as many jobs as last for a quarter of a second."""
from typing import List, Optional

from fjd.names import Announcement, given_order
from fjd.project import Project

HANDFUL = 0.25  # seconds that a handful of short jobs should last
LARGEST = 256   # jobs
ANSWER = 0.01   # seconds in which a dispatcher of this host gives out jobs
SMOOTH = 0.5    # weight of the last job in the average


class Request:
    """The announcements of one worker; at most one is out."""

    def __init__(self, project: Project, worker: str) -> None:
        self.project = project
        self.worker = worker
        self.number = 0
        self.pace = HANDFUL  # mean seconds of a job
        self.out: Optional[Announcement] = None

    @property
    def handful(self) -> int:
        wanted = int(HANDFUL / max(self.pace, 1e-6))
        return min(max(wanted, 1), LARGEST)

    def announce(self) -> None:
        """Announce how many jobs are wanted, unless an announcement is out."""
        if not self.out:
            self.number += 1
            wanted = Announcement(self.worker, self.number, self.handful)
            self.project.announce(wanted)
            self.out = wanted

    def is_due(self, left: int) -> bool:
        """Return whether to ask for more, as so few jobs are left."""
        return not self.out and left < self.handful // 2

    def answer(self) -> Optional[List[str]]:
        """Return the jobs that have come, the last one first; None if there
        is no pod any more.
        """
        given = self.project.given(self.worker)
        if given:
            self.withdraw()
            given = sorted(given, key=given_order, reverse=True)
        return given

    def withdraw(self) -> None:
        out, self.out = self.out, None  # NFS: may be gone if this fails.
        if out:
            self.project.withdraw(out)

    def give_back(self) -> None:
        """Withdraw it, and give back all that came."""
        self.withdraw()
        for name in self.project.given(self.worker) or []:
            self.project.give_back_unbegun(self.worker, name)

    def has_run(self, seconds: float) -> None:
        """Note how long a job has taken."""
        self.pace += (min(seconds, 1.0) - self.pace) * SMOOTH
