"""When a run is halted, by the counts of its outcome."""
from argparse import ArgumentTypeError
from types import SimpleNamespace

import pytest

from fjd.verbs import halt
from fjd.verbs.halt import Condition, first_of, Halt, Halted, parse
from fjd.verbs.source import Source


@pytest.mark.parametrize("text, wanted", [
    ("now,fail=1", ("now", "fail", 1, False)),
    ("soon,fail=10%", ("soon", "fail", 10, True)),
    ("soon,success=3", ("soon", "success", 3, False)),
    ("now,done=100%", ("now", "done", 100, True)),
    ("1", ("soon", "fail", 1, False)), ("2", ("now", "fail", 1, False)),
    ("-1", ("soon", "success", 1, False)),
    ("-2", ("now", "success", 1, False)), ("7%", ("soon", "fail", 7, True)),
])
def test_conditions_are_written_as_for_parallel(text, wanted):
    assert parse(text) == wanted
    assert parse(parse(text).text) == wanted


@pytest.mark.parametrize("text", ["never", "0"])
def test_a_run_without_a_condition_is_never_halted(text):
    assert parse(text) is None
    run = a_run(None, [5])
    watched = Halt(run)
    watched.begin()
    watched.look()
    assert not watched.is_reached and not watched.is_well


@pytest.mark.parametrize("text", [
    "", "now", "3", "now,fail", "now,fail=0", "now,fail=0%", "now,fail=101%",
    "later,fail=1", "now,bad=1", "soon,fail=x", "0%", "fail=1",
])
def test_other_conditions_are_refused_with_those_that_work(text):
    with pytest.raises(ArgumentTypeError) as error:
        parse(text)
    assert str(error.value).startswith(
        f"{text!r} is none of: now,fail=1, soon,fail=3, soon,fail=10%, never")


def a_run(condition, failed, done=0, jobs=10):
    """A run; each look at its ledgers finds the next number of failures."""
    outcome = SimpleNamespace(done=done, number_failed=0, left=0)
    counts = iter(failed)

    def update():
        outcome.number_failed = next(counts)

    outcome.update = update
    return SimpleNamespace(
        options=SimpleNamespace(halt=condition), outcome=outcome,
        left=lambda: jobs, supply=SimpleNamespace(look=None))


@pytest.mark.parametrize("text, failed, looks", [
    ("now,fail=2", [0, 1, 1, 2], 3), ("now,fail=2", [0, 9], 1),
    ("now,fail=1", [3, 3, 3, 4], 3),  # Those before do not count.
    ("now,fail=20%", [0, 1, 2], 2), ("now,fail=15%", [0, 1, 2], 2),
    ("now,fail=1%", [0, 0, 1], 2), ("now,done=3", [0, 1, 2, 3], 3),
])
def test_it_is_halted_at_the_first_look_that_finds_enough(
    monkeypatch, text, failed, looks,
):
    monkeypatch.setattr(halt, "PERIOD", 0.0)
    monkeypatch.setattr(halt, "PART", 0)
    watched = Halt(a_run(parse(text), failed))
    watched.begin()
    for _ in range(looks - 1):
        watched.look()
    with pytest.raises(Halted):
        watched.look()
    watched.look()  # Only once.
    assert watched.is_reached


def test_looks_are_rare_if_they_take_long(monkeypatch):
    now = [0.0]
    monkeypatch.setattr(
        halt, "time", SimpleNamespace(monotonic=lambda: now[0]))
    run = a_run(parse("now,fail=1"), [])
    looks = []

    def update():
        looks.append(now[0])
        now[0] += 1.0

    run.outcome.update = update
    watched = Halt(run)
    watched.begin()
    for _ in range(2 * halt.PART):
        watched.look()
        now[0] += 1.0
    assert looks == [0.0, 1.0, 2.0 + halt.PART]


@pytest.mark.parametrize("text, failed, is_well", [
    ("now,success=1", 0, True), ("now,success=1", 3, True),
    ("now,done=1", 0, True), ("now,done=1", 1, False),
    ("now,fail=1", 1, False),
])
def test_only_an_end_by_success_is_well(text, failed, is_well):
    watched = Halt(a_run(parse(text), []))
    watched.outcome.number_failed = failed
    assert not watched.is_well
    watched.is_reached = True
    assert watched.is_well == is_well


@pytest.mark.parametrize("condition, number", [
    (None, 1), (parse("now,fail=1"), 1), (parse("now,fail=1%"), 3),
])
def test_for_a_percentage_all_jobs_are_read_first(condition, number):
    letters = iter("abc")

    class Slow(Source):
        def take(self, seconds):
            found = [next(letters)]
            self.is_open = found != ["c"]
            return found

    assert first_of(Slow(()), condition) == list("abc")[:number]
    assert Condition("now", "fail", 5, True).text == "now,fail=5%"
