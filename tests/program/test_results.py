"""fjd results: the ledgers as one table."""
import json
import os
import pty
import subprocess
import sys

import pytest

from helpers import BIN, command, LONG, ok, run

from fjd.ledger import (
    CLEANED, DONE, Entry, FAILED, HEADER, Ledger, LOST, read_entries, RETRIED,
    SUPERSEDED,
)
from fjd.project import SEEN
from fjd.verbs.results import as_joblog, results


@pytest.fixture
def record(project):
    """record(event, job, end) adds a line to a worker's ledger."""
    ledgers = {worker: Ledger(project, worker) for worker in "vw"}

    def record(event, job, end=1.0, worker="w", **more):
        ledgers[worker].write(Entry(
            event, job, f"{job}~1.a-1", "lab", worker, end - 1.0, end,
            **{"status": "exit 0", **more},
        ))
    return record


def told(project, **how):
    return [(entry.event, entry.job) for entry in results(project, **how)]


def test_results_of_all_hosts_come_in_the_order_in_which_jobs_ended(
    project, record,
):
    for number in range(10):
        record(DONE, f"job{number}", float(number), "vw"[number // 3 % 2])
    assert [job for _, job in told(project)] == [f"job{n}" for n in range(10)]


@pytest.mark.needs("a terminal")
def test_names_and_commands_do_not_control_a_terminal(project, record):
    """To a pipe they go byte for byte."""
    record(FAILED, "a\x1b]0;x\x07", command="printf '\x1b[2J\x9b'",
           reason="ex\xe9\r\tb")
    row = run(command("fjd", "results")).stdout.split("\n")[1]
    assert "\ta\x1b]0;x\x07\t" in row and "'\x1b[2J\x9b'" in row
    ours, theirs = pty.openpty()
    process = subprocess.Popen(command("fjd", "results"), stdout=theirs)
    os.close(theirs)
    shown = b""
    try:
        while True:
            shown += os.read(ours, 4096)
    except OSError:
        pass  # It has ended.
    assert process.wait(LONG) == 0
    os.close(ours)
    row = shown.decode().splitlines()[1]
    assert "a\\x1b]0;x\\x07" in row and "\\x1b[2J\\x9b" in row
    assert all(c.isprintable() or c == "\t" for c in row)
    assert row.count("\t") == HEADER.count("\t")


def test_an_end_that_did_not_come_about_is_no_result(project, record):
    record(DONE, "a")
    record(SUPERSEDED, "a")
    record(FAILED, "b", status="exit 1")
    record(LOST, "b", worker="v")
    record(DONE, "c")
    assert told(project) == [(DONE, "c")]


def test_an_end_that_came_about_is_one_though_a_line_denies_it(
    project, record,
):
    record(LOST, "a", worker="v")
    record(DONE, "a")
    open(project.path("done", "a~1.a-1"), "w").close()
    assert told(project) == [(DONE, "a")]


def test_a_failure_that_is_tried_again_on_demand_is_no_result(
    project, record,
):
    record(FAILED, "a", status="exit 1")
    record(RETRIED, "a", worker="v")
    assert told(project) == []


def test_what_was_cleaned_still_is_a_result(project, record):
    record(DONE, "a")
    record(CLEANED, "a", worker="v")
    assert told(project) == [(DONE, "a")]
    assert told(project, has_all=True) == [(CLEANED, "a"), (DONE, "a")] \
        or told(project, has_all=True) == [(DONE, "a"), (CLEANED, "a")]


def test_table_is_that_of_the_ledger(project, record, monkeypatch):
    """Byte for byte, in any locale."""
    monkeypatch.setenv("LC_ALL", "C")
    record(DONE, os.fsdecode(b"caf\xc3\xa9 \xff"), command="a\tb\nc\\d")
    with open(project.ledger_file("w"), "rb") as file:
        ledger = file.read()
    shown = subprocess.run(
        command("fjd", "results"), stdout=subprocess.PIPE).stdout
    assert shown == ledger
    assert shown.startswith(HEADER.encode())


def test_json_has_numbers(record):
    record(DONE, "a", 2.5, cpu=0.25, peak=7, command="x\ny")
    found, = map(json.loads, ok("fjd", "results", "--json"))
    assert (found["end"], found["cpu"], found["peak"]) == (2.5, 0.25, 7)
    assert found["command"] == "x\ny"


def test_joblog_is_that_of_parallel(project, record):
    record(DONE, "a", 2.0, command="echo a")
    record(FAILED, "b", 3.0, command="b\nc", status="exit 3")
    record(FAILED, "c", 4.0, command="c", status="signal 9")
    record(FAILED, "d", 5.0, status="-", reason="the file is empty")
    record(FAILED, "e", 6.0, command="e", reason="timeout after 1 s")
    assert "".join(as_joblog(results(project))) == (
        "Seq\tHost\tStarttime\tJobRuntime\tSend\tReceive\tExitval\tSignal"
        "\tCommand\n"
        "1\tlab\t1.000\t     1.000\t0\t0\t0\t0\techo a\n"
        "2\tlab\t2.000\t     1.000\t0\t0\t3\t0\tb\0c\n"
        "3\tlab\t3.000\t     1.000\t0\t0\t0\t9\tc\n"
        "4\tlab\t4.000\t     1.000\t0\t0\t-1\t0\td\n"
        "5\tlab\t5.000\t     1.000\t0\t0\t-1\t0\te\n"
    )


@pytest.mark.needs("parallel")
def test_parallel_runs_again_what_a_joblog_says_has_failed(record, home):
    record(DONE, "a", 2.0, command="echo a")
    record(FAILED, "b", 3.0, command="echo b", status="exit 3")
    record(FAILED, "c", 4.0, command="echo c", status="-")
    (home / "joblog").write_text(
        "\n".join(ok("fjd", "results", "--joblog") + [""]))
    again = run(["parallel", "--retry-failed", "--joblog", "joblog"])
    assert sorted(again.stdout.split()) == ["b", "c"]


def test_all_tells_everything(project, record):
    for event in (LOST, RETRIED, DONE):
        record(event, "a")
    assert len(ok("fjd", "results", "--all")) == 4


def test_a_long_line_is_read_whole(project, record):
    record(DONE, "a", command="x" * 300000)
    record(DONE, "b")
    assert [len(e.command) for e in read_entries(
        project, project.ledger_files())] == [300000, 0]


def test_half_a_line_and_a_strange_one_are_none(project, record):
    record(DONE, "a")
    with open(project.ledger_file("w"), "rb+") as file:
        line = file.read().splitlines(True)[1]
        file.write(line.replace(b"1.000", b"scrap") + b"done\n" + line[:-1])
    assert told(project) == [(DONE, "a")]


@pytest.mark.slow
def test_many_results_need_little_memory(project, record):
    record(DONE, "a", command="x" * 300)
    path = project.ledger_file("w")
    with open(path, "rb+") as file:
        line = file.read().splitlines(True)[1]
        for _ in range(100):
            file.write(line * 1000)
    code = "import resource, runpy, sys; sys.argv = sys.argv[1:];" \
        "resource.setrlimit(resource.RLIMIT_DATA, (1 << 26, 1 << 26));" \
        "runpy.run_path(sys.argv[0], run_name='__main__')"
    shown = run([sys.executable, "-c", code, os.path.join(BIN, "fjd"),
                 "results"])
    assert shown.stderr == "" and shown.stdout.count("\n") == 100002


def with_more_columns(line):
    return line + "\tmore"


def without_the_last(line):
    return line.rpartition("\t")[0]


@pytest.mark.parametrize("change", [with_more_columns, without_the_last])
def test_a_ledger_of_another_version_is_read_by_all(project, put, change):
    """Columns come at the end; results, audit, why and the next summary."""
    put("good", "[control]\nexecutable: true\n")
    put("bad", "[control]\nexecutable: false\n")
    ok("fjd-recruiter", "hire", "1")
    assert run(command("fjd-dispatcher")).returncode == 3
    for path in project.ledger_files():
        with open(path) as file:
            lines = file.read().splitlines()
        with open(path, "w") as file:
            file.writelines(change(line) + "\n" for line in lines)
    for name in project.notes(SEEN):
        os.unlink(project.path("dispatchers", name))
    ends = sorted(told(project))
    assert ends == [(DONE, "good"), (FAILED, "bad")]
    audit = ok("fjd", "audit")
    assert audit == ["0 waiting, 0 held, 0 given out, 0 running, 1 done,"
                     " 1 failed: 0 not accounted for"]
    assert any("failed, exit 1" in line for line in ok("fjd", "why", "bad"))
    summary = run(command("fjd-dispatcher")).stdout
    assert "] 1 done, 1 failed: bad (exit 1)\n" in summary
