"""Starting and ending the processes of a job."""
import builtins
import errno
import os
import signal
import subprocess
import sys
import time

import pytest

from helpers import wait_until

from fjd.jobfile import Job
from fjd.names import Attempt, new_token, Running, Stamps
from fjd.proc import start_time, stat_of
from fjd.process import (
    directory_of, environment, Processes, SESSION, without_job,
)

# Of these tests alone: a job's processes are found by the name of the attempt.
STAMPS = Stamps(new_token(time.time()))
RUN, OTHER = [
    Running(Attempt("job1", 1, STAMPS.new()).name, "lab_1.000000-1")
    for _ in range(2)
]


def environ_of(run, environ=os.environ, project="default"):
    common = environment(environ, "/home", project, run.worker)
    return dict(
        {os.fsdecode(k): os.fsdecode(v) for k, v in common.items()},
        FJD_JOB="job1", FJD_ATTEMPT=run.attempt,
    )


@pytest.fixture
def started(tmp_path):
    """started(script): a job, after it has made the file ready."""
    processes = Processes()

    def started(script):
        environ = environ_of(RUN)
        job = Job(["/bin/sh", "-c", script], script)
        with (tmp_path / "log").open("a") as log:
            processes.start(job, environ, (log.fileno(),) * 2)
        wait_until(lambda: os.path.exists("ready"))
        return processes
    yield started
    processes.end_trees({RUN.attempt}, grace=0.2)


def pids(name):
    with open(name) as file:
        return [int(line) for line in file]


def test_tree_is_ended_with_one_term_for_each(started):
    """A job's own clean-up must not be interrupted again and again."""
    processes = started(
        "trap 'echo term >> terms; sleep 0.3; exit' TERM\n"
        "touch ready; while :; do sleep 0.01; done",
    )
    processes.end_trees({RUN.attempt})
    with open("terms") as file:
        assert file.read() == "term\n"


@pytest.mark.parametrize("name", ["listdir", "open"])
def test_what_cannot_be_looked_for_has_not_ended(started, monkeypatch, name):
    """For want of open files, perhaps; then it is tried again."""
    def refuse(*arguments):
        raise OSError(errno.EMFILE, "Too many open files")

    processes = started("touch ready; sleep 1234")
    with monkeypatch.context() as context:
        module = os if name == "listdir" else builtins
        context.setattr(module, name, refuse)
        with pytest.raises(OSError):
            processes.end_trees({RUN.attempt})
    assert not processes.poll()
    processes.end_trees({RUN.attempt})
    assert processes.poll()


def test_shell_does_not_go_on_when_its_child_is_ended(started):
    for _ in range(20):
        processes = started(
            "sh -c 'touch ready; sleep 1234; touch after'; touch after")
        processes.end_trees({RUN.attempt})
        os.unlink("ready")
        assert not os.path.exists("after")


def test_what_does_not_heed_term_is_killed(started):
    processes = started(
        "trap '' TERM; echo $$ > pids; touch ready; while :; do :; done",
    )
    processes.end_trees({RUN.attempt}, grace=0.2)
    assert start_time(pids("pids")[0]) == ""


def test_children_in_sessions_of_their_own_are_ended_too(started):
    processes = started(
        "setsid sh -c 'echo $$ >> pids; touch ready; exec sleep 1234' &\n"
        "echo $$ >> pids; wait",
    )
    processes.end_trees({RUN.attempt})
    assert [start_time(pid) for pid in pids("pids")] == ["", ""]


def test_children_that_cleared_their_environment_are_ended_too(started):
    processes = started(
        "env -i sh -c 'echo $$ >> pids; touch ready; exec sleep 1234' &\n"
        "wait",
    )
    processes.end_trees({RUN.attempt})
    assert start_time(pids("pids")[0]) == ""


def test_what_proc_does_not_show_is_ended_with_its_group(
    started, monkeypatch,
):
    from fjd import process
    monkeypatch.setattr(process, "members", lambda *_: set())
    processes = started(
        "sh -c 'echo $$ >> pids; touch ready; exec sleep 1234' & wait")
    processes.end_trees({RUN.attempt})
    assert processes.poll().status == -signal.SIGTERM
    wait_until(lambda: start_time(pids("pids")[0]) == "")


def test_process_whose_first_thread_has_ended_is_ended_too(started):
    """proc(5) calls it a zombie."""
    program = "import ctypes, threading, time;" \
        " threading.Thread(target=time.sleep, args=[1234]).start();" \
        " open('ready', 'w').close();" \
        " ctypes.CDLL(None).pthread_exit(None)"
    processes = started(f"exec {sys.executable} -c \"{program}\"")
    wait_until(lambda: stat_of(processes.child)[0] == "Z")
    assert not processes.poll()
    processes.end_trees({RUN.attempt})
    assert processes.poll().status == -signal.SIGTERM


