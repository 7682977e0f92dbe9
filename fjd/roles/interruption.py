"""Interruptions: a signal makes a worker give back a job that just began.

The sender may be a machine that shuts down, or the job itself (`kill $PPID`),
which would wait again for ever.  So the last of MOST interruptions of a job
makes it fail.  The count must survive workers: it is taken from the ledgers,
and is too low, which is harmless, where ledgers were removed.
"""
from typing import Iterator

from fjd.ledger import Entry, parsed, PART, parts
from fjd.names import Attempt, Running
from fjd.project import Project

MOST = 10    # interruptions of one job
SOON = 10.0  # seconds after the start of a job
SIGNALLED = "its worker was signalled"
INTERRUPTED = f"{SIGNALLED} within {SOON:g} s of its start"
GIVEN_UP = f"{SIGNALLED} {MOST} times within {SOON:g} s of its start"


def is_last(project: Project, run: Running) -> bool:
    """Whether one more interruption of that job makes it fail."""
    try:
        return interruptions(project, run) + 1 >= MOST
    except OSError:
        return False


def interruptions(project: Project, run: Running) -> int:
    """How many the ledgers tell of, since it was written or last given up."""
    job = Attempt.parse(run.attempt).job
    written = project.files.status(project.job_file(run)).st_mtime
    reasons = [
        entry.reason for path in project.ledger_files()
        for entry in last_entries(project, path, written) if entry.job == job
    ]
    return reasons.count(INTERRUPTED) - (MOST - 1) * reasons.count(GIVEN_UP)


def last_entries(
    project: Project, path: str, since: float,
) -> Iterator[Entry]:
    """The end of a ledger that was written to since then, in server time.

    A worker writes nothing more after an interruption, so the time of the
    file is the time of that line.
    """
    try:
        status = project.files.status(path)
    except FileNotFoundError:
        return  # RACE: its user has removed it.
    if status.st_mtime >= since:
        start = max(0, status.st_size - PART)
        for lines, _ in parts(project, path, start):
            yield from parsed(lines)
