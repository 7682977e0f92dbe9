"""A shorter run of tests/crash/chaos, and that it sees what must not be."""
import importlib.machinery
import importlib.util
import os
import signal
import sys

import pytest

from helpers import ROOT, run, wait_until

CHAOS = os.path.join(ROOT, "tests", "crash", "chaos")
ATTEMPT = "job1~1.0123456789abcdef0-1"
NEXT = "job1~2.0123456789abcdef0-2"


def load():
    loader = importlib.machinery.SourceFileLoader("chaos", CHAOS)
    spec = importlib.util.spec_from_loader("chaos", loader)
    module = importlib.util.module_from_spec(spec)
    loader.exec_module(module)
    return module


chaos = load()
chaostasks = sys.modules["chaostasks"]
PLAIN = chaos.Job("job1", 0.0, 0, "sleeps", False)
FAILS = PLAIN._replace(status=1)


@pytest.mark.slow
def test_nothing_is_lost_while_workers_and_dispatchers_are_killed():
    result = run(
        [sys.executable, CHAOS, "--jobs", "200", "--tasks", "300",
         "--seed", "7"], timeout=300,
    )
    assert (result.returncode, result.stderr) == (0, ""), result.stdout
    counted = dict(
        line.rsplit(None, 1) for line in result.stdout.splitlines()
        if not line.endswith("seconds")
    )
    assert (counted["jobs put"], counted["tasks put"]) == ("200", "300")
    assert counted["lost (0)"] == counted["accepted twice (0)"] == "0"
    assert counted["tasks lost (0)"] == counted["tasks accepted twice (0)"]
    assert int(counted["tasks given up"])
    assert int(counted["SIGKILL worker"]) and int(counted["attempts lost"])


@pytest.fixture
def record(tmp_path):
    """record({path: text}): a run that left these files, beside job1's."""
    def record(files, deeds=f"{ATTEMPT} begin\n{ATTEMPT} end\n"):
        files = {"results/job1": deeds, **files}
        for name, text in files.items():
            path = tmp_path / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
        return chaos.Record(str(tmp_path))
    return record


def ledger(*rows):
    """The file of a ledger with these events, attempts and workers."""
    lines = ["event\tattempt\tworker"] + ["\t".join(row) for row in rows]
    return {"fjd/default/ledger/w.tsv": "\n".join(lines) + "\n"}


def wrong(record, job=PLAIN):
    """The numbers that must be 0 and are not."""
    zeros = record.zeros([job], {"dead"})
    return [name for name, found in zeros.items() if list(found)]


DONE = {
    f"fjd/default/done/{ATTEMPT}": "", **ledger(("done", ATTEMPT, "w")),
}
AGAIN = {
    f"fjd/default/done/{NEXT}": "",
    **ledger(("lost", ATTEMPT, "dead"), ("done", NEXT, "w")),
}


def test_a_job_that_was_done_is_well(record):
    assert wrong(record(DONE)) == []


def test_a_ledger_without_a_line_is_no_harm(record):
    assert wrong(record({**DONE, "fjd/default/ledger/x.tsv": ""})) == []


def test_a_job_whose_worker_was_killed_is_well_and_has_run_twice(record):
    again = record(
        AGAIN, f"{ATTEMPT} begin\n{NEXT} begin\n{NEXT} end\n",
    )
    assert wrong(again) == []
    assert again.run_twice() == ["job1"]


def test_a_job_that_three_workers_died_of_is_given_up(record):
    attempts = [f"job1~{n}.0123456789abcdef0-{n}" for n in (1, 2, 3, 4)]
    given_up = record(
        {
            f"fjd/default/failed/{attempts[3]}": "",
            **ledger(*[("lost", name, "dead") for name in attempts[:3]]),
        },
        "".join(f"{name} begin\n" for name in attempts[:3]),
    )
    assert wrong(given_up) == []
    assert given_up.given_up() == [attempts[3]]


@pytest.mark.parametrize("what, files", [
    ("lost", ledger(("done", ATTEMPT, "w"))),
    ("accepted twice", {**DONE, f"fjd/default/failed/{ATTEMPT}": ""}),
    ("in the wrong place", {f"fjd/default/failed/{ATTEMPT}": ""}),
    ("attempts without a record", {f"fjd/default/done/{ATTEMPT}": ""}),
    ("taken from the living", {**DONE, **ledger(("lost", ATTEMPT, "w"))}),
    ("files left", {**DONE, "fjd/default/running/x@w": ""}),
    ("files left", {**DONE, "fjd/default/joblogs/.w.1.log": ""}),
    ("tracebacks", {**DONE, "output": "x\nTraceback (most recent call\n"}),
])
def test_it_sees(record, what, files):
    assert what in wrong(record(files))


