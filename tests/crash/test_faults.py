"""kill -9 before and after every file operation, in every role.

What is to be tried is taken from the code: steps.py finds each line where a
role takes a step that changes files.  Scenarios come to all of them; the role
that is tested is the real command, in a process that kills itself at one
point (faults.py).  Then a new worker, a new dispatcher and fire have to put
everything right, within seconds (stage.py).  A step that no scenario comes to
fails its test here: add it to a scenario, or add a scenario.
"""
import os
import re
from collections import defaultdict
from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple

import pytest

import faults
import steps
from helpers import Clock
from scenarios import MOST_WORKERS, SCENARIOS
from stage import CANCELLED, HANG, job_of, Killed, Stage, task_of

from fjd.members import BEAT, MISSED
from fjd.reclaim import new_reclaimer

pytestmark = [
    pytest.mark.slow, pytest.mark.xdist_group("faults"),  # They share plays.
]

AT_A_TIME = 4
TRIES = 5
NO_END = {"given-back", "lost", "retried", "superseded"}
CHANGES = {
    "link", "mkdir", "mkfifo", "remove", "removedirs", "rename", "renames",
    "replace", "rmdir", "symlink", "truncate", "unlink", "utime",
}
# What may be left after a kill in a function, or in the end of a scenario.
LITTER = {
    # It goes with some heartbeats of anybody else: see the last test.
    "enrol": r"(workers|dispatchers)/.* \(empty\)",
    # A person removes it, or never sees it.
    "put": r"(jobqueue|arrays)/\..*",
    # It stays until somebody fires; the next hire takes another number.
    "free_names": r"screenlogs/.*\.err.*",
    # It is a draft, which no listing shows.
    **dict.fromkeys(
        ["server_time", "__init__", "is_deserted"], r"dispatchers/\..*"),
    # A draft is nothing.
    "move": r"orders/\..*",
    "apply": r"orders/\..*",
    # Those of arrays go when somebody cleans after an hour.
    **dict.fromkeys(
        ["write_list", "missing", "put_list", "keep_list", "link", "beat",
         "write_numbers"], r"arrays/\..*"),
    "put_range": r"(arrays|jobqueue)/\..*",
    # The next time that somebody cleans it goes.
    "cleans": r"joblogs/old~.*",
    "cleans_arrays": r"arrays/\..*",
}
ALL = [(role, play) for role in SCENARIOS for play in SCENARIOS[role]]
STEPS = [step for role in steps.roles() for step in steps.steps_of(role)]


def check(stage, litter):
    """litter: what may be left."""
    check_ends(stage)
    check_tasks(stage)
    check_runs(stage)
    if stage.slurm:
        check_slurm(stage)
    left = [name for name in stage.left() if not re.fullmatch(litter, name)]
    assert left == []
    # It names a job whose user removed it while it ran.
    assert stage.start("fjd", "audit").wait(HANG) <= bool(removable(stage))
    if stage.removes:
        check_removal(stage)


def check_slurm(stage):
    """It has exactly the workers that are asked for, and then none."""
    for command, number in ("hire", MOST_WORKERS), ("fire", 0):
        words = [f"slurm:{number}"] if number else []
        assert stage.start("fjd-recruiter", command, *words).wait(HANG) == 0
        assert len(stage.slurm.states()) == number


def check_removal(stage):
    """What was removed in part, is removed by the same command."""
    assert stage.start(*stage.removes).wait(HANG) == 0
    project = stage.project
    left = project.names("arrays") + project.names("cancelled")
    left += project.names("done") + project.names("failed")
    assert left + project.names("joblogs") == []
    assert stage.start("fjd", "audit").wait(HANG) == 0


def check_ends(stage):
    """Each job has ended once, and is recorded once.

    Killed when it gives up a job, a dispatcher may take the record along.
    """
    ended = stage.ended()
    jobs = sorted(map(job_of, ended))
    assert jobs == sorted(set(jobs))
    assert sorted(set(jobs).union(removable(stage))) == sorted(stage.expected)
    lines = [(entry.attempt, entry.event) for entry in stage.entries()]
    fewest = 0 if killed_in(stage) in ("fail", "settle") else 1
    for name, place in ended.items():
        assert place in stage.expected[job_of(name)]
        assert fewest <= lines.count((name, place)) <= 1


