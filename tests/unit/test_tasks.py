"""Tasks of arrays as results, summary, status and audit know them.

A story makes up what may happen to an array, and knows what is true.
"""
import os
import sys
import tempfile

import pytest
from hypothesis import given, settings, strategies as st

from helpers import Clock, command, ok, run as run_command
from rangestory import Story

from fjd.verbs.census import count, jobs_left, left
from fjd.verbs.tally import Tally
from fjd.ledger import (
    CLEANED, DONE, Entry, FAILED, HEADER, line_of, RETRIED,
)
from fjd.members import myself
from fjd.project import ENDED, Project
from fjd.verbs.summary import Outcome
from fjd.verbs.audit import audit
from fjd.verbs.counted import CANCELLED, numbers
from fjd.verbs.results import results
from fjd.verbs.status import screen, status_of
from fjd.verbs.taskcount import TaskCount

# Runs a command, and says on stderr how many MiB it needed.
PEAK = """import resource, subprocess, sys
status = subprocess.call(sys.argv[1:])
peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss
print(peak // 1024, file=sys.stderr)
sys.exit(status)
"""
ENDS = st.sampled_from([DONE, DONE, DONE, FAILED, CLEANED, RETRIED])


def dispatcher(project, offsets=()):
    outcome = Outcome(project, dict(offsets))
    outcome.tasks = TaskCount(outcome)
    return outcome


def sees(outcome, *names):
    outcome.owed.update(dict.fromkeys(names, ""))


@pytest.fixture
def story(project):
    return Story(project, 6, 3)


@pytest.fixture
def account(project, story):
    """account(): the outcome of a dispatcher that saw all there is."""
    def account(*names, left=0):
        outcome = dispatcher(project, story.write())
        sees(outcome, *names)
        return outcome.at_end(left, False), outcome
    return account


def run(story, lot, *events):
    story.start(lot)
    for event in events:
        story.end_task(lot, event)


def play(data, story):
    """Take any steps."""
    for _ in range(data.draw(st.integers(1, 30))):
        lot = data.draw(st.sampled_from(story.lots))
        if lot.place == "jobqueue":
            story.start(lot)
        elif lot.place == "running" and story.next(lot) is None:
            step = data.draw(st.sampled_from([story.end, story.give_back]))
            step(lot)
        elif lot.place == "running":
            go_on(data, story, lot)
        elif lot.place in ENDED:
            ended = [t for t in lot.tasks if t in story.results]
            again = data.draw(st.sets(st.sampled_from(ended), min_size=1))
            story.retry(lot, sorted(again))


def go_on(data, story, lot):
    step = data.draw(st.sampled_from("tttttcgx"))
    if step == "t":
        story.end_task(lot, data.draw(ENDS))
    elif step == "g":
        story.give_back(lot)
    elif step == "c":
        late = st.lists(st.sampled_from([DONE, FAILED]), max_size=2)
        story.cut(lot, data.draw(st.integers(0, 3)), data.draw(late))
    elif data.draw(st.integers(0, 5)) == 0:
        story.cancel(lot)


def a_project(directory):
    root = os.path.join(directory, "p1")
    os.mkdir(root, 0o700)
    project = Project(root)
    project.make_directories()
    return project


@given(st.data())
@settings(max_examples=60, deadline=None)
def test_all_that_counts_tasks_agrees_with_any_story(data):
    with tempfile.TemporaryDirectory() as directory:
        project = a_project(directory)
        story = Story(project, 7, data.draw(st.integers(1, 7)))
        play(data, story)
        if data.draw(st.booleans()):
            story.report()
        names = [story.name(lot) for lot in story.lots
                 if lot.place in ("jobqueue", "running")]
        play(data, story)
        check(story, project, names)


def check(story, project, names):
    offsets = story.write()
    assert [(e.event, e.job) for e in results(project)] == story.rows()
    report = audit(project, myself())
    assert (report.findings, report.lost_tasks) == ([], [])
    outcome = dispatcher(project, offsets)
    sees(outcome, *names)
    outcome.at_end(False, False)
    wanted = story.new()
    assert (outcome.done, outcome.number_failed, outcome.left) == (
        wanted[DONE], wanted[FAILED], story.left())
    counts = numbers(project)
    assert sum(counts.values()) == 7
    ended = [t for lot in story.lots for t in lot.tasks
             if t in story.results and t not in story.to_do(lot)]
    assert counts["failed"] == sum(story.event(t) == FAILED for t in ended)
    assert not outcome.owed


