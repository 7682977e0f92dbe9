"""What fjd doctor finds of a batch system, here a small one on PATH."""
import json
import os

import pytest

from helpers import fjd, path_without, program

from fjd.hosts import allocations
from fjd.members import myself

CONFIG = "SLURM_VERSION = 22.05.8\nMaxArraySize = 1001\nKillWait = 30 sec\n"
SLURM = {
    "sbatch": "printf '%s\\n' \"$@\" >{home}/options",
    "squeue": "echo 'JOBID|ST|REASON|NAME'",
    "scancel": "true",
    "scontrol": "printf '{config}'",
}
SECTION = """\
[cluster]
scheduler: slurm
workers: 4
options: --partition=short --time=1:00:00
"""
OLD = """\
[old]
scheduler: pbs
workers: 4
submit: qsub -J 1-{n} {script}
pending: qstat {id}
cancel: qdel {id}
"""


@pytest.fixture
def system(home, first_on_path):
    """system(program=script ...): these programs, beside those of Slurm."""
    def system(**others):
        for name, script in {**SLURM, **others}.items():
            program(first_on_path / name, script.replace("{home}", f"'{home}'")
                    .replace("{config}", CONFIG.replace("\n", "\\n")))
    return system


def conf(project, text):
    with open(project.path("remote.conf"), "w") as file:
        file.write(text)


def examined(*words):
    """The exit code, and [(state, found, todo)] of batch systems."""
    result = fjd("fjd", "doctor", *words, "--json")
    found = [f for f in json.loads(result.stdout)
             if f["check"].startswith(("slurm", "pbs", "batch"))]
    assert all(f["todo"] for f in found if f["state"] != "ok")
    return result.returncode, [
        (f["state"], f["found"], f["todo"]) for f in found]


def states(found):
    return [state for state, _, _ in found]


def test_all_is_well(project, home, system):
    system()
    conf(project, SECTION)
    code, found = examined("slurm")
    assert code == 0
    assert states(found)[:5] == ["ok"] * 5
    texts = [text for _, text, _ in found]
    assert texts[1] == "version 22.05.8; MaxArraySize 1001; KillWait 30 s"
    assert texts[3:5] == [
        "a worker could start, with --partition=short --time=1:00:00",
        "a worker's time limit is 1:00:00"]
    options = (home / "options").read_text().split()
    assert options[0] == "--test-only"
    assert {"--partition=short", "--time=1:00:00"} < set(options)
    assert not os.path.exists(options[-1])  # The script is removed.
    assert not allocations.names(project)


def test_without_a_section_the_defaults_are_checked(project, system):
    system()
    code, found = examined("slurm")
    assert code == 0
    assert found[3][1] == "a worker could start, with no options"
    assert found[4][0] == "warn" and "--time" in found[4][2]


def test_only_what_is_named_or_in_remote_conf_is_checked(project, system):
    system()
    assert examined() == (0, [])
    conf(project, SECTION)
    assert len(examined()[1]) == 6
    assert examined("localhost") == (0, [])


def test_a_machine_without_slurm_is_told(project, tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", path_without(
        "sbatch", "scontrol", directory=tmp_path / "bare"))
    code, found = examined("slurm")
    assert code == 1 and found[0][0] == "FAIL" and len(found) == 1
    assert found[0][1].startswith("not there: sbatch")


def test_a_controller_that_does_not_answer_is_told(project, system):
    system(scontrol="echo 'Unable to contact slurm controller' >&2; exit 1")
    code, found = examined("slurm")
    assert code == 1 and states(found) == ["ok", "FAIL"]
    assert found[1][1:] == (
        "the controller does not answer: Unable to contact slurm controller",
        "try: scontrol ping")


def test_options_that_can_never_run_are_told(project, system):
    system(sbatch="echo 'sbatch: error: invalid partition' >&2; exit 1")
    conf(project, SECTION)
    code, found = examined("slurm")
    assert code == 1 and states(found)[3] == "FAIL"
    assert found[3][1:] == (
        "a worker could not start: sbatch: error: invalid partition",
        "try: other options in remote.conf")


@pytest.mark.parametrize("section", [SECTION, OLD])
def test_what_a_worker_could_not_start_without_is_told(
    project, home, system, section,
):
    system(qsub="true", qdel="true", qstat="true")
    for python, directory, state, is_here in (
        ("python3", "~", "ok", "is here"),
        ("/nosuch/python", "/nosuch", "warn", "is not here"),
    ):
        conf(project, f"{section}python: {python}\ndirectory: {directory}\n")
        code, found = examined(section.split("scheduler: ")[1].split()[0])
        assert code == 0
        assert [f[:2] for f in found if f[1].startswith(("py", "dir"))] == [
            (state, f"python: {python} {is_here}"),
            (state, "directory: "
                    f"{os.path.expanduser(directory)} {is_here}")]


def test_if_a_worker_has_come_the_nodes_see_the_project(project, system):
    system()
    name = allocations.claim(
        project, "slurm", [], myself(), 1, scheduler="slurm", section="slurm")
    worker = "n1_1795777480.213818-15502"
    project.files.create(project.path("allocations", f"{name}.{worker}"))
    assert examined("slurm")[1][-1][:2] == (
        "ok", "workers have come, so nodes see the project")


@pytest.mark.parametrize("qstat, state, text", [
    ("true", "ok", "prints 0 line(s) for the job 999999999"),
    ("echo job", "warn", "prints 1 line(s) for the job 999999999"),
    ("echo qstat: no server >&2; exit 2", "FAIL", "pending: qstat: no server"),
])
def test_of_templates_pending_is_run(project, system, qstat, state, text):
    system(qsub="false", qdel="false", qstat=qstat)
    conf(project, OLD)
    code, found = examined("pbs")
    assert code == (state == "FAIL")
    assert found[0][0] == state and text in found[0][1]


def test_programs_of_templates_that_are_missing_are_told(project, system):
    system(qstat="true")
    conf(project, OLD)
    code, found = examined("pbs")
    assert code == 1 and [text for _, text, _ in found[:2]] == [
        "submit: qsub is not there", "cancel: qdel is not there"]


def test_an_error_in_remote_conf_is_told_once(project, system):
    system()
    conf(project, SECTION + "color: red\n")
    result = fjd("fjd", "doctor")
    assert result.returncode == 78
    assert result.stdout.count("color: unknown") == 1
