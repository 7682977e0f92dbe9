"""What the ledgers say about one task of an array, and where it is."""
from typing import Dict, List, NamedTuple, Optional, Set, Tuple

from fjd.acceptance import Accepted
from fjd.arrays import FINAL, to_do
from fjd.ledger import Entry, escape, lines_after, LOST, parse, RETRIED
from fjd.names import Attempt, Range
from fjd.project import Project, RUNNING
from fjd.verbs.arrayfind import (
    CANCELLED, is_range, no_task, Part, parts_of, Target,
)

LATE = "too late: does not count"
BEFORE = "before it was retried"


class Told(NamedTuple):
    """A line about a task; note: why it is not its end."""

    entry: Entry
    note: str = ""


class History:
    """A task, the file of its range, and the lines about them.

    BadUsage: there is no such task.
    """

    def __init__(self, project: Project, name: str, target: Target) -> None:
        self.project = project
        self.name = name
        self.target = target
        self.offsets: Dict[str, int] = {}  # of each ledger: bytes read
        self.attempts: Dict[str, Range] = {}
        self.entries: List[Entry] = []
        self.update()

    def update(self) -> None:
        """Look where the range is, and then read new lines."""
        # RACE: a range that goes back meanwhile may be missed once.
        parts = parts_of(self.project, [self.target]) \
            or parts_of(self.project, [self.target])
        if not parts:
            raise no_task(self.name, self.target)
        self.part: Part = parts[0]
        self.see(self.part.found.attempt.name)
        start = f"\t{escape(self.part.range.array)}={self.part.range.first}."
        for path in self.project.ledger_files():
            begin = self.offsets.get(path, 0)
            for line, after in lines_after(self.project, path, begin):
                self.offsets[path] = after
                entry = parse(line) if start in line else None
                if entry and self.see(entry.attempt):
                    self.entries.append(entry)

    def see(self, name: str) -> bool:
        """Return whether an attempt is one at this range."""
        attempt = Attempt.parse(name)
        if name not in self.attempts and is_range(attempt):
            part = Range.parse(attempt.job)
            if part.key == self.part.range.key:
                self.attempts[name] = part
        return name in self.attempts

    # What is recorded

    def told(self) -> List[Told]:
        """Return the lines about the task, the earliest end first."""
        best = self.best()
        found = [Told(entry, self.note(entry, best))
                 for entry in self.entries if self.is_about(entry)]
        return sorted(found, key=lambda told: told.entry.end)

    @property
    def task(self) -> int:
        return self.target.task

    def best(self) -> Tuple[int, int, int]:
        """Return the key of the attempt whose line counts."""
        accepted = Accepted(self.project, self.part.range)
        for name, part in self.attempts.items():
            accepted.see(part, Attempt.parse(name).n)
        return accepted.keys[accepted.best(self.task)]

    def note(self, entry: Entry, best: Tuple[int, int, int]) -> str:
        part, n = self.attempts[entry.attempt], Attempt.parse(entry.attempt).n
        if entry.event not in FINAL or not entry.task \
                or (part.generation, part.next, n) == best:
            return ""
        return BEFORE if part.generation < best[0] else LATE

    def is_about(self, entry: Entry) -> bool:
        """Return whether a line is one of a try of the task, or one about
        its range that changed what becomes of the task.
        """
        if entry.task:
            return int(entry.task) == self.task
        part = self.attempts[entry.attempt]
        if entry.event == RETRIED:
            return any(later.generation == part.generation + 1
                       and self.task in self.to_do(later)
                       for later in self.attempts.values())
        left = self.left_of(entry.attempt)
        return self.task in (left[:1] if entry.event == LOST else left)

    def left_of(self, name: str) -> List[int]:
        """Return the tasks that an attempt was to run, and has not ended."""
        ended = self.ended_in(name)
        return [number for number in self.to_do(self.attempts[name])
                if number not in ended]

    def to_do(self, part: Range) -> List[int]:
        try:
            return list(to_do(self.project, part))
        except FileNotFoundError:
            return []  # The list of a retry is gone.

    def ended_in(self, name: str) -> Set[int]:
        return {int(entry.task) for entry in self.entries
                if entry.attempt == name and entry.task
                and entry.event in FINAL}

    # What it does now

    def end(self) -> Optional[Entry]:
        """Return the line that counts as the end of the task; None if it has
        not ended; an entry without an event if its record is lost.
        """
        found = self.part.found
        is_running = found.place == RUNNING
        left = self.left_of(found.attempt.name) if is_running \
            else self.part.left(self.project)
        if self.task in left:
            return None
        ends = [told.entry for told in self.told()
                if told.entry.task and not told.note
                and told.entry.event in FINAL]
        return ends[-1] if ends else Entry("", "", "")

    def current(self) -> int:
        """Return the task of the range that runs now; 0 if none does."""
        if self.part.found.place != RUNNING:
            return 0
        return (self.left_of(self.part.found.attempt.name) or [0])[0]

    def is_marked(self) -> bool:
        """Return whether a person has cancelled it before its end."""
        mark = f"{self.target.array}={self.task}"
        return mark in self.project.names_if_any(CANCELLED)
