"""Where job files lie: each one, all of them, and how many."""
from typing import Iterator, List, NamedTuple, Tuple

from fjd.names import Attempt, is_editor_copy
from fjd.project import ENDED, Project, RUNNING, STATES

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


def everything(project: Project, start: str = "") -> Iterator[Found]:
    """Yield all job files whose attempts begin with start, at least once."""
    for place in STATES:
        yield from files_in(project, place, start)


def files_in(project: Project, place: str, start: str = "") \
        -> Iterator[Found]:
    for name, attempt, worker in names_in(project, place):
        if attempt.startswith(start):
            yield Found(place, name, Attempt.parse(attempt), worker)


def each_in(project: Project, place: str) -> Iterator[Found]:
    """Yield the same as files_in(), unordered, in little memory."""
    if place in GIVEN_OUT:
        yield from files_in(project, place)
        return
    for name in project.each_name(place):
        if place in ENDED or not is_editor_copy(name):
            yield Found(place, name, Attempt.parse(name))


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
