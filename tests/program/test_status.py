"""fjd status: how things stand, in one screen."""
import json
import os
import time

import pytest

from helpers import finish, ok, start, wait_until

from fjd.members import enrol, myself
from fjd.names import Announcement, Running
from fjd.proc import start_time
from fjd.project import COUNTS
from fjd.roles.active import Succession
from fjd.verbs.overview import Overview, span
from fjd.verbs.status import screen, status_of

ELSEWHERE = myself()._replace(host="lab7", boot="x")


@pytest.fixture
def dispatcher(project):
    """One that is active, and has counted many jobs that are not there."""
    succession = Succession(project, myself())
    succession.take_over()
    counts = {"waiting": 60000, "done": 3, "failed": 4, "rate": 500.0}
    project.leave_note(
        f"{succession.id}.1{COUNTS}", json.dumps(counts), [])
    return succession


def new_worker(project, who=ELSEWHERE, age=0.0):
    worker = enrol(project, "workers", who)
    project.make_pod(worker)
    now = time.time() - age
    os.utime(project.path("workers", worker), (now, now))
    return worker


def begin(project, job, worker):
    run = Running(f"{job}~1.0123456789abcdef0-1", worker)
    open(project.job_file(run), "w").close()
    return run


def shown(project, **how):
    return list(screen(status_of(
        project, myself(), how.pop("is_exact", False), **how)))


def test_without_a_dispatcher_all_is_counted(project, put):
    put("job1", "")
    put("job2", "")
    project.files.create(project.path("held", "job3~1.a-1"))
    project.files.create(project.path("done", "job4~1.a-1"))
    lines = shown(project)
    assert lines[0] == "2 waiting, 1 held, 0 given out, 0 running," \
        " 1 done, 0 failed"
    assert "fjd-dispatcher --project default" in lines[1]
    assert "fjd-recruiter --project default hire" in lines[2]


def test_counts_of_a_dispatcher_that_is_active_are_believed_and_dated(
    project, dispatcher,
):
    note = project.path("dispatchers", project.notes(COUNTS)[0])
    os.utime(note, (time.time() - 7, time.time() - 7))
    new_worker(project)
    lines = shown(project)
    assert lines[0].startswith("60000 waiting")
    assert "3 done, 4 failed" in lines[0]
    assert lines[1] == "waiting, done and failed: as of 7 s ago, by" \
        f" dispatcher {dispatcher.id} on host {myself().host} (--exact: now)"
    assert lines[-1] == "rate: 30000 jobs a minute, about 2 min left"
    assert shown(project, is_exact=True)[0].startswith("0 waiting")


def test_counts_of_a_dispatcher_that_is_gone_are_not_believed(
    project, dispatcher,
):
    dispatcher.enrol("none")
    record = project.path("dispatchers", dispatcher.id)
    gone = myself()._replace(pid=2 ** 22 + 1, start="1").record("none")
    for name in project.members("dispatchers"):
        with open(project.path("dispatchers", name), "w") as file:
            file.write(gone)
    assert os.path.exists(record)
    assert shown(project)[0].startswith("0 waiting")


@pytest.mark.parametrize("counts", [
    {"waiting": 9990, "done": 9, "failed": 0},
    {"waiting": 0, "done": 0, "failed": 0},
])
def test_few_names_are_counted_at_once(project, dispatcher, put, counts):
    """Old counts of a dispatcher say nothing but the rate."""
    project.leave_note(
        f"{dispatcher.id}.2{COUNTS}", json.dumps({**counts, "rate": 0.5}),
        project.notes(COUNTS))
    put("job1", "")
    project.files.create(project.path("done", "job2~1.a-1"))
    lines = shown(project)
    assert lines[0] == "1 waiting, 0 held, 0 given out, 0 running, 1 done," \
        " 0 failed"
    assert not any("as of" in line for line in lines)
    assert "rate: 30 jobs a minute, about 2 s left" in lines


def test_the_queue_is_not_listed_if_there_are_many(
    project, dispatcher, monkeypatch,
):
    real = project.files.names

    def names(directory):
        assert os.path.basename(directory) not in ("jobqueue", "done")
        return real(directory)
    monkeypatch.setattr(project.files, "names", names)
    assert shown(project)[0].startswith("60000 waiting")


def test_a_running_job_is_told_with_its_host_and_since_when(project):
    run = begin(project, "job1", new_worker(project))
    old = time.time() - 10000
    os.utime(project.job_file(run), (old, old))
    line = shown(project)[1]
    assert line.startswith("running: job1 on lab7 since 20")
    seconds, unit = line.rpartition("(")[2].split()
    assert int(seconds) < 60 and unit == "s)"


