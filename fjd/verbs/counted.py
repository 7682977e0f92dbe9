"""The numbers of jobs and tasks: by listing, or as dispatchers have written
them down (tally.py).
"""
from collections import Counter, defaultdict
from typing import Dict, Iterable, List, Optional, Tuple

from fjd.verbs.census import attempts_in, between, Ranges
from fjd.names import Range
from fjd.project import COUNTS, ENDED, Project, STATES
from fjd.verbs.tally import Counts

CANCELLED = "cancelled"  # the directory, and the state of tasks
DONE, FAILED = ENDED


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
        return attempts_in(self.project, place)

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
