"""How it went: what all ledgers say since the last dispatcher."""
import shlex
from collections import deque
from typing import Deque, Dict, List, Set

from fjd.joblist import title_of
from fjd.ledger import (
    DONE, Entry, FAILED, LOST, parsed, parts, RETRIED, SUPERSEDED,
)
from fjd.names import printable
from fjd.project import ENDED, Project

MOST_NAMED = 10  # failed jobs in a summary


class Outcome:
    """Attempts that were done and that failed, after those offsets."""

    def __init__(self, project: Project, offsets: Dict[str, int]) -> None:
        self.project = project
        self.offsets = dict(offsets)  # of each ledger: bytes that are told
        self.done = 0
        self.failed: Dict[str, Entry] = {}
        self.last: Dict[str, Entry] = {}  # of each worker
        self.told: Set[str] = set()
        self.retried: Set[str] = set()
        self.read: Deque[Entry] = deque()    # not counted yet
        self.losses: Deque[Entry] = deque()  # of these, after all others

    def update(self) -> List[str]:
        """Count what has come since the last time; the new failures.

        After an OSError the next call goes on from there.
        """
        for ledger in self.project.names("ledger"):
            path = self.project.path("ledger", ledger)
            offset = self.offsets.get(ledger, 0)
            for lines, offset in parts(self.project, path, offset):
                self.read.extend(parsed(lines))
                self.offsets[ledger] = offset
                self.count_read()
        self.count_read()
        while self.losses:
            self.take_back(self.losses[0])
            self.losses.popleft()
        for name in self.retried.intersection(self.failed):
            if not self.project.is_accepted(name):
                del self.failed[name]
        new = [name for name in self.failed if name not in self.told]
        self.told.update(new)
        return [told(self.failed[name]) for name in new]

    def count_read(self) -> None:
        while self.read:
            self.count(self.read[0])
            self.read.popleft()

    def count(self, entry: Entry) -> None:
        if entry.event == DONE:
            self.done += 1
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

    def take_back(self, entry: Entry) -> None:
        """An end that was written down, and did not come about: the worker
        died in between, or the job had been given to others.
        """
        if self.project.is_accepted(entry.attempt):
            return  # RACE: it ended well while it was reclaimed.
        last = self.last.get(entry.worker)
        if self.failed.pop(entry.attempt, None) is None:
            if last and (last.event, last.attempt) == (DONE, entry.attempt):
                del self.last[entry.worker]
                self.done -= 1

    def failures(self) -> List[str]:
        """A line for each."""
        return [
            f"Failed: {told(entry)}, see {self.log(entry)}"
            for entry in self.failed.values()
        ]

    def log(self, entry: Entry) -> str:
        return pasteable(printable(self.project.job_log(entry.attempt)))

    def summary(self) -> List[str]:
        """One line, and a second one that says where to look."""
        failed = list(self.failed.values())
        if not failed:
            return [f"{self.done} done, 0 failed"]
        names = list(map(told, failed[:MOST_NAMED]))
        if len(failed) > MOST_NAMED:
            names.append(f"and {len(failed) - MOST_NAMED} more")
        return [
            f"{self.done} done, {len(failed)} failed: {', '.join(names)}",
            f"To see why: fjd why --project {self.project.name}"
            f" {pasteable(printable(failed[0].job))}; what it printed:"
            f" {self.log(failed[0])}",
        ]


def told(entry: Entry) -> str:
    return f"{title_of(entry)} ({printable(entry.how)})"


def pasteable(path: str) -> str:
    """A path as a shell takes it; a tilde within is harmless."""
    plain = path.replace("~", "")
    return path if shlex.quote(plain) == plain else shlex.quote(path)
