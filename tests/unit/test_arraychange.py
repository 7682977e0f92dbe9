"""What a person does with arrays, ranges and tasks; real workers run them."""
import os
import shlex

import pytest

from helpers import fjd, ledger, ok, repeat
from test_putting import put

from fjd import files
from fjd.ledger import DONE, FAILED
from fjd.members import BEAT, myself
from fjd.names import Attempt, new_token, Range, Stamps
from fjd.verbs.arrayclean import ArrayCleaning
from fjd.verbs.arrayfind import parts_of, Target, target_in
from fjd.verbs.arraylog import LATE, TaskLog
from fjd.verbs.change import Changes
from fjd.verbs.newarray import Common
from fjd.verbs.why import why

STAMPS = Stamps(new_token(2.0))
ODD = Common("echo {}; echo err >&2; exit $((FJD_TASK % 2))", "/")
SLOW = Common("echo {}; sleep 100", "/")


@pytest.fixture(autouse=True)
def local(monkeypatch):
    """Workers write each line at once, also where this home is no disk."""
    monkeypatch.setattr(files, "is_local", lambda path: True)


@pytest.fixture
def give(project):
    """give(worker): all that waits, under new stamps."""
    def give(worker):
        for name in sorted(project.waiting()):
            attempt = Attempt.parse(name)._replace(stamp=STAMPS.new())
            assert project.assign(name, worker.id, attempt)
        worker.request.withdraw()
        worker.announce()
    return give


@pytest.fixture
def work(project, new_worker, give):
    """work(): a worker runs all that waits."""
    def work():
        worker = new_worker()
        give(worker)
        repeat(worker.step, lambda: not (
            project.given(worker.id) or worker.range or worker.given))
        return worker
    return work


def ranges(project, place):
    return sorted(Attempt.parse(name).job for name in project.names(place)
                  if not name.partition("=")[2].isdigit())


def failing(verb, name, status=3):
    result = fjd("fjd", verb, name)
    assert result.returncode == status, result
    return result.stderr.rstrip("\n")


def story(project, name):
    return list(why(project, myself(), name))


@pytest.mark.parametrize("name, target", [
    ("sim", Target("sim")), ("sim:17", Target("sim", 17)),
    ("sim=1.5-10", Target("sim", 0, 1, 10)),
    ("sim=1.5-10x2~1.66139e06f004a4a47-1", Target("sim", 0, 1, 10)),
    ("sim=1.5-10~1.66139e06f004a4a47-1:7~2", Target("sim", 7, 1, 10)),
    ("sim:0", Target("")), ("sim:x", Target("")), ("six:17", Target("")),
    ("six=1.5-10", Target("")), ("sim=5.1-10", Target("")), ("", Target("")),
])
def test_names_of_arrays_tasks_and_ranges(name, target):
    assert target_in({"sim"}, name) == target


@pytest.mark.parametrize("verb, place", [("hold", "held")])
def test_an_array_is_held_and_released(project, verb, place):
    put(project, lines=b"x\n" * 4, chunk=2)
    assert ok("fjd", "hold", "sim") == ["Held: sim (4 tasks)"]
    assert ranges(project, "held") == ["sim=1.1-2", "sim=3.3-4"]
    assert "is held" in failing("hold", "sim")
    assert ok("fjd", "release", "sim=3.3-4") == ["Released: sim (2 tasks)"]
    assert ok("fjd", "release", "--all") == ["Released: sim (2 tasks)"]
    assert ok("fjd", "hold", "--all") == ["Held: sim (4 tasks)"]


def test_a_single_task_is_held_if_it_has_a_range_of_its_own(project):
    put(project, lines=b"x\n" * 3, chunk=2)
    assert failing("hold", "sim:2", 2).endswith("fjd hold sim")
    assert project.names("held") == []
    assert ok("fjd", "hold", "sim:3") == ["Held: sim (1 task)"]
    assert len(project.names("held")) == 1
    assert ok("fjd", "release", "sim:3") == ["Released: sim (1 task)"]


