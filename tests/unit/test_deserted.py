"""Workers of a fjd run that has died."""
import os
import signal
import subprocess
import sys

import pytest

from helpers import BIN, Clock, LONG, ok, PIPE, wait_until

from fjd.members import myself, STANDBY
from fjd.names import new_id, Order, Stamps
from fjd.project import Project
from fjd.verbs.deserted import Deserted, neighbours_of, OF_RUN

WORKER = "lab7_1.000000-1"
# fjd run whose workers have little patience; the forks have it, too.
SCRIPT = """import runpy, sys
sys.path.insert(0, {root!r})
from fjd.verbs import deserted
deserted.PATIENCE = 0.2
sys.argv = [{fjd!r}, "run", *sys.argv[1:]]
runpy.run_path({fjd!r}, run_name="__main__")"""


class Here:
    """A host whose processes end when the test says so."""

    def __init__(self):
        self.dead = set()

    def sees(self, identity):
        return None if identity.host != "lab7" else \
            identity.pid not in self.dead


class Reclaiming:
    """Stands in for a Reclaimer that finds nobody dead."""

    def __init__(self, here):
        self.here = here
        self.stamps = Stamps("x" * 17)
        self.said = []
        self.say = self.said.append

    def bury(self, workers):
        assert not workers


@pytest.fixture
def here():
    return Here()


@pytest.fixture
def signals(monkeypatch):
    """Those that it sends to itself."""
    sent = []
    monkeypatch.setattr(os, "kill", lambda pid, number: sent.append(number))
    return sent


@pytest.fixture
def worker(project, here, signals):
    return Deserted(project, WORKER, Reclaiming(here), 60.0, Clock())


@pytest.fixture
def enrol(project):
    """enrol(pid, host): a dispatcher; return the path of its record."""
    def enrol(pid, host="lab7", session="hiring"):
        identity = myself()._replace(host=host, pid=pid)
        name = new_id(host, 1000.0 + pid, pid)
        project.enrol("dispatchers", name, identity.record(session))
        return project.path("dispatchers", name)
    return enrol


def pass_seconds(worker, seconds):
    """Look each second, as a worker does."""
    for _ in range(seconds):
        worker.clock.now += 1.0
        worker.look()


def orders(project):
    return [order.word for order in project.orders_for(WORKER)]


def test_it_leaves_a_minute_after_the_run_has_died(
    project, worker, here, enrol,
):
    enrol(7)
    pass_seconds(worker, 600)
    here.dead.add(7)
    pass_seconds(worker, 50)
    assert orders(project) == []
    pass_seconds(worker, 30)
    assert orders(project) == ["drain"]
    assert worker.reclaimer.said == [
        "The fjd run that hired me has died: leaving."]
    pass_seconds(worker, 200)
    assert orders(project) == ["drain"]


def test_it_stays_for_another_one_even_on_standby(
    project, worker, here, enrol,
):
    enrol(7)
    here.dead.add(7)
    pass_seconds(worker, 40)
    enrol(8, session=STANDBY)
    pass_seconds(worker, 600)
    assert orders(project) == []


def test_one_of_another_host_is_alive_while_its_heart_beats(
    project, worker, enrol,
):
    record = enrol(7, host="lab8")
    for beat in range(60):
        os.utime(record, (beat, beat))
        pass_seconds(worker, 10)
    assert orders(project) == []
    pass_seconds(worker, 90)
    assert orders(project) == ["drain"]


def test_an_order_from_another_host_is_noticed_within_a_second(
    project, worker, signals, enrol,
):
    enrol(7)
    pass_seconds(worker, 5)
    assert signals == []
    project.send_order(Order(WORKER, worker.reclaimer.stamps.new(), "now"))
    pass_seconds(worker, 5)
    assert signals == [signal.SIGIO]


def test_only_workers_of_a_run_look_for_it(project, here, monkeypatch):
    monkeypatch.delenv(OF_RUN, raising=False)
    one = neighbours_of(project, WORKER, Reclaiming(here))
    assert not isinstance(one, Deserted)
    monkeypatch.setenv(OF_RUN, "60")
    other = neighbours_of(project, WORKER, Reclaiming(here))
    assert isinstance(other, Deserted) and other.patience == 60.0
    assert OF_RUN not in os.environ


@pytest.mark.parametrize("in_job", [{}, {"FJD_TASK": "1"}])
def test_workers_of_a_killed_run_end_their_task_and_leave(
    home, monkeypatch, in_job,
):
    """Also those of a run in a job, which starts a recruiter."""
    script = SCRIPT.format(
        root=os.path.dirname(BIN), fjd=os.path.join(BIN, "fjd"))
    command = "env >env; touch begun{}; while test -e hold; do sleep 0.02;" \
        " done; touch ended{}"
    (home / "hold").touch()
    process = subprocess.Popen(
        [sys.executable, "-c", script, "-j2", command, ":::", *"abcdef"],
        stdout=PIPE, stderr=PIPE, env={**os.environ, **in_job})
    wait_until(lambda: len(list(home.glob("begun*"))) == 2)
    process.send_signal(signal.SIGKILL)
    process.communicate(timeout=LONG)
    name, = (home / ".fjd").iterdir()
    project = Project(str(name))
    wait_until(lambda: len(project.orders()) == 2)
    (home / "hold").unlink()
    wait_until(lambda: project.names("workers") == [])
    assert len(list(home.glob("ended*"))) == 2
    assert OF_RUN not in (home / "env").read_text()
    assert ok("fjd", "audit", "--project", project.name) == [
        "4 waiting, 0 held, 0 given out, 0 running, 2 done, 0 failed: 0 not"
        " accounted for"]
