"""hire --gpus: the jobs of each worker see a GPU of their own."""
import os
import signal

import pytest

from helpers import fjd, ok, program, repeat, wait_until

from fjd.members import read_member

HIRE = ("fjd-recruiter", "--session", "process", "hire")
HOLD = "echo $CUDA_VISIBLE_DEVICES >gpu-{};" \
    " while [ ! -e end ]; do sleep 0.1; done"


@pytest.fixture
def gpus(monkeypatch):
    """The two that are visible: other tests on this machine have others."""
    names = [f"GPU-{os.getpid()}-{number}" for number in (3, 2)]
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", ",".join(names))
    return names


@pytest.fixture(autouse=True)
def nobody_is_left(project, home):
    yield
    (home / "end").touch()
    fjd("fjd-recruiter", "fire")
    fjd("fjd-recruiter", "--project", "other", "fire")


def start_holding(home, *names):
    """{name: the GPU} of jobs that run at the same time."""
    for name in names:
        ok("fjd", "put", "--name", name, HOLD.replace("{}", name))
    return seen(home, *names)


def seen(home, *names):
    files = [home / f"gpu-{name}" for name in names]
    repeat(lambda: fjd("fjd-dispatcher", "--once", "--quiet"), lambda: all(
        file.exists() and file.read_text() for file in files))
    return [file.read_text().strip() for file in files]


def pid_of(project, worker):
    return read_member(project, "workers", worker).identity.pid


def worker_of(project, name):
    return next(run.worker for run in project.running()
                if run.attempt.startswith(f"{name}~"))


def test_the_gpu_of_a_killed_worker_is_the_next_ones(project, home, gpus):
    ok(*HIRE, "--gpus", "2")
    assert sorted(start_holding(home, "a", "b")) == sorted(gpus)
    killed = worker_of(project, "b")
    was, = seen(home, "b")
    (home / "gpu-b").unlink()
    os.kill(pid_of(project, killed), signal.SIGKILL)
    assert ok(*HIRE, "--gpus", "2") == [
        '[fjd-recruiter] Hired 2 workers in project "default".']
    assert seen(home, "b") == [was]


def test_projects_share_the_gpus_of_a_host(project, gpus):
    """A second worker for one GPU says why it does not come."""
    ok(*HIRE, "--gpus", "1")
    other = ("--project", "other", "--gpus", "1")
    result = fjd(*HIRE, *other)
    assert result.returncode == 3
    assert "did not come up: fjd-worker: error: no free GPU: other workers" \
        f" of yours on this host have {gpus[0]}\n" in result.stderr
    ok("fjd-recruiter", "fire")
    ok(*HIRE, *other)


def test_one_that_starts_anew_keeps_a_gpu(project, home, gpus):
    ok(*HIRE, "--gpus", "2")
    was = start_holding(home, "a", "b")
    run, = [run for run in project.running() if run.attempt.startswith("a~")]
    pid = pid_of(project, run.worker)
    (home / "gpu-a").unlink()
    os.rename(project.job_file(run), project.waiting_job("a"))
    project.strike("workers", run.worker)
    orders = project.path("orders", ".x")
    project.files.create(orders)  # Let it look at once.
    project.files.remove(orders)
    wait_until(lambda: run.worker not in project.names("workers")
               and len(project.pods()) == 2)
    assert seen(home, "a", "b") == was
    assert pid_of(project, worker_of(project, "a")) == pid


def conf(project, text):
    with open(project.path("remote.conf"), "w") as file:
        file.write(f"[here]\nname: localhost\n{text}")
    return project.path("remote.conf")


def test_a_section_with_gpus_has_a_worker_for_each(project, home, gpus):
    conf(project, "workers: auto\ngpus: auto\n")
    assert ok(*HIRE) == [
        '[fjd-recruiter] Hired 2 workers in project "default".']
    assert sorted(start_holding(home, "a", "b")) == sorted(gpus)


@pytest.mark.parametrize("gpus", ["1", "auto"])
def test_more_workers_than_gpus_are_refused(project, home, monkeypatch, gpus):
    """As remote.conf has them, and on the command line."""
    program(home / "nvidia-smi", "printf 'GPU 0: a\\n  MIG b\\n'")
    monkeypatch.setenv("PATH", f"{home}:{os.environ['PATH']}")
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    why = "gpus: localhost should have 2 workers, and has only 1 GPU: each" \
        " worker needs one\n"
    path = conf(project, f"workers: 2\ngpus: {gpus}\n")
    result = fjd(*HIRE)
    assert result.returncode == 78
    assert result.stderr.startswith(f"fjd-recruiter: error: {path}: ")
    assert result.stderr.endswith(f" {why}")
    os.unlink(path)
    result = fjd(*HIRE, "--gpus", gpus, "2")
    assert (result.returncode, result.stderr) == (
        2, f"fjd-recruiter: error: hire --{why}")
    assert project.names("workers") == []


def test_where_there_is_none_nobody_is_hired(project, monkeypatch):
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
    result = fjd(*HIRE, "--gpus", "auto")
    assert (result.returncode, result.stdout) == (3, "")
    assert result.stderr == "fjd-recruiter: error: no GPU found:" \
        " CUDA_VISIBLE_DEVICES is empty\n"
    assert project.names("workers") == []


def test_a_scheduler_gives_gpus_itself(project):
    path = conf(project, "workers: 1\ngpus: 1\n")
    with open(path, "w") as file:
        file.write("[all]\nscheduler: slurm\nworkers: 1\ngpus: 1\n")
    result = fjd(*HIRE)
    assert (result.returncode, result.stderr) == (
        78, f"fjd-recruiter: error: {path}: [all] gpus: the scheduler gives"
        " them: options: --gpus-per-task=1\n")
    os.unlink(path)
    result = fjd(*HIRE, "--gpus", "2", "slurm:2")
    assert result.returncode == 2
    assert "slurm gives GPUs itself" in result.stderr
