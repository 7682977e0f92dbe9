"""What jobs have printed, in the order of their list: fjd run -k."""
import re
import sys
import time
from collections import deque
from typing import Dict, Iterable

from fjd.joblist import mark_of
from fjd.names import Attempt
from fjd.progress import Progress
from fjd.project import Project

PERIOD = 0.05  # seconds between two looks at what has ended, at least
SHARE = 20     # looking may take one part in so many of time
NOTE = rb"\[fjd(-worker)?\] %s: [^\n]*\n\Z"  # why a job failed


class InOrder:
    """Prints on stdout, as soon as all that comes before has been."""

    def __init__(
        self, project: Project, marks: Iterable[str], progress: Progress,
    ) -> None:
        self.project = project
        self.left = deque(marks)  # of jobs
        self.progress = progress
        self.next = 0.0

    def show_if_due(self) -> None:
        """Print up to the first that has not ended."""
        now = time.monotonic()
        if self.left and now >= self.next:
            ended = self.ended()
            while self.left and self.left[0] in ended:
                self.show(ended[self.left.popleft()])
            self.next = now + max(PERIOD, SHARE * (time.monotonic() - now))

    def show_the_rest(self) -> None:
        """There will be no more; some may have been cancelled."""
        ended = self.ended() if self.left else {}
        for mark in self.left:
            if mark in ended:
                self.show(ended[mark])

    def ended(self) -> Dict[str, Attempt]:
        """The attempts that count, by the marks of their jobs."""
        found = [
            Attempt.parse(name) for place in ("failed", "done")
            for name in self.project.names(place)
        ]
        return {mark_of(attempt.job): attempt for attempt in found}

    def show(self, attempt: Attempt) -> None:
        """Its log, byte by byte, but for what fjd has added."""
        try:
            log = self.project.job_log(attempt.name)
            _, data = self.project.files.read(log)
        except FileNotFoundError:
            return  # It has printed nothing.
        job = re.escape(attempt.job).encode()
        self.progress.clear()
        sys.stdout.buffer.write(re.sub(NOTE % job, b"", data))
        sys.stdout.flush()
