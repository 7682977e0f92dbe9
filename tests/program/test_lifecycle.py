"""Hire, run, fire: the commands together, in each kind of session."""
import os
import re
import signal
import subprocess
import sys

import pytest

from helpers import (
    command, copy_of_project, finish, fjd, jobs_in, ledger, log_of, LONG, ok,
    path_without, program, run, start, wait_until,
)
from needs import SESSIONS

from fjd.members import BEAT

slow = pytest.mark.slow
HIRE = ("fjd-recruiter", "--session", "process", "hire")

ID = r"[A-Za-z0-9.-]+_[0-9]+\.[0-9]{6}-[0-9]+"


@pytest.fixture(autouse=True)
def nobody_is_left(project):
    """Whatever a test hired, is fired."""
    yield
    fjd("fjd-recruiter", "fire")


def hired(number, project="default", what="Hired"):
    noun = "worker" if number == 1 else "workers"
    return f'[fjd-recruiter] {what} {number} {noun} in project "{project}".'


def fired(number, project="default"):
    return hired(number, project, "Fired")


def records(project):
    """What each enrolled worker says about itself."""
    from fjd.members import read_member
    return {
        name: read_member(project, "workers", name)
        for name in project.names("workers")
    }


def active(project):
    """The dispatchers that are active."""
    found = []
    for name in project.members("dispatchers"):
        record = project.record("dispatchers", name)
        if record and "session: none\n" in record[1]:
            found.append(name)
    return found


def sessions(project):
    return sorted(member.session for member in records(project).values())


def host():
    from fjd.members import myself
    return myself().host


def screens():
    return re.findall(r"\d+\.(\S+)\s", run(["screen", "-ls"]).stdout)


@pytest.mark.parametrize("kind", SESSIONS)
def test_jobs_are_run_and_workers_leave(project, put, kind):
    for number in range(1, 7):
        put(f"job{number}", "[control]\nexecutable: echo hello\n")
    assert ok("fjd-recruiter", "--session", kind, "hire", "2") == [hired(2)]
    assert sessions(project) == [
        f"{kind} default.{host()}.1", f"{kind} default.{host()}.2",
    ]
    lines = ok("fjd-dispatcher")
    assert lines[:2] == [
        '[fjd-dispatcher] Started on project "default"',
        "[fjd-dispatcher] Found 6 job(s) and 2 worker(s)...",
    ]
    assert lines[-3:] == [
        "[fjd-dispatcher] No (more) jobs.", fired(2),
        "[fjd-dispatcher] 6 done, 0 failed",
    ]
    assert jobs_in(project, "done") == [f"job{n}" for n in range(1, 7)]
    assert log_of(project, "job1").startswith("hello ")
    wait_until(lambda: project.names("workers") == [])
    for place in ("jobqueue", "workerqueue", "jobpods", "running", "orders"):
        assert project.names(place) == []
    assert project.members("dispatchers") == []


@pytest.mark.parametrize("kind", SESSIONS)
def test_job_has_the_directory_and_environment_of_hire(
    project, put, tmp_path, kind, monkeypatch,
):
    place = tmp_path / "a place"
    place.mkdir()
    monkeypatch.chdir(place)
    monkeypatch.setenv("PWD", str(place))
    monkeypatch.setenv("LD_LIBRARY_PATH", "/no/such place")
    monkeypatch.setenv("MINE", "a 'b' $c\nd")
    monkeypatch.setenv("MKL_NUM_THREADS", "3")
    put("job2", "#!/bin/sh\nenv -0 > env; cat > stdin; nice > nice\n", 0o700)
    ok("fjd-recruiter", "--session", kind, "hire", "1")
    ok("fjd-dispatcher")
    text = (place / "env").read_text()
    environ = dict(item.split("=", 1) for item in text[:-1].split("\0"))
    assert environ["MINE"] == "a 'b' $c\nd"
    assert environ["LD_LIBRARY_PATH"] == "/no/such place"
    assert environ["OMP_NUM_THREADS"] == "1"
    assert environ["MKL_NUM_THREADS"] == "3"
    assert environ["FJD_PROJECT"] == "default"
    assert environ["FJD_JOB"] == "job2"
    assert re.fullmatch(ID, environ["FJD_WORKER"])
    assert re.fullmatch(r"job2~1\.\S+", environ["FJD_ATTEMPT"])
    assert "FJD_SESSION_NAME" not in environ
    assert (place / "stdin").read_text() == ""
    assert int((place / "nice").read_text()) == max(9, os.nice(0))