@pytest.mark.parametrize("output", ["2>/dev/null", "2>/dev/null >&2"])
def test_after_its_worker_only_traces_of_a_job_are_known(
    started, tmp_path, output,
):
    """Its log, and the session of who still has its environment."""
    started(
        "env -i sh -c 'echo $$ >> pids; touch ready; exec sleep 1234'"
        f" {output} & wait")
    Processes().end_trees({RUN.attempt}, [str(tmp_path / "log")])
    assert start_time(pids("pids")[0]) == ""


@pytest.mark.parametrize("descriptor", ["stdout", "stderr"])
def test_what_prints_into_the_log_is_ended_too(tmp_path, descriptor):
    with open(str(tmp_path / "log"), "wb") as file:
        left = subprocess.Popen(
            ["sleep", "1234"], env={}, **{descriptor: file})
    Processes().end_trees({RUN.attempt}, [str(tmp_path / "log")])
    assert left.wait() == -signal.SIGTERM


def test_a_job_that_is_only_being_started_is_ended_too(tmp_path):
    """Until execve(2) it has the environment of its worker."""
    (tmp_path / "link").symlink_to(tmp_path)
    log = str(tmp_path / "link" / "log")
    with open(log, "wb") as file:
        young = subprocess.Popen(["sleep", "1234"], stdout=file, env={})
    Processes().end_trees({RUN.attempt}, [log])
    assert young.wait() == -signal.SIGTERM


def test_a_program_that_may_not_be_read_is_ended_too(started, monkeypatch):
    """Its environment may not be read either."""
    from fjd import process
    monkeypatch.setattr(process, "environ_of", lambda pid: set())
    processes = started("echo $$ > pids; touch ready; exec sleep 1234")
    processes.end_trees({RUN.attempt})
    assert start_time(pids("pids")[0]) == ""


def test_processes_of_others_are_left_alone(started):
    processes = started("echo $$ > pids; touch ready; exec sleep 1234")
    Processes().end_trees({OTHER.attempt})
    assert processes.poll() is None


@pytest.mark.parametrize("script, status, text", [
    ("exit 0", 0, "exit 0"), ("exit 7", 7, "exit 7"),
    ("kill -9 $$", -9, "signal 9"),
])
def test_ending_tells_status_or_signal(started, script, status, text):
    processes = started(f"touch ready; {script}")
    ending = None
    while ending is None:
        ending = processes.poll()
    assert (ending.status, ending.text) == (status, text)
    assert ending.peak > 0


def test_environment_of_a_job_is_no_workers_environment():
    environ = environ_of(RUN, {"A": "b"}, "p")
    assert environ["FJD_ATTEMPT"] == RUN.attempt
    assert environ["OMP_NUM_THREADS"] == "1"
    inner = without_job(environ)
    assert inner["A"] == "b" and inner["FJD_PROJECT"] == "p"
    assert not {"FJD_JOB", "FJD_ATTEMPT", "FJD_WORKER"} & set(inner)


@pytest.mark.parametrize("environ, threads", [
    ({}, "1"), ({"OMP_NUM_THREADS": "3"}, "3"),
    ({"SLURM_CPUS_PER_TASK": "4"}, "4"), ({"SLURM_CPUS_PER_TASK": "x"}, "1"),
    ({"SLURM_CPUS_PER_TASK": "4", "OMP_NUM_THREADS": "2"}, "2"),
    # Hired: it shares the CPUs of its allocation.
    ({"SLURM_CPUS_PER_TASK": "4", SESSION: "screen default.x.1"}, "1"),
])
def test_threads_are_as_many_as_the_cpus_of_this_worker(environ, threads):
    assert environ_of(RUN, environ)["OMP_NUM_THREADS"] == threads


@pytest.mark.parametrize("directory, wanted", [
    ("", "link"), ("sub", "link/sub"), ("../real/sub", "real/sub"),
    ("./sub", "real/sub"), ("/", "/"),
])
def test_pwd_of_a_job_is_its_directory(
    tmp_path, monkeypatch, directory, wanted,
):
    (tmp_path / "real" / "sub").mkdir(parents=True)
    (tmp_path / "link").symlink_to(tmp_path / "real")
    monkeypatch.chdir(tmp_path / "link")
    here = environ_of(RUN, {"PWD": str(tmp_path / "link")})["PWD"]
    job = Job(["true"], "true", directory=directory)
    assert directory_of(job, here) == str(tmp_path / wanted)


