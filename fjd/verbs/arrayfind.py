"""Finding what a person calls an array, a task or a range.

    sim         all tasks of that array
    sim:17      one task
    RANGE       the name of a range, or of an attempt at it, which fjd why
                prints; it changes while tasks end, and an earlier one is good
"""
import re
from functools import lru_cache
from typing import (
    Dict, Iterable, Iterator, List, NamedTuple, Optional, Set, Tuple,
)

from fjd.arrays import again, list_of, to_do
from fjd.verbs.census import everything, Found
from fjd.errors import BadUsage
from fjd.ledger import FAILED, lines_after, parse, unescape
from fjd.names import Attempt, is_range_name, printable, Range
from fjd.project import Project
from fjd.verbs.listnames import LIST

CANCELLED = "cancelled"  # the directory
OVER = ("done", "failed", CANCELLED)  # where ranges lie that nobody runs
TASK = re.compile("(.+):([1-9][0-9]{0,8})(~[0-9]+)?", re.S)
STAMP = re.compile(r"\+[0-9a-f]{17}-[0-9]+")
Key = Tuple[str, int, int]  # names.Range.key
Order = Tuple[int, int, int]  # of attempts: generation, next, n


class Part(NamedTuple):
    """The file of a range."""

    found: Found
    range: Range

    @property
    def is_over(self) -> bool:
        """Return whether no worker has it, and none will be given it."""
        return self.found.place in OVER

    def left(self, project: Project) -> List[int]:
        """Return the tasks that its name says are to do."""
        try:
            return list(to_do(project, self.range))
        except FileNotFoundError:  # The list of a retry is gone.
            return list(range(self.range.next, self.range.last + 1))


class Target(NamedTuple):
    """What a person means: some or all ranges of an array, or one task.

    array: "" for all arrays.  task, last: 0 for all.
    """

    array: str
    task: int = 0
    first: int = 0
    last: int = 0

    def has(self, part: Range) -> bool:
        if not self.array:
            return True
        is_held = part.first <= self.task <= part.last
        is_wanted = is_held if self.task else not self.last \
            or (self.first, self.last) == (part.first, part.last)
        return part.array == self.array and is_wanted


def arrays_in(project: Project) -> Set[str]:
    return {name for name in project.names_if_any("arrays")
            if not STAMP.search(name)}


def split(
    project: Project, names: Iterable[str],
) -> Tuple[List[str], Dict[str, Target]]:
    """Return the names of jobs, and those of arrays, tasks and ranges."""
    arrays, jobs, targets = arrays_in(project), [], {}
    for name in names:
        target = listed_in(project, arrays, int(name)) \
            if name.isdecimal() and name not in arrays \
            else target_in(arrays, name)
        if target.array:
            targets[name] = target
        else:
            jobs.append(name)
    return jobs, targets


def target_in(arrays: Set[str], name: str) -> Target:
    """Return the target of that name; its array is "" if it is none."""
    if name in arrays:
        return Target(name)
    task = TASK.fullmatch(name)
    stem, number = (task.group(1), int(task.group(2))) if task else (name, 0)
    if stem in arrays:
        return Target(stem, number)
    try:
        part = Range.parse(Attempt.parse(stem).job)
    except ValueError:
        return Target("")
    if part.array not in arrays:
        return Target("")
    return Target(part.array, number, part.first, part.last)


def listed_in(project: Project, arrays: Set[str], number: int) -> Target:
    """Return the task of that number in the list of a fjd run, if it is one;
    some commands are jobs.
    """
    found = filter(None, map(LIST.fullmatch, arrays))
    firsts = [int(match.group(1)) for match in found]
    first = max((n for n in firsts if n <= number), default=0)
    if not first:
        return Target("")
    array, task = f"list-{first}", number - first + 1
    _, data = project.files.read(list_of(project, array))
    return Target(array, task) if task <= data.count(b"\n") else Target("")


def parts_of(project: Project, targets: Iterable[Target]) -> List[Part]:
    """Return the files of the ranges that are meant, in the order of tasks.

    RACE: one that moves back meanwhile may be missed once.
    """
    arrays, wanted = arrays_in(project), list(targets)
    parts: Dict[Key, Part] = {}
    for found in files_of(project):
        part = Range.parse(found.attempt.job)
        if part.array in arrays and any(t.has(part) for t in wanted):
            parts[part.key] = Part(found, part)  # The latest place is last.
    return [parts[key] for key in sorted(parts)]


