"""Counting the workers of a batch system: those that wait, start or live.

Slurm lists each task, and a worker's session names its task (slurm 311_2).
Other systems list only what waits; the rest is known by files: which workers
came, and whether they live.
"""
import time
from typing import Dict, List, NamedTuple, Sequence

from fjd.hosts import allocations
from fjd.hosts.allocations import Record
from fjd.hosts.scheduler import is_slurm, PENDING, RUNNING, Listed
from fjd.members import Here, MISSED
from fjd.names import new_id
from fjd.project import Project

STARTING = 300.0  # seconds between the waiting of a worker and its coming


class Count(NamedTuple):
    """What there is of one record."""

    waiting: List[Listed]
    running: int  # without those that have an order to leave
    workers: List[str]  # those of them that have come
    is_over: bool = False


class Look:
    """What there is of one cluster.  known: the names of all records."""

    def __init__(self, known: List[str]) -> None:
        self.known = known
        self.records: List[Record] = []
        self.waiting: Dict[str, List[Listed]] = {}
        self.workers: List[str] = []
        self.claimed = self.running = self.pending = 0

    def add(self, record: Record, found: Count) -> None:
        self.records.append(record)
        self.waiting[record.name] = found.waiting
        self.pending += len(found.waiting)
        self.running += found.running
        self.workers += found.workers

    @property
    def count(self) -> int:
        return self.claimed + self.pending + self.running


class Counting:
    """Counts by one look at the enrolled workers."""

    def __init__(self, project: Project, here: Here) -> None:
        self.project = project
        self.now = project.server_time(
            new_id(here.host, time.time(), here.pid))
        members = allocations.allocated(project)
        self.alive = {
            worker: member.session for worker, member in members.items()
            if not member.seems_dead(self.now, here, MISSED)}
        self.leaving = {order.worker for order in project.orders()}

    def count(self, record: Record, tasks: Sequence[Listed]) -> Count:
        if is_slurm(record):
            return self.by_tasks(tasks)
        return self.by_files(record, tasks)

    def by_tasks(self, tasks: Sequence[Listed]) -> Count:
        """A running task without a worker is starting, and counts."""
        workers = {session.partition(" ")[2]: worker
                   for worker, session in self.alive.items()}
        staying = [task for task in tasks if task.state == RUNNING
                   and workers.get(task.id) not in self.leaving]
        return Count(
            [task for task in tasks if task.state == PENDING], len(staying),
            [workers[task.id] for task in staying if task.id in workers],
            is_over=not tasks)

    def by_files(self, record: Record, tasks: Sequence[Listed]) -> Count:
        """Workers that neither wait nor came are starting, for a while."""
        written = record.written
        if len(tasks) != record.waited:
            allocations.amend(
                self.project, record.name, "waited", str(len(tasks)))
            written = self.now
        left = record.outstanding - len(tasks)
        is_recent = self.now < written + STARTING
        starting = left if left > 0 and is_recent else 0
        alive = [w for w in record.came if w in self.alive]
        staying = [w for w in alive if w not in self.leaving]
        return Count(
            list(tasks), len(staying) + starting, staying,
            is_over=not (tasks or starting or alive))
