"""Errors that waiting does not cure: limits, file systems, ignored signals."""
import errno
import glob
import os
import resource
import signal
import subprocess
import sys

import pytest

from helpers import (
    BIN, command, fjd, finish, jobs_in, ledger, LONG, ok, PIPE, ROOT, run,
    start, wait_until,
)
from installing import PREFIX, PYTHON
from needs import SESSIONS
from refusing import no_new_file, no_process

from fjd.command import NO_THREAD
from fjd.project import Project

pytestmark = pytest.mark.slow

needs = pytest.mark.needs
KIB = 1024
CLOSED = 'mount -t tmpfs tmpfs /dev/pts && mount --bind /dev/null /dev/ptmx'


def limited(name, soft):
    """What a child does first, so that it has that limit."""
    number = getattr(resource, f"RLIMIT_{name}")
    return lambda: resource.setrlimit(number, (soft, soft))


def ignoring_children():
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)


def run_of(home):
    """The project of the only fjd run."""
    names = glob.glob(str(home / ".fjd" / "run-*"))
    assert len(names) == 1  # else it has not begun
    name = os.path.basename(names[0])
    return Project(str(home / ".fjd" / name))


# Files that may not grow

def test_log_that_may_not_grow_holds_up_nobody(home):
    """The jobs end as they would by hand."""
    result = fjd(
        "fjd", "run", "-j1", "--session", "process", ":::",
        "head -c 100000 /dev/zero", "head -c 10240 /dev/zero; exit 4",
        "echo short; exit 4", preexec_fn=limited("FSIZE", 10 * KIB))
    assert result.returncode == 3
    project = run_of(home)
    sizes = sorted(
        os.path.getsize(project.path("joblogs", name))
        for name in os.listdir(project.path("joblogs")))
    assert sizes == [len("short\n"), 10 * KIB, 10 * KIB]
    assert [row["status"] for row in ledger(project)] == [
        "signal 25", "exit 4", "exit 4"]


def test_ledger_that_may_not_grow_goes_on_in_another_one(home):
    limit = {"preexec_fn": limited("FSIZE", 4 * KIB)}
    result = fjd(
        "fjd", "run", "-j2", "--session", "process", "exit {}", ":::",
        *map(str, range(60)), **limit)
    assert result.returncode == 3
    assert "1 done, 59 failed" in result.stderr
    project = run_of(home)
    assert len(project.ledger_files()) > 2
    name = ["--project", project.name]
    assert ok("fjd", "audit", *name, **limit)[-1].endswith(
        "1 done, 59 failed: 0 not accounted for")
    assert len(ok("fjd", "results", *name)) == 61
    job = ledger(project)[-1]["job"]
    assert any("exit" in line for line in ok("fjd", "why", *name, job))
    # The next dispatcher counts nothing again.
    assert "[fjd-dispatcher] 0 done, 0 failed" in ok("fjd-dispatcher", *name)


# As many files as may be open

def test_more_workers_than_files_that_may_be_open(project, put):
    limit = {"preexec_fn": limited("NOFILE", 28)}
    ok("fjd-recruiter", "--session", "process", "hire", "10", **limit)
    for number in range(20):
        put(f"job{number}", "[control]\nexecutable: true\n")
    assert "10 idle" in "\n".join(ok("fjd", "status", **limit))
    assert "20 done, 0 failed" in ok("fjd-dispatcher", **limit)[-1]
    ok("fjd-recruiter", "fire", **limit)
    assert ok("fjd", "audit", **limit)[-1].endswith("0 not accounted for")


@pytest.mark.parametrize("limit", range(5, 13))
def test_too_few_files_are_one_line(limit, project, put):
    """Python itself needs some to start."""
    put("job1", "[control]\nexecutable: true\n")
    result = fjd(
        "fjd-dispatcher", "--once", preexec_fn=limited("NOFILE", limit))
    assert result.returncode in (0, 1, 74)
    if result.returncode == 74:
        assert result.stderr.splitlines()[1:] == [
            "    try: a higher limit (ulimit -n)"]


