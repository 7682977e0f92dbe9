"""The session of the page on clusters, on a real Slurm; and hire --stay."""
import os
import sys
import time

import pytest

import slurm as slurms
from helpers import BIN, LONG, ROOT, fjd, jobs_in, ledger, ok, wait_until
from sessions import blocks, commands_of, is_as_shown, play

pytestmark = [
    pytest.mark.slow, pytest.mark.alone, pytest.mark.needs("FJD_SLURM"),
]
PAGE = os.path.join(ROOT, "fjd", "pages", "cluster.rst")
STAY = """\
#!/bin/sh
PATH='{path}'
exec fjd-recruiter hire --stay 2
"""
ON_EACH_NODE = STAY.replace("exec fjd", "exec srun fjd")


@pytest.fixture
def page():
    with open(PAGE, encoding="utf-8") as file:
        return file.read()


def path():
    return os.pathsep.join([BIN, os.path.dirname(sys.executable),
                            os.environ["PATH"]])


def submit_and_wait(slurm, project, script, number, *options):
    """The id of a batch job whose so many workers have come."""
    job = slurm.submit(script.format(path=path()), "--time=10", *options)
    wait_until(lambda: len(project.names("workers")) == number
               and not [name for name in project.names("screenlogs")
                        if name.endswith(".err")], 60)
    return job


def begin(project, number):
    """So many jobs that trap TERM run."""
    for k in range(number):
        ok("fjd", "put", "--name", f"job{k}",
           "trap 'exit 0' TERM; sleep 1234 & wait")
    deadline = time.monotonic() + LONG
    while len(project.running()) < number:
        ok("fjd-dispatcher", "--once", "--quiet")
        assert time.monotonic() < deadline


def test_the_session_of_the_page_is_real(slurm, home, page):
    for command, printed, shown in play(commands_of(page), home):
        assert is_as_shown(printed, shown), f"$ {command}\n{printed}"
    slurm.wait_for_end()


def test_another_system_can_be_slurm_by_its_commands(
    slurm, project, page, put,
):
    conf, = [block for block in blocks(page) if block.startswith("[other]")]
    with open(project.path("remote.conf"), "w") as file:
        file.write(conf.replace("--parsable", "--parsable --time=10"))
    result = fjd("fjd", "doctor", "other")
    assert "ok    other: pending: prints 0 line(s)" in result.stdout
    put("job1", "[control]\nexecutable: true #\n")
    ok("fjd-recruiter", "hire")
    ok("fjd-dispatcher")
    assert jobs_in(project, "done") == ["job1"]
    fjd("fjd-recruiter", "fire")  # Some may have started only now.
    slurm.wait_for_end()


@pytest.mark.parametrize("how", [["-b", "-s", "TERM"], []])
def test_scancel_puts_the_jobs_back(slurm, project, how):
    job = submit_and_wait(slurm, project, STAY, 2, "--signal=B:TERM@90")
    begin(project, 2)
    slurms.said("scancel", *how, job)
    slurm.wait_for_end()
    assert [row["event"] for row in ledger(project)] == ["given-back"] * 2
    assert len(project.waiting("jobqueue")) == 2
    assert "The workers have left." in slurm.output(job)


def test_two_scripts_on_one_node_end_with_the_dispatcher(slurm, project):
    submit_and_wait(slurm, project, STAY, 2, "--nodelist=slurm1")
    submit_and_wait(slurm, project, STAY, 4, "--nodelist=slurm1")
    ok("fjd", "put", "--array", "1-20", "--name", "sim", "true")
    ok("fjd-dispatcher")
    slurm.wait_for_end()


def test_srun_starts_some_on_each_node(slurm, project):
    job = submit_and_wait(
        slurm, project, ON_EACH_NODE, 4, "--nodes=2", "--ntasks-per-node=1")
    begin(project, 4)
    # As --signal=TERM@90 does: only the steps.
    slurms.said("scancel", "-s", "TERM", job)
    slurm.wait_for_end()
    assert [row["event"] for row in ledger(project)] == ["given-back"] * 4
    assert slurm.output(job).count("The workers have left.") == 2