@pytest.mark.parametrize("verb", ["hold", "release", "cancel", "retry"])
@pytest.mark.parametrize("name", ["sim:4", "sim=7.7-7"])
def test_unknown_tasks_and_ranges_are_named(project, verb, name):
    put(project)
    assert "there is no such" in failing(verb, name, 2)


def test_ranges_that_wait_are_cancelled(project):
    put(project, lines=b"x\n" * 4, chunk=2)
    assert ok("fjd", "cancel", "sim=1.1-2") == ["Cancelled: sim (2 tasks)"]
    assert ranges(project, "cancelled") == ["sim=1.1-2"]
    assert ok("fjd", "cancel", "--all") == ["Cancelled: sim (2 tasks)"]
    assert project.waiting() == []
    assert "was cancelled" in failing("cancel", "sim")
    assert story(project, "sim:2")[0] \
        == "sim:2 was cancelled with its range (fjd retry repeats it)"
    assert put(project, lines=b"x\n" * 4).tasks == 0


def test_a_running_range_is_cut(project, new_worker, give, clock):
    common = Common("test {} = a || sleep 100", "/")
    put(project, lines=b"a\na\nb\nb\n", common=common, chunk=4)
    worker = new_worker()
    give(worker)
    repeat(worker.step, lambda: worker.range and worker.range.number == 3
           and worker.task)
    assert ok("fjd", "cancel", "sim") == [
        "Cancelled: sim (2 tasks)", "Still running for a moment: sim:3"]
    name, = project.names("cancelled")
    assert Attempt.parse(name)[:2] == ("sim=1.3-4", 2)
    clock.now += BEAT
    worker.step()
    assert not worker.range and project.names("running") == []
    assert story(project, "sim:2")[0].startswith("sim:2 is done")
    assert story(project, "sim:3")[0].startswith("sim:3 was cancelled with")
    assert ok("fjd", "retry", "sim") == ["Waiting again: sim (2 tasks)"]
    name, = project.waiting()
    part = Range.parse(Attempt.parse(name).job)
    assert (part.next, part.generation, part.failed) == (3, 1, 0)


def test_a_task_that_waits_is_cancelled(project, work):
    put(project, common=ODD, chunk=3)
    assert ok("fjd", "cancel", "sim:3") == ["Cancelled: sim:3"]
    assert ok("fjd", "cancel", "sim:3") == ["Cancelled: sim:3"]
    assert story(project, "sim:3")[0] == "sim:3 is cancelled"
    work()
    assert {row["job"]: row["event"] for row in ledger(project)} \
        == {"sim:1": "failed", "sim:2": "done", "sim:3": "cleaned"}
    assert story(project, "sim:3")[0] \
        == "sim:3 was cancelled (fjd retry repeats it)"
    assert failing("cancel", "sim:3").endswith("it has ended: see fjd why"
                                               " sim:3")
    assert ok("fjd", "retry", "sim:3") == ["Waiting again: sim:3"]
    assert "sim=3" not in os.listdir(project.path("cancelled"))
    work()
    assert story(project, "sim:3")[0].startswith("sim:3 has failed")


def test_a_task_that_runs_is_cancelled(project, new_worker, give, clock):
    put(project, lines=b"a\nb\n", common=SLOW, chunk=2)
    worker = new_worker()
    give(worker)
    repeat(worker.step, lambda: worker.task)
    assert ok("fjd", "cancel", "sim:1") == [
        "Cancelled: sim:1", "Still running for a moment: sim:1"]
    assert story(project, "sim:1")[0] \
        == "sim:1 is cancelled; its worker will notice"
    assert ok("fjd", "cancel", "sim:2") == ["Cancelled: sim:2"]
    clock.now += BEAT
    repeat(worker.step, lambda: not worker.range)
    assert [row["event"] for row in ledger(project)] == ["cleaned"] * 2
    assert ranges(project, "done") == ["sim=1.3-2"]


