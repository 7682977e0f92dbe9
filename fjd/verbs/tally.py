"""The counts that a dispatcher writes down for fjd status.

A note is dispatchers/<dispatcher>.<stamp>.counts: the number of jobs and tasks
in each state, once a heartbeat; its mtime is their time.  The dispatcher knows
which jobs wait.  It lists ended jobs only as often as that is cheap, and
counts on from there by the ledgers.  fjd status of a million jobs reads this
note instead of listing them.  It is JSON, and ignored if incomplete.
"""
import time
from collections import deque
from typing import Any, Deque, NamedTuple, Optional, Tuple

from fjd.project import COUNTS, Project

LISTING_SHARE = 100  # listing ended jobs may take one part of time
LATELY = 7           # counts that the rate is averaged over


class Counts(NamedTuple):
    """The content of a .counts note.

    rate: recently ended jobs a second; None if not known yet.
    """

    waiting: int
    done: int
    failed: int
    rate: Optional[float] = None


class Tally:
    """The counts of one dispatcher."""

    def __init__(
        self, project: Project, outcome: Any, clock: Any = time,
    ) -> None:
        self.project = project
        self.outcome = outcome
        self.clock = clock
        self.trouble = ""
        self.before = (0, 0)  # jobs ended before those in outcome
        self.next_listing = 0.0
        self.ends: Deque[Tuple[float, int]] = deque(maxlen=LATELY)

    def write_down(self, name: str, waiting: int) -> str:
        """Write a .counts note; return once why there is no room.

        Then no worker can record an end.
        """
        import json
        trouble = ""
        try:
            text = json.dumps(self.counts(waiting)._asdict())
            notes = self.project.notes(COUNTS)
            self.project.leave_note(name + COUNTS, text, notes)
        except OSError as error:
            trouble = f"{self.project.root}: {error.strerror};" \
                " what has ended waits until that can be recorded."
        before, self.trouble = self.trouble, trouble
        return "" if before else trouble

    def counts(self, waiting: int) -> Counts:
        self.list_if_due()
        done, failed = self.outcome.done, self.outcome.number_failed
        now = self.clock.monotonic()
        self.ends.append((now, done + failed))
        began, ended = self.ends[0]
        rate = (done + failed - ended) / (now - began) if now > began else None
        return Counts(
            waiting, self.before[0] + done, self.before[1] + failed, rate)

    def list_if_due(self) -> None:
        began = self.clock.monotonic()
        if began >= self.next_listing:
            done, failed = self.outcome.tasks.ended()
            self.before = (done - self.outcome.done,
                           failed - self.outcome.number_failed)
            now = self.clock.monotonic()
            self.next_listing = now + LISTING_SHARE * (now - began)
