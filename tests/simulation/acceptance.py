"""Which line counts for a task of an array (the rule is in arrays.py)."""
from array import array
from typing import List, Optional, Set, Tuple

from fjd.arrays import again
from fjd.ledger import CLEANED, DONE, Entry, FAILED
from fjd.names import Range
from fjd.project import Project

KINDS = {DONE: 1, FAILED: 2, CLEANED: 3}
Key = Tuple[int, int, int]  # generation, next, n


class Accepted:
    """The accepted lines of the tasks of one range; two bytes a task."""

    def __init__(self, project: Project, part: Range) -> None:
        self.project = project
        self.array, self.first, self.last = part.key
        self.keys: List[Key] = []  # in the order in which they were seen
        self.lists: List[Optional[Set[int]]] = []  # tasks of a generation
        size = self.last - self.first + 1
        self.kinds = bytearray(size)         # of KINDS; 0: no line
        self.chosen = array("B", bytes(size))  # its attempt, modulo 256
        self.counts = [size] + [0] * len(KINDS)  # of tasks, by kind

    def see(self, part: Range, n: int) -> int:
        """Learn of an attempt; return its index.

        Lines of earlier attempts for tasks that it holds count no more.
        """
        key = (part.generation, part.next, n)
        try:
            return self.keys.index(key)
        except ValueError:
            self.keys.append(key)
        stamp = part.stamp
        tasks = set(again(self.project, self.array, stamp)) if stamp else None
        self.lists.append(tasks)
        number = len(self.keys) - 1
        for task in range(part.next, self.last + 1) if number else ():
            if self.kinds[task - self.first] and self.best(task) == number:
                self.set(task, 0, 0)
        return number

    def best(self, task: int) -> int:
        """Return the index of the attempt whose line counts for a task."""
        if len(self.keys) == 1:
            return 0
        return max(
            (n for n, key in enumerate(self.keys) if self.holds(n, task)),
            key=lambda n: self.keys[n], default=0)

    def holds(self, number: int, task: int) -> bool:
        tasks = self.lists[number]
        is_behind = self.keys[number][1] <= task
        return is_behind and (tasks is None or task in tasks)

    def set(self, task: int, kind: int, number: int) -> None:
        place = task - self.first
        self.counts[self.kinds[place]] -= 1
        self.counts[kind] += 1
        self.kinds[place] = kind
        self.chosen[place] = number % 256

    def add(self, entry: Entry, part: Range, n: int) -> bool:
        """Add a final line; return whether it counts, and is no repetition."""
        number, task = self.see(part, n), int(entry.task)
        if not self.first <= task <= self.last or self.best(task) != number:
            return False
        kind = KINDS[entry.event]
        is_new = self.kinds[task - self.first] == 0
        self.set(task, kind, number)
        return is_new
