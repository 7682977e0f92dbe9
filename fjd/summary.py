"""The outcome: the entries of all ledgers since the last dispatcher.

At the end they are compared with the requested jobs (account.py).
"""
from collections import Counter
from typing import Dict, List, Optional, Set

from fjd.account import CANCELLED, fates, LEFT, NO_RECORD, VANISHED
from fjd.ledger import (
    BACK, DONE, Entry, FAILED, holds, lines_after, parse, RETRIED,
)
from fjd.names import number_in_list, printable
from fjd.project import ENDED, Project

LONGEST_TITLE = 40
MOST_NAMED = 10  # failed jobs in a summary


class Asked:
    """The list of jobs that was asked for: here, none (verbs/joblist.py)."""

    def count_done(self, job: str, number: int) -> None:
        """Note that so many more ends of that job were counted as done."""

    def see(self, entry: Entry) -> None:
        """Note an end that counts."""

    def recount(self, outcome: "Outcome") -> None:
        """Count the jobs of the list by their places instead."""


class Outcome:
    """Done and failed attempts, after those offsets."""

    def __init__(self, project: Project, offsets: Dict[str, int]) -> None:
        self.project = project
        self.offsets = dict(offsets)  # of each ledger: bytes counted
        self.begin = dict(offsets)
        self.asked = Asked()
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
                entry = parse(line)
                if entry:
                    self.count(entry)
                self.offsets[ledger] = after
        for name in self.retried.intersection(self.failed):
            # RACE: fjd retry moves a job after its line, or not at all.
            if not holds(self.project, name, self.retried):
                del self.failed[name]
        new = [name for name in self.failed if name not in self.reported]
        self.reported.update(new)
        return [described(self.failed[name]) for name in new]

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
            self.asked.see(entry)
            self.failed[name] = entry
        elif entry.event == DONE:
            self.asked.see(entry)
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
        self.left = max(left, self.left)

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
        return not (self.failed or self.missing or self.left)

    # Messages

    def at_end(self, left: Optional[int], is_quiet: bool) -> List[str]:
        """Return the final lines; left: how many jobs are (None: unknown)."""
        self.update()
        if left is not None:
            self.settle(left)
        return self.failures() if is_quiet else self.summary()

    def failures(self) -> List[str]:
        """Return a line for each failed job, and one for missing jobs."""
        lines = [
            f"Failed: {described(entry)}, see {self.log(entry)}"
            for entry in self.failed.values()
        ]
        if self.missing:
            lines.append(f"Not done: {listing(self.missing)}")
        return lines

    def summary(self) -> List[str]:
        """Return the counts, then where to look, and jobs with short logs."""
        failed = list(self.failed.values())
        lines = [self.totals()]
        if failed or self.missing:
            lines[0] += f": {listing(failed + self.missing)}"
        if failed:
            lines.append(
                f"To see why: fjd why --project {self.project.name}"
                f" {pasteable(printable(failed[0].job))}; what it printed:"
                f" {self.log(failed[0])}")
        if self.short:
            lines.append(f"Done: {listing(list(self.short.values()))}")
        return lines

    def totals(self) -> str:
        """Return numbers that add up: 6 done, 0 failed, 2 vanished."""
        others = Counter(entry.event for entry in self.missing)
        others[LEFT] = self.left
        text = f"{self.done} done, {len(self.failed)} failed"
        for event in CANCELLED, VANISHED, LEFT:
            if others[event]:
                text += f", {others[event]} {event}"
        return text

    def log(self, entry: Entry) -> str:
        return pasteable(printable(self.project.job_log(entry.attempt)))


def listing(entries: List[Entry]) -> str:
    """Return the first entries in one line."""
    names = list(map(described, entries[:MOST_NAMED]))
    if len(entries) > MOST_NAMED:
        names.append(f"and {len(entries) - MOST_NAMED} more")
    return ", ".join(names)


def described(entry: Entry) -> str:
    return f"{title_of(entry)} ({printable(entry.how)})"


def title_of(entry: Entry) -> str:
    """Return a job's name for people: `12: command` for a listed job."""
    number = number_in_list(entry.job)
    if not (entry.command and number):
        return printable(entry.job)
    command = printable(entry.command)
    if len(command) > LONGEST_TITLE:
        command = command[:LONGEST_TITLE - 3] + "..."
    return f"{number}: {command}"


def pasteable(path: str) -> str:
    """Return a path quoted for a shell; a tilde inside is harmless."""
    from shlex import quote
    plain = path.replace("~", "")
    return path if quote(plain) == plain else quote(path)


def told_held(project: Project) -> List[str]:
    """Return a line that reminds the user of held jobs, if there are any."""
    held = project.count("held")
    return [f"{held} job(s) are held: fjd release --project {project.name}"
            " --all lets them wait again."] if held else []
