"""fjd put: files, a command, and commands on standard input."""
import os
import pty
import subprocess

import pytest

from helpers import command, fjd, LONG, ok, wait_until

from fjd.jobfile import read_job
from fjd.names import Attempt, natural
from fjd.verbs.jobcopy import of_file

INI = "[control]\nexecutable: true\n"


@pytest.fixture
def make(home):
    """make(name, text, mode): a file in the current directory."""
    def make(name, text=INI, mode=0o600):
        path = home / name
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        path.chmod(mode)
        return name
    return make


def put_on_stdin(text, *arguments):
    return subprocess.run(
        command("fjd", "put", *arguments), input=text, stdout=subprocess.PIPE,
        stderr=subprocess.PIPE, timeout=LONG,
    )


def jobs(project):
    """{job: as a worker reads it} of all that waits."""
    return {
        Attempt.parse(name).job: read_job(
            project.files, project.waiting_job(name))
        for name in project.waiting()
    }


def recorded(make, text, mode=0o700):
    """What of_file() makes of a file."""
    from fjd import files
    path = os.path.abspath(make("x", text, mode))
    return of_file(path, "/where it was"), read_job(files, path)


def test_names_that_are_no_sequence_are_not_said_to_be_one(project, make):
    names = [make(name) for name in ("x9", "b", "x1", "c d")]
    assert ok("fjd", "put", *names[:2]) == ["x9, b"]
    assert ok("fjd", "put", *names) == ["4 jobs (x9, b, ... c d)"]


def test_files_wait_under_their_names_and_know_the_directory(
    project, make, home,
):
    names = [make("a b.job"), make("é"), make("'q'", "#!/bin/sh\n", 0o700)]
    assert ok("fjd", "put", *names) == ["a b.job, é, 'q'"]
    found = jobs(project)
    assert sorted(found) == sorted(names)
    assert {job.directory for job in found.values()} == {os.getcwd()}
    for name in names:
        assert (home / name).exists()


def test_a_file_that_is_put_twice_waits_twice(project, make):
    make("job1")
    assert ok("fjd", "put", "job1") == ok("fjd", "put", "./job1") == ["job1"]
    assert len(project.waiting()) == 2


def test_an_attempt_is_put_under_the_name_of_its_job(project, make):
    name = make(Attempt("job1", 3, "0" * 17 + "-1").name)
    assert ok("fjd", "put", name) == ["job1"]
    assert [Attempt.parse(name).n for name in project.waiting()] == [1]


def test_what_would_fail_is_refused_and_the_rest_is_put(project, make, home):
    (home / "folder").mkdir()
    bad = ["folder", "nosuch", make("empty", ""), make("ini", "[x]\n"),
           make("sh", "#!/bin/sh\n"), make(".dot"), make("copy~"),
           make("n\nl"), make("x" * 101)]
    result = fjd("fjd", "put", *bad, make("good"))
    assert (result.returncode, result.stdout) == (2, "good\n")
    lines = result.stderr.splitlines()
    assert len(lines) == len(bad)
    for line, why in zip(lines, [
        "a directory", "no such file", "empty", "no section [control]",
        "chmod +x", "with a dot", "with ~", "control character", "longer",
    ]):
        assert line.startswith("fjd: error: ") and why in line
    assert list(jobs(project)) == ["good"]


@pytest.mark.parametrize("words, hint", [
    (["echo hi"], "fjd put --name echo 'echo hi'"),
    (["echo", "hi"], "fjd put --name echo 'echo hi'"),
    (["./a b; c"], "fjd put --name a './a b; c'"),
    (["list"], "fjd put --name list list"),
    (["$(x)"], "fjd put --name x '$(x)'"), (["*"], "fjd put --name job1 '*'"),
    (["--project", "p", "echo hi"],
     "fjd put --project p --name echo 'echo hi'"),
])
def test_command_without_a_name_is_told_how_to_be_put(project, words, hint):
    result = fjd("fjd", "put", *words)
    assert (result.returncode, result.stdout.count("job1")) == (2, 0)
    assert result.stderr.splitlines()[-1].strip() == hint
    typed = hint.replace("fjd", " ".join(command("fjd")), 1)
    again = subprocess.run(["sh", "-c", typed], stdout=subprocess.PIPE)
    assert again.returncode == 0