def test_a_line_after_the_cut_does_not_count(story, project, account):
    lot = story.lots[0]
    run(story, lot, DONE)
    story.cut(lot, late=[FAILED, DONE])
    run(story, lot, DONE, DONE)
    story.end(lot)
    lines, outcome = account()
    assert lines == ["3 done, 0 failed, 3 left"]
    assert [e.attempt for e in results(project)][1:] == [lot.attempt] * 2


def test_a_line_after_the_cut_does_not_count_while_the_rest_waits(
    story, project, account,
):
    lot = story.lots[0]
    run(story, lot, DONE)
    story.cut(lot, late=[FAILED])
    assert account()[0] == ["1 done, 0 failed, 5 left"]
    assert len(list(results(project))) == 1


def test_failed_tasks_are_named_with_what_explains_them(story, account):
    lot = story.lots[1]
    run(story, lot, DONE, FAILED, DONE)
    story.end(lot)
    assert account()[0] == [
        "2 done, 1 failed, 3 left: sim:5 (exit 1)",
        "To see why: fjd why --project default sim:5; what it printed:"
        " fjd log --project default sim:5",
    ]


def test_many_failed_tasks_are_named_in_part(project):
    story = Story(project, 30, 10)
    for lot in story.lots:
        run(story, lot, *[FAILED] * 10)
        story.end(lot)
    outcome = dispatcher(project, story.write())
    lines = outcome.at_end(False, is_quiet=False)
    assert lines[0].startswith("0 done, 30 failed: sim:1 (exit 1), sim:2 ")
    assert lines[0].endswith(", sim:10 (exit 1), and 20 more")
    assert len(outcome.failed) == 10
    lines = outcome.failures()
    assert len(lines) == 11 and lines[-1] == "Failed: 20 more"


def test_a_lost_record_of_a_task_that_was_seen_counts_by_the_name(
    story, project, account,
):
    """The disk lost the lines after the range had ended."""
    lot = story.lots[0]
    name = story.name(lot)
    run(story, lot, DONE, DONE, DONE)
    story.end(lot)
    del story.lines[lot.writer][1:]
    lines, outcome = account(name)
    assert lines == ["3 done, 0 failed, 3 left"]
    report = audit(project, myself())
    assert report.findings == []
    assert report.lost_tasks == ["sim: tasks 2 to 3"]
    assert len(list(results(project))) == 1


def test_a_lost_record_of_a_failure_counts_as_one(story, account):
    lot = story.lots[0]
    name = story.name(lot)
    run(story, lot, DONE, FAILED, FAILED)
    story.end(lot)
    story.lines[lot.writer].clear()
    lines, outcome = account(name)
    assert lines[0].startswith(
        "1 done, 2 failed, 3 left: sim: tasks 1 to 2 (record lost)")


def test_a_range_that_was_removed_has_vanished(story, project, account):
    lot = story.lots[0]
    name = story.name(lot)
    run(story, lot, DONE)
    os.unlink(story.file(lot))
    lines, outcome = account(name)
    assert lines == [
        "1 done, 0 failed, 2 vanished, 3 left: sim: tasks 2 to 3 (vanished)"]
    assert not outcome.is_well
    assert audit(project, myself()).findings == [
        "sim: tasks 1 to 3 have no file; fjd cancel is the way to remove"
        " tasks",
    ]


def test_a_range_that_was_removed_before_it_ran_has_vanished(story, account):
    names = list(map(story.name, story.lots))
    os.unlink(story.file(story.lots[0]))
    lines, outcome = account(*names)
    assert lines == [
        "0 done, 0 failed, 3 vanished, 3 left: sim: tasks 1 to 3 (vanished)"]
    assert not outcome.is_well


def test_a_quiet_dispatcher_names_what_was_cancelled(project):
    story = Story(project, 30, 2)
    names = list(map(story.name, story.lots))
    for lot in story.lots:
        story.cancel(lot)
    outcome = dispatcher(project, story.write())
    sees(outcome, *names)
    lines = outcome.at_end(False, True)
    assert len(lines) == 1 and lines[0].endswith(", and 10 more")


