"""A list of commands as jobs, and what is done of it.

A job is called <number>-<mark>, the mark being a hash of its directory, of
its command line and of how many like it came before.  So where jobs lie tells
what is done of a list, also of one that has grown since: nothing else is
remembered.  Marks alone are compared; 64 bits are enough for lists of a
million.
"""
import hashlib
import os
import re
from collections import Counter
from typing import Dict, Iterable, Iterator, List, NamedTuple, Tuple

from fjd import files
from fjd.ledger import Entry
from fjd.lookup import everything
from fjd.names import natural, printable
from fjd.project import Project

LISTED = re.compile("[0-9]+-[0-9a-f]{16}")
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
    """A job for people: 12: its command line, if it is one of a list."""
    if not LISTED.fullmatch(entry.job):
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
        -> Tuple[List[Listed], Dict[str, str]]:
    """What is to be put, and by their marks the attempts that have failed;
    of an empty list, all of these.
    """
    wanted = {job.mark for job in jobs}
    known, failed = set(), {}
    for found in everything(project):
        mark = mark_of(found.attempt.job)
        if found.place != "failed":
            known.add(mark)
        elif mark in wanted or not wanted:
            failed[mark] = found.name
    new = [job for job in jobs if job.mark not in known.union(failed)]
    return new, {mark: failed[mark] for mark in failed.keys() - known}


def latest_project(home: str, text: str, directory: str) -> str:
    """Of that command in that directory: run-<hash>, run-<hash>-2 ...; "" if
    there is none.
    """
    base = base_of(text, directory)
    names = files.names(home) if os.path.isdir(home) else []
    found = [name for name in names if re.fullmatch(f"{base}(-[0-9]+)?", name)]
    return max(found, key=natural, default="")


def new_project(home: str, text: str, directory: str) -> str:
    """The next one, which is made."""
    base = base_of(text, directory)
    name = latest_project(home, text, directory)
    number = int(name[len(base) + 1:] or 1) if name else 0
    while True:
        number += 1
        name = f"{base}-{number}" if number > 1 else base
        if files.make_directory(os.path.join(home, name)):
            return name


def base_of(text: str, directory: str) -> str:
    return f"run-{hashed(10, text, directory)}"
