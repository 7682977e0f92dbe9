"""Printing the output of jobs in the order of their list: fjd run -k."""
import re
import time
from collections import deque
from typing import Dict, Iterable, Set, Tuple

from fjd.ledger import FAILED
from fjd.names import Attempt, mark_of
from fjd.output import show_bytes
from fjd.progress import Progress
from fjd.project import ENDED, Project

PERIOD = 0.05  # least seconds between two listings of ended jobs
SHARE = 20     # listing may take one part in 20 of the time
NOTE = rb"\[fjd(-worker)?\] %s: [^\n]*\n\Z"  # why a job failed


class InOrder:
    """Prints the output of each job once all earlier jobs have ended."""

    def __init__(
        self, project: Project, marks: Iterable[str], progress: Progress,
        earlier: Set[str],
    ) -> None:
        self.project = project
        self.left = deque(marks)  # of jobs
        self.progress = progress
        self.next = 0.0
        self.earlier = earlier  # attempts of another list

    def show_if_due(self, is_last: bool = False) -> None:
        """Print the output of jobs up to the first that has not ended.

        The last call prints all there is, as some jobs may be cancelled.
        """
        now = time.monotonic()
        if not self.left or now < self.next and not is_last:
            return
        ended = self.ended()
        while self.left and (is_last or self.left[0] in ended):
            if self.left[0] in ended:
                self.show(*ended[self.left[0]])
            self.left.popleft()
        self.next = now + max(PERIOD, SHARE * (time.monotonic() - now))

    def ended(self) -> Dict[str, Tuple[str, Attempt]]:
        """Return the place and the attempt that count, by marks of jobs."""
        return {
            mark_of(Attempt.parse(name).job): (place, Attempt.parse(name))
            for place in reversed(ENDED)  # done wins
            for name in self.project.names(place) if name not in self.earlier
        }

    def show(self, place: str, attempt: Attempt) -> None:
        """Print its log, byte by byte, but not the reason that fjd adds to
        the log of a failed job.
        """
        try:
            log = self.project.job_log(attempt.name)
            _, data = self.project.files.read(log)
        except FileNotFoundError:
            self.project.check_home()
            return  # The job printed nothing.
        job = re.escape(attempt.job).encode()
        self.progress.clear()
        show_bytes(re.sub(NOTE % job, b"", data) if place == FAILED else data)
