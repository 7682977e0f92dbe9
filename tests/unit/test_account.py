"""What became of jobs that no ledger says have ended."""
import pytest

from fjd.verbs import account
from fjd.verbs.account import (
    CANCELLED, fates, is_before, LEFT, NO_RECORD, REPORTED, VANISHED,
)
from fjd.ledger import (
    CLEANED, DONE, FAILED, GIVEN_BACK, LOST, RETRIED, SUPERSEDED,
)
from fjd.names import Attempt, Running
from fjd.verbs.summary import Asked, Outcome

WORKER = "lab_1.000000-1"
TOKEN, OTHER = "0123456789abcdef0", "1123456789abcdef0"


def attempt(count, job="a", n=1, token=TOKEN):
    return Attempt(job, n, f"{token}-{count}").name


OWED = attempt(5)


def make(project, *path):
    project.files.create(project.path(*path))


def fate_of(project, name=OWED, worker=WORKER, offsets=()):
    found, = fates(project, {name: worker}, dict(offsets))
    return found


@pytest.mark.parametrize("path", [
    ["running", Running(OWED, WORKER).name], ["jobqueue", OWED],
    ["held", attempt(9)], ["jobqueue", attempt(1, n=2)], ["jobqueue", "a"],
])
def test_what_is_under_way_is_left(project, path):
    make(project, *path)
    assert fate_of(project).event == LEFT


def test_what_is_in_the_pod_that_it_was_given_to_is_left(project, monkeypatch):
    """Also where listings are old."""
    project.make_pod(WORKER)
    make(project, "jobpods", WORKER, OWED)
    monkeypatch.setattr(project.files, "names", lambda directory: [])
    assert fate_of(project).event == LEFT


@pytest.mark.parametrize("place", [DONE, FAILED])
@pytest.mark.parametrize("name", [OWED, attempt(6), attempt(1, n=2)])
def test_an_end_without_a_line_is_found_where_it_lies(project, place, name):
    make(project, place, name)
    found = fate_of(project)
    assert (found.event, found.attempt, found.reason) == (
        place, name, NO_RECORD)


@pytest.mark.parametrize("looks", [1, 2])
def test_a_line_may_come_while_it_is_looked_for(
    project, record, monkeypatch, looks,
):
    """NFS: what another host has written, is read some seconds later."""
    def read_entries(*arguments):
        found = list(real(*arguments))
        seen.append(found)
        if len(seen) == looks:
            record(DONE, OWED)
        return found

    real, seen = account.read_entries, []
    monkeypatch.setattr(account, "read_entries", read_entries)
    make(project, DONE, OWED)
    assert fate_of(project, name="a", worker="").event == DONE


@pytest.mark.parametrize("name, worker", [
    (OWED, WORKER), ("a", ""), (attempt(5, "5-" + 16 * "f"), WORKER),
])
def test_what_is_nowhere_has_vanished(project, record, name, worker):
    record(DONE, attempt(7, "another"))
    record(SUPERSEDED, name)
    make(project, "jobqueue", "another")
    assert fate_of(project, name, worker).event == VANISHED


@pytest.mark.parametrize("events", [
    [LOST], [RETRIED], [GIVEN_BACK], [DONE, SUPERSEDED], [FAILED, LOST],
])
def test_what_went_back_and_is_nowhere_has_vanished(project, record, events):
    for event in events:
        record(event, OWED)
    assert fate_of(project).event == VANISHED


@pytest.mark.parametrize("event", [DONE, FAILED])
@pytest.mark.parametrize("name", [
    attempt(6), attempt(1, n=2), attempt(1, token=OTHER),
])
def test_what_went_back_may_have_ended_as_another_attempt(
    project, record, event, name,
):
    record(LOST, OWED)
    record(event, name)
    found = fate_of(project)
    assert (found.event, found.attempt, found.reason) == (event, name, "")


def test_an_earlier_attempt_explains_nothing(project, record):
    record(DONE, attempt(4))
    make(project, DONE, attempt(4))
    assert fate_of(project).event == VANISHED


