"""Which line of the ledgers counts for each task (the rule is in arrays.py).

A book holds what the names of files, and the lines of ledgers, say about the
tasks of arrays: three bytes a task.
"""
import os
from array import array
from math import inf
from typing import (
    Dict, Iterable, Iterator, List, NamedTuple, Optional, Sequence, Set, Tuple,
)

from fjd.census import GIVEN_OUT, names_in, Ranges
from fjd.ledger import CLEANED, DONE, escape, FAILED, parse, PART, unescape
from fjd.names import Attempt, Range
from fjd.project import Project, STATES

CANCELLED = "cancelled"  # the directory
NUMBERS = {DONE: 1, FAILED: 2, CLEANED: 3}
EVENT = 3   # the bits of these numbers
NEW = 4     # this bit is set for lines that come after an offset
UNLIKE = 8  # and this one if another line of the same attempt differs
Key = Tuple[int, int, int]  # generation, next, n


class Place(NamedTuple):
    """Where the file of a range lies; worker: in a pod, or in running/."""

    place: str
    name: str  # of its attempt
    part: Range
    n: int
    worker: str = ""

    @property
    def file(self) -> str:
        """Its path below the project's directory."""
        if self.place == "running":
            return f"running/{self.name}@{self.worker}"
        pod = f"{self.worker}/" if self.place == "jobpods" else ""
        return f"{self.place}/{pod}{self.name}"


class Chapter:
    """The tasks of one range: their accepted lines, and its files.

    kinds: the event of the line for each task, and the other bits; 0 if none
    counts.  chosen: the attempt that wrote it, as an index of parts.  reason:
    of a range that failed as a whole.
    """

    def __init__(self, key: Tuple[str, int, int]) -> None:
        self.key = key
        self.array, self.first, self.last = key
        self.parts: List[Range] = []
        self.keys: List[Key] = []
        self.kinds = bytearray(self.last - self.first + 1)
        self.chosen = array("H", bytes(2 * len(self.kinds)))
        self.files: List[Place] = []
        self.is_cleaned = False
        self.reason = ""

    def learn(self, part: Range, n: int) -> int:
        """Learn of an attempt; return its index."""
        key = (part.generation, part.next, n)
        if key not in self.keys:
            self.keys.append(key)
            self.parts.append(part)
        return self.keys.index(key)

    def add(self, index: int, task: int, kind: int) -> int:
        """Add a line; that of the latest attempt replaces others.

        Return what was known of the task; -1 if nothing changes.
        """
        place = task - self.first
        if not self.parts[index].next <= task <= self.last:
            return -1
        old = self.kinds[place]
        before = self.chosen[place]
        if old and before == index:
            unlike = UNLIKE if (old ^ kind) & EVENT else 0
            self.kinds[place] = old & (kind | ~NEW) | unlike
        elif not old or self.keys[index] > self.keys[before]:
            self.kinds[place] = kind
            self.chosen[place] = index
            return old
        return -1

    def settle(self, book: "Book") -> None:
        """Forget the lines that do not count: another attempt decides."""
        if len(self.keys) < 2:
            return
        owners = self.owners(book)
        for place, kind in enumerate(self.kinds):
            if kind and self.chosen[place] + 1 != owners[place]:
                self.kinds[place] = 0

    def owners(self, book: "Book") -> Sequence[int]:
        """Return for each task the index, plus 1, of the attempt that
        decides; 0 if none is known.
        """
        owners = array("H", bytes(2 * len(self.kinds)))
        generation = 0
        for key in sorted(self.keys):
            index = self.keys.index(key)
            part = self.parts[index]
            tasks = self.tasks_of(book, part)
            if part.generation > generation:
                generation = part.generation
                for task in tasks:
                    owners[task - self.first] = 0
            for task in tasks:
                if task >= part.next:
                    owners[task - self.first] = index + 1
        return owners

    def tasks_of(self, book: "Book", part: Range) -> Sequence[int]:
        """Return the tasks of a generation; those with a line if its list has
        been removed.
        """
        if not part.stamp:
            return range(self.first, self.last + 1)
        tasks = book.tasks(part)
        if tasks is not None:
            return tasks
        return [self.first + place for place, kind in enumerate(self.kinds)
                if kind and self.keys[self.chosen[place]][0]
                == part.generation]

    @property
    def file(self) -> Optional[Place]:
        """The latest name of its file; None if it is gone."""
        return max(self.files, default=None, key=lambda f: (
            f.part.generation, f.part.next, f.n))


def spans(tasks: Iterable[int]) -> Iterator[Tuple[int, int]]:
    """Yield the first and the last of each run of numbers without a gap."""
    first = last = 0
    for task in sorted(tasks):
        if first and task != last + 1:
            yield first, last
        if not first or task != last + 1:
            first = task
        last = task
    if first:
        yield first, last


Source = Tuple[Chapter, int, str]  # index of the attempt, and "<array>:"