@pytest.mark.parametrize("kind", SESSIONS)
@pytest.mark.parametrize("is_named", [False, True])
def test_name_of_a_directory_is_nothing_but_a_name(
    home, put, tmp_path, kind, is_named, monkeypatch,
):
    """tmux expands formats, a shell would expand the rest."""
    place = home / "x#(touch pwned)#{pid}##[a]%H $(touch pwned)`touch pwned`"
    place.mkdir()
    put("job1", "[control]\nexecutable: pwd\nargument: no\n")
    where = ["--curdir", str(place)] if is_named else []
    if not is_named:
        monkeypatch.chdir(place)
        monkeypatch.setenv("PWD", str(place))
    ok("fjd-recruiter", "--session", kind, *where, "hire", "1")
    ok("fjd-dispatcher")
    log, = (home / ".fjd" / "default" / "joblogs").iterdir()
    assert log.read_text() == f"{os.path.realpath(str(place))}\n"
    assert list(tmp_path.rglob("pwned")) == []


def shown(kind, name, copy):
    """What a person who attaches to that session sees."""
    if kind == "tmux":
        return run(["tmux", "-L", name, "capture-pane", "-p"]).stdout
    run(["screen", "-S", name, "-X", "hardcopy", str(copy)])
    return copy.read_text()


@pytest.mark.parametrize("kind", SESSIONS[:2])
def test_session_shows_the_workers_lines_and_what_its_job_prints_live(
    project, put, tmp_path, kind,
):
    put("job1", f"[control]\nexecutable: echo hello; cat '{tmp_path}/gate' #")
    os.mkfifo(str(tmp_path / "gate"))
    ok("fjd-recruiter", "--session", kind, "hire", "1")
    name = f"default.{host()}.1"
    assert (name in screens()) == (kind == "screen")
    dispatcher = start("fjd-dispatcher")

    def is_shown():
        text = shown(kind, name, tmp_path / "hardcopy")
        assert "[fjd-worker] Started with ID " in text
        assert ": I found a job." in text
        assert text.splitlines()[2].strip() == "hello"
        return True

    wait_until(is_shown)
    (tmp_path / "gate").write_text("")
    finish(dispatcher)
    wait_until(lambda: name not in screens())


@pytest.mark.needs("a terminal")
def test_terminal_that_nobody_reads_does_not_hold_up_a_worker(project, put):
    """A screen in copy mode reads nothing until its user leaves that."""
    import pty
    put("job1", "[control]\nexecutable: seq 100000 #\n")
    put("job2", "[control]\nexecutable: echo hello\n")
    ours, theirs = pty.openpty()
    worker = subprocess.Popen(
        command("fjd-worker"), stdout=theirs, stdin=subprocess.DEVNULL,
    )
    assert "[fjd-dispatcher] 2 done, 0 failed" in ok("fjd-dispatcher")
    assert worker.wait(LONG) == 0
    assert os.read(ours, 100).startswith(b"[fjd-worker] Started with ID")
    os.close(ours)
    os.close(theirs)
    assert log_of(project, "job1").endswith("\n99999\n100000\n")


@slow
def test_each_job_has_its_own_log_also_after_a_silent_one(project, put):
    """What a silent job left running prints into that job's log."""
    put("job1", "[control]\nexecutable: (sleep 0.5; echo late) & #\n")
    put("job2", "[control]\nexecutable: sleep 1; echo mine #\n")
    ok("fjd-recruiter", "hire", "1")
    ok("fjd-dispatcher")
    assert log_of(project, "job2") == "mine\n"


def test_ignored_hangup_stays_ignored(project):
    """As nohup(1) has it."""
    worker = start("fjd-worker", preexec_fn=lambda: signal.signal(
        signal.SIGHUP, signal.SIG_IGN))
    wait_until(project.announcements)
    worker.send_signal(signal.SIGHUP)
    assert ok("fjd-recruiter", "hire", "1") == [hired(1)]
    assert len(project.pods()) == 1
    worker.terminate()
    finish(worker)


def test_workers_lines_are_in_screenlogs_word_for_word(project, put):
    put("job1", "[control]\nexecutable: true\n")
    put("job2", "[control]\nexecutable: true\n")
    ok("fjd-recruiter", "--session", "process", "hire", "1")
    worker = project.names("workers")[0]
    assert re.fullmatch(ID, worker)
    ok("fjd-dispatcher")
    with open(project.worker_log(worker)) as log:
        assert log.read().splitlines() == [
            f"[fjd-worker] Started with ID {worker}.",
        ] + 2 * [
            f"[fjd-worker] Worker {worker}: I found a job.",
            f"[fjd-worker] Worker {worker}: Finished my job.",
        ]


@pytest.mark.needs("tmux", "a terminal")
def test_without_screen_it_is_tmux(project, tmp_path, monkeypatch):
    path = path_without("screen", directory=tmp_path / "path")
    monkeypatch.setenv("PATH", path)
    assert ok("fjd-recruiter", "hire", "1") == [hired(1)]
    assert sessions(project) == [f"tmux default.{host()}.1"]


