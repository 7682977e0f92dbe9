"""What tests of several verbs need: a worker, job files, and ledger lines."""
import os

import pytest

from fjd.ledger import Entry, Ledger
from fjd.members import enrol, myself
from fjd.names import Attempt, new_token, Running, Stamps

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
