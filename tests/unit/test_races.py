"""Many processes on one file: exactly one has it in the end."""
import multiprocessing
import os
import time

import pytest

from helpers import LONG

from fjd.names import Attempt, Running, Stamps, new_token

# The threads of pytest-xdist do nothing meanwhile.
pytestmark = pytest.mark.filterwarnings("ignore:.*is multi-threaded")

ROUNDS = 200
RACERS = 4
fork = multiprocessing.get_context("fork")


def race(project, act):
    """Let RACERS processes act(round, racer) at the same moment, ROUNDS
    times.
    """
    barrier = fork.Barrier(RACERS)

    def racer(number):
        for turn in range(ROUNDS):
            barrier.wait(LONG)
            act(turn, number)

    racers = [fork.Process(target=racer, args=(n,)) for n in range(RACERS)]
    for process in racers:
        process.start()
    for process in racers:
        process.join(LONG)
        assert process.exitcode == 0


def test_only_one_of_many_dispatchers_assigns_a_job(project):
    for number in range(RACERS):
        project.make_pod(f"w{number}")
    for turn in range(ROUNDS):
        open(project.path("jobqueue", f"job{turn}"), "w").close()
    token = new_token(1.0)[:-1]

    def assign(turn, number):
        attempt = Attempt(f"job{turn}", 1, f"{token}{number}-{turn}")
        project.assign(f"job{turn}", f"w{number}", attempt)

    race(project, assign)
    assert project.waiting() == []
    given = [
        Attempt.parse(name).job for number in range(RACERS)
        for name in project.given(f"w{number}")
    ]
    assert sorted(given) == sorted(f"job{turn}" for turn in range(ROUNDS))


def test_end_and_reclaim_agree_on_one_place(project):
    """A worker that is not dead ends its job while others reclaim it."""
    stamps = Stamps(new_token(1.0))
    runs = [
        Running(Attempt(f"job{turn}", 1, stamps.new()).name, "w")
        for turn in range(ROUNDS)
    ]
    for run in runs:
        open(project.job_file(run), "w").close()
    token = new_token(2.0)[:-1]

    def act(turn, number):
        run = runs[turn]
        if number == 0:
            if not project.end(run, "done"):
                open(project.path("ledger", f"superseded{turn}"), "w").close()
        else:
            after = Attempt(f"job{turn}", 2, f"{token}{number}-{turn}")
            project.requeue(run, after.name)

    race(project, act)
    done = {Attempt.parse(n).job for n in os.listdir(project.path("done"))}
    again = [Attempt.parse(name).job for name in project.waiting()]
    late = {n[10:] for n in os.listdir(project.path("ledger"))}
    assert len(again) == len(set(again)) == ROUNDS - len(done)
    assert {f"job{turn}" for turn in late} == set(again)


@pytest.mark.parametrize("count", [8])
def test_stamps_of_many_processes_never_agree(count, tmp_path):
    def write(number):
        stamps = Stamps(new_token(time.time()))
        with open(str(tmp_path / str(number)), "w") as file:
            file.writelines(stamps.new() + "\n" for _ in range(1000))

    processes = [fork.Process(target=write, args=(n,)) for n in range(count)]
    for process in processes:
        process.start()
    for process in processes:
        process.join()
    lines = [
        line for n in range(count)
        for line in (tmp_path / str(n)).read_text().splitlines()
    ]
    assert len(set(lines)) == 1000 * count
