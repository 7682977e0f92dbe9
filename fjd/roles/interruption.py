"""Interruptions: why a job that has begun goes back, and when it fails.

A signal makes a worker give back a job that just began.  The sender may be a
machine that shuts down, or the job itself (`kill $PPID`), which would be run
again for ever.  So a job fails at its MOST-th interruption.  (It is similar
for a job that needs more time than any worker has: verbs/limits.py.)  The
count must survive workers, so it is taken from the ledgers.  If ledgers
were removed it is too low, which is harmless.
"""
from typing import Iterator, NamedTuple

from fjd.ledger import Entry, PART, read_entries
from fjd.project import Project
from fjd.roles.task import Task

MOST = 10    # interruptions of one job
SOON = 10.0  # seconds after the start of a job
TOLD = "its worker was told to leave"
SIGNALLED = "its worker was signalled"
INTERRUPTED = f"{SIGNALLED} within {SOON:g} s of its start"
GIVEN_UP = f"{SIGNALLED} {MOST} times within {SOON:g} s of its start"


class Rule(NamedTuple):
    """A job goes back for a reason, and the most-th time, if there is such a
    number, it fails for another one.
    """

    reason: str
    most: int = 0
    given_up: str = ""


def rule_of(is_signalled: bool, is_soon: bool) -> Rule:
    """Return why a job goes back whose worker leaves."""
    if is_signalled and is_soon:
        return Rule(INTERRUPTED, MOST, GIVEN_UP)
    return Rule(SIGNALLED if is_signalled else TOLD)


def is_last(project: Project, task: Task, rule: Rule) -> bool:
    """Return whether a job that goes back once more has to fail."""
    try:
        return rule.most == 1 or 0 < rule.most <= returns(project, task, rule)
    except OSError:
        return False  # RACE: the user may have removed a ledger.


def returns(project: Project, task: Task, rule: Rule) -> int:
    """Return how often a job (or task) went back, with this time, since the
    file that runs was written, or the job last given up.
    """
    reasons = [entry.reason for entry in recent_entries(project, task)
               if entry.job == task.job_name]
    before = (rule.most - 1) * reasons.count(rule.given_up)
    return reasons.count(rule.reason) - before + 1


def recent_entries(project: Project, task: Task) -> Iterator[Entry]:
    """Return the lines of ledgers written to since the file that runs was: of
    each the last part.

    The times are the server's.  An interruption is a worker's last line, so
    the mtime of the file is the time of that line.
    """
    written = project.files.status(project.job_file(task.run)).st_mtime
    starts = {}
    for path in project.ledger_files():
        status = project.files.status(path)
        if status.st_mtime >= written:
            starts[path] = max(0, status.st_size - PART)
    return read_entries(project, starts, offsets=starts)