def test_failed_tasks_are_retried(project, work):
    put(project, lines=b"x\n" * 7, common=ODD, chunk=3)
    work()
    assert ranges(project, FAILED) == ["sim=1.4-3x2", "sim=4.7-6x1",
                                       "sim=7.8-7x1"]
    assert failing("retry", "sim:9", 2)
    assert ok("fjd", "retry", "sim:1") == ["Waiting again: sim:1"]
    name, = project.waiting()
    part = Range.parse(Attempt.parse(name).job)
    assert (part.first, part.next, part.last, part.failed, part.generation) \
        == (1, 1, 3, 1, 1)
    assert project.files.read(
        project.path("arrays", f"sim+{part.stamp}"))[1] == b"1\n"
    why_not = failing("retry", "sim:3")
    assert "its range has not ended" in why_not and "waits" in why_not
    assert ok("fjd", "retry", "--failed") == ["Waiting again: sim (2 tasks)"]
    work()
    assert ranges(project, FAILED)[0].startswith("sim=1.4-3x2+1.")
    assert ok("fjd", "retry", "sim") == ["Waiting again: sim (4 tasks)"]
    work()
    generations = [Range.parse(job).generation
                   for job in ranges(project, FAILED)]
    assert generations == [2, 2, 2]
    events = [row["event"] for row in ledger(project)
              if row["job"] == "sim:3"]
    assert sorted(events) == ["failed", "failed"]
    lines = story(project, "sim:3")
    assert lines[0].startswith("sim:3 has failed")
    assert sum("(before it was retried)" in line for line in lines) == 1
    assert sum("retried, on demand" in line for line in lines) == 1


def test_a_done_task_runs_again_if_it_is_named(project, work):
    put(project, chunk=3)
    work()
    assert failing("retry", "sim").endswith(
        "none of its tasks has failed; to repeat one that is done: fjd retry"
        " sim:1")
    assert ok("fjd", "retry", "--failed") == ["Waiting again: 0 jobs"]
    assert ok("fjd", "retry", "sim:2") == ["Waiting again: sim:2"]
    work()
    done, = ranges(project, DONE)
    assert Range.parse(done)._replace(stamp="") \
        == Range("sim", 1, 4, 3, generation=1)
    assert [row["job"] for row in ledger(project) if row["task"]] \
        == ["sim:1", "sim:2", "sim:3", "sim:2"]


def test_a_cancelled_range_runs_again_as_a_whole(project, work):
    put(project, "my sim", chunk=2)
    ok("fjd", "cancel", "my sim")
    line = failing("retry", "my sim:2")
    words = line.rpartition("as a whole: ")[2]
    assert words == "fjd retry 'my sim=1.1-2'"
    assert ok("fjd", "retry", "my sim:3") == ["Waiting again: my sim:3"]
    assert ok(*shlex.split(words)) == ["Waiting again: my sim (2 tasks)"]
    work()
    assert {row["job"]: row["event"] for row in ledger(project)
            if row["task"]} \
        == {"my sim:1": "done", "my sim:2": "done", "my sim:3": "done"}


def test_one_of_two_persons_retries(project, work, monkeypatch):
    """The loser's list is removed, since no name mentions it."""
    put(project, common=ODD, chunk=3)
    work()
    changes = Changes(project, myself())
    record, others = changes.record, []

    def slowly(*arguments):
        record(*arguments)
        if not others:
            others.append(1)
            assert ok("fjd", "retry", "sim:1") == ["Waiting again: sim:1"]
    monkeypatch.setattr(changes, "record", slowly)
    from fjd.verbs.arraychange import ArrayChanges
    mine = ArrayChanges(changes, "retry")
    mine.apply({"sim:3": Target("sim", 3)})
    assert mine.changed == [] and mine.status == 3
    lists = [name for name in os.listdir(project.path("arrays"))
             if "+" in name]
    assert len(lists) == 1 and lists[0].partition("+")[2] \
        in project.waiting()[0]
    assert len(project.waiting()) == 1 and project.names(FAILED) == []


