"""Workers on a real Slurm, and what befalls them there."""
import itertools
import os
import time

import pytest

import slurm as slurms
from helpers import (
    finish, fjd, jobs_in, ledger, ok, program, start, wait_until,
)

pytestmark = [
    pytest.mark.slow, pytest.mark.alone, pytest.mark.needs("FJD_SLURM"),
]

WORKERS = slurms.NODES * slurms.CPUS + 2  # two that have to wait
BY_HAND = """\
#!/bin/sh
exec fjd-worker
"""
BY_HAND_UNTIL = """\
#!/bin/sh
exec fjd-worker --until 40s
"""
CONF = """\
[cluster]
scheduler: slurm
workers: {workers}
options: --time=10
idle: 60
"""
TEMPLATES = """\
[cluster]
scheduler: other
workers: {workers}
submit: sbatch --parsable --time=10 --array=1-{{n}} {{script}}
pending: squeue -h -r -t PENDING -j {{id}} -o %i 2>/dev/null
cancel: scancel {{id}}
idle: 60
"""
# Jobs that end well on TERM, like many programs that save what they have.
# A mark says that the attempt really came to its end.
JOB = """\
#!/bin/sh
trap 'exit 0' TERM
: >~/begun/"$FJD_ATTEMPT"
sleep {seconds} &
wait
: >~/ended/"$FJD_ATTEMPT"
"""


@pytest.fixture
def put_jobs(home, put):
    """put_jobs(number, seconds) puts so many, beginning with job1."""
    for place in ("begun", "ended"):
        (home / place).mkdir()

    count = itertools.count(1)

    def put_jobs(number, seconds):
        for k in itertools.islice(count, number):
            put(f"job{k}", JOB.format(seconds=seconds), mode=0o700)
    return put_jobs


def is_audited():
    *_, last = ok("fjd", "audit")
    assert last.endswith("0 not accounted for"), last
    return True


def cut_off(project, home):
    """The attempts that are booked done, and never came to their end."""
    return set(project.names("done")) - set(os.listdir(str(home / "ended")))


def test_a_job_by_hand_that_is_requeued_gives_back(
    slurm, home, project, put_jobs,
):
    """Its task waits two minutes then, unless somebody hurries it."""
    put_jobs(2, 2)
    job = slurm.submit(BY_HAND, "--requeue")
    dispatcher = start("fjd-dispatcher")
    wait_until(lambda: os.listdir(str(home / "begun")))
    slurms.said("scontrol", "requeue", job)
    wait_until(lambda: slurm.pending(job))
    wait_until(lambda: len(project.waiting()) == 2)
    slurms.said("scontrol", "update", f"jobid={job}", "starttime=now")
    assert finish(dispatcher).endswith("2 done, 0 failed\n")
    events = sorted(row["event"] for row in ledger(project))
    assert events == ["done", "done", "given-back"]
    assert {name.split("~")[1][0] for name in project.names("done")} == {"1"}
    assert not cut_off(project, home)
    assert is_audited()
    slurm.wait_for_end()


def conf(project, text, workers=None):
    with open(project.path("remote.conf"), "w") as file:
        file.write(text.format(workers=workers))


def hire_twice_at_once(slurm, workers):
    """Of two that hire at the same moment one submits; return the array."""
    both = [start("fjd-recruiter", "hire") for _ in range(2)]
    print(*(finish(recruiter) for recruiter in both), sep="")
    assert [recruiter.returncode for recruiter in both] == [0, 0]
    array, = slurm.arrays()
    assert len(slurm.tasks(array)) == workers
    ok("fjd-recruiter", "hire")
    assert slurm.arrays() == {array}
    return array


def wait_until_ended(project, number):
    wait_until(lambda: len(project.names("done")) >= number)


def cancel_one(slurm, project, array):
    """Cancel a task that runs, by hand: all its processes get TERM."""
    task = slurm.running(array)[0].id
    slurms.said("scancel", task)
    wait_until(lambda: task not in {other.id for other in slurm.tasks(array)})


