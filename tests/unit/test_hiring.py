"""Hiring by a dispatcher: when to start the recruiter again, and when it is of
no use.
"""
import pytest

from fjd.errors import NotHired
from fjd.options import AGAIN
from fjd.roles import hiring
from fjd.roles.hiring import Hiring


class Ended:
    """A recruiter that has ended."""

    returncode = 0

    def poll(self):
        return 0


@pytest.fixture
def clock(monkeypatch):
    """Time stands still unless a test lets it pass."""
    class Clock:
        now = 1000.0

        def monotonic(self):
            return self.now
    clock = Clock()
    monkeypatch.setattr(hiring, "time", clock)
    return clock


@pytest.fixture
def begun(clock, monkeypatch):
    """begun(expected): a Hiring whose recruiter has ended."""
    def begun(*expected):
        answers = list(expected)
        found = Hiring(lambda: [], is_expected=lambda: answers.pop(0))
        monkeypatch.setattr(found, "begin", Ended)
        assert found.is_due(0)
        found.start(0)
        return found
    return begun


def test_recruiter_without_effect_is_an_error_at_once(begun):
    with pytest.raises(NotHired, match="nobody could be hired"):
        begun(False).is_due(0)


def test_while_workers_may_come_it_looks_again_at_longer_intervals(
    begun, clock,
):
    found = begun(True, False)
    assert not found.is_due(0)
    clock.now += 29.0
    assert not found.is_due(0)
    clock.now += 1.0
    assert found.is_due(0)
    found.start(0)
    with pytest.raises(NotHired):
        found.is_due(0)


def test_workers_that_came_and_left_are_replaced_soon(begun, clock):
    found = begun()
    assert not found.is_due(1)
    clock.now += 5.0
    assert found.is_due(1)


def test_recruiter_knows_that_a_dispatcher_started_it(monkeypatch):
    started = []
    monkeypatch.setattr(
        "subprocess.Popen", lambda argv, **how: started.append(argv))
    Hiring(lambda: ["--project", "x", "hire"]).begin()
    assert started[0][2:] == [AGAIN, "--project", "x", "hire"]
