"""Whose output is printed next: of the job that ended first, or, with -k, of
the first in the list.
"""
from collections import deque
from typing import Any, Deque, Dict, Iterator, Optional, Tuple

from fjd.verbs.copying import Item
from fjd.verbs.joblist import Comparison


class AsTheyEnd:
    """The job that ended first is the next."""

    is_last = False  # no more will end

    def __init__(self) -> None:
        self.ended: Deque[Item] = deque()

    def expect(self, name: str, tasks: int) -> None:
        """Note the next jobs: so many tasks of an array; 0: it is a job."""

    def plan(self, known: Comparison) -> None:
        """Note the jobs of a list, of which some are known."""

    def add(self, item: Item) -> None:
        self.ended.append(item)

    def next(self) -> Optional[Item]:
        """Return the next item; None if it is not there."""
        return self.ended.popleft() if self.ended else None


class InOrder(AsTheyEnd):
    """A job is the next once all earlier jobs of the list have ended.

    When no more will end, those that have not ended are left out: some jobs
    may be cancelled.
    """

    def __init__(self) -> None:
        super().__init__()
        # Names of arrays, with the next task and the last one, or of jobs.
        self.expected: Deque[Any] = deque()
        self.holes: Deque[Any] = deque()  # those not yet named
        self.by_job: Dict[str, Item] = {}

    def expect(self, name: str, tasks: int) -> None:
        task = 1
        while self.holes and task <= max(1, tasks):
            self.holes.popleft()[:] = [name, task, min(task, tasks)]
            task += 1
        if task <= max(1, tasks):
            self.expected.append([name, task, tasks])

    def plan(self, known: Comparison) -> None:
        for place in range(len(known.states)):
            name, task = known.keys.get(place, ("", 0))
            self.expected.append([name, task, task])
            if not name:
                self.holes.append(self.expected[-1])

    def add(self, item: Item) -> None:
        self.by_job[item.entry.job] = item

    def next(self) -> Optional[Item]:
        while self.expected:
            first = self.expected[0]
            name, task, last = first
            item = self.by_job.pop(f"{name}:{task}" if last else name, None)
            if not (item or self.is_last):
                return None
            first[1] += 1
            if task >= last:
                self.expected.popleft()
            if item:
                return item
        return None


class Arguments:
    """The arguments of the jobs of a run, as --tag and --results show them.

    come: those of commands that are not in an array yet; None: nobody wants
    them.  They are kept until their job ends.
    """

    def __init__(self, come: Optional[Deque[str]]) -> None:
        self.come = come
        self.by_job: Dict[str, str] = {}

    def expect(self, name: str, tasks: int) -> Iterator[Tuple[str, str]]:
        """Note the arguments of the next commands, and yield them by job."""
        for task in range(1, max(1, tasks) + 1) if self.come else ():
            if self.come:
                yield self.note(name, task if tasks else 0)

    def note(self, name: str, task: int) -> Tuple[str, str]:
        assert self.come
        job = f"{name}:{task}" if task else name
        self.by_job[job] = self.come.popleft()
        return job, self.by_job[job]

    def plan(self, known: Comparison) -> Iterator[Tuple[str, str]]:
        """Note those of jobs that are known; the others are still to come."""
        new: Deque[str] = deque()
        for place in range(len(known.states) if self.come else 0):
            if place in known.keys and self.come:
                yield self.note(*known.keys[place])
            elif self.come:
                new.append(self.come.popleft())
        if self.come is not None:
            self.come.extendleft(reversed(new))
