"""A worker that comes: who started it, and whether it is still wanted.

A recruiter passes the session by a variable, and a script of a batch system,
too, with the allocation that the worker belongs to (FJD_ALLOCATION, a record
in allocations/).  A worker that a person starts in a job of Slurm is known by
that job.  Jobs shall know nothing of this.
"""
import os
import re
import sys
from typing import Any, Mapping

from fjd import output
from fjd.members import ORDINARY, STAY
from fjd.process import ANEW, SESSION
from fjd.project import ALLOCATIONS, Project

ALLOCATION = "FJD_ALLOCATION"
# Of a record: the label of a section, and a number.
NAME = re.compile("([A-Za-z0-9][A-Za-z0-9-]{0,39})[.]([1-9][0-9]{0,8})")
NUMBER = re.compile("[0-9]{1,19}")
# sbatch(1): of a task of an array, the two are what squeue shows.
SLURM_JOB = "SLURM_JOB_ID"
SLURM_TASK = ("SLURM_ARRAY_JOB_ID", "SLURM_ARRAY_TASK_ID")


def session_in(environ: Mapping[str, str]) -> str:
    """Return the session in a worker's environment, or ""."""
    if environ.get(SESSION):
        return environ[SESSION]
    job, *task = [environ.get(name, "") for name in (SLURM_JOB, *SLURM_TASK)]
    if not NUMBER.fullmatch(job):
        return ""
    is_task = all(map(NUMBER.fullmatch, task))
    return f"slurm {'_'.join(task) if is_task else job}"


def is_open(project: Project, allocation: str) -> bool:
    """Return whether an allocation's workers are still wanted."""
    return bool(NAME.fullmatch(allocation)) \
        and project.record(ALLOCATIONS, allocation) is not None


class Arrival:
    """One worker's, from the environment, which loses what is no job's."""

    def __init__(self, project: Project) -> None:
        self.project = project
        self.session = session_in(os.environ)
        self.allocation = os.environ.pop(ALLOCATION, "")
        self.is_anew = bool(os.environ.pop(ANEW, ""))

    @property
    def is_allocated(self) -> bool:
        """Return whether it is in an allocation (Member.is_allocated)."""
        return self.kind not in ORDINARY

    @property
    def kind(self) -> str:
        """The kind of its session."""
        return self.session.partition(" ")[0]

    @property
    def is_hired(self) -> bool:
        """Return whether a recruiter has started it, and waits for it."""
        return bool(self.session) and self.kind in (*ORDINARY, STAY)

    def is_wanted(self) -> bool:
        """Return whether it is awaited, or, if it was taken for dead, whether
        somebody needs it.
        """
        if self.is_anew and not self.project.is_in_use():
            return False
        if self.is_hired:
            return self.project.session_trouble(self.session) is not None
        return self.is_anew or not self.allocation \
            or is_open(self.project, self.allocation)

    def has_come(self, worker: str) -> None:
        """Tell who waits for it that it has asked for jobs."""
        if self.is_hired:
            output.keep_last_words(self.project, worker)
            self.project.forget_session(self.session)
        if self.allocation:
            arrive(self.project, self.allocation, worker)

    def start_anew(self, processes: Any, *words: str) -> None:
        """Replace this process by a worker that is the same to all others;
        words: for its command line, where the last word counts.
        """
        if self.is_hired:
            self.project.claim_session(self.session)
        if self.allocation:
            os.environ[ALLOCATION] = self.allocation
        sys.argv += words
        processes.start_anew()


def arrive(project: Project, allocation: str, worker: str) -> None:
    """Note that a worker came of its allocation."""
    try:
        project.files.create(
            project.path(ALLOCATIONS, f"{allocation}.{worker}"))
    except OSError:
        pass  # It is only for counting, and the directory may be gone.
