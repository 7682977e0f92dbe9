"""What a job file means, whatever is in it."""
import errno
import os
import re
import shutil
import socket
import subprocess
from unittest import mock

import pytest
from hypothesis import given, settings, strategies as st

from fjd import files, jobfile
from fjd.errors import BadJob
from fjd.jobfile import (
    Job, NICENESS, parse_job, read_job, retries_of, why_not_started,
)
from fjd.newjob import of_command

CONTROL = b"[control]\n"
pieces = st.sampled_from([
    CONTROL, b"[fjd]", b"[DEFAULT]\n", b"executable", b"nice", b"timeout",
    b"retries", b"directory", b"fjd:", b"1", b" = ", b":",
    b"\n", b"\n ", b"\r\n", b"\t", b"a", b"'", b'"', b"%", b"$", b"#", b"-9",
    b"]", b"\0", b"\xff", b"\xc2\x85", b"\xef\xbb\xbf", b"\x7fELF",
])
texts = st.binary() | st.builds(
    lambda start, more: start + b"".join(more),
    st.sampled_from([b"", b"#!", CONTROL, CONTROL + b"executable = a\n"]),
    st.lists(pieces),
)
SHELL_COMMANDS = [f"a b{sign}d" for sign in r"|&;<>()$`\*?[]#~{}!"] + [
    "a\n b", "x=1 a", "_X9= a", "cd /", ". a", "exec b", "ulimit -t 9",
]


def job_of(text):
    return parse_job(text.encode(), "/x/job")


def write(data, mode=0o600, path="job"):
    with open(path, "wb") as file:
        file.write(data)
    os.chmod(path, mode)
    os.utime(path, (1000, 1000))
    return path


def why_bad(path):
    with pytest.raises(BadJob) as error:
        read_job(files, path)
    assert error.value.written == 1000 or not os.path.isfile(path)
    return str(error.value)


def make_socket(path):
    with socket.socket(socket.AF_UNIX) as end:
        end.bind(path)


@settings(max_examples=200, deadline=None)
@given(texts, st.sampled_from([0o600, 0o700]))
def test_any_file_is_a_job_or_a_reason(data, mode):
    """BadJob, and never another exception: that would end the worker."""
    try:
        job = read_job(files, write(data, mode))
    except BadJob as error:
        assert str(error) and error.written == 1000
    else:
        assert job.argv[-1] == "job" and job.command and not job.written


LINES = st.sampled_from([
    "executable: /bin/true", "executable: a b", "executable:  a", "executable:"
    " cd x", "executable: x=1 a", "executable: a x=1", "executable: a  b",
    "executable: a 'b'", "executable: a; b", "executable: a ", "executable: é",
    "executable = a", "Executable: a", "executable: a\tb", "argument: no",
    "argument: yes", "argument: maybe", "argument:no", "directory: /a/b",
    "directory: a", "directory: ~/a", "directory: /a b", "directory: /é",
    "directory:", "nice: 3", "timeout: 1m", "# a", "; a", "", " ", "\t",
])


@settings(max_examples=300, deadline=None)
@given(
    st.sampled_from(["[control]\n", "[fjd]\n", "[other]\n", "[control] \n"]),
    st.lists(LINES, max_size=4),
    st.sampled_from(["\n", "", "\r\n", "\n\n", "\n[a]\n"]),
)
def test_a_plain_job_is_read_as_any_other(header, lines, end):
    """Which has a path of its own, only for speed."""
    text = (header + "\n".join(lines) + end).encode()

    def read():
        try:
            return jobfile.parse(0o100600, text, "/x/job")
        except BadJob as error:
            return str(error)

    found = read()
    never = re.compile("(?!)")
    with mock.patch.object(jobfile, "PLAIN_JOB", never):
        assert read() == found


@pytest.mark.parametrize("text", [
    "[control]\nexecutable: /bin/true\n",
    "[fjd]\nexecutable: a -b=c d/e.f\nargument: no\ndirectory: /a/b_c-d.e\n",
])
def test_most_jobs_are_plain(text):
    assert jobfile.PLAIN_JOB.fullmatch(text)


def test_what_fjd_put_writes_is_plain():
    text = of_command("./fit.py -n 7 data/in.txt", "/home/a").data.decode()
    assert jobfile.PLAIN_JOB.fullmatch(text)


def test_a_missing_file_is_no_bad_job():
    with pytest.raises(FileNotFoundError):
        read_job(files, "job")


