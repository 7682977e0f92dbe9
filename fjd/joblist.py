"""A list of commands as jobs, and what is done of it.

A job is called <number>-<mark>, the mark being a hash of its command line and
of how many like it came before.  So where jobs lie tells what is done of a
list, also of one that has grown since: nothing else is remembered.  Marks
alone are compared; 64 bits are enough for lists of a million.
"""
import hashlib
import os
import re
from collections import Counter
from typing import Dict, Iterable, Iterator, List, NamedTuple, Tuple

from fjd import files
from fjd.lookup import everything
from fjd.project import Project


class Listed(NamedTuple):
    """A job of the list."""

    job: str
    command: str

    @property
    def mark(self) -> str:
        return mark_of(self.job)


def listed(commands: Iterable[str]) -> Iterator[Listed]:
    before: Dict[str, int] = Counter()
    for number, command in enumerate(commands, 1):
        before[command] += 1
        mark = hashed(16, command, str(before[command]))
        yield Listed(f"{number}-{mark}", command)


def mark_of(job: str) -> str:
    return job.rpartition("-")[2]


def hashed(digits: int, *texts: str) -> str:
    data = b"\0".join(map(os.fsencode, texts))
    return hashlib.sha256(data).hexdigest()[:digits]


def not_done(project: Project, jobs: List[Listed]) \
        -> Tuple[List[Listed], List[str]]:
    """What is to be put, and the attempts that have failed; of an empty
    list, all of these.
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
    return new, [failed[mark] for mark in set(failed) - known]


def project_of(home: str, template: str, directory: str, is_new: bool) -> str:
    """The latest project of that command in that directory; or one that is
    made for it: run-<hash>, run-<hash>-2 ...
    """
    base = f"run-{hashed(10, template, os.path.realpath(directory))}"
    names = [re.fullmatch(f"{base}(-[0-9]+)?", name)
             for name in files.names(home)]
    last = max((-int(found.group(1) or -1) for found in names if found),
               default=0)
    while is_new or not last:
        last += 1
        name = f"{base}-{last}" if last > 1 else base
        is_new = not files.make_directory(os.path.join(home, name))
    return f"{base}-{last}" if last > 1 else base
