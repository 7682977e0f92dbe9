"""Who is alive, by process and by heartbeat."""
import os
import subprocess

import pytest
from hypothesis import given, strategies as st

from fjd.liveness import (
    BEAT, enrol, identity_in, MISSED, myself, parse_record, start_time, Watch,
)
from fjd.names import host_of, safe_host

NOBODYS_PID = 2 ** 22 + 1  # above the largest that Linux gives


def identity_of(record):
    return identity_in(parse_record(record))


@pytest.fixture
def child():
    """A process that ends when its stdin is closed."""
    process = subprocess.Popen(["cat"], stdin=subprocess.PIPE)
    yield process
    process.stdin.close()
    process.wait()


def test_this_process_runs():
    me = myself()
    assert me.pid == os.getpid() and me.host == safe_host(os.uname()[1])
    assert me.boot and me.pidns and me.start
    assert me.is_running() and me.is_here(myself())


def test_a_zombie_does_not_run_nor_what_has_ended(child):
    it = myself()._replace(pid=child.pid, start=start_time(child.pid))
    assert it.is_running()
    child.stdin.close()
    os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)
    assert not it.is_running()
    child.wait()
    assert not it.is_running()


def test_a_pid_that_is_used_again_is_another_process():
    assert not myself()._replace(start="1").is_running()


def test_without_start_times_a_pid_has_to_do():
    """As on a system without /proc."""
    assert myself()._replace(start="").is_running()
    assert not myself()._replace(pid=NOBODYS_PID, start="").is_running()


@pytest.mark.parametrize("key", ["host", "boot", "pidns"])
def test_another_host_boot_or_namespace_is_elsewhere(key):
    assert not myself()._replace(**{key: "other"}).is_here(myself())


def test_a_process_name_may_hold_anything(tmp_path):
    program = tmp_path / "a) R 1 (b c"
    program.symlink_to("/bin/cat")
    named = subprocess.Popen([str(program)], stdin=subprocess.PIPE)
    assert start_time(named.pid) >= start_time(os.getpid())
    named.communicate()


def test_a_record_says_who_wrote_it():
    me = myself()
    record = me.record("screen default.lab7.1")
    assert identity_of(record) == me
    keys = parse_record(record)
    assert keys["session"] == "screen default.lab7.1"
    assert float(keys["beat"]) == BEAT


def test_a_record_cut_short_makes_nobody_look_dead():
    """It may be read while it is being written."""
    me = myself()
    record = me.record("none")
    seen = [identity_of(record[:cut]) for cut in range(len(record))]
    assert [it for it in seen if it.is_here(me) and not it.is_running()] == []


@given(st.text() | st.lists(st.sampled_from(
    ["pid: ", "7", "\n", "boot", ": ", "start: "],
)).map("".join))
def test_no_record_is_an_error(text):
    assert not identity_of(text).is_here(myself())


@pytest.mark.parametrize("kind", ["workers", "dispatchers"])
def test_members_are_enrolled_under_new_ids(project, kind):
    members = [enrol(project, kind) for _ in range(3)]
    assert project.names(kind) == sorted(set(members))
    assert host_of(members[0]) == myself().host
    assert identity_of(project.record(kind, members[0])) == myself()


# A watch

def beats_until_silent(watch, mtime=1.0, period=BEAT):
    """How often the observer beats before a member counts as dead."""
    for beats in range(100):
        if watch.is_silent("w", mtime, period):
            return beats
        watch.beat(is_late=False)
    return None


@pytest.mark.parametrize("period, missed", [
    (BEAT, MISSED), (BEAT / 9, MISSED), (2.5 * BEAT, 2.5 * MISSED),
])
def test_silent_is_who_missed_too_many_beats(period, missed):
    assert beats_until_silent(Watch(), period=period) == missed


def test_a_sign_of_life_starts_the_count_anew():
    watch = Watch()
    assert beats_until_silent(watch, mtime=1.0) == MISSED
    assert beats_until_silent(watch, mtime=0.5) == MISSED
    assert beats_until_silent(watch, mtime=0.5) == 0


def test_a_late_beat_starts_all_counts_anew():
    """A server that froze has kept all others from beating, too."""
    watch = Watch()
    assert beats_until_silent(watch) == MISSED
    watch.beat(is_late=True)
    assert beats_until_silent(watch) == MISSED


def test_members_are_counted_apart():
    watch = Watch()
    assert not watch.is_silent("v", 1.0, BEAT)
    assert beats_until_silent(watch) == MISSED
    assert watch.is_silent("v", 1.0, BEAT)
    assert not watch.is_silent("u", 1.0, BEAT)