def test_a_cancelled_range_and_a_cancelled_task_are_named(story, account):
    first, second = story.lots
    names = list(map(story.name, story.lots))
    run(story, first, DONE)
    story.cancel(first)
    run(story, second, DONE, CLEANED, DONE)
    story.end(second)
    lines, outcome = account(*names)
    assert lines[0].startswith("3 done, 0 failed, 3 cancelled: ")
    assert "sim: tasks 2 to 3 (cancelled)" in lines[0]
    assert "sim:5 (cancelled)" in lines[0]
    assert outcome.number_missing == 3


def test_what_an_earlier_dispatcher_has_counted_does_not_count(
    story, account,
):
    lot = story.lots[0]
    run(story, lot, DONE, FAILED)
    story.report()
    name = story.name(lot)
    story.end_task(lot, DONE)
    story.end(lot)
    assert account(name)[0] == ["1 done, 0 failed, 3 left"]


def test_a_pass_reads_older_lines_only_if_they_matter(
    story, project, monkeypatch,
):
    """A job starts one each minute, of a project with a million lines."""
    lot = story.lots[0]
    run(story, lot, DONE)
    story.report()
    story.end_task(lot, DONE)
    outcome = dispatcher(project, story.write())
    with monkeypatch.context() as patch:
        patch.setattr(outcome.tasks, "read_history", None)
        assert outcome.at_end(True, False) == ["1 done, 0 failed"]
    story.cut(lot, late=[DONE])
    outcome = dispatcher(project, story.write())
    assert outcome.at_end(True, False) == ["1 done, 0 failed"]


def test_an_array_that_was_cleaned_when_it_had_ended_still_counts(project):
    """It was put, too, while the dispatcher was running."""
    outcome = dispatcher(project)
    story = Story(project, 6, 3)
    sees(outcome, *map(story.name, story.lots))
    all_done(story)
    story.write()
    outcome.update()
    for lot in story.lots:
        story.lines[lot.writer].append(story.entry(lot, CLEANED, "cleaned"))
        os.unlink(story.file(lot))
    os.unlink(project.path("arrays", "sim"))
    story.write()
    assert outcome.at_end(0, False)[0].startswith(
        "4 done, 2 failed: sim:2 (exit 1), sim:5 (exit 1)")
    assert len(outcome.missing) == 0 and outcome.left == 0


def test_a_late_line_does_not_count_though_those_that_do_are_older(
    story, project,
):
    """A worker was asleep while others ended its range."""
    lot = story.lots[0]
    run(story, lot, DONE)
    late = lot.writer, lot.attempt
    story.cut(lot)
    run(story, lot, DONE, DONE)
    story.end(lot)
    story.report()
    lot.writer, attempt = late
    story.line(lot, FAILED, 2, attempt)
    outcome = dispatcher(project, story.write())
    assert outcome.at_end(True, False) == ["0 done, 0 failed"]


def test_a_range_that_could_not_be_run_has_failed_with_all_its_tasks(
    story, project, account,
):
    """By a worker that knows no arrays, or because its list is missing."""
    lot = story.lots[0]
    name = story.name(lot)
    story.start(lot)
    story.move(lot, FAILED, stamp=lot.stamp)
    story.lines[lot.writer].append(story.entry(
        lot, FAILED, "no 'executable' in section [control]"))
    lines, outcome = account(name)
    assert lines[0] == (
        "0 done, 3 failed, 3 left: sim: tasks 1 to 3 (no 'executable' in"
        " section [control])")
    assert "fjd why --project default sim:1;" in lines[1]
    lines = dispatcher(project).at_end(True, is_quiet=True)
    assert lines == [
        "Failed: sim: tasks 1 to 3 (no 'executable' in section [control]),"
        " see fjd log --project default sim:1"]
    finding, = audit(project, myself()).findings
    assert finding.endswith(
        ": 3 of its tasks did not run: no 'executable' in section [control]")
    assert numbers(project)["failed"] == 3


def test_failures_are_reported_while_it_runs(story, project):
    outcome = dispatcher(project)
    lot = story.lots[0]
    run(story, lot, FAILED)
    story.write()
    assert outcome.update() == ["sim:1 (exit 1)"]
    assert outcome.update() == []
    story.end_task(lot, DONE)
    story.write()
    assert outcome.update() == []
    assert (outcome.done, outcome.number_failed) == (1, 1)