@pytest.mark.parametrize("command, argv", [
    ("python example/ajob.py", ["python", "example/ajob.py"]),
    ("a 'b  c' \"d e\" f@g,h-i", ["a", "b  c", "d e", "f@g,h-i"]),
    ("/bin/date +%s %% %", ["/bin/date", "+%s", "%%", "%"]),
    ("a --x=1 y=2", ["a", "--x=1", "y=2"]),
])
def test_a_plain_command_is_split_and_gets_its_file(command, argv):
    assert job_of(f"[control]\nexecutable = {command}") == Job(
        argv + ["/x/job"], command, NICENESS, 0.0,
    )


def test_a_program_gets_the_bytes_that_the_file_holds():
    job = parse_job(CONTROL + b"executable = \xc3\xa9 \xff", "/x/job")
    assert os.fsencode(" ".join(job.argv)) == b"\xc3\xa9 \xff /x/job"


@pytest.mark.parametrize("command", SHELL_COMMANDS)
def test_a_command_with_shell_syntax_goes_to_a_shell(command):
    job = job_of(f"[control]\nexecutable = {command}")
    assert job.command == command.replace("\n ", "\n")
    assert job.argv[:2] == ["/bin/sh", "-c"]


@pytest.mark.parametrize("command, shell, argv", [
    ("a b", "/bin/bash", ["a", "b"]),
    ("a; b", "/bin/bash", ["/bin/bash", "-c", "a; b"]),
    ("pushd x", "/bin/bash", ["/bin/bash", "-c", "pushd x"]),
    ("pushd x", "/bin/sh", ["pushd", "x"]),
    ("cd x", "/bin/dash", ["/bin/dash", "-c", "cd x"]),
    ("a+=1", "/bin/bash", ["/bin/bash", "-c", "a+=1"]),
    ("our_function x", "/bin/bash", ["/bin/bash", "-c", "our_function x"]),
    ("our_function x", "/bin/sh", ["/bin/sh", "-c", "our_function x"]),
    ("a b", "/bin/zsh", ["/bin/zsh", "-c", "a b"]),
    ("a b", "/bin/bash -e", ["/bin/bash", "-e", "-c", "a b"]),
    ("cd '$x; y' '*'", "none", ["cd", "$x; y", "*"]),
])
def test_a_job_may_name_its_shell(command, shell, argv, monkeypatch):
    """Which is started only if it is needed."""
    monkeypatch.setenv("BASH_FUNC_our_function%%", "() { :; }")
    text = f"[control]\nexecutable: {command}\nargument: no\nshell: {shell}"
    assert job_of(text) == Job(argv, command)


def test_a_function_of_the_worker_is_no_plain_job(monkeypatch):
    monkeypatch.setenv("BASH_FUNC_f%%", "() { :; }")
    text = b"[control]\nexecutable: f x\nargument: no\n"
    assert jobfile.parse(0o100600, text, "").argv == ["/bin/sh", "-c", "f x"]


def test_a_shell_gets_the_file_as_one_argument():
    path = write(CONTROL + b"executable = x=1; printf '<%s>'", path="$x 'b")
    assert subprocess.check_output(read_job(files, path).argv) == b"<$x 'b>"


@pytest.mark.parametrize("text", [
    "[fjd]\nexecutable: a %",
    "[fjd]\nexecutable: b\n[control]\nexecutable: a %",
    "[x]\nexecutable: b\n[control]\nnice\nexecutable = a %\n",
    "\ufeff[control]\nexecutable: a %",
    "[control]\r\nexecutable: a %\r\n\r\n",
    "[control]\nexecutable: b\nEXECUTABLE: a %",
    "[control]\nexecutable: b\n[x]\n[control]\nexecutable: a %",
])
def test_where_the_command_is_found(text):
    assert job_of(text) == Job(["a", "%", "/x/job"], "a %")


@pytest.mark.parametrize("command, argv", [
    ("a b", ["a", "b"]), ("a; b", ["/bin/sh", "-c", "a; b"]),
])
def test_a_command_gets_the_file_unless_it_does_not_want_it(command, argv):
    text = f"[control]\nexecutable: {command}\nargument: "
    assert job_of(text + "no").argv == argv
    assert "/x/job" in job_of(text + "yes").argv
    with pytest.raises(BadJob) as error:
        job_of(text + "none")
    assert str(error.value) == "argument: yes or no, not 'none'"


@pytest.mark.parametrize("nice, niceness", [
    ("nice = 0", 0), ("nice: +19", 19), ("nice = -20", -20),
])
def test_a_job_says_how_nice_it_is(nice, niceness):
    assert job_of(f"[fjd]\nexecutable = a\n{nice}").niceness == niceness


