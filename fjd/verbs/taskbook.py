"""What the names of files, and the ledgers, say about the tasks of arrays."""
import os
from math import inf
from typing import (
    Dict, Iterable, Iterator, List, Optional, Sequence, Set, Tuple,
)

from fjd.verbs.census import GIVEN_OUT, names_in, Ranges
from fjd.ledger import CLEANED, escape, FAILED, parse, PART, unescape
from fjd.names import Attempt, Range
from fjd.project import Project, STATES
from fjd.verbs.acceptance import Chapter, NUMBERS, Place

CANCELLED = "cancelled"  # the directory
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
        wanted: Sequence[bytes] = (),
    ) -> Iterator[str]:
        """Read the lines of ranges in a ledger; yield all others.

        wanted: leave out blocks of lines that hold none of these.
        """
        for lines, after in blocks(
                self.project, path, begin, end, wanted=wanted):
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
        source = self.sources.get(attempt) or self.learn(attempt, job)
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
            chapter.is_news = bool(bit)
        return True

    def refresh(self) -> None:
        self.arrays.update(self.project.names_if_any("arrays"))

    def knows(self, array: str) -> bool:
        """Return whether the list of an array exists."""
        if array not in self.arrays:
            self.refresh()
        return array in self.arrays

    def learn(self, text: str, job: str) -> Optional[Source]:
        """Learn of an attempt from a line about it, or about one of its
        tasks; None if it is not of an array.
        """
        attempt = Attempt.parse(unescape(text))
        try:
            part = Range.parse(attempt.job)
        except ValueError:
            return None
        start = f"{escape(part.array)}:"
        if not (job.startswith(start) or self.knows(part.array)):
            return None
        chapter = self.chapter(part)
        index = chapter.learn(part, attempt.n)
        self.sources[text] = (chapter, index, start)
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
    size: int = PART, wanted: Sequence[bytes] = (),
) -> Iterator[Tuple[List[str], int]]:
    """Yield whole lines of a ledger, so many bytes at a time, each time with
    the offset of the next; only blocks that hold something that is wanted.
    """
    while begin < end:
        most = int(min(size, end - begin))
        try:
            _, data = project.files.read(path, most, begin)
        except FileNotFoundError:
            return  # RACE: the user has removed it.
        length = data.rfind(b"\n") + 1
        if length:
            begin += length
        if length and (not wanted or any(text in data for text in wanted)):
            yield os.fsdecode(data[:length - 1]).split("\n"), begin
        if len(data) < size:
            return
        if not length:
            size *= 2  # The line is longer.