@pytest.mark.slow
@pytest.mark.parametrize("role, name", [
    ("fjd-worker", "NOFILE"), ("fjd-worker", "FSIZE"),
    ("fjd-dispatcher --keep-running", "NOFILE"),
])
def test_who_may_open_or_write_nothing_more_leaves(project, put, role, name):
    """And the job is run again, by another worker."""
    put("job1", "[control]\nexecutable: test -e first && exit; touch first;"
        " exec sleep 1234 #\n")
    rest = [start("fjd-dispatcher", "--keep-running"), start("fjd-worker")]
    wait_until(lambda: os.path.exists("first"))
    if "dispatcher" in role:
        leaves = rest.pop(0)
    else:
        leaves = rest.pop()
        rest.append(start("fjd-worker"))
    number = getattr(resource, f"RLIMIT_{name}")
    resource.prlimit(leaves.pid, number, (3, 3))
    why = {"NOFILE": "Too many open files", "FSIZE": "File too large"}[name]
    assert f": {why}\n    try: a higher limit (ulimit -" in finish(leaves)
    # To end a thread, glibc may have to open libgcc_s.so.
    assert leaves.returncode in (74, -signal.SIGABRT)
    if "worker" in role:
        wait_until(lambda: jobs_in(project, "done") == ["job1"])
    ok("fjd-recruiter", "fire")
    for process in rest:
        process.terminate()
        finish(process)
    assert ok("fjd", "audit")[-1].endswith("0 not accounted for")


# What a command inherits

@pytest.mark.parametrize("verb", [
    ["fjd-dispatcher", "--hire"],
    ["fjd", "run", "-j1", "--session", "process", "true", ":::", "x"],
])
def test_ignored_ends_of_children_are_told_all_the_same(project, put, verb):
    put("job1", "[control]\nexecutable: sh -c 'exit 0'\n")
    result = fjd(*verb, preexec_fn=ignoring_children)
    assert result.returncode == 0
    assert "1 done, 0 failed" in result.stdout + result.stderr


BLOCK = [sys.executable, "-c", """\
import os, signal, sys
signal.pthread_sigmask(signal.SIG_BLOCK, range(1, 32))
os.execvp(sys.argv[1], sys.argv[1:])"""]


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_blocked_signals_are_heeded_all_the_same(home, number):
    words = command(
        "fjd", "run", "-j1", "--session", "process", "sleep {}", ":::", "1234")
    process = subprocess.Popen(BLOCK + words, stderr=PIPE)
    wait_until(lambda: run_of(home).running())
    process.send_signal(number)
    assert b"Stopped: 1 job(s) are left" in finish_bytes(process)
    assert process.returncode == 130


def finish_bytes(process):
    return process.communicate(timeout=LONG)[1]


@pytest.mark.parametrize("kind", SESSIONS)
def test_no_signal_is_blocked_for_jobs(project, put, kind, home):
    """Nor for setup.sh and what it starts."""
    put("job1", "[control]\nexecutable: grep SigBlk /proc/self/status\n")
    with open(project.path("setup.sh"), "w") as file:
        file.write("grep SigBlk /proc/self/status > ~/blocked\n")
    words = command("fjd-recruiter", "--session", kind, "hire", "1")
    assert run(BLOCK + words).returncode == 0
    ok("fjd-dispatcher")
    name, = os.listdir(project.path("joblogs"))
    with open(project.path("joblogs", name)) as log:
        assert int(log.read().split()[1], 16) == 0
    assert int((home / "blocked").read_text().split()[1], 16) == 0


@needs("screen", "a terminal")
@pytest.mark.parametrize("kind", ["screen", "process"])
def test_hire_by_whom_no_child_ends(project, kind):
    ok("fjd-recruiter", "--session", kind, "hire", "1",
       preexec_fn=ignoring_children)
    ok("fjd-recruiter", "fire")


# Processes and terminals

@needs("mount", "screen")
def test_without_a_terminal_workers_are_processes(project):
    """As in a chroot without /dev/pts."""
    hire = f"{CLOSED} && exec fjd-recruiter hire 1"
    result = run(["unshare", "--mount", "sh", "-c", hire])
    assert (result.returncode, result.stderr) == (0, "")
    ok("fjd-recruiter", "fire")
    said, hired = result.stdout.splitlines()
    assert said.startswith("[fjd-recruiter] Workers run as background"
                           " processes (no terminal for a session: ")


@needs("mount", "tmux")
def test_session_of_a_kind_that_needs_a_terminal_says_so(project):
    hire = f"{CLOSED} && exec fjd-recruiter --session tmux hire 1"
    result = run(["unshare", "--mount", "sh", "-c", hire])
    assert result.returncode == 69
    assert "no terminal for a session: " in result.stderr
    assert result.stderr.count("\n") == 2


@needs("mount")
@pytest.mark.parametrize("command, said", [
    ("fjd-worker", "error: can't start new thread\n"),
    ("fjd-recruiter --session process hire 2",
     "error: a new process: Resource temporarily unavailable\n"),
    pytest.param(
        "fjd-dispatcher --hire",
        ": Resource temporarily unavailable; trying again.\n",
        marks=pytest.mark.slow),
])
def test_no_more_processes_are_a_line(sockets, command, said):
    """Of a user who may have one."""
    script = "fjd put --name a true x; exec timeout 10 prlimit --nproc=1 " \
        + command
    path = f"PATH={BIN}:{os.path.dirname(PYTHON)}:/usr/bin:/bin"
    result = run([
        "unshare", "--mount", os.path.join(ROOT, "tests", "plain"), sockets,
        os.path.dirname(PREFIX), path, "sh", "-c", script], cwd=sockets)
    assert "Traceback" not in result.stderr
    assert said in result.stdout + result.stderr