@pytest.mark.parametrize("nice", [
    "20", "-21", "", "1e1", pytest.param("9" * 5000, id="more than int takes"),
])
def test_what_is_no_niceness_is_bad(nice):
    with pytest.raises(BadJob) as error:
        job_of(f"[fjd]\nexecutable = a\nnice = {nice}")
    assert str(error.value) == f"nice: a number from -20 to 19, not {nice!r}"


@pytest.mark.parametrize("data, reason", [
    (b" \n\t\r\n", "the file is empty"),
    (b"\xef\xbb\xbf", "no section [control]"),
    (CONTROL, "no 'executable' in section [control]"),
    (CONTROL + b"executable", "no 'executable' in section [control]"),
    (b"[fjd]\nexecutable =\n", "no 'executable' in section [fjd]"),
    (CONTROL + b"executable = a 'b",
     "executable: No closing quotation in: a 'b"),
    (b"\x7fELF\0", "it is neither an INI file nor an executable program"),
    (b"#!/bin/sh\n", "it begins with #! but may not be executed (chmod +x)"),
])
def test_a_bad_file_has_its_reason(data, reason):
    assert why_bad(write(data)) == reason


@pytest.mark.parametrize("data", [
    CONTROL + b"executable = true", b"#!/bin/sh\n",
    CONTROL + b"executable = a" + b"\n" * 5000,
])
def test_a_file_of_another_owner_is_no_job(data):
    path = write(data, 0o700)
    owner = os.stat(path).st_uid
    assert read_job(files, path, owner) == read_job(files, path)
    with pytest.raises(BadJob) as error:
        read_job(files, path, owner + 1)
    assert error.value.written == 1000
    assert str(error.value) == (
        f"it belongs to another user (uid {owner}); fjd put makes a copy that"
        " is yours")


@pytest.mark.parametrize("make, reason", [
    (os.mkdir, "it is a directory, not a file"),
    (os.mkfifo, "it is a FIFO, not a file"),
    (make_socket, f"cannot read it: {os.strerror(errno.ENXIO)}"),
    (lambda path: os.symlink("/dev/null", path), "it is a device, not a file"),
    (lambda path: os.symlink("x", path), "it is a link that leads nowhere"),
    (lambda path: os.symlink(path, path),
     f"cannot read it: {os.strerror(errno.ELOOP)}"),
])
def test_what_is_no_file_is_named(make, reason):
    make("job")
    assert why_bad("job") == reason


def test_an_executable_program_runs_as_it_is():
    script = write(b"#!/bin/sh -e\nexit\n", 0o700)
    assert read_job(files, script) == Job(["job"], "#!/bin/sh -e")
    shutil.copy(shutil.which("true"), "true")
    job = read_job(files, "true")
    assert (job.argv, job.command) == (["true"], "(ELF program)")


@pytest.mark.parametrize("text", [
    b"echo a\n", b"\n\n# fjd: nice=3\n  test -e b\n", b"\xef\xbb\xbfa",
    b">seq1\nACGT\n", b"%!PS\n", b"x=1\n" + b"y=2\n" * 5000, b"PK\3\4\0",
    b"# fjd: note=a" + b" " * 100000 + b"x\ntrue\n",
])
def test_executable_text_without_an_interpreter_is_refused(text):
    """Some file systems call all files executable, also those of data."""
    why = why_bad(write(text, 0o700))
    assert "a script needs its first line, such as #!/bin/sh" in why


@pytest.mark.parametrize("start", [
    b"", b"# a\n", b"\n; b\n  # c\n ", b"\xef\xbb\xbf", b"\r\n",
])
def test_an_executable_ini_file_stays_one(start):
    path = write(start + CONTROL + b"executable = a", 0o700)
    assert read_job(files, path).argv == ["a", "job"]


@pytest.mark.parametrize("data", [
    b"", b"# only comments\n", b"[contro\nexecutable = a\n", b"a\0b",
    b"\n[[ -e x ]] && y\n",
])
def test_executable_text_that_may_be_anything_else_is_not_run(data):
    assert why_bad(write(data, 0o700))


def test_a_long_file_is_read_whole_and_may_be_half_written():
    text = b"# " + b"x" * 5000 + b"\n[control]\nexecutable = a"
    job = read_job(files, write(text))
    assert job == Job(["a", "job"], "a", written=1000.0)
    assert read_job(files, write(b"#!" + text, 0o700)).written == 1000.0


