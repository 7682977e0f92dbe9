"""Changing arrays, ranges and tasks on a person's behalf (arrays.py).

Each change of a range is one rename to a name that was never used, as for a
job: of all processes that want it at that moment, one gets it.
"""
import shlex
from collections import Counter
from typing import Any, Dict, Iterable, List, Set

from fjd.arrays import cancelled_of, cut, Ends, ends_of, list_of
from fjd.verbs.census import Found
from fjd.errors import BadUsage, SOME_FAILED
from fjd.ledger import CLEANED, FAILED, RETRIED
from fjd.names import Attempt, printable
from fjd.output import complain
from fjd.project import Project, RUNNING
from fjd.verbs.arrayfind import (
    CANCELLED, failed_in, no_task, Part, parts_of, Target,
)
from fjd.verbs.find import where
from fjd.verbs.newarray import draft_of

TURNS = 3  # searches for ranges that have moved meanwhile
BEFORE = ("jobqueue", "jobpods")
PLACES = {  # by verb: the places that a range may be in
    "hold": BEFORE,
    "release": ("held",),
    "cancel": BEFORE + ("held", RUNNING),
    "retry": (FAILED, CANCELLED),
}
CHANGED = {"hold": "held", "release": "released", "cancel": "cancelled"}


class ArrayChanges:
    """The changes of one command; changes: those to jobs (change.py)."""

    def __init__(self, changes: Any, verb: str) -> None:
        self.changes = changes
        self.project: Project = changes.project
        self.verb = verb
        self.counts: Dict[str, int] = Counter()  # changed tasks, by array
        self.tasks: List[str] = []  # changed alone
        self.status = 0
        self.running: List[Found] = []  # tasks whose workers will notice
        self.must_wake = False
        self.marks: Dict[str, Set[int]] = {}  # by array

    def apply(self, targets: Dict[str, Target]) -> None:
        for name, target in targets.items():
            change = self.change_task if target.task else self.change_ranges
            change(name, target)
        if self.must_wake:
            self.project.wake_workers(self.changes.stamps.new())

    @property
    def changed(self) -> List[str]:
        """What was changed, for people."""
        return self.tasks + [
            f"{array} ({number} task{'s' * (number != 1)})"
            for array, number in self.counts.items()]

    def refuse(self, name: str, why: str, status: int = SOME_FAILED) -> None:
        complain(f"{self.verb} {printable(name)}: {why}")
        if self.status != BadUsage.exit_code:
            self.status = status

    # Ranges

    def change_ranges(self, name: str, target: Target) -> None:
        """Change the ranges that may be changed; if none was, say why."""
        has_changed, parts = False, []
        for _ in range(TURNS):
            parts = parts_of(self.project, [target]) or parts
            fit = [part for part in parts if self.fits(part, target)]
            moved = self.change_all(fit)
            has_changed = has_changed or moved > 0
            # RACE: one listing may miss a range that is given back.
            if not fit or self.verb == "retry" and moved == len(fit):
                break
        if has_changed or not target.array:
            return  # Of all arrays, none may have such ranges.
        if not parts:
            why = str(no_task(name, target)).partition(": ")[2]
            return self.refuse(name, why, BadUsage.exit_code)
        self.refuse(name, self.why_not(parts))

    def fits(self, part: Part, target: Target) -> bool:
        if self.verb == "retry" and not target.array:
            return part.found.place == FAILED
        return part.found.place in PLACES[self.verb]

    def change_all(self, parts: List[Part]) -> int:
        """Change these ranges; return how many did not escape."""
        if self.verb == "cancel":
            return sum(self.cancel(part) for part in parts)
        if self.verb == "retry":
            failed = failed_in(self.project, parts) if parts else {}
            return sum(
                self.retry(part, failed[part.range.key], None)
                for part in parts)
        return sum(self.move(part) for part in parts)

    def why_not(self, parts: List[Part]) -> str:
        if self.verb == "retry":
            under_way = [part for part in parts if not part.is_over]
            if under_way:
                return f"it has not ended: {where(under_way[0].found)}"
            task = f"{parts[0].range.array}:{parts[0].range.first}"
            return "none of its tasks has failed; to repeat one that is" \
                f" done: fjd retry {shlex.quote(printable(task))}"
        none = f"none of its tasks can be {CHANGED[self.verb]}"
        return f"{none}: {where(parts[0].found)}"

    def count(self, part: Part, number: int) -> None:
        self.counts[printable(part.range.array)] += number

    def move(self, part: Part) -> bool:
        """Hold or release a range."""
        is_ours = bool(self.changes.move(self.verb, part.found))
        if is_ours:
            self.count(part, len(part.left(self.project)))
        return is_ours

    def cancel(self, part: Part) -> bool:
        """Cut a range, and put what is left into cancelled/.

        A range whose last task has ended stays: its worker moves it.
        """
        found, project = part.found, self.project
        tasks, ends = part.left(project), Ends({}, {})
        if found.place == RUNNING:
            ledgers = project.ledgers_of(found.worker)
            ends = ends_of(project, found.attempt.name, ledgers)
            # RACE: in this order, as in Reclaimer.cut().
            for ledger in ledgers:
                project.files.flush(ledger)
        left = [task for task in tasks if task not in ends.ended]
        if not left:
            return True
        rest = cut(part.range, found.attempt.n, tasks, ends, losses=1)
        rest = rest._replace(stamp=self.changes.stamps.new())
        self.changes.record(CLEANED, "cancelled", [found])
        target = project.path(CANCELLED, rest.name)
        if not project.commit(found.path(project), target):
            return False
        self.count(part, len(left))
        self.note_running(part, left[0])
        return True

    def note_running(self, part: Part, task: int) -> None:
        """Let its worker look, and report that it still runs."""
        if part.found.place == RUNNING:
            self.must_wake = True
            name = Attempt(f"{part.range.array}:{task}")
            self.running.append(part.found._replace(attempt=name))

    def retry(
        self, part: Part, failed: List[int], wanted: Any,
    ) -> bool:
        """Run tasks of a range again that is over.

        wanted: their numbers; None for all that failed or were cancelled.
        The new name says of all others that they have ended.
        """
        project, found, old = self.project, part.found, part.range
        left = part.left(project)
        numbers = sorted(set(left + failed if wanted is None else wanted))
        if not numbers:
            return True
        stamp = self.changes.stamps.new()
        path = self.write_numbers(old.array, numbers, stamp)
        self.unmark(old.array, numbers)
        again = old._replace(
            next=numbers[0], generation=old.generation + 1, stamp=stamp,
            failed=max(0, old.failed - len(set(numbers).intersection(failed))))
        self.changes.record(RETRIED, "on demand", [found])
        name = Attempt(again.job, 1, self.changes.stamps.new()).name
        if not project.commit(found.path(project), project.waiting_job(name)):
            project.discard(path)  # No name mentions it.
            return False
        if wanted is None:
            self.count(part, len(numbers))
        return True

    def write_numbers(
        self, array: str, numbers: Iterable[int], stamp: str,
    ) -> str:
        """Put the list of the tasks to run again, whole; return its path."""
        text = "".join(f"{number}\n" for number in numbers)
        path = list_of(self.project, f"{array}+{stamp}")
        draft = draft_of(self.project, array, stamp)
        self.project.draft(draft, text)
        self.project.shift(draft, path)
        return path

    def mark(self, array: str, number: int) -> str:
        return self.project.path(CANCELLED, f"{array}={number}")

    def unmark(self, array: str, numbers: List[int]) -> None:
        """Remove the marks of tasks that are to run again."""
        if array not in self.marks:
            self.marks[array] = cancelled_of(self.project, array)
        for number in self.marks[array].intersection(numbers):
            self.project.discard(self.mark(array, number))

    # Single tasks

    def change_task(self, name: str, target: Target) -> None:
        for _ in range(TURNS):
            parts = parts_of(self.project, [target])
            if parts:
                break
        else:
            why = str(no_task(name, target)).partition(": ")[2]
            return self.refuse(name, why, BadUsage.exit_code)
        if self.verb == "cancel":
            self.cancel_task(name, target, parts[0])
        elif self.verb == "retry":
            self.retry_task(name, target, parts[0])
        elif parts[0].range.first == parts[0].range.last:
            task = parts[0].range.first
            self.change_ranges(
                name, target._replace(task=0, first=task, last=task))
        else:
            self.refuse(
                name, "a task that shares its range cannot be"
                f" {CHANGED[self.verb]}; try: fjd {self.verb}"
                f" {shlex.quote(printable(target.array))}",
                BadUsage.exit_code)

    def cancel_task(self, name: str, target: Target, part: Part) -> None:
        left = left_of(self.project, part)
        if target.task not in left:
            return self.refuse(name, f"it has ended: see fjd why"
                               f" {printable(target.array)}:{target.task}")
        if part.found.place == CANCELLED:
            return self.refuse(name, "it was cancelled with its range")
        path = self.mark(target.array, target.task)
        self.project.files.create(path)
        if target.task == left[0]:
            self.note_running(part, target.task)
        # It may begin before the next heartbeat.
        self.must_wake |= part.found.place == RUNNING
        self.tasks.append(f"{printable(target.array)}:{target.task}")

    def retry_task(self, name: str, target: Target, part: Part) -> None:
        if not part.is_over:
            return self.refuse(
                name, f"its range has not ended: {where(part.found)}")
        if set(part.left(self.project)).difference([target.task]):
            job = shlex.quote(printable(part.found.attempt.job))
            return self.refuse(
                name, "its range did not run to its end, and can be retried"
                f" only as a whole: fjd retry {job}")
        failed = failed_in(self.project, [part])[part.range.key]
        if not self.retry(part, failed, [target.task]):
            return self.refuse(name, "its range has just moved: try again")
        self.tasks.append(f"{printable(target.array)}:{target.task}")


def left_of(project: Project, part: Part) -> List[int]:
    """Return the tasks of a range that have not ended, in order."""
    found, left = part.found, part.left(project)
    if found.place != RUNNING:
        return left
    ledgers = project.ledgers_of(found.worker)
    ended = ends_of(project, found.attempt.name, ledgers).ended
    return [task for task in left if task not in ended]
