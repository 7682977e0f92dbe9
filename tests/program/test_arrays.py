"""Arrays, as a person puts, watches, cancels and retries them."""
import os
import signal
import subprocess

import pytest

from helpers import (
    command, finish, fjd, ledger, LONG, ok, start, wait_until,
)

from fjd.names import Attempt, Range


def put_on_stdin(data, *arguments):
    return subprocess.run(
        command("fjd", "put", *arguments), input=data, stdout=subprocess.PIPE,
        stderr=subprocess.PIPE, timeout=LONG)


def refused(*arguments):
    result = fjd("fjd", "put", *arguments)
    assert (result.returncode, result.stdout) == (2, "")
    return result.stderr.rstrip("\n")


def ranges(project, place="jobqueue"):
    parts = [Range.parse(Attempt.parse(name).job)
             for name in project.names(place)]
    return sorted((part.first, part.last) for part in parts)


@pytest.fixture
def work(project):
    """work(): hired workers run what waits; the dispatcher's last line."""
    def work(status=0):
        ok("fjd-recruiter", "hire", "--session", "process")
        result = fjd("fjd-dispatcher")
        assert result.returncode == status, result
        return [line for line in result.stdout.splitlines()
                if " done, " in line][-1]
    return work


def test_numbers_are_put(project):
    assert ok("fjd", "put", "--array", "1-2000", "--name", "sim", "echo",
              "{}") == ["sim: 2000 tasks"]
    assert ranges(project)[0] == (1, 2) and len(ranges(project)) == 1500
    assert ok("fjd", "put", "--array", "1-2000", "--name", "sim",
              "echo {}") == ["sim: 0 tasks; 2000 of 2000 were put before"]


@pytest.mark.parametrize("words, why", [
    (["--array", "5-10", "x"], "seq 5 10 | fjd put --list -"),
    (["--array", "1-0", "x"], "is not 1-N, such as 1-1000"),
    (["--array", "7", "x"], "is not 1-N, such as 1-1000"),
    (["--array", "1-5"], "needs a command"),
    (["--array", "1-5", "--list", "x", "a {}"], "either --array or --list"),
    (["--array", "1-5", "a\tb"], "control character"),
    (["--array", "1-5", " a"], "begins or ends with a blank"),
    (["--array", "1-5", "a" + " " * 70 + "b"], "many in a row"),
    (["--array", "1-5", "--name", "a:b", "x"], "may not contain : or ="),
    (["--list", "nothing", "a {}"], "nothing: No such file"),
    (["--list", "/", "a {}"], "/: Is a directory"),
    (["--list", "list", "a"], "no {}, which stands for the line"),
    (["--chunk", "0", "--array", "1-5", "x"], "no number above 0"),
    (["--chunk", "5", "--name", "x", "y"], "--chunk is for arrays"),
])
def test_what_cannot_be_put_is_refused(project, words, why):
    assert why in refused(*words)
    assert project.waiting() == project.names("arrays") == []


@pytest.mark.parametrize("data, why", [
    (b"", b"the list is empty"), (b"\n \n", b"the list is empty"),
    (b"#x\n", b"the list is empty"), (b"a\n\0\n", b"line 2 of the list"),
])
def test_bad_lists_are_refused(project, data, why):
    result = put_on_stdin(data, "--list", "-")
    assert result.returncode == 2 and why in result.stderr
    assert project.names("arrays") == []


def test_a_list_is_run(project, home, work):
    lines = ["a b", "it's", 'say "x" $HOME', "é", "--x", "x" * 100000]
    data = "\r\n".join(lines).encode() + b"\n\n\xff"
    assert put_on_stdin(data, "--list", "-", "--name", "my sim", "--chunk",
                        "3", "printf %s {}").stdout == b"my sim: 7 tasks\n"
    assert "7 done, 0 failed" in work()
    for number, line in enumerate(lines + ["\udcff"], 1):
        assert fjd("fjd", "log", f"my sim:{number}").stdout == line
    assert ok("fjd", "clean", "--done") == [
        "Removed: my sim (7 tasks)"]


def test_a_list_of_commands_has_a_name_of_its_own(project, home, work):
    (home / "list").write_text(
        "# first\necho \"a b\"|tr b c\n\nexit $FJD_TASK\n")
    line, = ok("fjd", "put", "--list", "list")
    array, _, text = line.partition(": ")
    assert text == "2 tasks"
    assert "1 done, 1 failed" in work(status=3)
    assert ok("fjd", "log", f"{array}:1") == ["a c"]
    assert fjd("fjd", "why", f"{array}:2").stdout.startswith(
        f"{array}:2 has failed")


@pytest.mark.parametrize("keys, name, number", [
    ("executable: echo {}\narray: 1-4\n", "job1", 4),
    ("list: my list\nexecutable: echo {} $FJD_TASK\n", "job1", 2),
    ("list: my list\n", "job1", 2),
])
def test_a_job_file_describes_an_array(project, home, keys, name, number):
    (home / "sub").mkdir()
    (home / "sub" / name).write_text(
        f"[control]\n{keys}timeout: 5\nretries: 2\nnice: 3\ndirectory: /\n")
    (home / "sub" / "my list").write_text("a\nb\n")
    assert ok("fjd", "put", f"sub/{name}") == [f"{name}: {number} tasks"]
    from fjd.jobfile import read_job
    for name in project.waiting():
        job = read_job(project.files, project.waiting_job(name))
        assert (job.timeout, job.retries, job.niceness, job.directory) \
            == (5, 2, 3, "/")


