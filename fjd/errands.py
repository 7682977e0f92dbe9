"""What a person asks of jobs: hold, release, cancel, retry, clean.

Each takes the job away from wherever it lies, to a name that nobody has used:
of all who want it at that moment one gets it, and the others find it gone.
To cancel is to hold what nobody else can have then, and to remove it.
"""
import time
from math import inf
from typing import Any, Dict, Iterable, List, Sequence, Tuple

from fjd.ledger import (
    CLEANED, DONE, Entry, FAILED, Ledger, read_entries, RETRIED,
)
from fjd.liveness import Identity
from fjd.lookup import everything, find_all, Found
from fjd.names import Attempt, new_id, new_token, Stamps
from fjd.project import Project

TURNS = 3  # how often to look for what has gone on meanwhile
Jobs = Dict[str, List[Found]]  # by the name that a person gave


class Errands:
    """Those of one person, with a ledger of their own."""

    def __init__(
        self, project: Project, here: Identity, clock: Any = time,
    ) -> None:
        now = clock.time()
        self.project = project
        self.host = here.host
        self.clock = clock
        self.stamps = Stamps(new_token(now))
        self.ledger = Ledger(project, new_id(here.host, now, here.pid))

    def carry_out(self, verb: str, names: Iterable[str]) -> Tuple[Jobs, Jobs]:
        """Do that to jobs or attempts: what it was done to; and, of the names
        of no such job, what lies elsewhere.
        """
        do, places, record = ERRANDS[verb]
        done: Jobs = {}
        left: Jobs = {name: [] for name in names}
        for _ in range(TURNS):
            left = find_all(self.project, left)
            fit = {name: fitting(jobs, places) for name, jobs in left.items()}
            if not any(fit.values()):
                break
            self.note(record, [job for jobs in fit.values() for job in jobs])
            for name, jobs in fit.items():
                moved = [job for job in jobs if do(self, job)]
                if moved:
                    done[name] = moved
                    del left[name]
        return done, left

    def all_fit(self, verb: str) -> List[str]:
        """The attempts that this can be done to, but for what is done."""
        places = set(ERRANDS[verb][1]) - {DONE}
        return [job.attempt.name for job in everything(self.project)
                if job.place in places]

    def hold(self, job: Found) -> str:
        """The path where it lies now; "" if it has gone on meanwhile."""
        return self.move(job, "held", job.attempt.n)

    def release(self, job: Found) -> str:
        return self.move(job, "jobqueue", job.attempt.n)

    def cancel(self, job: Found) -> bool:
        """If it runs, its worker finds it gone, and ends it."""
        path = self.hold(job)
        return bool(path) and self.project.discard(path)

    def retry(self, job: Found) -> str:
        return self.move(job, "jobqueue", 1)

    def move(self, job: Found, place: str, n: int) -> str:
        name = Attempt(job.attempt.job, n, self.stamps.new()).name
        target = self.project.path(place, name)
        is_ours = self.project.take(job.path(self.project), target)
        return target if is_ours else ""

    def note(self, record: Tuple[str, str], jobs: List[Found]) -> None:
        """Write down what is to be done to all of these, before it is."""
        now, (event, reason) = self.clock.time(), record
        for job in jobs if event else []:
            name = job.attempt.name if job.attempt.stamp else job.name
            self.ledger.write(Entry(
                event, job.attempt.job, name, self.host, "", now, now,
                reason=reason,
            ))
        self.ledger.sync()

    # What has ended

    def clean(self, places: Sequence[str], before: float = inf) -> List[Found]:
        """Remove what ended before then; and logs of jobs that are nowhere,
        which are those of earlier attempts, and of what was cancelled.
        """
        logs = set(self.project.names("joblogs"))
        ended = [
            Found(place, name, Attempt.parse(name))
            for place in places for name in self.project.names(place)
        ]
        if before < inf:
            ends = self.ends()
            ended = [job for job in ended if self.end(job, ends) < before]
        # On a full disk there may be no room for a line before logs have gone.
        for log in logs.intersection(f"{job.name}.log" for job in ended):
            logs.remove(log)
            self.project.discard_log(log)
        self.note((CLEANED, "on demand"), ended)
        cleaned = [
            job for job in ended
            if self.project.discard(job.path(self.project))
        ]
        # RACE: one look may miss a job that is given back meanwhile.
        there = {job.attempt.job for _ in range(2) if logs
                 for job in everything(self.project)}
        for log in logs:
            is_old = self.changed(self.project.path("joblogs", log)) < before
            if is_old and Attempt.parse(log[:-len(".log")]).job not in there:
                self.project.discard_log(log)
        return cleaned

    def ends(self) -> Dict[str, str]:
        """When attempts ended, as the ledgers say."""
        return {
            entry.attempt: entry.end  # type: ignore
            for path in self.project.ledger_files()
            for entry in read_entries(self.project, path)[0]
            if entry.event in (DONE, FAILED)
        }

    def end(self, job: Found, ends: Dict[str, str]) -> float:
        try:
            return float(ends[job.name])
        except (KeyError, ValueError):
            return self.changed(job.path(self.project))  # The record is lost.

    def changed(self, path: str) -> float:
        """When a file was written to or moved last."""
        try:
            return self.project.files.status(path).st_ctime
        except FileNotFoundError:
            return inf


# What to do, where a job has to lie for that, and what the ledger says of it.
ERRANDS = {
    "hold": (Errands.hold, ("jobqueue", "jobpods"), ("", "")),
    "release": (Errands.release, ("held",), ("", "")),
    "cancel": (
        Errands.cancel, ("jobqueue", "held", "jobpods", "running"),
        (CLEANED, "cancelled"),
    ),
    "retry": (Errands.retry, (FAILED, DONE), (RETRIED, "on demand")),
}


def fitting(jobs: List[Found], places: Sequence[str]) -> List[Found]:
    """Those that lie there; if some have failed, not those that are done."""
    found = [job for job in jobs if job.place in places]
    return [job for job in found if job.place == FAILED] or found
