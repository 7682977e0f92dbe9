"""fjd run --halt, and what --resume then runs."""
import os
import signal
import subprocess
from collections import Counter

import pytest

from helpers import command, finish, ledger, ok, run, wait_until
from test_run import (  # noqa: F401
    begin, hold, nobody_lives, projects, run_fjd,
)

from fjd.ledger import DONE, FAILED

# Job 2 fails when job 1 has begun; all others wait for the end of hold.
SCRIPT = (
    "echo {} >> runs; touch begun{}; if test {} = 2; then"
    " until test -e begun1; do sleep 0.02; done; test -e good; else"
    " while test -e hold; do sleep 0.02; done; fi")
JOBS = [":::", "1", "2", "3", "4", "5", "6"]
SOON = "[fjd] No more jobs begin; waiting for those that run."


def runs(home):
    return Counter((home / "runs").read_text().split())


def lines_until(process, wanted):
    """The lines of a process up to the one that is wanted."""
    found = []
    for line in process.stdout:
        found.append(line.rstrip("\n"))
        if found[-1] == wanted:
            return found
    raise AssertionError(found)


def go_on(home, *words):
    """Run the rest, which is well this time; nothing is lost."""
    (home / "good").write_text("")
    status, _, said = run_fjd("run", "--resume", "-j2", *words)
    assert status == 0
    project, = projects(home)
    assert nobody_lives(project)
    ok("fjd", "audit", "--project", project.name)
    return said.splitlines()


def test_soon_lets_running_jobs_end(home, hold):  # noqa: F811
    process = begin("-j2", "--halt", "soon,fail=1", SCRIPT, *JOBS)
    lines_until(process, SOON)
    assert (home / "begun1").exists()
    hold()
    said = finish(process).splitlines()
    assert process.returncode == 3
    project, = projects(home)
    assert nobody_lives(project)
    begun = runs(home)
    assert begun["1"] == begun["2"] == 1 and len(begun) <= 4
    left = 6 - len(begun)
    assert f"[fjd] Halted by soon,fail=1: {left} job(s) are left." in said
    assert said[-1] == "[fjd] To go on: type the same with --resume"
    assert "[fjd] 6 done, 0 failed" in go_on(home, SCRIPT, *JOBS)
    assert runs(home) == Counter("1223456")


def test_now_ends_running_jobs_for_later(home, hold):  # noqa: F811
    process = begin("-j2", "--halt", "now,fail=1", SCRIPT, *JOBS)
    said = finish(process).splitlines()
    assert process.returncode == 3
    project, = projects(home)
    assert nobody_lives(project)
    assert "[fjd] Halted by now,fail=1: 5 job(s) are left." in said
    begun = runs(home)
    hold()
    assert "[fjd] 6 done, 0 failed" in go_on(home, SCRIPT, *JOBS)
    assert runs(home) == begun + Counter("123456")
    ended = Counter(row["job"] for row in ledger(project)
                    if row["event"] == DONE)
    assert set(ended.values()) == {1} and len(ended) == 6


def test_of_short_jobs_in_ranges_exactly_the_rest_is_left(home):
    numbers = [str(number) for number in range(1, 1501)]
    script = "test {} != 700 || test -e good"
    status, _, said = run_fjd(
        "run", "-j2", "--halt", "now,fail=1", script, ":::", *numbers)
    project, = projects(home)
    events = Counter(row["event"] for row in ledger(project))
    assert status == 3 and events[FAILED] == 1
    left = 1500 - events[DONE] - 1
    assert f"[fjd] Halted by now,fail=1: {left} job(s) are left." in said
    assert left > 0 and nobody_lives(project)
    assert "[fjd] 1500 done, 0 failed" in go_on(
        home, script, ":::", *numbers)
    ended = Counter(row["job"] for row in ledger(project)
                    if row["event"] == DONE)
    assert set(ended.values()) == {1} and len(ended) == 1500