@pytest.mark.parametrize("pwd", ["", "relative", "/nowhere", "/"])
def test_pwd_that_is_not_ours_is_not_believed(tmp_path, monkeypatch, pwd):
    monkeypatch.chdir(tmp_path)
    assert environ_of(RUN, {"PWD": pwd})["PWD"] == str(tmp_path)


def test_a_directory_that_is_gone_has_no_name(tmp_path, monkeypatch):
    (tmp_path / "gone").mkdir()
    monkeypatch.chdir(tmp_path / "gone")
    (tmp_path / "gone").rmdir()
    assert environ_of(RUN, {"PWD": "/"})["PWD"] == ""
    for directory in ("", "../x", "y"):
        assert directory_of(Job(["true"], "true", directory=directory), "") \
            == ""


STRAY = 77
SEEN = r"""
cd -P . && pwd
readlink /proc/self/fd/0
echo $(ls /proc/self/fd)
read -r pid name state parent group session rest </proc/$$/stat
test "$session" = $$ && echo leads a session
echo $FJD_JOB
grep -E 'SigBlk|SigIgn' /proc/self/status
"""


def what_it_sees(processes, tmp_path, directory):
    """The lines of a job that tells what it was started with."""
    job = Job(["/bin/sh", "-c", SEEN], SEEN, directory=directory)
    with (tmp_path / "log").open("w+") as log:
        processes.start(job, environ_of(RUN), (log.fileno(),) * 2)
        os.waitpid(processes.child, 0)
        log.seek(0)
        *lines, blocked, ignored = log.read().splitlines()
    assert int(blocked.split()[1], 16) == 0
    # What glibc's posix_spawn ignores besides, are its own (32 and 33).
    return lines + [int(ignored.split()[1], 16) & (1 << 31) - 1]


def test_job_starts_alike_however_it_is_started(tmp_path, monkeypatch):
    """With posix_spawn(3) or with fork, in a directory or without it, and
    whatever signals we have blocked.
    """
    os.dup2(0, STRAY)
    signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGUSR2])
    processes = Processes()
    processes.prepare()
    here = os.getcwd()
    seen = what_it_sees(processes, tmp_path, "")
    assert seen == [
        here, "/dev/null", "0 1 2 3", "leads a session", "job1", 0,
    ]
    assert what_it_sees(processes, tmp_path, here) == seen
    monkeypatch.delattr(os, "posix_spawnp", raising=False)
    assert what_it_sees(processes, tmp_path, "") == seen
    assert what_it_sees(processes, tmp_path, here) == seen
    signal.pthread_sigmask(signal.SIG_UNBLOCK, [signal.SIGUSR2])
    os.close(STRAY)


@pytest.fixture
def place(tmp_path, monkeypatch):
    """place(directory): where a job of that directory runs."""
    for name in "own", "other":
        (tmp_path / name).mkdir()
    monkeypatch.chdir(tmp_path / "own")
    processes = Processes()

    def place(directory):
        job = Job(["/bin/pwd"], "pwd", directory=directory)
        with (tmp_path / "log").open("w+") as log:
            processes.start(job, environ_of(RUN), (log.fileno(),) * 2)
            os.waitpid(processes.child, 0)
            log.seek(0)
            return os.path.basename(log.read().strip())
    return place


def test_worker_comes_back_from_the_directory_of_a_job(place, tmp_path):
    own = os.getcwd()
    for directory in "../other", str(tmp_path / "other"):
        assert place(directory) == "other" and os.getcwd() == own
        assert place("") == "own"
        with pytest.raises(FileNotFoundError):
            place("nowhere")


def test_worker_stays_if_it_could_not_come_back(place, monkeypatch, tmp_path):
    """Its own directory may not be entered any more."""
    monkeypatch.setattr(os, "fchdir", forbidden)
    for directory in "../other", str(tmp_path / "other"):
        assert place(directory) == "other"
        assert place("") == "own"


def test_worker_that_did_not_come_back_runs_nothing_in_the_wrong_directory(
    place, monkeypatch, tmp_path,
):
    """Until it can."""
    own, enter = os.getcwd(), os.fchdir
    answers = [enter, forbidden]
    monkeypatch.setattr(os, "fchdir", lambda home: answers.pop(0)(home))
    assert place("../other") == "other"
    monkeypatch.setattr(os, "fchdir", forbidden)
    for directory in "", "../own":
        with pytest.raises(PermissionError):
            place(directory)
    assert place(str(tmp_path / "own")) == "own"
    monkeypatch.setattr(os, "fchdir", enter)
    assert place("../other") == "other" and os.getcwd() == own
    assert place("") == "own"


def forbidden(descriptor):
    raise PermissionError(13, "Permission denied")
