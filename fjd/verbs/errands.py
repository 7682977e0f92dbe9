"""What a person asks of jobs: hold, release, cancel, retry, clean.

Each takes the job away from wherever it lies, to a name that nobody has used:
of all who want it at that moment one gets it, and the others find it gone.
To cancel is to hold what nobody else can have then, and to remove it.  What
the ledger has to say of it is safe before that: a line too many is no harm.
"""
import time
from collections import Counter
from itertools import chain
from typing import Any, Dict, Iterable, List, Sequence, Tuple

from fjd.find import everything, files_in, find_all, Found
from fjd.ledger import (
    CLEANED, DONE, Entry, FAILED, Ledger, read_entries, RETRIED,
)
from fjd.members import Identity
from fjd.names import Attempt, new_id, new_token, Stamps
from fjd.project import ENDED, Project

TURNS = 3  # how often to look for what has gone on meanwhile
DAY = 86400
# Where a job has to lie, where it goes, and what the ledger says of it.
ERRANDS = {
    "hold": (("jobqueue", "jobpods"), "held", "", ""),
    "release": (("held",), "jobqueue", "", ""),
    "cancel": (("jobqueue", "held", "jobpods", "running"), "held", CLEANED,
               "cancelled"),
    "retry": ((FAILED, DONE), "jobqueue", RETRIED, "on demand"),
}
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
        places, _, event, reason = ERRANDS[verb]
        done: Jobs = {}
        left: Jobs = {name: [] for name in names}
        for _ in range(TURNS):
            left = find_all(self.project, left)
            fit = {name: fitting(jobs, places) for name, jobs in left.items()}
            if not any(fit.values()):
                break
            if event:
                self.note(event, reason, list(chain(*fit.values())))
            for name, jobs in fit.items():
                moved = [job for job in jobs if self.move(verb, job)]
                if moved:
                    done[name] = moved
                    del left[name]
        return done, left

    def move(self, verb: str, job: Found) -> bool:
        """False if it has gone on meanwhile."""
        n = 1 if verb == "retry" else job.attempt.n
        name = Attempt(job.attempt.job, n, self.stamps.new()).name
        target = self.project.path(ERRANDS[verb][1], name)
        is_ours = self.project.commit(job.path(self.project), target)
        if verb != "cancel" or not is_ours:
            return is_ours
        is_removed = self.project.discard(target)
        if job.place == "running":  # Its worker finds it gone, and ends it.
            self.project.wake_workers(self.stamps.new())
        return is_removed

    def all_fit(self, verb: str) -> List[str]:
        """The attempts that this can be done to, but for what is done."""
        return sorted(
            job.attempt.name for job in everything(self.project)
            if job.place in ERRANDS[verb][0] and job.place != DONE
        )

    def note(self, event: str, reason: str, jobs: List[Found]) -> None:
        now = self.clock.time()
        for job in jobs:
            name = job.attempt.name if job.attempt.stamp else job.name
            self.ledger.write(Entry(
                event, job.attempt.job, name, self.host, "", now, now,
                reason=reason,
            ))
        self.ledger.sync()

    # What has ended

    def clean(self, places: Sequence[str], days: int = 0) -> Dict[str, int]:
        """Remove what ended so long ago, and logs of jobs that are nowhere;
        how many jobs there were of each place.
        """
        logs = self.project.names("joblogs")
        ended = {
            found.name: found
            for place in places for found in files_in(self.project, place)
        }
        if days:
            limit, ends = self.clock.time() - DAY * days, self.ends()
            ended = {name: job for name, job in ended.items()
                     if ends.get(name, limit) < limit}
        # Logs go first: a full disk may have no room for lines before that.
        # RACE: one look may miss a job that is given back meanwhile.
        stays = {job.attempt.job for _ in range(2) for job in
                 everything(self.project) if job.name not in ended}
        gone = {job.attempt.job for job in ended.values()}
        for log in logs:
            name = log[:-len(".log")]
            job = Attempt.parse(name).job
            if name in ended or job not in stays and (job in gone or not days):
                self.project.discard(self.project.path("joblogs", log))
        self.note(CLEANED, "on demand", list(ended.values()))
        return Counter(
            job.place for job in ended.values()
            if self.project.discard(job.path(self.project))
        )

    def ends(self) -> Dict[str, float]:
        """When attempts ended, by the clocks of the hosts that ran them."""
        return {
            entry.attempt: entry.end
            for path in self.project.ledger_files()
            for entry in read_entries(self.project, path)
            if entry.event in ENDED
        }


def fitting(jobs: List[Found], places: Sequence[str]) -> List[Found]:
    """Those that lie there; if some have failed, not those that are done."""
    found = [job for job in jobs if job.place in places]
    return [job for job in found if job.place == FAILED] or found