@pytest.mark.parametrize("words", [["--", "-f"], [" "], ["a\nb"]])
def test_no_hint_that_would_not_work(project, words):
    result = fjd("fjd", "put", *words)
    assert result.returncode == 2 and result.stderr.count("\n") == 1


@pytest.mark.parametrize("name, hint", [
    ("list", "fjd put < list"), ("my list", "fjd put < 'my list'"),
])
def test_list_of_commands_is_told_how_to_be_put(project, make, name, hint):
    result = fjd("fjd", "put", make(name, "echo a\necho b\n"))
    assert (result.returncode, result.stdout) == (2, "")
    assert result.stderr.splitlines()[-1].strip() == hint
    typed = hint.replace("fjd", " ".join(command("fjd")), 1)
    subprocess.run(["sh", "-c", typed], stdout=subprocess.PIPE, check=True)
    assert len(project.waiting()) == 2


@pytest.mark.parametrize("text, mode", [
    ("", 0o600), ("[control]\nname: x\n", 0o600), ("#!/bin/sh\n", 0o600),
    (b"\0x", 0o600), ("[x]\na: b\n", 0o600),
])
def test_no_hint_where_a_job_file_is_broken(project, make, text, mode):
    result = fjd("fjd", "put", make("x", text, mode))
    assert result.returncode == 2 and result.stderr.count("\n") == 1


@pytest.mark.parametrize("text, line", [
    ("[control]\nexecutable: x\n", b"[control]\ndirectory: /where it was\n"),
    ("[fjd]\r\nexecutable: x\r\n", b"[fjd]\r\ndirectory: /where it was\r\n"),
    ("# c\n[a]\n\n [control] # c\n\n  # c\n  executable: x",
     b" [control] # c\n  directory: /where it was\n"),
    ("\ufeff[control]\nexecutable: x\n y\n", b"]\ndirectory: /where it was\n"),
    ("[fjd]\na: b\n[control]\nexecutable: x\n",
     b"[control]\ndirectory: /where it was\n"),
    ("#!/bin/sh\necho\n", b"#!/bin/sh\n# fjd: directory=/where it was\n"),
    ("#!/usr/bin/env -S A=b python3.8 -u\n# coding: utf-8\nx\n",
     b"# coding: utf-8\n# fjd: directory=/where it was\n"),
    ("#!/bin/sh\n# for tcl: \\\nexec tclsh\n",
     b"#!/bin/sh\n# fjd: directory=/where it was\n# for"),
    ("#! /usr/bin/make -f\n#x\nall:\n", b"#x\n# fjd: directory=/where it"),
])
def test_directory_is_a_line_and_all_else_stays(make, text, line):
    file, job = recorded(make, text)
    assert line in file.data and file.has_directory
    start = file.data.index(b"fjd: " if b"# fjd:" in line else b"directory:")
    begin = file.data.rfind(b"\n", 0, start) + 1
    end = file.data.index(b"\n", start) + 1
    assert file.data[:begin] + file.data[end:] == text.encode()
    assert file.is_program == text.startswith("#!")


@pytest.mark.parametrize("text", [
    "[control]\nexecutable: x\ndirectory: sub\n",
    "#!/bin/sh\n# fjd: directory=/tmp\n",
    "#!/usr/bin/env node\n// fjd: x\n# fjd: directory: /a\n",
])
def test_directory_that_is_there_stays(make, text):
    file, _ = recorded(make, text)
    assert (file.data, file.has_directory) == (text.encode(), True)


@pytest.mark.parametrize("text", [
    b"\x7fELF\0", b"#!/usr/bin/env node\n", b"#!/bin/sh", b"#!\n",
    b"#!/usr/bin/python3\nPK\3\4\0archive",
    b"#!/bin/sh\n" + b"# text\n" * 600,
    b"[x]\na: b\n  [control]\n[y]\n  \n[fjd]\nexecutable: x\ndirectory\n",
])
def test_what_cannot_record_it_is_put_as_it_is(make, text):
    file, _ = recorded(make, text)
    assert (file.data, file.has_directory) == (text, False)


def test_that_it_cannot_be_recorded_is_said(project, make):
    result = fjd("fjd", "put", make("x.js", "#!/bin/node\n", 0o700))
    assert (result.returncode, result.stdout) == (0, "x.js\n")
    assert result.stderr == ("[fjd] x.js: it cannot record this directory, and"
                             " runs in that of its worker\n")


