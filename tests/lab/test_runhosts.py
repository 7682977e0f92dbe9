"""fjd run -S: workers on other hosts, for the time of one run."""
import os
import re
import sys

import pytest

from helpers import LONG, PIPE, ROOT, wait_until
from machines import HOME, Machines, NEEDED, USER

from fjd.project import Project

sys.path.append(os.path.join(ROOT, "tests", "program"))

from test_parallel import pair_with  # noqa: E402 - from there

pytestmark = [
    pytest.mark.slow, pytest.mark.xdist_group("remote"),
    pytest.mark.needs(*NEEDED),
]
FJD = f"{HOME}/fjd/bin/fjd"
NEAR, FAR = "node1", ["node2", "node3"]
PLACE = f"{HOME}/place"


@pytest.fixture(scope="module")
def machines(tmp_path_factory):
    """node1, at which somebody sits, node2 and node3; node4 is off."""
    place = str(tmp_path_factory.mktemp("lab") / "machines")
    with Machines(place) as made:
        made.power_on(NEAR, *FAR)
        made.run(NEAR, "mkdir", PLACE)
        yield made


def run(machines, *words, **how):
    how.setdefault("directory", PLACE)
    result = machines.run(NEAR, FJD, "run", *words, **how)
    assert "Traceback" not in result.stderr, result.stderr
    return result


def last_project(machines):
    """The project of the last run."""
    place = os.path.join(machines.home, ".fjd")
    runs = [name for name in os.listdir(place) if name.startswith("run-")]
    newest = max(runs, key=lambda name: os.stat(
        os.path.join(place, name, "jobqueue")).st_ctime)
    return Project(os.path.join(place, newest))


def processes(machines, node, program):
    listed = machines.run(node, "ps", "-o", "args=", "-u", USER).stdout
    return [line for line in listed.splitlines()
            if line.startswith(program)]


def end(machines, node, program):
    """End these processes, and not the shell that waits for one."""
    listed = machines.run(node, "ps", "-o", "pid=,args=", "-u", USER).stdout
    pairs = [line.split(None, 1) for line in listed.splitlines()]
    pids = [pid for pid, line in pairs if line.startswith(program)]
    machines.run(node, "kill", *pids)


def are_alone(machines):
    """Whether nothing of fjd runs on any machine."""
    return not any(
        "fjd" in line for node in (NEAR, *FAR)
        for line in processes(machines, node, "")
        if not line.startswith(("ps ", "sh -c cd")))


def test_jobs_run_on_these_hosts_in_this_directory(machines):
    result = run(
        machines, "-S", "node2:2,node3", "-S", ":", "-j1",
        "echo {} $(uname -n) $PWD; echo err {} >&2; sleep 0.5",
        ":::", *"abcdefgh")
    assert result.returncode == 0
    lines = sorted(line.split() for line in result.stdout.splitlines())
    assert [line[0] for line in lines] == [*"abcdefgh"]
    assert {line[1] for line in lines} == {NEAR, *FAR}
    assert {line[2] for line in lines} == {PLACE}
    errors = re.findall("^err .$", result.stderr, re.M)
    assert sorted(errors) == [f"err {name}" for name in "abcdefgh"]
    assert "[fjd] 8 done, 0 failed" in result.stderr
    assert "Not hired" not in result.stderr
    wait_until(lambda: are_alone(machines))


def test_output_has_the_order_of_the_list(machines):
    result = run(machines, "--silent", "-k", "-S", "node2:2,node3:2",
                 "sleep 0.{}; echo {}", ":::", *"4213")
    assert (result.returncode, result.stderr) == (0, "")
    assert result.stdout.split() == [*"4213"]


def test_a_host_that_cannot_be_hired_is_named_and_others_do_the_work(
    machines,
):
    """One has no such directory, one is unknown, and one lets nobody in."""
    machines.run("node3", "mount", "-t", "tmpfs", "tmpfs", PLACE, user="root")
    machines.run(NEAR, "mkdir", "-p", f"{PLACE}/sub")
    try:
        result = run(machines, "-S", "node2:2,node3:2,nowhere",
                     "echo {}", ":::", *"abc", directory=f"{PLACE}/sub")
    finally:
        machines.run("node3", "umount", PLACE, user="root")
    assert result.returncode == 3
    assert sorted(result.stdout.split()) == [*"abc"]
    why = f"host node3: no directory {PLACE}/sub there"
    lines = result.stderr.splitlines()
    assert lines.count(f"[fjd] {why}") == 1
    assert "[fjd] 3 done, 0 failed" in lines
    assert lines[-2] == f"[fjd] Not hired: {why}"
    assert lines[-1].startswith("[fjd] Not hired: host nowhere: ssh: Could")
    assert all(len(line) < 80 for line in lines[-2:])


def test_ssh_cannot_ask_and_the_message_says_what_to_do(machines):
    known = os.path.join(machines.home, ".ssh", "known_hosts")
    with open(known) as file:
        text = file.read()
    with open(known, "w") as file:
        file.write(re.sub("(?m)^node3 .*\n", "", text))
    try:
        result = run(machines, "-S", "node3:1", "echo", ":::", "a")
    finally:
        with open(known, "w") as file:
            file.write(text)
    assert (result.returncode, result.stdout) == (3, "")
    assert "[fjd] host node3: Host key verification failed." in result.stderr
    assert "try: fjd doctor node3, at a terminal, or a key" in result.stderr


