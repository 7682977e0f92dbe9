"""Interruptions: a signal makes a worker give back a job that just began.

The sender may be a machine that shuts down, or the job itself (`kill $PPID`),
which would be run again for ever.  So a job fails at its MOST-th interruption.
The count must survive workers, so it is taken from the ledgers.  If ledgers
were removed it is too low, which is harmless.
"""
from typing import Dict

from fjd.ledger import PART, read_entries
from fjd.names import Running
from fjd.project import Project

MOST = 10    # interruptions of one job
SOON = 10.0  # seconds after the start of a job
SIGNALLED = "its worker was signalled"
INTERRUPTED = f"{SIGNALLED} within {SOON:g} s of its start"
GIVEN_UP = f"{SIGNALLED} {MOST} times within {SOON:g} s of its start"


def is_last(project: Project, job: str, run: Running) -> bool:
    """Return whether one more interruption makes the job fail."""
    try:
        return interruptions(project, job, run) + 1 >= MOST
    except OSError:
        return False  # RACE: the user may have removed a ledger.


def interruptions(project: Project, job: str, run: Running) -> int:
    """Return the interruptions of a job (or task) in the ledgers, since the
    file that runs was written, or the job last given up.
    """
    written = project.files.status(project.job_file(run)).st_mtime
    starts = last_parts(project, written)
    entries = read_entries(project, starts, offsets=starts)
    reasons = [entry.reason for entry in entries if entry.job == job]
    return reasons.count(INTERRUPTED) - (MOST - 1) * reasons.count(GIVEN_UP)


def last_parts(project: Project, since: float) -> Dict[str, int]:
    """Return the ledgers written to since then, with the offset of the last
    part of each.

    The time is the server's.  An interruption is a worker's last line, so the
    mtime of the file is the time of that line.
    """
    starts = {}
    for path in project.ledger_files():
        status = project.files.status(path)
        if status.st_mtime >= since:
            starts[path] = max(0, status.st_size - PART)
    return starts
