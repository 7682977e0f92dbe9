"""What fjd audit finds, and what it must not."""
import os
import time

import pytest

from helpers import fjd, ok

from fjd.ledger import (
    CLEANED, DONE, Entry, FAILED, GIVEN_BACK, Ledger, LOST, RETRIED,
    SUPERSEDED,
)
from fjd.members import BEAT, enrol, MISSED, myself
from fjd.names import Attempt, Running, Stamps, new_token
from fjd.verbs.audit import audit

STAMPS = Stamps(new_token(1.0))
GONE = "a_1.000000-1"


@pytest.fixture
def lay(project):
    """lay(place, ...): a new attempt's file in those places; its name."""
    def lay(*places):
        name = Attempt("job7", 1, STAMPS.new()).name
        for place in places:
            end = f"@{GONE}" if place == "running" else ""
            open(project.path(place, name + end), "w").close()
        return name
    return lay


@pytest.fixture
def note(project):
    """note(event, name): a line in a ledger."""
    ledger = Ledger(project, GONE)

    def note(event, name):
        ledger.write(Entry(event, "job7", name))
    return note


@pytest.fixture
def findings(project):
    def findings():
        return audit(project, myself())[1]
    return findings


def test_jobs_that_are_accounted_for(project, put, lay, note, findings):
    put("job1", "x")
    lay("jobqueue")
    lay("running")
    note(DONE, lay("done"))
    note(FAILED, lay("failed"))
    assert findings() == []
    assert ok("fjd", "audit") == [
        "2 waiting, 0 held, 0 given out, 1 running, 1 done, 1 failed:"
        " 0 not accounted for",
    ]


@pytest.mark.parametrize("places", [
    ("running", "jobqueue"), ("done", "failed"), ("done", "running"),
])
def test_a_job_in_two_places_is_named(lay, note, findings, places):
    name = lay(*places)
    if "done" in places:
        note(DONE, name)
    assert len(findings()) == 1
    assert findings()[0].startswith(f"{name}: lies in ")
    result = fjd("fjd", "audit")
    assert result.returncode == 1 and findings()[0] in result.stdout


def test_an_end_without_a_line_is_told_but_is_no_error(lay, findings):
    name = lay("done")
    assert findings() == []
    assert ok("fjd", "audit")[0] == (
        f"done/{name}: record lost: no ledger entry for this attempt"
    )


def test_two_lines_about_one_end_are_named(lay, note, findings):
    name = lay("done")
    note(DONE, name)
    note(DONE, name)
    assert findings() == [
        f"{name}: 2 lines in the ledgers say that it ended",
    ]


def test_a_line_whose_attempt_is_elsewhere_is_named(lay, note, findings):
    name = lay("failed")
    note(DONE, name)
    assert findings() == [
        f"{name}: done, the ledger says, but it lies in failed",
    ]


def test_a_line_whose_attempt_is_nowhere_is_named(lay, note, findings):
    name = lay()
    note(FAILED, name)
    assert findings() == [
        f"{name}: failed, the ledger says, but it is nowhere",
    ]


@pytest.mark.parametrize("event", [LOST, RETRIED, GIVEN_BACK, CLEANED])
def test_a_second_line_explains_why_it_is_nowhere(
    lay, note, findings, event,
):
    name = lay()
    note(DONE, name)
    note(event, name)
    assert findings() == []


@pytest.mark.parametrize("events, text", [
    ((), "superseded, the ledger says, but no other attempt of it is known"),
    ((DONE,), "done, the ledger says, but it is nowhere"),
    ((FAILED,), "failed, the ledger says, but it is nowhere"),
])
def test_superseded_alone_does_not_say_who_has_the_job(
    put, lay, note, findings, events, text,
):
    """Somebody has removed it from running/; job8 is another one."""
    put("job8", "x")
    name = lay()
    for event in events + (SUPERSEDED,):
        note(event, name)
    assert findings() == [f"{name}: {text}"]
    result = fjd("fjd", "audit")
    assert result.returncode == 1
    assert result.stdout.endswith(": 1 not accounted for\n")


@pytest.mark.parametrize("event", [LOST, RETRIED, GIVEN_BACK, CLEANED])
def test_superseded_is_right_beside_a_line_that_explains_it(
    lay, note, findings, event,
):
    name = lay()
    for each in (DONE, event, SUPERSEDED):
        note(each, name)
    assert findings() == []


@pytest.mark.parametrize("place", [
    "jobqueue", "held", "running", "failed", "bare",
])
def test_superseded_is_right_beside_another_attempt(
    put, lay, note, findings, place,
):
    """Also if a person has put the file back by hand."""
    name = lay()
    note(DONE, name)
    note(SUPERSEDED, name)
    if place == "bare":
        put("job7", "x")
    else:
        other = lay(place)
        if place == "failed":
            note(FAILED, other)
    assert findings() == []


def test_a_worker_that_died_before_its_rename_is_no_finding(
    lay, note, findings,
):
    note(DONE, lay("running"))
    assert findings() == []


def test_what_moves_while_we_look_is_no_finding(
    project, lay, note, monkeypatch, findings,
):
    """Between two listings a job ends, and its worker says so."""
    name = lay("running")
    real = project.ledger_files

    def ledger_files():
        if project.running():
            note(DONE, name)
            project.end(Running(name, GONE), "done")
        return real()

    monkeypatch.setattr(project, "ledger_files", ledger_files)
    assert findings() == []
    assert os.listdir(project.path("done")) == [name]


def pod_of(project, worker):
    project.make_pod(worker)
    name = Attempt("job7", 1, STAMPS.new()).name
    open(project.given_job(worker, name), "w").close()
    return name


def test_nothing_may_be_in_the_pod_of_who_is_not_enrolled(project, findings):
    name = pod_of(project, GONE)
    assert findings() == [
        f"{name}: lies in the pod of {GONE}, which is dead",
    ]


def test_nothing_may_be_in_the_pod_of_a_dead_process(project, findings):
    worker = enrol(project, "workers", myself()._replace(start="1"))
    name = pod_of(project, worker)
    assert findings() == [
        f"{name}: lies in the pod of {worker}, which is dead",
    ]


def test_pods_of_the_living_may_be_full(project, findings):
    pod_of(project, enrol(project, "workers", myself()))
    elsewhere = myself()._replace(boot="x", host="lab7")
    worker = enrol(project, "workers", elsewhere)
    pod_of(project, worker)
    assert findings() == []
    path = project.path("workers", worker)
    before = os.stat(path).st_mtime
    os.utime(path, (before, before - MISSED * BEAT + 5))
    assert findings() == []
    os.utime(path, (before, before - MISSED * BEAT - 5))
    assert len(findings()) == 1


@pytest.mark.alone
@pytest.mark.slow
def test_a_hundred_thousand_jobs_are_looked_at_in_seconds(project, note):
    for number in range(100000):
        name = Attempt(f"job{number}", 1, STAMPS.new()).name
        os.symlink("job", project.path("done", name))
        note(DONE, name)
    begun = time.monotonic()
    assert "100000 done" in ok("fjd", "audit")[-1]
    assert time.monotonic() - begun < 30