def test_one_of_a_reclaimer_and_a_person_cuts(
    project, new_worker, give, monkeypatch,
):
    put(project, common=SLOW, chunk=3)
    worker = new_worker()
    give(worker)
    repeat(worker.step, lambda: worker.task)
    changes = Changes(project, myself())
    record = changes.record
    reclaimer = worker.neighbours.reclaimer

    def slowly(*arguments):
        record(*arguments)
        for run in project.running():
            reclaimer.reclaim(run, was_fired=False)
    monkeypatch.setattr(changes, "record", slowly)
    part, = parts_of(project, [Target("sim")])
    from fjd.verbs.arraychange import ArrayChanges
    mine = ArrayChanges(changes, "cancel")
    assert not mine.cancel(part)
    name, = project.waiting()
    assert Attempt.parse(name)[:2] == ("sim=1.1-3", 2)
    mine.apply({"sim": Target("sim")})
    assert mine.changed == ["sim (3 tasks)"] and project.waiting() == []
    worker.end_life()


def test_a_late_line_is_named_as_such(project, work, record):
    put(project, chunk=3)
    work()
    old = "sim=1.1-3~1.66139e06f004a4a47-1"
    line = "sim=1.2-3~2.66139e06f004a4a47-2"
    record(DONE, line, end=5.0, task="2")
    record(FAILED, old, end=6.0, task="2", status="exit 1")
    lines = story(project, "sim:2")
    assert lines[0].startswith("sim:2 is done")
    late, = [text for text in lines if "failed" in text]
    assert late.endswith("(too late: does not count)")


def test_why_of_an_array_and_of_a_range(project, work):
    put(project, lines=b"x\n" * 4, common=ODD, chunk=2)
    assert story(project, "sim")[0].startswith(
        "sim: 0 of 4 tasks have ended; ranges: 2 waiting [")
    assert any("there is no worker" in line for line in story(project, "sim"))
    work()
    assert story(project, "sim")[0].startswith(
        "sim: 4 of 4 tasks have ended; ranges: 2 failed [")
    assert story(project, "sim")[-1] == "failed: 2 (sim:1, sim:3)"
    part = story(project, "sim=3.4-4x1")
    assert part[0].startswith("sim=3.4-4x1: 2 of 2 tasks have ended; ranges:")
    assert part[-1] == "failed: 1 (sim:3)"


def test_why_of_an_array_names_cancelled_tasks(project):
    put(project, lines=b"x\n" * 4, chunk=2)
    ok("fjd", "cancel", "sim:3", "sim:2")
    assert story(project, "sim")[-1] \
        == "cancelled one by one: 2 (sim:2, sim:3)"
    assert story(project, "sim=3.3-4")[-1] == "cancelled one by one: 1 (sim:3)"


def test_what_cannot_be_held_or_released_is_named_with_a_remedy(project):
    put(project, lines=b"x\n" * 2, chunk=2)
    assert failing("release", "sim").endswith(
        "none of its tasks can be released: sim=1.1-2 waits")
    assert failing("hold", "sim:1", 2).endswith(
        "a task that shares its range cannot be held; try: fjd hold sim")


def test_the_log_of_a_task_is_what_it_printed(project, work):
    put(project, lines=b"a\n'b c'\n\xff\n", common=ODD, chunk=3)
    assert fjd("fjd", "log", "sim:2").stderr \
        == "[fjd] sim:2 waits in its range.\n"
    work()
    assert ok("fjd", "log", "sim:2") == ["'b c'", "err"]
    assert fjd("fjd", "log", "sim:3").stdout == "\udcff\nerr\n"
    assert fjd("fjd", "log", "-f", "sim:1").returncode == 3
    assert ok("fjd", "log", "-f", "sim:2") == ["'b c'", "err"]
    assert "name one, such as sim:1" in failing("log", "sim", 2)
    assert story(project, "sim:2")[-1] == "    err"


def test_the_log_of_a_failed_task_that_printed_nothing_says_so(project, work):
    put(project, lines=b"x\n", common=Common("test {} = y", "/"))
    work()
    result = fjd("fjd", "log", "sim:1")
    assert (result.returncode, result.stdout) == (0, "")
    assert result.stderr == "[fjd] sim:1 printed nothing; to see why it" \
        f" failed: fjd why --project {project.name} sim:1\n"


