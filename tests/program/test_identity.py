"""Hosts that are renamed while their workers live, or do not know themselves.
"""
import os
import signal
import subprocess

import pytest

from helpers import command, jobs_in, LONG, ok, run, start, wait_until

from fjd.members import myself
from fjd.proc import stat_of

pytestmark = [pytest.mark.slow, pytest.mark.needs("namespaces")]
HIDDEN = "mount -t tmpfs none /proc/sys"  # as with subset=pid
RENAMED = ["unshare", "--uts", "sh", "-c", 'hostname dhcp-17 && exec "$@"', ""]


def renamed(name, *arguments):
    """The lines of a command on a host that is called dhcp-17 now."""
    result = run(RENAMED + command(name, *arguments))
    assert (result.returncode, result.stderr) == (0, "")
    return result.stdout.splitlines()


@pytest.fixture(autouse=True)
def nobody_is_left(project):
    yield
    ok("fjd-recruiter", "fire")


@pytest.fixture
def two(project):
    ok("fjd-recruiter", "--session", "process", "hire", "2")
    return project.pods()


def test_hire_counts_those_who_were_there_before(project, two):
    renamed("fjd-recruiter", "hire", "2")
    assert project.pods() == two
    renamed("fjd-recruiter", "--session", "process", "hire", "3")
    assert len(project.pods()) == 3
    ok("fjd-recruiter", "hire", "3")
    assert len(project.pods()) == 3


def test_hire_by_remote_conf_lets_them_stay(project, two):
    with open(project.path("remote.conf"), "w") as file:
        file.write("[host1]\nname: localhost\nworkers: 2\n")
    renamed("fjd-recruiter", "hire")
    assert project.pods() == two
    assert project.orders() == []


@pytest.mark.parametrize("name", ["localhost", "dhcp-17", myself().host])
def test_fire_of_this_host_means_them(project, two, name):
    lines = renamed("fjd-recruiter", "fire", name)
    assert project.pods() == [] and "No worker was on" not in "".join(lines)


def test_their_death_is_noticed_by_who_comes_later(project, put):
    """By its pid: within seconds, where a silent one has a minute."""
    put("job1", "[control]\nexecutable: sleep 1234 #\n")
    worker = start("fjd-worker")
    wait_until(project.pods)
    ok("fjd-dispatcher", "--once")
    wait_until(project.running)
    worker.kill()
    worker.wait()
    renamed("fjd-recruiter", "--session", "process", "hire", "1")
    wait_until(project.waiting)
    assert [name[:7] for name in project.waiting()] == ["job1~2."]


def hidden(*unshare):
    """What begins a command on a host whose boot id is hidden."""
    return ["unshare", "--mount", *unshare, "sh", "-c",
            f'{HIDDEN} && exec "$@"', ""]


@pytest.mark.parametrize("unshare", [
    ["--pid", "--fork", "--mount-proc", "--kill-child"], []])
def test_worker_that_is_unknown_to_its_host_is_believed_its_heartbeat(
    project, put, tmp_path, unshare,
):
    """In a container, its pid is nobody's or another's outside."""
    os.mkfifo(str(tmp_path / "gate"))
    put("job1", f"[control]\nexecutable: cat {tmp_path}/gate #\n")
    worker = subprocess.Popen(hidden(*unshare) + command("fjd-worker"))
    wait_until(project.pods)
    once = hidden() + command("fjd-dispatcher", "--once")
    assert run(once).returncode == 0
    begun = wait_until(project.running)
    assert run(once).returncode == 0
    assert project.running() == begun
    (tmp_path / "gate").write_text("")
    assert run(hidden() + command("fjd-dispatcher")).returncode == 0
    assert jobs_in(project, "done") == ["job1"]
    assert worker.wait(LONG) == 0


def test_hire_counts_who_has_its_name_where_boot_ids_are_hidden(project):
    hire = hidden() + command(
        "fjd-recruiter", "--session", "process", "hire", "2")
    assert [run(hire).returncode for _ in range(2)] == [0, 0]
    assert len(project.pods()) == 2


def children_of(pid):
    """{pid: state} of its children."""
    with open(f"/proc/{pid}/task/{pid}/children") as file:
        return {int(child): stat_of(int(child))[0]
                for child in file.read().split()}


def test_worker_that_is_process_1_reaps_what_lost_its_parent(
    project, put, tmp_path,
):
    put("job1", "[control]\nexecutable: setsid sh -c 'cat gate &' #\n")
    os.mkfifo("gate")
    container = subprocess.Popen(
        ["unshare", "--pid", "--fork", "--mount-proc", "--kill-child"]
        + command("fjd-worker"))
    wait_until(project.pods)
    assert ok("fjd-dispatcher", "--once")
    wait_until(lambda: jobs_in(project, "done") == ["job1"])
    worker, = children_of(container.pid)
    orphan, = wait_until(lambda: children_of(worker))
    with open("gate", "w"):
        pass
    wait_until(lambda: children_of(worker) == {})
    os.kill(worker, signal.SIGTERM)
    container.wait(LONG)
    assert project.pods() == []
