"""What a dispatcher reports of the ends of jobs: here, nothing.

It gives out jobs all the same.  verbs/summary.py counts them, and compares
what it reports with the files.
"""
from typing import Callable, Dict, List, Tuple

from fjd.project import Project


class Reporter:
    """The account of one dispatcher.

    offsets: of each ledger, the bytes that were reported.  owed: attempts and
    jobs that were seen, and whose end is not: the worker that each was given
    to, or "".
    """

    is_well = True  # all requested jobs are done

    def __init__(self, project: Project, offsets: Dict[str, int]) -> None:
        self.project = project
        self.offsets = dict(offsets)
        self.owed: Dict[str, str] = {}

    def update(self) -> List[str]:
        """Look for ends; return the new failures."""
        return []

    def number(self, names: List[str]) -> int:
        """Return how many jobs and tasks files of these names are."""
        return len(names)

    def how_far(self, waiting: List[str]) -> Tuple[int, int, int]:
        """Return how many jobs are done, failed and left."""
        return 0, 0, len(waiting)

    def write_down(
        self, name: str, waiting: List[str], say: Callable[[str], None],
    ) -> None:
        """Note the number of jobs in each state, for fjd status."""

    def number_left(self) -> int:
        """Return how many jobs wait, are in pods, or run."""
        return 0

    def at_end(self, is_pass: bool, is_quiet: bool) -> List[str]:
        """Return the final lines; a pass does not wait until all has ended."""
        return []
