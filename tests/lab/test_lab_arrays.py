"""Arrays on several machines with a home on NFS, and power losses."""
import json

import pytest

from helpers import finish, ledger, wait_until
from test_lab import lab  # noqa: F401

from fjd.verbs.taskbook import Book

pytestmark = [
    pytest.mark.slow, pytest.mark.alone, pytest.mark.needs("root", "FJD_LAB"),
]

TASKS = 800
TASK = ': >~/started/"$FJD_ATTEMPT"; echo {}; sleep 0.1'


def test_each_task_ends_once_though_server_and_a_host_lose_power(
    lab,  # noqa: F811
):
    """In the middle of an array the file server, and then a host whose last
    lines nobody has, are without power.
    """
    project = lab.project("array", dict(node2=2, node3=2), {})
    put = lab.ok("node1", "fjd", "put", "--project", "array", "--name", "sim",
                 "--array", f"1-{TASKS}", "--chunk", "10", TASK)
    assert put == [f"sim: {TASKS} tasks"]
    lab.ok("node1", "fjd-recruiter", "--project", "array", "hire")
    dispatcher = lab.start("node1", "fjd-dispatcher", "--project", "array")
    wait_until(lambda: ended(project) >= TASKS // 8, 120)
    lab.hosts("kill", "nas")
    assert ended(project) <= TASKS // 2
    lab.hosts("boot", "nas")
    before = ended(project)
    wait_until(lambda: ended(project) >= before + TASKS // 8, 120)
    assert ended(project) <= TASKS * 7 // 8
    lab.hosts("kill", "node3")
    said = finish(dispatcher, 300).splitlines()
    print(*said[-3:], sep="\n")
    assert dispatcher.returncode == 0
    assert said[-1] == f"[fjd-dispatcher] {TASKS} done, 0 failed"
    audit = lab.fjd("node1", "fjd", "audit", "--project", "array")
    assert (audit.returncode, audit.stderr) == (0, ""), audit.stdout
    assert audit.stdout.endswith(
        f"{TASKS} done, 0 failed: 0 not accounted for\n"), audit.stdout
    rows = [json.loads(line) for line in lab.ok(
        "node1", "fjd", "results", "--project", "array", "--json")]
    names = [f"sim:{number}" for number in range(1, TASKS + 1)]
    assert sorted(row["job"] for row in rows) == sorted(names)
    assert {row["event"] for row in rows} == {"done"}
    begun = {name.rpartition("~")[0] for name in lab.started()}
    assert begun >= {f"{row['attempt']}:{row['task']}" for row in rows}
    lost = [row for row in ledger(project) if row["event"] == "lost"]
    assert {row["host"] for row in lost} == {"node3"}


def ended(project):
    """How many tasks the names of ranges say have ended."""
    parts = [found.part for found in Book(project).places()]
    latest = {part.key: part.next - part.first for part in sorted(parts)}
    return sum(latest.values())