def test_directory_is_called_as_the_shell_calls_it(project, home, tmp_path):
    (tmp_path / "link").symlink_to(home)
    ok("fjd", "put", "--name", "job1", "true", cwd=str(tmp_path / "link"),
       env=dict(os.environ, PWD=str(tmp_path / "link")))
    assert jobs(project)["job1"].directory == str(tmp_path / "link")


def test_a_command_gets_the_name_that_is_wanted(project):
    assert ok("fjd", "put", "--name", "j 7", "echo *  | cat") == ["j 7"]
    assert jobs(project)["j 7"].argv[-1] == "echo *  | cat"
    ok("fjd", "put", "--name", "j8", "echo", "a")
    assert jobs(project)["j8"].argv == ["echo", "a"]


def test_a_job_without_a_name_is_refused(project):
    assert fjd("fjd", "put", "--name", "", "true").stderr == (
        'fjd: error: "": not put: a job has to have a name\n')


@pytest.mark.parametrize("name", [".x", "a/b", "a~", "#a#"])
def test_names_that_no_job_may_have_are_named(project, name):
    assert fjd("fjd", "put", "--name", name, "true").stderr == (
        f'fjd: error: "{name}": not put: a job\'s name may not contain /,'
        " begin with a dot, end with ~ or be like #x#\n")


@pytest.mark.parametrize("arguments", [
    ["--name", "a"], ["--name", "a/b", "c"], ["--name", "a~", "c"],
    ["--name", "", "c"], ["--name", ".a", "c"], ["--name", "a", " "],
])
def test_command_that_cannot_be_put_is_one_line(project, arguments):
    result = fjd("fjd", "put", *arguments)
    assert (result.returncode, result.stdout) == (2, "")
    assert result.stderr.count("\n") == 1
    assert project.waiting() == []


def test_commands_on_stdin_are_jobs_in_their_order(project):
    put_on_stdin(b"echo 1\n\n# no\n  # no\necho '\xff'  \r\necho 3")
    result = put_on_stdin(b"echo 4\n")
    assert result.stdout.count(b"\n") == 1
    found = jobs(project)
    told = [found[name].command for name in sorted(found, key=natural)]
    assert told[0::2] == ["echo 1", "echo 3"]
    assert told[3] == "echo 4"
    assert put_on_stdin(b"").stdout == b""


def test_what_comes_slowly_is_put_as_it_comes(project):
    process = subprocess.Popen(
        command("fjd", "put"), stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    process.stdin.write(b"echo 1\necho")
    process.stdin.flush()
    wait_until(lambda: len(project.waiting()) == 1)
    process.communicate(b" 2\n", timeout=LONG)
    assert len(project.waiting()) == 2


@pytest.mark.needs("a terminal")
def test_on_a_terminal_it_is_said_what_can_be_put(project):
    leader, follower = pty.openpty()
    result = subprocess.run(
        command("fjd", "put"), stdin=follower, stdout=subprocess.PIPE,
        stderr=subprocess.PIPE, timeout=LONG, encoding="utf-8",
    )
    os.close(leader)
    os.close(follower)
    assert result.returncode == 2
    assert result.stderr.startswith("fjd: error: nothing to put")


def test_a_full_disk_puts_nothing_half(project, monkeypatch):
    def full(path, descriptor, line):
        raise OSError(28, "No space left on device", path)

    monkeypatch.setattr("fjd.files.append", full)
    with pytest.raises(OSError):
        project.put("job1", b"x")
    assert os.listdir(project.path("jobqueue")) == []


def test_put_makes_a_project(home):
    ok("fjd", "put", "--project", "p", "--name", "job1", "true")
    assert len(os.listdir(str(home / ".fjd" / "p" / "jobqueue"))) == 1


def test_put_jobs_run_where_they_were_put(project, tmp_path):
    (tmp_path / "there").mkdir()
    ok("fjd", "put", "--name", "job1", "pwd > out",
       cwd=str(tmp_path / "there"))
    ok("fjd-recruiter", "--session", "process", "hire", "1")
    ok("fjd-dispatcher")
    assert (tmp_path / "there" / "out").read_text() == f"{tmp_path}/there\n"


def test_a_job_takes_no_name_of_an_array(project):
    ok("fjd", "put", "--array", "1-2", "--name", "sim", "true {}")
    result = fjd("fjd", "put", "--name", "sim", "true")
    assert result.returncode == 2
    assert 'error: "sim": not put: there is an array of that name' \
        in result.stderr
    assert len(project.waiting()) == 2
