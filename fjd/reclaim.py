"""Giving back what dead workers held, and burying them.

Whoever of fjd is alive may do this, several at a time, without a lock:
every step is one rename of a name that nobody else uses, so one of them
succeeds and the rest find nothing.  Those who are mentioned anywhere are
listed before those who are enrolled, and a record that seems to be missing
is opened before that is believed: a worker that is just starting enrols
first, and must not look dead.

The order of a burial matters.  What had begun goes first, and only by a new
name (n + 1), so that no one but the dead worker could have put the old name
into done/.  The pod is removed by rmdir: a job that a dispatcher puts into
it meanwhile makes that fail, and the next pass gives the job back.  The
record goes last, so that a burial cut short is taken up again.
"""
import time
from typing import Any, Callable, Dict, List, Set, Tuple

from fjd.ledger import Entry, FAILED, Ledger, LOST, SUPERSEDED
from fjd.liveness import (
    BEAT, Identity, identity_in, myself, parse_record, Watch,
)
from fjd.names import (
    Attempt, host_of, new_id, new_token, printable, Running, Stamps,
)
from fjd.process import Processes
from fjd.project import Project

MOST_LOSSES = 3


class Reclaimer:
    """Finds and buries dead workers, for one process that beats."""

    def __init__(
        self, project: Project, name: str, here: Identity, stamps: Stamps,
        processes: Any, say: Callable[[str], None], clock: Any = time,
    ) -> None:
        self.project = project
        self.here = here
        self.stamps = stamps
        self.ledger = Ledger(project, name)
        self.processes = processes
        self.say = say
        self.clock = clock
        self.watch = Watch()

    def sweep(self) -> None:
        """Bury every dead worker, and strike every dead dispatcher."""
        mentioned = self.mentioned()
        for worker in mentioned.union(self.project.names("workers")):
            if self.is_dead("workers", worker):
                self.bury(worker)
        for dispatcher in self.project.names("dispatchers"):
            if self.is_dead("dispatchers", dispatcher):
                self.project.strike("dispatchers", dispatcher)

    def mentioned(self) -> Set[str]:
        """All workers that something in the project is about."""
        lists: Tuple[List[Any], ...] = (
            self.project.running(), self.project.announcements(),
            self.project.orders(),
        )
        named = {item.worker for items in lists for item in items}
        return named.union(self.project.pods())

    def is_dead(self, kind: str, member: str) -> bool:
        record = self.project.record(kind, member)
        if record is None:
            return True
        mtime, keys = record[0], parse_record(record[1])
        period = float(keys.get("beat", BEAT))
        return self.is_gone(keys) \
            or self.watch.is_silent(member, mtime, period)

    def is_gone(self, keys: Dict[str, str]) -> bool:
        """Whether that process was on this host, and has ended."""
        return self.here.sees(identity_in(keys)) is False

    def bury(self, worker: str) -> None:
        for run in self.project.runs_of(worker):
            self.reclaim(run)
        self.project.keep_draft_logs(worker, "")
        for name in self.project.given(worker) or []:
            self.project.give_back_unbegun(worker, name)
        self.project.drop_orders(worker)
        if not self.project.remove_pod(worker):
            return  # RACE: a job came; the next pass gives it back.
        for announcement in self.project.announcements():
            if announcement.worker == worker:
                self.project.withdraw(announcement)
        self.project.strike("workers", worker)

    def reclaim(self, run: Running) -> None:
        """Give back a job that had begun, or give it up after too many.

        The processes of a job whose worker lives on are left to that worker,
        which finds out with its next heartbeat that the job was taken away:
        ended from here, they would make it say that the job failed.
        """
        record = self.project.record("workers", run.worker)
        if record and self.is_gone(parse_record(record[1])):
            self.processes.end_tree(run.attempt)
        self.project.keep_draft_logs(run.worker, run.attempt)
        lost = Attempt.parse(run.attempt)
        after = Attempt(lost.job, lost.n + 1, self.stamps.new())
        reason = f"worker {run.worker} died"
        self.record(LOST, lost, reason, run.worker)
        self.say(f"{printable(lost.job)}: {reason}.")
        if lost.n < MOST_LOSSES:
            self.project.requeue(run, after.name)
        else:
            reason = f"given up: {lost.n} workers died while it ran"
            self.fail(self.project.job_file(run), after, reason, run.worker)

    def fail(
        self, source: str, attempt: Attempt, reason: str, worker: str = "",
    ) -> None:
        """Move a job that nobody will run to failed/, under a new name."""
        self.record(FAILED, attempt, reason, worker)
        self.project.write_log(attempt, reason)
        if not self.project.fail(source, attempt.name):
            # RACE: another dispatcher did the same, under its own stamp.
            self.project.remove_log(attempt)
            self.record(SUPERSEDED, attempt, reason, worker)

    def record(
        self, event: str, attempt: Attempt, reason: str, worker: str,
    ) -> None:
        now = self.clock.time()
        self.ledger.write(Entry(
            event, attempt.job, attempt.name, host_of(worker), worker,
            now, now, reason=reason,
        ))


def new_reclaimer(
    project: Project, say: Callable[[str], None], name: str = "",
) -> Reclaimer:
    """That of this process; its ledger has that name, or a new id."""
    here, now = myself(), time.time()
    name = name or new_id(here.host, now, here.pid)
    stamps = Stamps(new_token(now))
    return Reclaimer(project, name, here, stamps, Processes(), say)