@pytest.mark.parametrize("argv, reason", [
    (["./no such", "job"], "command not found: ./no such (in {here})"),
    (["/dev/null/a", "job"], "command not found: /dev/null/a"),
    (["/", "job"], f"cannot run /: {os.strerror(errno.EACCES)}"),
    (["./job"], "interpreter not found: '#!/no/such -x'"),
])
def test_what_cannot_be_started_has_its_reason(argv, reason):
    write(b"#!/no/such -x\n", 0o700)
    with pytest.raises(OSError) as error:
        subprocess.call(argv)
    reason = reason.format(here=os.getcwd())
    assert why_not_started(error.value, Job(argv, "")) == reason


def test_a_program_that_was_taken_away_has_its_reason_too():
    error = FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT))
    job = Job(["./job"], "./job")
    assert why_not_started(error, job) == (
        f"command not found: ./job (in {os.getcwd()})"
    )


def test_a_directory_that_is_not_there_is_the_reason():
    error = FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT))
    job = Job(["true"], "true", directory="no such")
    assert why_not_started(error, job) == (
        "directory: there is no directory no such"
    )


@pytest.mark.parametrize("text, seconds", [
    ("90", 90.0), ("0.5", 0.5), ("3s", 3.0), ("10m", 600.0), ("2h", 7200.0),
    ("1d", 86400.0), ("0", 0.0),
])
def test_a_timeout_has_the_units_of_timeout_1(text, seconds):
    job = job_of(f"[control]\nexecutable = a\ntimeout = {text}")
    assert job.timeout == seconds


@pytest.mark.parametrize("key, text, reason", [
    ("timeout", "10 m", "seconds, or 10m, 2h, 1d, not '10 m'"),
    ("timeout", "", "seconds, or 10m, 2h, 1d, not ''"),
    ("timeout", "-1", "seconds, or 10m, 2h, 1d, not '-1'"),
    ("retries", "-1", "a number from 0 to 999999, not '-1'"),
    ("retries", "many", "a number from 0 to 999999, not 'many'"),
    ("errors", "yes", "apart or together, not 'yes'"),
])
def test_a_key_that_makes_no_sense_is_bad(key, text, reason):
    with pytest.raises(BadJob) as error:
        job_of(f"[control]\nexecutable = a\n{key} = {text}")
    assert str(error.value) == f"{key}: {reason}"


def test_keys_of_a_script_are_in_comments():
    script = write(
        b"#!/bin/sh\n# fjd: timeout=10m\n#fjd:retries = 2\n"
        b"# fjd: errors=apart\n"
        b"# fjd: directory: /a b\n  # fjd: nice=3\n# fjd: mine=x\n", 0o700,
    )
    assert read_job(files, script) == Job(
        ["job"], "#!/bin/sh", timeout=600.0, retries=2, directory="/a b",
        niceness=3, is_apart=True,
    )


def test_a_script_may_say_what_to_show_for_its_command():
    script = write(b"#!/bin/sh\n# fjd: command=a\\n b\n", 0o700)
    assert read_job(files, script) == Job(["job"], "a\\n b")


def test_a_bad_key_of_a_script_is_bad():
    script = write(b"#!/bin/sh\n# fjd: retries=x\n", 0o700)
    assert why_bad(script).startswith("retries: a number from 0")


def test_a_directory_may_begin_with_a_tilde(home):
    job = job_of("[control]\nexecutable = a\ndirectory = ~/x")
    assert job.directory == f"{home}/x"


def test_retries_of_a_job_that_cannot_be_read_are_none():
    assert retries_of(files, "nothing") == 0
    assert retries_of(files, write(b"scrap")) == 0
    text = CONTROL + b"executable = a\nretries = 4"
    assert retries_of(files, write(text)) == 4


def test_a_directory_with_a_nul_is_bad():
    script = write(b"#!/bin/sh\n# fjd: directory=~a\0b\n", 0o700)
    assert why_bad(script) == "directory: it holds a NUL byte"


def test_a_comment_that_is_cut_is_not_read():
    start = b"#!/bin/sh\n"
    start += b"#" * (4096 - len(start) - 17) + b"\n"
    script = write(start + b"# fjd: timeout=100\n# fjd: nice=3\n", 0o700)
    assert read_job(files, script) == Job(
        ["job"], "#!/bin/sh", written=1000.0)


def test_blanks_do_not_keep_a_worker_for_minutes():
    blanks = b" " * 200000
    job = parse_job(b"[a]\nb" + blanks + b"c\n" + CONTROL + b"executable=a"
                    + blanks + b"b\n", "job")
    assert job.argv == ["a", "b", "job"]
