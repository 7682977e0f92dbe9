"""Where the jobs are that a person names: by job, or by attempt."""
from typing import Iterator, List, NamedTuple

from fjd.names import Attempt
from fjd.project import Project


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


def everything(project: Project) -> Iterator[Found]:
    """All job files, each at least once: in the order in which jobs go."""
    for place in ("jobqueue", "held"):
        for name in project.waiting(place):
            yield Found(place, name, Attempt.parse(name))
    for worker in project.pods():
        for name in project.given(worker) or []:
            yield Found("jobpods", name, Attempt.parse(name), worker)
    for run in project.running():
        attempt = Attempt.parse(run.attempt)
        yield Found("running", run.name, attempt, run.worker)
    for place in ("done", "failed"):
        for name in project.names(place):
            yield Found(place, name, Attempt.parse(name))


def find(project: Project, wanted: str) -> List[Found]:
    """Those of that job, or that attempt; the latest last."""
    matches = [
        found for found in everything(project)
        if wanted in (found.attempt.job, found.attempt.name)
    ]
    return sorted(matches, key=lambda found: (
        found.attempt.n, found.attempt.stamp))
