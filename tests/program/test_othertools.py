"""GNU parallel's list of what other tools do badly, tried with fjd run.

The names are those of "TESTING OTHER TOOLS" in parallel_alternatives(7).
"""
import hashlib
import os
import resource
import signal
import subprocess

import pytest

from helpers import command, LONG, ok, PIPE, program, run, wait_until
from test_run import hold, projects  # noqa: F401

MEGABYTE = 1 << 20
# Bytes 1 to 255, as they may be in an argument; a line break ends a line.
ODD = bytes(range(1, 256)).replace(b"\n", b"")
ODD_NAMES = [
    b"a \"b\" 'c' `d` $e $(f) ${g}", b"-n", b"{} {.} {#}", b"*", b"~", b"",
    b" two  blanks ", b"\\", b"!x #y %z &", b"; | < >", ODD, b"\xff\xfe",
]
HOLD = "touch begun{}; while test -e hold; do sleep 0.02; done; echo {}"


def tool(*words, data=None, **how):
    """(status, stdout, stderr without the lines of fjd), as bytes."""
    argument = {"stdin": subprocess.DEVNULL} if data is None else {
        "input": data}
    result = subprocess.run(
        command("fjd", "run", *words), stdout=PIPE, stderr=PIPE, timeout=LONG,
        **argument, **how)
    assert b"Traceback" not in result.stderr, result.stderr.decode()
    errors = [line for line in result.stderr.splitlines(True)
              if not line.startswith(b"[fjd")]
    return result.returncode, result.stdout, b"".join(errors)


def measured(*words, hashed=None):
    """(status, CPU seconds, memory in bytes: that of the largest process).

    Of fjd run and all whom it has waited for.  What it prints is read in
    pieces, and goes to hashed.
    """
    process = subprocess.Popen(
        command("fjd", "run", *words), stdin=subprocess.DEVNULL, stdout=PIPE,
        stderr=subprocess.DEVNULL)
    for piece in iter(lambda: process.stdout.read(MEGABYTE), b""):
        hashed.update(piece)
    process.stdout.close()
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = status  # Popen does not wait for it again.
    return status, usage.ru_utime + usage.ru_stime, usage.ru_maxrss * 1024


def printed_by(script):
    """A hash of what a shell prints."""
    result = hashlib.sha256()
    with subprocess.Popen(["sh", "-c", script], stdout=PIPE) as process:
        for piece in iter(lambda: process.stdout.read(MEGABYTE), b""):
            result.update(piece)
    assert process.returncode == 0
    return result.hexdigest()


# MIX

def test_mix_output_of_two_jobs_never_mixes(home):
    """Each of 12 jobs prints six long pieces, three of them to stderr."""
    size, jobs = 70_000, 12
    program(home / "talk", "\n".join(
        f"head -c {size} /dev/zero | tr '\\0' {letter} {where}"
        for letter, where in zip("abcdef", ["", ">&2"] * 3)
    ) + "\necho; echo >&2")
    numbers = [str(number) for number in range(jobs)]
    status, out, errors = tool("-j", "6", "./talk", ":::", *numbers)
    assert status == 0
    for text, letters in ((out, b"ace"), (errors, b"bdf")):
        line = b"".join(bytes([letter]) * size for letter in letters) + b"\n"
        assert text == line * jobs


# STDERRMERGE

@pytest.mark.parametrize("options", [[], ["-k"], ["--tag"]])
def test_stderrmerge_stderr_is_kept_apart(home, options):
    program(home / "talk", "echo out; echo err >&2; echo out; echo err >&2")
    tag = b"x\t" if options == ["--tag"] else b""
    assert tool(*options, "./talk", ":::", "x") == (
        0, 2 * (tag + b"out\n"), 2 * (tag + b"err\n"))


# RAM