@pytest.mark.parametrize("what, deeds", [
    ("in the wrong place", f"{ATTEMPT} begin\n"),
    ("attempts begun twice", f"{ATTEMPT} begin\n" * 2),
    ("two attempts at once",
     f"{ATTEMPT} begin\n{NEXT} begin\n{ATTEMPT} end\n"),
])
def test_it_sees_in_what_jobs_did(record, what, deeds):
    assert what in wrong(record(DONE, deeds))


def test_it_sees_that_a_log_is_missing(record):
    talks = PLAIN._replace(how="talks")
    assert wrong(record(DONE), talks) == ["without its log"]
    log = {f"fjd/default/joblogs/{ATTEMPT}.log": "I sleep.\n"}
    assert wrong(record({**DONE, **log}), talks) == []


def test_a_job_that_should_have_failed_is_not_well_in_done(record):
    assert wrong(record(DONE), FAILS) == ["in the wrong place"]


# Tasks

RANGE = "a=1.1-2~1.0123456789abcdef0-1"
OTHER = "a=1.2-2~2.0123456789abcdef0-2"
ENDED = "a=1.3-2~1.0123456789abcdef0-1"
TASKS = [chaostasks.TaskSpec(f"a:{n}", 0, 0, "sleeps") for n in (1, 2)]
HEAD = "event\tattempt\tworker\treason\ttask\tout"


def ran(number, attempt=RANGE, turn=1):
    name = f"{attempt}:{number}~{turn}"
    return f"{name} begin\n{name} end\n"


def of_tasks(*rows, place="done", name=ENDED):
    """The files of an array of two tasks, with these lines of a ledger."""
    lines = "\n".join([HEAD, *rows, ""])
    return {f"fjd/default/{place}/{name}": "",
            "fjd/default/arrays/a": "1\n2\n",
            "fjd/default/ledger/w.tsv": lines,
            "results/a:1": ran(1), "results/a:2": ran(2)}


def line(number, event="done", attempt=RANGE, reason=""):
    return f"{event}\t{attempt}\tw\t{reason}\t{number}\t"


BOTH = of_tasks(line(1), line(2))


def wrong_tasks(record, files, tasks=TASKS):
    found = record(files).zeros_of_tasks(tasks, {"a:2"})
    return [what for what, names in found.items() if names]


def test_tasks_that_were_done_are_well(record):
    assert wrong_tasks(record, BOTH) == []


def test_line_of_an_attempt_that_was_cut_does_not_count(record):
    files = of_tasks(line(1), line(2, "failed"), line(2, "done", OTHER))
    files["results/a:2"] += ran(2, OTHER)
    assert wrong_tasks(record, files) == []


def test_task_that_a_person_cancelled_is_well(record):
    assert wrong_tasks(record, of_tasks(line(1), line(2, "cleaned"))) == []


@pytest.mark.parametrize("what, files", [
    ("tasks lost", of_tasks(line(1))),
    ("tasks accepted twice", of_tasks(line(1), line(2), line(2, "failed"))),
    ("arrays with holes", of_tasks(line(1), line(2), place="jobqueue")),
    ("arrays with holes",
     {**BOTH, "fjd/default/failed/a=2.3-2x1~1.0123456789abcdef0-9": ""}),
    ("tasks that ended wrong", of_tasks(line(1), line(2, "failed"))),
    ("tasks that ended wrong", of_tasks(line(1, "cleaned"), line(2))),
    ("tasks that ended wrong",
     of_tasks(line(1), line(2, "failed", reason="given up after 3"))),
    ("tasks that ended wrong", {**BOTH, "results/a:2": ""}),
    ("tasks that run after their end",
     {**BOTH, "results/a:2": ran(2) + ran(2, OTHER)}),
])
def test_it_sees_of_tasks(record, what, files):
    assert what in wrong_tasks(record, files)


def test_it_sees_that_what_a_task_printed_is_missing(record):
    talk = [task._replace(how="talks") for task in TASKS]
    assert wrong_tasks(record, BOTH, talk) == [
        "tasks without what they printed"]


def test_a_seed_repeats_the_choices():
    blows = [chaos.draw_blows(chaos.random.Random("7")) for _ in range(2)]
    first, second = ([next(blow) for _ in range(200)] for blow in blows)
    assert first == second
    assert {blow.kind for blow in first} == set(chaos.BLOWS)


def test_the_processes_of_a_run_are_found(tmp_path, monkeypatch):
    monkeypatch.setenv("FJD_DIR", str(tmp_path / "fjd"))
    process = chaos.subprocess.Popen(["sleep", "60"])
    try:
        # Until execve(2) is over, it has no environment.
        wait_until(
            lambda: chaos.processes_of(str(tmp_path)) == [process.pid])
    finally:
        process.send_signal(signal.SIGKILL)
        process.wait()
    assert chaos.processes_of(str(tmp_path)) == []
