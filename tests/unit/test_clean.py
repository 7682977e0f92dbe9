"""fjd clean, as a person meets it."""
import os
import time

import pytest

from helpers import fjd, ledger, ok

from fjd.ledger import DONE, FAILED
from fjd.members import myself
from fjd.names import Attempt, Stamps, new_token
from fjd.verbs.audit import audit
from fjd.verbs.clean import Cleaning

STAMPS = Stamps(new_token(1.0))
DAY = 86400


def events(project):
    return [(row["event"], row["job"], row["reason"])
            for row in ledger(project)]


def written(project, end):
    """The last line of each ledger came then, by the server's clock."""
    for path in project.ledger_files():
        os.utime(path, (end, end))


def log(project, name):
    project.write_log(Attempt.parse(name), "text")


def test_clean_wants_to_know_what(project, lay):
    lay("done")
    result = fjd("fjd", "clean")
    assert (result.returncode, result.stdout) == (2, "")
    assert "--done, --failed" in result.stderr
    assert len(project.names("done")) == 1


@pytest.mark.parametrize("place, other", [
    ("done", "failed"), ("failed", "done")])
def test_ended_jobs_go_with_their_logs_and_the_ledger_keeps_them(
    project, lay, record, place, other,
):
    gone, stays = lay(place), lay(other, "job2")
    record(place, gone)
    record(other, stays)
    log(project, gone)
    log(project, stays)
    os.mkdir(project.path(place, "folder"))
    assert ok("fjd", "clean", f"--{place}") == [f"Removed: 2 {place}"]
    assert project.names(place) == []
    assert project.names("joblogs") == [f"{stays}.log"]
    assert sorted(events(project)[2:]) == [
        ("cleaned", "folder", "on demand"), ("cleaned", "job1", "on demand")]
    assert audit(project, myself())[1] == []


def test_a_directory_with_files_stays(project):
    os.makedirs(project.path("failed", "folder", "inner"))
    assert ok("fjd", "clean", "--failed") == ["Removed: 0 failed"]
    assert project.names("failed") == ["folder"]


def test_logs_of_earlier_attempts_go_with_the_last(project, lay):
    """And those of jobs that were cancelled; not of jobs that are there."""
    for job, n in (("job1", 1), ("cancelled", 1), ("job2", 1)):
        log(project, Attempt(job, n, STAMPS.new()).name)
    kept = project.names("joblogs")[-1]
    errors = project.job_log(kept[:-len(".log")], ".err")
    for path in errors, errors.replace("job2", "job1"):
        project.files.create(path, "error\n")
    lay("done", "job1", 2)
    lay("running", "job2", 2)
    ok("fjd", "clean", "--done")
    assert project.names("joblogs") == [os.path.basename(errors), kept]


def test_only_what_ended_long_ago_is_old(project, lay, record):
    """What has no record is not."""
    now = time.time()
    old, new, lost = lay("done"), lay("done"), lay("done")
    record(DONE, old, now - 3 * DAY)
    record(DONE, new, now - DAY / 2)
    written(project, now - DAY / 2)
    for name in (old, new, lost):
        log(project, name)
        os.utime(project.path("done", name), (1, 1))
    assert ok("fjd", "clean", "--done", "--older", "2") == ["Removed: 1 done"]
    assert project.names("done") == sorted([new, lost])
    assert project.names("joblogs") == sorted([f"{new}.log", f"{lost}.log"])
    assert ok("fjd", "clean", "--done", "--older", "1") == [
        "Removed: 0 done"]


@pytest.mark.parametrize("ahead", [-3 * DAY, 3 * DAY, 0])
def test_clock_of_a_host_does_not_matter(project, lay, record, ahead):
    """But that of the file server, when it wrote the last line."""
    now = time.time()
    old, new = lay("done"), lay("done")
    record(DONE, old, now - 2 * DAY + ahead)
    record(DONE, new, now - DAY / 2 + ahead)
    written(project, now - DAY / 2)
    assert ok("fjd", "clean", "--done", "--older", "1") == ["Removed: 1 done"]
    assert project.names("done") == [new]


@pytest.mark.parametrize("older, seconds", [
    ("2", 2 * DAY), ("1.5d", 1.5 * DAY), ("36h", 1.5 * DAY),
    ("0.5h", 1800), ("90m", 5400),
])
def test_an_age_has_a_unit(project, lay, record, older, seconds):
    now = time.time()
    old, new = lay("failed"), lay("failed")
    record(FAILED, old, now - seconds - 60)
    record(FAILED, new, now - seconds + 60)
    written(project, now - seconds + 60)
    assert ok("fjd", "clean", "--failed", "--older", older) == [
        "Removed: 1 failed"]
    assert project.names("failed") == [new]


@pytest.mark.parametrize("older", [
    "-1", "0", "0h", "nan", "", "x", "d", "5w", "1h30m", "7 d",
])
def test_what_is_no_age_is_one_line(project, older):
    result = fjd("fjd", "clean", "--done", f"--older={older}")
    assert (result.returncode, result.stdout) == (2, "")
    assert result.stderr.count("\n") == 1
    assert f"{older!r} is no time such as 30d, 12h or 45m" in result.stderr


def test_a_full_disk_can_be_cleaned(project, lay, monkeypatch):
    """Logs go before there has to be room for a line."""
    name = lay("done")
    log(project, name)
    real = project.files.append

    def append(path, descriptor, line):
        if project.names("joblogs"):
            raise OSError(28, "No space left on device", path)
        real(path, descriptor, line)

    monkeypatch.setattr("fjd.files.append", append)
    assert Cleaning(project, myself()).clean(["done"]) == {"done": 1}


@pytest.mark.alone
@pytest.mark.slow
def test_a_hundred_thousand_jobs_are_cleaned_in_seconds(project, record):
    for number in range(100000):
        name = Attempt(f"job{number}", 1, STAMPS.new()).name
        os.symlink("job", project.path("done", name))
        record(DONE, name, 1.0)
    written(project, 1.0)
    begun = time.monotonic()
    assert ok("fjd", "clean", "--done", "--older", "1") == [
        "Removed: 100000 done"]
    assert time.monotonic() - begun < 30