def files_of(project: Project, start: str = "") -> Iterator[Found]:
    """Yield the files in all places whose names are those of ranges, and
    begin with start.
    """
    for found in everything(project, start):
        if is_range(found.attempt):
            yield found
    for name in project.names_if_any(CANCELLED):
        attempt = Attempt.parse(name)
        if name.startswith(start) and attempt.stamp and is_range(attempt):
            yield Found(CANCELLED, name, attempt)


def is_range(attempt: Attempt) -> bool:
    """Return whether an attempt has the name of one at a range."""
    try:
        return is_range_name(attempt.job) and bool(Range.parse(attempt.job))
    except ValueError:
        return False


def is_range_of(arrays: Set[str], attempt: Attempt) -> bool:
    """Return whether an attempt is one at a range of one of these arrays."""
    return is_range(attempt) and Range.parse(attempt.job).array in arrays


def no_task(name: str, target: Target) -> BadUsage:
    what = "task" if target.task else "range"
    return BadUsage(f"{printable(name)}: there is no such {what}")


class Attempts:
    """The attempts known of one range, and which decides for a task."""

    def __init__(self, project: Project, key: Key) -> None:
        self.project = project
        self.key = key
        self.parts: Dict[str, Range] = {}  # by name
        self.keys: Dict[str, Order] = {}
        self.lists: Dict[str, Set[int]] = {}  # of generations, by stamp

    def see(self, name: str) -> bool:
        """Return whether an attempt is one at this range, and note it."""
        attempt = Attempt.parse(name)
        if name not in self.parts and is_range(attempt):
            part = Range.parse(attempt.job)
            if part.key == self.key:
                self.parts[name] = part
                self.keys[name] = part.generation, part.next, attempt.n
        return name in self.parts

    def decides(self, name: str, task: int) -> bool:
        """Return whether the line of an attempt counts for a task: it is the
        latest one that holds the task (arrays.py).
        """
        holders = {self.keys[other] for other, part in self.parts.items()
                   if self.holds(part, task)}
        return self.keys[name] == max(holders, default=())

    def holds(self, part: Range, task: int) -> bool:
        if part.next > task or not part.stamp:
            return part.next <= task
        if part.stamp not in self.lists:
            try:
                numbers = again(self.project, part.array, part.stamp)
            except FileNotFoundError:
                numbers = []
            self.lists[part.stamp] = set(numbers)
        return task in self.lists[part.stamp]


def failed_in(project: Project, parts: List[Part]) -> Dict[Key, List[int]]:
    """Return the tasks of each range that have failed, in order."""
    known = {part.range.key: Attempts(project, part.range.key)
             for part in parts}
    for part in parts:
        known[part.range.key].see(part.found.attempt.name)
    failed: Dict[Key, Dict[int, Set[str]]] = {key: {} for key in known}
    for event, name, line in lines_of_ranges(project):
        attempts = known.get(key_of(name)) if known else None
        if attempts and attempts.see(name) and event == FAILED:
            entry = parse(line)
            if entry and entry.task:
                tasks = failed[attempts.key]
                tasks.setdefault(int(entry.task), set()).add(name)
    return {
        key: [task for task, names in sorted(tasks.items())
              if any(known[key].decides(name, task) for name in names)]
        for key, tasks in failed.items()
    }


def lines_of_ranges(project: Project) -> Iterator[Tuple[str, str, str]]:
    """Yield the event, the attempt and the whole of lines of all ledgers."""
    for path in project.ledger_files():
        for line, _ in lines_after(project, path, 0):
            fields = line.split("\t", 3)
            if len(fields) > 2 and "=" in fields[2]:
                yield fields[0], unescape(fields[2]), line


@lru_cache(4096)
def key_of(name: str) -> Optional[Key]:
    """Return the key of the range that an attempt's name tells."""
    attempt = Attempt.parse(name)
    return Range.parse(attempt.job).key if is_range(attempt) else None
