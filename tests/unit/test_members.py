"""Who is alive, by process and by heartbeat."""
import os
import signal
import subprocess
import sys

import pytest

from helpers import ROOT, run, wait_until

from fjd import members
from fjd.members import (
    BEAT, enrol, Member, MISSED, MISSING, myself, Observer, read_member,
)
from fjd.names import host_of, safe_host
from fjd.proc import start_time


def identity_of(record):
    return Member.parse(0.0, record).identity


@pytest.fixture
def child(tmp_path):
    """A process that ends when its stdin is closed; its name is a trap."""
    program = tmp_path / "a) R 1 (b c"
    program.symlink_to("/bin/cat")
    process = subprocess.Popen([str(program)], stdin=subprocess.PIPE)
    yield process
    process.stdin.close()
    process.wait()


def test_this_process_runs():
    me = myself()
    assert me.pid == os.getpid() and me.host == safe_host(os.uname()[1])
    assert me.boot and me.pidns and int(me.start) > 0
    assert myself().sees(me) is True


def test_neither_a_zombie_nor_what_has_ended_runs(child):
    it = myself()._replace(pid=child.pid, start=start_time(child.pid))
    unsure = it._replace(start="")  # as where there is no /proc
    assert myself().sees(it) and myself().sees(unsure)
    child.stdin.close()
    os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)
    assert myself().sees(it) is False
    child.wait()
    assert myself().sees(it) is myself().sees(unsure) is False


def test_who_is_kept_in_sight_has_one_open_file_until_it_ends(child):
    def files():
        return len(os.listdir("/proc/self/fd"))

    it = myself()._replace(pid=child.pid, start=start_time(child.pid))
    before = files()
    assert [myself().sees(it) for _ in range(3)] == [True] * 3
    assert myself().is_awake(it)
    assert files() == before + 1
    child.send_signal(signal.SIGSTOP)
    wait_until(lambda: not myself().is_awake(it))
    assert myself().sees(it)
    child.kill()
    child.wait()
    assert myself().sees(it) is False
    assert files() == before


def test_a_pid_that_is_used_again_is_another_process():
    assert myself().sees(myself()._replace(start="1")) is False


@pytest.mark.parametrize("key", ["boot", "pidns"])
def test_another_boot_or_namespace_is_elsewhere(key):
    other = myself()._replace(**{key: "other"})
    assert myself().sees(other) is None
    assert not myself().is_home_of(other)


@pytest.mark.parametrize("is_alive, start", [
    (True, {}), (False, {"start": "1"})])
def test_a_host_is_the_same_after_it_was_renamed(is_alive, start):
    before = myself()._replace(host="dhcp-17", **start)
    assert myself().sees(before) is is_alive
    assert myself().is_home_of(before) is is_alive


@pytest.fixture(params=["boot_id", "pid_namespace"])
def unknown(request, monkeypatch):
    """What is not told, as where /proc is mounted with subset=pid."""
    monkeypatch.setattr(members, request.param, lambda: "")


def test_what_cannot_be_found_out_is_unknown_by_itself(unknown):
    assert sorted(map(bool, myself().place)) == [False, True]


@pytest.mark.parametrize("start", [None, "", "1"])
def test_whose_host_is_unknown_is_elsewhere(unknown, start):
    """A pid could be that of a process in another namespace."""
    me = myself()
    other = me if start is None else me._replace(start=start, pid=2 ** 22)
    assert me.sees(other) is None and not me.is_awake(other)
    assert me.is_home_of(other)
    assert not me.is_home_of(other._replace(host="lab7"))
    member = Member.parse(1000.0, other.record("none"))
    assert not member.seems_dead(1000.0, me, MISSED)
    assert member.seems_dead(1000.1 + MISSED * BEAT, me, MISSED)


@pytest.mark.parametrize("lacking", ["boot", "pidns"])
def test_who_knows_its_host_takes_one_that_does_not_for_another(lacking):
    other = myself()._replace(start="1", **{lacking: ""})
    assert myself().sees(other) is None and not myself().is_home_of(other)


@pytest.mark.needs("mount")
def test_boot_id_that_is_hidden_is_unknown():
    """As in a container; the pid namespace is told all the same."""
    show = f"import sys; sys.path[:0] = [{ROOT!r}]\n" \
        "from fjd.members import myself; print(myself().place)"
    result = run(["unshare", "--mount", "sh", "-c", 'mount -t tmpfs x'
                  ' /proc/sys && exec "$0" -c "$1"', sys.executable, show])
    assert result.stdout == f"('', '{myself().pidns}')\n"


