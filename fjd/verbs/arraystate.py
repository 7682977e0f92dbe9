"""Where each task of an array is: a byte a task."""
import os
from typing import Callable, Dict, Iterable, Iterator, List, Optional, Tuple

from fjd.acceptance import Accepted, KINDS
from fjd.arrays import again, FINAL, list_of
from fjd.census import names_in
from fjd.errors import BadJob
from fjd.jobfile import Job, read_job
from fjd.ledger import CLEANED, DONE, FAILED, read_entries, unescape
from fjd.names import Attempt, is_range_name, Range
from fjd.project import Project, STATES

NONE, ENDED, OPEN, BAD = range(4)  # no file; done; may still run; not done
PLACES = (*STATES, "cancelled")
BLOCK = 1 << 20  # bytes of a ledger read at a time
LONGEST_EVENT = 12  # bytes, with the ends of two lines
BAD_EVENTS = [f"\n{event}\t".encode() for event in (FAILED, CLEANED)]
Key = Tuple[str, int, int]


def ranges_in(project: Project) -> Iterator[Tuple[str, str, Attempt, Range]]:
    """Yield place, path, attempt and range of all files of ranges."""
    for place in PLACES:
        for name, attempt, worker in names_in(project, place):
            found = Attempt.parse(attempt)
            if is_range_name(found.job):
                pod = [worker] if place == "jobpods" else []
                path = project.path(place, *pod, name)
                yield place, path, found, Range.parse(found.job)


class TaskStates:
    """The states of all tasks of some arrays."""

    def __init__(self, project: Project, arrays: Iterable[str]) -> None:
        self.project = project
        self.states = {array: bytearray(self.size(array)) for array in arrays}
        self.paths: Dict[str, str] = {}  # a file of a range, by array
        self.jobs: Dict[str, Job] = {}
        for place, path, _, part in ranges_in(project):
            if part.array in self.states:
                self.paths[part.array] = path
                self.mark(place, part)
        self.look_into_ledgers()

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
        range any more.
        """
        try:
            return os.path.realpath(self.job(array).directory)
        except (KeyError, FileNotFoundError, BadJob):
            return ""

    def is_escaped(self, array: str) -> bool:
        """Return whether its lines are escaped."""
        try:
            tasks = self.job(array).tasks
        except (KeyError, FileNotFoundError, BadJob):
            return False
        return bool(tasks and tasks.is_escaped)

    def lines(self, array: str) -> List[str]:
        _, data = self.project.files.read(list_of(self.project, array))
        lines = os.fsdecode(data).split("\n")[:-1]
        return list(map(unescape, lines)) if self.is_escaped(array) else lines

    def mark(self, place: str, part: Range) -> None:
        """Note what a range's name says of its tasks."""
        states = self.states[part.array]
        left: Iterable[int] = range(part.next, part.last + 1)
        if part.stamp:
            tasks = again(self.project, part.array, part.stamp)
            left = [t for t in tasks if part.next <= t <= part.last]
        size = part.last - part.first + 1
        states[part.first - 1:part.last] = bytes([ENDED]) * size
        for task in left:
            states[task - 1] = BAD if place == "cancelled" else OPEN

    def look_into_ledgers(self) -> None:
        """Note the tasks that have failed, or that a person cancelled."""
        paths = self.project.ledger_files()
        some = [path for path in paths if self.is_any_bad(path)]
        bad = read_entries(self.project, some, has_event(FAILED, CLEANED))
        parts: Dict[Key, Accepted] = {}
        for entry in bad:
            part = part_of(entry.attempt) if entry.task else None
            if part and part.array in self.states:
                parts.setdefault(part.key, Accepted(self.project, part))
        if not parts:
            return
        for entry in read_entries(self.project, paths, has_event(*FINAL)):
            part = part_of(entry.attempt) if entry.task else None
            if part and part.key in parts:
                n = Attempt.parse(entry.attempt).n
                parts[part.key].add(entry, part, n)
        for (array, first, _), accepted in parts.items():
            self.mark_bad(self.states[array], first, accepted.kinds)

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
            if kind > KINDS[DONE] and states[place] == ENDED:
                states[place] = BAD


def has_event(*events: str) -> Callable[[str], bool]:
    """Return a function that accepts the lines with these events."""
    starts = tuple(f"{event}\t" for event in events)
    return lambda line: line.startswith(starts)


def part_of(attempt: str) -> Optional[Range]:
    job = Attempt.parse(attempt).job
    return Range.parse(job) if is_range_name(job) else None
