"""Letting jobs that failed in an earlier run wait again: fjd run --resume."""
from typing import Optional

from fjd.members import Here
from fjd.project import Project
from fjd.roles.dispatcher import Dispatcher
from fjd.verbs.arraychange import ArrayChanges
from fjd.verbs.arrayfind import failed_in, parts_of, Target
from fjd.verbs.change import Changes
from fjd.verbs.joblist import Comparison


class Again:
    """What a run retries.  known: what its project has of the list."""

    def __init__(self, dispatcher: Dispatcher) -> None:
        self.dispatcher = dispatcher
        self.known: Optional[Comparison] = None

    @property
    def left(self) -> int:
        """How many jobs are still to be retried."""
        return self.known.to_retry if self.known else 0

    def begin(self) -> None:
        if self.known:
            retry(self.dispatcher.project, self.dispatcher.reclaimer.here,
                  self.known)

    def bring(self) -> Optional[float]:
        """Retry tasks whose ranges had not ended at the begin, as soon as
        nothing else is left to do; None if there are none.
        """
        before = self.left
        if before and self.dispatcher.is_all_quiet():
            self.begin()
        return 0.0 if self.left < before else None


def retry(project: Project, here: Here, known: Comparison) -> None:
    """Let what failed before wait again.

    Afterwards known has the failed tasks that do not wait.
    """
    changes = Changes(project, here)
    if known.failed_jobs:
        changes.apply("retry", known.failed_jobs)
    targets = [Target(array) for array in known.failed]
    parts = [part for part in parts_of(project, targets)
             if part.is_over] if targets else []
    failed = failed_in(project, parts) if parts else {}
    again = ArrayChanges(changes, "retry")
    left = {array: set(tasks) for array, tasks in known.failed.items()}
    for part in parts:
        array, first, last = part.range.key
        tasks = [t for t in range(first, last + 1) if t in left[array]]
        if tasks and again.retry(
                part, failed.get(part.range.key, []), tasks):
            left[array].difference_update(tasks)
    known.failed_jobs = []
    # Tasks of a range that has not ended are left until it has.
    known.failed.update(
        (array, sorted(tasks)) for array, tasks in left.items())