def short_of_memory():
    """There is enough, but for the stack of a thread, or for a long line."""
    limited("STACK", 1 << 30)()
    limited("AS", 1 << 28)()


@pytest.mark.parametrize("command, said", [
    ("fjd-worker", NO_THREAD),
    ("head -c 200000000 /dev/zero | tr '\\0' x | fjd put",
     os.strerror(errno.ENOMEM)),
])
def test_too_little_memory_is_a_line(project, command, said):
    result = run(["sh", "-c", command], preexec_fn=short_of_memory)
    assert result.returncode == 74
    name = command.split()[-2 if "put" in command else 0]
    assert result.stderr == f"{name}: error: {said}\n" \
        "    try: fewer processes, or higher limits (ulimit -v, -u)\n"


# What the kernel refuses

@needs("seccomp")
@pytest.mark.parametrize("number", [errno.EAGAIN, errno.ENOMEM])
@pytest.mark.parametrize("how", ["fire", "signal", "another worker"])
def test_worker_that_can_start_no_process_heeds_all(project, put, number, how):
    """It gives back its jobs, less and less often, until told to leave."""
    put("job1", "[control]\nexecutable: true\n")
    worker = start("fjd-worker", preexec_fn=no_process(number))
    dispatcher = start("fjd-dispatcher", "--keep-running")
    for _ in range(3):
        wait_until(lambda: worker.stdout.readline().endswith(
            f"I gave a job back: {os.strerror(number)}.\n"))
    if how == "signal":
        worker.terminate()
    elif how == "another worker":
        other = start("fjd-worker")
        wait_until(lambda: jobs_in(project, "done"))
        other.terminate()
        finish(other)
    ok("fjd-recruiter", "fire")
    finish(worker)
    assert worker.returncode == 0
    dispatcher.terminate()
    finish(dispatcher)
    assert len(ledger(project)) < 20
    assert ok("fjd", "audit")[-1].endswith("0 not accounted for")


@needs("seccomp")
@pytest.mark.parametrize("name", ["fjd-worker", "fjd-dispatcher"])
def test_nobody_starts_where_no_file_can_be_opened(project, put, name):
    put("job1", "[control]\nexecutable: true\n")
    result = fjd(name, preexec_fn=no_new_file(errno.ENFILE))
    assert result.returncode == 74
    said, hint = result.stderr.splitlines()
    assert said.endswith(": Too many open files in system")
    assert hint == "    try: fewer processes on this machine"
    assert jobs_in(project, "jobqueue") == ["job1"]


# A home in several parts

@pytest.fixture
def disk(tmp_path):
    """Another file system."""
    place = tmp_path / "disk"
    place.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "mode=700", "tmpfs", str(place)]
    assert run(mount).returncode == 0
    yield place
    wait_until(lambda: run(["umount", str(place)]).returncode == 0)


@needs("mount")
@pytest.mark.parametrize("place", ["jobqueue", "done", "running"])
@pytest.mark.parametrize("command", [
    ["fjd-worker"], ["fjd-dispatcher"], ["fjd", "put", "true", "1"],
])
def test_jobs_on_two_file_systems_are_refused(
    project, disk, place, command,
):
    os.rmdir(project.path(place))
    os.symlink(str(disk), project.path(place))
    result = fjd(*command)
    assert result.returncode == 1
    assert "not on the file system of" in result.stderr
    assert result.stderr.count("\n") == 2


@needs("mount")
def test_workers_of_such_a_project_can_be_fired(project, disk):
    """Somebody has mounted another file system meanwhile."""
    ok("fjd-recruiter", "--session", "process", "hire", "1")
    os.rmdir(project.path("done"))
    os.symlink(str(disk), project.path("done"))
    assert "Fired 1 worker " in ok("fjd-recruiter", "fire")[-1]


@needs("mount")
@pytest.mark.parametrize("place", ["joblogs", "ledger", "screenlogs"])
def test_logs_may_be_on_another_file_system(project, put, disk, place):
    put("job1", "[control]\nexecutable: echo hello\n")
    os.rmdir(project.path(place))
    os.symlink(str(disk), project.path(place))
    ok("fjd-recruiter", "--session", "process", "hire", "1")
    ok("fjd-dispatcher")
    assert jobs_in(project, "done") == ["job1"]
    assert os.listdir(str(disk))


