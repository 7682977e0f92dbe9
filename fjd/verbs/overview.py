"""An overview of a project: members, running jobs, and what is wrong.

fjd status and fjd why print parts of it.  All times are the file server's.
"""
import os
import time
from typing import Any, Dict, Iterable, Iterator, List, Optional

from fjd.members import active_among, Here, Member, read_member
from fjd.names import host_of, natural, new_id
from fjd.project import Project
from fjd.verbs import systems

COUNTS = "{waiting} waiting, {held} held, {given} given out, {running}" \
    " running, {done} done, {failed} failed"
SPANS = (("d", 86400), ("h", 3600), ("min", 60))
STATES = ("busy", "idle", "silent")


def in_words(found: Dict[str, Any]) -> str:
    """Return the numbers of jobs in each state; cancelled tasks if any."""
    number = found.get("cancelled")
    return COUNTS.format(**found) + (f", {number} cancelled" if number else "")


class Overview:
    """The active dispatchers, the workers and the running jobs at one moment.

    members: the record of each worker.
    silent: seconds without a heartbeat, of workers that seem dead.
    waiting: the pending workers of each batch system.
    """

    def __init__(self, project: Project, here: Here) -> None:
        self.project = project
        self.here = here
        self.now = server_time(project, here)
        self.dispatchers = list(active_among(
            project, project.members("dispatchers"), self.now, here))
        self.workers = project.pods()
        self.members = {
            worker: read_member(project, "workers", worker)
            for worker in self.workers}
        self.silent = {
            worker: self.silence(member)
            for worker, member in self.members.items()
            if member.seems_dead(self.now, here)}
        self.runs = sorted(
            project.running(), key=lambda run: natural(run.attempt))
        self.busy = {run.worker for run in self.runs}
        self.asked: Optional[List[Any]] = None

    @property
    def waiting(self) -> List[Any]:
        if self.asked is None:
            self.asked = systems.waiting_at(self.project)
        return self.asked

    def silence(self, member: Member) -> int:
        """Return for how many seconds it has been silent."""
        return round(0 if member.is_missing else self.now - member.heartbeat)

    def by_state(self, workers: Iterable[str]) -> Dict[str, List[str]]:
        """Return these workers by state: busy, idle or silent."""
        found: Dict[str, List[str]] = {state: [] for state in STATES}
        for worker in workers:
            state = "busy" if worker in self.busy else "idle"
            found["silent" if worker in self.silent else state].append(worker)
        return found

    def hosts(self) -> Dict[str, Dict[str, List[str]]]:
        """Return the workers of each host by state."""
        found: Dict[str, List[str]] = {}
        for worker in self.workers:
            found.setdefault(host_of(worker), []).append(worker)
        return {host: self.by_state(found[host]) for host in found}

    def places(self) -> Dict[str, Dict[str, Any]]:
        """Return the workers of each batch system, and what waits there."""
        found: Dict[str, List[str]] = {
            waiting.place: [] for waiting in self.waiting
            if waiting.number or waiting.running or waiting.trouble}
        for worker, member in self.members.items():
            place = systems.place_of(member)
            if place:
                found.setdefault(place, []).append(worker)
        return {
            place: systems.numbers_of(
                self.by_state(workers),
                [w for w in self.waiting if w.place == place])
            for place, workers in sorted(found.items())}

    def troubles(self, waiting: int) -> Iterator[str]:
        """Yield the reasons why no job can run, and the remedies.

        waiting: the number of jobs that wait or lie in pods.
        """
        name = f" --project {self.project.name}"
        if is_full(self.project.root):
            yield f"{self.project.root}: the disk is full; what has ended" \
                " waits until there is room to record it"
        if waiting and not self.dispatchers:
            yield "no dispatcher is active; to start one:" \
                f" fjd-dispatcher{name}"
        if waiting and not self.workers:
            yield from list(systems.waits(self.places())) or [
                "there is no worker; to start some:"
                f" fjd-recruiter{name} hire"]
        elif waiting and len(self.silent) == len(self.workers):
            yield "no worker sends heartbeats; fjd doctor may tell why"


class Look:
    """One look at a project: its overview is made when it is needed."""

    def __init__(self, project: Project, here: Here) -> None:
        self.project = project
        self.here = here
        self.made: Optional[Overview] = None

    @property
    def overview(self) -> Overview:
        if self.made is None:
            self.made = Overview(self.project, self.here)
        return self.made


def is_full(directory: str) -> bool:
    """Return whether the disk is full; False where sshfs cannot tell."""
    disk = os.statvfs(directory)
    return disk.f_blocks > 0 == disk.f_bavail


def server_time(project: Project, here: Here) -> float:
    now = time.time()
    try:
        return project.server_time(new_id(here.host, now, here.pid))
    except OSError:
        return now  # The disk is full; most clocks agree with the server's.


def since(begun: Optional[float], now: float) -> str:
    """Return " since TIME (SPAN)"; "" if the time is unknown.

    now is the file server's time.
    """
    if not begun:
        return ""
    return f" since {moment(begun)} ({span(now - begun)})"


def moment(seconds: float) -> str:
    return time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(seconds))


def span(seconds: float) -> str:
    """Return a duration in a unit that people understand: 95 s, 30 h."""
    for unit, size in SPANS:
        if seconds >= 2 * size:
            return f"{seconds / size:.0f} {unit}"
    return f"{max(0.0, seconds):.0f} s"
