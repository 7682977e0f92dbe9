"""A worker that stays while there is work, and until its time is over."""
import os
import time
from argparse import ArgumentTypeError, Namespace
from math import inf

import pytest

from helpers import jobs_in, ledger, log_of, repeat

from fjd.errors import FjdError
from fjd.members import myself
from fjd.names import Attempt, new_token, Order, Stamps
from fjd.project import DRAIN, NOW
from fjd.roles.interruption import INTERRUPTED, SIGNALLED
from fjd.verbs.audit import audit
from fjd.verbs.limits import (
    check_start, date, moment, MOST, NOTICE, OVER, SLOW, span, TOO_LATE,
    TOO_LONG,
)
from fjd.verbs.newarray import Common, put_list, put_range
from fjd.verbs.why import why

TRUE = "[control]\nexecutable: true\n"
SLEEP = "[control]\nexecutable: exec sleep 1234 #\n"
STAMPS = Stamps(new_token(1.0))
LIFE = 1000.0  # seconds


@pytest.fixture
def short_lived(clock, new_worker):
    """short_lived(): a worker that has LIFE seconds, all of them left."""
    return lambda **how: new_worker(until=clock.now + LIFE, **how)


@pytest.fixture
def give(project):
    """give(worker): all jobs that wait, by their names."""
    def give(worker):
        for name in sorted(project.waiting()):
            attempt = Attempt.parse(name)._replace(stamp=STAMPS.new())
            assert project.assign(name, worker.id, attempt)
    return give


@pytest.fixture
def put_array(project):
    def put_array(lines, **keys):
        data = "".join(f"{line}\n" for line in lines).encode()
        put_list(project, "sim", data, STAMPS.new())
        common = Common("", os.getcwd(), tuple(keys.items()))
        put_range(project, "sim", 1, len(lines), common, 0, STAMPS.new())
    return put_array


def work(worker, until):
    repeat(worker.step, until)


def leave(worker):
    work(worker, lambda: worker.has_left)


def is_gone(project, worker):
    return not any(worker.id in name for place in (
        "workers", "jobpods", "orders", "workerqueue")
        for name in project.names(place))


def waiting(project):
    return sorted(Attempt.parse(name).job for name in project.waiting())


def reasons(project):
    return [row["reason"] for row in ledger(project)]


# Idle

def test_a_worker_without_a_job_leaves_after_that_time(
    project, new_worker, clock, said,
):
    worker = new_worker(idle=60.0)
    for _ in range(59):
        worker.step()
        clock.now += 1.0
    assert not worker.order and worker.step() <= 1.0
    clock.now += 1.01
    leave(worker)
    assert is_gone(project, worker)
    assert said == ["There was no job for 60 s: leaving."]


def test_it_sleeps_no_longer_than_it_stays(new_worker, clock):
    worker = new_worker(idle=0.5)
    waits = []
    while not worker.has_left:
        waits.append(worker.step())
        clock.now += waits[-1]
    assert sum(waits) < 0.6


def test_without_limits_it_waits_for_ever(new_worker, clock):
    worker = new_worker()
    for _ in range(3):
        clock.now += 1e8
        worker.step()
    assert not (worker.order or worker.has_left)


def test_the_time_without_a_job_begins_when_one_has_ended(
    project, put, new_worker, give, clock,
):
    worker = new_worker(idle=60.0)
    worker.step()
    clock.now += 59.0
    put("job1", TRUE)
    give(worker)
    work(worker, lambda: worker.task)
    clock.now += 100.0
    work(worker, lambda: jobs_in(project, "done"))
    for _ in range(3):
        worker.step()
        assert not worker.order
        clock.now += 25.0
    leave(worker)


def test_a_job_that_comes_at_the_last_moment_is_run(
    project, put, new_worker, give, clock, monkeypatch,
):
    """The dispatcher gives it when the worker has just decided to leave."""
    worker = new_worker(idle=60.0)
    worker.step()
    real = worker.project.remove_pod

    def remove_pod(name):
        if not jobs_in(project, "done") and not project.running():
            put("job1", TRUE)
            give(worker)
        return real(name)

    monkeypatch.setattr(worker.project, "remove_pod", remove_pod)
    clock.now += 61.0
    leave(worker)
    assert jobs_in(project, "done") == ["job1"] and project.waiting() == []
    assert is_gone(project, worker)