def fire(slurm, project):
    """Fire all workers, and those that wait for a node; first replace those
    that were ended.
    """
    ok("fjd-recruiter", "hire")
    assert len(slurm.tasks()) == WORKERS and slurm.pending()
    ok("fjd-recruiter", "fire")
    assert not slurm.pending()
    slurm.wait_for_end()
    assert project.pods() == []
    assert project.waiting() and not project.running()


def is_all_well(slurm, project, home, number):
    """Nothing is lost, failed, or left in the queue of Slurm."""
    slurm.wait_for_end()
    assert jobs_in(project, "done") == sorted(
        f"job{k}" for k in range(1, number + 1))
    assert project.names("failed") == []
    cut = cut_off(project, home)
    print("done and cut off:", *cut)
    assert len(cut) <= 1
    return is_audited()


def test_no_job_is_lost_whatever_befalls_its_workers(
    slurm, home, project, put_jobs,
):
    """Two of the workers are submitted by hand, for one minute: one is cut
    off by that limit, the other one knows of it, and leaves before.
    """
    put_jobs(400, 2)
    cut = slurm.submit(BY_HAND, "--time=1")
    wise = slurm.submit(BY_HAND_UNTIL, "--time=1")
    wait_until(lambda: len(project.pods()) == 2)
    slurm.forget(cut, wise)
    conf(project, CONF, WORKERS)
    array = hire_twice_at_once(slurm, WORKERS)

    dispatcher = start("fjd-dispatcher", "--hire", "--keep-running")
    wait_until_ended(project, 20)
    cancel_one(slurm, project, array)
    wait_until_ended(project, 60)
    with slurm.node_down():
        wait_until_ended(project, 100)
    slurm.wait_for_end(cut, wise, timeout=120)
    assert "TIME LIMIT" in slurm.output(cut)
    assert "TIME LIMIT" not in slurm.output(wise)

    put_jobs(100, 2)
    wait_until(project.running)
    dispatcher.kill()
    finish(dispatcher)
    fire(slurm, project)
    dispatcher = start("fjd-dispatcher", "--hire")
    said = finish(dispatcher, 300)
    print(said)
    assert said.endswith(" done, 0 failed\n")
    assert dispatcher.returncode == 0
    assert is_all_well(slurm, project, home, 500)


def test_three_templates_are_all_that_another_system_needs(
    slurm, home, project, put_jobs,
):
    put_jobs(100, 1)
    conf(project, TEMPLATES, WORKERS)
    array = hire_twice_at_once(slurm, WORKERS)
    dispatcher = start("fjd-dispatcher", "--hire")
    wait_until_ended(project, 10)
    cancel_one(slurm, project, array)
    wait_until_ended(project, 20)
    dispatcher.kill()
    finish(dispatcher)
    fire(slurm, project)
    said = ok("fjd-dispatcher", "--hire")
    assert said[-1].endswith(" done, 0 failed")
    assert is_all_well(slurm, project, home, 100)


# Hire and fire

def test_surplus_workers_are_cancelled_while_they_wait_then_drained(
    slurm, project,
):
    ok("fjd-recruiter", "hire", f"slurm:{WORKERS}")
    wait_until(lambda: len(project.pods()) == len(slurm.running()) > 1)
    assert slurm.pending()
    running = {task.id for task in slurm.running()}
    ok("fjd-recruiter", "hire", f"slurm:{len(running)}")
    assert not slurm.pending()
    assert {task.id for task in slurm.tasks()} == running
    ok("fjd-recruiter", "hire", f"slurm:{len(running) - 1}")
    wait_until(lambda: len(slurm.tasks()) == len(running) - 1)
    ok("fjd-recruiter", "fire")
    slurm.wait_for_end()


def test_workers_of_slurm_are_no_workers_of_their_host(slurm, project):
    """They come although --export=NONE keeps all variables from them."""
    conf(project, CONF.replace("options:", "options: --export=NONE"), 2)
    ok("fjd-recruiter", "hire")
    wait_until(lambda: len(project.pods()) == 2)
    ok("fjd-recruiter", "hire", "1")
    assert len(project.pods()) == 3
    conf(project, "[here]\nname: localhost\nworkers: 0\n")
    ok("fjd-recruiter", "hire")
    wait_until(lambda: len(project.pods()) == 2)
    assert len(slurm.running()) == 2
    ok("fjd-recruiter", "fire")
    slurm.wait_for_end()