def test_without_screen_and_tmux_it_is_a_process(
    project, tmp_path, monkeypatch,
):
    path = path_without("screen", "tmux", directory=tmp_path / "path")
    monkeypatch.setenv("PATH", path)
    assert ok("fjd-recruiter", "hire", "1") == [
        "[fjd-recruiter] Workers run as background processes (screen is not"
        " installed; tmux is not installed).", hired(1),
    ]
    assert sessions(project) == [f"process default.{host()}.1"]


@pytest.fixture
def bare(tmp_path):
    """bare(name, argument ...): run by a Python without packages, in a clone
    without caches.
    """
    clone = copy_of_project(tmp_path / "clone")

    def bare(name, *arguments):
        python = os.path.realpath(sys.executable)
        program = str(bare.clone / "bin" / name)
        return run([python, "-S", program, *arguments])
    bare.clone = clone
    return bare


@pytest.mark.parametrize("kind", SESSIONS[:2])
def test_clone_needs_neither_pip_nor_network_for_sessions(
    project, bare, kind,
):
    result = bare("fjd-recruiter", "--session", kind, "hire", "1")
    assert (result.returncode, result.stderr) == (0, "")
    assert result.stdout == f"{hired(1)}\n"
    assert sessions(project) == [f"{kind} default.{host()}.1"]
    assert list((bare.clone / "wheels").glob("**/__pycache__")) == []


def test_clone_needs_neither_pip_nor_network_for_ssh_hosts(
    project, bare, tmp_path, monkeypatch,
):
    program(tmp_path / "ssh", "echo node2: no route >&2; exit 255")
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    result = bare("fjd-recruiter", "hire", "node2:1")
    assert (result.returncode, result.stderr) == (
        3, "fjd-recruiter: error: host node2: node2: no route\n")


def spoil(wheel):
    wheel.write_bytes(wheel.read_bytes() + b" ")


@pytest.mark.parametrize("break_it", [os.remove, spoil])
def test_without_a_good_wheel_of_sh_it_is_a_process(project, bare, break_it):
    for wheel in (bare.clone / "wheels").glob("sh-*.whl"):
        break_it(wheel)
    result = bare("fjd-recruiter", "hire", "1")
    assert (result.returncode, result.stderr) == (0, "")
    assert result.stdout.splitlines() == [
        "[fjd-recruiter] Workers run as background processes (the Python"
        " package sh is missing).", hired(1),
    ]


@pytest.mark.needs("a terminal")
def test_screen_that_cannot_start_is_said_and_left(
    project, tmp_path, monkeypatch,
):
    """As on machines whose /run/screen nobody may write to."""
    path = path_without("screen", "tmux", directory=tmp_path / "path")
    fake = tmp_path / "path" / "screen"
    fake.write_text("#!/bin/sh\necho Cannot make directory >&2\nexit 1\n")
    fake.chmod(0o755)
    monkeypatch.setenv("PATH", path)
    assert ok("fjd-recruiter", "hire", "1")[0] == (
        "[fjd-recruiter] Workers run as background processes (screen: Cannot"
        " make directory; tmux is not installed)."
    )


@pytest.mark.parametrize("kind", ["screen", "tmux"])
def test_forced_kind_that_is_missing_says_what_to_install(
    project, tmp_path, monkeypatch, kind,
):
    monkeypatch.setenv("PATH", path_without(kind, directory=tmp_path / "p"))
    result = fjd("fjd-recruiter", "--session", kind, "hire", "1")
    assert result.returncode == 69
    assert result.stderr.splitlines() == [
        f"fjd-recruiter: error: {kind} is not installed",
        f"    try: apt-get install {kind} (as root)",
    ]


def test_hire_makes_it_exactly_that_many(project):
    by_hand = start("fjd-worker")
    wait_until(lambda: len(project.pods()) == 1)
    assert ok(*HIRE, "3") == [hired(3)]
    first = set(project.pods())
    assert len(first) == 3
    assert ok(*HIRE, "3") == [hired(3)]
    assert set(project.pods()) == first
    assert ok(*HIRE, "1") == [hired(1)]
    oldest = sorted(first)[0]
    wait_until(lambda: project.pods() == [oldest])
    assert ok(*HIRE, "2") == [hired(2)]
    assert ok(*HIRE, "0") == [hired(0)]
    wait_until(lambda: project.pods() == [])
    assert "Started with ID" in finish(by_hand)


