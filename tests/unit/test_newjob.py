"""The job files that fjd makes itself."""
import os
import subprocess

import pytest

from fjd.errors import BadUsage
from fjd.jobfile import read_job
from fjd.names import Attempt, printable
from fjd.newjob import JobFile, of_command


def put(project, command, directory="/"):
    stamp = "0" * 17 + "-1"
    name = of_command(command, directory).put(project, "a job", stamp)
    assert project.names("jobqueue") == [name]
    return read_job(project.files, project.waiting_job(name))


@pytest.mark.parametrize("command", [
    "echo 'a  b'", "echo %d $((1 + 2)) \\$HOME", "echo; echo b # c",
    "echo a\necho b", "  echo a\t", "echo '\n[x]\n'", "# nothing", "echo é",
    "x='[fjd]'\necho $x", "; echo", "echo \udcff", "echo a\tb", " echo a \t",
    "echo a\\ ", "echo a\\\t", "echo a\\ \t ", f"echo 'é{' ' * 70}b'",
    "cat <<E\nE \nE",
])
def test_a_command_is_run_as_it_was_given(project, command):
    job = put(project, command)
    assert job.directory == "/"
    given = subprocess.run(["sh", "-c", command], stdout=subprocess.PIPE,
                           stderr=subprocess.DEVNULL)
    found = subprocess.run(job.argv, stdout=subprocess.PIPE,
                           stderr=subprocess.DEVNULL)
    assert (found.returncode, found.stdout) == (
        given.returncode, given.stdout)


@pytest.mark.parametrize("length", [131071, 131072, 184000, 1000000])
@pytest.mark.parametrize("command", ["printf %s a", "printf %s a | cat; :"])
def test_a_long_command_is_run_too(project, command, length):
    """execve(2): an argument may have 131,072 bytes, with its last NUL."""
    more = "a" * (length - len(command))
    job = put(project, command.replace("a", "a" + more, 1))
    said = subprocess.check_output(job.argv)
    assert said == b"a" + more.encode()


@pytest.mark.parametrize("command, shown", [
    ("false 2 ", "false 2"), ("\t false \t", "false"), ("a\tb", "a\\tb"),
    ("a\nb\n", "a\\nb\\n"), ("a\\ ", "a\\"),
    ("b\n" * 9999, "b\\n" * 166 + "b\\"),
    ("\U0001f600" * 5000 + "\n", "\U0001f600" * 500),
])
def test_a_job_shows_its_command(project, command, shown):
    assert put(project, command).command == shown


@pytest.mark.parametrize("command, shell, key", [
    ("fit 7", "/bin/bash", ""), ("cd x", "/bin/bash", "shell: /bin/bash\n"),
    ("a | b", "/bin/bash", "shell: /bin/bash\n"), ("a | b", "/bin/sh", ""),
    ("fit 7", "/bin/zsh", "shell: /bin/zsh\n"),
])
def test_a_shell_is_recorded_if_one_is_needed(command, shell, key):
    text = of_command(command, "/", shell).data.decode()
    assert text == f"[control]\nexecutable: {command}\nargument: no\n" \
        f"directory: /\n{key}"


@pytest.mark.needs("bash")
def test_bash_also_runs_a_command_of_several_lines(project):
    job = of_command("a=(b c)\necho ${a[1]}", "/", "/bin/bash")
    job.put(project, "job", "0" * 17 + "-1")
    path = project.waiting_job(project.names("jobqueue")[0])
    assert subprocess.check_output(read_job(project.files, path).argv) \
        == b"c\n"


def test_a_put_job_has_a_name_that_nobody_used_before(project):
    first = JobFile(b"x").put(project, "job", "0" * 17 + "-1")
    other = JobFile(b"y").put(project, "job", "0" * 17 + "-2")
    assert project.names("jobqueue") == [first, other]
    assert {Attempt.parse(name).job for name in (first, other)} == {"job"}
    assert os.listdir(project.path("jobqueue")) != []


@pytest.mark.parametrize("directory", ["/a\nb", "/a ", "/a\u2003", "/\x1b[1m"])
def test_directory_that_cannot_be_recorded_is_named(directory):
    with pytest.raises(BadUsage) as error:
        of_command("true", directory)
    assert str(error.value).startswith(f"{printable(directory)}: a directory")
