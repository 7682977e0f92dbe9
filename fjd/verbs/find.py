"""Finding jobs that a person names: by job, by attempt, or by number."""
from typing import Dict, Iterable, List, Tuple

from fjd.verbs.census import everything, Found
from fjd.errors import BadUsage
from fjd.names import host_of, printable
from fjd.options import option
from fjd.project import ENDED, Project
from fjd.verbs.listnames import LISTED

WHERE = {  # from the oldest to the newest file of one job
    "failed": "has failed (fjd retry repeats it)",
    "done": "is done (fjd retry repeats it)",
    "cancelled": "was cancelled (fjd retry repeats it)",
    "held": "is held (fjd release lets it go)", "jobqueue": "waits",
    "jobpods": "was given to a worker{}, and has not begun",
    "running": "runs{}",
}
JOB = option(
    "job", metavar="JOB", help="the name of a job or of one attempt"
    " (job7~1.STAMP, as fjd why prints it), a task of an array (sim:17), or a"
    " number in the list of fjd run")


def find(project: Project, wanted: str) -> List[Found]:
    """Return the files of that job or attempt, the latest last."""
    return find_all(project, [wanted], wanted)[wanted]


def find_all(
    project: Project, wanted: Iterable[str], start: str = "",
) -> Dict[str, List[Found]]:
    """Find the files of several names, which begin with start, in one scan.

    A job of fjd run, 2-ce2f772fccba8d1a, is also found as 2, unless a job has
    that name.
    """
    matches: Dict[str, List[Found]] = {name: [] for name in wanted}
    for found in everything(project, start):
        job = found.attempt.job
        number = job.partition("-")[0] if LISTED.fullmatch(job) else job
        for name in {job, number, found.attempt.name} & matches.keys():
            matches[name].append(found)
    for name, files in matches.items():
        same = [found for found in files if found.attempt.job == name]
        matches[name] = sorted(same or files, key=age)
    return matches


def unknown(wanted: str) -> BadUsage:
    name = printable(wanted) or '""'
    return BadUsage(f"{name}: there is no such job")


def age(found: Found) -> Tuple[int, str, int]:
    """Return a sort key: ended attempts are older than others."""
    rank = 0 if found.place in ENDED else list(WHERE).index(found.place)
    return (rank, *found.attempt.given)


def where(found: Found) -> str:
    """Return a sentence that says where a job is."""
    on = f" on {host_of(found.worker)}" if found.worker else ""
    return f"{printable(found.attempt.job)} {WHERE[found.place].format(on)}"
