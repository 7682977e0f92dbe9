"""The outcome: the entries of all ledgers since the last dispatcher.

At the end they are compared with the requested jobs (account.py).
"""
import time
from collections import Counter
from typing import Any, Callable, Dict, List, Set, Tuple

from fjd.ledger import (
    BACK, DONE, Entry, FAILED, holds, lines_after, parse, RETRIED,
)
from fjd.names import printable
from fjd.project import ENDED, Project
from fjd.reporter import Reporter
from fjd.verbs.account import CANCELLED, fates, LEFT, NO_RECORD, VANISHED
from fjd.verbs.census import count, GIVEN_OUT, jobs_left, left, Ranges
from fjd.verbs.tally import Tally
from fjd.verbs.titles import (
    described, listing, pasteable, weight, word_for,
)


class Asked:
    """The list of jobs that was asked for: here, none (verbs/joblist.py)."""

    def recount(self, outcome: "Outcome") -> None:
        """Count the jobs that were done before."""

    def left(self) -> int:
        """Return how many jobs are left besides those in the project."""
        return 0


class Tasks:
    """The tasks of arrays: here, none are known (verbs/taskcount.py).

    more: of those failed, cancelled, vanished and left, how many have no
    entry of their own in the outcome.
    """

    def __init__(self, outcome: "Outcome") -> None:
        self.outcome = outcome
        self.more: Dict[str, int] = Counter()

    def takes(self, line: str) -> bool:
        """Count a line of a ledger, if it is about a task or a range."""
        return False

    def new_failures(self) -> List[str]:
        """Return tasks that have failed since the last call, at least some.
        """
        return []

    def recount(self, is_pass: bool) -> None:
        """Count the tasks by the names of their ranges instead."""

    def ended(self) -> Tuple[int, int]:
        """Return how many jobs and tasks are done, and how many failed."""
        project = self.outcome.project
        return project.count(DONE), project.count(FAILED)


