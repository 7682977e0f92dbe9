"""Changing jobs on a person's behalf: hold, release, cancel, retry.

Each change is a rename to a name that was never used.  So of all processes
that want the job at that moment, one gets it, and the others find it gone.
Cancel = hold (which takes the job from everybody), then unlink.  The ledger
entry is written first: an entry for a change that failed is harmless.
"""
import time
from itertools import chain
from typing import Any, Dict, Iterable, List, Sequence, Tuple

from fjd import home, output
from fjd.errors import BadUsage, SOME_FAILED
from fjd.verbs.census import everything, Found
from fjd.ledger import CLEANED, DONE, Entry, FAILED, Ledger, RETRIED
from fjd.members import BEAT, Identity, myself
from fjd.names import (
    Attempt, host_of, is_same_host, new_id, new_token, printable, Stamps,
)
from fjd.options import flag, Option, option
from fjd.project import Project
from fjd.verbs.arraychange import ArrayChanges
from fjd.verbs.arrayfind import split, Target
from fjd.verbs.find import find_all, unknown, where
from fjd.verbs.titles import FEW, shortened

TURNS = 3  # searches for jobs that have moved meanwhile
# By verb: the places that a job may be in, its new place, and the event and
# reason for the ledger.
CHANGES = {
    "hold": (("jobqueue", "jobpods"), "held", "", ""),
    "release": (("held",), "jobqueue", "", ""),
    "cancel": (("jobqueue", "held", "jobpods", "running"), "held", CLEANED,
               "cancelled"),
    "retry": ((FAILED, DONE), "jobqueue", RETRIED, "on demand"),
}
Jobs = Dict[str, List[Found]]  # by the name that was typed
JOBS = option("jobs", metavar="JOB", nargs="*", help="the name of a job or of"
              " one attempt (job7~1.STAMP, as fjd why prints it), an array"
              " (sim), a task of it (sim:17), or a number in the list of fjd"
              " run")


def every(word: str, text: str) -> Option:
    """Return the option that stands for all jobs."""
    return flag(word, dest="all", help=text)


class Changes:
    """Changes to jobs, recorded in a ledger of this process."""

    def __init__(
        self, project: Project, here: Identity, clock: Any = time,
    ) -> None:
        now = clock.time()
        self.project = project
        self.host = here.host
        self.clock = clock
        self.stamps = Stamps(new_token(now))
        self.ledger = Ledger(project, new_id(here.host, now, here.pid))

    def apply(self, verb: str, names: Iterable[str]) -> Tuple[Jobs, Jobs]:
        """Apply a verb to jobs or attempts; return the jobs changed, and the
        others with where they are.
        """
        places, _, event, reason = CHANGES[verb]
        done: Jobs = {}
        left: Jobs = {name: [] for name in names}
        for _ in range(TURNS):
            left = find_all(self.project, left)
            fit = {name: fitting(jobs, places) for name, jobs in left.items()}
            if not any(fit.values()):
                break
            if event:
                self.record(event, reason, list(chain(*fit.values())))
            for name, jobs in fit.items():
                moved = [job for job in jobs if self.move(verb, job)]
                if moved:
                    done[name] = moved
                    del left[name]
        return done, left

    def move(self, verb: str, job: Found) -> bool:
        """Apply a verb to one job file; False if it has moved meanwhile."""
        n = 1 if verb == "retry" else job.attempt.n
        name = Attempt(job.attempt.job, n, self.stamps.new()).name
        target = self.project.path(CHANGES[verb][1], name)
        is_ours = self.project.commit(job.path(self.project), target)
        if verb != "cancel" or not is_ours:
            return is_ours
        is_removed = self.project.discard(target)
        if job.place == "running":  # Its worker sees that, and ends the job.
            self.project.wake_workers(self.stamps.new())
        return is_removed

    def candidates(self, verb: str) -> List[str]:
        """Return the attempts that a verb applies to, except done ones and
        those of arrays.
        """
        names = sorted(
            job.attempt.name for job in everything(self.project)
            if job.place in CHANGES[verb][0] and job.place != DONE
        )
        return split(self.project, names)[0]

    def record(self, event: str, reason: str, jobs: List[Found]) -> None:
        now = self.clock.time()
        for job in jobs:
            name = job.attempt.name if job.attempt.stamp else job.name
            self.ledger.write(Entry(
                event, job.attempt.job, name, self.host, "", now, now,
                reason=reason,
            ))
        self.ledger.sync()


def fitting(jobs: List[Found], places: Sequence[str]) -> List[Found]:
    """Return the jobs in these places; the failed ones, if there are any."""
    found = [job for job in jobs if job.place in places]
    return [job for job in found if job.place == FAILED] or found


def change(options: Any, past: str, word: str) -> int:
    """Apply a verb to the jobs named, or to all; return the exit status.

    Report the jobs changed, and where the others are.
    """
    verb = options.verb
    if bool(options.jobs) == options.all:
        raise BadUsage(f"{verb}: give either JOB... or {word}")
    project = home.find_project(options.project, output.teller("fjd"))
    changes = Changes(project, myself())
    names, targets = split(project, options.jobs)
    arrays = ArrayChanges(changes, verb)
    arrays.apply({"": Target("")} if options.all else targets)
    if options.all:
        names = changes.candidates(verb)
    done, left = changes.apply(verb, names)
    jobs = [job for found in done.values() for job in found]
    show_changed(past, jobs, arrays.changed, options.all)
    jobs += arrays.running
    here = [job for job in jobs
            if is_same_host(host_of(job.worker), changes.host)]
    show_running("for a moment", here)
    show_running(f"for {BEAT:g} seconds at most",
                 [job for job in jobs if job not in here])
    # With --all, the other jobs have moved by themselves.
    status = 0 if options.all else status_of(verb, left)
    if not all(left.values()):
        from fjd.verbs import lastrun  # Late: only mistakes need it.
        hint = lastrun.hint(options)
        if hint:
            output.write_line(f"    {hint}", "stderr")
    return min(filter(None, [status, arrays.status]), default=0)


def show_changed(
    past: str, jobs: List[Found], arrays: List[str], is_all: bool,
) -> None:
    names = [job.attempt.job for job in jobs]
    texts = [shortened(names)] if names else []
    texts += arrays[:FEW]
    if len(arrays) > FEW:
        texts.append(f"and {len(arrays) - FEW} more")
    if texts or is_all:
        output.show(f"{past}: {', '.join(texts) or '0 jobs'}")


def show_running(how_long: str, jobs: List[Found]) -> None:
    """Report which of the jobs run until their workers notice."""
    names = [job.attempt.job for job in jobs if job.place == "running"]
    if names:
        output.show(f"Still running {how_long}: {shortened(names)}")


def status_of(verb: str, left: Jobs) -> int:
    """Report the jobs that did not change; return the exit status."""
    for name, found in left.items():
        why = f"{printable(name)}: {where(found[-1])}" if found \
            else unknown(name)
        output.complain(f"{verb} {why}")
    if not all(left.values()):
        return BadUsage.exit_code
    return SOME_FAILED if left else 0
