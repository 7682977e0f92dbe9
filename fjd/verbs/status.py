"""Show how many jobs wait, run and have ended.

Show also what runs where, the workers of each host, the rate, the time left,
and what is wrong.

With 10,000 jobs or more, the numbers of those that wait and have ended come
from the active dispatcher, which counts them every 10 seconds. Fewer jobs are
counted now.

Keys of the object that --json prints:

    project, time
    waiting, held, given, running, done, failed
                 numbers of jobs
    counted_by   the dispatcher that counted, or null
    age          seconds since that count
    rate         jobs a second
    left         seconds until all have ended
    jobs         all jobs that run
    hosts        the workers of each host
    silent       seconds without a heartbeat, by worker
    dispatchers  those that are active
    troubles     what is wrong
"""
# Jobs are counted by listing them, except where an active dispatcher has
# counted very many (handover.py).
from typing import Any, Dict, Iterator, Optional

from fjd import home, output
from fjd.handover import Counts
from fjd.members import Here, myself
from fjd.names import Attempt, host_of, printable
from fjd.options import flag, PROJECT
from fjd.project import Project
from fjd.verbs.counted import newest_counts
from fjd.verbs.overview import COUNTS, Overview, since, span, STATES

MOST_SHOWN = 10  # running jobs on a screen
MOST_LISTED = 10000  # jobs, waiting or ended, that are counted by listing
ENGAGED = ("waiting", "given", "running", "dispatchers")
OPTIONS = (
    PROJECT,
    flag("--json", help="print an object"),
    flag("--exact", help="count now, even a million jobs"),
)


def act(options: Any) -> None:
    project = home.visit_project(options.project, output.teller("fjd"))
    most = None if options.json else MOST_SHOWN
    found = status_of(project, myself(), options.exact, most)
    for line in [in_json(found)] if options.json else screen(found):
        output.show(line)


def in_json(found: Dict[str, Any]) -> str:
    import json  # Late: it takes a millisecond.
    return json.dumps(found)


def status_of(
    project: Project, here: Here, is_exact: bool, most: Optional[int] = None,
) -> Dict[str, Any]:
    """Return what --json prints, with at most so many running jobs."""
    overview = Overview(project, here)
    written, dispatcher, counts = counted(project, overview, is_exact)
    given = sum(
        len(project.given(worker) or []) for worker in overview.workers)
    ahead = counts.waiting + given + len(overview.runs)
    return {
        "project": project.name, "time": overview.now, **counts._asdict(),
        "held": len(project.waiting("held")), "given": given,
        "running": len(overview.runs), "counted_by": dispatcher,
        "age": max(0.0, overview.now - written),
        "left": ahead / counts.rate if counts.rate else None,
        "jobs": [{
            "job": Attempt.parse(run.attempt).job, **run._asdict(),
            "host": host_of(run.worker), "since": project.begun(run) or None,
        } for run in overview.runs[:most]],
        "hosts": overview.hosts(), "silent": overview.silent,
        "dispatchers": overview.dispatchers,
        "troubles": list(overview.troubles(counts.waiting + given)),
    }


def counted(project: Project, overview: Overview, is_exact: bool) -> Any:
    """Return when the jobs were counted, by which dispatcher (None: by us),
    and the Counts.  Only a dispatcher knows the rate.
    """
    noted = newest_counts(project, overview.dispatchers)
    if noted and not is_exact and sum(noted[2][:3]) >= MOST_LISTED:
        return noted
    return overview.now, None, Counts(
        len(project.waiting()), project.count("done"), project.count("failed"),
        noted[2].rate if noted else None,
    )


def screen(found: Dict[str, Any]) -> Iterator[str]:
    """Yield the lines that people read, from what status_of() returned."""
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