class Outcome(Reporter):
    """Done and failed attempts, after those offsets."""

    def __init__(
        self, project: Project, offsets: Dict[str, int], clock: Any = time,
    ) -> None:
        super().__init__(project, offsets)
        self.begin = dict(offsets)
        self.asked = Asked()
        self.tasks = Tasks(self)
        self.tally = Tally(project, self, clock)
        self.missing: List[Entry] = []  # cancelled or vanished
        self.left = self.done = 0
        self.failed: Dict[str, Entry] = {}
        self.short: Dict[str, Entry] = {}  # done, with a log that may be short
        # By worker; only its last end can be one that did not come about.
        self.last_done: Dict[str, str] = {}
        self.back: Set[str] = set()  # attempts lost or superseded
        self.retried: Set[str] = set()
        self.reported: Set[str] = set()  # failed attempts

    def begin_now(self) -> None:
        """Count no line that was written before."""
        for ledger in self.project.names("ledger"):
            path = self.project.path("ledger", ledger)
            self.begin[ledger] = self.project.files.size(path)
        self.offsets = dict(self.begin)

    def update(self) -> List[str]:
        """Count new entries; return the new failures.

        After an OSError the next call continues from there.
        """
        for ledger in self.project.names("ledger"):
            path = self.project.path("ledger", ledger)
            offset = self.offsets.get(ledger, 0)
            for line, after in lines_after(self.project, path, offset):
                entry = None if self.tasks.takes(line) else parse(line)
                if entry:
                    self.count(entry)
                self.offsets[ledger] = after
        for name in self.retried.intersection(self.failed):
            # RACE: fjd retry moves a job after its line, or not at all.
            if not holds(self.project, name, self.retried):
                del self.failed[name]
        new = [name for name in self.failed if name not in self.reported]
        self.reported.update(new)
        return [described(self.failed[name]) for name in new] \
            + self.tasks.new_failures()

    def count(self, entry: Entry) -> None:
        """Count an end, or take it back; after an OSError, call this again."""
        name = entry.attempt
        if entry.event == RETRIED:
            self.retried.add(name)
        elif entry.event in BACK:
            self.back.add(name)
        elif entry.event in ENDED:
            self.owed.pop(name, None)
        if not holds(self.project, name, self.back):
            self.take_back(entry)
        elif entry.event == FAILED:
            self.failed[name] = entry
        elif entry.event == DONE:
            self.done += 1
            self.last_done[entry.worker] = name
            if entry.reason:
                self.short[name] = entry

    def take_back(self, entry: Entry) -> None:
        """Uncount a recorded end that did not come about."""
        name = entry.attempt
        if self.last_done.get(entry.worker) == name:
            del self.last_done[entry.worker]
            self.done -= 1
            self.short.pop(name, None)
        elif not self.failed.pop(name, None) and entry.event not in ENDED:
            return  # No end was recorded.
        self.owed[name] = entry.worker

    # How far it is

    def number(self, names: List[str]) -> int:
        return Ranges(self.project).number(names)

    def how_far(self, waiting: List[str]) -> Tuple[int, int, int]:
        given_out = count(self.project, *GIVEN_OUT)
        return self.done, self.number_failed, self.number(waiting) + given_out

    def write_down(
        self, name: str, waiting: List[str], say: Callable[[str], None],
    ) -> None:
        trouble = self.tally.write_down(name, self.number(waiting))
        if trouble:
            say(trouble)

    def number_left(self) -> int:
        return left(self.project)

    # The final account

    def settle(self, left: int) -> None:
        """Compare with the requested jobs, of which so many are left."""
        self.asked.recount(self)
        # A job that was given out several times, and has not ended, is one.
        uncounted = {
            entry.attempt if entry.event in ENDED else entry.job: entry
            for entry in fates(self.project, self.owed, self.begin)
            if entry.reason == NO_RECORD or entry.event not in ENDED
        }
        for entry in uncounted.values():
            self.add(entry)
        self.left = max(left, self.left) + self.tasks.more[LEFT]

    def add(self, entry: Entry) -> None:
        """Count a job whose end was not counted by a line."""
        if entry.event == DONE:
            self.done += 1
        elif entry.event == FAILED:
            self.failed[entry.attempt] = entry
        elif entry.event == LEFT:
            self.left += 1
        else:
            self.missing.append(entry)

    @property
    def is_well(self) -> bool:
        """Return whether all requested jobs are done."""
        return not (self.failed or self.missing or self.left
                    or any(self.tasks.more.values()))

    @property
    def number_failed(self) -> int:
        return len(self.failed) + self.tasks.more[FAILED]

    @property
    def number_missing(self) -> int:
        more = self.tasks.more
        return len(self.missing) + more[CANCELLED] + more[VANISHED]

    # Messages

    def at_end(self, is_pass: bool, is_quiet: bool) -> List[str]:
        self.update()
        self.tasks.recount(is_pass)
        if not is_pass:
            self.settle(jobs_left(self.project) + self.asked.left())
        if is_quiet:
            return self.failures()
        return self.summary() + self.held()

    def failures(self) -> List[str]:
        """Return a line for each failed job, and one for missing jobs."""
        lines = [
            f"Failed: {described(entry)}, see {self.log(entry)}"
            for entry in self.failed.values()
        ]
        more = self.number_failed - sum(map(weight, self.failed.values()))
        if more:
            lines.append(f"Failed: {more} more")
        if self.missing:
            text = listing(self.missing, self.number_missing)
            lines.append(f"Not done: {text}")
        return lines

    def summary(self) -> List[str]:
        """Return the counts, then where to look, and jobs with short logs."""
        failed = list(self.failed.values())
        lines = [self.totals()]
        if failed or self.missing:
            number = self.number_failed + self.number_missing
            lines[0] += f": {listing(failed + self.missing, number)}"
        if failed:
            lines.append(
                f"To see why: fjd why --project {self.project.name}"
                f" {word_for(failed[0])}; what it printed:"
                f" {self.log(failed[0])}")
        if self.short:
            short = list(self.short.values())
            lines.append(f"Done: {listing(short, len(short))}")
        return lines

    def held(self) -> List[str]:
        """Return a line that reminds the user of held jobs, if there are any.
        """
        held = count(self.project, "held")
        return [f"{held} job(s) are held: fjd release --project"
                f" {self.project.name} --all lets them wait again."] \
            if held else []

    def totals(self) -> str:
        """Return numbers that add up: 6 done, 0 failed, 2 vanished."""
        others = Counter(entry.event for entry in self.missing)
        others.update(self.tasks.more)
        others[LEFT] = self.left
        text = f"{self.done} done, {self.number_failed} failed"
        for event in CANCELLED, VANISHED, LEFT:
            if others[event]:
                text += f", {others[event]} {event}"
        return text

    def log(self, entry: Entry) -> str:
        """Return what to look at, or to type, for a job's output."""
        if entry.task:
            return f"fjd log --project {self.project.name} {word_for(entry)}"
        return pasteable(printable(self.project.job_log(entry.attempt)))
