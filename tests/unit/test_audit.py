"""What fjd audit finds, and what it must not."""
import os
import random
import sys
import time

import pytest

from helpers import command, fjd, ok, run

from fjd.ledger import (
    CLEANED, DONE, Entry, FAILED, GIVEN_BACK, Ledger, LOST, RETRIED,
    SUPERSEDED,
)
from fjd.members import BEAT, enrol, MISSED, myself
from fjd.names import Attempt, Running, Stamps, new_token
from fjd.project import ENDED, STATES
from fjd.verbs.audit import audit, dead_workers, Inventory

STAMPS = Stamps(new_token(1.0))
GONE = "a_1.000000-1"
EVENTS = [DONE, FAILED, LOST, RETRIED, GIVEN_BACK, CLEANED, SUPERSEDED]
# Runs a command, and says on stderr how many MiB it needed.
PEAK = """import resource, subprocess, sys
status = subprocess.call(sys.argv[1:])
peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss
print(peak // 1024, file=sys.stderr)
sys.exit(status)
"""


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


class Everything:
    """Holds whatever it is asked for."""

    def __contains__(self, item):
        return True


def lay_at_random(project, lay, note, put, draw):
    """Some attempts, half of them with any files and any lines."""
    for number in range(draw.randint(0, 12)):
        if draw.random() < 0.5:
            place = draw.choice(list(STATES))
            name = lay(*{place} - {"jobpods"})
            if place in ENDED:
                note(place, name)
            continue
        name = lay(*draw.sample(
            sorted(set(STATES) - {"jobpods"}), draw.choice([0, 1, 1, 2])))
        if draw.random() < 0.1:
            open(project.given_job(GONE, name), "w").close()
        for event in draw.choices(EVENTS, k=draw.choice([0, 1, 1, 2, 3])):
            note(event, name)
        if draw.random() < 0.1:
            put(f"job{number}", "x")


@pytest.mark.parametrize("seed", range(50))
def test_the_glance_misses_nothing(project, lay, note, put, seed):
    """What is found is the same as if each attempt were looked at again."""
    project.make_pod(GONE)
    lay_at_random(project, lay, note, put, random.Random(seed))
    every = Inventory(project, Everything(), Everything())
    report = audit(project, myself())
    expected = sorted(
        f"{name}: {why}"
        for name, why in every.findings(dead_workers(project, myself())))
    assert report.findings == expected
    assert report.lost_records == every.lost_records()
    assert report.counts == every.counts


def test_superseded_after_the_glance_is_no_finding(
    project, lay, note, monkeypatch, findings,
):
    """Its worker is slow, and the job runs elsewhere."""
    lay("running")
    name = lay()
    note(DONE, name)
    real = project.ledger_files
    looks = []

    def ledger_files():
        looks.append(1)
        if len(looks) == 2:
            note(SUPERSEDED, name)
        return real()

    monkeypatch.setattr(project, "ledger_files", ledger_files)
    assert findings() == []


def test_the_pod_of_a_worker_that_enrols_meanwhile_may_be_full(
    project, lay, monkeypatch, findings,
):
    """Its record is not yet there when the members are listed."""
    lay("done")  # Without a line, so it is looked at again.
    real = project.pods
    looks = []

    def pods():
        looks.append(1)
        if len(looks) == 2:
            pod_of(project, GONE)
        return real()

    monkeypatch.setattr(project, "pods", pods)
    assert findings() == []
    assert len(looks) > 2


@pytest.mark.alone
@pytest.mark.slow
def test_many_jobs_are_looked_at_in_seconds_and_little_memory(project, note):
    """With a list of each in memory, these would need 200 MiB."""
    for number in range(200000):
        name = Attempt(f"job{number}", 1, STAMPS.new()).name
        os.symlink("job", project.path("done", name))
        note(DONE, name)
    lines = "200000 done, 0 failed: 0 not accounted for\n"
    begun = time.monotonic()
    result = run([sys.executable, "-c", PEAK, *command("fjd", "audit")])
    assert result.stdout.endswith(lines)
    assert time.monotonic() - begun < 60
    assert int(result.stderr) < 80
