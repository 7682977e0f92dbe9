"""The numbers of jobs and tasks: by listing, or as dispatchers have written
them down (handover.py).
"""
from array import array
from bisect import bisect_left
from collections import Counter, defaultdict
from typing import Dict, Iterable, List, Optional, Sequence, Tuple

from fjd.arrays import again
from fjd.census import GIVEN_OUT, names_in
from fjd.handover import Counts
from fjd.names import Attempt, Range
from fjd.project import COUNTS, ENDED, Project, STATES

CANCELLED = "cancelled"  # the directory, and the state of tasks
DONE, FAILED = ENDED
UNENDED = ("jobqueue", *GIVEN_OUT)


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


class Numbers(Ranges):
    """How many jobs and tasks are in each state, by the names of files."""

    def in_states(self, *places: str) -> Dict[str, int]:
        """Return the numbers by state: waiting, held and so on, cancelled.

        All tasks of a range that is there count, also those that have ended.
        """
        found = Counter(dict.fromkeys([*STATES.values(), CANCELLED], 0))
        marks = self.marks()
        for place in places:
            names = self.names(place)
            parts = list(filter(None, map(self.parse, names)))
            if place != CANCELLED:
                found[STATES[place]] += len(names) - len(parts)
            for part in parts:
                self.add(found, place, part, marks.get(part.array, []))
        return found

    def names(self, place: str) -> List[str]:
        if place == CANCELLED:
            return self.project.names_if_any(place)
        if place in ENDED:
            return self.project.files.names(self.project.path(place))
        if place in GIVEN_OUT:
            return [name for _, name, _ in names_in(self.project, place)]
        return self.project.waiting(place)

    def marks(self) -> Dict[str, List[int]]:
        """Return the tasks of each array that a person has cancelled."""
        found: Dict[str, List[int]] = defaultdict(list)
        for name in self.names(CANCELLED) if self.arrays else []:
            array, _, task = name.rpartition("=")
            if task.isdecimal():
                found[array].append(int(task))
        return {array: sorted(tasks) for array, tasks in found.items()}

    def add(
        self, found: Dict[str, int], place: str, part: Range,
        marks: List[int],
    ) -> None:
        """Count the tasks of a range; those with a mark did not run."""
        to_do = self.to_do(part)
        ended = part.last + 1 - part.first - len(to_do)
        marked = 0
        if marks:
            inside = between(marks, part.first, part.last)
            marked = len(set(inside).difference(to_do)) if inside else 0
        state = FAILED if place in ENDED else STATES.get(place, CANCELLED)
        found[state] += len(to_do)
        found[FAILED] += part.failed
        found[CANCELLED] += marked
        found[DONE] += ended - part.failed - marked


def left(project: Project, *places: str) -> int:
    """Return how many jobs and tasks lie there, or have not ended."""
    return sum(left_of_both(project, *places))


def left_of_both(project: Project, *places: str) -> Tuple[int, int]:
    """Return how many jobs lie there, or have not ended, and tasks."""
    found = Numbers(project)
    names = [name for place in places or UNENDED
             for name in found.names(place)]
    parts = list(filter(None, map(found.parse, names)))
    tasks = sum(len(found.to_do(part)) for part in parts)
    return len(names) - len(parts), tasks


def title(array: str, first: int, last: int) -> str:
    """Return the name of tasks for people: `sim:17`, `sim: tasks 17 to 64`."""
    return f"{array}: tasks {first} to {last}" if last > first \
        else f"{array}:{first}"


def numbers(project: Project, *places: str) -> Dict[str, int]:
    """Return the number of jobs and tasks in each state, in these places and,
    if there are arrays, in all.
    """
    counted = Numbers(project)
    if counted.arrays:
        places = (*STATES, CANCELLED)
    return counted.in_states(*places)


def newest_counts(
    project: Project, dispatchers: Iterable[str],
) -> Optional[Tuple[float, str, Counts]]:
    """Return the latest counts of these dispatchers, preceded by their time
    (the server's) and writer.
    """
    found = []
    for name in project.notes(COUNTS):
        dispatcher = name.rsplit(".", 2)[0]
        if dispatcher not in dispatchers:
            continue
        record = project.record("dispatchers", name)
        try:
            if record:
                import json  # Late: it takes a millisecond.
                counts = Counts(**json.loads(record[1]))
                found.append((record[0], dispatcher, counts))
        except (ValueError, TypeError):
            continue  # RACE: it is being written; or a newer fjd wrote it.
    return max(found, key=lambda each: each[0], default=None)