@pytest.mark.parametrize("keys, why", [
    ("executable: x\narray: 2-4\n", "array: 1-N"),
    ("array: 1-4\n", "needs 'executable'"),
    ("executable: x\nlist: list\n", "no {}"),
    ("executable: x {}\nlist: list\narray: 1-3\n", "both array and list"),
    ("executable: x {}\nlist: list\ntimeout: y\n", "timeout: "),
    ("executable: x {}\nlist: list\n", "No such file"),
])
def test_a_bad_description_is_refused(project, home, keys, why):
    (home / "job1").write_text(f"[control]\n{keys}")
    (home / "job2").write_text("[control]\nexecutable: true\n")
    result = fjd("fjd", "put", "job1", "job2")
    assert (result.returncode, result.stdout) == (2, "job2\n")
    assert result.stderr.startswith("fjd: error: job1: not put: ")
    assert why in result.stderr


def test_a_script_that_describes_an_array_is_refused(project, home):
    path = home / "script"
    path.write_text("#!/bin/sh\n# fjd: array=1-4\necho $FJD_TASK\n")
    path.chmod(0o700)
    result = fjd("fjd", "put", "script")
    assert (result.returncode, result.stdout) == (2, "")
    assert "a script cannot describe an array; try: fjd put" in result.stderr
    assert project.waiting() == []


def test_a_description_that_was_dropped_into_the_queue_fails(
    project, put, work,
):
    put("job1", "[control]\nexecutable: echo {}\narray: 1-4\n")
    assert "0 done, 1 failed" in work(status=3)
    assert "use fjd put" in ok("fjd", "log", "job1")[0]


def test_python_programs_put_values(project):
    from fjd import Project
    from fjd.errors import BadUsage
    api = Project("default")
    assert api.put("echo {}", name="sim", array=["a\nb", 1.5]) == "sim"
    assert api.put("echo {}", name="sim", array=["a\nb", 1.5]) == "sim"
    assert api.put("x {}", array=range(5)).startswith("array")
    assert sum(last - first + 1 for first, last in ranges(project)) == 7
    for bad in ({"array": []}, {"array": ["\0"]},
                {"name": "sim", "array": ["b"]}):
        with pytest.raises(BadUsage):
            api.put("echo {}", **bad)
    with pytest.raises(BadUsage):
        api.put("echo", array=[1])
    with pytest.raises(TypeError):
        api.put("echo {}", array="abc")


def test_the_log_of_a_task_is_followed(project, home):
    ok("fjd", "put", "--array", "1-3", "--chunk", "3", "--name", "sim",
       "echo out {}; until test -e go{}; do sleep 0.02; done; echo err >&2")
    ok("fjd-recruiter", "hire", "--session", "process")
    dispatcher = start("fjd-dispatcher")
    log = subprocess.Popen(
        command("fjd", "log", "-f", "sim:2"), stdout=subprocess.PIPE,
        stderr=subprocess.PIPE)
    try:
        (home / "go1").write_text("")
        assert log.stdout.readline() == b"out 2\n"
        assert ok("fjd", "log", "sim:1") == ["out 1", "err"]
        assert ok("fjd", "log", "sim:2") == ["out 2"]
        assert "sim:3 waits in its range for sim:2, which runs" \
            in ok("fjd", "why", "sim:3")
        assert ok("fjd", "cancel", "sim:3") == ["Cancelled: sim:3"]
        (home / "go2").write_text("")
        out, _ = log.communicate(timeout=LONG)
        assert (out, log.returncode) == (b"err\n", 0)
    finally:
        log.kill()
        (home / "go3").write_text("")
        finish(dispatcher)
    wait_until(lambda: not project.running())
    assert [row["event"] for row in ledger(project) if row["task"] == "3"] \
        == ["cleaned"]


def test_a_running_array_is_cancelled_and_goes_on_when_retried(
    project, home, work,
):
    ok("fjd", "put", "--array", "1-6", "--chunk", "3", "--name", "sim",
       "test -e go || { touch begun; sleep 100; }; echo {}")
    ok("fjd-recruiter", "hire", "--session", "process")
    dispatcher = start("fjd-dispatcher")
    wait_until(lambda: os.path.exists("begun"))
    ok("fjd", "cancel", "sim")
    finish(dispatcher)
    assert project.running() == [] == project.waiting()
    assert ranges(project, "cancelled") == [(1, 3), (4, 6)]
    (home / "go").write_text("")
    assert ok("fjd", "retry", "sim") == ["Waiting again: sim (6 tasks)"]
    work()
    assert ok("fjd", "log", "sim:6") == ["6"]
    assert ranges(project, "done") == [(1, 3), (4, 6)]


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGINT])
def test_a_put_that_was_ended_is_completed_by_the_same_command(
    project, number,
):
    words = ["put", "--array", "1-20000", "--chunk", "1", "--name", "sim",
             "echo {}"]
    put = subprocess.Popen(command("fjd", *words), stdout=subprocess.PIPE)
    wait_until(lambda: len(project.names("jobqueue")) > 100)
    put.send_signal(number)
    said, _ = put.communicate(timeout=LONG)
    before = len(project.names("jobqueue"))
    if number == signal.SIGINT:
        assert said == b"sim: not all of its tasks were put; the same" \
            b" command puts the others\n"
    line, = ok("fjd", *words)
    assert line == f"sim: {20000 - before} tasks; {before} of 20000 were put" \
        " before"
    assert ranges(project) == [(n, n) for n in range(1, 20001)]


def test_a_job_has_no_name_like_that_of_a_range(project):
    assert "like that of a range" in refused("--name", "a=1.1-5", "true")
