"""Which line counts for a task of an array."""
import itertools

import pytest

from simulation.acceptance import Accepted, KINDS
from fjd.ledger import CLEANED, DONE, Entry, FAILED
from fjd.names import Range

STAMP, LATER = "0123456789abcdef0-1", "0123456789abcdef0-2"
PART = Range("sim", 1, 1, 4)
CUT = PART._replace(next=3)


def line(event, task):
    return Entry(event, f"sim:{task}", "", task=str(task))


def kinds(accepted):
    names = {kind: event for event, kind in KINDS.items()}
    return [names.get(kind, "") for kind in accepted.kinds]


@pytest.fixture
def accepted(project):
    return Accepted(project, PART)


def test_the_line_of_the_last_attempt_counts_in_any_order(project):
    """A late line of the first one, for a task that was to do, does not."""
    lines = [
        (line(DONE, 1), PART, 1), (line(FAILED, 2), PART, 1),
        (line(FAILED, 3), PART, 1),  # late
        (line(DONE, 3), CUT, 2), (line(CLEANED, 4), CUT, 2),
    ]
    for order in itertools.permutations(lines):
        accepted = Accepted(project, PART)
        for entry, part, n in order:
            accepted.add(entry, part, n)
        assert kinds(accepted) == [DONE, FAILED, DONE, CLEANED]
        assert accepted.counts == [0, 2, 1, 1]


def test_a_late_line_counts_for_nothing_before_the_task_runs_again(accepted):
    """The name of the file is known, though it has no line yet."""
    accepted.see(CUT, 2)
    assert accepted.add(line(DONE, 2), PART, 1)
    assert not accepted.add(line(DONE, 3), PART, 1)
    assert kinds(accepted) == ["", DONE, "", ""]


def test_an_attempt_that_is_seen_later_takes_lines_back(accepted):
    assert accepted.add(line(DONE, 3), PART, 1)
    accepted.see(CUT, 2)
    assert kinds(accepted) == ["", "", "", ""]
    assert accepted.counts == [4, 0, 0, 0]


def test_equal_lines_count_once(accepted):
    assert accepted.add(line(FAILED, 1), PART, 1)
    assert not accepted.add(line(FAILED, 1), PART, 1)
    assert accepted.counts == [3, 0, 1, 0]


def test_a_greater_n_counts_if_next_is_the_same(accepted):
    accepted.add(line(FAILED, 1), PART, 1)
    accepted.add(line(DONE, 1), PART, 2)
    assert not accepted.add(line(FAILED, 1), PART, 1)
    assert kinds(accepted)[0] == DONE


def test_a_generation_counts_for_the_tasks_on_its_list(project, accepted):
    project.files.create(project.path("arrays", f"sim+{STAMP}"), "2\n4\n")
    project.files.create(project.path("arrays", f"sim+{LATER}"), "4\n")
    again = PART._replace(next=2, generation=1, stamp=STAMP)
    later = PART._replace(next=4, generation=2, stamp=LATER)
    for task in (1, 2, 3, 4):
        accepted.add(line(FAILED, task), PART, 3)
    accepted.add(line(DONE, 2), again, 1)
    assert kinds(accepted) == [FAILED, DONE, FAILED, ""]
    accepted.add(line(FAILED, 4), again, 1)
    accepted.add(line(CLEANED, 4), later, 1)
    assert not accepted.add(line(DONE, 3), again, 1)
    assert kinds(accepted) == [FAILED, DONE, FAILED, CLEANED]


def test_a_line_that_was_lost_is_missing_and_no_other_takes_its_place(
    accepted,
):
    """Of an attempt that held the task; an earlier one's does not count."""
    accepted.see(PART, 1)
    accepted.see(PART._replace(next=2), 1)
    accepted.see(CUT, 1)
    assert accepted.add(line(DONE, 2), PART._replace(next=2), 1)
    assert not accepted.add(line(DONE, 3), PART._replace(next=2), 1)
    assert kinds(accepted) == ["", DONE, "", ""]
    assert accepted.counts == [3, 1, 0, 0]


def test_a_line_of_another_range_counts_for_nothing(accepted):
    assert not accepted.add(line(DONE, 5), PART, 1)
    assert accepted.counts == [4, 0, 0, 0]
