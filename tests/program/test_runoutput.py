"""What fjd run passes on of the output of its jobs, and what it says."""
import os
import re
import resource
import subprocess

import pytest

from helpers import command, LONG, ok, PIPE, wait_until
from test_run import nobody_lives, of_jobs, projects, run_fjd

KIB = 1024


def raw(*words, **how):
    """Status, stdout and stderr of fjd run, as bytes."""
    result = subprocess.run(
        command("fjd", "run", *words), stdin=subprocess.DEVNULL, stdout=PIPE,
        stderr=PIPE, timeout=LONG, **how)
    return result.returncode, result.stdout, result.stderr


# How it arrives

def test_halves_of_lines_of_two_jobs_never_mix(home):
    script = "printf 'one %s ' {}; sleep 0.1; printf 'two %s ' {};" \
        " sleep 0.1; echo three {}"
    status, out, _ = run_fjd("run", "-j4", script, ":::", *"abcd")
    assert status == 0
    assert sorted(out.splitlines()) == [
        f"one {x} two {x} three {x}" for x in "abcd"]


def test_stderr_and_stdout_of_two_jobs_in_one_pipe_never_mix(home):
    script = "echo {}1; echo {}2 >&2; sleep 0.1; echo {}3; echo {}4 >&2"
    result = subprocess.run(
        command("fjd", "run", "-j3", script, ":::", *"abc"), stdout=PIPE,
        stdin=subprocess.DEVNULL, stderr=subprocess.STDOUT, timeout=LONG)
    lines = of_jobs(result.stdout.decode()).split()
    jobs = ["".join(x[0] for x in lines[i:i + 4]) for i in (0, 4, 8)]
    assert sorted(jobs) == ["aaaa", "bbbb", "cccc"]
    assert [line[1] for line in lines] == 3 * ["1", "3", "2", "4"]


@pytest.mark.parametrize("kind", ["out", "err"])
def test_a_job_that_opens_its_output_again_empties_no_other_one(home, kind):
    """A range of several tasks has one log for all."""
    numbers = list(map(str, range(200)))
    line = f"echo a$1 >/dev/std{kind}"
    with open("script", "w") as script:
        script.write(f"#!/bin/sh\n{line}\n")
    os.chmod("script", 0o755)
    for command_line in line.replace("$1", "{}"), "./script", "sh ./script":
        words = ["run", "-kj1", command_line, ":::", *numbers]
        _, *printed = run_fjd(*words)
        lines = of_jobs(printed[kind == "err"]).split()
        assert lines == [f"a{number}" for number in numbers]


def test_what_ends_first_is_printed_first_unless_in_order(home):
    # Job a waits until job b has ended.
    script = "if test {} = a; then until test -s go; do sleep 0.02; done;" \
        " while kill -0 $(cat go) 2>/dev/null; do sleep 0.02; done; fi;" \
        " echo {}; test {} = a || echo $$ >go"
    assert run_fjd("run", "-j2", script, ":::", "a", "b")[1] == "b\na\n"
    os.unlink("go")
    assert run_fjd("run", "-kj2", script, ":::", "a", "b")[1] == "a\nb\n"


def test_bytes_arrive_as_they_are_also_of_failed_jobs(home):
    script = r"printf '\377\0\r x'; printf '\200 y' >&2; exit {}"
    status, out, said = raw("--quiet", script, ":::", "1")
    assert (status, out) == (3, b"\xff\0\r x")
    assert said.startswith(b"\x80 y[fjd] Failed: 1: ")


def test_only_the_last_try_of_a_job_is_printed(home, project, put):
    (home / "try").write_text(
        "echo x >>tries; cat tries; test $(wc -l <tries) = 2\n")
    put("job", "[control]\nexecutable: sh try #\nretries: 2\n")
    assert run_fjd("run", "--project", "default", "true", ":::", "a")[:2] == [
        0, "x\nx\n"]


