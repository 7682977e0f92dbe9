"""How long workers stay (--idle, --until), and what they are known by."""
import signal
import time

import pytest

from helpers import (
    finish, fjd, jobs_in, ledger, log_of, ok, repeat, start, wait_until,
)

from fjd.members import read_member

ENDED = "sleep 0.1; echo $FJD_WORKER"


@pytest.fixture(autouse=True)
def nobody_is_left(project):
    yield
    fjd("fjd-recruiter", "fire")


def worker_in(project):
    """The only worker: its id and its member."""
    def look():
        name, = project.names("workers") or [""]
        return name and project.given(name) is not None and name
    name = wait_until(look)
    return name, read_member(project, "workers", name)


def pass_over():
    """One pass of a dispatcher."""
    fjd("fjd-dispatcher", "--once", "--quiet")


def test_workers_that_have_nothing_to_do_any_more_leave(project, put):
    """The dispatcher fires no one, but it sees that they leave."""
    for number in range(6):
        put(f"job{number}", f"[control]\nexecutable: {ENDED}\n")
    workers = [start("fjd-worker", "--idle", "1") for _ in range(2)]
    wait_until(lambda: len(project.names("workers")) == 2)
    repeat(pass_over, lambda: len(jobs_in(project, "done")) == 6)
    texts = [finish(worker) for worker in workers]
    assert [worker.returncode for worker in workers] == [0, 0]
    for text in texts:
        assert text.endswith("There was no job for 1 s: leaving.\n")
    for place in ("workers", "jobpods", "orders", "workerqueue"):
        assert project.names(place) == []


def test_an_array_that_fits_into_no_workers_time_fails_and_says_so(
    project, home,
):
    """Each worker gives its tasks back, until it is clear."""
    (home / "long").write_text(
        "[control]\nexecutable: true {}\narray: 1-3\ntimeout: 2h\n")
    ok("fjd", "put", "long")
    for number in range(3):
        worker = start("fjd-worker", "--until", "1h")
        wait_until(lambda: project.pods())
        if number == 2:
            repeat(pass_over, lambda: project.names("failed"))
            ok("fjd-recruiter", "fire")
        else:
            repeat(pass_over, lambda: worker.poll() is not None)
        text = finish(worker)
    assert "long:3: its timeout is longer than all the time that each of 3" \
        " workers had; give workers a longer time limit, or" in text
    rows = [(row["event"], row["task"]) for row in ledger(project)]
    assert rows == [("given-back", "1")] * 2 + [
        ("failed", "1"), ("failed", "2"), ("failed", "3")]
    assert ok("fjd", "audit")[-1].endswith(": 0 not accounted for")


def test_a_job_that_does_not_fit_waits_for_a_worker_with_more_time(
    project, put,
):
    put("job1", "[control]\nexecutable: echo ran #\ntimeout: 1h\n")
    short = start("fjd-worker", "--until", "30m")
    wait_until(project.pods)
    repeat(pass_over, lambda: short.poll() is not None)
    assert "Others may have more time: leaving." in finish(short)
    assert [row["event"] for row in ledger(project)] == ["given-back"]
    start("fjd-worker", "--until", "2h", "--idle", "1")
    repeat(pass_over, lambda: jobs_in(project, "done"))
    assert log_of(project, "job1") == "ran\n"


@pytest.mark.parametrize("variables, session", [
    ({"SLURM_JOB_ID": "311"}, "slurm 311"),
    ({"SLURM_JOB_ID": "313", "SLURM_ARRAY_JOB_ID": "311",
      "SLURM_ARRAY_TASK_ID": "2"}, "slurm 311_2"),
    ({"FJD_SESSION_NAME": "pbs cluster.1", "SLURM_JOB_ID": "311"},
     "pbs cluster.1"),
    ({"SLURM_JOB_ID": "3 1\nhost: x"}, "none"),
])
def test_a_worker_is_known_by_its_job_of_a_batch_system(
    project, monkeypatch, variables, session,
):
    """No recruiter waits for it, and it prints into that job's output."""
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    worker = start("fjd-worker")
    _, member = worker_in(project)
    assert member.session == session
    assert member.is_allocated == (session != "none")
    worker.send_signal(signal.SIGTERM)
    assert "Started with ID" in finish(worker)