def test_if_the_last_job_fails_nothing_was_halted(home):
    status, out, said = run_fjd(
        "run", "-kj1", "--halt", "now,fail=1", "echo {}; test {} != 3", ":::",
        "1", "2", "3")
    assert (status, out) == (3, "1\n2\n3\n")
    assert "2 done, 1 failed" in said and "Halted" not in said


def test_in_order_what_has_ended_is_printed(home, hold):  # noqa: F811
    process = begin(
        "-kj2", "--halt", "soon,fail=1",
        "echo {}; test {} != 3 || exit 1; test {} -lt 3 || %s"
        % "while test -e hold; do sleep 0.02; done", ":::", *"12345678")
    before = lines_until(process, SOON)
    hold()
    lines = before + finish(process).splitlines()
    printed = [line for line in lines if line[0] != "["]
    assert process.returncode == 3
    assert printed == sorted(printed) and len(printed) < 8
    assert printed[:3] == ["1", "2", "3"]
    assert lines[-1] == "[fjd] To go on: type the same with --resume"


def test_killed_while_it_waits_it_loses_nothing(home, hold):  # noqa: F811
    process = begin("-j2", "--halt", "soon,fail=1", SCRIPT, *JOBS)
    lines_until(process, SOON)
    process.kill()
    process.communicate()
    hold()
    assert "[fjd] 6 done, 0 failed" in go_on(home, SCRIPT, *JOBS)
    ended = Counter(row["job"] for row in ledger(projects(home)[0])
                    if row["event"] == DONE)
    assert set(ended.values()) == {1} and len(ended) == 6


def test_a_signal_while_it_waits_ends_running_jobs(home, hold):  # noqa: F811
    process = begin("-j2", "--halt", "soon,fail=1", SCRIPT, *JOBS)
    lines_until(process, SOON)
    process.send_signal(signal.SIGINT)
    said = finish(process).splitlines()
    project, = projects(home)
    assert process.returncode == 130 and nobody_lives(project)
    assert "[fjd] Stopped: 5 job(s) are left" in "\n".join(said)
    hold()
    assert "[fjd] 6 done, 0 failed" in go_on(home, SCRIPT, *JOBS)


def test_a_percentage_is_one_of_all_jobs(home):
    """Also of those that come later; the third one would never end."""
    source = "(echo 1; sleep 0.3; printf '2\\n3\\n4\\n')"
    result = run(["sh", "-c", f'{source} | "$@"', "sh"] + command(
        "fjd", "run", "-j1", "--halt", "now,fail=50%",
        "test {} -lt 3 || sleep 1234; exit 1"))
    assert result.returncode == 3
    assert "[fjd] Halted by now,fail=50%: 2 job(s) are left." \
        in result.stderr.splitlines()


def test_it_does_not_wait_for_the_end_of_a_list(home):
    process = subprocess.Popen(
        command("fjd", "run", "-j1", "--halt", "now,fail=1", "exit 1;"),
        stdin=subprocess.PIPE, stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT)
    process.stdin.write(b"1\n")
    process.stdin.flush()
    said = process.stdout.read().decode().splitlines()
    process.stdin.close()
    assert process.wait() == 3
    assert said[-2:] == [
        "[fjd] Halted by now,fail=1: the rest of the list is left.",
        "[fjd] To go on: type the same with --resume"]


def test_a_job_that_is_tried_again_has_not_failed(home):
    script = "echo x >> tries{}; test $(wc -l < tries{}) -gt 1"
    status, _, said = run_fjd(
        "run", "-j1", "--retries", "1", "--halt", "now,fail=1", script, ":::",
        "1", "2", "3")
    assert status == 0
    assert "[fjd] 3 done, 0 failed" in said.splitlines()


def test_in_a_shared_project_only_new_failures_count(home, project, put):
    put("old", "[control]\nexecutable: false\n")
    ok("fjd-recruiter", "hire", "1")
    run_fjd("--project", "default", "run", "true", ":::", "a")
    status, _, said = run_fjd(
        "run", "--project", "default", "--halt", "now,fail=1", "true", ":::",
        "1", "2", "3")
    assert status == 0 and "Halted" not in said


