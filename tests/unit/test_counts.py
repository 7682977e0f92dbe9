"""What an active dispatcher writes down, and who believes it."""
import json
import os

import pytest

from helpers import Clock

from fjd.verbs.tally import LISTING_SHARE, Tally
from fjd.ledger import DONE, Entry, FAILED, Ledger
from fjd.members import enrol, myself
from fjd.project import COUNTS
from fjd.reclaim import new_reclaimer
from fjd.roles.active import Succession
from fjd.verbs.summary import Outcome
from fjd.verbs.counted import newest_counts

A, B = "lab_1.000001-1", "lab_2.000001-2"


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def end(project):
    """end(event, job): an attempt ends."""
    ledger = Ledger(project, "w")

    def end(event, job, is_recorded=True):
        if is_recorded:
            ledger.write(Entry(event, job, f"{job}~1.a-1", worker="w"))
        open(project.path(event, f"{job}~1.a-1"), "w").close()
    return end


def counted(project, who=A):
    return newest_counts(project, [who])[2]


def test_ends_are_listed_once_and_then_counted_by_ledgers(
    project, clock, end, monkeypatch,
):
    end(DONE, "old", is_recorded=False)
    end(FAILED, "old", is_recorded=False)
    outcome = Outcome(project, {})
    tally = Tally(project, outcome, clock)
    listed, real = [], project.count

    def count(place):
        """Listing what has ended takes a second."""
        listed.append(place)
        clock.now += 0.5
        return real(place)
    monkeypatch.setattr(project, "count", count)
    tally.write_down(f"{A}.1", 7)
    assert counted(project) == (7, 1, 1, None)
    end(DONE, "new")
    outcome.update()
    clock.now += 10
    tally.write_down(f"{A}.2", 6)
    assert counted(project) == (6, 2, 1, 0.1)
    assert listed == ["done", "failed"]
    end(DONE, "by nobody", is_recorded=False)
    clock.now += LISTING_SHARE
    tally.write_down(f"{A}.3", 5)
    assert counted(project)[:3] == (5, 3, 1)


def test_rate_is_that_of_the_last_minute(project, clock, end):
    outcome = Outcome(project, {})
    tally = Tally(project, outcome, clock)
    for k in range(20):
        for job in range(k):
            end(DONE, f"{k}-{job}")
        outcome.update()
        rate = tally.counts(0).rate
        clock.now += 10
    assert rate == sum(range(14, 20)) / 60


def test_only_the_last_counts_stay(project, clock):
    tally = Tally(project, Outcome(project, {}), clock)
    for k in range(3):
        tally.write_down(f"{A}.{k}", k)
    assert project.notes(COUNTS) == [f"{A}.2{COUNTS}"]


def test_counts_go_with_the_record_of_their_dispatcher(project, clock):
    tally = Tally(project, Outcome(project, {}), clock)
    succession = Succession(project, myself())
    succession.take_over()
    other = enrol(project, "dispatchers", myself())
    tally.write_down(f"{succession.id}.1", 1)
    project.strike("dispatchers", other)
    assert counted(project, succession.id).waiting == 1
    succession.leave()
    assert project.names("dispatchers") == []


def test_what_a_dispatcher_leaves_that_is_not_enrolled_goes(project):
    """It was taken for dead, wrote once more, and died."""
    project.leave_note(f"{A}.1{COUNTS}", "{}", [])
    new_reclaimer(project, lambda text: None, 3).sweep()
    assert project.names("dispatchers") == []


def test_newest_counts_are_those_of_who_is_active(project):
    for number, who in enumerate((A, B, A)):
        text = json.dumps({"waiting": number, "done": 0, "failed": 0})
        name = f"{who}.{number}{COUNTS}"
        project.leave_note(name, text, [])
        os.utime(project.path("dispatchers", name), (number, number))
    assert newest_counts(project, [A, B])[1:] == (A, (2, 0, 0, None))
    assert newest_counts(project, [B])[1:] == (B, (1, 0, 0, None))
    assert newest_counts(project, []) is None


@pytest.mark.parametrize("text", ["", '{"waiting": 1, "do', '{"new": 1}'])
def test_what_is_not_whole_or_not_known_is_not_believed(project, text):
    project.leave_note(f"{A}.1{COUNTS}", text, [])
    assert newest_counts(project, [A]) is None
