"""What the ledgers say about one task of an array, and where it is."""
from typing import Dict, List, NamedTuple, Optional, Set

from fjd.arrays import FINAL, to_do
from fjd.ledger import Entry, escape, lines_after, LOST, parse, RETRIED
from fjd.names import Range
from fjd.project import Project, RUNNING
from fjd.verbs.arrayfind import (
    Attempts, CANCELLED, no_task, Part, parts_of, Target,
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
        self.attempts = Attempts(project, ("", 0, 0))
        self.offsets: Dict[str, int] = {}  # of each ledger: bytes read
        self.entries: List[Entry] = []
        self.update()

    def update(self) -> None:
        """Look where the range is, and then read new lines."""
        # RACE: a range that goes back meanwhile may be missed once.
        parts = parts_of(self.project, [self.target]) \
            or parts_of(self.project, [self.target])
        if not parts:
            raise no_task(self.name, self.target)
        self.attempts.key = parts[0].range.key
        self.part: Part = parts[0]
        self.attempts.see(self.part.found.attempt.name)
        start = f"\t{escape(self.part.range.array)}={self.part.range.first}."
        for path in self.project.ledger_files():
            begin = self.offsets.get(path, 0)
            for line, after in lines_after(self.project, path, begin):
                self.offsets[path] = after
                entry = parse(line) if start in line else None
                if entry and self.attempts.see(entry.attempt):
                    self.entries.append(entry)

    # What is recorded

    def told(self) -> List[Told]:
        """Return the lines about the task, the earliest end first."""
        found = [Told(entry, self.note(entry))
                 for entry in self.entries if self.is_about(entry)]
        return sorted(found, key=lambda told: told.entry.end)

    @property
    def task(self) -> int:
        return self.target.task

    def note(self, entry: Entry) -> str:
        """Return why a line is not the end of the task; "" if it is, or is
        no end.
        """
        name = entry.attempt
        if entry.event not in FINAL or not entry.task \
                or self.attempts.decides(name, self.task):
            return ""
        generations = [part.generation
                       for part in self.attempts.parts.values()
                       if self.attempts.holds(part, self.task)]
        is_before = self.attempts.parts[name].generation < max(generations)
        return BEFORE if is_before else LATE

    def is_about(self, entry: Entry) -> bool:
        """Return whether a line is one of a try of the task, or one about
        its range that changed what becomes of the task.
        """
        if entry.task:
            return int(entry.task) == self.task
        part = self.attempts.parts[entry.attempt]
        if entry.event == RETRIED:
            return any(later.generation == part.generation + 1
                       and self.task in self.to_do(later)
                       for later in self.attempts.parts.values())
        left = self.left_of(entry.attempt)
        return self.task in (left[:1] if entry.event == LOST else left)

    def left_of(self, name: str) -> List[int]:
        """Return the tasks that an attempt was to run, and has not ended."""
        ended = self.ended_in(name)
        return [number for number in self.to_do(self.attempts.parts[name])
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