def test_ram_output_may_be_larger_than_memory(home):
    """Each process may use 200 MB of addresses; each job prints 250 MB."""
    limit, printed = 200 * MEGABYTE, 250 * MEGABYTE
    process = subprocess.Popen(
        command("fjd", "run", "-j", "2", f"head -c {printed} /dev/zero #",
                ":::", "1", "2"),
        stdin=subprocess.DEVNULL, stdout=PIPE, stderr=PIPE,
        preexec_fn=lambda: resource.setrlimit(
            resource.RLIMIT_AS, (limit, limit)))
    size = sum(map(len, iter(lambda: process.stdout.read(MEGABYTE), b"")))
    errors = process.communicate(timeout=LONG)[1].decode()
    assert (process.returncode, size) == (0, 2 * printed), errors


# DISKFULL

@pytest.fixture
def small_disk(home, monkeypatch):
    """A disk of 4 MB for projects, and a file on it that takes half of it."""
    disk = home / "disk"
    disk.mkdir()
    assert run(["mount", "-t", "tmpfs", "-o", "mode=700,size=4m", "tmpfs",
                str(disk)]).returncode == 0
    monkeypatch.setenv("FJD_DIR", str(disk))
    (disk / "filler").write_bytes(bytes(2 * MEGABYTE))
    yield disk
    wait_until(lambda: run(["umount", str(disk)]).returncode == 0)


@pytest.mark.needs("mount")
@pytest.mark.parametrize("end, is_failed", [("true", False), ("false", True)])
def test_diskfull_output_that_may_be_short_is_told(
    home, small_disk, end, is_failed,
):
    """The job itself pays no attention.  Its end can be recorded once there
    is room again.
    """
    program(home / "talk", f"head -c 10000000 /dev/zero; {end}")
    process = subprocess.Popen(
        command("fjd", "run", "./talk", ":::", "a"), stdin=subprocess.DEVNULL,
        stdout=PIPE, stderr=PIPE)
    wait_until(lambda: "No space left on device; trying again." in said_by(
        worker_of_run_on(small_disk)))
    (small_disk / "filler").unlink()
    out, errors = process.communicate(timeout=LONG)
    assert 0 < len(out) < 10_000_000
    assert b"disk was full: the log may be short" in errors
    assert process.returncode == (3 if is_failed else 0)


def worker_of_run_on(disk):
    """The log of the only worker of the only run."""
    return next(disk.glob("run-*/screenlogs/*"), None)


def said_by(path):
    return path.read_text() if path else ""


# CLEANUP

@pytest.mark.parametrize("number", [
    signal.SIGTERM, signal.SIGINT, signal.SIGKILL])
def test_cleanup_nothing_is_left_but_the_run(
    home, hold, monkeypatch, number,  # noqa: F811
):
    temporary = home / "temporary"
    temporary.mkdir()
    monkeypatch.setenv("TMPDIR", str(temporary))
    words = ["-j", "2", HOLD, ":::", "1", "2", "3"]
    with subprocess.Popen(
            command("fjd", "run", *words), stdin=subprocess.DEVNULL,
            stdout=PIPE, stderr=PIPE) as process:
        wait_until(lambda: {"begun1", "begun2"} <= set(os.listdir(home)))
        process.send_signal(number)
        process.stdout.read()
    project, = projects(home)
    if number == signal.SIGKILL:  # They leave after a minute, or if fired.
        ok("fjd-recruiter", "--project", project.name, "fire")
    assert wait_until(lambda: project.names("workers") == [])
    assert os.listdir(temporary) == []
    assert {path.name for path in home.iterdir()} == {
        ".fjd", "begun1", "begun2", "hold", "temporary"}
    hold()
    status, out, _ = tool("-k", "--resume", *words)
    assert (status, out) == (0, b"1\n2\n3\n")
    assert len(projects(home)) == 1
    assert os.listdir(temporary) == []


# SPCCHAR

@pytest.mark.parametrize("words", [
    ["printf %s\\\\0 {}"], ["printf", "%s\\0", "{}"], ["printf", "%s\\0"],
    ["printf %s\\\\0 {} | cat"],
])
def test_spcchar_arguments_arrive_byte_for_byte(home, words):
    data = b"\n".join(ODD_NAMES)
    assert tool("-k", *words, data=data) == (
        0, b"".join(name + b"\0" for name in ODD_NAMES), b"")


def test_spcchar_a_line_break_may_be_in_an_argument(home):
    data = b"a\nb\0\n\0c"
    assert tool("-k", "-0", "printf", "<%s>", data=data) == (
        0, b"<a\nb><\n><c>", b"")


