"""How things stand, in one screen: for people, or as JSON.

All times are the file server's.  What a dispatcher at work has counted is
believed (counts.py); without one, everything is listed.
"""
import time
from typing import Any, Dict, Iterator, List, Optional

from fjd.counts import Counts, newest_counts
from fjd.liveness import Here, identity_in, parse_record, period_in
from fjd.names import (
    Attempt, host_of, natural, new_id, printable, Running,
)
from fjd.project import Project
from fjd.succession import FRESH, is_at_work

MOST_SHOWN = 10  # of the jobs that run
SPANS = (("d", 86400), ("h", 3600), ("min", 60), ("s", 1))


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
        self.silent = {
            worker: seconds for worker in self.workers
            for seconds in [self.silence(worker)] if seconds is not None
        }
        runs = project.running()
        self.runs = sorted(runs, key=lambda run: natural(run.attempt))

    def silence(self, worker: str) -> Optional[float]:
        """For how long it has been silent; None: it is not."""
        record = self.project.record("workers", worker)
        if not record:
            return 0.0  # It is being buried.
        keys = parse_record(record[1])
        silence = self.now - record[0]
        is_gone = self.here.sees(identity_in(keys)) is False
        return silence if is_gone or silence > FRESH * period_in(keys) \
            else None

    def hosts(self) -> List[Dict[str, Any]]:
        """The workers of each host."""
        found: Dict[str, Dict[str, Any]] = {}
        busy = {run.worker for run in self.runs}
        for worker in self.workers:
            host = found.setdefault(host_of(worker), {
                "host": host_of(worker), "busy": 0, "idle": 0, "silent": {}})
            if worker in self.silent:
                host["silent"][worker] = round(self.silent[worker])
            else:
                host["busy" if worker in busy else "idle"] += 1
        return list(found.values())

    def jobs(self, most: Optional[int]) -> Iterator[Dict[str, Any]]:
        """The first of those that run."""
        for run in self.runs[:most]:
            yield {
                "job": Attempt.parse(run.attempt).job, "attempt": run.attempt,
                "host": host_of(run.worker), "worker": run.worker,
                "since": self.project.begun(run) or None,
            }

    def counts(self) -> Counts:
        """By listing."""
        return Counts(len(self.project.waiting()), *map(
            self.project.count, ("done", "failed")))

    def troubles(self, waiting: int) -> Iterator[str]:
        """What keeps jobs from being run, and what to type."""
        name = self.project.name
        project = f" --project {name}" if name != "default" else ""
        if waiting and not self.dispatchers:
            yield "no dispatcher is at work; to start one:" \
                f" fjd-dispatcher{project}"
        if waiting and not self.workers:
            yield "there is no worker; to start some:" \
                f" fjd-recruiter{project} hire"
        elif waiting and len(self.silent) == len(self.workers):
            yield "no worker shows a sign of life; fjd doctor may know why"


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
    noted = None if is_exact else newest_counts(project, look.dispatchers)
    written, dispatcher, counts = noted or (look.now, "", look.counts())
    given = sum(len(project.given(worker) or []) for worker in look.workers)
    ahead = counts.waiting + given + len(look.runs)
    return {
        "project": project.name, "time": look.now,
        "waiting": counts.waiting, "held": len(project.waiting("held")),
        "given": given, "running": len(look.runs),
        "done": counts.done, "failed": counts.failed,
        "age": round(max(0.0, look.now - written), 1),
        "counted_by": dispatcher or None, "dispatchers": look.dispatchers,
        "rate": counts.rate,
        "left": ahead / counts.rate if counts.rate else None,
        "jobs": list(look.jobs(most)), "hosts": look.hosts(),
        "troubles": list(look.troubles(counts.waiting + given)),
    }


def screen(found: Dict[str, Any]) -> Iterator[str]:
    """The same for people."""
    words = ("waiting", "held", "given", "running", "done", "failed")
    counts = ", ".join(f"{found[word]} {word}" for word in words)
    yield counts.replace("given", "given out")
    if found["counted_by"]:
        yield f"waiting, done and failed: as of {span(found['age'])} ago, by" \
            f" dispatcher {found['counted_by']}" \
            f" on host {host_of(found['counted_by'])}"
    for job in found["jobs"]:
        yield f"running: {printable(job['job'])} on {job['host']}" \
            + since(job["since"], found["time"])
    if found["running"] > len(found["jobs"]):
        yield f"running: and {found['running'] - len(found['jobs'])} more"
    for host in found["hosts"]:
        silent = "".join(
            f", {worker} silent for {span(seconds)}"
            for worker, seconds in host["silent"].items())
        yield f"workers on {host['host']}: {host['busy']} busy," \
            f" {host['idle']} idle{silent}"
    if found["rate"]:
        yield f"rate: {pace(found['rate'])}; about {span(found['left'])} left"
    yield from found["troubles"]


def since(begun: Optional[float], now: float) -> str:
    """How long ago that was, and when by the file server's clock."""
    if not begun:
        return ""
    clock = time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(begun))
    return f" since {clock} ({span(now - begun)})"


def span(seconds: float) -> str:
    """A time that a person can grasp: 95 s, 3 min, 30 h."""
    for unit, size in SPANS:
        if seconds >= 2 * size:
            return f"{seconds / size:.0f} {unit}"
    return f"{max(0.0, seconds):.0f} s"


def pace(rate: float) -> str:
    for unit, size in (("second", 1), ("minute", 60)):
        if rate * size >= 1:
            return f"{rate * size:.1f} jobs a {unit}"
    return f"{rate * 3600:.1f} jobs an hour"
