"""Finding what a person calls an array, a task or a range.

    sim         all tasks of that array
    sim:17      one task
    RANGE       the name of a range, or of an attempt at it, which fjd why
                prints; it changes while tasks end, and an earlier one is good
"""
import re
from typing import Dict, Iterable, Iterator, List, NamedTuple, Set, Tuple

from fjd.acceptance import Accepted
from fjd.arrays import list_of, to_do
from fjd.census import everything, Found
from fjd.errors import BadUsage
from fjd.ledger import (
    CLEANED, FAILED, lines_after, parse, unescape,
)
from fjd.names import Attempt, is_range_name, LIST, printable, Range
from fjd.project import Project

CANCELLED = "cancelled"  # the directory
OVER = ("done", "failed", CANCELLED)  # where ranges lie that nobody runs
TASK = re.compile("(.+):([1-9][0-9]{0,8})(~[0-9]+)?", re.S)
STAMP = re.compile(r"\+[0-9a-f]{17}-[0-9]+")
Key = Tuple[str, int, int]  # names.Range.key


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


def files_of(project: Project) -> Iterator[Found]:
    """Yield the files whose names are those of ranges, in all places."""
    for found in everything(project):
        if is_range(found.attempt):
            yield found
    for name in project.names_if_any(CANCELLED):
        attempt = Attempt.parse(name)
        if attempt.stamp and is_range(attempt):
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


def accepted_in(
    project: Project, parts: Iterable[Part], kinds: Iterable[str],
) -> Dict[Key, Accepted]:
    """Return the accepted lines of these ranges, of these kinds."""
    known = {part.range.key: Accepted(project, part.range) for part in parts}
    for part in parts:
        known[part.range.key].see(part.range, part.found.attempt.n)
    attempts: Dict[str, Tuple] = {}
    events = set(kinds)
    for path in project.ledger_files():
        for line, _ in lines_after(project, path, 0):
            event, _, rest = line.partition("\t")
            name = rest.split("\t", 2)[1:2]
            if not name or "=" not in name[0]:
                continue
            if name[0] not in attempts:
                attempts[name[0]] = seen(known, unescape(name[0]))
            accepted, part, n = attempts[name[0]]
            entry = parse(line) if accepted and event in events else None
            if entry and entry.task:
                accepted.add(entry, part, n)
    return known


def seen(known: Dict[Key, Accepted], name: str) -> Tuple:
    """Let the range of an attempt learn of it; return what it is."""
    attempt = Attempt.parse(name)
    if not is_range(attempt):
        return None, None, 0
    part = Range.parse(attempt.job)
    accepted = known.get(part.key)
    if accepted:
        accepted.see(part, attempt.n)
    return accepted, part, attempt.n


def failed_in(project: Project, parts: List[Part]) -> Dict[Key, List[int]]:
    """Return the tasks of each range that have failed, in order."""
    known = accepted_in(project, parts, (FAILED, CLEANED))
    return {
        key: [accepted.first + place
              for place, kind in enumerate(accepted.kinds) if kind == 2]
        for key, accepted in known.items()
    }
