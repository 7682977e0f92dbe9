"""A list of fjd run, compared with what a project has of it."""
import os
from collections import Counter

import pytest
from hypothesis import given, strategies as st

from fjd.jobfile import NONE as SHELL_NONE, read_job, SHELL
from fjd.ledger import CLEANED, DONE, Entry, FAILED, Ledger
from fjd.names import Attempt, new_token, Range, Stamps
from fjd.verbs.arraystate import BAD, ENDED, NONE, OPEN
from fjd.verbs.joblist import Comparison, listed, Request
from fjd.verbs.lists import Lists, offsets_in, Pace


def asked(*commands, place="/"):
    request = Request(place)
    request.add(commands)
    return request


@pytest.fixture
def lists(project):
    return Lists(project, "/", SHELL)


@pytest.fixture
def end(project):
    """end(array, first, last, events) ends a range that waits."""
    ledger, stamps = Ledger(project, "w"), Stamps(new_token(1.0))

    def end(array, first, last, *events):
        name, = [n for n in project.waiting()
                 if n.startswith(f"{array}={first}.")]
        for task, event in enumerate(events, first):
            ledger.write(Entry(event, f"{array}:{task}", name, worker="w",
                               task=str(task)))
        failed = events.count(FAILED)
        part = Range(array, first, last + 1, last, failed)
        place = "failed" if failed else "done"
        after = Attempt(part.job, 1, stamps.new()).name
        os.rename(project.waiting_job(name), project.path(place, after))
    return end


@given(st.lists(st.text("ab\r é")))
def test_each_line_begins_where_the_one_before_ended(lines):
    data = "".join(f"{line}\n" for line in lines).encode()
    found = [data[begin:].split(b"\n")[0].decode()
             for begin in offsets_in(data)]
    assert found == lines


def test_a_request_gives_back_its_commands():
    commands = ["a", "é\udcff", "b\nc", "a"]
    assert list(asked(*commands).commands) == commands


def test_a_command_is_known_by_its_directory_and_line(project, lists):
    lists.add(["a", "b", "a"])
    lists.put(3)
    known = Comparison(project, asked("b", "x", "a", "a", "a"))
    assert list(known.states) == [OPEN, NONE, OPEN, OPEN, NONE]
    assert (known.shared, list(known.new())) == (3, ["x", "a"])
    assert Comparison(project, asked("a", place="/tmp")).shared == 0


def test_what_was_not_put_goes_on_as_the_rest_of_its_array(project):
    lists = Lists(project, "/", SHELL_NONE)
    lists.add(["a 'b c'", "d\ne", "f"])
    lists.put(1)
    known = Comparison(project, asked())
    again = Lists(project, "/", SHELL)
    again.add_again("list-1", [2, 3], known.how["list-1"])
    again.put(1)
    again.put(1)
    found = {read_job(project.files, project.waiting_job(name)).tasks[1:]
             for name in project.waiting()}
    assert found == {("none", True)}


def test_states_are_those_of_names_and_accepted_lines(project, lists, end):
    lists.add(["a", "b", "c", "d", "e", "f"])
    lists.put(2)
    lists.put(2)
    lists.put(1)
    end("list-1", 1, 2, DONE, DONE)
    end("list-1", 3, 4, FAILED, CLEANED)
    known = Comparison(project, asked(*"fedcba"))
    # f has no file: it is put again, where it was.
    assert list(known.states) == [OPEN, OPEN, BAD, BAD, ENDED, ENDED]
    assert known.failed == {"list-1": [4, 3]}
    assert known.unput == {"list-1": [6]}
    assert known.done == 2 and known.to_retry == 2


def test_of_equal_commands_those_that_are_done_count_first(
    project, lists, end,
):
    lists.add(["a"] * 4)
    for _ in range(4):
        lists.put(1)
    end("list-1", 2, 2, FAILED)
    end("list-1", 3, 3, DONE)
    known = Comparison(project, asked("a", "a", "a"))
    assert sorted(known.states) == sorted([ENDED, OPEN, OPEN])
    known = Comparison(project, asked(*["a"] * 5))
    assert Counter(known.states) == {ENDED: 1, OPEN: 2, BAD: 1, NONE: 1}


def test_without_commands_all_that_failed_is_tried_again(project, lists, end):
    lists.add(["a", "b"])
    lists.put(2)
    end("list-1", 1, 2, DONE, FAILED)
    assert Comparison(project, asked()).failed == {"list-1": [2]}


def test_a_line_with_a_newline_is_known_again(project, lists):
    lists.add(["echo 'a\nb'", "c\\nd"])
    lists.put(2)
    known = Comparison(project, asked("c\\nd", "echo 'a\nb'", "c\nd"))
    assert list(known.states) == [OPEN, OPEN, NONE]


def test_jobs_of_an_older_version_are_known_by_their_marks(project):
    jobs = list(listed(["a", "b", "a"], "/"))
    for place, job in zip(("done", "failed", "jobqueue"), jobs):
        name = Attempt(job.job, 1, "0123456789abcdef0-1").name
        open(project.path(place, name), "w").close()
    known = Comparison(project, asked("a", "b", "a", "a"))
    assert list(known.states) == [ENDED, BAD, OPEN, NONE]
    assert len(known.failed_jobs) == 1


def test_a_comparison_is_renewed_if_something_has_moved(project, lists, end):
    lists.add(["a", "b"])
    lists.put(2)
    known = Comparison(project, asked("a", "b"))
    assert known.renewed() is known
    end("list-1", 1, 2, DONE, DONE)
    assert known.renewed().done == 2


@pytest.mark.parametrize("seconds, ranges, left, size", [
    (None, 0, 1000, 1), (0.0001, 0, 10 ** 6, 64), (0.01, 0, 10 ** 6, 25),
    (1.0, 0, 10 ** 6, 1), (0.0001, 0, 80, 10), (0.0001, 0, 3, 1),
    (0.0001, 2000, 10 ** 6, 128), (1.0, 2000, 10 ** 6, 10),
])
def test_ranges_follow_the_pace(seconds, ranges, left, size):
    pace = Pace()
    pace.seconds = seconds
    assert pace.size(ranges, left, workers=2) == size