def test_hire_does_not_count_a_worker_that_leaves(
    project, new_worker, clock, monkeypatch,
):
    worker, orders = new_worker(idle=1.0), []
    worker.step()
    clock.now += 2.0
    real = worker.project.remove_pod
    monkeypatch.setattr(worker.project, "remove_pod", lambda name: (
        orders.extend(project.orders_for(name)), real(name))[1])
    leave(worker)
    assert [order.word for order in orders] == [DRAIN]


# Until

def test_a_worker_leaves_when_its_time_is_over(
    project, short_lived, clock, said,
):
    worker = short_lived()
    worker.step()
    clock.now += LIFE - 0.5
    assert worker.step() <= 0.51 and not worker.order
    clock.now += 0.5
    leave(worker)
    assert is_gone(project, worker)
    assert said == ["My time is over: leaving."]


def test_a_clock_that_is_set_does_not_change_the_end(
    new_worker, clock, monkeypatch,
):
    monkeypatch.setattr(clock, "time", lambda: 5e8, raising=False)
    worker = new_worker(until=5e8 + LIFE)
    monkeypatch.setattr(clock, "time", lambda: 9e8)
    clock.now += LIFE - 1.0
    worker.step()
    assert not worker.order
    clock.now += 1.01
    leave(worker)


def test_a_job_whose_timeout_fits_is_begun(project, put, short_lived, give):
    put("job1", TRUE + f"timeout: {LIFE - 1:g}\n")
    worker = short_lived()
    give(worker)
    work(worker, lambda: jobs_in(project, "done"))
    assert not worker.order


@pytest.mark.parametrize("notice, timeout", [(0.0, 500.0), (NOTICE, 330.0)])
def test_a_job_that_does_not_fit_goes_back_with_all_others_and_so_its_worker(
    project, put, short_lived, give, clock, said, notice, timeout,
):
    """With others: nothing else is known to fit."""
    put("job1", TRUE + f"timeout: {timeout}\n")
    put("job2", TRUE)
    worker = short_lived(notice=notice)
    clock.now += LIFE / 2 + 0.1
    give(worker)
    leave(worker)
    assert waiting(project) == ["job1", "job2"]
    assert [Attempt.parse(name).n for name in project.waiting()] == [1, 1]
    assert reasons(project) == [TOO_LATE.reason]
    assert is_gone(project, worker)
    assert said == ["Others may have more time: leaving."]
    assert audit(project, myself())[1] == []


def test_a_job_without_a_timeout_is_begun_in_the_last_second(
    project, put, short_lived, give, clock,
):
    """And the worker leaves after it, but begins no other."""
    put("job1", SLEEP.replace("1234", "0.1"))
    put("job2", TRUE)
    worker = short_lived(notice=NOTICE)
    clock.now += LIFE - 1.0
    give(worker)
    work(worker, lambda: worker.task)
    clock.now += 2.0
    leave(worker)
    assert jobs_in(project, "done") == ["job1"]
    assert waiting(project) == ["job2"] and reasons(project)[1:] == [
        OVER.reason]


def test_an_order_to_leave_now_counts_meanwhile(
    project, put, short_lived, give, clock,
):
    put("job1", SLEEP)
    worker = short_lived()
    give(worker)
    work(worker, lambda: worker.task)
    clock.now += LIFE + 1.0
    worker.step()
    assert worker.task
    project.send_order(Order(worker.id, STAMPS.new(), NOW))
    worker.next_orders = 0.0
    leave(worker)
    assert waiting(project) == ["job1"] and is_gone(project, worker)


@pytest.mark.parametrize("left, reason", [
    (NOTICE + 1.0, INTERRUPTED), (NOTICE - 1.0, SIGNALLED)])