def test_a_job_with_the_name_of_a_range_is_a_job(project, record):
    """There is no such array."""
    name = "other=1.1-999999999~1.0123456789abcdef0-1"
    open(project.path(DONE, name), "w").close()
    record(DONE, name)
    outcome = dispatcher(project)
    assert outcome.at_end(False, False) == ["1 done, 0 failed"]
    assert [e.job for e in results(project)] == ["other=1.1-999999999"]
    assert numbers(project, *ENDED)[DONE] == 1
    assert audit(project, myself()).findings == []


def test_a_malformed_line_stops_nothing(story, project):
    all_done(story)
    story.write()
    lot = story.lots[0]
    with open(project.ledger_file(lot.writer), "a") as file:
        file.write(f"done\tsim:1\t{lot.attempt}\tlab\tw\tscrap\tscrap\n"
                   f"done\t{lot.attempt}\n\n")
    assert len(list(results(project))) == 6
    assert len(ok("fjd", "results")) == 7
    assert audit(project, myself()).findings == []
    assert dispatcher(project).at_end(0, False)[0].startswith(
        "4 done, 2 failed: ")


# Numbers, by the names of ranges

def put_in_all_states(story, project):
    """Six tasks in two ranges, some of which have ended."""
    first, second = story.lots
    run(story, first, DONE, FAILED, DONE)
    story.end(first)
    story.retry(first, [2, 3])
    run(story, first, DONE)
    story.give_back(first)
    run(story, second, DONE, CLEANED)
    open(project.path("cancelled", "sim=5"), "w").close()
    story.cancel(second)
    story.write()


def test_each_task_is_in_one_state(story, project):
    put_in_all_states(story, project)
    found = numbers(project)
    assert {state: n for state, n in found.items() if n} == {
        "waiting": 1, "done": 3, CANCELLED: 2}
    assert shown(project)[0] == "1 waiting, 0 held, 0 given out, 0 running," \
        " 3 done, 0 failed, 2 cancelled"


def shown(project):
    return list(screen(status_of(project, myself(), False)))


def test_tasks_are_left_until_they_have_ended(story, project):
    put_in_all_states(story, project)
    project.put("job1", b"")
    assert (left(project), jobs_left(project)) == (2, 1)
    project.files.move(
        story.file(story.lots[0]), project.path("held", "sim=1.1-3"))
    assert (left(project), count(project, "held")) == (1, 3)
    assert Outcome(project, {}).held()[0].startswith("3 job(s) are held")


def test_a_running_range_is_shown_by_its_tasks(story, project):
    lot = story.lots[0]
    run(story, lot, DONE)
    story.cut(lot)
    story.start(lot)
    line = shown(project)[1]
    assert line.startswith("running: sim: tasks 2 to 3 on lab")
    found = status_of(project, myself(), False)
    assert (found["running"], found["done"], found["runs"]) == (2, 1, 1)


def test_a_dispatcher_writes_down_the_number_of_tasks(story, project):
    """Of a range that runs, those that had ended when it began."""
    outcome = dispatcher(project)
    tally = Tally(project, outcome, Clock())
    run(story, story.lots[0], DONE, FAILED)
    story.cut(story.lots[0])
    story.write()
    outcome.update()
    assert tally.counts(4)[:3] == (4, 1, 1)
    story.start(story.lots[0])
    story.end_task(story.lots[0], DONE)
    story.write()
    outcome.update()
    assert tally.counts(3)[:3] == (3, 1, 1)


def test_many_tasks_need_little_memory(project):
    """200,000 failed ones; as jobs they need 60 MB."""
    story = Story(project, 200000, 1000)
    for lot in story.lots:
        story.start(lot)
        story.move(lot, FAILED, lot.part._replace(
            next=lot.part.last + 1, failed=1000), stamp=lot.stamp)
        with open(project.ledger_file(lot.writer), "w") as file:
            file.write(HEADER)
            file.writelines(line_of(Entry(
                FAILED, f"sim:{task}", lot.attempt, task=str(task),
                end=float(task))) for task in lot.tasks)
    for words in ("audit", "results", "results --failed", "status"):
        result = run_command([sys.executable, "-c", PEAK,
                              *command("fjd", *words.split())])
        assert result.returncode == 0 and "200000" in result.stdout, words
        assert int(result.stderr) < 40, words


