"""fjd status and fjd why, where workers come from a batch system."""
import json
import os
import subprocess
import sys

import pytest

from helpers import BIN, fjd, ok, program

from fjd.hosts import allocations
from fjd.members import enrol, myself
from fjd.names import Running

NODES = [myself()._replace(host=f"n{number}", boot=f"b{number}")
         for number in (1, 2)]
HEAD = "JOBID|ST|REASON|NAME\\n"
PENDING = HEAD + "311_7|PD|Priority|{job}\\n311_8|PD|Priority|{job}\\n" \
    "311_1|R|None|{job}\\n"


@pytest.fixture
def squeue(home, first_on_path):
    """squeue(script) makes a squeue, which counts its calls in the home."""
    def squeue(script):
        program(first_on_path / "squeue",
                f"echo called >>'{home}/calls'\n{script}")
    return squeue


@pytest.fixture
def allocation(project):
    """The record of a submission of eight workers; its job's name there."""
    name = allocations.claim(
        project, "slurm", [], myself(), 8, scheduler="slurm", section="slurm")
    allocations.amend(project, name, "id", "311")
    return allocations.record(project, name).job


def calls(home):
    path = home / "calls"
    return len(path.read_text().splitlines()) if path.exists() else 0


def new_worker(project, session, who):
    worker = enrol(project, "workers", who, session)
    project.make_pod(worker)
    return worker


def workers_of(lines):
    return [line for line in lines if " busy, " in line]


def test_workers_of_slurm_have_a_line_and_those_of_hosts_theirs(
    project, home, squeue, allocation,
):
    squeue(f"printf '{PENDING.format(job=allocation)}'")
    busy = new_worker(project, "slurm 311_1", NODES[0])
    new_worker(project, "slurm 311_2", NODES[1])
    new_worker(project, "screen default.n1.1", NODES[0])
    new_worker(project, "stay default.n2.4711-1", NODES[1])
    run = Running("job1~1.0123456789abcdef0-1", busy)
    open(project.job_file(run), "w").close()
    assert workers_of(ok("fjd", "status")) == [
        "workers on n1: 0 busy, 1 idle, 0 silent",
        "workers on n2: 0 busy, 1 idle, 0 silent",
        "slurm: 1 busy, 1 idle on 2 nodes; 2 pending (Priority)",
    ]
    assert calls(home) == 1


def test_json_has_the_places_beside_the_hosts(
    project, squeue, allocation,
):
    squeue(f"printf '{PENDING.format(job=allocation)}'")
    idle = new_worker(project, "slurm 311_1", NODES[0])
    found = json.loads("".join(ok("fjd", "status", "--json")))
    assert found["hosts"] == {"n1": {
        "busy": [], "idle": [idle], "silent": []}}
    assert found["places"] == {"slurm": {
        "busy": [], "idle": [idle], "silent": [], "nodes": 1, "starting": 0,
        "pending": 2, "reasons": ["Priority"], "trouble": None}}


@pytest.mark.parametrize("script, why", [
    ("echo 'slurm_load_jobs error: Unable to contact slurm controller' >&2\n"
     "exit 1", "Unable to contact slurm controller"),
    ("exec sleep 1234", "squeue: no answer within 5"),
])
def test_if_squeue_does_not_answer_all_else_is_shown(
    project, put, squeue, allocation, script, why,
):
    squeue(script)
    put("job1", "")
    lines = ok("fjd", "status")
    assert lines[0].startswith("1 waiting")
    slurm, = workers_of(lines)
    assert slurm.startswith(
        "slurm: 0 busy, 0 idle; how many are pending is unknown: ")
    assert why in slurm
    assert any(line.startswith("waits for Slurm, perhaps: ")
               for line in lines)
    assert not any("there is no worker" in line for line in lines)
    found = json.loads("".join(ok("fjd", "status", "--json")))
    assert found["places"]["slurm"]["pending"] is None
    assert why in found["places"]["slurm"]["trouble"]


def test_a_waiting_job_waits_for_slurm(
    project, home, put, squeue, allocation,
):
    squeue(f"printf '{PENDING.format(job=allocation)}'")
    put("job1", "")
    line = "waits for Slurm: 1 worker starting, 2 pending (Priority)"
    assert ok("fjd", "why", "job1")[1] == line
    assert calls(home) == 1
    lines = ok("fjd", "status")
    assert line in lines
    assert "slurm: 0 busy, 0 idle; 1 starting, 2 pending (Priority)" in lines
    new_worker(project, "slurm 311_1", NODES[0])
    line = "waits for Slurm: 2 workers pending (Priority)"
    assert ok("fjd", "why", "job1")[1] == line
    assert line not in ok("fjd", "status")


def test_of_many_ranges_squeue_is_asked_once(
    project, home, squeue, allocation,
):
    squeue(f"printf '{PENDING.format(job=allocation)}'")
    ok("fjd", "put", "--array", "1-1000", "--name", "sim", "true")
    lines = ok("fjd", "why", "sim")
    line = "waits for Slurm: 1 worker starting, 2 pending (Priority)"
    assert lines.count(line) == 1
    assert calls(home) == 1


def test_if_nothing_is_pending_it_says_what_to_do(
    project, put, squeue, allocation,
):
    squeue("echo 'slurm_load_jobs error: Invalid job id specified' >&2\n"
           "exit 1")
    put("job1", "")
    lines = ok("fjd", "status")
    assert workers_of(lines) == []
    assert any("there is no worker; to start some" in line for line in lines)


def test_what_a_system_prints_cannot_control_a_terminal(
    project, squeue, allocation,
):
    squeue(f"printf '{HEAD}311_7|PD|\\033[31m|{allocation}\\n'")
    line, = workers_of(ok("fjd", "status"))
    assert line.isprintable() and "1 pending" in line


def test_without_allocations_nobody_is_asked_and_nothing_imported(
    project, home, squeue,
):
    squeue("exit 1")
    new_worker(project, "slurm 311_1", NODES[0])
    assert workers_of(ok("fjd", "status")) == [
        "slurm: 0 busy, 1 idle on 1 node"]
    assert calls(home) == 0
    probe = "import sys, runpy\n" \
        "sys.argv[1:] = ['status']\n" \
        "import os; os._exit = lambda status: print(*sorted(sys.modules))\n" \
        f"runpy.run_path({os.path.join(BIN, 'fjd')!r}, run_name='__main__')"
    result = subprocess.run(
        [sys.executable, "-c", probe], stdout=subprocess.PIPE,
        encoding="utf-8", check=True)
    loaded = result.stdout.splitlines()[-1].split()
    assert "fjd.verbs.status" in loaded
    assert not {"sh", "fjd.hosts.allocations", "fjd.hosts.scheduler"} \
        & set(loaded)


def test_a_silent_worker_of_slurm_is_told(project):
    worker = new_worker(project, "slurm 311_1", NODES[0])
    os.utime(project.path("workers", worker), (1000, 1000))
    lines = fjd("fjd", "status").stdout.splitlines()
    assert workers_of(lines) == ["slurm: 0 busy, 0 idle, 1 silent on 1 node"]
    assert any(line.startswith("silent for ") for line in lines)
