"""Hiring workers from one batch system.

Those that live or wait are counted, and the difference is submitted, or
cancelled and drained.  Nothing here waits until a worker comes.
"""
import random
from typing import Any, List

from fjd.errors import NotHired
from fjd.hosts import allocations
from fjd.hosts.allocations import Record
from fjd.hosts.cluster import Cluster
from fjd.hosts.counting import Counting, Look
from fjd.hosts.jobscript import text_for
from fjd.hosts.scheduler import is_slurm, SECONDS, system_of
from fjd.hosts.withdrawal import (
    end_record, forget_failures, settled, settled_whole,
)
from fjd.output import number_of_workers

TRIES = 20  # to be the only recruiter that submits
FAILURES = 3  # submissions that brought no worker


class Enlistment:
    """One hire from one cluster.

    arguments: more of fjd-worker's.  is_again: a dispatcher hires, which does
    so again and again.
    """

    def __init__(
        self, recruiter: Any, cluster: Cluster, directory: str,
        arguments: List[str], is_again: bool = False,
    ) -> None:
        self.recruiter = recruiter
        self.project = recruiter.project
        self.here = recruiter.here
        self.cluster = cluster
        self.directory = cluster.directory or directory
        self.arguments = arguments
        self.is_again = is_again
        self.system = system_of(self.project, cluster)
        self.has_submitted = False

    def say(self, text: str) -> None:
        self.recruiter.say(f"{self.cluster.scheduler}: {text}")

    def hire(self) -> None:
        """Make sure that exactly that many live or wait; NotHired says why
        not.
        """
        if not self.is_again:
            forget_failures(self.project, self.cluster.section)
        look = self.look()
        missing = self.wanted - look.count
        if missing > 0:
            self.check_failures()
            look = self.submit(look, missing)
        elif missing < 0:
            self.reduce(look, -missing)
            return
        if not (self.has_submitted or self.is_again):
            self.say(f"has {number_of_workers(look.count)} in project"
                     f' "{self.project.name}", {look.claimed + look.pending}'
                     " of them pending.")

    @property
    def wanted(self) -> int:
        return self.cluster.workers or 0

    # What there is

    def look(self) -> Look:
        found = settled_whole(
            self.project, allocations.records(self.project), self.here)
        mine = [r for r in found
                if r.section == self.cluster.section
                and r.scheduler == self.cluster.scheduler]
        records = settled(self.project, self.system, mine, self.here)
        tasks = self.system.tasks(records, SECONDS)
        counting = Counting(self.project, self.here)
        look = Look([record.name for record in found])
        for record in records:
            if not record.id:
                look.claimed += record.asked
                continue
            self.system.mend(record, tasks[record.name])
            counted = counting.count(record, tasks[record.name])
            if counted.is_over:
                end_record(self.project, record)
            look.add(record, counted)
        return look

    def check_failures(self) -> None:
        """Raise NotHired if a dispatcher has tried often enough."""
        failed = [
            r for r in allocations.records(self.project)
            if r.is_over and r.section == self.cluster.section]
        if not self.is_again or len(failed) < FAILURES:
            return
        output = self.project.path("screenlogs", f"{failed[-1].name}.*.out")
        if not is_slurm(self.cluster):
            output = f"where {self.cluster.scheduler} keeps it"
        raise NotHired(
            f"{len(failed)} submissions brought no worker; the output of the"
            f" last one: {output}",
            f"when that is mended: fjd-recruiter --project"
            f" {self.project.name} hire")

    # Submitting

    def submit(self, look: Look, missing: int) -> Look:
        """Submit so many workers, in as many arrays as are needed; return the
        last look.
        """
        most = self.system.most(self.cluster)
        for _ in range(TRIES):
            while missing > 0:
                number = min(missing, most)
                name = self.claim(look.known, number)
                if not name:
                    break
                self.submit_record(name)
                look.known.append(name)
                missing -= number
            if missing <= 0:
                return look
            # RACE: another recruiter does the same; count that.
            self.recruiter.wait(random.uniform(0.05, 0.5))
            look = self.look()
            missing = min(missing, self.wanted - look.count)
        raise NotHired("other recruiters hire all the time")

    def claim(self, known: List[str], number: int) -> str:
        cluster = self.cluster
        return allocations.claim(
            self.project, cluster.label, known, self.here, number,
            scheduler=cluster.scheduler, section=cluster.section,
            pending=cluster.pending, cancel=cluster.cancel)

    def submit_record(self, name: str) -> None:
        """Submit what a record says; without success it is removed."""
        record = allocations.record(self.project, name)
        path = allocations.script_path(self.project, name)
        text = text_for(self.project, self.cluster, record, self.directory,
                        self.arguments)
        try:
            data = text.encode(errors="surrogateescape")
            self.project.files.create(path, data, 0o700)
            self.system.check(self.cluster, record, path)
        except BaseException:
            allocations.remove(self.project, name)
            raise
        record = record._replace(id=self.submitted(record, path))
        self.has_submitted = True
        number = number_of_workers(record.asked)
        self.say(f'submitted {number} in project "{self.project.name}" as'
                 f" job {record.id}.")
        allocations.amend(self.project, name, "id", record.id)
        if not allocations.is_there(self.project, record):
            # RACE: somebody fired all meanwhile, and may not know the id.
            self.system.cancel([record])
            raise NotHired(f"job {record.id} was fired meanwhile")

    def submitted(self, record: Record, path: str) -> str:
        """Return the id of a new submission."""
        try:
            return str(self.system.submit(self.cluster, record, path))
        except NotHired:
            # It may have come nevertheless, if only its answer did not.
            number = self.system.find(record)
            if not number:
                allocations.remove(self.project, record.name)
                raise
            return str(number)

    # Surplus workers

    def reduce(self, look: Look, surplus: int) -> None:
        """Cancel pending workers, then let living ones leave."""
        cancelled = 0
        for record in reversed(look.records):
            tasks = look.waiting[record.name][cancelled - surplus:]
            if not tasks or cancelled >= surplus:
                continue
            number = self.system.withdraw(record, tasks)
            cancelled += number
            if number:
                allocations.amend(self.project, record.name, "cancelled",
                                  str(record.cancelled + number))
        if cancelled:
            workers = number_of_workers(cancelled, "pending ")
            self.say(f"cancelled {workers}.")
        left = max(0, surplus - cancelled)
        drained = sorted(look.workers)[::-1][:left]
        self.recruiter.drain(drained)
        if drained:
            verb = "leaves" if len(drained) == 1 else "leave"
            self.say(f"{number_of_workers(len(drained))} {verb} after the"
                     " job.")
        if left > len(drained):
            more = number_of_workers(left - len(drained))
            self.say(f"{more} too many, about to start: hire again to let"
                     " them leave.")