@pytest.mark.parametrize("options, why", [
    ("--mem=1000G", "Requested node configuration is not available"),
    ("--partition=none", "invalid partition specified: none"),
    ("--wrong", "unrecognized option '--wrong'"),
])
def test_request_that_can_never_run_is_refused(slurm, project, options, why):
    """sbatch says why; other hosts are hired."""
    here = "[here]\nname: localhost\nworkers: 1\n"
    conf(project, CONF.replace("options:", f"options: {options}") + here, 2)
    result = fjd("fjd-recruiter", "hire")
    assert result.returncode == 3
    assert why in result.stderr
    assert result.stderr.count("\n") == 1
    assert not slurm.tasks()
    assert len(project.pods()) == 1
    ok("fjd-recruiter", "fire")


# What people see

@pytest.fixture
def later(project):
    """Three workers of Slurm that wait for an hour."""
    conf(project, CONF.replace("options:", "options: --begin=now+1hour"), 3)
    ok("fjd-recruiter", "hire")


def test_status_and_why_tell_what_waits_in_slurm(slurm, later, put):
    put("job1", "true\n")
    wait_until(lambda: {"BeginTime"} == {
        task.reason for task in slurm.pending()})
    status = "\n".join(ok("fjd", "status"))
    assert "; 3 pending (BeginTime)" in status, status
    why = "\n".join(ok("fjd", "why", "job1"))
    assert "waits for Slurm: 3 workers pending" in why, why
    ok("fjd-recruiter", "fire")
    slurm.wait_for_end()
    status = "\n".join(ok("fjd", "status"))
    assert "pending" not in status, status


def test_status_does_not_hang_where_squeue_does(
    slurm, later, tmp_path, monkeypatch,
):
    program(tmp_path / "squeue", "exec sleep 1000")
    began = time.monotonic()
    with monkeypatch.context() as patch:
        patch.setenv("PATH", str(tmp_path), prepend=os.pathsep)
        status = "\n".join(ok("fjd", "status"))
    assert time.monotonic() - began < 15
    assert "squeue" in status, status


def test_dispatcher_that_cron_starts_knows_what_is_pending(
    slurm, later, project, put,
):
    put("job1", "true\n")
    array, = slurm.arrays()
    for _ in range(4):
        assert ok("fjd-dispatcher", "--hire", "--once", "--quiet") == []
    assert slurm.arrays() == {array}
    assert len(slurm.pending()) == 3
    ok("fjd-recruiter", "fire")
    slurm.wait_for_end()


def test_a_run_gets_its_workers_from_slurm(slurm, home):
    result = fjd("fjd", "run", "-S", "slurm:2", "echo {}", ":::", "a", "b")
    assert result.returncode == 0, result.stderr
    assert sorted(result.stdout.splitlines()) == ["a", "b"]
    slurm.wait_for_end()


def test_doctor_looks_at_slurm(cluster):
    lines = ok("fjd", "doctor", "slurm")
    assert any("slurm" in line.lower() for line in lines), lines


# Workers of somebody's own batch job

STAY = """\
#!/bin/sh
exec fjd-recruiter hire --stay 2
"""


def test_stay_ends_with_its_allocation_and_jobs_go_back(
    slurm, home, project, put_jobs,
):
    put_jobs(2, 30)
    job = slurm.submit(STAY)
    dispatcher = start("fjd-dispatcher")
    wait_until(lambda: len(os.listdir(str(home / "begun"))) == 2)
    slurms.said("scancel", job)
    slurm.wait_for_end(job)
    wait_until(lambda: len(project.waiting()) == 2)
    dispatcher.kill()
    finish(dispatcher)
    assert {row["event"] for row in ledger(project)} == {"given-back"}
    assert project.pods() == [] and not cut_off(project, home)


def test_stay_ends_when_the_dispatcher_has_fired_its_workers(
    slurm, home, project, put_jobs,
):
    put_jobs(4, .5)
    job = slurm.submit(STAY, "--ntasks=2")
    assert ok("fjd-dispatcher")[-1] == "[fjd-dispatcher] 4 done, 0 failed"
    slurm.wait_for_end(job)
    assert not cut_off(project, home)
