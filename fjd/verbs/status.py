"""How things stand, in one screen: for people, or as JSON.

Names are counted by listing them.  Only where a dispatcher at work has counted
very many (counts.py), these counts are believed.  All times are the file
server's.
"""
import os
import time
from typing import Any, Dict, Iterator, List, Optional

from fjd.handover import Counts, newest_counts
from fjd.members import FRESH, Here, is_at_work, seems_dead
from fjd.names import Attempt, host_of, natural, new_id, printable
from fjd.project import Project

COUNTS = "{waiting} waiting, {held} held, {given} given out, {running}" \
    " running, {done} done, {failed} failed"
MOST_SHOWN = 10  # of the jobs that run
MOST_LISTED = 10000  # names of jobs that wait or have ended
SPANS = (("d", 86400), ("h", 3600), ("min", 60))
ENGAGED = ("waiting", "given", "running", "dispatchers")
STATES = ("busy", "idle", "silent")


class Look:
    """Who is there, and what runs."""

    def __init__(self, project: Project, here: Here) -> None:
        self.project = project
        self.here = here
        self.now = server_time(project, here)
        self.dispatchers = [
            member for member in project.members("dispatchers")
            if is_at_work(project, member, self.now, here)
        ]
        self.workers = project.pods()
        self.silent = dict(filter(None, map(self.silence, self.workers)))
        self.runs = sorted(
            project.running(), key=lambda run: natural(run.attempt))

    def silence(self, worker: str) -> Any:
        """(worker, seconds) of one that is, or whose process is gone."""
        record = self.project.record("workers", worker)
        silence = self.now - record[0] if record else 0.0
        is_silent = seems_dead(record, self.now, self.here, FRESH)
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
            yield f"no dispatcher is at work; one starts: fjd-dispatcher{name}"
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


def status_of(
    project: Project, here: Here, is_exact: bool, most: Optional[int] = None,
) -> Dict[str, Any]:
    """What --json prints; most: of the jobs that run."""
    look = Look(project, here)
    written, dispatcher, counts = counted(project, look, is_exact)
    given = sum(len(project.given(worker) or []) for worker in look.workers)
    ahead = counts.waiting + given + len(look.runs)
    return {
        "project": project.name, "time": look.now, **counts._asdict(),
        "held": len(project.waiting("held")), "given": given,
        "running": len(look.runs), "counted_by": dispatcher,
        "age": max(0.0, look.now - written),
        "left": ahead / counts.rate if counts.rate else None,
        "jobs": [{
            "job": Attempt.parse(run.attempt).job, **run._asdict(),
            "host": host_of(run.worker), "since": project.begun(run) or None,
        } for run in look.runs[:most]],
        "hosts": look.hosts(), "silent": look.silent,
        "dispatchers": look.dispatchers,
        "troubles": list(look.troubles(counts.waiting + given)),
    }


def counted(project: Project, look: Look, is_exact: bool) -> Any:
    """When the jobs were counted, by which dispatcher (None: by us), and the
    Counts; only a dispatcher knows the rate.
    """
    noted = newest_counts(project, look.dispatchers)
    if noted and not is_exact and sum(noted[2][:3]) >= MOST_LISTED:
        return noted
    return look.now, None, Counts(
        len(project.waiting()), project.count("done"), project.count("failed"),
        noted[2].rate if noted else None,
    )


def screen(found: Dict[str, Any]) -> Iterator[str]:
    """The same for people."""
    yield COUNTS.format(**found)
    if found["counted_by"]:
        yield f"waiting, done and failed: as of {span(found['age'])} ago, by" \
            f" dispatcher {found['counted_by']}" \
            f" on host {host_of(found['counted_by'])} (--exact: now)"
    for job in found["jobs"]:
        yield f"running: {printable(job['job'])} on {job['host']}" \
            + since(job["since"], found["time"])
    if found["running"] > len(found["jobs"]):
        yield f"running: and {found['running'] - len(found['jobs'])} more"
    for host, workers in found["hosts"].items():
        counts = (f"{len(workers[state])} {state}" for state in STATES)
        yield f"workers on {host}: {', '.join(counts)}"
    for worker, seconds in found["silent"].items():
        yield f"silent for {span(seconds)}: worker {worker}"
    if found["left"]:
        yield f"rate: {60 * found['rate']:.0f} jobs a minute, about" \
            f" {span(found['left'])} left"
    yield from found["troubles"]
    if found["hosts"] and not any(map(found.get, ENGAGED)):
        yield "the workers wait for jobs and a dispatcher; to end them:" \
            f" fjd-recruiter --project {found['project']} fire"


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
