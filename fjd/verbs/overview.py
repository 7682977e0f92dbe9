"""An overview of a project: members, running jobs, and what is wrong.

fjd status and fjd why print parts of it.  All times are the file server's.
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


def in_words(found: Dict[str, Any]) -> str:
    """Return the numbers of jobs in each state; cancelled tasks if any."""
    number = found.get("cancelled")
    return COUNTS.format(**found) + (f", {number} cancelled" if number else "")


class Overview:
    """The active dispatchers, the workers and the running jobs at one moment.

    silent: seconds without a heartbeat, of workers that seem dead.
    """

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
        """Return a worker that seems dead and how many seconds it has been
        silent; None if it is alive.
        """
        member = read_member(self.project, "workers", worker)
        silence = 0.0 if member.is_missing else self.now - member.heartbeat
        is_silent = member.seems_dead(self.now, self.here)
        return (worker, round(silence)) if is_silent else None

    def hosts(self) -> Dict[str, Dict[str, List[str]]]:
        """Return the workers of each host by state: busy, idle or silent."""
        found: Dict[str, Dict[str, List[str]]] = {}
        busy = {run.worker for run in self.runs}
        for worker in self.workers:
            state = "busy" if worker in busy else "idle"
            host = found.setdefault(host_of(worker), {s: [] for s in STATES})
            host["silent" if worker in self.silent else state].append(worker)
        return found

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
            yield "there is no worker; to start some:" \
                f" fjd-recruiter{name} hire"
        elif waiting and len(self.silent) == len(self.workers):
            yield "no worker sends heartbeats; fjd doctor may tell why"


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
