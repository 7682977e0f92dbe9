"""Where each task of an array is: a byte a task."""
import os
from typing import Dict, Iterable, List, Optional

from fjd.arrays import list_of
from fjd.errors import BadJob
from fjd.jobfile import Job, read_job, Tasks
from fjd.ledger import CLEANED, DONE, FAILED, unescape
from fjd.names import Range
from fjd.project import Project
from fjd.verbs.acceptance import EVENT, NUMBERS
from fjd.verbs.taskbook import Book, CANCELLED

# No file; done; may still run; not done; no file any more, as was removed.
NONE, ENDED, OPEN, BAD, GONE = range(5)
BLOCK = 1 << 20  # bytes of a ledger read at a time
LONGEST_EVENT = 12  # bytes, with the ends of two lines
BAD_EVENTS = [f"\n{event}\t".encode() for event in (FAILED, CLEANED)]


class TaskStates:
    """The states of all tasks of some arrays."""

    def __init__(self, project: Project, arrays: Iterable[str]) -> None:
        self.project = project
        self.states = {array: bytearray(self.size(array)) for array in arrays}
        self.paths: Dict[str, str] = {}  # a file of a range, by array
        self.jobs: Dict[str, Job] = {}
        book = Book(project)
        for found in book.places():
            if found.part.array in self.states:
                self.paths[found.part.array] = project.path(found.file)
                self.mark(found.place, found.part, book.to_do(found.part))
        self.look_into_ledgers(book)

    def size(self, array: str) -> int:
        path = list_of(self.project, array)
        return self.project.files.read(path)[1].count(b"\n")

    def job(self, array: str) -> Job:
        """Return what the tasks of an array have in common."""
        if array not in self.jobs:
            self.jobs[array] = read_job(
                self.project.files, self.paths[array])
        return self.jobs[array]

    def directory(self, array: str) -> str:
        """Return the directory of its tasks, without links; "" if it has no
        range (its put was killed, or they were removed).
        """
        try:
            return os.path.realpath(self.job(array).directory)
        except (KeyError, FileNotFoundError, BadJob):
            return ""

    def tasks(self, array: str) -> Optional[Tasks]:
        """Return how its tasks are listed; None: it has no range that says
        that.
        """
        try:
            return self.job(array).tasks
        except (KeyError, FileNotFoundError, BadJob):
            return None

    def lines(self, array: str) -> List[str]:
        _, data = self.project.files.read(list_of(self.project, array))
        lines = os.fsdecode(data).split("\n")[:-1]
        tasks = self.tasks(array)
        is_escaped = tasks and tasks.is_escaped
        return list(map(unescape, lines)) if is_escaped else lines

    def mark(self, place: str, part: Range, left: Iterable[int]) -> None:
        """Note what a range's name says of its tasks."""
        states = self.states[part.array]
        size = part.last - part.first + 1
        states[part.first - 1:part.last] = bytes([ENDED]) * size
        for task in left:
            states[task - 1] = BAD if place == CANCELLED else OPEN

    def look_into_ledgers(self, book: Book) -> None:
        """Note the tasks that have failed, that a person cancelled, or whose
        range was removed: its lines would count for a new one.
        """
        paths = self.project.ledger_files()
        is_any_missing = any(NONE in states for states in self.states.values())
        if not (is_any_missing or any(map(self.is_any_bad, paths))):
            return
        book.look()
        for path in paths:
            for _ in book.read(path):
                pass  # It is of a job.
        book.settle()
        for (array, first, _), chapter in book.chapters.items():
            if array in self.states:
                self.mark_bad(self.states[array], first, chapter.kinds)

    def is_any_bad(self, path: str) -> bool:
        """Return whether a ledger may have a line `failed` or `cleaned`."""
        offset, data = 0, b"\n"
        while data:
            start = data[-LONGEST_EVENT:]
            _, data = self.project.files.read(path, BLOCK, offset)
            if any(event in start + data for event in BAD_EVENTS):
                return True
            offset += len(data)
        return False

    def mark_bad(self, states: bytearray, first: int, kinds: bytes) -> None:
        for place, kind in enumerate(kinds, first - 1):
            if kind & EVENT > NUMBERS[DONE] and states[place] == ENDED:
                states[place] = BAD
            elif states[place] == NONE:
                states[place] = GONE
