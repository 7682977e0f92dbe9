"""Finding jobs that a person names: by job, or by attempt."""
from typing import Dict, Iterable, Iterator, List, NamedTuple, Tuple

from fjd.errors import BadUsage
from fjd.names import Attempt, host_of, LISTED, printable
from fjd.project import ENDED, Project

PLACES = {  # from the oldest state to the newest
    "failed": "has failed (fjd retry repeats it)",
    "done": "is done (fjd retry repeats it)",
    "held": "is held (fjd release lets it go)", "jobqueue": "waits",
    "jobpods": "was given to a worker{}, and has not begun",
    "running": "runs{}",
}
STATES = {  # in the order in which jobs move
    "jobqueue": "waiting", "held": "held", "jobpods": "given",
    "running": "running", "done": "done", "failed": "failed",
}
RUNNING = "running"
GIVEN_OUT = ("jobpods", RUNNING)


class Found(NamedTuple):
    """A job file: its directory, its name there, its attempt and worker.

    place is jobqueue, held, jobpods, running, done or failed; worker is set
    only in jobpods and running.
    """

    place: str
    name: str
    attempt: Attempt
    worker: str = ""

    def path(self, project: Project) -> str:
        pod = [self.worker] if self.place == "jobpods" else []
        return project.path(self.place, *pod, self.name)

    @property
    def told(self) -> str:
        on = f" on {host_of(self.worker)}" if self.worker else ""
        return f"{printable(self.attempt.job)} {PLACES[self.place].format(on)}"

    @property
    def age(self) -> Tuple[int, str, int]:
        """Return a sort key: ended attempts are older than others."""
        rank = 0 if self.place in ENDED else list(PLACES).index(self.place)
        return (rank, *self.attempt.given)


def everything(project: Project, start: str = "") -> Iterator[Found]:
    """Yield all job files whose attempts begin with start, at least once."""
    for place in STATES:
        yield from files_in(project, place, start)


def files_in(project: Project, place: str, start: str = "") \
        -> Iterator[Found]:
    for name, attempt, worker in names_in(project, place):
        if attempt.startswith(start):
            yield Found(place, name, Attempt.parse(attempt), worker)


def names_in(project: Project, place: str) -> List[Tuple[str, str, str]]:
    """Return the name, attempt and worker of each job file in a place."""
    if place == "jobpods":
        return [(name, name, worker) for worker in project.pods()
                for name in project.given(worker) or []]
    if place == RUNNING:
        return [(run.name, *run) for run in project.running()]
    names = project.names(place) if place in ENDED else project.waiting(place)
    return [(name, name, "") for name in names]


def count(project: Project, *places: str) -> int:
    """Return how many job files lie there; an estimate while jobs move."""
    return sum(len(names_in(project, place)) for place in places)


def left(project: Project) -> int:
    """Return how many jobs wait, are in pods, or run."""
    return count(project, "jobqueue", *GIVEN_OUT)


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
        matches[name] = sorted(same or files, key=lambda found: found.age)
    return matches


def unknown(wanted: str) -> BadUsage:
    name = printable(wanted) or '""'
    return BadUsage(f"{name}: there is no such job")
