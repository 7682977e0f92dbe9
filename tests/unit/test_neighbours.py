"""Workers of one host that miss one another."""
import pytest

from helpers import Clock

from fjd.members import myself
from fjd.names import new_id
from fjd.roles.neighbours import Neighbours, PERIOD


class Host:
    """A host whose processes end when the test says so."""

    host = "lab7"

    def __init__(self):
        self.dead = set()
        self.stopped = set()

    def sees(self, identity):
        return None if identity.host != "lab7" else \
            identity.pid not in self.dead

    def is_awake(self, identity):
        return bool(self.sees(identity)) and identity.pid not in self.stopped


class Burials(list):
    """Stands in for a Reclaimer: who was buried."""

    def __init__(self, project, here):
        super().__init__()
        self.project = project
        self.here = here

    def bury(self, workers):
        self.extend(workers)
        for worker in workers:
            self.project.strike("workers", worker)


@pytest.fixture
def here():
    return Host()


@pytest.fixture
def burials(project, here):
    return Burials(project, here)


@pytest.fixture
def hire(project, burials):
    """hire(pid): a worker of lab7, the smaller the older; its neighbours."""
    def hire(pid, host="lab7"):
        identity = myself()._replace(host=host, pid=pid)
        worker = new_id(host, 1000.0 + pid, pid)
        project.enrol("workers", worker, identity.record("none"))
        return Neighbours(project, worker, burials, Clock())
    return hire


def listings(project, monkeypatch):
    """Counts how often workers/ is listed."""
    real, calls = project.names, []
    monkeypatch.setattr(
        project, "names", lambda *parts: calls.append(parts) or real(*parts))
    return calls


def test_the_eldest_misses_the_others(hire, here, burials):
    eldest, younger = hire(1), hire(2)
    eldest.look()
    here.dead = {2}
    eldest.look()
    assert burials == [younger.worker]


def test_the_others_miss_the_eldest(hire, here, burials):
    eldest, younger, youngest = hire(1), hire(2), hire(3)
    youngest.look()
    younger.look()
    here.dead = {1, 3}
    younger.look()
    assert burials == [eldest.worker, youngest.worker]


def test_an_eldest_that_is_stopped_looks_after_nobody(hire, here, burials):
    _, younger, youngest = hire(1), hire(2), hire(3)
    youngest.look()
    here.stopped, here.dead = {1}, {2}
    youngest.look()
    assert burials == [younger.worker]


def test_who_comes_later_is_missed_too(hire, here, burials):
    eldest = hire(1)
    eldest.look()
    younger = hire(2)
    here.dead = {2}
    eldest.look()
    assert burials == [younger.worker]


def test_workers_of_other_hosts_are_left_to_others(hire, here, burials):
    hire(1, host="lab8")
    worker = hire(2)
    worker.look()
    here.dead = {1}
    worker.look()
    assert burials == [] and list(worker.known) == [worker.worker]


def test_workers_from_before_a_host_was_renamed_are_missed(
    project, hire, here, burials,
):
    worker = hire(2)
    older = new_id("dhcp-17", 1001.0, 1)
    identity = myself()._replace(host="lab7", pid=1)
    project.enrol("workers", older, identity.record("none"))
    worker.look()
    here.dead = {1}
    worker.look()
    assert burials == [older]


def test_each_record_is_read_once(project, hire, monkeypatch):
    hire(1, host="lab8"), hire(2, host="lab8"), hire(3)
    worker, read = hire(4), []
    real = project.record
    monkeypatch.setattr(
        project, "record", lambda *names: read.append(names) or real(*names))
    worker.meet()
    worker.meet()
    assert sorted(read) == [("workers", n) for n in project.names("workers")]


def test_a_record_that_is_being_written_is_read_again(
    project, hire, here, burials,
):
    worker = hire(1)
    young = new_id("lab7", 1002.0, 2)
    project.enrol("workers", young, "")
    worker.look()
    project.strike("workers", young)
    project.enrol("workers", young, myself()._replace(
        host="lab7", pid=2).record("none"))
    here.dead = {2}
    worker.look()
    assert burials == [young]


def test_only_the_eldest_lists_anything(project, hire, monkeypatch):
    eldest, younger = hire(1), hire(2)
    younger.look()
    calls = listings(project, monkeypatch)
    for _ in range(5):
        younger.look()
    assert calls == []
    eldest.look()
    assert calls == [("workers",)]


def test_a_look_comes_once_a_period(project, hire, monkeypatch):
    worker = hire(1)
    calls = listings(project, monkeypatch)
    for _ in range(8):
        worker.look_if_due()
        worker.clock.now += PERIOD / 4
    assert len(calls) == 2
