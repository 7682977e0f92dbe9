"""What became of the tasks of arrays, for a dispatcher's summary.

While it runs, it counts lines.  At the end, the names of ranges say which
tasks have ended, and the accepted lines say how.  The lines before the offsets
of its outcome were counted by earlier dispatchers.  A task without any line
counts if this dispatcher has seen its range when that task was still to do.
"""
import os
import time
from itertools import islice
from typing import Any, Dict, Iterable, List, Set, Tuple

from fjd.arrays import list_of
from fjd.ledger import (
    CLEANED, DONE, Entry, escape, FAILED, lines_after, parse, SHORT,
)
from fjd.names import Attempt, Range
from fjd.project import ENDED, Project
from fjd.verbs.acceptance import Chapter, EVENT, NEW, NUMBERS, spans
from fjd.verbs.account import CANCELLED, LEFT, NO_RECORD, VANISHED
from fjd.verbs.census import UNENDED
from fjd.verbs.counted import numbers
from fjd.verbs.listnames import LIST
from fjd.verbs.summary import Outcome, Tasks
from fjd.verbs.taskbook import blocks, Book
from fjd.verbs.titles import described, MOST_NAMED

EVENTS = {NUMBERS[DONE]: DONE, NUMBERS[FAILED]: FAILED,
          NUMBERS[CLEANED]: CANCELLED}
NAMED = {FAILED: FAILED, CLEANED: CANCELLED}  # lines that may be named
FEW = 50  # ranges that are looked for in each block of lines
Key = Tuple[str, int, int]


def new_outcome(
    project: Project, offsets: Dict[str, int], clock: Any = time,
) -> Outcome:
    """Return the outcome of a dispatcher, with tasks."""
    outcome = Outcome(project, offsets, clock)
    outcome.tasks = TaskCount(outcome)
    return outcome


