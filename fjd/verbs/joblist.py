"""A list of commands as jobs, and its progress.

A job is called <number>-<mark>.  The mark is a hash of its directory, of its
command line and of how many equal ones came before.  So the directories that
jobs lie in show the progress of a list, even of one that has grown since;
nothing else is stored.  Only marks are compared; 64 bits are enough for lists
of a million.
"""
import hashlib
import os
from collections import Counter
from typing import Dict, Iterable, Iterator, List, NamedTuple, Set, Tuple

from fjd.account import fates, NO_RECORD
from fjd.census import everything
from fjd.ledger import DONE, Entry
from fjd.names import Attempt, mark_of
from fjd.project import ENDED, Project
from fjd.summary import Asked, Outcome


class Listed(NamedTuple):
    """A job of the list; a million of them should fit into 300 MB."""

    number: int
    mark: str
    command: str

    @property
    def job(self) -> str:
        return f"{self.number}-{self.mark}"


def listed(commands: Iterable[str], directory: str) -> Iterator[Listed]:
    before: Dict[str, int] = Counter()
    for number, command in enumerate(commands, 1):
        before[command] += 1
        mark = hashed(16, directory, command, str(before[command]))
        yield Listed(number, mark, command)


def hashed(digits: int, *texts: str) -> str:
    data = b"\0".join(map(os.fsencode, texts))
    return hashlib.sha256(data).hexdigest()[:digits]


def not_done(project: Project, jobs: Dict[str, Listed]) \
        -> Tuple[List[Listed], Dict[str, str], Set[str]]:
    """Return the jobs to submit, failed attempts by mark, and marks done.

    jobs are by their marks.  If there are none, all failed attempts are
    returned.
    """
    known: Set[str] = set()
    done: Set[str] = set()
    failed = {}
    for found in everything(project):
        mark = mark_of(found.attempt.job)
        if found.place == "done":
            done.add(mark)
        elif found.place != "failed":
            known.add(mark)
        elif mark in jobs or not jobs:
            failed[mark] = found.name
    known |= done
    for mark in known.intersection(failed):
        del failed[mark]
    known.update(failed)
    todo = [job for mark, job in jobs.items() if mark not in known]
    return todo, failed, done


class AskedList(Asked):
    """The list of one fjd run, in an outcome.

    jobs are by their marks.  done: marks of jobs done before it began.
    earlier: ended attempts that belong to another list.
    """

    def __init__(
        self, jobs: Dict[str, Listed], done: Set[str] = set(),
        earlier: Set[str] = set(),
    ) -> None:
        self.jobs = jobs
        self.done = done
        self.earlier = earlier
        self.counted = 0  # done, by the ledgers

    def has(self, job: str) -> bool:
        return mark_of(job) in self.jobs

    def count_done(self, job: str, number: int) -> None:
        if self.has(job):
            self.counted += number

    def recount(self, outcome: Outcome) -> None:
        """Count the jobs by their places instead of by the ledgers.

        A line may be lost, and a job may end twice.
        """
        if not self.jobs:
            return
        recorded = outcome.failed
        outcome.done -= self.counted
        outcome.failed = {name: entry for name, entry in recorded.items()
                          if not self.has(entry.job)}
        outcome.owed = {name: worker for name, worker in outcome.owed.items()
                        if not self.has(Attempt.parse(name).job)}
        places = self.places(outcome.project)
        nowhere = {}
        for mark, listed in self.jobs.items():
            job = listed.job
            place, name = places.get(mark, ("", job))
            if place in ENDED:
                entry = Entry(place, job, name, reason=NO_RECORD)
                self.add_to(outcome, recorded.get(name, entry))
            elif not place:
                nowhere[job] = ""
        for entry in fates(outcome.project, nowhere, outcome.begin):
            self.add_to(outcome, entry)

    def places(self, project: Project) -> Dict[str, Tuple[str, str]]:
        """Return the place and the name of each job file, by its mark.

        An attempt under way, or done, takes precedence over a failed one.  A
        job done before the list began may have been removed.
        """
        found: Dict[str, Tuple[str, str]] = {}
        for place, name, attempt, _ in everything(project):
            if self.has(attempt.job) and name not in self.earlier:
                found.setdefault(mark_of(attempt.job), (place, name))
        for mark in self.done.intersection(self.jobs):
            found.setdefault(mark, (DONE, self.jobs[mark].job))
        return found

    def add_to(self, outcome: Outcome, entry: Entry) -> None:
        """Count an end; name it by its command."""
        command = entry.command or self.jobs[mark_of(entry.job)].command
        outcome.add(entry._replace(command=command))
