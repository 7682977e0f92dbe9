"""fjd run -j 0: as many workers as there are jobs, hired as jobs come."""
import time
from math import inf
from typing import Any

from fjd.verbs.runlimits import MOST

PERIOD = 0.5  # seconds between two looks
MORE = 2      # times as many workers as needed, while more jobs may come


class Growth:
    """The number of workers of a run that has no number of its own."""

    def __init__(self, run: Any) -> None:
        self.run = run
        is_wanted = run.options.workers == MOST
        self.next = time.monotonic() + PERIOD if is_wanted else inf

    def number(self) -> int:
        """Return how many workers there should be."""
        more = MORE if self.run.supply.source.is_open else 1
        return min(MOST, more * max(1, self.run.left()))

    def look(self) -> None:
        """Hire for the jobs that have come, at times."""
        now = time.monotonic()
        if now < self.next or self.run.hiring.is_going_on():
            return
        self.next = now + PERIOD
        if len(self.run.project.pods()) < min(MOST, self.run.left()):
            self.run.dispatcher.hire()