def test_without_any_host_it_ends_at_once(machines):
    result = run(machines, "-S", "nowhere:2", "echo", ":::", *"ab",
                 timeout=30)
    assert (result.returncode, result.stdout) == (3, "")
    lines = result.stderr.splitlines()
    assert lines[-1] == \
        "fjd: error: there are jobs, and nobody could be hired"
    name = last_project(machines).name
    assert f"[fjd] To go on: fjd run --resume -S nowhere:2 --project {name}" \
        in lines


def test_resume_works_elsewhere(machines):
    command = "test -e ~/ready && echo {} $(uname -n)"
    assert run(machines, command, ":::", *"ab").returncode == 3
    machines.run(NEAR, "touch", f"{HOME}/ready")
    result = run(machines, "--resume", "-S", "node2:2", command, ":::", *"ab")
    assert result.returncode == 0
    assert sorted(result.stdout.splitlines()) == ["a node2", "b node2"]


def test_conf_means_the_hosts_of_the_project(machines):
    machines.run(NEAR, "mkdir", "-p", f"{HOME}/.fjd/lab")
    machines.run(NEAR, "chmod", "-R", "go=", f"{HOME}/.fjd")
    script = "printf '[a]\\nname: node3\\nworkers: 2\\nsession: process\\n' \
        >.fjd/lab/remote.conf"
    machines.run(NEAR, "sh", "-c", script)
    result = run(machines, "--project", "lab", "-S", "conf", "uname -n; : {}",
                 ":::", *"ab")
    assert (result.returncode, result.stdout) == (0, "node3\nnode3\n")
    wait_until(lambda: are_alone(machines))


def start(machines, *words):
    """A run of two jobs that last, and its process on node1."""
    process = machines.start(
        NEAR, FJD, "run", *words, "echo {}; sleep 987", ":::", *"ab",
        directory=PLACE, stdout=PIPE, stderr=PIPE)
    wait_until(lambda: len(processes(machines, "node2", "sleep 987")) == 2)
    listed = machines.run(NEAR, "pgrep", "-f", "fjd run").stdout.split()
    return process, min(listed, key=int)


def test_ctrl_c_ends_jobs_elsewhere_and_gives_them_back(machines):
    process, pid = start(machines, "-S", "node2:2")
    machines.run(NEAR, "kill", "-INT", pid)
    _, said = process.communicate(timeout=20)
    assert processes(machines, "node2", "sleep") == []
    assert process.returncode == 130
    project = last_project(machines)
    assert said.splitlines()[-2:] == [
        "[fjd] Stopped: 2 job(s) are left.",
        "[fjd] To go on: fjd run --resume -S node2:2 --project"
        f" {project.name}"]
    wait_until(lambda: are_alone(machines))


def test_ctrl_c_does_not_wait_for_a_host_that_is_silent(machines):
    """It fires those who work already; a second one ends it."""
    process, pid = start(machines, "-S", "node2:2,node4:2")
    machines.run(NEAR, "kill", "-INT", pid)
    wait_until(lambda: processes(machines, "node2", "sleep") == [], 5)
    assert process.poll() is None
    machines.run(NEAR, "kill", "-INT", pid)
    _, said = process.communicate(timeout=15)
    assert process.returncode == 130
    assert "Some workers have not left; to end them: fjd-recruiter" in said


def test_runs_that_are_killed_and_hosts_that_are_lost(machines):
    """Workers elsewhere leave the run that was killed after a minute, when
    their jobs have ended; no job of the lost host is lost.
    """
    killed, pid = start(machines, "-S", "node2:2")
    machines.run(NEAR, "kill", "-KILL", pid)
    killed.communicate(timeout=LONG)
    deserted = last_project(machines)
    process = machines.start(
        NEAR, FJD, "run", "-S", "node2:1,node3:2",
        "echo {}; test -e ~/go || sleep 765; echo {}", ":::", *"abcdef",
        directory=PLACE, stdout=PIPE, stderr=PIPE)
    wait_until(lambda: len(processes(machines, "node3", "sleep 765")) == 2)
    machines.power_off("node3")
    machines.run(NEAR, "touch", f"{HOME}/go")
    end(machines, "node2", "sleep 765")
    try:
        out, said = process.communicate(timeout=LONG)
    finally:
        machines.power_on("node3")
    assert (process.returncode, "6 done, 0 failed" in said) == (0, True)
    assert sorted(out.split()) == sorted("abcdef" * 2)
    wait_until(lambda: len(deserted.orders()) == 2)
    assert len(processes(machines, "node2", "sleep 987")) == 2
    end(machines, "node2", "sleep 987")
    wait_until(lambda: deserted.pods() == [])
    wait_until(lambda: are_alone(machines))


@pytest.mark.needs("parallel")
def test_the_row_of_the_page_is_true(machines):
    """That of test_parallel.py, of the hosts of this lab."""
    theirs, ours = pair_with("-S 2/node2,node3")
    found = []
    for line in (theirs, ours.replace("fjd ", f"{FJD} ", 1)):
        result = machines.run(
            NEAR, "bash", "-c", f"yes | {line}", directory=PLACE)
        assert result.returncode == 0, result.stderr
        found.append(sorted(result.stdout.splitlines()))
    assert found[0] == found[1] == ["a", "b", "c"]
