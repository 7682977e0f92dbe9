"""Lists of fjd run that come while it runs, and their arrays."""
import os
import re
import subprocess

import pytest

from helpers import command, ok, wait_until
from test_run import nobody_lives, of_jobs, projects, run_fjd

from fjd.names import Attempt, Range


@pytest.fixture
def typed(home):
    """typed(words): a fjd run that reads what is written to its stdin."""
    started = []

    def typed(*words):
        started.append(subprocess.Popen(
            command("fjd", "run", "-j2", *words), stdin=subprocess.PIPE,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT))
        return started[-1]

    yield typed
    for process in started:
        process.stdin.close()
        process.kill()
        process.wait()
    for project in projects(home):
        ok("fjd-recruiter", "--project", project.name, "fire")


def write(process, text):
    process.stdin.write(text.encode())
    process.stdin.flush()


def arrays(home):
    return sorted(name for project in projects(home)
                  for name in project.names("arrays"))


def test_jobs_begin_while_the_list_still_comes(home, typed):
    process = typed("touch {}")
    for number, name in enumerate(["a", "b c", "d"], 1):
        write(process, f"{name}\n")
        wait_until((home / name).exists)
        assert len(arrays(home)) == number
    write(process, "e\nf")  # The last line may have no end.
    process.stdin.close()
    said = process.stdout.read().decode()
    assert process.wait() == 0
    assert "[fjd] 5 done, 0 failed" in said.splitlines()
    assert (home / "f").exists()
    assert arrays(home) == ["list-1", "list-2", "list-3", "list-4"]
    project, = projects(home)
    assert nobody_lives(project)
    ok("fjd", "audit", "--project", project.name)


def test_output_comes_before_the_next_line(home, typed):
    process = typed("-k", "echo {}")
    for name in "abc":
        write(process, f"{name}\n")
        assert f"{name}\n".encode() in iter(process.stdout.readline, b"")


def test_numbers_go_on(home):
    numbers = [str(number) for number in range(1, 4)]
    said = run_fjd("run", "test {} != 2", ":::", *numbers)[2]
    project, = projects(home)
    assert "[fjd] To see why: fjd why 2" in said.splitlines()
    said = run_fjd("run", "--resume", "test {} != 5", ":::", "5")[2]
    assert "has a job of this list: running all." in said
    words = ["run", "--resume", "test {} != 2", ":::", *numbers, "4", "2"]
    said = run_fjd(*words)[2]
    assert [line for line in said.splitlines() if "ailed" in line] == [
        "[fjd] Failed: 2: test 2 != 2 (exit 1)",
        "[fjd] Failed: 5: test 2 != 2 (exit 1)", "[fjd] 3 done, 2 failed"]
    for number, word in ("1", "is done"), ("5", "has failed"):
        told = ok("fjd", "why", "--project", project.name, number)
        assert word in told[0]


def test_a_list_that_is_cut_off_is_told_and_continued(home, typed):
    process = typed("touch {}; sleep 60 #")
    write(process, "a\nb\nc\n")
    wait_until((home / "a").exists)
    process.terminate()
    said = process.stdout.read().decode().splitlines()[-2:]
    assert process.wait() == 130
    assert said == [
        "[fjd] Stopped: 3 job(s) and the rest of the list are left.",
        "[fjd] To go on: type the same with --resume"]


def test_removed_tasks_run_again_as_others(home):
    """Their lines would count for a range that is put in their place."""
    words = ["echo {} >> runs", ":::", *map(str, range(6))]
    assert run_fjd("run", "-j1", *words)[0] == 0
    project, = projects(home)
    names = project.names("done")[2:4]
    parts = [Range.parse(Attempt.parse(name).job) for name in names]
    for name in names:
        os.unlink(project.path("done", name))
    status, _, said = run_fjd("run", "--resume", "-j1", *words)
    number = sum(part.last - part.first + 1 for part in parts)
    assert status == 0 and "[fjd] 6 done, 0 failed" in said.splitlines()
    assert len((home / "runs").read_text().split()) == 6 + number
    assert arrays(home) == ["list-1", "list-7"]


def test_nul_bytes_that_come_later_stop_the_run(home, typed):
    process = typed("touch {}")
    write(process, "a\n")
    wait_until((home / "a").exists)
    write(process, "b\0\n")
    said = process.stdout.read().decode()
    assert process.wait() == 2
    assert "standard input: NUL bytes; one item a line is wanted" in said
    assert "Traceback" not in said


def test_a_command_that_fits_no_line_of_a_list_is_a_job(home):
    long = "echo " + "x" * 200000
    data = f"echo a\n{long}\necho b\n{long}\n".encode()
    status, out, _ = run_fjd("run", "-k", data=data)
    assert status == 0
    assert out == "a\n{0}\nb\n{0}\n".format("x" * 200000)
    project, = projects(home)
    assert arrays(home) == ["list-1", "list-3"]
    assert ok("fjd", "log", "--project", project.name, "2") == ["x" * 200000]
    errors = ("--err", "--project", project.name)
    assert [ok("fjd", "log", *errors, n) for n in "123"] == [[], [], []]
    assert ok("fjd", "log", "--project", project.name, "3") == ["b"]
    said = run_fjd("run", "--resume", data=data)[2]
    assert "[fjd] Nothing to do." in said and "has 4 of 4" in said


def test_a_line_break_in_an_argument_is_kept(home):
    assert run_fjd("run", "-k", "printf '<%s>'", ":::", "a\nb", "c\\n")[:2] \
        == [0, "<a\nb><c\\n>"]


def test_the_output_of_other_tasks_is_not_printed_again(home):
    words = ["run", "-k", "echo {}; echo {} >&2", ":::"]
    for more, texts in ([], "ab"), (["--resume"], "cb"):
        _, out, said = run_fjd("run", *more, *words[1:], *texts)
        assert out == of_jobs(said) == "".join(f"{t}\n" for t in texts)


@pytest.mark.parametrize("verb", ["cancel", "remove"])
def test_a_run_goes_on_when_all_that_waits_is_taken_away(home, typed, verb):
    process = typed("touch ran-{}; sleep 0.05")
    write(process, "".join(f"{n}\n" for n in range(200)))
    process.stdin.close()
    wait_until((home / "ran-1").exists)
    project = projects(home)[0]
    if verb == "cancel":
        ok("fjd", "cancel", "--project", project.name, "list-1")
    else:
        for name in project.names("jobqueue"):
            os.unlink(project.path("jobqueue", name))
    said = process.stdout.read().decode()
    assert process.wait() == 3
    counts = re.search("([0-9]+) done, 0 failed, ([0-9]+) ", said)
    assert sum(map(int, counts.groups())) == 200
    assert len(list(home.glob("ran-*"))) >= int(counts.group(1))
