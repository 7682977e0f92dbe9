"""Putting arrays: which ranges, where their lines begin, and put again."""
import errno
import os

import pytest

from fjd.errors import BadJob, Busy
from fjd.jobfile import job_of_task, read_job
from fjd.ledger import CLEANED, DONE
from fjd.members import myself
from fjd.names import Attempt, Range
from fjd.arrays import lines_of
from fjd.verbs.arrayfind import parts_of, Target
from fjd.verbs.arraylines import escaped, numbers, wanted
from fjd.verbs.newarray import Common, draft_of, ranges
from fjd.verbs.putting import clipped, gaps, put_array

COMMON = Common("echo {}", "/")


def put(project, name="sim", lines=b"a\nb\nc\n", common=COMMON, chunk=0):
    return put_array(project, name, common, iter([lines]), chunk)


def tasks(project):
    """{number: the command that a worker would run} of waiting ranges."""
    found = {}
    for name in project.waiting():
        part = Range.parse(Attempt.parse(name).job)
        job = read_job(project.files, project.waiting_job(name))
        for number, line in lines_of(project, part, job.tasks.offset):
            assert number not in found
            found[number] = job_of_task(job, line).command
    return found


@pytest.mark.parametrize("number, chunk", [
    (1, 0), (999, 0), (1000, 0), (1001, 0), (2500, 0), (1000000, 0),
    (10, 3), (10, 10), (10, 99), (1000000, 1000000),
])
def test_ranges_are_a_partition(number, chunk):
    found, after = list(ranges(number, chunk)), 1
    for first, last in found:
        assert first == after <= last
        after = last + 1
    assert after == number + 1
    largest = max(last - first + 1 for first, last in found)
    assert largest <= (chunk or -(-number // 1000))
    if not chunk:
        assert all(a == b for a, b in found[-min(number, 1000):])


def test_each_task_has_its_line(project):
    lines = b"".join(b"%d x'\"\xff\n" % number for number in range(1, 2501))
    assert put(project, lines=lines)[1:] == (2500, 0, 2500)
    found = tasks(project)
    assert sorted(found) == list(range(1, 2501))
    for number in (1, 2, 3, 4, 1499, 1500, 1501, 2500):
        assert os.fsencode(found[number]) \
            == b"echo '%d x'\"'\"'\"\xff'" % number


def test_a_long_list_is_read_in_blocks(project, monkeypatch):
    monkeypatch.setattr("fjd.verbs.putting.BLOCK", 7)
    put(project, lines=b"".join(b"%d\n" % n for n in range(1, 101)), chunk=9)
    assert tasks(project) == {n: f"echo {n}" for n in range(1, 101)}


@pytest.mark.parametrize("lines, has_command, found", [
    ([b"a\n", b"\n", b"  \n", b"b\r\n", b"c"], True, b"a\nb\nc\n"),
    ([b"#x\n", b" a b \n"], True, b"#x\n a b \n"),
    ([b"#x\n", b"  # y\n", b"z # w\n"], False, b"z # w\n"),
])
def test_empty_lines_are_skipped_and_comments_of_commands(
    lines, has_command, found,
):
    assert b"".join(wanted(lines, has_command)) == found


def test_a_nul_byte_is_refused_with_its_line():
    with pytest.raises(BadJob, match="line 2 .* NUL"):
        list(wanted([b"a\n", b"b\0\n"], True))
    with pytest.raises(BadJob, match="NUL"):
        list(escaped(["\0"]))


def test_numbers_are_those_of_the_tasks():
    assert b"".join(numbers(10001)).split() \
        == [b"%d" % number for number in range(1, 10002)]


def test_values_may_hold_newlines(project):
    common = COMMON._replace(is_escaped=True)
    values = ["a\nb", "", "\\n", 0.5]
    put_array(project, "sim", common, escaped(values))
    assert tasks(project) == {
        1: "echo 'a\nb'", 2: "echo ''", 3: "echo '\\n'", 4: "echo 0.5"}


@pytest.mark.parametrize("found, number, missing", [
    ([], 5, [(1, 5)]), ([(1, 5)], 5, []), ([(2, 3)], 5, [(1, 1), (4, 5)]),
    ([(1, 2), (5, 5)], 5, [(3, 4)]),
])
def test_gaps_are_what_intervals_leave(found, number, missing):
    assert list(gaps(found, number)) == missing


def test_parts_are_clipped_to_what_is_missing():
    parts = [(1, 3), (4, 6), (7, 9)]
    assert list(clipped(iter(parts), [(2, 4), (6, 6), (9, 9)])) \
        == [(2, 3), (4, 4), (6, 6), (9, 9)]
    assert list(clipped(iter(parts), [])) == []
    assert list(clipped(iter(parts), [(1, 9)])) == parts


def test_the_same_list_puts_only_what_is_missing(project, record):
    put(project)
    for name in project.waiting():
        if name.startswith("sim=2."):
            project.discard(project.waiting_job(name))
        if name.startswith("sim=3."):
            record(CLEANED, name)
            project.discard(project.waiting_job(name))
    assert put(project)[1:] == (1, 2, 3)
    assert sorted(tasks(project)) == [1, 2]
    assert put(project)[1:] == (0, 3, 3)


@pytest.mark.parametrize("place", ["held", "done", "failed", "cancelled"])
def test_a_range_is_found_in_every_place(project, place):
    put(project, chunk=3)
    name, = project.waiting()
    os.rename(project.waiting_job(name), project.path(place, name))
    assert put(project)[1:] == (0, 3, 3)
    part, = parts_of(project, [Target("sim")])
    assert part.found.path(project) == project.path(place, name)


def test_missing_ranges_are_put_in_other_sizes(project):
    put(project, lines=b"x\n" * 9, chunk=4)
    gone, = [name for name in project.waiting() if name.startswith("sim=5.")]
    project.discard(project.waiting_job(gone))
    put(project, lines=b"x\n" * 9, chunk=3)
    assert sorted(tasks(project)) == list(range(1, 10))


@pytest.mark.parametrize("lines, common, why", [
    (b"a\nb\n", COMMON, "another list"),
    (b"a\nb\nc\nd\n", COMMON, "another list"),
    (b"a\nb\nc\n", Common("echo {} x", "/"), "another command"),
    (b"a\nb\nc\n", Common("echo {}", "/tmp"), "another command"),
    (b"a\nb\nc\n", COMMON._replace(keys=(("timeout", "3"),)),
     "another command"),
])
def test_another_array_of_that_name_is_refused(project, lines, common, why):
    put(project)
    with pytest.raises(BadJob, match=why):
        put(project, lines=lines, common=common)
    assert len(project.waiting()) == 3
    assert os.listdir(project.path("arrays")) == ["sim"]


@pytest.mark.parametrize("name, why", [
    ("a:b", "may not contain"), ("a=b", "may not contain"), ("", "a name"),
    ("x" * 61, "longer than 60"), ("a/b", "may not contain"),
    ("a+66139e06f004a4a47-1", "stamp"), ("a\nb", "control"),
])
def test_bad_names_are_refused(project, name, why):
    with pytest.raises(BadJob, match=why):
        put(project, name)
    assert os.listdir(project.path("arrays")) == []


def test_a_name_that_the_ledger_knows_is_not_used_again(project, record):
    record(DONE, "sim=1.1-2~1.66139e06f004a4a47-1")
    with pytest.raises(BadJob, match="earlier array"):
        put(project)
    assert put(project, "sim2").tasks == 3


def test_an_empty_list_is_refused(project):
    with pytest.raises(BadJob, match="empty"):
        put(project, lines=b"")
    assert os.listdir(project.path("arrays")) == []


@pytest.mark.parametrize("size, is_good", [(131000, True), (131072, False)])
def test_a_line_must_fit_into_an_argument(project, size, is_good):
    lines = b"a\n" + b"x" * size + b"\n"
    if is_good:
        assert put(project, lines=lines).tasks == 2
    else:
        with pytest.raises(BadJob, match="task 2 is longer"):
            put(project, lines=lines)


@pytest.mark.parametrize("number", [errno.EPERM, errno.EOPNOTSUPP])
def test_without_hard_links_a_list_is_renamed(project, monkeypatch, number):
    def link(source, target):
        raise OSError(number, os.strerror(number))
    monkeypatch.setattr(project.files, "link", link)
    assert put(project).tasks == 3
    assert put(project)[1:] == (0, 3, 3)
    with pytest.raises(BadJob, match="another list"):
        put(project, lines=b"x\n")
    assert project.files.read(project.path("arrays", "sim"))[1] == b"a\nb\nc\n"


@pytest.mark.parametrize("name, is_busy", [
    (".sim.66139e06f004a4a47-1.put", True),
    (".sim.x.66139e06f004a4a47-1.put", False),
    (".sim.66139e06f004a4a47-1", False),
])
def test_two_puts_of_one_list_do_not_mix(project, name, is_busy):
    put(project)
    project.enrol("arrays", name, myself().record("none"))
    if is_busy:
        with pytest.raises(Busy):
            put(project)
    else:
        put(project)


def test_a_put_that_was_killed_bars_no_other(project):
    put(project)
    dead = myself()._replace(pid=myself().pid, start="1")
    project.enrol("arrays", ".sim.66139e06f004a4a47-1.put",
                  dead.record("none"))
    assert put(project)[1:] == (0, 3, 3)


def test_an_interrupted_put_says_how_much_it_put(project, monkeypatch):
    said, put_range = [], project.put

    def fail(name, *others):
        if name.startswith("sim=3."):
            raise OSError(errno.ENOSPC, "full")
        put_range(name, *others)
    monkeypatch.setattr(project, "put", fail)
    with pytest.raises(OSError):
        put_array(project, "sim", COMMON, iter([b"a\nb\nc\n"]),
                  say=said.append)
    assert said == [
        "sim: not all of its tasks were put; the same command puts the others"]
    monkeypatch.undo()
    assert put(project)[1:] == (1, 2, 3)
    assert sorted(tasks(project)) == [1, 2, 3]
    assert not project.files.is_there(draft_of(project, "sim", ""))
    assert [name for name in os.listdir(project.path("arrays"))
            if name[0] == "."] == []
