"""Which line of the ledgers counts for each task (the rule is in arrays.py).
"""
from array import array
from typing import (
    Iterable, Iterator, List, NamedTuple, Optional, Sequence, Tuple,
)

from fjd.ledger import CLEANED, DONE, FAILED
from fjd.names import Range
from fjd.verbs.counted import Ranges

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

    It needs three bytes for each task.

    kinds: the event of the line for each task, and the other bits; 0 if none
    counts.  chosen: the attempt that wrote it, as an index of parts.  reason:
    why a range failed as a whole; is_news: whether that line is new.
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
        self.is_news = False

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

    def settle(self, ranges: Ranges) -> None:
        """Forget the lines that do not count: another attempt decides."""
        if len(self.keys) < 2:
            return
        owners = self.owners(ranges)
        for place, kind in enumerate(self.kinds):
            if kind and self.chosen[place] + 1 != owners[place]:
                self.kinds[place] = 0

    def owners(self, ranges: Ranges) -> Sequence[int]:
        """Return for each task the index, plus 1, of the attempt that
        decides; 0 if none is known.
        """
        owners = array("H", bytes(2 * len(self.kinds)))
        generation = 0
        for key in sorted(self.keys):
            index = self.keys.index(key)
            part = self.parts[index]
            tasks = self.tasks_of(ranges, part)
            if part.generation > generation:
                generation = part.generation
                for task in tasks:
                    owners[task - self.first] = 0
            for task in tasks:
                if task >= part.next:
                    owners[task - self.first] = index + 1
        return owners

    def tasks_of(self, ranges: Ranges, part: Range) -> Sequence[int]:
        """Return the tasks of a generation; those with a line if its list has
        been removed.
        """
        if not part.stamp:
            return range(self.first, self.last + 1)
        tasks = ranges.tasks(part)
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