def test_surplus_worker_ends_its_job_first(project, put, tmp_path):
    put("job1", f"[control]\nexecutable: cat {tmp_path}/gate; echo done #")
    os.mkfifo(str(tmp_path / "gate"))
    ok("fjd-recruiter", "hire", "1")
    dispatcher = start("fjd-dispatcher", "--keep-running")
    wait_until(lambda: project.running())
    assert ok("fjd-recruiter", "hire", "0") == [hired(0)]
    (tmp_path / "gate").write_text("")
    wait_until(lambda: jobs_in(project, "done") == ["job1"])
    wait_until(lambda: project.pods() == [])
    dispatcher.send_signal(signal.SIGINT)
    finish(dispatcher)


def test_two_hires_at_a_time_agree(project):
    hires = [start("fjd-recruiter", "hire", "3") for _ in range(3)]
    for hire in hires:
        assert hired(3) in finish(hire)
    wait_until(lambda: len(project.pods()) == 3)


@slow
@pytest.mark.parametrize("kind", SESSIONS)
def test_worker_that_cannot_start_is_named_with_the_reason(
    tmp_path, project, kind,
):
    clone = copy_of_project(tmp_path / "clone")
    worker = clone / "bin" / "fjd-worker"
    worker.write_text("raise SystemExit('the moon is full')\n")
    program = str(clone / "bin" / "fjd-recruiter")
    result = run([sys.executable, program, "hire", "1", "--session", kind])
    assert result.returncode == 3
    assert result.stderr == (
        f"fjd-recruiter: error: default.{host()}.1 did not come up: the"
        " moon is full\n"
    )


def test_worker_that_only_warns_is_hired(project, monkeypatch):
    monkeypatch.setenv("PYTHONVERBOSE", "1")
    result = fjd("fjd-recruiter", "--session", "process", "hire", "2")
    assert (result.returncode, result.stdout) == (0, hired(2) + "\n")


def test_projects_do_not_touch_each_other(project, put):
    ok("fjd-recruiter", "--project", "default.2", "hire", "1")
    ok("fjd-recruiter", "hire", "1")
    put("job1", "[control]\nexecutable: true\n")
    assert fired(1) in ok("fjd-dispatcher")
    assert ok("fjd-recruiter", "--project", "default.2", "fire") == [
        fired(1, "default.2"),
    ]


@slow
def test_fire_ends_running_jobs_and_gives_them_back(project, put, tmp_path):
    """What the job started, goes too, even in a session of its own."""
    put("job1", f"[control]\nexecutable: setsid sleep 1234 & echo $! >"
        f" {tmp_path}/pid; exec sleep 1234 #\n")
    ok("fjd-recruiter", "hire", "1")
    dispatcher = start("fjd-dispatcher", "--keep-running")
    wait_until(lambda: (tmp_path / "pid").read_text().strip())
    assert ok("fjd-recruiter", "fire") == [fired(1)]
    pid = int((tmp_path / "pid").read_text())
    wait_until(lambda: not os.path.exists(f"/proc/{pid}"))
    assert [name.split("~")[0] for name in project.waiting()] == ["job1"]
    assert [row["event"] for row in ledger(project)] == ["given-back"]
    dispatcher.send_signal(signal.SIGINT)
    assert finish(dispatcher).endswith(
        "[fjd-dispatcher] Stopped. Workers go on with the jobs they have;"
        " fjd-recruiter fire ends them.\n"
        "[fjd-dispatcher] 0 done, 0 failed, 1 left\n",
    )
    assert dispatcher.returncode == 130


def test_fire_without_workers_is_done_at_once(project):
    assert ok("fjd-recruiter", "fire") == [fired(0)]


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_signalled_worker_gives_its_job_back(project, put, number):
    put("job1", "[control]\nexecutable: sleep 1234 #\n")
    worker = start("fjd-worker")
    dispatcher = start("fjd-dispatcher", "--keep-running")
    wait_until(lambda: project.running())
    worker.send_signal(number)
    finish(worker)
    assert worker.returncode == 0
    assert project.running() == [] and len(project.waiting()) == 1
    dispatcher.terminate()
    finish(dispatcher)


@slow
def test_dispatcher_first_then_worker_then_jobs(project, put):
    """The three terminals of 2012."""
    dispatcher = start("fjd-dispatcher", "--keep-running")
    wait_until(lambda: project.members("dispatchers"))
    worker = start("fjd-worker")
    wait_until(lambda: project.pods())
    create_jobs = os.path.join(
        os.path.dirname(command("")[1]), "..", "example", "create_jobs.py",
    )
    assert run([sys.executable, create_jobs]).returncode == 0
    names = [f"job{number}" for number in range(10)]
    wait_until(lambda: jobs_in(project, "done") == names)
    dispatcher.send_signal(signal.SIGINT)
    assert re.search(
        r"Found \d+ job\(s\) and 1 worker\(s\)\.\.\.", finish(dispatcher),
    )
    worker.terminate()
    assert finish(worker).count("Finished my job.") == 10


