"""Arrays that really run: summary, status, results and audit agree."""
import json
import os
import signal
import time

import pytest

from helpers import finish, fjd, ledger, ok, start, wait_until

from fjd.names import new_token, Stamps
from fjd.verbs.newarray import Common, put_list, put_range, ranges


@pytest.fixture
def array(project):
    """array(number, chunk, command, **keys): puts the array sim."""
    def array(number, chunk, command, **keys):
        stamps = Stamps(new_token(time.time()))
        lines = [b"%d\n" % task for task in range(1, number + 1)]
        assert put_list(project, "sim", b"".join(lines), stamps.new())
        common = Common(command, "/", tuple(keys.items()))
        for first, last in ranges(number, chunk):
            offset = sum(map(len, lines[:first - 1]))
            put_range(project, "sim", first, last, common, offset,
                      stamps.new())
    return array


@pytest.fixture
def workers():
    """workers(number): started in the background; all are killed at the end.
    """
    started = []

    def workers(number):
        new = [start("fjd-worker") for _ in range(number)]
        started.extend(new)
        return new
    yield workers
    for worker in started:
        worker.kill()
        finish(worker)


def status():
    return json.loads(ok("fjd", "status", "--json")[0])


def counts(found):
    return {state: found[state] for state in (
        "waiting", "given", "running", "done", "failed") if found[state]}


def rows(*options):
    found = ok("fjd", "results", "--json", *options)
    return list(map(json.loads, found))


def test_all_count_tasks(project, array, workers):
    array(30, 8, "test {} -ne 17")
    assert counts(status()) == {"waiting": 30}
    workers(2)
    assert fjd("fjd-dispatcher").stdout.splitlines()[-2:] == [
        "[fjd-dispatcher] 29 done, 1 failed: sim:17 (exit 1)",
        "[fjd-dispatcher] To see why: fjd why --project default sim:17; what"
        " it printed: fjd log --project default sim:17",
    ]
    assert counts(status()) == {"done": 29, "failed": 1}
    assert ok("fjd", "status")[0] == \
        "0 waiting, 0 held, 0 given out, 0 running, 29 done, 1 failed"
    found = rows()
    assert sorted(int(row["task"]) for row in found) == list(range(1, 31))
    assert [row["end"] for row in found] == sorted(
        row["end"] for row in found)
    failed, = rows("--failed")
    assert (failed["job"], failed["status"]) == ("sim:17", "exit 1")
    assert ok("fjd", "results", "--failed")[1].split("\t")[:2] == [
        "failed", "sim:17"]
    assert len(ok("fjd", "results", "--joblog")) == 31
    assert ok("fjd", "audit")[-1] == (
        "0 waiting, 0 held, 0 given out, 0 running, 29 done, 1 failed:"
        " 0 not accounted for")


def test_running_ranges_are_shown_by_their_tasks(project, array, workers):
    array(5, 5, "test -e stop || sleep 600")
    workers(1)
    dispatcher = start("fjd-dispatcher")
    wait_until(lambda: status()["runs"])
    found = status()
    assert counts(found) == {"running": 5}
    job, = found["jobs"]
    assert (job["array"], job["first"], job["last"]) == ("sim", 1, 5)
    line = ok("fjd", "status")[1]
    assert line.startswith("running: sim: tasks 1 to 5 on ")
    dispatcher.send_signal(signal.SIGINT)
    assert " 0 done, 0 failed, 5 left" in finish(dispatcher)


def test_killed_workers_lose_no_task_and_count_none_twice(
    project, array, workers,
):
    """Each range is cut several times; then all agree."""
    array(120, 30, "sleep 0.01; test $(({} % 10)) -ne 0")
    started = workers(2)
    dispatcher = start("fjd-dispatcher")
    for number in range(1, 6):
        wait_until(lambda: len(ledger(project)) >= 12 * number)
        worker = started.pop(0)
        worker.send_signal(signal.SIGKILL)
        started += workers(1)
    said = finish(dispatcher)
    assert "108 done, 12 failed: " in said and "and 2 more" in said
    found = rows()
    assert sorted(int(row["task"]) for row in found) == list(range(1, 121))
    failed = {int(row["task"]) for row in rows("--failed")}
    assert failed == set(range(10, 121, 10))
    assert counts(status()) == {"done": 108, "failed": 12}
    assert ok("fjd", "audit") == [
        "0 waiting, 0 held, 0 given out, 0 running, 108 done, 12 failed:"
        " 0 not accounted for"]
    lost = [row for row in ledger(project) if row["event"] == "lost"]
    assert len(lost) >= 3


def test_passes_report_each_task_once(project, array, workers):
    """fjd-dispatcher --once, as cron starts it."""
    array(20, 5, "test {} -ne 7")
    workers(1)
    said = []
    while len(said) < 100 and sum(map(ended, said)) < 20:
        said.append(fjd("fjd-dispatcher", "--once").stdout)
    assert sum(map(ended, said)) == 20
    assert sum("1 failed: sim:7 (exit 1)" in text for text in said) == 1
    assert " 0 done, 0 failed" in fjd("fjd-dispatcher", "--once").stdout


def ended(text):
    """How many tasks a pass says have ended."""
    for line in text.splitlines():
        words = line.split()
        if "done," in words:
            return int(words[1]) + int(words[3].rstrip(":"))
    return 0


def test_a_removed_range_is_named_by_summary_and_audit(
    project, array, workers,
):
    array(10, 5, "test {} -ne 3 || sleep 600")
    workers(1)
    dispatcher = start("fjd-dispatcher", "--keep-running")
    wait_until(lambda: len(ledger(project)) == 2)
    name, = os.listdir(project.path("running"))
    os.unlink(project.path("running", name))
    project.wake_workers("1")
    wait_until(lambda: counts(status()).get("done") == 5)
    dispatcher.send_signal(signal.SIGINT)
    said = finish(dispatcher)
    assert " 7 done, 0 failed, 3 vanished: sim: tasks 3 to 5 (vanished)" \
        in said
    assert len(rows()) == 7
    result = fjd("fjd", "audit")
    assert result.returncode == 1
    assert result.stdout.startswith(
        "sim: tasks 1 to 5 have no file; fjd cancel is the way to remove"
        " tasks\n")