def test_output_of_jobs_that_are_done_is_not_printed_again(home):
    words = ["echo {}; test -e good", ":::", "a"]
    assert run_fjd("run", *words)[:2] == [3, "a\n"]
    open("good", "w").close()
    assert run_fjd("run", "--resume", *words, "b")[1] in ("a\nb\n", "b\na\n")
    assert run_fjd("run", "--resume", *words, "b")[1] == ""
    assert run_fjd("run", "--resume", "-k", *words, "b")[1] == "a\nb\n"


def test_a_large_output_needs_little_memory(home):
    """The copying process may have 100 MB of addresses beyond Python's."""
    def limited():
        most = 250 * KIB * KIB
        resource.setrlimit(resource.RLIMIT_AS, (most, most))

    script = "head -c 300000000 /dev/zero #"
    process = subprocess.Popen(
        command("fjd", "run", "-j1", script, ":::", "#"), stdout=PIPE,
        stderr=subprocess.DEVNULL, stdin=subprocess.DEVNULL,
        preexec_fn=limited)
    size = 0
    for data in iter(lambda: process.stdout.read(1 << 20), b""):
        size += len(data)
        assert data.count(0) == len(data)
        if 100000000 < size < 250000000:
            with open(f"/proc/{process.pid}/status") as file:
                peak = re.search("VmHWM: *([0-9]+) kB", file.read().replace(
                    "\t", " "))
            assert int(peak.group(1)) < 40 * KIB
    assert (size, process.wait(LONG)) == (300000000, 0)


# Readers

def test_new_jobs_wait_for_a_slow_reader_and_ends_are_recorded(home):
    script = "echo >>begun; head -c 100000 /dev/zero #"
    process = subprocess.Popen(
        command("fjd", "run", "-j2", script, ":::", *map(str, range(300))),
        stdin=subprocess.DEVNULL, stdout=PIPE, stderr=subprocess.DEVNULL)
    wait_until(lambda: projects(home) and projects(home)[0].pods())
    project = projects(home)[0]

    def is_still():
        before = os.path.getsize("begun")
        ended = len(ok("fjd", "results", "--project", project.name)) - 1
        return before == os.path.getsize("begun") == ended > 0

    wait_until(lambda: os.path.exists("begun") and is_still())
    assert os.path.getsize("begun") < 200
    assert len(process.communicate(timeout=LONG)[0]) == 300 * 100000
    assert process.returncode == 0
    assert os.path.getsize("begun") == 300


@pytest.mark.parametrize("end", ["2>stderr | head -1", "2>&1 | head -2"])
def test_under_head_running_jobs_are_given_back_and_nothing_is_said(home, end):
    script = 'trap "" PIPE; ("$@"; echo $? >status) ' + end
    words = command("fjd", "run", "-j1", "echo {}; sleep 0.1", ":::",
                    *map(str, range(40)))
    result = subprocess.run(["sh", "-c", script, "sh", *words], stdout=PIPE,
                            stderr=PIPE, timeout=LONG)
    assert result.stdout.count(b"\n") in (1, 2) and result.stderr == b""
    assert open("status").read() == "141\n"
    project, = projects(home)
    wait_until(lambda: nobody_lives(project))
    assert not project.running() and project.waiting()
    if os.path.exists("stderr"):
        said = open("stderr").read()
        assert "Stopped" not in said and " done" not in said


def test_a_signal_ends_a_run_whose_reader_is_slow(home):
    process = subprocess.Popen(
        command("fjd", "run", "-j1", "head -c 100000 /dev/zero #", ":::",
                *"abcdefgh"), stdin=subprocess.DEVNULL, stdout=PIPE,
        stderr=PIPE)
    wait_until(lambda: projects(home) and projects(home)[0].names("done"))
    process.terminate()
    said = process.stderr.read().decode().splitlines()
    assert process.wait(LONG) == 130
    process.stdout.close()
    assert said[-1].startswith("[fjd] To go on: fjd run --resume -j1 ")
    wait_until(lambda: nobody_lives(projects(home)[0]))