def test_dispatcher_says_that_nobody_is_there(project, put):
    put("job1", "[control]\nexecutable: true\n")
    dispatcher = start("fjd-dispatcher")
    first = [dispatcher.stdout.readline() for _ in range(2)]
    assert first[1] == (
        "[fjd-dispatcher] 1 job(s) wait, and there is no worker;"
        " fjd-recruiter --project default hire starts some.\n"
    )
    ok("fjd-recruiter", "hire", "1")
    assert "1 done, 0 failed" in finish(dispatcher)


def test_dispatcher_says_what_failed_how_and_where_to_look(project, put):
    put("job1", "[control]\nexecutable: true\n")
    put("job3", "[control]\nexecutable: echo oh; exit 1 #\n")
    put("job7", "#!/bin/sh\nkill -9 $$\n", 0o700)
    ok("fjd-recruiter", "hire", "1")
    result = fjd("fjd-dispatcher")
    assert result.returncode == 3
    summary, where = result.stdout.splitlines()[-2:]
    assert summary == (
        "[fjd-dispatcher] 1 done, 2 failed: job3 (exit 1), job7 (signal 9)"
    )
    logs = os.listdir(project.path("joblogs"))
    log = project.path("joblogs", [n for n in logs if "job3~" in n][0])
    assert where == (
        "[fjd-dispatcher] To see why: fjd why --project default job3; what it"
        " printed:"
        f" '{log}'"
    )
    assert log_of(project, "job3") == "oh\n[fjd-worker] job3: exit 1\n"
    assert log_of(project, "job7") == "[fjd-worker] job7: signal 9\n"
    assert jobs_in(project, "failed") == ["job3", "job7"]


def test_quiet_dispatcher_says_only_what_failed(project, put):
    ok("fjd-recruiter", "hire", "1")
    put("job1", "[control]\nexecutable: true\n")
    assert ok("fjd-dispatcher", "--quiet") == []
    ok("fjd-recruiter", "hire", "1")
    put("job2", "[control]\nexecutable: false\n")
    result = fjd("fjd-dispatcher", "--quiet")
    assert result.returncode == 3
    assert result.stdout.startswith(
        "[fjd-dispatcher] Failed: job2 (exit 1), see ")


def test_dispatcher_that_is_killed_is_followed_by_one_that_goes_on(
    project, put,
):
    """While it is there, one job ends, by what is there only once."""
    for number in range(40):
        put(f"job{number}", "#!/bin/sh\nuntil test -e free || rmdir one"
            " 2>/dev/null; do sleep 0.02; done\n", 0o700)
    ok("fjd-recruiter", "hire", "2")
    for ended in range(3):
        dispatcher = start("fjd-dispatcher")
        os.mkdir("one")
        wait_until(lambda: len(jobs_in(project, "done")) > ended)
        dispatcher.kill()
        finish(dispatcher)
    os.mkdir("free")
    ok("fjd-dispatcher")
    assert len(jobs_in(project, "done")) == 40
    assert sorted(row["event"] for row in ledger(project)) == ["done"] * 40
    assert project.members("dispatchers") == []


def test_two_dispatchers_harm_nothing(project, put):
    for number in range(60):
        put(f"job{number}", "[control]\nexecutable: true\n")
    first = start("fjd-dispatcher", "--keep-running")
    record = wait_until(lambda: active(project))[0]
    project.strike("dispatchers", record)  # Now nobody knows of it.
    second = start("fjd-dispatcher", "--keep-running")
    wait_until(lambda: active(project))
    ok("fjd-recruiter", "hire", "3")
    wait_until(lambda: len(jobs_in(project, "done")) == 60)
    for dispatcher in (first, second):
        dispatcher.send_signal(signal.SIGINT)
        assert "Started on project" in finish(dispatcher)
    assert len(jobs_in(project, "done")) == 60
    assert sorted(row["event"] for row in ledger(project)) == ["done"] * 60


@slow
@pytest.mark.parametrize("is_busy", [True, False])
def test_worker_that_is_killed_loses_nothing(
    project, put, tmp_path, is_busy,
):
    """The next worker runs the job; what was left of it is ended."""
    (tmp_path / "hold").write_text("")
    put("job1", f"#!/bin/sh\ncd '{tmp_path}'; test -e hold || exit 0\n"
        "echo $$ > pid; exec sleep 1234\n", 0o700)
    worker = start("fjd-worker")
    wait_until(lambda: project.announcements())
    if is_busy:
        dispatcher = start("fjd-dispatcher")
        wait_until(lambda: (tmp_path / "pid").read_text())
    worker.kill()
    finish(worker)
    (tmp_path / "hold").unlink()
    if is_busy:  # Of two who bury it at a time either may say so.
        wait_until(project.waiting)
    else:
        dispatcher = start("fjd-dispatcher")
    ok("fjd-recruiter", "hire", "1")
    printed = finish(dispatcher)
    assert "1 done, 0 failed" in printed
    events = sorted(row["event"] for row in ledger(project))
    assert events == (["done", "lost"] if is_busy else ["done"])
    wait_until(lambda: project.names("workers") == [])
    if is_busy:
        from fjd.proc import start_time
        assert start_time(int((tmp_path / "pid").read_text())) == ""