def test_a_signal_near_the_end_is_no_interruption(
    project, put, short_lived, give, clock, left, reason,
):
    put("job1", SLEEP)
    worker = short_lived()
    clock.now += LIFE - left
    give(worker)
    work(worker, lambda: worker.task)
    worker.heed_signal()
    leave(worker)
    assert reasons(project) == [reason]


# A job that is too long for all

def try_on(number, new, give):
    for _ in range(number):
        worker = new()
        give(worker)
        leave(worker)


@pytest.mark.parametrize("key", ["", "retries: 5\n"])
def test_a_job_that_fits_into_no_workers_time_fails(
    project, put, short_lived, give, key,
):
    """It does not go from one new worker to the next for ever."""
    put("job1", TRUE + key + f"timeout: {LIFE + 1}\n")
    try_on(MOST - 1, short_lived, give)
    assert waiting(project) == ["job1"]
    worker = short_lived()
    give(worker)
    work(worker, lambda: jobs_in(project, "failed"))
    assert not worker.order
    assert reasons(project) == 2 * [TOO_LONG.reason] + [TOO_LONG.given_up]
    assert "give workers a longer time limit, or" in log_of(project, "job1")
    assert TOO_LONG.given_up in "\n".join(why(project, myself(), "job1"))


def test_what_is_too_long_only_for_the_time_left_is_always_tried_again(
    project, put, short_lived, give, clock,
):
    put("job1", TRUE + f"timeout: {LIFE - 1}\n")
    try_on(MOST + 2, after(SLOW + 1.0, short_lived, clock), give)
    assert waiting(project) == ["job1"]
    give(short_lived())
    assert reasons(project) == [TOO_LATE.reason] * (MOST + 2)


def after(seconds, new, clock):
    """Workers that wait so long for their first job."""
    def late():
        worker = new()
        clock.now += seconds
        return worker
    return late


def test_a_job_for_which_a_worker_always_comes_a_moment_too_late_fails(
    project, put, short_lived, give, clock,
):
    put("job1", TRUE + f"timeout: {LIFE - 1}\n")
    late = after(2.0, short_lived, clock)
    try_on(MOST - 1, late, give)
    worker = late()
    give(worker)
    work(worker, lambda: jobs_in(project, "failed"))
    assert reasons(project) == 2 * [TOO_LONG.reason] + [TOO_LONG.given_up]


def test_a_job_that_comes_after_another_is_always_tried_again(
    project, put, short_lived, give, clock,
):
    """Though that one was short."""
    put("job2", TRUE + f"timeout: {LIFE - 1}\n")

    def used():
        put("job1", TRUE)
        worker = after(2.0, short_lived, clock)()
        give(worker)
        return worker

    try_on(MOST + 1, used, lambda worker: None)
    assert waiting(project) == ["job2"]
    assert reasons(project) == ["", TOO_LATE.reason] * (MOST + 1)


def test_a_job_put_again_under_that_name_is_tried_again(
    project, put, short_lived, give,
):
    text = TRUE + f"timeout: {LIFE + 1}\n"
    put("job1", text)
    try_on(MOST - 1, short_lived, give)
    name, = project.waiting()
    os.unlink(project.path("jobqueue", name))
    for path in project.ledger_files():
        os.utime(path, (1.0, 1.0))  # It was some time ago.
    put("job1", text)
    try_on(1, short_lived, give)
    assert waiting(project) == ["job1"]


# Ranges

def test_the_rest_of_a_range_goes_back_when_its_tasks_do_not_fit_any_more(
    project, put_array, short_lived, give, clock,
):
    put_array(["true", "true", "true"], timeout="600")
    worker = short_lived()
    give(worker)
    work(worker, lambda: worker.range and worker.range.ends.ended)
    clock.now += 401.0
    leave(worker)
    ended = len([row for row in ledger(project) if row["event"] == "done"])
    assert waiting(project) == [f"sim=1.{ended + 1}-3"] and ended < 3
    assert reasons(project)[-1] == TOO_LATE.reason
    give(short_lived())
    assert audit(project, myself())[1] == []


