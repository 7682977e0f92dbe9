"""Where job files lie: each one, all of them, and how many.

A file of an array counts as its tasks, by its name (arrays.py).
"""
from array import array
from bisect import bisect_left
from typing import (
    Dict, Iterator, List, NamedTuple, Optional, Sequence, Tuple,
)

from fjd.arrays import again
from fjd.names import Attempt, is_editor_copy, Range
from fjd.project import ENDED, Project, RUNNING, STATES

GIVEN_OUT = ("jobpods", RUNNING)
UNENDED = ("jobqueue", *GIVEN_OUT)


class Found(NamedTuple):
    """A job file: its directory, its name there, its attempt and worker.

    place is jobqueue, held, jobpods, running, done or failed; worker is set
    only in jobpods and running.
    """

    place: str
    name: str
    attempt: Attempt
    worker: str = ""

    def path(self, project: Project) -> str:
        pod = [self.worker] if self.place == "jobpods" else []
        return project.path(self.place, *pod, self.name)


def everything(project: Project, start: str = "") -> Iterator[Found]:
    """Yield all job files whose attempts begin with start, at least once."""
    for place in STATES:
        yield from files_in(project, place, start)


def files_in(project: Project, place: str, start: str = "") \
        -> Iterator[Found]:
    for name, attempt, worker in names_in(project, place):
        if attempt.startswith(start):
            yield Found(place, name, Attempt.parse(attempt), worker)


def each_in(project: Project, place: str) -> Iterator[Found]:
    """Yield the same as files_in(), unordered, in little memory."""
    if place in GIVEN_OUT:
        yield from files_in(project, place)
        return
    for name in project.each_name(place):
        if place in ENDED or not is_editor_copy(name):
            yield Found(place, name, Attempt.parse(name))


def names_in(project: Project, place: str) -> List[Tuple[str, str, str]]:
    """Return the name, attempt and worker of each job file in a place."""
    if place == "jobpods":
        return [(name, name, worker) for worker in project.pods()
                for name in project.given(worker) or []]
    if place == RUNNING:
        return [(run.name, *run) for run in project.running()]
    names = project.names(place) if place in ENDED else project.waiting(place)
    return [(name, name, "") for name in names]


def attempts_in(project: Project, place: str) -> List[str]:
    """Return the attempts that have not ended there, unordered."""
    if place in GIVEN_OUT:
        return [attempt for _, attempt, _ in names_in(project, place)]
    return project.waiting(place)


class Ranges:
    """What the names of ranges say.  arrays: those whose list exists."""

    def __init__(self, project: Project) -> None:
        self.project = project
        self.arrays = set(project.names_if_any("arrays"))
        self.lists: Dict[str, Optional[Sequence[int]]] = {}  # by stamp

    def parse(self, name: str) -> Optional[Range]:
        """Return the range that an attempt's name tells, if it is one."""
        if "=" not in name or not self.arrays:
            return None
        try:
            part = Range.parse(Attempt.parse(name).job)
        except ValueError:
            return None
        return part if part.array in self.arrays else None

    def tasks(self, part: Range) -> Optional[Sequence[int]]:
        """Return the tasks of its generation; None if their list is gone."""
        if not part.stamp:
            return range(part.first, part.last + 1)
        if part.stamp not in self.lists:
            try:
                numbers = again(self.project, part.array, part.stamp)
                self.lists[part.stamp] = array("I", numbers)
            except (FileNotFoundError, ValueError):
                self.lists[part.stamp] = None
        listed = self.lists[part.stamp]
        return listed and between(listed, part.first, part.last)

    def to_do(self, part: Range) -> Sequence[int]:
        """Return its tasks that have not ended."""
        if not part.stamp:
            return range(part.next, part.last + 1)
        return between(self.tasks(part) or (), part.next, part.last)

    def number(self, names: List[str]) -> int:
        """Return how many jobs these are, and tasks that have not ended."""
        if not self.arrays:
            return len(names)
        parts = map(self.parse, names)
        return sum(len(self.to_do(part)) if part else 1 for part in parts)


def between(numbers: Sequence[int], first: int, last: int) -> Sequence[int]:
    """Return the part of a sorted sequence from first to last."""
    return numbers[bisect_left(numbers, first):bisect_left(numbers, last + 1)]


def count(project: Project, *places: str) -> int:
    """Return how many jobs and tasks lie there; an estimate while jobs move.
    """
    ranges = Ranges(project)
    return sum(ranges.number(attempts_in(project, place)) for place in places)


def left(project: Project) -> int:
    """Return how many jobs and tasks wait, are in pods, or run."""
    return count(project, *UNENDED)


def jobs_left(project: Project, *places: str) -> int:
    """Return how many jobs that are no tasks lie there, or are left."""
    parse = Ranges(project).parse
    return sum(parse(name) is None for place in places or UNENDED
               for name in attempts_in(project, place))
