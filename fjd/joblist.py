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

from fjd.census import everything
from fjd.ledger import Entry
from fjd.names import LISTED, printable
from fjd.project import Project

LONGEST_TITLE = 40


class Listed(NamedTuple):
    """A job of the list."""

    job: str
    command: str

    @property
    def mark(self) -> str:
        return mark_of(self.job)


def listed(commands: Iterable[str], directory: str) -> Iterator[Listed]:
    before: Dict[str, int] = Counter()
    for number, command in enumerate(commands, 1):
        before[command] += 1
        mark = hashed(16, directory, command, str(before[command]))
        yield Listed(f"{number}-{mark}", command)


def title_of(entry: Entry) -> str:
    """Return a job's name for people: `12: command` for a listed job."""
    if not (entry.command and LISTED.fullmatch(entry.job)):
        return printable(entry.job)
    command = printable(entry.command)
    if len(command) > LONGEST_TITLE:
        command = command[:LONGEST_TITLE - 3] + "..."
    return f"{entry.job.partition('-')[0]}: {command}"


def mark_of(job: str) -> str:
    return job.rpartition("-")[2]


def hashed(digits: int, *texts: str) -> str:
    data = b"\0".join(map(os.fsencode, texts))
    return hashlib.sha256(data).hexdigest()[:digits]


def not_done(project: Project, jobs: List[Listed]) \
        -> Tuple[List[Listed], Dict[str, str], Set[str]]:
    """Return the jobs to submit, failed attempts by mark, and marks done.

    For an empty list, all failed attempts are returned.
    """
    wanted = {job.mark for job in jobs}
    known: Set[str] = set()
    done: Set[str] = set()
    failed = {}
    for found in everything(project):
        mark = mark_of(found.attempt.job)
        if found.place == "done":
            done.add(mark)
        elif found.place != "failed":
            known.add(mark)
        elif mark in wanted or not wanted:
            failed[mark] = found.name
    known |= done
    for mark in known.intersection(failed):
        del failed[mark]
    known.update(failed)
    return [job for job in jobs if job.mark not in known], failed, done
