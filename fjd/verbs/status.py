"""Show how many jobs wait, run and have ended.

Show also what runs where, the workers of each host and each batch system, the
rate, the time left, and what is wrong.

With 10,000 jobs or more, the numbers of those that wait and have ended come
from the active dispatcher, which counts them every 10 seconds. Fewer jobs are
counted now, and so are the tasks of arrays: each counts as a job. Of the tasks
that one worker was given together, those that have ended count when all have,
or when it gives the others back.

If no project is named and default has no jobs, this is the last run of this
directory.

Keys of the object that --json prints:

    project, time
    waiting, held, given, running, done, failed, cancelled
                 numbers of jobs and tasks
    counted_by   the dispatcher that counted, or null
    age          seconds since that count
    rate         jobs a second
    left         seconds until all have ended
    jobs         all jobs that run; of several tasks, array is its name, and
                 first and last are their numbers, else these are null
    runs         the number of these
    hosts        the workers of each host
    places       the workers of each batch system: by state, as above; nodes,
                 the number of their hosts; starting and pending, how many
                 are to come (null: it does not answer, and trouble has the
                 reason); reasons that it gives for the pending ones
    silent       seconds without a heartbeat, by worker
    dispatchers  those that are active
    troubles     what is wrong
"""
# Jobs are counted by listing them, except where an active dispatcher has
# counted very many (tally.py).
from typing import Any, Dict, Iterator, Optional, Tuple

from fjd import output
from fjd.verbs.census import GIVEN_OUT
from fjd.members import Here, myself
from fjd.names import Attempt, host_of, printable, Running
from fjd.options import flag, PROJECT
from fjd.project import Project, STATES as PLACES
from fjd.verbs import lastrun
from fjd.verbs.counted import CANCELLED, newest_counts, Numbers, title
from fjd.verbs.overview import in_words, Overview, since, span, STATES
from fjd.verbs.systems import line_of

MOST_SHOWN = 10  # running jobs on a screen
MOST_LISTED = 10000  # jobs, waiting or ended, that are counted by listing
ENGAGED = ("waiting", "given", "running", "dispatchers")
OPTIONS = (
    PROJECT,
    flag("--json", help="print an object"),
    flag("--exact", help="count now, even a million jobs"),
)


def act(options: Any) -> None:
    project = lastrun.visit(options, lastrun.has_jobs)
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
    numbers = Numbers(project)
    written, dispatcher, counts = counted(numbers, overview, is_exact)
    given_out = counts["waiting"] + counts["given"]
    ahead, rate = given_out + counts["running"], counts["rate"]
    return {
        "project": project.name, "time": overview.now, **counts,
        "counted_by": dispatcher, "age": max(0.0, overview.now - written),
        "left": ahead / rate if rate else None,
        "jobs": [job_of(numbers, run) for run in overview.runs[:most]],
        "runs": len(overview.runs),
        "hosts": overview.hosts(), "places": overview.places(),
        "silent": overview.silent,
        "dispatchers": overview.dispatchers,
        "troubles": list(overview.troubles(given_out)),
    }


def job_of(numbers: Numbers, run: Running) -> Dict[str, Any]:
    """Return what runs: a job, or some tasks of an array."""
    part = numbers.parse(run.attempt)
    tasks = numbers.to_do(part) if part else ()
    return {
        "job": Attempt.parse(run.attempt).job, **run._asdict(),
        "host": host_of(run.worker),
        "since": numbers.project.begun(run) or None,
        "array": part.array if part and tasks else None,
        "first": tasks[0] if tasks else None,
        "last": tasks[-1] if tasks else None,
    }


def counted(
    numbers: Numbers, overview: Overview, is_exact: bool,
) -> Tuple[float, Optional[str], Dict[str, Any]]:
    """Return when the jobs were counted, by which dispatcher (None: by us),
    and the numbers.  Only a dispatcher knows the rate.
    """
    noted = newest_counts(numbers.project, overview.dispatchers)
    is_large = noted and sum(noted[2][:3]) >= MOST_LISTED
    # The tasks of a million are in few files.
    if noted and is_large and not (is_exact or numbers.arrays):
        when, who, counts = noted
        others = numbers.in_states("held", *GIVEN_OUT)
        return when, who, {**others, **counts._asdict()}
    found: Dict[str, Any] = numbers.in_states(*PLACES, CANCELLED)
    found["rate"] = noted[2].rate if noted else None
    return overview.now, None, found


def screen(found: Dict[str, Any]) -> Iterator[str]:
    """Yield the lines that people read, from what status_of() returned."""
    yield in_words(found)
    if found["counted_by"]:
        yield f"waiting, done and failed: as of {span(found['age'])} ago, by" \
            f" dispatcher {found['counted_by']}" \
            f" on host {host_of(found['counted_by'])} (--exact: now)"
    for job in found["jobs"]:
        name = title(*map(job.get, ("array", "first", "last"))) \
            if job["array"] else job["job"]
        yield f"running: {printable(name)} on {job['host']}" \
            + since(job["since"], found["time"])
    if found["runs"] > len(found["jobs"]):
        yield f"running: and {found['runs'] - len(found['jobs'])} more"
    yield from workers_in(found)
    for worker, seconds in found["silent"].items():
        yield f"silent for {span(seconds)}: worker {worker}"
    if found["left"]:
        yield f"rate: {60 * found['rate']:.0f} jobs a minute, about" \
            f" {span(found['left'])} left"
    yield from found["troubles"]
    if found["hosts"] and not any(map(found.get, ENGAGED)):
        yield "the workers wait for jobs and a dispatcher; to end them:" \
            f" fjd-recruiter --project {found['project']} fire"


def workers_in(found: Dict[str, Any]) -> Iterator[str]:
    """Yield a line for each host, then for each batch system."""
    away = {worker for place in found["places"].values()
            for state in STATES for worker in place[state]}
    for host, workers in found["hosts"].items():
        numbers = [len(set(workers[state]) - away) for state in STATES]
        counts = map("{} {}".format, numbers, STATES)
        if any(numbers):
            yield f"workers on {host}: {', '.join(counts)}"
    for place, workers in found["places"].items():
        yield line_of(place, workers)