@pytest.fixture
def allocation(project):
    """The record of an allocation."""
    project.files.make_directory(project.path("allocations"))
    path = project.path("allocations", "slurm.1")
    project.files.create(path, "scheduler: slurm\n")
    return path


def start_allocated(monkeypatch, *options, name="slurm.1"):
    with monkeypatch.context() as script:
        script.setenv("FJD_SESSION_NAME", "slurm 311_2")
        script.setenv("FJD_ALLOCATION", name)
        return start("fjd-worker", *options)


def test_a_worker_notes_that_it_came(project, put, allocation, monkeypatch):
    """Its jobs do not know of it."""
    put("job1", "[control]\nexecutable: env #\n")
    worker = start_allocated(monkeypatch)
    name, _ = worker_in(project)
    assert wait_until(lambda: project.names("allocations")[1:]) == [
        f"slurm.1.{name}"]
    repeat(pass_over, lambda: jobs_in(project, "done"))
    assert "FJD_ALLOCATION" not in log_of(project, "job1")
    worker.send_signal(signal.SIGTERM)
    finish(worker)
    assert worker.returncode == 0


@pytest.mark.parametrize("end", ["100s", "795600000"])
def test_a_worker_without_time_does_not_count_as_one_that_came(
    project, allocation, monkeypatch, end,
):
    """Else its allocation would be submitted again and again."""
    worker = start_allocated(monkeypatch, "--until", end)
    text = finish(worker)
    assert worker.returncode == 1
    assert text.startswith("fjd-worker: error: ")
    assert ": leaving\n    try: a longer time limit" in text
    assert project.names("allocations") == ["slurm.1"]
    assert project.names("workers") == []


@pytest.mark.parametrize("name", ["slurm.2", "", ".", "../list", "x/y"])
def test_a_worker_that_nobody_waits_for_any_more_leaves(
    project, allocation, monkeypatch, name,
):
    worker = start_allocated(monkeypatch, "--idle", "1", name=name)
    text = finish(worker)
    is_awaited = not name  # That is a batch job of a person.
    assert ("Nobody waits for this worker: leaving." in text) != is_awaited
    assert worker.returncode == 0
    assert project.names("allocations") == ["slurm.1"]


def test_one_that_starts_anew_keeps_its_end_and_its_allocation(
    project, put, allocation, monkeypatch,
):
    """Though the time was given as a span; and its allocation may be over,
    as long as jobs wait.
    """
    put("job1", "[control]\nexecutable: exec sleep 1234 #\n")
    until = time.time() + 3600.0
    worker = start_allocated(monkeypatch, "--until", "60m", "--idle", "600")
    name, _ = worker_in(project)
    repeat(pass_over, project.running)
    for _ in range(2):
        run, = wait_until(project.running)
        project.files.remove(allocation)
        project.files.move(project.job_file(run), project.waiting_job("job1"))
        project.strike("workers", run.worker)
        orders = project.path("orders", ".x")
        project.files.create(orders)  # Let it look at once.
        project.files.remove(orders)
        wait_until(lambda: run.worker not in project.names("workers")
                   and project.names("workers"))
        other, member = worker_in(project)
        assert member.session == "slurm 311_2" and member.identity.pid == \
            worker.pid
        assert wait_until(lambda: f"slurm.1.{other}" in project.names(
            "allocations"))
        repeat(pass_over, project.running)
    with open(f"/proc/{worker.pid}/cmdline") as file:
        words = file.read().split("\0")
    ends = [words[i + 1] for i, word in enumerate(words) if word == "--until"]
    assert ends[0] == "60m" and len(set(ends[1:])) == 1
    assert abs(float(ends[1]) - until) < 30.0
    worker.send_signal(signal.SIGTERM)
    assert finish(worker).count("starting anew") == 2
