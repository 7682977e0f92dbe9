"""Arrays: lists of tasks, given out in ranges.

    arrays/<array>          one command or argument a line; put whole
    arrays/<array>+<stamp>  the numbers of tasks that a person retries, one a
                            line; put whole before a range names it
    <array>=<first>.<next>-<last>[x<failed>][+<generation>.<stamp>]~<n>.<stamp>
                            a range, in any place of a job: a job file with a
                            section [array], which says what its tasks share

A range is a job, and each step is one rename, as for a job.  A name is that of
a range only if arrays/<array> exists and its file begins with [array].  It has
no executable, so a worker of an older fjd fails it, and dispatchers give it
only to workers that know arrays.

The ranges of an array partition its tasks 1..N by (first, last), always, and
none is made after put.  (A file that is made later comes back after a person
has moved it; no look before the create helps.)  All tasks before next have
ended, and so many of these failed.  n is the number of the next attempt at the
task next: one more than its losses, and its failures that are tried again.  It
is 1 again when next moves.

A worker runs the tasks from next on (those on the list of the generation, if
there is one) that have no line of its own under this attempt.  A task's line
in the ledger is the decision: done, failed or cleaned.  The lines `failed` and
`retried` are flushed at once.  Lines `done` may be written together on NFS,
but only while n is 1: otherwise a lost line would count as one more attempt.
A range that ended moves to done/ or failed/ with next = last + 1.

A reclaimer (or a person who cancels) cuts a range: it reads the lines of the
dead worker, then flushes them, and renames the range to what is left, under a
new n and stamp.  It must not flush first: a line that comes in between would
count, and could be lost.  Lines that come after the cut count for nothing.

Acceptance (verbs/acceptance.py): a task belongs to the file whose (first,
last) holds it, and has ended unless it is still to do there.  Its result is
its line in the last generation that holds it, of the attempt with the greatest
(next, n) with next <= task.  Equal lines of one attempt count once.  So the
ledgers of arrays may be removed only together with their ranges.
"""
from collections import Counter
from typing import (
    Dict, Iterable, Iterator, List, NamedTuple, Optional, Set, Tuple,
)

from fjd.jobfile import ARRAY
from fjd.ledger import (
    CLEANED, DONE, escape, FAILED, lines_after, read_entries, RETRIED,
)
from fjd.names import Attempt, Range
from fjd.project import Project

START = f"[{ARRAY}]\n".encode()  # of the file of a range
FINAL = (DONE, FAILED, CLEANED)  # a task with such a line has ended


class Ends(NamedTuple):
    """The lines of one attempt: the final event of each task, and how often
    each was tried again.
    """

    ended: Dict[int, str]
    retried: Dict[int, int]


def range_in(project: Project, job: str, path: str) -> Optional[Range]:
    """Return the range of a job file; None if it is no range, or is gone, or
    a list of it is missing.
    """
    try:
        found = Range.parse(job)
        _, data = project.files.read(path, len(START))
    except (ValueError, FileNotFoundError):
        return None
    again = [f"{found.array}+{found.stamp}"] if found.stamp else []
    is_whole = all(project.is_there(list_of(project, name))
                   for name in [found.array, *again])
    return found if is_whole and data == START else None


def list_of(project: Project, array: str) -> str:
    return project.path("arrays", array)


def lines_of(
    project: Project, part: Range, offset: int,
) -> Iterator[Tuple[int, str]]:
    """Yield the number and the line of each task; offset: of the first."""
    lines = lines_after(project, list_of(project, part.array), offset)
    for number, (line, _) in zip(range(part.first, part.last + 1), lines):
        yield number, line


def to_do(project: Project, part: Range) -> Iterable[int]:
    """Return the tasks from next on; FileNotFoundError: their list is gone."""
    if not part.stamp:
        return range(part.next, part.last + 1)
    return [number for number in again(project, part.array, part.stamp)
            if part.next <= number <= part.last]


def again(project: Project, array: str, stamp: str) -> List[int]:
    """Return the numbers of tasks that a person retries, in order."""
    path = list_of(project, f"{array}+{stamp}")
    return sorted(map(int, project.files.read(path)[1].split()))


def cancelled_of(project: Project, array: str) -> Set[int]:
    """Return the tasks of an array that a person has cancelled."""
    names = project.names_if_any("cancelled")
    marks = [name.rpartition("=") for name in names]
    return {int(number) for name, _, number in marks
            if name == array and number.isdecimal()}


def ends_of(project: Project, attempt: str, paths: List[str]) -> Ends:
    """Return the ends of tasks that ledgers record for an attempt."""
    ends = Ends({}, Counter())
    name = escape(attempt)
    lines = read_entries(project, paths, lambda line: name in line)
    for entry in set(lines):  # A line that was written again counts once.
        if entry.attempt == attempt and entry.task:
            number = int(entry.task)
            if entry.event in FINAL:
                ends.ended[number] = entry.event
            elif entry.event == RETRIED:
                ends.retried[number] += 1
    return ends


def cut(
    part: Range, n: int, tasks: Iterable[int], ends: Ends, losses: int,
) -> Attempt:
    """Return what is left of a range after these ends, without a stamp."""
    left = next((t for t in tasks if t not in ends.ended), part.last + 1)
    failed = [t for t, event in ends.ended.items()
              if event == FAILED and t < left]
    tries = (n if left == part.next else 1) + ends.retried.get(left, 0)
    rest = part._replace(next=left, failed=part.failed + len(failed))
    return Attempt(rest.job, tries + losses)