def test_the_log_of_a_running_task_begins_after_the_last_one(
    project, new_worker, give,
):
    common = Common("echo {}; test {} = a || sleep 100", "/")
    put(project, lines=b"a\nb\n", common=common, chunk=2)
    worker = new_worker()
    give(worker)
    repeat(worker.step, lambda: worker.range and worker.range.number == 2
           and worker.task)
    repeat(worker.step, lambda: ok("fjd", "log", "sim:2") == ["b"])
    assert ok("fjd", "log", "sim:1") == ["a"]
    assert "sim:2 runs on" in story(project, "sim:2")[0]
    worker.end_life()


@pytest.fixture
def clean(project):
    """clean(*places): the arrays removed, and what stays."""
    def clean(*places, age=0.0, ends={}):
        cleaning = ArrayCleaning(Changes(project, myself()), myself())
        cleaning.clean(places, age, ends)
        return dict(cleaning.removed), cleaning.left
    return clean


def test_an_array_is_removed_as_a_whole(project, work, clean):
    put(project, lines=b"x\n" * 4, common=ODD, chunk=2)
    put(project, "other")
    assert clean(DONE, FAILED) == ({}, [])
    ok("fjd", "hold", "other")
    ok("fjd", "cancel", "sim:4")
    work()
    ok("fjd", "retry", "sim:1")
    assert clean(DONE, FAILED) == ({}, [])
    work()
    assert clean(DONE) == ({}, [
        "sim stays, with 2 of 2 ranges in failed/: give --failed, too"])
    assert len(project.names("joblogs")) == 6
    assert clean(DONE, FAILED, age=60.0) == ({}, [])
    assert clean(DONE, FAILED) == ({"sim": 4}, [])
    assert project.names("joblogs") == project.names("cancelled") == []
    assert project.names("arrays") == ["other"]
    assert project.names(DONE) == project.names(FAILED) == []
    rows = [row for row in ledger(project) if row["event"] == "cleaned"]
    assert [row["task"] for row in rows] == ["4", "", ""]


def test_clean_leaves_arrays_that_have_not_ended(project, work):
    put(project, lines=b"x\n" * 2, common=ODD, chunk=1)
    work()
    put(project, "other", common=ODD, chunk=2)
    work()
    ok("fjd", "retry", "other:1")
    assert ok("fjd", "clean", "--done", "--failed") == [
        "Removed: sim (2 tasks)"]
    assert project.names("arrays")[0] == "other"
    assert ok("fjd", "log", "other:2") == ["b", "err"]


def test_a_put_that_was_cut_off_is_cleaned(project, clean):
    put(project)
    for name in project.waiting():
        project.discard(project.waiting_job(name))
    record = project.path("arrays", ".sim.66139e06f004a4a47-1.put")
    with open(record, "w") as file:
        file.write(myself().record("none"))
    assert clean(DONE) == ({}, [])
    os.remove(record)
    with open(project.path("arrays", "gone+66139e06f004a4a47-1"), "w"):
        pass
    with open(project.path("cancelled", "gone=1"), "w"):
        pass
    with open(project.path("arrays", ".gone.66139e06f004a4a47-1"), "w"):
        pass
    os.utime(project.path("arrays", ".gone.66139e06f004a4a47-1"), (1, 1))
    assert clean(DONE) == ({"sim": 0}, [])
    assert os.listdir(project.path("arrays")) == []
    assert os.listdir(project.path("cancelled")) == []


def test_clean_and_retry_at_once_keep_the_list(
    project, work, monkeypatch,
):
    put(project, lines=b"x\n" * 2, common=ODD, chunk=1)
    work()
    changes = Changes(project, myself())
    record = changes.record

    def slowly(*arguments):
        record(*arguments)
        ok("fjd", "retry", "sim:1")
    monkeypatch.setattr(changes, "record", slowly)
    cleaning = ArrayCleaning(changes, myself())
    cleaning.clean((DONE, FAILED), 0.0, {})
    assert cleaning.left == [
        "sim: its list stays, as some of its tasks run again"]
    assert project.names(DONE) == []
    work()
    assert story(project, "sim:1")[0].startswith("sim:1 has failed")