def test_a_record_says_who_wrote_it():
    record = myself().record("screen default.lab7.1")
    assert Member.parse(7.0, record) == (
        7.0, myself(), "screen default.lab7.1", BEAT, True)


@pytest.mark.parametrize("record", ["", "\n:\nhost", "pid: x\nbeat: 10\n"])
def test_what_is_no_record_is_about_nobody_here(record):
    assert myself().sees(identity_of(record)) is None


def test_a_record_cut_short_makes_nobody_look_dead():
    """It may be read while it is being written."""
    me = myself()
    record = me.record("none")
    seen = [identity_of(record[:cut]) for cut in range(len(record))]
    assert False not in [me.sees(it) for it in seen]


@pytest.mark.parametrize("kind", ["workers", "dispatchers"])
def test_members_are_enrolled_under_new_ids(project, kind):
    members = [enrol(project, kind, myself()) for _ in range(3)]
    assert project.names(kind) == sorted(set(members))
    assert host_of(members[0]) == myself().host
    assert read_member(project, kind, members[0]).identity == myself()


def test_who_has_no_record_is_dead_and_who_writes_it_is_not(project):
    assert read_member(project, "workers", "a_1.000000-1") is MISSING
    assert MISSING.is_missing and MISSING.seems_dead(0.0, myself())
    project.enrol("workers", "a_1.000000-1", myself().record("none")[:-1])
    young = read_member(project, "workers", "a_1.000000-1")
    assert not young.is_missing and not young.is_gone(myself())
    assert not young.seems_dead(young.heartbeat, myself())


@pytest.mark.parametrize("beat", ["x", ""])
def test_without_a_good_period_a_record_has_the_usual_one(beat):
    assert Member.parse(0.0, f"host: a\nbeat: {beat}\n").period == BEAT


# The observer

@pytest.mark.parametrize("session, is_allocated", [
    ("none", False), ("", False), ("screen p.host.1", False),
    ("process p.host.2", False), ("slurm 311_2", True), ("slurm 311", True),
    ("pbs cluster.1", True), ("stay p.host.3", True),
])
def test_a_record_tells_whether_a_batch_system_started_a_worker(
        session, is_allocated):
    member = Member.parse(0.0, myself().record(session))
    assert member.is_allocated == is_allocated


def heard(heartbeat, period=BEAT):
    """A member whose last heartbeat was then."""
    return MISSING._replace(heartbeat=heartbeat, period=period)


def beats_until_silent(observer, mtime=1.0, period=BEAT):
    """How often the observer beats before it takes w for dead."""
    for beats in range(100):
        if observer.is_silent("w", heard(mtime, period)):
            return beats
        observer.tick(observer.next_beat + 0.1)
    raise AssertionError("w lives on")


@pytest.mark.parametrize("period, missed", [
    (BEAT, MISSED), (BEAT / 9, MISSED), (2.5 * BEAT, 2.5 * MISSED),
])
def test_dead_is_who_missed_too_many_beats_of_the_slower(period, missed):
    assert beats_until_silent(Observer(), period=period) == missed


def test_any_change_of_time_starts_the_count_anew():
    observer = Observer()
    assert beats_until_silent(observer, mtime=1.0) == MISSED
    assert beats_until_silent(observer, mtime=0.5) == MISSED
    assert beats_until_silent(observer, mtime=0.5) == 0


def test_a_late_beat_starts_all_counts_anew():
    """A server that froze has kept all others from beating, too."""
    observer = Observer()
    assert beats_until_silent(observer) == MISSED
    observer.tick(observer.next_beat + BEAT)
    assert beats_until_silent(observer) == MISSED


def test_ticks_between_two_beats_do_not_count():
    observer = Observer()
    for tick in range(10 * MISSED):
        observer.tick(100.0 + tick * BEAT / 10)
        assert not observer.is_silent("w", heard(1.0))


def test_each_member_has_a_count_of_its_own():
    observer = Observer()
    assert not observer.is_silent("v", heard(1.0))
    assert beats_until_silent(observer) == MISSED
    assert observer.is_silent("v", heard(1.0))
    assert not observer.is_silent("u", heard(1.0))
