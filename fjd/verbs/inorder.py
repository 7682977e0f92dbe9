"""Printing the output of jobs in the order of their list: fjd run -k."""
import re
import time
from collections import deque
from typing import Dict, Iterable, List, Set

from fjd.joblist import mark_of
from fjd.names import Attempt
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
                self.show(ended[self.left[0]])
            self.left.popleft()
        self.next = now + max(PERIOD, SHARE * (time.monotonic() - now))

    def ended(self) -> Dict[str, Attempt]:
        """Return the ended attempts of this list, by the marks of the jobs."""
        found = map(Attempt.parse, self.names())
        return {mark_of(attempt.job): attempt for attempt in found}

    def names(self) -> List[str]:
        return [
            name for place in reversed(ENDED)  # A done attempt wins.
            for name in self.project.names(place) if name not in self.earlier
        ]

    def show(self, attempt: Attempt) -> None:
        """Print the log of an attempt without the lines that fjd added."""
        try:
            log = self.project.job_log(attempt.name)
            _, data = self.project.files.read(log)
        except FileNotFoundError:
            self.project.check_home()
            return  # The job printed nothing.
        job = re.escape(attempt.job).encode()
        self.progress.clear()
        show_bytes(re.sub(NOTE % job, b"", data))