def test_all_tasks_of_a_range_fail_whose_first_one_fits_into_no_workers_time(
    project, put_array, short_lived, give,
):
    put_array(["true", "true", "true"], timeout=f"{LIFE + 1:g}", retries="2")
    try_on(MOST - 1, short_lived, give)
    assert waiting(project) == ["sim=1.1-3"]
    worker = short_lived()
    give(worker)
    work(worker, lambda: project.names("failed"))
    assert [row["task"] for row in ledger(project)] == list("11123")
    assert reasons(project)[2:] == 3 * [TOO_LONG.given_up]
    assert not worker.order and audit(project, myself())[1] == []


def test_an_end_on_a_full_disk_loses_nothing(
    project, put, short_lived, give, clock, monkeypatch,
):
    """Neither the job that does not fit, nor those behind it."""
    put("job1", TRUE + "timeout: 900\n")
    put("job2", TRUE)
    worker = short_lived()
    clock.now += 200.0
    give(worker)
    with monkeypatch.context() as full:
        full.setattr(worker.ledger, "write", no_room)
        for _ in range(3):
            with pytest.raises(OSError):
                worker.step()
                worker.step()
            clock.now += 10.0
    leave(worker)
    assert waiting(project) == ["job1", "job2"]
    assert audit(project, myself())[1] == []


def no_room(*_):
    raise OSError(28, "No space left on device")


# A worker that starts

@pytest.mark.parametrize("left, is_submitted", [
    (1.0, False), (inf, False), (NOTICE + 1.0, True), (inf, True)])
def test_a_worker_that_has_time_comes(monkeypatch, left, is_submitted):
    monkeypatch.setattr(time, "time", lambda: 5e8)
    check_start(Namespace(until=5e8 + left), is_submitted)


@pytest.mark.parametrize("left, is_submitted, why", [
    (0.0, False, "my time is over already: leaving"),
    (-32400.0, True, "my time is over already: leaving"),
    (NOTICE - 1.0, True, "only 179 s of my time are left, and"),
])
def test_a_worker_that_could_begin_no_job_does_not_come(
    monkeypatch, left, is_submitted, why,
):
    monkeypatch.setattr(time, "time", lambda: 5e8)
    with pytest.raises(FjdError, match=why) as caught:
        check_start(Namespace(until=5e8 + left), is_submitted)
    assert caught.value.exit_code == 1 and caught.value.hint


# What people type (the options)

@pytest.mark.parametrize("text, seconds", [
    ("60", 60.0), ("1.5", 1.5), ("10m", 600.0), ("2h", 7200.0)])
def test_spans(text, seconds):
    assert span(text) == seconds


@pytest.mark.parametrize("text", ["0", "", "-1", "x", "1e3", "inf", "5 m"])
def test_no_spans(text):
    with pytest.raises(ArgumentTypeError, match="is no time above 0"):
        span(text)


@pytest.fixture
def east(monkeypatch):
    """A host that is an hour ahead, and has summer time."""
    monkeypatch.setenv("TZ", "CET-1CEST,M3.5.0,M10.5.0/3")
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()


def test_moments(east, monkeypatch):
    now = 1795600000.5  # 2026-11-25 10:46:40 there
    monkeypatch.setattr(time, "time", lambda: now)
    assert moment("90m") == now + 5400.0
    assert moment("1795600123.25") == 1795600123.25
    assert moment("2026-11-25T10:47:40") == now + 59.5
    assert moment("2026-07-01T00:00") == 1782856800.0
    assert date("2026-11-25T10:46") == now - 40.5
    assert moment("10:47") == now + 19.5
    assert moment("7:00") == now - 40.5 - 46 * 60 - 3 * 3600 + 86400
    assert moment("10:46") == now - 40.5 + 86400


@pytest.mark.parametrize("text", [
    "N/A", "NONE", "Unknown", "UNLIMITED"])
def test_no_limit_as_squeue_has_it(text):
    assert moment(text) == inf


@pytest.mark.parametrize("text", [
    "", "90", "24:00", "7:5", "tomorrow", "2026-13-01T00:00", "2026-11-28",
    "2026-11-28T07:00:00Z", "-5m", "9" * 20, "nan", "inf", "0m"])
def test_no_moments(text):
    with pytest.raises(ArgumentTypeError, match="is no time"):
        moment(text)
