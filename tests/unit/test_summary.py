"""How it went: what a dispatcher says at the end."""
import os
import shlex

import pytest

from fjd.ledger import (
    DONE, Entry, FAILED, GIVEN_BACK, Ledger, LOST, RETRIED, SUPERSEDED,
)
from fjd.verbs.summary import Outcome
from fjd.verbs.titles import pasteable


@pytest.fixture
def outcome(project):
    return Outcome(project, {})


@pytest.fixture
def record(project):
    """record(event, job) adds a line of worker w to a ledger, w's or that."""
    ledgers = {writer: Ledger(project, writer) for writer in "vw"}

    def record(event, job, status="exit 0", writer="w", **more):
        ledgers[writer].write(Entry(
            event, job, f"{job}~1.a-1", "", "w", status=status, **more,
        ))
    return record


def summary(outcome):
    outcome.update()
    return outcome.summary()


def test_only_what_came_after_the_offsets_counts(project, outcome, record):
    record(DONE, "old")
    record(FAILED, "older", "exit 1")
    outcome.update()
    outcome = Outcome(project, outcome.offsets)
    assert summary(outcome) == ["0 done, 0 failed"]
    record(DONE, "new")
    record(DONE, "of a new ledger", writer="v")
    assert summary(outcome) == ["2 done, 0 failed"]
    assert summary(outcome) == ["2 done, 0 failed"]


def test_what_goes_back_into_the_queue_does_not_count(outcome, record):
    record(GIVEN_BACK, "a", "-")
    record(LOST, "b", "-")
    assert summary(outcome) == ["0 done, 0 failed"]


def test_half_a_line_waits_for_its_other_half(project, outcome, record):
    record(DONE, "a")
    with open(project.ledger_file("w"), "rb+", buffering=0) as file:
        line = file.read().splitlines(True)[1]
        for part in line[:1], line[1:-1]:
            file.write(part)
            assert summary(outcome) == ["1 done, 0 failed"]
        file.write(line[-1:])
    assert summary(outcome) == ["2 done, 0 failed"]


def test_lines_of_a_newer_fjd_count(project, outcome, record):
    """New columns will come at the end."""
    record(DONE, "a")
    with open(project.ledger_file("w"), "rb+") as file:
        line = file.read().splitlines()[1]
        file.write(b"done\tscrap\n\n" + line + b"\tmore\n")
    assert summary(outcome) == ["2 done, 0 failed"]


@pytest.mark.parametrize("event, status", [
    (DONE, "exit 0"), (FAILED, "exit 1"),
])
def test_a_superseded_end_is_taken_back(outcome, record, event, status):
    record(event, "a", status)
    record(SUPERSEDED, "a", status)
    record(DONE, "b")
    record(SUPERSEDED, "c", "-", reason="taken away")
    assert summary(outcome) == ["1 done, 0 failed"]


def test_an_end_that_a_worker_did_not_complete_is_taken_back(outcome, record):
    """It died between its line in the ledger and the rename."""
    record(DONE, "a")
    assert summary(outcome) == ["1 done, 0 failed"]
    record(LOST, "a", "-", writer="v")
    assert summary(outcome) == ["0 done, 0 failed"]


@pytest.mark.parametrize("is_late", [False, True])
@pytest.mark.parametrize("worker, reclaimer", ["wv", "vw"])
def test_an_end_is_taken_back_whichever_line_is_seen_first(
    outcome, record, worker, reclaimer, is_late,
):
    """NFS: the line of a dead worker may be seen later than its reclaimer's,
    which has given the job up.
    """
    record(LOST, "a", "-", writer=reclaimer)
    record(FAILED, "b", "-", writer=reclaimer)
    if is_late:
        outcome.update()
    record(DONE, "a", writer=worker)
    assert summary(outcome)[0].startswith("0 done, 1 failed")


def test_attempts_that_are_retried_are_not_looked_for(
    project, outcome, record, monkeypatch,
):
    """There may be many, and a network takes a while for each."""
    monkeypatch.setattr(project, "is_accepted", None)
    record(RETRIED, "a")
    record(GIVEN_BACK, "b")
    outcome.update()
    assert not outcome.owed


@pytest.mark.parametrize("event", [DONE, FAILED])
def test_a_loss_that_is_read_before_the_end_takes_it_back(
    project, outcome, record, monkeypatch, event,
):
    """Both lines were written while the ledgers were read, in this order."""
    record(DONE, "b")
    real, writes = project.files.read, [(event, "v"), (LOST, "w")]

    def read(path, *how):
        while path.endswith("w.tsv") and writes:
            what, writer = writes.pop(0)
            record(what, "a", writer=writer)
        return real(path, *how)

    monkeypatch.setattr(project.files, "read", read)
    assert outcome.update() == []
    assert outcome.update() == []
    assert outcome.summary() == ["1 done, 0 failed"]


