"""How many jobs there are of what, as a dispatcher at work writes it down.

dispatchers/<dispatcher>.<stamp>.counts is JSON, made whole, once a beat; its
mtime says when.  It goes with its dispatcher's record.  Who asks about a
million jobs (fjd status) reads it, and need not list them.

A dispatcher knows what waits.  What has ended, it lists as seldom as that is
cheap, and counts on from there by the ledgers.
"""
import json
from collections import deque
from typing import Any, Deque, Iterable, NamedTuple, Optional, Tuple

from fjd.project import COUNTS, Project
from fjd.summary import Outcome

LISTING_SHARE = 100  # listing what has ended may take one part of time
LATELY = 7           # counts, over which the rate is a mean


class Counts(NamedTuple):
    """rate: how many ended in a second, lately; None: not known yet."""

    waiting: int
    done: int
    failed: int
    rate: Optional[float] = None


class Tally:
    """What one dispatcher counts."""

    def __init__(self, project: Project, outcome: Outcome, clock: Any) -> None:
        self.project = project
        self.outcome = outcome
        self.clock = clock
        self.before = (0, 0)  # what had ended before the outcome tells of it
        self.next_listing = 0.0
        self.ends: Deque[Tuple[float, int]] = deque(maxlen=LATELY)

    def write_down(self, name: str, waiting: int) -> None:
        text = json.dumps(self.counts(waiting)._asdict())
        notes = self.project.notes(COUNTS)
        self.project.leave_note(name + COUNTS, text, notes)

    def counts(self, waiting: int) -> Counts:
        self.list_if_due()
        done, failed = self.outcome.done, len(self.outcome.failed)
        now = self.clock.monotonic()
        self.ends.append((now, done + failed))
        began, ended = self.ends[0]
        rate = (done + failed - ended) / (now - began) if now > began else None
        return Counts(
            waiting, self.before[0] + done, self.before[1] + failed, rate)

    def list_if_due(self) -> None:
        began = self.clock.monotonic()
        if began >= self.next_listing:
            done = self.project.count("done") - self.outcome.done
            failed = self.project.count("failed") - len(self.outcome.failed)
            self.before = (done, failed)
            now = self.clock.monotonic()
            self.next_listing = now + LISTING_SHARE * (now - began)


def newest_counts(
    project: Project, dispatchers: Iterable[str],
) -> Optional[Tuple[float, str, Counts]]:
    """The last that any of these has written: when, by the server's clock,
    and who.
    """
    found = []
    for name in project.notes(COUNTS):
        dispatcher = name.rsplit(".", 2)[0]
        if dispatcher not in dispatchers:
            continue
        record = project.record("dispatchers", name)
        try:
            if record:
                counts = Counts(**json.loads(record[1]))
                found.append((record[0], dispatcher, counts))
        except (ValueError, TypeError):
            continue  # RACE: it is being written; or it is a newer fjd's.
    return max(found, key=lambda each: each[0], default=None)
