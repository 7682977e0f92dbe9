"""Command lines of fjd 0.1.58, as its examples and scripts have them."""
import os

import pytest

from helpers import ok, fjd, jobs_in, ROOT, run

pytestmark = pytest.mark.slow

CREATE_JOBS = os.path.join(ROOT, "example", "create_jobs.py")
JOBS = [f"job{number}" for number in range(10)]


@pytest.fixture(autouse=True)
def nobody_is_left(home):
    yield
    for name in ("default", "remote-example"):
        fjd("fjd-recruiter", "--project", name, "fire")


@pytest.fixture
def put_ten(home):
    def put_ten(*arguments):
        assert run(["python3", CREATE_JOBS, *arguments]).returncode == 0
    return put_ten


def test_example_on_this_machine(project, put_ten):
    put_ten()
    ok("fjd-recruiter", "hire", "4")
    lines = ok("fjd-dispatcher", "--end_when_jobs_are_done")
    assert lines[-1] == "[fjd-dispatcher] 10 done, 0 failed"
    assert jobs_in(project, "done") == JOBS


def test_example_with_remote_conf(home, put_ten):
    put_ten("remote-example")
    conf = home / ".fjd" / "remote-example" / "remote.conf"
    conf.write_text("[host1]\nname: localhost\nworkers: 3\n")
    name = ["--project", "remote-example"]
    ok("fjd-recruiter", *name, "hire")
    lines = ok("fjd-dispatcher", *name, "--end_when_jobs_are_done")
    assert lines[-2:] == [
        '[fjd-recruiter] Fired 3 workers in project "remote-example".',
        "[fjd-dispatcher] 10 done, 0 failed",
    ]


@pytest.mark.parametrize("words", [
    ["--project", "default", "--local-only", "hire", "2"],
    ["--local-only", "hire"], ["hire", "--local-only"],
])
def test_local_only_may_stand_before_the_verb(project, words):
    with open(project.path("remote.conf"), "w") as file:
        file.write("[host1]\nname: nosuchhost.invalid\nworkers: 1\n")
    fjd("fjd-recruiter", *words)
    assert project.pods()
    lines = ok("fjd-recruiter", "--local-only", "fire")
    assert project.pods() == [] and "Fired" in lines[-1]


@pytest.mark.parametrize("name", ["lab7", ""])
def test_fire_local_only_leaves_other_hosts_alone(project, name):
    """Also one that is called like this one, as a container may be."""
    from fjd.members import enrol, myself
    elsewhere = enrol(project, "workers", myself()._replace(
        host=name or myself().host, boot="x"))
    project.make_pod(elsewhere)
    ok("fjd-recruiter", "hire", "1")
    ok("fjd-recruiter", "--local-only", "fire")
    assert project.pods() == [elsewhere] and project.orders() == []
    project.remove_pod(elsewhere)


def test_status_only_prints_what_fjd_status_prints(project, put):
    put("job1", "[control]\nexecutable: true\n")
    assert ok("fjd-dispatcher", "--status_only") == ok("fjd", "status")
    assert len(project.waiting()) == 1
    assert project.members("dispatchers") == []
    result = fjd("fjd-dispatcher", "--status_only", "--project", "nosuch")
    assert result.returncode == 2


def test_callback_of_a_dispatcher_knows_the_counts(project, put, home):
    for name, command in [("a", "true"), ("b", "false"), ("c", "true")]:
        put(name, f"[control]\nexecutable: {command}\n")
    ok("fjd-recruiter", "hire", "1")
    result = fjd("fjd-dispatcher", "--callback",
                 "echo $FJD_DONE $FJD_FAILED $FJD_PROJECT >>counts")
    assert result.returncode == 3
    assert (home / "counts").read_text() == "2 1 default\n"
    assert project.members("dispatchers") == []


def test_callback_of_a_dispatcher_that_fails_is_told(project):
    result = fjd("fjd-dispatcher", "--interval", "1", "--callback", "exit 7")
    assert (result.returncode, result.stderr) == (
        1, "fjd-dispatcher: error: the callback has failed: exit 7\n")