@slow
def test_worker_that_is_killed_is_missed_by_another_worker(project, put):
    """No dispatcher has to be there for that, nor a heartbeat to be missed.
    """
    put("job1", "[control]\nexecutable: sleep 1234 #\n")
    ok("fjd-recruiter", "hire", "2")
    ok("fjd-dispatcher", "--once")
    worker = wait_until(lambda: project.running())[0].worker
    os.kill(records(project)[worker].identity.pid, signal.SIGKILL)
    wait_until(project.waiting, timeout=3 * BEAT)
    assert [name[:7] for name in project.waiting()] == ["job1~2."]
    assert [row["event"] for row in ledger(project)] == ["lost"]
    wait_until(lambda: worker not in project.names("workers"))


def test_job_that_is_removed_while_it_runs_is_ended(
    project, put, monkeypatch,
):
    """The next heartbeat notices that it is gone from running/."""
    put("job1", "[control]\nexecutable: touch begun; exec sleep 1234 #\n")
    ok("fjd-recruiter", "hire", "1")
    dispatcher = start("fjd-dispatcher")
    wait_until(lambda: os.path.exists("begun"))
    run_of, = project.running()
    os.unlink(project.job_file(run_of))
    assert "0 done, 0 failed" in finish(dispatcher)
    assert [row["event"] for row in ledger(project)] == ["superseded"]


@pytest.mark.needs("strace")
def test_shell_has_not_to_be_there_for_a_plain_command(
    project, put, tmp_path,
):
    """One execve a plain job: strace sees no sh."""
    put("job1", "[control]\nexecutable: /bin/true 'a b'\n")
    trace = tmp_path / "trace"
    worker = subprocess.Popen(
        ["strace", "-f", "-e", "trace=execve", "-o", str(trace)]
        + command("fjd-worker"), stdout=subprocess.DEVNULL,
    )
    ok("fjd-dispatcher")
    worker.wait()
    calls = re.findall(r"execve\((.*)", trace.read_text())
    calls = [call for call in calls if " = -1 " not in call]
    assert len(calls) == 2
    assert calls[1].startswith('"/bin/true", ["/bin/true", "a b", "')


@slow
def test_half_written_job_waits_until_it_is_whole(project):
    """As an editor or a slow cp makes it: there at once, whole later."""
    path = project.path("jobqueue", "slow")
    with open(path, "w") as file:
        file.write("[control]\nexe")
    ok("fjd-recruiter", "hire", "1")
    dispatcher = start("fjd-dispatcher")

    def is_given_back():
        file_of = [path] + [project.job_file(r) for r in project.running()]
        for place in file_of:
            if os.path.exists(place):
                os.utime(place)  # The writer is still at it.
        return [row["event"] for row in ledger(project)]

    assert set(wait_until(is_given_back)) == {"given-back"}
    draft = wait_until(project.waiting)[0]
    with open(project.path("jobqueue", draft), "w") as file:
        file.write("[control]\nexecutable: true\n")
    assert "1 done, 0 failed" in finish(dispatcher)


@slow
def test_long_job_file_waits_until_it_is_a_second_old(project, put):
    put("job1", "[control]\nexecutable: true\n" + 1000 * "# comment\n")
    ok("fjd-recruiter", "hire", "1")
    begun = os.stat(project.path("jobqueue", "job1")).st_mtime
    assert "[fjd-dispatcher] 1 done, 0 failed" in ok("fjd-dispatcher")
    done = [row for row in ledger(project) if row["event"] == "done"]
    assert float(done[0]["end"]) - begun >= 1.0


# More than one dispatcher

@pytest.fixture
def dispatcher(project):
    """One that is active."""
    dispatcher = start("fjd-dispatcher", "--keep-running")
    wait_until(
        lambda: project.members("dispatchers") == active(project) != [])
    yield dispatcher
    if dispatcher.poll() is None:
        dispatcher.kill()
    finish(dispatcher)


def test_second_dispatcher_says_who_is_active_and_leaves(project, dispatcher):
    result = fjd("fjd-dispatcher")
    assert result.returncode == 75
    assert result.stderr == (
        f"fjd-dispatcher: error: dispatcher {active(project)[0]} is active in"
        ' project "default"\n    try: --standby, to take over when it has'
        " ended\n"
    )
    assert project.members("dispatchers") == active(project)