@needs("mount")
def test_worker_that_cannot_record_an_end_leaves(project, put, disk):
    """By a bind mount: the file system is the same, and rename(2) fails."""
    put("job1", "[control]\nexecutable: true\n")
    done = project.path("done")
    assert run(["mount", "--bind", done, done]).returncode == 0
    try:
        dispatcher = start("fjd-dispatcher", "--keep-running")
        for _ in range(3):
            result = fjd("fjd-worker")
            assert result.returncode == 74
            assert result.stderr.endswith(
                ": Invalid cross-device link\n    try: all directories of a"
                " project on one file system\n")
        wait_until(lambda: jobs_in(project, "failed") == ["job1"])
        dispatcher.send_signal(signal.SIGINT)
        finish(dispatcher)
    finally:
        assert run(["umount", done]).returncode == 0
    assert ok("fjd", "audit")[-1].endswith("0 not accounted for")


# A home that is away

def test_jobs_go_on_while_the_home_is_away(home, project, put, tmp_path):
    """One ends meanwhile, one goes on, and one has not begun."""
    gates = [tmp_path / name for name in "abc"]
    for number, gate in enumerate(gates):
        os.mkfifo(str(gate))
        put(f"job{number}", "[control]\nexecutable: printf x; exit $(cat"
            f" '{gate}') #\n")
    often = ["--interval", "0.1"]
    workers = [start("fjd-worker", *often) for _ in range(2)]
    dispatcher = start("fjd-dispatcher")
    wait_until(lambda: len(project.running()) == 2)
    for begun in project.running():  # Both jobs have started, and printed.
        wait_until(lambda: any(
            map(os.path.getsize, project.draft_logs(begun.worker))))
    os.rename(str(home / ".fjd"), str(home / "away"))
    gates[0].write_text("1")
    for process in workers:
        wait_until(lambda: process.stdout.readline().endswith(
            ": No such file or directory; trying again.\n"))
    os.rename(str(home / "away"), str(home / ".fjd"))
    gates[1].write_text("0")
    gates[2].write_text("0")
    assert "1 failed: job0 (exit 1)" in finish(dispatcher)
    for process in workers:
        assert "taken for dead" not in finish(process)
    assert sorted(row["event"] for row in ledger(project)) == [
        "done", "done", "failed"]
    assert len(os.listdir(project.path("joblogs"))) == 3


def test_run_goes_on_while_the_home_is_away(home, tmp_path):
    """All that its jobs print is shown, in order."""
    gates = [str(tmp_path / name) for name in "abc"]
    for gate in gates:
        os.mkfifo(gate)
    process = start(
        "fjd", "run", "-k", "-j2", "--session", "process", "cat", ":::",
        *gates)
    wait_until(lambda: len(run_of(home).running()) == 2)
    for worker in run_of(home).pods():  # Both have opened their logs.
        wait_until(lambda: run_of(home).draft_logs(worker))
    os.rename(str(home / ".fjd"), str(home / "away"))
    for line in iter(process.stdout.readline, ""):
        if line.endswith(": No such file or directory; trying again.\n"):
            break
    os.rename(str(home / "away"), str(home / ".fjd"))
    for gate in gates:
        with open(gate, "w") as file:
            file.write(f"{gate}\n")
    said = finish(process)
    assert process.returncode == 0 and "3 done, 0 failed" in said
    assert [line for line in said.splitlines() if line in gates] == gates


@pytest.mark.slow
def test_worker_can_leave_while_the_home_is_away(home, project, put):
    put("job1", "[control]\nexecutable: sleep 1234 #\n")
    worker, dispatcher = start("fjd-worker"), start("fjd-dispatcher")
    wait_until(lambda: project.running())
    os.rename(str(home / ".fjd"), str(home / "away"))
    worker.terminate()
    assert finish(worker).endswith(
        "its jobs could not be given back, and are taken for lost\n")
    assert worker.returncode == 1
    os.rename(str(home / "away"), str(home / ".fjd"))
    wait_until(lambda: project.waiting())
    dispatcher.terminate()
    finish(dispatcher)
    assert [row["event"] for row in ledger(project)][-1] == "lost"


def test_who_is_at_work_leaves_when_the_project_is_removed(home, project):
    (home / ".fjd" / "other").mkdir()
    processes = [
        start("fjd-worker"), start("fjd-dispatcher", "--keep-running")]
    for process in processes:
        assert "Started " in process.stdout.readline()
    wait_until(lambda: project.announcements())
    os.rename(project.root, str(home / "rubbish"))
    for process in processes:
        assert finish(process).endswith(f"{project.root}: it was removed\n")
        assert process.returncode == 1