def test_an_end_that_came_about_is_not_taken_back(project, outcome, record):
    """Somebody was about to give the job back, and came too late."""
    record(DONE, "a")
    record(LOST, "a", "-", writer="v")
    open(project.path("done", "a~1.a-1"), "w").close()
    assert summary(outcome) == ["1 done, 0 failed"]


def test_an_end_is_taken_back_once(outcome, record):
    """Its worker was taken for dead, went on, and found the job gone."""
    record(LOST, "a", "-", writer="v")
    record(DONE, "a")
    record(SUPERSEDED, "a")
    assert summary(outcome) == ["0 done, 0 failed"]


def test_an_end_before_the_offsets_is_not_taken_back_after_them(
    project, outcome, record,
):
    record(DONE, "a")
    outcome.update()
    outcome = Outcome(project, outcome.offsets)
    record(SUPERSEDED, "a")
    assert summary(outcome) == ["0 done, 0 failed"]


def test_each_failure_has_a_line_that_says_where_to_look(
    project, outcome, record,
):
    record(FAILED, "a", "exit 1")
    outcome.update()
    log = project.job_log("a~1.a-1")
    assert outcome.failures() == [f"Failed: a (exit 1), see '{log}'"]


def where(project, job, name):
    """What is said of where to look, to be pasted into a shell."""
    log = shlex.quote(project.job_log(f"{name}~1.a-1"))
    return f"To see why: fjd why --project default {shlex.quote(job)};" \
        f" what it printed: {log}"


def test_a_path_is_quoted_only_if_it_has_to_be():
    assert pasteable("/home/a/job~1.0-1.log") == "/home/a/job~1.0-1.log"
    assert pasteable("/home/a b/job~1") == "'/home/a b/job~1'"
    assert pasteable("/a/$(x)~1") == "'/a/$(x)~1'"


def test_a_failed_job_is_named_with_its_reason(project, outcome, record):
    record(DONE, "a")
    record(FAILED, os.fsdecode(b"caf\xe9"), "-", reason="it is a FIFO")
    assert summary(outcome) == [
        "1 done, 1 failed: caf\\udce9 (it is a FIFO)",
        where(project, "caf\\udce9", "caf\\udce9"),
    ]


def test_a_failed_job_has_its_own_name(outcome, record):
    """Not the one that it has in the ledger, where backslashes are doubled."""
    record(FAILED, "a\\b", "exit 1")
    assert summary(outcome)[0] == "0 done, 1 failed: a\\b (exit 1)"


def test_a_job_of_a_list_is_named_by_its_command(outcome, record):
    record(FAILED, "2-" + "f" * 16, "exit 1", command="make " + "x" * 40)
    assert summary(outcome)[0] == \
        f"0 done, 1 failed: 2: make {'x' * 32}... (exit 1)"


def test_a_job_of_a_list_without_a_command_is_named_by_its_name(
    outcome, record,
):
    record(FAILED, "2-" + "f" * 16, "-", reason="no")
    assert summary(outcome)[0] == f"0 done, 1 failed: 2-{'f' * 16} (no)"


def test_many_failed_jobs_are_named_in_part(project, outcome, record):
    for k in range(12):
        record(FAILED, f"job{k}", f"exit {k}")
    named = ", ".join(f"job{k} (exit {k})" for k in range(10))
    assert summary(outcome) == [
        f"0 done, 12 failed: {named}, and 2 more",
        where(project, "job0", "job0"),
    ]


def test_an_error_at_a_line_counts_it_once(
    project, outcome, record, monkeypatch,
):
    def fail(attempt):
        raise OSError(5, "Input/output error")

    record(DONE, "a")
    record(LOST, "b", writer="v")
    outcome.update()
    record(SUPERSEDED, "a")
    record(DONE, "c")
    record(DONE, "b")
    for _ in range(2):
        with monkeypatch.context() as broken:
            broken.setattr(project, "is_accepted", fail)
            with pytest.raises(OSError):
                outcome.update()
    assert summary(outcome) == ["1 done, 0 failed"]


def test_an_error_in_between_loses_no_line(
    project, outcome, record, monkeypatch,
):
    record(FAILED, "a", "exit 1", writer="v")
    record(DONE, "b")
    real = project.files.read

    def read(path, *how):
        if path.endswith("w.tsv"):
            raise OSError(5, "Input/output error")
        return real(path, *how)

    with monkeypatch.context() as broken:
        broken.setattr(project.files, "read", read)
        with pytest.raises(OSError):
            outcome.update()
    assert outcome.update() == ["a (exit 1)"]
    assert outcome.summary()[0].startswith("1 done, 1 failed: a (exit 1)")
