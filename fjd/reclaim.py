"""Giving back the jobs of dead workers, and burying these.

Any process of fjd may do this, several at a time, without a lock: every step
is one rename of a name used for nothing else, so one process succeeds and the
others find nothing.  Workers that any name mentions are listed before those
enrolled, and a record that seems to be missing is opened before that is
believed: a worker enrols first, and must not look dead while it starts.

The order of a burial matters.  Begun jobs go first, and only under a new name
(n + 1), so that only the dead worker could have put the old name into done/.
The pod is removed by rmdir: this fails if a dispatcher puts a job into it
meanwhile, and the next pass gives the job back.  The record goes last, so that
an interrupted burial is resumed.
"""
import time
from typing import Any, Callable, Dict, List, Set

from fjd.arrays import cut, ends_of, range_in, to_do
from fjd.jobfile import retries_of
from fjd.ledger import Entry, FAILED, Ledger, LOST
from fjd.members import (
    Here, Member, MISSED, myself, Observer, QUIET, read_member,
)
from fjd.names import (
    Attempt, host_of, is_range_name, new_id, new_token, printable, Range,
    Running, Stamps,
)
from fjd.process import Processes
from fjd.project import NOW, Project


class Reclaimer:
    """Finds and buries dead workers, for one process with a heartbeat.

    Its ledger has an id of its own.
    """

    def __init__(
        self, project: Project, here: Here, processes: Any,
        say: Callable[[str], None], most_losses: int, clock: Any = time,
        missed: int = MISSED,
    ) -> None:
        now = clock.time()
        self.project = project
        self.here = here
        self.stamps = Stamps(new_token(now))
        self.ledger = Ledger(project, new_id(here.host, now, here.pid))
        self.processes = processes
        self.say = say
        self.most_losses = most_losses
        self.clock = clock
        self.observer = Observer(missed)
        self.known: Dict[str, Member] = {}  # since our last heartbeat
        self.quiet: Set[str] = set()  # workers that may be dead
        self.owed: List[Entry] = []  # unwritten lines about moved jobs

    def sweep(self) -> None:
        """Bury every dead worker, and strike every dead dispatcher."""
        self.settle()
        is_beat = self.observer.tick(self.clock.monotonic())
        mentioned = self.mentioned()
        workers = self.project.names("workers")
        dispatchers = self.project.dispatchers()
        here = set() if is_beat else set(workers + dispatchers)
        self.known = {m: i for m, i in self.known.items() if m in here}
        workers = sorted(mentioned.union(workers))
        dead = [w for w in workers if self.is_dead("workers", w)]
        self.bury(dead)
        if is_beat:
            self.quiet = {worker for worker in set(workers).difference(dead)
                          if self.observer.has_missed(worker, QUIET)}
            for worker in sorted(self.quiet):
                self.give_back_unbegun(worker)
        for dispatcher in dispatchers:
            if self.is_dead("dispatchers", dispatcher):
                self.project.strike("dispatchers", dispatcher)

    def mentioned(self) -> Set[str]:
        """Return all workers named in running/, orders/, pods and requests."""
        project = self.project
        items: List[Any] = [
            *project.running(), *project.announcements(), *project.orders()]
        return {item.worker for item in items}.union(project.pods())

    def can_run(self, worker: str, attempt: Attempt) -> bool:
        """Return whether a worker knows arrays, if this looks like a range."""
        if not is_range_name(attempt.job):
            return True
        known = self.known.get(worker)
        member = known or read_member(self.project, "workers", worker)
        return member.knows_arrays

    def is_dead(self, kind: str, member: str) -> bool:
        """Return whether a member is dead: by pid, or at each heartbeat by
        its record.
        """
        if member not in self.known:
            found = read_member(self.project, kind, member)
            if found.is_missing or self.observer.is_silent(member, found):
                return True
            self.known[member] = found
        return self.known[member].is_gone(self.here)

    def bury(self, workers: List[str]) -> None:
        """Give back the jobs of dead workers, and remove all traces."""
        self.end_processes(list(filter(self.has_left_jobs, workers)))
        for worker in workers:
            self.bury_one(worker)

    def has_left_jobs(self, worker: str) -> bool:
        """Return whether a worker of this host cannot end its job itself.

        A living one learns at its next heartbeat that the job was taken away.
        If we ended the processes, it would report that the job failed; one
        that is stopped learns that first when it continues.
        """
        member = read_member(self.project, "workers", worker)
        return member.is_gone(self.here) \
            or self.here.is_stopped(member.identity)

    def end_processes(self, workers: List[str]) -> None:
        """End the remaining processes here of these workers' jobs."""
        runs = self.project.running() if workers else []
        attempts = {run.attempt for run in runs if run.worker in workers}
        if attempts:
            logs = [p for w in workers for p in self.project.draft_logs(w)]
            self.processes.end_trees(attempts, logs)

    def bury_one(self, worker: str) -> None:
        orders = {order.word for order in self.project.orders_for(worker)}
        for run in self.project.runs_of(worker):
            self.reclaim(run, was_fired=NOW in orders)
        self.project.keep_draft_logs(worker, "")
        self.give_back_unbegun(worker)
        self.project.drop_orders(worker)
        if not self.project.remove_pod(worker):
            return  # RACE: a job came; the next pass gives it back.
        for announcement in self.project.announcements():
            if announcement.worker == worker:
                self.project.withdraw(announcement)
        self.project.strike("workers", worker)

    def give_back_unbegun(self, worker: str) -> None:
        """Put the jobs in a pod into the queue again; their next stamps
        fence them.
        """
        for name in self.project.given(worker) or []:
            self.project.give_back_unbegun(worker, name)

    def reclaim(self, run: Running, was_fired: bool) -> None:
        """Give back a begun job, or fail it after too many losses."""
        if not self.project.is_running(run):
            return  # RACE: it has ended, or another process did this.
        self.project.keep_draft_logs(run.worker, run.attempt)
        lost = Attempt.parse(run.attempt)
        path = self.project.job_file(run)
        part = range_in(self.project, lost.job, path)
        if part:
            return self.cut(run, lost, part)
        n = lost.n if was_fired else lost.n + 1
        after = Attempt(lost.job, n, self.stamps.new())
        reason = f"worker {run.worker} died"
        self.ledger.write(self.entry(LOST, lost, reason, run.worker))
        self.ledger.sync()
        if n > lost.n and self.is_last(run, lost.n):
            reason = f"given up after {lost.n} attempt(s): {reason}"
            self.fail(self.project.job_file(run), after, reason, run.worker)
        else:
            self.project.requeue(run, after.name)
        self.say(f"{printable(lost.job)}: {reason}.")

    def cut(self, run: Running, lost: Attempt, part: Range) -> None:
        """Give back what is left of a range (arrays.py)."""
        ledgers = self.project.ledgers_of(run.worker)
        ends = ends_of(self.project, run.attempt, ledgers)
        # RACE: flushed before it is read, a line that comes in between would
        # count, and could be lost.
        for ledger in ledgers:
            self.project.files.flush(ledger)
        rest = cut(part, lost.n, to_do(self.project, part), ends, losses=1)
        reason = f"worker {run.worker} died"
        self.ledger.write(self.entry(LOST, lost, reason, run.worker))
        self.ledger.sync()
        rest = rest._replace(stamp=self.stamps.new())
        self.project.requeue(run, rest.name)
        self.say(f"{printable(lost.job)}: {reason}.")

    def is_last(self, run: Running, n: int) -> bool:
        """Return whether a job that lost its worker has no attempt left."""
        path = self.project.job_file(run)
        return n >= self.most_losses \
            and n > retries_of(self.project.files, path)

    def fail(
        self, source: str, attempt: Attempt, reason: str, worker: str = "",
    ) -> None:
        """Move a job that will not run to failed/, under a new name.

        Only we know the name of that attempt, so its log and ledger line come
        after the move.  If they came first and we died in between, no other
        process could tell that they are superfluous.
        """
        # RACE: if it is gone, another dispatcher did this.
        if self.project.fail(source, attempt.name):
            self.owed.append(self.entry(FAILED, attempt, reason, worker))
            self.settle()

    def settle(self) -> None:
        """Write logs and ledger lines that failed earlier (disk full)."""
        while self.owed:
            entry = self.owed[0]
            self.project.write_log(Attempt.parse(entry.attempt), entry.reason)
            self.ledger.write(entry)
            del self.owed[0]

    def entry(
        self, event: str, attempt: Attempt, reason: str, worker: str,
    ) -> Entry:
        now = self.clock.time()
        return Entry(
            event, attempt.job, attempt.name, host_of(worker), worker,
            now, now, reason=reason,
        )


def new_reclaimer(
    project: Project, say: Callable[[str], None], most_losses: int,
    missed: int = MISSED,
) -> Reclaimer:
    """Return the reclaimer of this process."""
    return Reclaimer(
        project, myself(), Processes(), say, most_losses, missed=missed)
