"""What takes minutes on a real Slurm; make test-slurm runs it."""
import pytest

from helpers import finish, fjd, ledger, ok, start, wait_until
from test_slurm import (  # noqa: F401 - fixtures
    conf, CONF, is_all_well, put_jobs,
)

pytestmark = [
    pytest.mark.slow, pytest.mark.alone, pytest.mark.long,
    pytest.mark.needs("FJD_SLURM"),
]


def test_workers_give_back_their_jobs_before_the_limit(
    slurm, home, project, put_jobs,  # noqa: F811
):
    """TERM reaches them 90 to 150 seconds before; others take their place."""
    put_jobs(150, 8)
    conf(project, CONF.replace("--time=10", "--time=5"), 4)
    ok("fjd-recruiter", "hire")
    array, = slurm.arrays()
    dispatcher = start("fjd-dispatcher", "--hire")
    slurm.wait_for_end(array, timeout=400)
    wait_until(slurm.running)
    assert slurm.arrays() != {array}
    assert finish(dispatcher, 600).endswith(" done, 0 failed\n")
    assert is_all_well(slurm, project, home, 150)
    reasons = {row["reason"] for row in ledger(project)
               if row["event"] != "done"}
    assert reasons == {"its worker was signalled"}


def test_dispatcher_stops_when_three_submissions_brought_no_worker(
    slurm, project, put,  # noqa: F811
):
    with open(project.path("setup.sh"), "w") as file:
        file.write("echo no such module >&2\nexit 1\n")
    put("job1", "true\n")
    conf(project, CONF, 2)
    result = fjd("fjd-dispatcher", "--hire")
    print(result.stdout, result.stderr)
    assert result.returncode == 3
    assert project.waiting() == ["job1"]
    assert not slurm.tasks()
