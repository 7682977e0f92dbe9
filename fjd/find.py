"""Where the jobs are that a person names: by job, or by attempt."""
from typing import Dict, Iterable, Iterator, List, NamedTuple, Tuple

from fjd.errors import BadUsage
from fjd.names import Attempt, host_of, LISTED, printable
from fjd.project import ENDED, Project

PLACES = {  # from what is old to what is new
    "failed": "has failed (fjd retry repeats it)",
    "done": "is done (fjd retry repeats it)",
    "held": "is held (fjd release lets it go)", "jobqueue": "waits",
    "jobpods": "was given to a worker{}, and has not begun",
    "running": "runs{}",
}
STATES = {  # in the order in which jobs go
    "jobqueue": "waiting", "held": "held", "jobpods": "given",
    "running": "running", "done": "done", "failed": "failed",
}
RUNNING = "running"
GIVEN_OUT = ("jobpods", RUNNING)


class Found(NamedTuple):
    """A job file: the directory it lies in, its name there, and whose it is.

    place is jobqueue, held, jobpods, running, done or failed; worker is ""
    but in jobpods and running.
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
        """A sort key: what has ended is older than what has not."""
        rank = 0 if self.place in ENDED else list(PLACES).index(self.place)
        return (rank, *self.attempt.given)


def everything(project: Project, start: str = "") -> Iterator[Found]:
    """All job files whose attempts' names begin so, each at least once."""
    for place in STATES:
        yield from files_in(project, place, start)


def files_in(project: Project, place: str, start: str = "") \
        -> Iterator[Found]:
    for name, attempt, worker in names_in(project, place):
        if attempt.startswith(start):
            yield Found(place, name, Attempt.parse(attempt), worker)


def names_in(project: Project, place: str) -> List[Tuple[str, str, str]]:
    """Name, attempt and worker of each."""
    if place == "jobpods":
        return [(name, name, worker) for worker in project.pods()
                for name in project.given(worker) or []]
    if place == RUNNING:
        return [(run.name, *run) for run in project.running()]
    names = project.names(place) if place in ENDED else project.waiting(place)
    return [(name, name, "") for name in names]


def count(project: Project, *places: str) -> int:
    """How many job files lie there; a guess while jobs move."""
    return sum(len(names_in(project, place)) for place in places)


def left(project: Project) -> int:
    """How many jobs have not ended, and are not held."""
    return count(project, "jobqueue", *GIVEN_OUT)


def find(project: Project, wanted: str) -> List[Found]:
    """Those of that job, or that attempt; the latest last."""
    return find_all(project, [wanted], wanted)[wanted]


def find_all(
    project: Project, wanted: Iterable[str], start: str = "",
) -> Dict[str, List[Found]]:
    """The same for several, all of whose names begin so, with one look.

    What fjd run calls 2-ce2f772fccba8d1a is also 2, if no job is.
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
