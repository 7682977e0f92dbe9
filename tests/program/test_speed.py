"""What fjd costs, counted in system calls; tests/bench tells the rest.

Each bound is what was measured, with a margin for looks that depend on time.
"""
import pytest

import figures

pytestmark = [pytest.mark.slow, pytest.mark.needs("strace")]

CALLS_A_JOB = 33         # of the worker itself, without its child
NAMING_THE_JOB = 4       # of worker and dispatcher
SYNCED_FOR_12_JOBS = 2
LISTED_FOR_12_JOBS = 20
LISTED_FOR_ONE_JOB = 50  # among 1,000 workers that wait


@pytest.fixture(scope="module")
def a_job(tmp_path_factory):
    """The system calls a job, of the kinds that figures.py tells apart."""
    return figures.calls_a_job(str(tmp_path_factory.mktemp("speed")), 40)


@pytest.fixture(scope="module")
def longer_jobs(tmp_path_factory):
    home = str(tmp_path_factory.mktemp("longer"))
    return figures.calls_of_longer_jobs(home)


def test_plain_job_is_one_execve(a_job):
    assert a_job["worker"]["execve"] == 1
    assert a_job["dispatcher"]["execve"] == 0


def test_plain_job_takes_few_system_calls(a_job):
    assert a_job["worker"]["least"] <= CALLS_A_JOB


def test_dispatcher_only_renames_a_job_of_a_handful(a_job):
    assert a_job["dispatcher"]["least"] == 1


def test_few_file_operations_name_the_job(a_job):
    """A file server answers each of them."""
    named = sum(each["named"] for each in a_job.values())
    assert named <= NAMING_THE_JOB


def test_ledger_is_not_synced_too_often(longer_jobs):
    assert longer_jobs["fsync"] <= SYNCED_FOR_12_JOBS


def test_worker_of_longer_jobs_seldom_lists_directories(longer_jobs):
    assert longer_jobs["listed"] <= LISTED_FOR_12_JOBS


def test_job_for_one_of_many_workers_needs_few_listings(tmp_path):
    _, listed = figures.listings_for_one_job(str(tmp_path), 1000)
    assert listed <= LISTED_FOR_ONE_JOB