def check_tasks(stage):
    """Each task has one end that counts, of an attempt that ran to that end,
    and ran no more after it.
    """
    accepted = stage.accepted()
    expected = expected_tasks(stage, accepted)
    lines, ends, tries = stage.last_lines(), stage.ends(), defaultdict(list)
    for name in filter(is_task, stage.runs()):
        tries[task_of(name)[0]].append(name)
    assert set(tries) <= set(accepted).union(expected)
    for task, events in expected.items():
        event = accepted.get(task, "")
        assert event in events, (task, event)
        if event in ("", CANCELLED):
            continue
        line, = lines[task]
        assert line.event == event
        last = tries[task][-1:]
        if event == "done":
            assert [task_of(name)[1] for name in last] == [line.attempt]
            assert ends[last[0]] == "0"
        if event == "failed" and last and line.status != "-":
            assert [task_of(name)[1] for name in last] == [line.attempt]
            assert ends.get(last[0]) != "0"
        for kind in ["out", "err"] * ("" not in events):
            printed = getattr(line, kind).rpartition("-")[2]
            log = stage.project.path("joblogs", f"{line.attempt}.{kind}")
            assert not printed or os.path.getsize(log) >= int(printed)


def expected_tasks(stage, accepted):
    """{task: events}, where the tasks of a fjd run are known by commands."""
    if not stage.commands:
        return stage.tasks
    found = {task: stage.command(task) for task in accepted}
    assert sorted(found.values()) == sorted(stage.commands)
    return dict.fromkeys(found, ["done"])


def is_task(name):
    """Whether the name of a run is one of a task."""
    return ":" in name


def removable(stage):
    """The jobs that a scenario may have removed."""
    return [job for job, places in stage.expected.items() if "" in places]


def killed_in(stage):
    """The function that took the step."""
    return "".join(stage.plan["kill"].split()[2:3])


def check_runs(stage):
    """No attempt has run twice, and no job once it had ended; what ran
    in vain is recorded, and lost is only what a dead worker had.
    """
    runs, ended = stage.runs(), stage.ended()
    assert sorted(set(runs)) == sorted(runs)
    check_runs_of_tasks(stage)
    runs = [name for name in runs if not is_task(name)]
    last = {job_of(name): name for name in runs}
    for name in set(runs).intersection(ended):
        assert last[job_of(name)] == name
    back = [entry for entry in stage.entries() if entry.event in NO_END]
    vain = set(runs).difference(ended, {entry.attempt for entry in back})
    vain = [name for name in vain if job_of(name) not in removable(stage)]
    assert len(vain) <= int("full" in stage.plan)  # There was no room.
    dead = [process.pid for process in stage.puppets + [stage.tested]]
    for entry in back:
        if entry.event == "lost":
            assert int(entry.worker.rpartition("-")[2]) in dead


def check_runs_of_tasks(stage):
    """What became of each try is recorded: of the task, or of its range."""
    lines = {(entry.attempt, entry.task) for entry in stage.entries()
             if entry.task or entry.event in NO_END | {"cleaned"}}
    for name in filter(is_task, stage.runs()):
        task, attempt, _ = task_of(name)
        number = task.rpartition(":")[2]
        assert lines.intersection({(attempt, number), (attempt, "")}), name


class Played(NamedTuple):
    """The points that a scenario has come to, whether the process was killed
    at one, and what was wrong after others had put all right.
    """

    trace: list
    is_killed: bool
    failure: str


def played(place, play, kill=""):
    """Play a scenario, with a kill at a point or without."""
    stage = Stage(place, kill)
    litter = [LITTER.get(killed_in(stage)), LITTER.get(play.__name__)]
    failure, is_killed = "", False
    try:
        try:
            play(stage)
        except Killed:
            pass
        stage.recover()
        is_killed = stage.tested.returncode == -9
        assert is_killed <= bool(kill)
        check(stage, "|".join(filter(None, litter)))
    except Exception as error:  # With what is there it tells more.
        what = f"{play.__name__}, {kill or 'nobody is killed'}"
        why = f"{type(error).__name__}: {error}"
        failure = f"{what}:\n{why}\n{stage.picture()}\n"
    finally:
        stage.end_all()
    return Played(stage.trace(), is_killed, failure)