def test_a_full_disk_behind_stdout_is_one_line_and_no_success(home):
    with open("/dev/full", "w") as full:
        result = subprocess.run(
            command("fjd", "run", "-j1", "echo {}", ":::", "a"),
            stdin=subprocess.DEVNULL, stdout=full, stderr=PIPE, timeout=LONG)
    assert result.returncode == 74
    said = result.stderr.decode()
    assert of_jobs(said) == (
        "fjd: error: standard output: No space left on device\n")
    assert " done" not in said and "Stopped" not in said
    wait_until(lambda: nobody_lives(projects(home)[0]))


def test_stderr_of_jobs_on_a_full_disk_is_no_success(home):
    """Only our own lines may be lost."""
    for script, expected in ("echo >&2", 74), ("echo", 0):
        with open("/dev/full", "w") as full:
            result = subprocess.run(
                command("fjd", "run", "-j1", script, ":::", "a"),
                stdin=subprocess.DEVNULL, stdout=PIPE, stderr=full,
                timeout=LONG)
        assert result.returncode == expected
        wait_until(lambda: all(map(nobody_lives, projects(home))))


def test_stderr_of_jobs_without_a_reader_ends_the_run(home):
    reader, writer = os.pipe()
    os.close(reader)
    result = subprocess.run(
        command("fjd", "run", "-j1", "echo >&2", ":::", "a", "b"),
        stdin=subprocess.DEVNULL, stdout=PIPE, stderr=writer, timeout=LONG)
    os.close(writer)
    assert result.returncode == 141
    wait_until(lambda: nobody_lives(projects(home)[0]))


@pytest.mark.parametrize("closed, out, said", [
    (">&-", "", "ea\n"), ("2>&-", "a\n", ""), (">&- 2>&-", "", ""),
])
def test_a_closed_stream_is_harmless(home, closed, out, said):
    words = command("fjd", "run", "-j1", "echo {}; echo e{} >&2", ":::", "a")
    result = subprocess.run(
        ["sh", "-c", f'exec "$@" {closed}', "sh", *words], stdout=PIPE,
        stdin=subprocess.DEVNULL, stderr=PIPE, timeout=LONG)
    assert result.returncode == 0 and result.stdout.decode() == out
    assert of_jobs(result.stderr.decode()) == said


# --tag, --quiet, --results, --joblog

@pytest.fixture
def list_of(monkeypatch):
    """list_of(commands): words for fjd run, each an argument of its own."""
    return lambda *commands: [":::", *commands]


def test_tag_stands_before_each_line(home, list_of):
    script = r"printf 'x\n\ny'; printf 'e\n' >&2"
    status, out, said = run_fjd("run", "-k", "--tag", *list_of(script))
    tag = f"{script}\t"
    assert (status, out) == (0, f"{tag}x\n{tag}\n{tag}y")
    assert of_jobs(said) == f"{tag}e\n"


def test_tag_is_the_argument_or_the_arguments(home):
    words = ["--tag", "-k", "echo {1}{2}", ":::", "a/b", "c", ":::", "x", "y"]
    out = "a/b\tx\ta/bx\na/b\ty\ta/by\nc\tx\tcx\nc\ty\tcy\n"
    assert run_fjd("run", *words)[:2] == [0, out]
    assert run_fjd("run", "--resume", *words)[:2] == [0, out]


def test_the_quiet_read_only_of_failures(home):
    script = "echo {}; echo e{} >&2; exit {}"
    assert run_fjd("run", "-k", "--quiet", script, ":::", "0", "5") == [
        3, "5\n", "e5\n[fjd] Failed: 2: echo 5; echo e5 >&2; exit 5 (exit 5):"
        " e5\n"]