class Book(Ranges):
    """The chapters of all ranges."""

    def __init__(self, project: Project) -> None:
        super().__init__(project)
        self.chapters: Dict[Tuple[str, int, int], Chapter] = {}
        self.sources: Dict[str, Source] = {}
        self.ends: Dict[str, int] = {}  # how far each ledger was read
        self.workers: Set[str] = set()  # that have ranges
        self.old = -1  # what the last line has replaced; -1: nothing

    def chapter(self, part: Range) -> Chapter:
        if part.key not in self.chapters:
            self.chapters[part.key] = Chapter(part.key)
        return self.chapters[part.key]

    def look(self) -> None:
        """Note where the files of all ranges lie.

        RACE: one that moves meanwhile may be missed once, so look twice.
        """
        self.refresh()
        seen = set()
        for found in self.places():
            chapter = self.chapter(found.part)
            if found.part.key not in seen:
                chapter.files = []
            seen.add(found.part.key)
            chapter.files.append(found)
            if found.part.generation or found.part.next <= found.part.last:
                chapter.learn(found.part, found.n)

    def places(self) -> Iterator[Place]:
        """Yield where the files of ranges lie, unordered."""
        for place in [*STATES, CANCELLED] if self.arrays else []:
            for name, worker in self.names(place):
                part = self.parse(name)
                if part:
                    self.workers.add(worker)
                    n = Attempt.parse(name).n
                    yield Place(place, name, part, n, worker)

    def names(self, place: str) -> Iterable[Tuple[str, str]]:
        """Return the attempts in a place, with their workers."""
        if place in GIVEN_OUT:
            return (each[1:] for each in names_in(self.project, place))
        if place == CANCELLED:
            return ((n, "") for n in self.project.names_if_any(place))
        return ((n, "") for n in self.project.each_name(place))

    def read(
        self, path: str, begin: int = 0, end: float = inf, bit: int = 0,
    ) -> Iterator[str]:
        """Read the lines of ranges in a ledger; yield all others."""
        for lines, after in blocks(self.project, path, begin, end):
            for line in lines:
                fields = line.split("\t", 3)
                is_noted = len(fields) > 2 and "=" in fields[2] \
                    and self.note(line, fields, bit)
                if not is_noted:
                    yield line
            self.ends[path] = after

    def note(self, line: str, fields: List[str], bit: int) -> bool:
        """Note a line about a range or a task; False if it is of neither."""
        event, job, attempt = fields[:3]
        source = self.sources.get(attempt) or self.learn(attempt)
        if not source:
            return False
        self.old = -1
        chapter, index, start = source
        number = job[len(start):]
        if job.startswith(start) and number.isdecimal():
            if event in NUMBERS:
                kind = NUMBERS[event] | bit
                self.old = chapter.add(index, int(number), kind)
            return True
        if not self.knows(chapter.array):
            return False
        if event == CLEANED:
            chapter.is_cleaned = True
        elif event == FAILED:
            entry = parse(line)
            chapter.reason = entry.how if entry else ""
        return True

    def refresh(self) -> None:
        self.arrays.update(self.project.names_if_any("arrays"))

    def knows(self, array: str) -> bool:
        """Return whether the list of an array exists."""
        if array not in self.arrays:
            self.refresh()
        return array in self.arrays

    def learn(self, text: str) -> Optional[Source]:
        """Learn of an attempt from its name in a ledger."""
        attempt = Attempt.parse(unescape(text))
        try:
            part = Range.parse(attempt.job)
        except ValueError:
            return None
        chapter = self.chapter(part)
        index = chapter.learn(part, attempt.n)
        self.sources[text] = (chapter, index, f"{escape(part.array)}:")
        return self.sources[text]

    def settle(self) -> None:
        for chapter in self.chapters.values():
            chapter.settle(self)

    def takes(self, fields: List[str]) -> Optional[bool]:
        """Return whether a line is the accepted one, once for each task; None
        if it is not of a task.
        """
        source = self.sources.get(fields[2])
        if not source or not fields[1].startswith(source[2]):
            return None
        chapter, index, start = source
        number = fields[1][len(start):]
        if not number.isdecimal():
            return None
        place = int(number) - chapter.first
        if not 0 <= place < len(chapter.kinds):
            return False
        is_it = chapter.kinds[place] and chapter.chosen[place] == index
        if is_it:
            chapter.kinds[place] = 0
        return bool(is_it)


def blocks(
    project: Project, path: str, begin: int = 0, end: float = inf,
) -> Iterator[Tuple[List[str], int]]:
    """Yield whole lines of a ledger, many at a time, each time with the
    offset of the next.
    """
    size = PART
    while begin < end:
        most = int(min(size, end - begin))
        try:
            _, data = project.files.read(path, most, begin)
        except FileNotFoundError:
            return  # RACE: the user has removed it.
        length = data.rfind(b"\n") + 1
        if length:
            begin += length
            yield os.fsdecode(data[:length - 1]).split("\n"), begin
        if len(data) < size:
            return
        if not length:
            size *= 2  # The line is longer.
