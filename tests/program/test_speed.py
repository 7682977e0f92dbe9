"""What a job costs, counted in system calls; tests/bench tells the rest."""
import pytest

import figures

pytestmark = [pytest.mark.slow, pytest.mark.needs("strace")]


@pytest.fixture(scope="module")
def a_job(tmp_path_factory):
    """The system calls a job, of the kinds that figures.py tells apart."""
    return figures.calls_a_job(str(tmp_path_factory.mktemp("speed")), 40)


def test_plain_job_is_one_execve(a_job):
    assert a_job["execve"] == 1


def test_few_file_operations_name_the_job(a_job):
    """A file server answers each of them."""
    assert a_job["named"] <= 10
