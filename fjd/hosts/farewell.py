"""Firing, also from batch systems.

Orders are files, so they reach every worker.  Then what waits is cancelled,
and the records are removed: a worker that is still starting finds that and
leaves.  Only what is left after that is ended by its batch system, since that
signals all processes of an allocation, jobs and worker alike.
"""
from shlex import quote
from typing import Any, List, Set, Tuple

from fjd.errors import NotHired
from fjd.hosts import allocations
from fjd.hosts.allocations import Record
from fjd.hosts.cluster import SLURM, STAY
from fjd.hosts.scheduler import by_system, SECONDS
from fjd.hosts.withdrawal import cancel_all
from fjd.output import complain, number_of_workers
from fjd.project import ALLOCATIONS, NOW, Project
from fjd.wakeup import Backoff

SECONDS_TO_TELL = 3.0
SECONDS_TO_LEAVE = 30.0  # for tasks whose worker has left, or will at once
SECONDS_TO_END = 90.0  # after scancel; Slurm kills after KillWait, 30 s


def systems_in(
    project: Project, words: List[str],
) -> Tuple[Set[str], List[str]]:
    """Return the batch systems that are named, and the other words."""
    known = {SLURM, *systems_of(project)} if words else set()
    systems = known.intersection(words)
    return systems, [word for word in words if word not in systems]


def systems_of(project: Project) -> Set[str]:
    """Return the batch systems that have workers of this project."""
    members = allocations.allocated(project).values()
    found = {member.system for member in members}
    found.update(r.scheduler for r in allocations.records(project))
    return found - {STAY}


class Farewell:
    """One fjd-recruiter fire; word: the order for the workers."""

    def __init__(self, recruiter: Any, word: str) -> None:
        self.recruiter = recruiter
        self.project = recruiter.project
        self.word = word
        self.records: List[Tuple[Any, List[Record]]] = []
        self.has_failed = False
        self.told: Set[str] = set()

    def fire(self, hosts: List[str], systems: Set[str], sessions: Any) -> None:
        """Fire the workers that are meant, and what waits or starts; NotHired:
        some have not left.

        Without hosts and systems, all are meant.
        """
        is_all = not (hosts or systems)
        self.records = by_system(self.project, [
            record for record in allocations.records(self.project)
            if is_all or record.scheduler in systems])
        recruiter = self.recruiter
        recruiter.when_ordered, recruiter.when_late = self.begin, self.insist
        trouble = None
        try:
            recruiter.fire(self.word, hosts, sessions, systems)
        except NotHired as error:
            trouble = error
        self.finish()
        if trouble:
            raise trouble
        if self.has_failed:
            raise NotHired("some workers of a batch system may be left")

    def each(self, act: Any) -> None:
        """Call act(system, records) for each system; report what fails."""
        for k, (system, records) in enumerate(self.records):
            try:
                self.records[k] = (system, act(system, records))
            except NotHired as error:
                self.has_failed = True
                self.tell(f"{records[0].scheduler}: {error}", error.hint
                          or self.way_out(records))

    def tell(self, why: str, hint: str) -> None:
        """Complain, once about each thing."""
        if why not in self.told:
            self.told.add(why)
            complain(why, hint)

    def way_out(self, records: List[Record]) -> str:
        """Return what to do about a job that its system does not know."""
        paths = [quote(self.project.path(ALLOCATIONS, record.name))
                 for record in records
                 if allocations.is_there(self.project, record)]
        return f"if no job of it is left: rm {' '.join(paths)}" if paths \
            else ""

    def begin(self) -> None:
        """Cancel what waits, and let those that start leave at once."""
        self.each(self.cancel_pending)
        self.records = [pair for pair in self.records if pair[1]]

    def cancel_pending(
        self, system: Any, records: List[Record],
    ) -> List[Record]:
        number, left = cancel_all(self.project, system, records)
        # RACE: one without an id may have got it meanwhile.
        ids = {record.name: allocations.remove(self.project, record.name)
               for record in records}
        if number:
            workers = number_of_workers(number, "pending ")
            self.recruiter.say(
                f"{records[0].scheduler}: cancelled {workers}.")
        return [r._replace(id=ids[r.name] or r.id) for r in left]

    def cancel_rest(
        self, system: Any, records: List[Record],
    ) -> List[Record]:
        system.cancel_pending(records)
        return records

    def insist(self) -> None:
        """End all tasks that are still there."""
        if self.word == NOW:
            self.each(self.end)

    def end(self, system: Any, records: List[Record]) -> List[Record]:
        system.cancel(records)
        return records

    def finish(self) -> None:
        """Wait until nothing is listed any more."""
        # Templates cancel only where no worker lives.
        self.each(self.cancel_rest)
        self.wait(SECONDS_TO_TELL)
        for _, records in self.records:
            ids = ", ".join(record.id for record in records)
            self.recruiter.say(
                f"{records[0].scheduler}: waiting for job {ids} to end.")
        self.wait(SECONDS_TO_LEAVE)
        if self.records and self.word == NOW:
            self.insist()
            self.wait(SECONDS_TO_END)
        for _, records in [] if self.has_failed else self.records:
            for record in records:
                self.has_failed = True
                complain(f"{record.scheduler}: job {record.id} has not ended")

    def wait(self, seconds: float) -> None:
        backoff = Backoff(3.0)
        deadline = self.recruiter.clock.monotonic() + seconds
        while self.records and not self.has_failed:
            self.each(self.listed)
            self.records = [pair for pair in self.records if pair[1]]
            if self.recruiter.clock.monotonic() > deadline:
                return
            if self.records:
                self.recruiter.wait(backoff.longer())

    def listed(self, system: Any, records: List[Record]) -> List[Record]:
        tasks = system.tasks(records, SECONDS)
        return [record for record in records if tasks[record.name]]
