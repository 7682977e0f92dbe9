"""Removing arrays: each as a whole, when all of its ranges are over.

The list goes last: while it is there, an interrupted removal is resumed.
"""
from collections import Counter, defaultdict
from typing import Any, Callable, Dict, Iterable, List, Sequence

from fjd.arrays import list_of
from fjd.ledger import CLEANED
from fjd.members import Here
from fjd.names import Attempt, printable, Range
from fjd.project import Project
from fjd.verbs.arrayfind import (
    arrays_in, CANCELLED, files_of, is_range, Part, parts_of, STAMP, Target,
)
from fjd.verbs.overview import server_time
from fjd.verbs.putting import is_being_put

OLD = 3600.0  # seconds after which a draft is one that was left


class ArrayCleaning:
    """The removal of arrays; changes: those to jobs (change.py).

    removed: the number of tasks by array.  left: a line for each array that
    is over and stays.
    """

    def __init__(self, changes: Any, here: Here) -> None:
        self.changes = changes
        self.project: Project = changes.project
        self.here = here
        self.now = server_time(self.project, here)
        self.removed: Dict[str, int] = Counter()
        self.left: List[str] = []

    def clean(
        self, places: Sequence[str], age: float, ends: Dict[str, float],
    ) -> None:
        """Remove the arrays whose ranges lie in these places only, and that
        ended so many seconds ago; ends: when attempts did.
        """
        arrays = arrays_in(self.project)
        last = self.last_ends(ends)
        logs = self.logs()
        for array, parts in sorted(self.parts(arrays).items()):
            is_young = age > 0 and self.now - max(
                self.written(array), last.get(array, 0.0)) <= age
            is_over = all(part.is_over for part in parts)
            if not is_over or is_young or is_being_put(
                    self.project, array, self.here, self.now):
                continue
            others = {part.found.place for part in parts}.difference(
                places, (CANCELLED,))
            if others:
                self.leave(array, parts, min(others))
            else:
                self.remove(array, parts, logs.get(array, []))
        if not age:
            self.remove_remains()

    def parts(self, arrays: Iterable[str]) -> Dict[str, List[Part]]:
        """Return the ranges of all arrays, by array."""
        found: Dict[str, Dict[Any, Part]] = {array: {} for array in arrays}
        # RACE: one listing may miss a range that is given back meanwhile.
        for _ in range(2):
            for part in parts_of(self.project, [Target("")]):
                if part.range.array in found:
                    found[part.range.array][part.range.key] = part
        return {array: list(parts.values()) for array, parts in found.items()}

    def last_ends(self, ends: Dict[str, float]) -> Dict[str, float]:
        """Return when the last attempt at a range of each array ended."""
        found: Dict[str, float] = defaultdict(float)
        for name, end in ends.items():
            attempt = Attempt.parse(name)
            if is_range(attempt):
                array = Range.parse(attempt.job).array
                found[array] = max(found[array], end)
        return found

    def written(self, array: str) -> float:
        return self.project.files.status(
            list_of(self.project, array)).st_mtime

    def logs(self) -> Dict[str, List[str]]:
        """Return the names of the logs of ranges, by array."""
        found: Dict[str, List[str]] = defaultdict(list)
        for log in self.project.names("joblogs"):
            array = array_of_log(log)
            if array:
                found[array].append(log)
        return found

    def leave(self, array: str, parts: List[Part], place: str) -> None:
        number = sum(part.found.place == place for part in parts)
        self.left.append(
            f"{printable(array)} stays, with {number} of {len(parts)} ranges"
            f" in {place}/: give --{place}, too")

    def remove(self, array: str, parts: List[Part], logs: List[str]) -> None:
        project = self.project
        for log in logs:  # On a full disk they make room for ledger entries.
            project.discard(project.path("joblogs", log))
        if parts:
            self.changes.record(
                CLEANED, "on demand", [part.found for part in parts])
        for part in parts:
            project.discard(part.found.path(project))
        if self.has_ranges(array):  # RACE: a person retries them.
            self.left.append(f"{printable(array)}: its list stays, as some of"
                             " its tasks run again")
            return
        self.removed[array] = sum(
            part.range.last - part.range.first + 1 for part in parts)
        self.remove_others(lambda other: other == array)
        project.discard(list_of(project, array))

    def has_ranges(self, array: str) -> bool:
        return any(Range.parse(found.attempt.job).array == array
                   for _ in range(2)
                   for found in files_of(self.project, f"{array}="))

    def remove_others(self, is_gone: Callable[[str], bool]) -> None:
        """Remove the lists of retries and the marks of arrays."""
        project = self.project
        for name in project.names("arrays"):
            if STAMP.search(name) and is_gone(name.rpartition("+")[0]):
                project.discard(project.path("arrays", name))
        for name in project.names_if_any(CANCELLED):
            array, _, number = name.rpartition("=")
            if number.isdecimal() and is_gone(array):
                project.discard(project.path(CANCELLED, name))

    def remove_remains(self) -> None:
        """Remove what commands that were killed have left."""
        arrays = arrays_in(self.project)
        self.remove_others(lambda array: array not in arrays)
        place = self.project.path("arrays")
        for name in self.project.files.drafts(place, "."):
            path = self.project.path("arrays", name)
            try:
                written = self.project.files.status(path).st_mtime
            except FileNotFoundError:
                continue
            if self.now - written > OLD:
                self.project.discard(path)


def array_of_log(log: str) -> str:
    """Return the array of a range's log; "" if it is that of a job."""
    attempt = Attempt.parse(log[:-len(".log")])
    is_ours = log.endswith((".out", ".err")) and is_range(attempt)
    return Range.parse(attempt.job).array if is_ours else ""


def told(removed: Dict[str, int]) -> List[str]:
    """Return what was removed, for people."""
    return [f"{printable(array)} ({number} task{'s' * (number != 1)})"
            for array, number in removed.items()]
