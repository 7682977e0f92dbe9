"""The outcome: the entries of all ledgers since the last dispatcher.

At the end they are compared with the requested jobs (account.py).
"""
import os
import shlex
import subprocess
from collections import Counter, deque
from typing import Deque, Dict, List, Optional, Set

from fjd.account import (
    Asked, CANCELLED, fates, LEFT, NO_RECORD, VANISHED,
)
from fjd.errors import FjdError
from fjd.joblist import title_of
from fjd.ledger import (
    DONE, Entry, FAILED, LOST, parsed, parts, RETRIED, SUPERSEDED,
)
from fjd.names import Attempt, printable
from fjd.project import ENDED, Project

MOST_NAMED = 10  # failed jobs in a summary


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
        self.left = 0
        self.done = self.done_listed = 0
        self.failed: Dict[str, Entry] = {}
        self.short: Dict[str, Entry] = {}  # done, with a log that may be short
        self.last: Dict[str, Entry] = {}  # of each worker
        self.told: Set[str] = set()
        self.retried: Set[str] = set()
        self.read: Deque[Entry] = deque()    # to be counted
        self.losses: Deque[Entry] = deque()  # to be counted after those

    def update(self) -> List[str]:
        """Count new entries; return the new failures.

        After an OSError the next call continues from there.
        """
        known = -1
        while known < len(self.losses):
            # RACE: the end that a loss takes back may have been recorded after
            # its ledger was read, so all are read again.
            known = len(self.losses)
            self.read_ledgers()
        while self.losses:
            self.take_back(self.losses[0])
            self.losses.popleft()
        for name in self.retried.intersection(self.failed):
            if not self.project.is_accepted(name):
                del self.failed[name]
        new = [name for name in self.failed if name not in self.told]
        self.told.update(new)
        return [told(self.failed[name]) for name in new]

    def read_ledgers(self) -> None:
        for ledger in self.project.names("ledger"):
            path = self.project.path("ledger", ledger)
            offset = self.offsets.get(ledger, 0)
            for lines, offset in parts(self.project, path, offset):
                self.read.extend(parsed(lines))
                self.offsets[ledger] = offset
                self.count_read()
        self.count_read()

    def count_read(self) -> None:
        while self.read:
            self.count(self.read[0])
            self.read.popleft()

    def count(self, entry: Entry) -> None:
        if entry.event == DONE:
            self.count_done(entry, 1)
            if entry.reason:
                self.short[entry.attempt] = entry
        elif entry.event == FAILED:
            self.failed[entry.attempt] = entry
        elif entry.event == RETRIED:
            self.retried.add(entry.attempt)
        elif entry.event == SUPERSEDED:
            self.take_back(entry)
        elif entry.event == LOST:
            self.losses.append(entry)
        if entry.event in ENDED:
            self.last[entry.worker] = entry
            self.owed.pop(entry.attempt, None)

    def count_done(self, entry: Entry, number: int) -> None:
        self.done += number
        self.done_listed += number * self.asked.has(entry.job)

    def take_back(self, entry: Entry) -> None:
        """Uncount an end that was recorded but did not happen: the worker
        died in between, or the job had been given to others.
        """
        if self.project.is_accepted(entry.attempt):
            return  # RACE: it was accepted while it was reclaimed.
        last = self.last.get(entry.worker)
        if self.failed.pop(entry.attempt, None):
            self.owed[entry.attempt] = entry.worker
        elif last and (last.event, last.attempt) == (DONE, entry.attempt):
            del self.last[entry.worker]
            self.count_done(entry, -1)
            self.short.pop(entry.attempt, None)
            self.owed[entry.attempt] = entry.worker

    # The final account

    def settle(self, left: int) -> None:
        """Compare with the requested jobs, of which so many are left."""
        gone = self.settle_list() if self.asked.jobs else {}
        owed = {name: worker for name, worker in self.owed.items()
                if not self.asked.has(Attempt.parse(name).job)}
        found = fates(self.project, {**owed, **gone}, self.begin)
        # A job that was given out several times, and has not ended, is one.
        uncounted = {
            entry.attempt if entry.event in ENDED else entry.job: entry
            for name, entry in found.items()
            if name in gone or entry.reason == NO_RECORD
            or entry.event not in ENDED
        }
        events = [self.add(entry) for entry in uncounted.values()]
        self.left = max(left, events.count(LEFT))

    def settle_list(self) -> Dict[str, str]:
        """Count listed jobs by their places; return those found nowhere."""
        lying = self.asked.look(self.project)
        self.done -= self.done_listed
        before, self.failed = self.failed, {
            name: entry for name, entry in self.failed.items()
            if not self.asked.has(entry.job)
        }
        gone = {}
        for mark, (job, _) in self.asked.jobs.items():
            place, name = lying.get(mark, ("", job))
            if place in ENDED or not place and mark in self.asked.done:
                lost = Entry(place or DONE, job, name, reason=NO_RECORD)
                self.add(before.get(name, lost))
            elif not place:
                gone[job] = ""
        return gone

    def add(self, entry: Entry) -> str:
        """Count an end that no line recorded; return its event."""
        command = entry.command or self.asked.command(entry.job)
        named = entry._replace(command=command)
        if entry.event == DONE:
            self.done += 1
        elif entry.event == FAILED:
            self.failed[entry.attempt] = named
        elif entry.event != LEFT:
            self.missing.append(named)
        return entry.event

    @property
    def is_well(self) -> bool:
        """Return whether all requested jobs are done."""
        return not (self.failed or self.missing or self.left)

    def failures(self) -> List[str]:
        """Return a line for each failed job, and one for missing jobs."""
        failed = [
            f"Failed: {told(entry)}, see {self.log(entry)}"
            for entry in self.failed.values()
        ]
        return failed + ["Not done: " + listing(self.missing)] \
            * bool(self.missing)

    def log(self, entry: Entry) -> str:
        return pasteable(printable(self.project.job_log(entry.attempt)))

    def counts(self) -> str:
        """Return counts that add up: 6 done, 0 failed, 2 vanished."""
        missing = Counter(entry.event for entry in self.missing)
        counts = [(self.done, DONE), (len(self.failed), FAILED)]
        more = [(missing[CANCELLED], CANCELLED), (missing[VANISHED], VANISHED),
                (self.left, "left")]
        counts += [part for part in more if part[0]]
        return ", ".join(f"{number} {what}" for number, what in counts)

    def at_end(self, left: Optional[int], is_quiet: bool) -> List[str]:
        """Return the final lines; left: how many jobs are (None: unknown)."""
        self.update()
        if left is not None:
            self.settle(left)
        return self.failures() if is_quiet else self.summary()

    def summary(self) -> List[str]:
        """Return the counts, then where to look, and jobs with short logs."""
        failed = list(self.failed.values())
        lines = [self.counts()]
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


def listing(entries: List[Entry]) -> str:
    """Return the first entries in one line."""
    names = list(map(told, entries[:MOST_NAMED]))
    if len(entries) > MOST_NAMED:
        names.append(f"and {len(entries) - MOST_NAMED} more")
    return ", ".join(names)


def told(entry: Entry) -> str:
    return f"{title_of(entry)} ({printable(entry.how)})"


def pasteable(path: str) -> str:
    """Return a path quoted for a shell; a tilde inside is harmless."""
    plain = path.replace("~", "")
    return path if shlex.quote(plain) == plain else shlex.quote(path)


def call_back(command: str, name: str, outcome: Outcome) -> None:
    """Run a command with the outcome in FJD_*; FjdError if it fails."""
    environ = dict(
        os.environ, FJD_PROJECT=name, FJD_DONE=str(outcome.done),
        FJD_FAILED=str(len(outcome.failed)))
    if subprocess.call(["/bin/sh", "-c", command], env=environ):
        raise FjdError(f"the callback has failed: {command}")


def told_held(project: Project) -> List[str]:
    """Return a line that reminds the user of held jobs, if there are any."""
    held = project.count("held")
    return [f"{held} job(s) are held: fjd release --project {project.name}"
            " --all lets them wait again."] if held else []
