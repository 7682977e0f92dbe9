"""Equal values of two lists are paired, each as often as both have it."""
import random
from array import array
from collections import Counter

import pytest
from hypothesis import given, strategies as st

from fjd.verbs import pairing
from fjd.verbs.pairing import Bag, pairs

numbers = st.lists(st.integers(-5, 5))


@given(numbers, numbers)
def test_a_bag_gives_each_as_often_as_it_has_it(have, wanted):
    bag = Bag(array("q", have))
    check(have, wanted, enumerate(map(bag.take, wanted)))


@given(numbers, numbers)
def test_equal_values_are_paired(have, wanted):
    check(have, wanted, pairs(enumerate(wanted), array("q", have)))


def check(have, wanted, found):
    found = [(key, place) for key, place in found if place >= 0]
    assert Counter(wanted[key] for key, _ in found) \
        == Counter(have) & Counter(wanted)
    assert all(have[place] == wanted[key] for key, place in found)
    for column in zip(*found):
        assert len(set(column)) == len(column)


@pytest.mark.parametrize("removed, added", [
    (range(4, 5), []), (range(3000), [7]), (range(100, 9000), range(-500, 0)),
    ([], range(-20000, 0)), (range(0, 20000, 3), range(0, -9000, -1)),
])
def test_few_values_of_a_list_that_was_edited_are_searched(
    removed, added, monkeypatch,
):
    have = list(range(20000))
    removed, added = set(removed), list(added)
    wanted = [value for value in have if value not in removed]
    kept = len(wanted)
    place = min(len(wanted), 777)
    wanted[place:place] = added
    searched = []
    monkeypatch.setattr(
        Bag, "take", lambda self, value: searched.append(value) or -1)
    list(pairs(enumerate(wanted), array("q", have)))
    lost = len(set(searched) - set(added))
    most = 2 * (len(removed) / pairing.NEAR + len(added)) + 8
    assert lost <= min(most, kept // 2)


def test_values_in_another_order_are_paired():
    have = list(range(5000))
    wanted = have[:]
    random.Random(5).shuffle(wanted)
    check(have, wanted, pairs(enumerate(wanted), array("q", have)))