def test_spcchar_files_with_odd_names_are_found(home):
    name = "Ann's 3 1/4\" disk (50% *off*) & $HOME; `id`".replace("/", ":")
    (home / name).write_text("it\n")
    for words in (["cat"], ["cat {} | cat"], ["cat", "./{}"]):
        assert tool(*words, ":::", name)[:2] == (0, b"it\n")


# COMPOSED

@pytest.mark.parametrize("script, printed", [
    ("echo one; echo {}", b"one\nx y\n"),
    ("echo {} | tr x z", b"z y\n"),
    ("false || echo {} && echo more", b"x y\nmore\n"),
    ("for n in 1 2; do echo $n {}; done", b"1 x y\n2 x y\n"),
    ("(echo {}; exit 3) || echo $?", b"x y\n3\n"),
    ("cat <<EOF\n$(echo {})\nEOF", b"x y\n"),
    ("a={}; test -n \"$a\" && echo ${a% *}", b"x\n"),
    ("echo {} >file; cat file file", b"x y\nx y\n"),
])
def test_composed_commands_need_no_shell_of_their_own(home, script, printed):
    assert tool(script, ":::", "x y") == (0, printed, b"")


# ONEREP

def test_onerep_a_replacement_string_may_be_there_many_times(home):
    many = " ".join(["{}", "{.}", "{#}"] * 20)
    wanted = b" ".join([b"a.b", b"a", b"1"] * 20) + b"\n"
    for words in ([f"echo {many}"], ["echo", *many.split()]):
        assert tool(*words, ":::", "a.b") == (0, wanted, b"")
    assert tool("echo", "<{}{}>", ":::", "a") == (0, b"<aa>\n", b"")


# INPUTSIZE

def test_inputsize_300000_arguments(home):
    data = b"".join(b"%d\n" % number for number in range(300_000))
    status, out, errors = tool(
        "-k", "-j", "2", "-n", "2000", "printf", "%s\\n", data=data)
    assert (status, errors) == (0, b"")
    assert out == data
    assert tool("--dry-run", "echo", data=data)[1] == b"".join(
        b"echo %d\n" % number for number in range(300_000))


def test_inputsize_a_line_may_be_as_long_as_a_command_may_be(home):
    name = b"x" * 131_000
    assert tool("echo", data=name + b".c") == (0, name + b".c\n", b"")
    assert tool("echo {.} | wc -c", data=name + b".c")[:2] == (0, b"131001\n")


# NUMWORDS

def test_numwords_many_words_a_line_cost_no_more(home):
    """10 MB in lines of 1000 words, and in lines without a blank."""
    seconds = {}
    for blank in (" ", "_"):
        text = blank.join(map(str, range(1000))) + "\n"
        (home / "text").write_text(text * 2700)
        hashed = hashlib.sha256()
        status, seconds[blank], _ = measured(
            "-j", "2", "--tag", "cat text #", ":::", "x", "x", hashed=hashed)
        wanted = hashlib.sha256((b"x\t" + text.encode()) * 5400)
        assert (status, hashed.hexdigest()) == (0, wanted.hexdigest())
    assert seconds[" "] < 2 * seconds["_"] + 0.5


def test_numwords_a_job_may_have_many_arguments(home):
    data = b"".join(b"%d\n" % number for number in range(1500))
    assert tool("-k", "-n", "500", "echo {} | wc -w", data=data)[:2] == (
        0, b"500\n" * 3)


# 4GB

def test_4gb_a_line_of_300_mb_arrives_in_little_memory(home):
    """Without a final line break; the job fails at its end."""
    script = "seq -s ' ' 40000000 | head -c 300000000"
    nothing = measured("true #", ":::", "x", hashed=hashlib.sha256())[2]
    hashed = hashlib.sha256()
    status, _, memory = measured(
        f"{script}; false #", ":::", "x", hashed=hashed)
    assert os.WEXITSTATUS(status) == 3
    assert hashed.hexdigest() == printed_by(script)
    assert memory - nothing < 40 * MEGABYTE
