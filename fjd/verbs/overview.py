"""The members and the running jobs of a project, and what is wrong with it.

All times are the file server's.
"""
import os
import time
from typing import Any, Dict, Iterator, List, Optional

from fjd.members import active_among, Here, read_member
from fjd.names import host_of, natural, new_id
from fjd.project import Project

COUNTS = "{waiting} waiting, {held} held, {given} given out, {running}" \
    " running, {done} done, {failed} failed"
SPANS = (("d", 86400), ("h", 3600), ("min", 60))
STATES = ("busy", "idle", "silent")


class Look:
    """Who is there, and what runs."""

    def __init__(self, project: Project, here: Here) -> None:
        self.project = project
        self.here = here
        self.now = server_time(project, here)
        self.dispatchers = list(active_among(
            project, project.members("dispatchers"), self.now, here))
        self.workers = project.pods()
        self.silent = dict(filter(None, map(self.silence, self.workers)))
        self.runs = sorted(
            project.running(), key=lambda run: natural(run.attempt))

    def silence(self, worker: str) -> Any:
        """(worker, seconds) of one that is, or whose process is gone."""
        member = read_member(self.project, "workers", worker)
        silence = 0.0 if member.is_missing else self.now - member.heartbeat
        is_silent = member.seems_dead(self.now, self.here)
        return (worker, round(silence)) if is_silent else None

    def hosts(self) -> Dict[str, Dict[str, List[str]]]:
        """The workers of each host, by what they do."""
        found: Dict[str, Dict[str, List[str]]] = {}
        busy = {run.worker for run in self.runs}
        for worker in self.workers:
            state = "busy" if worker in busy else "idle"
            host = found.setdefault(host_of(worker), {s: [] for s in STATES})
            host["silent" if worker in self.silent else state].append(worker)
        return found

    def troubles(self, waiting: int) -> Iterator[str]:
        """What keeps jobs from being run, and what to type."""
        name = f" --project {self.project.name}"
        if is_full(self.project.root):
            yield f"{self.project.root}: the disk is full; what has ended" \
                " waits until that can be recorded"
        if waiting and not self.dispatchers:
            yield f"no dispatcher is active; one starts: fjd-dispatcher{name}"
        if waiting and not self.workers:
            yield f"there is no worker; some start: fjd-recruiter{name} hire"
        elif waiting and len(self.silent) == len(self.workers):
            yield "no worker shows a sign of life; fjd doctor may know why"


def is_full(directory: str) -> bool:
    """sshfs and others may know nothing of it."""
    disk = os.statvfs(directory)
    return disk.f_blocks > 0 == disk.f_bavail


def server_time(project: Project, here: Here) -> float:
    now = time.time()
    try:
        return project.server_time(new_id(here.host, now, here.pid))
    except OSError:
        return now  # The disk is full; most servers know what time it is.


def since(begun: Optional[float], now: float) -> str:
    """When that was, and how long ago by the file server's clock."""
    if not begun:
        return ""
    return f" since {moment(begun)} ({span(now - begun)})"


def moment(seconds: float) -> str:
    return time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(seconds))


def span(seconds: float) -> str:
    """A time that a person can grasp: 95 s, 3 min, 30 h."""
    for unit, size in SPANS:
        if seconds >= 2 * size:
            return f"{seconds / size:.0f} {unit}"
    return f"{max(0.0, seconds):.0f} s"