def killed_at(place, point, plays):
    """What was wrong after a kill at a point, to which some scenarios come by
    chance only.
    """
    for turn in range(TRIES):
        for play in plays:
            result = played(place / f"{turn}{play.__name__}", play, point)
            if result.is_killed or result.failure:
                return result.failure
    return f"{point}: no scenario came to it, as one had before"


def at_a_time(function, cases):
    with ThreadPoolExecutor(AT_A_TIME) as pool:
        return list(pool.map(lambda case: function(*case), cases))


@pytest.fixture(scope="module")
def plays(tmp_path_factory):
    """{(role, scenario): what played() says, when nobody is killed}"""
    place = tmp_path_factory.mktemp("plays")
    cases = [(place / play.__name__, play) for _, play in ALL]
    return dict(zip(ALL, at_a_time(played, cases)))


def points_of(role, plays):
    """{point: the scenarios that came to it} of a role."""
    found = defaultdict(list)
    for (player, play), result in plays.items():
        for point in dict.fromkeys(result.trace) if player == role else []:
            if not steps.is_others(role, point.split()[1].split(":")[0]):
                found[point].append(play)
    return found


def step_at(role, point):
    """The step that a point belongs to, as the code has it."""
    _, caller, function, name, _ = point.split()
    place, line = caller.split(":")
    # A call may go over several lines, which count from its first one on.
    calls = [
        step for step in STEPS if step.line <= int(line)
        and (step.role, step.place, step.step) == (role, place, name)
    ]
    return max(calls, key=lambda step: step.line, default=None)


@pytest.mark.parametrize(
    "role, play", ALL, ids=[f"{role}-{play.__name__}" for role, play in ALL],
)
def test_scenario_ends_well_when_nobody_is_killed(role, play, plays):
    failure = plays[role, play].failure
    assert not failure, failure


@pytest.mark.parametrize("step", STEPS, ids=map(steps.name_of, STEPS))
def test_kill_at_any_operation_of_a_step_loses_nothing(step, plays, tmp_path):
    points = points_of(step.role, plays)
    cases = [
        (tmp_path / str(n), point, points[point])
        for n, point in enumerate(points)
        if step_at(step.role, point) == step
    ]
    assert cases, f"no scenario comes to {step}"
    failures = "\n".join(filter(None, at_a_time(killed_at, cases)))
    assert not failures, failures


@pytest.mark.parametrize("role", steps.roles())
def test_scenarios_come_to_all_operations_of_all_steps(role, plays):
    """Not at each line that takes a step, for some take only a part of it;
    but each operation of each step.
    """
    found = {tuple(p.split()[3:]) for p in points_of(role, plays)}
    code = {
        (step.step, operation) for step in STEPS if step.role == role
        for operation in step.operations
    }
    assert code == found


@pytest.mark.parametrize("role", steps.roles())
def test_all_that_scenarios_come_to_is_in_the_list(role, plays):
    for point in points_of(role, plays):
        assert step_at(role, point) in STEPS, point


@pytest.mark.parametrize("module", steps.all_modules())
def test_nothing_but_files_py_changes_files(module):
    """What went past it, would not be in the list."""
    assert not faults.used_of_os(steps.parsed(module)) & CHANGES


def test_empty_record_goes_with_some_heartbeats_of_others(project):
    """It is left by a kill between open and write of an enrolment."""
    project.enrol("workers", "lab_1.000000-1", "")
    project.enrol("dispatchers", "lab_1.000000-2", "")
    reclaimer = new_reclaimer(project, lambda text: None, 3)
    reclaimer.clock = Clock()
    for _ in range(MISSED + 1):
        assert project.names("workers") and project.names("dispatchers")
        reclaimer.sweep()
        reclaimer.clock.now += BEAT
    assert project.names("workers") == project.names("dispatchers") == []
