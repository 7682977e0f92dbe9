"""Workers on a real Slurm, and what befalls them there."""
import os
import time

import pytest

import slurm as slurms
from helpers import finish, jobs_in, ledger, ok, start, wait_until

pytestmark = [
    pytest.mark.slow, pytest.mark.alone, pytest.mark.needs("FJD_SLURM"),
]

BY_HAND = """\
#!/bin/sh
exec fjd-worker
"""
# Jobs that end well on TERM, like many programs that save what they have.
# A mark says that the attempt really came to its end.
JOB = """\
#!/bin/sh
# fjd: timeout=20
trap 'exit 0' TERM
: >~/begun/"$FJD_ATTEMPT"
sleep {seconds} &
wait
: >~/ended/"$FJD_ATTEMPT"
"""


@pytest.fixture(scope="module")
def cluster():
    with slurms.cluster(os.environ["FJD_SLURM"]):
        yield


@pytest.fixture
def slurm(cluster, home):
    slurm = slurms.Slurm(home)
    yield slurm
    slurm.clean()


@pytest.fixture
def put_jobs(home, put):
    """put_jobs(number, seconds) puts job1, job2, ..."""
    for place in ("begun", "ended"):
        (home / place).mkdir()

    def put_jobs(number, seconds):
        for k in range(1, number + 1):
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
