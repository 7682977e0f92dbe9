"""The outcome: the entries of all ledgers since the last dispatcher.

At the end they are compared with the requested jobs (account.py).
"""
from collections import Counter
from typing import Dict, List, Optional, Set, Tuple

from fjd.account import CANCELLED, fates, LEFT, NO_RECORD, VANISHED
from fjd.census import left
from fjd.ledger import (
    BACK, DONE, Entry, FAILED, holds, lines_after, parse, RETRIED,
)
from fjd.names import LISTED, printable
from fjd.project import ENDED, Project

LONGEST_TITLE = 40
MOST_NAMED = 10  # failed jobs in a summary


class Asked:
    """The list of jobs that was asked for: here, none (verbs/joblist.py)."""

    def count_done(self, job: str, number: int) -> None:
        """Note that so many more ends of that job were counted as done."""

    def recount(self, outcome: "Outcome") -> None:
        """Count the jobs of the list by their places instead."""


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

    def number(self, names: List[str]) -> int:
        """Return how many jobs, and tasks that have not ended, these are."""
        return len(names)

    def left(self) -> Tuple[int, int]:
        """Return how many jobs have not ended, and how many tasks."""
        return left(self.outcome.project), 0


class Outcome:
    """Done and failed attempts, after those offsets."""

    def __init__(self, project: Project, offsets: Dict[str, int]) -> None:
        self.project = project
        self.offsets = dict(offsets)  # of each ledger: bytes counted
        self.begin = dict(offsets)
        self.asked = Asked()
        self.tasks = Tasks(self)
        # Attempts and jobs seen whose end no line records: the worker that
        # each was given to, or "".
        self.owed: Dict[str, str] = {}
        self.missing: List[Entry] = []  # cancelled or vanished
        self.left = self.done = 0
        self.failed: Dict[str, Entry] = {}
        self.short: Dict[str, Entry] = {}  # done, with a log that may be short
        # By worker; only its last end can be one that did not come about.
        self.last_done: Dict[str, str] = {}
        self.back: Set[str] = set()  # attempts lost or superseded
        self.retried: Set[str] = set()
        self.reported: Set[str] = set()  # failed attempts

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
            self.count_done(entry, 1)
            self.last_done[entry.worker] = name
            if entry.reason:
                self.short[name] = entry

    def count_done(self, entry: Entry, number: int) -> None:
        self.done += number
        self.asked.count_done(entry.job, number)

    def take_back(self, entry: Entry) -> None:
        """Uncount a recorded end that did not come about."""
        name = entry.attempt
        if self.last_done.get(entry.worker) == name:
            del self.last_done[entry.worker]
            self.count_done(entry, -1)
            self.short.pop(name, None)
        elif not self.failed.pop(name, None) and entry.event not in ENDED:
            return  # No end was recorded.
        self.owed[name] = entry.worker

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

    def at_end(self, left: Optional[int], is_quiet: bool) -> List[str]:
        """Return the final lines; left: how many jobs are, tasks not among
        them (None: unknown).
        """
        self.update()
        self.tasks.recount(is_pass=left is None)
        if left is not None:
            self.settle(left)
        return self.failures() if is_quiet else self.summary()

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
            lines.append(f"Not done: {listing(self.missing)}")
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
                f" {pasteable(printable(failed[0].job))}; what it printed:"
                f" {self.log(failed[0])}")
        if self.short:
            short = list(self.short.values())
            lines.append(f"Done: {listing(short, len(short))}")
        return lines

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
            return f"fjd log --project {self.project.name}" \
                f" {pasteable(printable(entry.job))}"
        return pasteable(printable(self.project.job_log(entry.attempt)))


def listing(entries: List[Entry], number: int) -> str:
    """Return the first entries, of so many jobs and tasks, in one line."""
    named = entries[:MOST_NAMED]
    names = list(map(described, named))
    more = number - sum(map(weight, named))
    if more > 0:
        names.append(f"and {more} more")
    return ", ".join(names)


def weight(entry: Entry) -> int:
    """Return how many jobs or tasks it is about."""
    first, _, last = entry.task.partition("-")
    return int(last) - int(first) + 1 if last else 1


def described(entry: Entry) -> str:
    return f"{title_of(entry)} ({printable(entry.how)})"


def title_of(entry: Entry) -> str:
    """Return a job's name for people: `12: command` for a listed job."""
    first, _, last = entry.task.partition("-")
    if last:
        array = printable(entry.job.rpartition(":")[0])
        return f"{array}: tasks {first} to {last}"
    if not (entry.command and LISTED.fullmatch(entry.job)):
        return printable(entry.job)
    command = printable(entry.command)
    if len(command) > LONGEST_TITLE:
        command = command[:LONGEST_TITLE - 3] + "..."
    return f"{entry.job.partition('-')[0]}: {command}"


def pasteable(path: str) -> str:
    """Return a path quoted for a shell; a tilde inside is harmless."""
    from shlex import quote
    plain = path.replace("~", "")
    return path if quote(plain) == plain else quote(path)


def told_held(outcome: Outcome) -> List[str]:
    """Return a line that reminds the user of held jobs, if there are any."""
    project = outcome.project
    held = outcome.tasks.number(project.waiting("held"))
    return [f"{held} job(s) are held: fjd release --project {project.name}"
            " --all lets them wait again."] if held else []
