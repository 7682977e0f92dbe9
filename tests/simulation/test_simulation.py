"""Whole clusters, simulated; see simulation/__init__.py."""
import os
import random
import sys

import pytest

from helpers import ROOT, run
from simulation.bugs import BUGS
from simulation.story import simulate

slow = pytest.mark.slow
ENOUGH = 1000  # seeds, to find a mistake in


def simulated(*arguments, **environ):
    script = os.path.join(ROOT, "tests", "simulate")
    argv = [sys.executable, script] + [str(word) for word in arguments]
    result = run(argv, timeout=600, env=dict(os.environ, **environ))
    assert result.returncode == 0, result.stdout + result.stderr
    return result.stdout


@pytest.mark.parametrize("first, seeds", [
    (0, 300), pytest.param(300, 700, marks=slow),
])
def test_nothing_is_lost_in_a_thousand_clusters(first, seeds):
    assert "all is well" in simulated("--first", first, "--seeds", seeds)


@slow
def test_nothing_is_lost_in_clusters_that_nobody_has_seen():
    """What fails is printed with its seed, and repeats exactly."""
    first = random.SystemRandom().randrange(10 ** 6, 10 ** 12)
    assert "all is well" in simulated("--seeds", 200, "--first", first)


@slow
def test_a_seed_is_the_same_story_each_time():
    told = [simulated("--seed", 7, PYTHONHASHSEED=seed) for seed in "123"]
    assert told[0] == told[1] == told[2]
    assert told[0] != simulated("--seed", 8)


@slow
@pytest.mark.parametrize(
    "bug, faults, text", BUGS, ids=[bug.__name__ for bug, _, _ in BUGS])
def test_a_mistake_in_the_protocol_is_found(bug, faults, text):
    with bug():
        seed = next(
            seed for seed in range(ENOUGH)
            if text in simulate(seed, faults).violation
        )
        assert simulate(seed, faults) == simulate(seed, faults)
    assert simulate(seed, faults).violation == ""