class TaskCount(Tasks):
    """The tasks, in the outcome of a dispatcher."""

    def __init__(self, outcome: Outcome) -> None:
        super().__init__(outcome)
        self.project = outcome.project
        self.book = Book(self.project)
        self.done = 0  # of outcome.done
        self.new: List[str] = []  # failures since the last report
        self.unnamed = 0  # those since then that are not among these

    # While it runs

    def takes(self, line: str) -> bool:
        fields = line.split("\t", 3)
        is_of_range = len(fields) > 2 and "=" in fields[2] \
            and self.book.note(line, fields, NEW)
        if is_of_range and self.book.old >= 0:
            if self.book.old:
                self.add(EVENTS[self.book.old & EVENT], -1)
            self.add(EVENTS[NUMBERS[fields[0]]], 1)
            if fields[0] == FAILED:
                self.note_failure(line)
            if SHORT in line or self.outcome.short:
                self.note_short(line)
        return is_of_range

    def add(self, event: str, number: int) -> None:
        if event == DONE:
            self.done += number
            self.outcome.done += number
        else:
            self.more[event] += number

    def note_failure(self, line: str) -> None:
        entry = parse(line) if len(self.new) < MOST_NAMED else None
        if entry:
            self.new.append(described(entry))
        else:
            self.unnamed += 1

    def note_short(self, line: str) -> None:
        """Note a done task whose log may be short, until it has run again."""
        entry = parse(line)
        if entry and entry.event == DONE and entry.reason:
            self.outcome.short[entry.job] = entry
        elif entry:
            self.outcome.short.pop(entry.job, None)

    def new_failures(self) -> List[str]:
        new = self.new
        if self.unnamed:
            new.append(f"{self.unnamed} more tasks")
        self.new, self.unnamed = [], 0
        return new

    def ended(self) -> Tuple[int, int]:
        found = numbers(self.project, *ENDED)
        return found[DONE], found[FAILED]

    # At the end

    def recount(self, is_pass: bool) -> None:
        self.book.refresh()
        owed = self.take_owed()
        if not self.book.arrays and not self.book.sources:
            return
        for _ in range(2):
            self.book.look()
        if not (is_pass and self.is_plain()):
            self.read_history(owed)
        self.book.settle()
        self.add(DONE, -self.done)
        self.more.clear()
        for key, chapter in self.book.chapters.items():
            self.count(chapter)
            seen = owed.get(key, [])
            if chapter.is_news:
                seen = seen + [file.part for file in chapter.files]
            if 0 in chapter.kinds and (chapter.is_news or not is_pass):
                self.count_silent(chapter, seen)
        self.name_lines()

    def take_owed(self) -> Dict[Key, List[Range]]:
        """Return the ranges that the dispatcher has seen, and forget them,
        also those of arrays that have been cleaned meanwhile.
        """
        self.book.arrays.update(array for array, _, _ in self.book.chapters)
        owed = self.outcome.owed
        found: Dict[Key, List[Range]] = {}
        for name in list(owed):
            part = self.book.parse(name)
            if part:
                self.book.chapter(part)
                found.setdefault(part.key, []).append(part)
                del owed[name]
        return found

    def is_plain(self) -> bool:
        """Return whether no older line can change what the new ones say: each
        is of the last attempt of its range.
        """
        for name, (chapter, _, _) in self.book.sources.items():
            file = chapter.file
            stamps = {Attempt.parse(each).stamp
                      for each in (name, file.name if file else "")}
            if len(stamps) > 1:
                return False
        return True

    def read_history(self, owed: Iterable[Key]) -> None:
        """Read the lines that earlier dispatchers have counted, at least
        those about ranges that count now.
        """
        sources = self.book.sources.values()
        keys = {*owed, *(chapter.key for chapter, _, _ in sources)}
        wanted = [os.fsencode(f"\t{escape(array)}={first}.")
                  for array, first, _ in keys] if len(keys) <= FEW else []
        for name, offset in self.outcome.begin.items() if keys else ():
            path = self.project.path("ledger", name)
            for _ in self.book.read(path, 0, offset, wanted=wanted):
                pass  # It is of a job.

    def count(self, chapter: Chapter) -> None:
        """Count the accepted lines that are new."""
        for kind in set(chapter.kinds):
            if kind & NEW:
                self.add(EVENTS[kind & EVENT], chapter.kinds.count(kind))

    def count_silent(self, chapter: Chapter, owed: List[Range]) -> None:
        """Count the tasks without a line.  owed: its names, as seen before."""
        silent = {chapter.first + place
                  for place, kind in enumerate(chapter.kinds) if not kind}
        seen = silent & set().union(*map(self.book.to_do, owed))
        file = chapter.file
        if not file:
            event = CANCELLED if chapter.is_cleaned else VANISHED
            return self.miss(chapter, event, seen)
        to_do = set(self.book.to_do(file.part))
        if file.place in UNENDED:
            self.add(LEFT, len(silent & to_do))
        elif file.place == "held":
            self.add(LEFT, len(seen & to_do))
        elif file.place == CANCELLED:
            self.miss(chapter, CANCELLED, seen & to_do)
        else:
            self.miss(chapter, FAILED, seen & to_do)
        self.count_lost(chapter, file.part, to_do, sorted(seen - to_do))

    def count_lost(
        self, chapter: Chapter, part: Range, to_do: Set[int],
        lost: List[int],
    ) -> None:
        """Count tasks whose record is lost; the name says how many failed."""
        failed = sum(kind & EVENT == NUMBERS[FAILED] and task not in to_do
                     for task, kind in enumerate(chapter.kinds, part.first))
        number = min(len(lost), max(0, part.failed - failed))
        self.miss(chapter, FAILED, lost[:number])
        self.add(DONE, len(lost) - number)

    # Names

    def miss(
        self, chapter: Chapter, event: str, tasks: Iterable[int],
    ) -> None:
        """Count tasks without a line, and name the first."""
        for first, last in spans(tasks):
            self.more[event] += last - first + 1
            why = chapter.reason or NO_RECORD if event == FAILED else event
            task = f"{first}-{last}" if last > first else str(first)
            self.name(Entry(
                event, f"{chapter.array}:{first}", "", reason=why, task=task))

    def name(self, entry: Entry) -> bool:
        """Let the outcome name a task, or several, if it does not name many;
        return whether it may name more.
        """
        failed, missing = self.outcome.failed, self.outcome.missing
        named = failed if entry.event == FAILED else missing
        if len(named) >= MOST_NAMED:
            return False
        self.more[entry.event] -= 1
        if not entry.command:
            entry = entry._replace(command=self.command_of(entry))
        if entry.event == FAILED:
            failed[f"{entry.job} {entry.attempt}"] = entry
        else:
            missing.append(entry)
        return True

    def command_of(self, entry: Entry) -> str:
        """Return the command of a task of fjd run, from its list."""
        array, _, task = entry.job.rpartition(":")
        if not LIST.fullmatch(array):
            return ""
        lines = lines_after(self.project, list_of(self.project, array), 0)
        return next((line for line, _ in islice(
            lines, int(task) - 1, int(task))), "")

    def name_lines(self) -> None:
        """Name the first tasks that have failed or were cancelled."""
        wanted = {event for event in NAMED if self.more[NAMED[event]]}
        for path, end in self.outcome.offsets.items() if wanted else ():
            begin = self.outcome.begin.get(path, 0)
            place = self.project.path("ledger", path)
            for lines, _ in blocks(self.project, place, begin, end):
                for line in lines:
                    event = line.partition("\t")[0]
                    if event in wanted and not self.name_line(event, line):
                        wanted.discard(event)
                if not wanted:
                    return

    def name_line(self, event: str, line: str) -> bool:
        """Name the task of a line that counts; False if that is enough."""
        entry = parse(line) if self.book.takes(line.split("\t", 3)) else None
        if not entry:
            return True
        if event == CLEANED:
            entry = entry._replace(event=CANCELLED, reason=CANCELLED)
        return self.name(entry)