CASES = [  # condition, what each job does, whether the status is an error
    ("now,fail=1", "exit 1", 1), ("soon,fail=1", "exit 1", 1),
    ("now,success=1", "true", 0), ("soon,success=1", "true", 0),
    ("now,done=1", "true", 0), ("now,done=1", "exit 1", 1),
    ("never", "exit 1", 1), ("1", "exit 1", 1), ("2", "exit 1", 1),
    ("0", "exit 1", 1), ("50%", "exit 1", 1),
]


@pytest.mark.needs("parallel")
@pytest.mark.parametrize("condition, script, is_bad", CASES)
def test_parallel_has_the_same_status(home, condition, script, is_bad):
    words = ["-j1", "--halt", condition, f"touch {{}}; {script}", ":::", "a",
             "b"]
    theirs = run(["parallel", *words]).returncode
    status = run_fjd("run", *words)[0]
    assert (bool(status), bool(theirs)) == (bool(is_bad), bool(is_bad))
    assert os.path.exists(home / "a")


@pytest.mark.parametrize("words", [
    ["--halt", "now"], ["--halt", "now,fail=0"], ["--pipe"], ["-S", "8/host"],
    ["-j", "-2"], ["--timeout", "200%"], ["--retries", "x"], ["--nice", "20"],
    ["--delay", "x"], ["-I", "X"], ["-u"],
])
def test_what_is_refused_is_one_line_and_makes_nothing(home, words):
    status, out, said = run_fjd("run", *words, "touch", ":::", "a")
    assert (status, out, said.count("\n")) == (2, "", 1)
    assert not (home / ".fjd").exists() and not (home / "a").exists()


# Other limits

def test_jobs_are_tried_again_end_in_time_and_are_nice(home):
    tries = "echo x >> tries{}; nice > nice{}; test {} = 1 || sleep 1234"
    status, _, said = run_fjd(
        "run", "-j2", "--retries", "1", "--timeout", "0.3", "--nice", "13",
        tries, ":::", "1", "2")
    assert status == 3
    assert "(timeout after 0.3 s)" in said
    assert (home / "tries1").read_text() == "x\n"
    assert (home / "tries2").read_text() == "x\nx\n"
    assert (home / "nice1").read_text() == "13\n"


def test_jobs_begin_one_after_another_with_a_delay(home):
    status, _, said = run_fjd(
        "run", "-j3", "--delay", "0.2", "sleep 0.1; true", ":::", *"1234")
    assert status == 0
    project, = projects(home)
    starts = sorted(float(row["start"]) for row in ledger(project))
    assert len(starts) == 4
    gaps = [after - before for before, after in zip(starts, starts[1:])]
    assert min(gaps) > 0.15


def test_for_as_many_jobs_as_come_there_are_workers(home, hold):  # noqa: F811
    process = begin("-j0", "touch begun{}; while test -e hold; do"
                    " sleep 0.02; done", ":::", *"12345")
    wait_until(lambda: all((home / f"begun{n}").exists() for n in "12345"))
    assert len(projects(home)[0].pods()) == 5
    hold()
    assert "[fjd] 5 done, 0 failed" in finish(process).splitlines()


@pytest.mark.parametrize("when", ["now", "soon"])
def test_one_worker_begins_nothing_after_a_failure(home, when):
    """However short the jobs are."""
    status, out, said = run_fjd(
        "run", "-j1", "--halt", f"{when},fail=1", "-k",
        "echo {}; test {} != 3", ":::", *"1234567")
    assert (status, out) == (3, "1\n2\n3\n")
    assert "[fjd] To go on: type the same with --resume" in said.splitlines()
    status, out, _ = run_fjd("run", "--resume", "-j1", "echo {}", ":::",
                             *"1234567")
    assert (status, len(out.split())) == (0, 7)  # another command