def test_results_are_a_tree(home, list_of):
    jobs = ["echo a", ". nosuch", "printf x; echo é >&2; exit 3", "echo a",
            "/bin/echo x/../y"]
    assert run_fjd("run", "-j2", "--results", "R", *list_of(*jobs))[0] == 3
    found = {name: [open(f"R/{name}/{file}").read() for file in (
        "stdout", "stderr", "status")] for name in os.listdir("R")}
    assert found.pop("_ nosuch")[2] in ("1\n", "2\n", "127\n")
    assert found == {
        "echo a": ["a\n", "", "0\n"], "echo a-4": ["a\n", "", "0\n"],
        "printf x; echo é >&2; exit 3": ["x", "é\n", "3\n"],
        "_bin_echo x_.._y": ["x/../y\n", "", "0\n"]}


def test_results_are_written_again_by_a_resumed_run(home, list_of):
    words = ["--results", "R", *list_of("echo new; test -e good")]
    assert run_fjd("run", *words)[0] == 3
    assert open("R/echo new; test -e good/status").read() == "1\n"
    open("good", "w").close()
    assert run_fjd("run", "--resume", *words)[0] == 0
    assert os.listdir("R") == ["echo new; test -e good"]
    assert open("R/echo new; test -e good/status").read() == "0\n"


def test_joblog_is_begun_anew_and_appended_to_when_resumed(home):
    words = ["--joblog", "log", "test {} != 2 || test -e good", ":::"]
    for _ in range(2):
        assert run_fjd("run", "-j1", *words, "1", "2")[0] == 3
    rows = [line.split("\t") for line in open("log").read().splitlines()]
    assert rows[0][:3] == ["Seq", "Host", "Starttime"]
    assert [(row[0], row[6], row[8]) for row in rows[1:]] == [
        ("1", "0", "test 1 != 2 || test -e good"),
        ("2", "1", "test 2 != 2 || test -e good")]
    open("good", "w").close()
    assert run_fjd("run", "--resume", *words, "1", "2", "3")[0] == 0
    rows = [line.split("\t") for line in open("log").read().splitlines()]
    assert [row[0] for row in rows] == ["Seq", "1", "2"] + sorted(
        row[0] for row in rows[3:]) and len(rows) == 5


@pytest.mark.parametrize("words, name", [
    (["--joblog", "no/such"], "no/such"), (["--results", "file"], "file"),
])
def test_files_that_cannot_be_written_are_wrong_usage(home, words, name):
    open("file", "w").close()
    status, out, said = run_fjd("run", *words, "touch", ":::", "a")
    assert (status, out, said.count("\n")) == (2, "", 1)
    assert f"{words[0]}: {name}: " in said
    assert not (home / ".fjd").exists() and not os.path.exists("a")


# Failures

def test_a_failure_is_named_while_others_run(home):
    script = "test {} = 2 && { echo sorry >&2; exit 9; };" \
        " while ! test -e go; do sleep 0.02; done"
    process = subprocess.Popen(
        command("fjd", "run", "-kj2", script, ":::", "1", "2"),
        stdin=subprocess.DEVNULL, stdout=PIPE, stderr=PIPE)
    for line in iter(process.stderr.readline, b""):
        if b"Failed: 2: " in line:
            break
    assert re.search(rb" \(exit 9\): s", line) and len(line) <= 80
    open("go", "w").close()
    rest = process.communicate(timeout=LONG)[1].decode().splitlines()
    assert rest[-2:] == ["[fjd] 1 done, 1 failed",
                         "[fjd] To see why: fjd why 2"]
    assert max(map(len, rest)) < 80


def test_silent_leaves_out_all_lines_of_fjd_but_failures(home):
    result = run_fjd("run", "-k", "--silent", "echo {}; test {} != b",
                     ":::", "a", "b")
    assert result[:2] == [3, "a\nb\n"]
    assert result[2] == "[fjd] Failed: 2: echo b; test b != b (exit 1): b\n"
