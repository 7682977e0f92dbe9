"""Workers and dispatchers of an earlier commit, beside those of this one.

The commit is taken from git: the last one before fjd/ had directories.
"""
import glob
import os
import subprocess
import sys

import pytest

from helpers import (
    fjd, finish, jobs_in, ledger, ok, PIPE, ROOT, run, start, wait_until,
)

BEFORE = "9532784"

pytestmark = [pytest.mark.slow, pytest.mark.needs("git")]


@pytest.fixture(scope="module")
def old(tmp_path_factory):
    """The directory of that commit's commands."""
    place = tmp_path_factory.mktemp("old")
    archive = str(place / "fjd.tar")
    if run(["git", "-C", ROOT, "cat-file", "-e", BEFORE]).returncode:
        pytest.skip(f"commit {BEFORE} is not here: a shallow clone?")
    for words in [
        ["git", "-C", ROOT, "archive", "-o", archive, BEFORE, "bin", "fjd"],
        ["tar", "-xf", archive, "-C", str(place)],
    ]:
        assert run(words).returncode == 0
    return str(place / "bin")


@pytest.fixture
def versions(old):
    """versions(of): start(name, ...) of the old or of the new commands."""
    def start_old(name, *arguments):
        return subprocess.Popen(
            [sys.executable, os.path.join(old, name), *arguments],
            stdin=subprocess.DEVNULL, stdout=PIPE, stderr=subprocess.STDOUT,
            encoding="utf-8")
    return {"old": start_old, "new": start}.get


@pytest.fixture
def gates(tmp_path):
    paths = [str(tmp_path / name) for name in "ab"]
    for path in paths:
        os.mkfifo(path)
    return paths


@pytest.mark.parametrize("worker, first, second", [
    ("old", "old", "new"), ("new", "old", "new"), ("new", "new", "old"),
    ("old", "new", "old"),
])
def test_a_project_goes_on_under_another_version(
    project, put, versions, gates, worker, first, second,
):
    """With jobs that wait, run, are held, and have ended: the first of two
    dispatchers is killed.
    """
    put("job1", "[control]\nexecutable: true\n")
    put("job2", "[control]\nexecutable: exit 4 #\n")
    put("job3", f"[control]\nexecutable: cat {gates[0]} #\n")
    workers = [versions(worker)("fjd-worker") for _ in range(2)]
    dispatcher = versions(first)("fjd-dispatcher", "--keep-running")
    wait_until(lambda: len(jobs_in(project, "done") + jobs_in(
        project, "failed")) == 2 and project.running())
    ok("fjd", "put", "--name", "job4", "true")
    ok("fjd", "hold", "--all")
    put("job5", f"[control]\nexecutable: cat {gates[1]} #\n")
    wait_until(lambda: len(project.running()) == 2)
    put("job6", "[control]\nexecutable: true\n")
    dispatcher.kill()
    finish(dispatcher)
    after = versions(second)("fjd-dispatcher", "--standby")
    for gate in gates:
        with open(gate, "w") as file:
            file.write("x\n")
    said = finish(after)
    assert " done, 1 failed: job2 (exit 4)" in said
    for process in workers:
        finish(process)
        assert process.returncode == 0
    done = {"job1", "job3", "job5", "job6"}
    assert done <= set(jobs_in(project, "done")) <= done | {"job4"}
    assert ok("fjd", "audit")[-1].endswith("0 not accounted for")
    assert {row["job"] for row in ledger(project)} >= done | {"job2"}


def test_what_an_older_fjd_run_has_left_is_resumed(home, versions, gates):
    gate = gates[0]
    process = versions("old")(
        "fjd", "run", "-j1", "--session", "process", "cat {} #", ":::",
        "/dev/null", gate)
    place, = wait_until(lambda: glob.glob(str(home / ".fjd" / "run-*")))
    wait_until(lambda: len(os.listdir(place + "/done")) == 1
               and os.listdir(place + "/running"))
    process.terminate()
    assert "1 job(s) are left" in finish(process)
    os.unlink(gate)
    open(gate, "w").close()
    result = fjd(
        "fjd", "run", "--resume", "-j1", "--session", "process", "cat {} #",
        ":::", "/dev/null", gate)
    assert result.returncode == 0, result.stderr
    assert "which has 2 of 2 command(s)" in result.stderr
    assert "2 done, 0 failed" in result.stderr
    assert run(["ls", place + "/jobqueue"]).stdout == ""