@pytest.mark.parametrize("option", ["--quiet", "--once"])
def test_second_dispatcher_leaves_silently_if_so_told(dispatcher, option):
    assert ok("fjd-dispatcher", option) == []


@slow
def test_standby_takes_over_from_a_dispatcher_that_is_killed(
    project, put, dispatcher,
):
    standby = start("fjd-dispatcher", "--standby")
    wait_until(lambda: len(project.members("dispatchers")) == 2)
    dispatcher.send_signal(signal.SIGSTOP)  # What comes now is left to wait.
    os.waitid(os.P_PID, dispatcher.pid, os.WSTOPPED)
    put("job1", "[control]\nexecutable: true\n")
    ok("fjd-recruiter", "hire", "1")
    dispatcher.kill()
    dispatcher.wait()
    assert finish(standby).splitlines()[1:] == [
        '[fjd-dispatcher] Started on project "default"',
        "[fjd-dispatcher] Found 1 job(s) and 1 worker(s)...",
        "[fjd-dispatcher] No (more) jobs.", fired(1),
        "[fjd-dispatcher] 1 done, 0 failed",
    ]


@pytest.mark.needs("a terminal")
def test_who_stands_by_does_not_ask_about_workers(project, dispatcher):
    import pty
    ours, theirs = pty.openpty()
    standby = subprocess.Popen(
        command("fjd-dispatcher", "--standby"), stdin=theirs, stdout=theirs,
    )
    assert b"Standing by" in os.read(ours, 1000)
    standby.send_signal(signal.SIGINT)
    assert standby.wait(LONG) == 130
    os.close(ours)
    os.close(theirs)


def test_one_pass_is_enough_for_who_has_cron(project, put, tmp_path):
    put("job1", f"[control]\nexecutable: cat {tmp_path}/gate #\n")
    os.mkfifo(str(tmp_path / "gate"))
    ok("fjd-recruiter", "hire", "1")
    assert ok("fjd-dispatcher", "--once") == [
        "[fjd-dispatcher] Found 1 job(s) and 1 worker(s)...",
        "[fjd-dispatcher] 0 done, 0 failed",
    ]
    (tmp_path / "gate").write_text("")
    wait_until(lambda: jobs_in(project, "done") == ["job1"])
    assert len(project.pods()) == 1 and project.members("dispatchers") == []


# Firing

def test_fire_of_a_host_leaves_the_others_alone(project):
    ok("fjd-recruiter", "hire", "2")
    for names in (["no-such-host"], ["$(touch x)", "-C"]):
        assert ok("fjd-recruiter", "fire", "--", *names) == [
            f"[fjd-recruiter] No worker was on {name}." for name in names
        ] + [fired(0)]
    assert len(project.pods()) == 2
    assert ok("fjd-recruiter", "fire", host(), "lab7") == [
        "[fjd-recruiter] No worker was on lab7.", fired(2),
    ]


def test_fire_drain_lets_jobs_end(project, put, tmp_path):
    put("job1", f"[control]\nexecutable: cat {tmp_path}/gate; echo done #")
    os.mkfifo(str(tmp_path / "gate"))
    ok("fjd-recruiter", "hire", "2")
    ok("fjd-dispatcher", "--once")
    wait_until(lambda: project.running())
    fire = start("fjd-recruiter", "fire", "--drain", "localhost")
    wait_until(lambda: len(project.pods()) == 1)
    (tmp_path / "gate").write_text("")
    assert finish(fire) == fired(2) + "\n"
    assert log_of(project, "job1") == "done\n"
    assert jobs_in(project, "done") == ["job1"]


def test_nothing_leaks_when_a_worker_starts_anew(project, put, home):
    """Neither descriptors nor the niceness that it had at first."""
    put("job1", "[control]\nexecutable: sleep 1234\nargument: no\n")
    worker, dispatcher = start("fjd-worker"), start(
        "fjd-dispatcher", "--keep-running")
    wait_until(project.running)
    place = f"/proc/{worker.pid}/fd"
    earlier = []

    def opened():
        """Again if one was just closed; a log is open twice for a moment."""
        paths = [os.readlink(os.path.join(place, name))
                 for name in os.listdir(place)]
        ours = [path for path in paths
                if path.startswith(os.path.realpath(project.root))]
        assert len(set(ours)) == len(ours) > 0
        return ours

    for _ in range(3):
        run, = wait_until(project.running)
        paths = wait_until(opened)
        assert not [p for p in paths for name in earlier if name in p]
        earlier.append(run.worker)
        os.rename(project.job_file(run), project.waiting_job("job1"))
        project.strike("workers", run.worker)
        (home / ".fjd/default/orders/.x").touch()  # Let it look at once.
        (home / ".fjd/default/orders/.x").unlink()
        wait_until(lambda: run.worker not in project.names("workers")
                   and project.names("workers"))
    wait_until(project.running)
    put("job2", "[control]\nexecutable: nice #\nnice: 0\n")
    fjd("fjd", "cancel", "job1")
    wait_until(lambda: jobs_in(project, "done") == ["job2"])
    # Root may go below the niceness of these tests.
    assert int(log_of(project, "job2")) in (0, os.nice(0))
    assert fjd("fjd-recruiter", "fire").returncode == 0
    assert finish(worker).count("starting anew") == 3
    dispatcher.send_signal(signal.SIGINT)
    finish(dispatcher)


