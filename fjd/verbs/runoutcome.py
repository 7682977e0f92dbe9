"""The outcome of a fjd run, and its closing lines, which fit 80 columns.

Failures are named when they happen (printer.py), so they are not named again.
"""
import os
from typing import Any, Callable, Dict, List

from fjd.ledger import Entry, FAILED
from fjd.project import Project
from fjd.verbs.account import NO_RECORD
from fjd.verbs.bar import fitting
from fjd.verbs.census import count, jobs_left
from fjd.verbs.printer import Printer
from fjd.verbs.summary import Asked, Outcome
from fjd.verbs.supply import Followed
from fjd.verbs.titles import described, listing, word_for

COLUMNS = 80  # of a closing line at most


class AskedList(Asked):
    """What one fjd run asks for, in an outcome.

    done: how many of its commands were done before.  to_come: returns how
    many are to be put, or to be retried.
    """

    def __init__(self, project: Project, to_come: Callable[[], int]) -> None:
        self.project = project
        self.to_come = to_come
        self.done = 0

    def recount(self, outcome: Outcome) -> None:
        outcome.done += self.done
        self.done = 0

    def left(self) -> int:
        return self.to_come() + jobs_left(self.project, "held")


class RunOutcome(Outcome):
    """The ends of a run's jobs, which the printer may see as they come."""

    def __init__(
        self, project: Project, offsets: Dict[str, int], printer: Printer,
        options: Any,
    ) -> None:
        super().__init__(project, offsets)
        self.tasks = Followed(self, printer)
        # The last run of this directory need not be named.
        is_named = options.project or os.environ.get("FJD_PROJECT")
        self.where = f" --project {project.name}" if is_named else ""

    def failures(self) -> List[str]:
        """Return lines for jobs that were not named as they ended."""
        lines = [f"Failed: {described(entry)}"
                 for entry in self.failed.values() if is_silent(entry)]
        if self.missing:
            text = listing(self.missing, self.number_missing)
            lines.append(f"Not done: {text}")
        return [fitting(line, COLUMNS) for line in lines]

    def summary(self) -> List[str]:
        lines = [*self.failures(), self.totals()]
        for entry in [*self.failed.values(), *self.missing][:1]:
            lines.append(f"To see why: fjd why{self.where} {word_for(entry)}")
        if self.short:
            short = list(self.short.values())
            text = f"Done: {listing(short, len(short))}"
            lines.append(fitting(text, COLUMNS))
        return lines

    def held(self) -> List[str]:
        held = count(self.project, "held")
        return [f"{held} job(s) are held: fjd release --project"
                f" {self.project.name} --all"] if held else []


def is_silent(entry: Entry) -> bool:
    """Return whether no line of a ledger tells of a failure."""
    is_lost = not entry.attempt or entry.reason == NO_RECORD
    return entry.event == FAILED and is_lost
