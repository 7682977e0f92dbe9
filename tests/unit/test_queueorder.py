"""fjd reorder, and what a dispatcher makes of the file queueorder."""
import os
import time

import pytest

from helpers import Clock, fjd, ok

from fjd.names import Attempt, given_order, Stamps, new_token
from fjd.project import ORDER
from fjd.queueorder import OFTEN
from fjd.roles.dispatcher import Queue
from fjd.verbs.reorder import reorder

STAMPS = Stamps(new_token(1.0))


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def queue(project, put, clock):
    """Of a dispatcher, which has listed five jobs."""
    for number in (1, 2, 3, 10):
        put(f"job{number}", "x")
    put(Attempt("again", 2, STAMPS.new()).name, "x")
    queue = Queue(project, Stamps("x"), clock)
    queue.look()
    queue.next_listing = clock.now + 1000.0  # As after a million jobs.
    return queue


def order(queue):
    queue.look()
    return [Attempt.parse(name).job for name in reversed(queue.names)]


NATURAL = ["job1", "job2", "job3", "job10", "again"]


def test_what_is_named_goes_first_and_the_rest_as_before(
    project, queue, clock,
):
    assert order(queue) == NATURAL
    first, others = reorder(
        project, "sort -r | grep -v job2; echo nosuch; echo", STAMPS.new())
    assert (first, others) == (["job3", "job10", "job1", "again"], 1)
    assert project.whole(ORDER) == b"job3\njob10\njob1\nagain\n"
    clock.now += OFTEN
    assert order(queue) == ["job3", "job10", "job1", "again", "job2"]


def test_a_dispatcher_sees_it_between_two_listings(project, queue, clock):
    order(queue)
    for names in ("job3\n", "job10\n", ""):
        project.replace(ORDER, names, STAMPS.new())
        clock.now += 2.0
        assert order(queue)[0] == (names.strip() or "job1")
    project.replace(ORDER, "job2\n", STAMPS.new())
    clock.now += 2.0
    order(queue)
    assert ok("fjd", "reorder", "--reset") == []
    clock.now += 2.0
    assert order(queue) == NATURAL


def test_the_command_reads_the_present_order(project, queue):
    reorder(project, "sort -r", STAMPS.new())
    assert ok("fjd", "reorder", "--by", "cat > seen; cat seen") == [
        "First: 5 jobs (job3, job2, ... again)"]
    with open("seen") as file:
        assert file.read().split() == ["job3", "job2", "job10", "job1",
                                       "again"]


def test_namesakes_are_one_name(project, put):
    for _ in range(3):
        put(Attempt("a job", 1, STAMPS.new()).name, "x")
    put("new\nline", "x")
    assert ok("fjd", "reorder", "--by", "tee seen") == ["First: a job"]
    assert open("seen").read() == "a job\n"


def test_a_command_that_fails_changes_nothing(project, queue):
    project.replace(ORDER, "job3\n", STAMPS.new())
    result = fjd("fjd", "reorder", "--by", "sort -r; exit 4")
    assert (result.returncode, result.stdout, result.stderr) == (
        1, "", "fjd: error: the command has failed (status 4): the order stays"
        " as it was\n")
    assert project.whole(ORDER) == b"job3\n"


def test_other_lines_are_counted(project, queue):
    assert ok("fjd", "reorder", "--by", "echo job2; echo x; echo y") == [
        "First: job2", "Ignored: 2 other lines"]


@pytest.mark.parametrize("arguments", [[], ["--by", "cat", "--reset"]])
def test_one_of_both_has_to_be_said(project, arguments):
    assert fjd("fjd", "reorder", *arguments).returncode == 2


@pytest.mark.parametrize("text", [
    b"\0\xff\njob2", b"\n\n\r\njob2\n", b"job2\njob2\njob2\n",
])
def test_nonsense_is_no_harm(project, queue, clock, text):
    with open(project.path("queueorder"), "wb") as file:
        file.write(text)
    clock.now += 2.0
    assert order(queue) == ["job2", "job1", "job3", "job10", "again"]


def test_what_cannot_be_read_is_no_harm(project, queue, clock, monkeypatch):
    def broken(*arguments):
        raise OSError(5, "Input/output error")

    monkeypatch.setattr(project, "whole", broken)
    clock.now += 2.0
    assert order(queue) == NATURAL
    monkeypatch.undo()
    os.mkdir(project.path("queueorder"))
    clock.now += 2.0
    assert order(queue) == NATURAL


def test_who_is_missed_is_not_asked_for(project, monkeypatch):
    """NFS: it would stay missing for half a minute."""
    monkeypatch.setattr("fjd.files.read", None)
    assert project.whole(ORDER) == b""


def test_a_worker_begins_what_it_is_given_in_that_order():
    names = [Attempt(job, 1, STAMPS.new()).name for job in "ydzbxacefghi"]
    assert sorted(sorted(names), key=given_order) == names
    assert given_order("no attempt") < given_order(names[0])


@pytest.mark.alone
@pytest.mark.slow
def test_a_million_names_are_put_in_order_in_seconds(project):
    names = [f"job{number}" for number in range(1000000)]
    project.replace(ORDER, "\n".join(reversed(names)), STAMPS.new())
    queue = Queue(project, Stamps("x"), time)
    project.waiting = lambda place="": names
    begun = time.monotonic()
    queue.look()
    assert queue.names[-1] == names[-1]
    assert time.monotonic() - begun < 30