# screen lets a program that was stopped go on.
@pytest.mark.parametrize("kind", SESSIONS[1:])
def test_worker_that_does_not_leave_is_ended_and_its_job_given_back(
    project, put, kind, monkeypatch,
):
    """It is not left the time to; ended, it gives its job back."""
    from fjd.roles import recruiter
    from fjd.project import NOW
    from fjd.reclaim import new_reclaimer
    from fjd.hosts.session import Sessions
    put("job1", "[control]\nexecutable: sleep 1234 #\n")
    ok("fjd-recruiter", "--session", kind, "hire", "1")
    ok("fjd-dispatcher", "--once")
    worker = wait_until(lambda: project.running())[0].worker
    pid = records(project)[worker].identity.pid
    os.kill(pid, signal.SIGSTOP)
    monkeypatch.setattr(recruiter, "SECONDS_TO_LEAVE", 0)
    said = []
    hand = recruiter.Recruiter(
        project, new_reclaimer(project, said.append, 3), said.append,
    )
    hand.fire(NOW, [], Sessions("", said.append))
    assert said[0] == f"{worker} does not leave: sending SIGTERM."
    assert said[-1] == 'Fired 1 worker in project "default".'
    assert [name[:7] for name in project.waiting()] == ["job1~1."]
    from fjd.proc import start_time
    wait_until(lambda: start_time(pid) == "")


def test_workers_that_could_be_started_are_waited_for(project, monkeypatch):
    """Where there is no room for all of them."""
    import errno
    import time
    from fjd.roles.recruiter import Recruiter
    from fjd.reclaim import new_reclaimer

    class Sessions:
        """Of which the third cannot be started, and the first is slow."""

        started = []

        def start(self, name, *_):
            if len(self.started) == 2:
                raise OSError(errno.EAGAIN, "Resource temporarily unavailable")
            self.started.append(name)

    def watch(*_):
        project.forget_session(Sessions.started[len(looks)])
        looks.append(time.monotonic())

    looks = []
    hand = Recruiter(
        project, new_reclaimer(project, looks.append, 3), looks.append)
    hand.watch = watch
    with pytest.raises(OSError):
        hand.hire(5, Sessions(), [], {}, "/")
    assert len(looks) == 2
    assert os.listdir(project.path("workers")) == []


def answer(dispatcher_output, text):
    """Wait for the question, and type the answer."""
    seen = b""
    while b"[y/N]" not in seen:
        seen += os.read(dispatcher_output, 1000)
    os.write(dispatcher_output, text)


@pytest.mark.needs("a terminal")
@pytest.mark.parametrize("text, is_fired", [(b"y\n", True), (b"\n", False)])
def test_dispatcher_asks_on_a_terminal_whether_to_fire(
    project, put, text, is_fired,
):
    import pty
    put("job1", "[control]\nexecutable: sleep 1234 #\n")
    ok("fjd-recruiter", "hire", "1")
    ours, theirs = pty.openpty()
    dispatcher = subprocess.Popen(
        command("fjd-dispatcher"), stdin=theirs, stdout=theirs, stderr=theirs,
    )
    wait_until(lambda: project.running())
    dispatcher.send_signal(signal.SIGINT)
    answer(ours, text)
    assert dispatcher.wait(LONG) == 130
    os.close(ours)
    os.close(theirs)
    assert len(project.pods()) == (0 if is_fired else 1)
    assert len(project.waiting()) == (1 if is_fired else 0)


# What is left behind

@pytest.mark.parametrize("kind", SESSIONS)
def test_what_goes_wrong_with_a_hired_worker_is_in_its_screenlog(
    project, kind,
):
    ok("fjd-recruiter", "--session", kind, "hire", "1")
    worker, member = records(project).popitem()
    assert os.path.realpath(f"/proc/{member.identity.pid}/fd/2") == \
        os.path.realpath(project.worker_log(worker))


def test_fire_removes_what_a_recruiter_left_that_was_killed(project):
    assert project.claim_session(f"default.{host()}.1")
    ok("fjd-recruiter", "hire", "1")
    assert sessions(project)[0].endswith(f"default.{host()}.2")
    ok("fjd-recruiter", "fire")
    assert [n for n in project.names("screenlogs") if "err" in n] == []