# What an audit finds

def findings(story, project):
    story.write()
    return audit(project, myself()).findings


def all_done(story):
    for lot in story.lots:
        run(story, lot, DONE, FAILED, DONE)
        story.end(lot)


def test_an_array_in_order(story, project):
    all_done(story)
    assert findings(story, project) == []


@pytest.mark.parametrize("change, text", [
    (dict(failed=0), "0 of its tasks have failed, it says, and the ledgers"
                     " say 1"),
    (dict(failed=2), "2 of its tasks have failed, it says, and the ledgers"
                     " say 1"),
])
def test_a_wrong_number_of_failures_is_named(story, project, change, text):
    all_done(story)
    lot = story.lots[0]
    story.move(lot, lot.place, lot.part._replace(**change), stamp=lot.stamp)
    found = findings(story, project)
    assert f"failed/{story.name(lot)}: {text}" in found


def test_a_range_in_the_wrong_directory_is_named(story, project):
    all_done(story)
    lot = story.lots[0]
    story.move(lot, DONE, stamp=lot.stamp)
    assert findings(story, project) == [
        f"done/{story.name(lot)}: it lies there, and 1 of its tasks have"
        " failed",
    ]


def test_two_lines_of_one_attempt_that_disagree_are_named(story, project):
    all_done(story)
    lot = story.lots[0]
    story.line(lot, FAILED, 1)
    assert "sim:1: lines of one attempt disagree, also of 0 other tasks" in \
        findings(story, project)


def test_a_line_that_was_written_twice_counts_once(story, project):
    """An answer was lost."""
    all_done(story)
    story.line(story.lots[0], DONE, 1)
    assert findings(story, project) == []
    assert len(list(results(project))) == 6


def test_a_range_in_two_places_is_named(story, project):
    all_done(story)
    lot = story.lots[0]
    name = story.name(lot)
    open(project.path("held", name), "w").close()
    found = findings(story, project)
    assert len(found) == 1 and found[0].startswith("sim: tasks 1 to 3: lies in"
                                                   " ")
    assert f"held/{name}" in found[0] and f"failed/{name}" in found[0]


@pytest.mark.parametrize("job, text", [
    ("sim=5.5-8", "sim: tasks 5 to 6: there are two files"),
    ("sim=5.5-8", "sim: tasks 5 to 8: the list has 6 lines"),
    ("sim=3.9-5", "jobqueue/sim=3.9-5: the numbers in its name do not fit"),
])
def test_names_that_do_not_fit_are_named(story, project, job, text):
    all_done(story)
    open(project.path("jobqueue", job), "w").close()
    assert text in findings(story, project)


def test_a_list_of_retried_tasks_that_is_missing_is_named(story, project):
    all_done(story)
    lot = story.lots[0]
    story.retry(lot, [2])
    os.unlink(project.path("arrays", f"sim+{lot.part.stamp}"))
    found, = findings(story, project)
    assert found.endswith(f": there is no list arrays/sim+{lot.part.stamp}")


def test_a_range_that_a_person_has_cleaned_is_no_hole(story, project):
    all_done(story)
    lot = story.lots[0]
    story.lines[lot.writer].append(story.entry(lot, CLEANED, "cleaned"))
    os.unlink(story.file(lot))
    assert findings(story, project) == []


def test_a_retried_task_keeps_its_result_when_the_list_is_cleaned(
    story, project,
):
    """The list of a generation that no name mentions any more."""
    lot = story.lots[0]
    run(story, lot, DONE, FAILED, FAILED)
    story.end(lot)
    for tasks in [2, 3], [3]:
        story.retry(lot, tasks)
        older = lot.part.stamp
        run(story, lot, *[DONE, FAILED][:len(tasks)])
        story.end(lot)
        if len(tasks) == 2:
            first = older
    os.unlink(project.path("arrays", f"sim+{first}"))
    story.write()
    assert [(e.event, e.job) for e in results(project)] == story.rows()
    assert [event for event, _ in story.rows()] == [DONE] * 3