def test_on_fuse_nobody_says_since_when(project, monkeypatch):
    """ctime is made up there."""
    begin(project, "job1", new_worker(project))
    monkeypatch.setattr(project.files, "is_fuse", lambda directory: True)
    assert shown(project)[1] == "running: job1 on lab7"


def test_a_job_that_has_just_ended_is_no_harm(project):
    run = Running("job1~1.0123456789abcdef0-1", new_worker(project))
    assert project.begun(run) == 0.0


def test_of_many_that_run_some_are_told_and_in_json_all(project):
    worker = new_worker(project)
    for number in range(13):
        begin(project, f"job{number}", worker)
    lines = shown(project, most=10)
    assert [line.split()[1] for line in lines[1:12]] == [
        f"job{number}" for number in range(10)] + ["and"]
    assert lines[11] == "running: and 3 more"
    found = json.loads(ok("fjd", "status", "--json")[0])
    assert [job["job"] for job in found["jobs"]][-1] == "job12"
    assert found["running"] == 13
    told = " ".join(ok("fjd", "status", "--help")).replace(",", "").split()
    assert set(found) <= set(told)
    assert abs(found["jobs"][0]["since"] - found["time"]) < 60


def test_workers_are_counted_by_host_and_what_they_do(project, put):
    put("job1", "")
    busy, idle = new_worker(project), new_worker(project)
    silent = new_worker(project, age=300.0)
    gone = new_worker(project, myself()._replace(start="1"))
    begin(project, "job2", busy)
    project.announce(Announcement(idle, 1, 1))
    lines = shown(project)
    assert "workers on lab7: 1 busy, 1 idle, 1 silent" in lines
    here = myself().host
    assert f"workers on {here}: 0 busy, 0 idle, 1 silent" in lines
    assert f"silent for 5 min: worker {silent}" in lines
    assert any(line.endswith(f"worker {gone}") for line in lines)
    assert not any("no worker" in line for line in lines)


def test_if_all_workers_are_silent_that_is_said(project, put):
    put("job1", "")
    new_worker(project, age=300.0)
    assert any("no worker sends heartbeats" in line
               for line in shown(project))


def test_how_to_end_workers_that_nobody_needs_is_said(project, put):
    assert not any("fire" in line for line in shown(project))
    new_worker(project)
    assert shown(project)[-1] == (
        "the workers wait for jobs and a dispatcher; to end them:"
        " fjd-recruiter --project default fire")
    put("job1", "")
    assert not any("fire" in line for line in shown(project))


def test_no_worker_is_ended_beside_a_dispatcher(project, dispatcher):
    new_worker(project)
    assert not any("fire" in line for line in shown(project))


def test_nothing_is_left_behind(project):
    before = sorted(os.walk(project.root))
    shown(project)
    assert sorted(os.walk(project.root)) == before


def test_a_full_disk_hides_nothing(project, put, monkeypatch):
    def create(path, text):
        raise OSError(28, "No space left on device")
    put("job1", "")
    monkeypatch.setattr(project.files, "create", create)
    assert shown(project)[0].startswith("1 waiting")


@pytest.mark.parametrize("encoding, shown", [
    ("utf-8", "caf\u00e9"), ("ascii", "caf\\xe9"),
])
def test_names_are_one_line_as_the_terminal_has_it(
    project, monkeypatch, encoding, shown,
):
    begin(project, "caf\u00e9\nx", new_worker(project))
    monkeypatch.setenv("PYTHONIOENCODING", encoding)
    assert any(line.startswith(f"running: {shown}\\nx on lab7")
               for line in ok("fjd", "status"))


@pytest.mark.parametrize("seconds, text", [
    (-1, "0 s"), (0.4, "0 s"), (119, "119 s"), (150, "2 min"),
    (7300, "2 h"), (200000, "2 d"),
])
def test_spans_are_short(seconds, text):
    assert span(seconds) == text


def test_a_process_of_this_host_is_alive_or_not(project):
    me = myself()
    new_worker(project, me._replace(start=start_time(me.pid)))
    assert Overview(project, me).silent == {}


def test_beside_a_real_dispatcher_it_agrees_with_ls(project, put):
    """At every moment, whatever that has counted some seconds ago."""
    dispatcher = start("fjd-dispatcher", "--keep-running")
    try:
        wait_until(lambda: project.notes(COUNTS))
        for number in range(3):
            put(f"job{number}", "[control]\nexecutable: true\n")
            lines = ok("fjd", "status")
            assert lines[0].startswith(f"{number + 1} waiting")
            assert not any("as of" in line for line in lines)
    finally:
        dispatcher.terminate()
        finish(dispatcher)