def test_what_was_told_before_explains_nothing(project, record):
    record(DONE, attempt(1, token=OTHER))
    make(project, DONE, attempt(1, token=OTHER))
    offsets = {name: project.files.size(project.path("ledger", name))
               for name in project.names("ledger")}
    assert fate_of(project, offsets=offsets).event == VANISHED


def test_what_was_taken_away_may_have_ended_and_been_told_before(
    project, record,
):
    """Its first worker learns late that others were given the job."""
    record(FAILED, attempt(1, n=2, token=OTHER))
    make(project, FAILED, attempt(1, n=2, token=OTHER))
    offsets = {name: project.files.size(project.path("ledger", name))
               for name in project.names("ledger")}
    record(DONE, OWED)
    record(SUPERSEDED, OWED)
    found = fate_of(project, offsets=offsets)
    assert (found.event, found.reason) == (FAILED, REPORTED)


@pytest.mark.parametrize("name", [OWED, "a", attempt(9)])
def test_what_a_person_has_cancelled_is_that(project, record, name):
    record(CLEANED, name, reason="cancelled")
    assert fate_of(project).event == CANCELLED


def test_a_job_is_the_same_under_another_number(project, record):
    """That of a list which has grown."""
    mark = 16 * "f"
    record(DONE, attempt(6, f"3-{mark}"))
    assert fate_of(project, attempt(5, f"2-{mark}")).event == DONE


def test_a_job_is_the_same_under_a_name_that_was_made_up(project, record):
    record(FAILED, attempt(6, "_bad"))
    assert fate_of(project, "-bad", "").event == FAILED


@pytest.mark.parametrize("one, other, is_right", [
    (attempt(1), attempt(2), True), (attempt(2), attempt(2), False),
    (attempt(2), attempt(1), False), (attempt(1, n=2), attempt(2), False),
    (attempt(9), attempt(1, n=2), True), ("a", attempt(1), False),
    (attempt(1, token=OTHER), attempt(2), False),
    (attempt(1), attempt(2, token=OTHER), False),
])
def test_only_attempts_of_one_process_have_an_order(one, other, is_right):
    """Clocks of two hosts may differ."""
    assert is_before(Attempt.parse(one), Attempt.parse(other)) == is_right


# In a summary

@pytest.fixture
def summary(project):
    """summary(asked, owed, left): the first line of it."""
    def summary(asked=Asked(), owed=(), left=0):
        outcome = Outcome(project, {})
        outcome.asked = asked
        outcome.owed.update(dict.fromkeys(owed, WORKER))
        outcome.update()
        outcome.settle(left)
        text = outcome.summary()[0]
        total = sum(int(part.split()[0]) for part in text.partition(":")[0]
                    .split(", "))
        assert (outcome.is_well, outcome.left) == (
            total == outcome.done, max(left, outcome.left))
        return text
    return summary


def test_what_ended_without_a_line_is_counted_once(project, record, summary):
    """By its own name, and for an attempt before it."""
    record(LOST, OWED)
    make(project, FAILED, attempt(1, n=2))
    assert summary(owed=[OWED, attempt(1, n=2)]) == (
        "0 done, 1 failed: a (record lost)")


def test_an_end_that_was_none_is_missed(project, record, summary):
    """A dispatcher that came later reads: done, and then superseded."""
    record(DONE, OWED, worker=WORKER)
    record(SUPERSEDED, OWED, worker=WORKER)
    assert summary() == "0 done, 0 failed, 1 vanished: a (vanished)"


def test_a_job_that_was_given_out_often_is_missed_once(
    project, record, summary,
):
    names = [attempt(k, "d", n=k) for k in (1, 2, 3)]
    for name in names:
        record(RETRIED, name)
    assert summary(owed=names) == (
        "0 done, 0 failed, 1 vanished: d (vanished)")
    make(project, "held", attempt(9, "d", n=4))
    assert summary(owed=names) == "0 done, 0 failed, 1 left"


def test_many_that_are_missing_are_named_in_part(summary):
    text = summary(owed=[attempt(1, f"job{n}") for n in range(12)])
    assert text.startswith("0 done, 0 failed, 12 vanished: job0 (vanished), ")
    assert text.endswith("job9 (vanished), and 2 more")