def test_an_array_is_ordered_by_its_name(project, put):
    from test_putting import put as put_it
    put("zz", "[control]\nexecutable: true\n")
    put_it(project, "b", chunk=2)
    put_it(project, "a", chunk=2)
    assert ok("fjd", "reorder", "--by", "sort -r") == ["First: zz, b, a"]
    from fjd.queueorder import QueueOrder
    order = QueueOrder(project)
    order.look()
    names = sorted(project.waiting(), key=order.key)
    assert [name.partition("~")[0] for name in names] == [
        "zz", "b=1.1-2", "b=3.3-3", "a=1.1-2", "a=3.3-3"]


def test_a_range_that_failed_as_a_whole_can_be_retried(project, work):
    put(project, chunk=3)
    name, = project.waiting()
    os.rename(project.waiting_job(name), project.path(FAILED, name))
    assert story(project, "sim:2")[0] \
        == "sim:2 has not run, as its range failed (fjd retry repeats it)"
    assert fjd("fjd", "log", "-f", "sim:2").returncode == 3
    assert ok("fjd", "retry", "--failed") == ["Waiting again: sim (3 tasks)"]
    work()
    assert story(project, "sim:2")[0].startswith("sim:2 is done")


def test_the_log_of_a_task_that_was_cancelled_with_its_range(project):
    put(project, chunk=3)
    ok("fjd", "cancel", "sim")
    result = fjd("fjd", "log", "-f", "sim:2")
    assert (result.returncode, result.stdout) == (3, "")
    assert result.stderr == "[fjd] sim:2 was cancelled with its range (fjd" \
        " retry repeats it).\n"


def test_only_the_output_of_the_last_try_is_printed(project, work):
    common = Common("echo {} $FJD_ATTEMPT; exit 1", "/", (("retries", "2"),))
    put(project, common=common, chunk=3)
    work()
    line, = ok("fjd", "log", "sim:2")
    assert line.startswith("b sim=1.1-3~1.") and line.endswith(":2~3")
    lines = story(project, "sim:2")
    assert [line.partition(", exit")[0][-7:] for line in lines[1:4]] \
        == ["retried", "retried", " failed"]


def test_a_loss_is_told_of_the_task_that_ran(project, new_worker, give):
    common = Common("test {} = a || sleep 100", "/")
    put(project, common=common, chunk=3)
    worker = new_worker()
    give(worker)
    repeat(worker.step, lambda: worker.range and worker.range.number == 2
           and worker.task)
    run, = project.running()
    worker.neighbours.reclaimer.reclaim(run, was_fired=False)
    assert any("lost" in line for line in story(project, "sim:2"))
    assert not any("lost" in line for line in story(project, "sim:1"))
    assert not any("lost" in line for line in story(project, "sim:3"))
    worker.end_life()
    assert story(project, "sim:2")[0] == "sim:2 waits in its range"


def test_on_nfs_the_log_waits_for_lines_that_are_due(
    project, new_worker, give, monkeypatch,
):
    """What the next task prints is not shown as that of the last one."""
    common = Common("echo {}; until test -e go{}; do sleep 0.01; done", ".")
    put(project, lines=b"a\nb\n", common=common._replace(
        directory=project.root), chunk=2)
    worker = new_worker()
    give(worker)

    def printed():
        return sum(map(project.files.size, project.draft_logs(worker.id)))
    repeat(worker.step, lambda: printed() == 2)
    shown, said, naps = [], [], []

    def sleep(seconds):
        naps.append(seconds)
        with open(project.path("goa"), "w"):
            pass
        repeat(worker.step, lambda: worker.range.number == 2 and worker.task)
        repeat(worker.step, lambda: printed() == 4)
    monkeypatch.setattr(project.files, "is_local", lambda path: False)
    monkeypatch.setattr("fjd.verbs.arraylog.time.sleep", sleep)
    task = TaskLog(project, "sim:1", Target("sim", 1), shown.append,
                   said.append)
    assert task.show(is_once=False) == DONE
    assert (b"".join(shown), said) == (b"a\n", [])
    assert naps[0] == LATE
    worker.end_life()
