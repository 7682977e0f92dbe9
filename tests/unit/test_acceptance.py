"""Which line counts for a task: the rule against a slow, obvious model."""
from hypothesis import given, settings, strategies as st

from fjd.ledger import CLEANED, DONE, FAILED
from fjd.names import Range
from fjd.verbs.acceptance import Chapter, EVENT, NEW, NUMBERS, spans, UNLIKE

FIRST, LAST = 3, 8
TASKS = st.integers(FIRST, LAST)
EVENTS = {number: event for event, number in NUMBERS.items()}
ATTEMPTS = st.lists(st.tuples(
    st.integers(0, 2), st.integers(FIRST, LAST + 1), st.integers(1, 3),
), min_size=1, max_size=5, unique=True)  # generation, next, n
LISTS = st.tuples(st.none(), *[st.frozensets(TASKS)] * 2)


class Lists:
    """The lists of the generations."""

    def __init__(self, lists):
        self.lists = lists

    def tasks(self, part):
        return sorted(self.lists[part.generation])


def model(task, attempts, lists, lines):
    """The event that counts for a task, by the words of arrays.py."""
    holding = [key[0] for key in attempts
               if key[0] == 0 or task in lists[key[0]]]
    if not holding:
        return None
    last = [key for key in attempts if key[0] == max(holding)]
    able = [key for key in last if key[1] <= task]
    if not able:
        return None
    best = max(able)
    return next((event for key, number, event in lines
                 if (key, number) == (best, task)), None)


def parts(attempts):
    return {
        key: Range("sim", FIRST, key[1], LAST, 0, key[0],
                   f"{key[0]:017}-1" if key[0] else "")
        for key in attempts}


@given(st.data(), ATTEMPTS, LISTS)
@settings(deadline=None)
def test_the_rule_is_that_of_the_model(data, attempts, lists):
    """A worker writes lines only for what it is to do."""
    able = [(key, task) for key in attempts
            for task in range(FIRST, LAST + 1)
            if key[1] <= task and (key[0] == 0 or task in lists[key[0]])]
    pairs = st.lists(st.sampled_from(able), unique=True) if able \
        else st.just([])
    events = st.sampled_from([DONE, FAILED, CLEANED])
    lines = [(key, task, data.draw(events)) for key, task in data.draw(pairs)]
    chapter, named = Chapter(("sim", FIRST, LAST)), parts(attempts)
    for key in data.draw(st.permutations(attempts)):
        chapter.learn(named[key], key[2])
    for key, task, event in lines:
        index = chapter.learn(named[key], key[2])
        chapter.add(index, task, NUMBERS[event])
    chapter.settle(Lists(lists))
    for task in range(FIRST, LAST + 1):
        kind = chapter.kinds[task - FIRST]
        found = EVENTS.get(kind & EVENT)
        assert found == model(task, attempts, lists, lines)


def test_an_equal_line_counts_once_and_another_is_marked():
    chapter = Chapter(("sim", 1, 2))
    index = chapter.learn(Range("sim", 1, 1, 2), 1)
    assert chapter.add(index, 1, NUMBERS[DONE]) == 0
    assert chapter.add(index, 1, NUMBERS[DONE]) == -1
    assert list(chapter.kinds) == [NUMBERS[DONE], 0]
    assert chapter.add(index, 1, NUMBERS[FAILED]) == -1
    assert list(chapter.kinds) == [NUMBERS[DONE] | UNLIKE, 0]


def test_a_line_that_comes_again_is_not_new():
    chapter = Chapter(("sim", 1, 1))
    index = chapter.learn(Range("sim", 1, 1, 1), 1)
    chapter.add(index, 1, NUMBERS[DONE] | NEW)
    chapter.add(index, 1, NUMBERS[DONE])
    assert list(chapter.kinds) == [NUMBERS[DONE]]


def test_lines_for_tasks_of_others_do_not_count():
    chapter = Chapter(("sim", 1, 3))
    index = chapter.learn(Range("sim", 1, 2, 3), 1)
    assert [chapter.add(index, task, 1) for task in range(5)] == [
        -1, -1, 0, 0, -1]


@given(st.sets(st.integers(1, 30)))
def test_spans_hold_each_number_once(numbers):
    found = list(spans(numbers))
    assert [n for first, last in found for n in range(first, last + 1)] \
        == sorted(numbers)
    assert all(end + 1 < begin for (_, end), (begin, _)
               in zip(found, found[1:]))
