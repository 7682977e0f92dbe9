"""What tests of several verbs need: workers, job files, and ledger lines."""
import os

import pytest

from helpers import Clock

from fjd.ledger import Entry, Ledger
from fjd.members import enrol, myself
from fjd.names import Attempt, new_token, Running, Stamps
from fjd.process import Processes
from fjd.reclaim import Reclaimer
from fjd.roles.arrayworker import ArrayWorker
from fjd.roles.neighbours import Neighbours
from fjd.terminal import Terminal
from fjd.verbs.limits import Limits

STAMPS = Stamps(new_token(1.0))


@pytest.fixture
def worker(project):
    name = enrol(project, "workers", myself())
    project.make_pod(name)
    return name


@pytest.fixture
def lay(project, worker):
    """lay(place, job, n): a file there; the name of its attempt."""
    def lay(place, job="job1", n=1):
        name = Attempt(job, n, STAMPS.new()).name
        at = {"running": Running(name, worker).name,
              "jobpods": os.path.join(worker, name)}.get(place, name)
        with open(project.path(place, at), "w") as file:
            file.write(job)
        return name
    return lay


@pytest.fixture
def record(project):
    """record(event, name, end): a line about an attempt."""
    written = Ledger(project, "a_1.000000-1")

    def record(event, name, end=0.0, **more):
        job = Attempt.parse(name).job
        written.write(Entry(event, job, name, end=end, **more))
    return record


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def said():
    """What those say that bury the workers of new_worker()."""
    return []


@pytest.fixture
def new_worker(project, clock, said):
    """new_worker(limits): a worker of this process that asks for jobs."""
    def new_worker(**limits):
        clock.now += 0.001
        name = enrol(project, "workers", myself(), clock=clock)
        reclaimer = Reclaimer(
            project, myself(), Processes(), said.append, 3, clock)
        neighbours = Neighbours(project, name, reclaimer, clock)
        worker = ArrayWorker(
            project, name, Processes(), neighbours, Terminal(),
            lambda *texts: None, 1.0, Limits(neighbours, **limits), clock)
        worker.start()
        return worker
    return new_worker
