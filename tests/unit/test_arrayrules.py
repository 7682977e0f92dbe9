"""Arrays: the names of ranges, their lists, and what is left after a cut."""
import pytest
from hypothesis import given, strategies as st

from fjd.arrays import (
    cancelled_of, cut, Ends, ends_of, lines_of, range_in, to_do,
)
from fjd.errors import BadJob
from fjd.jobfile import Job, job_of_task, Tasks
from fjd.ledger import CLEANED, DONE, Entry, FAILED, RETRIED
from fjd.names import Attempt, Range
from fjd.verbs.newarray import Common, put_list, put_range, ranges

STAMP = "0123456789abcdef0-1"


@pytest.fixture
def put_array(project):
    def put_array(*lines, first=1):
        data = "".join(f"{line}\n" for line in lines).encode()
        assert put_list(project, "sim", data, STAMP)
        put_range(project, "sim", first, len(lines), Common("", "/"), 0, STAMP)
    return put_array


@st.composite
def parts(draw):
    first = draw(st.integers(1, 999))
    last = draw(st.integers(first, first + 50))
    generation = draw(st.integers(0, 9))
    return Range(
        draw(st.sampled_from(["sim", "a=b", "x.1-2", "r x3", "+"])),
        first, draw(st.integers(first, last + 1)), last,
        draw(st.integers(0, last - first + 1)), generation,
        STAMP if generation else "")


@given(parts())
def test_names_of_ranges_say_what_they_were_made_of(part):
    assert Range.parse(part.job) == part
    assert Attempt.parse(Attempt(part.job, 7, STAMP).name).job == part.job


@pytest.mark.parametrize("name", [
    "job1", "sim=1-2", "sim=2.1-3", "sim=1.5-3", "sim=1.1-0", "sim=0.0-3",
    "sim=1.1-3x0", "sim=1.1-3+1", "=1.1-3",
])
def test_other_names_are_those_of_jobs(name):
    with pytest.raises(ValueError):
        Range.parse(name)


@given(st.integers(1, 5000), st.integers(0, 70))
def test_ranges_of_an_array_are_a_partition(number, chunk):
    tasks = [task for first, last in ranges(number, chunk)
             for task in range(first, last + 1)]
    assert tasks == list(range(1, number + 1))


@given(parts(), st.data())
def test_a_cut_keeps_the_place_in_the_partition_and_adds_up(part, data):
    tasks = list(range(part.next, part.last + 1))
    ended = data.draw(st.dictionaries(
        st.sampled_from(tasks), st.sampled_from([DONE, FAILED, CLEANED]))
        if tasks else st.just({}))
    rest = Range.parse(cut(part, 3, tasks, Ends(ended, {}), 1).job)
    assert rest.key == part.key
    assert all(task in ended for task in tasks if task < rest.next)
    assert rest.next not in ended
    failed = [t for t in tasks if t < rest.next and ended[t] == FAILED]
    assert rest.failed == part.failed + len(failed)
    assert rest[5:] == part[5:]


@pytest.mark.parametrize("ended, retried, losses, left, n", [
    ({}, {}, 0, 4, 2),            # given back: as it came
    ({}, {}, 1, 4, 3),            # lost
    ({}, {4: 2}, 1, 4, 5),        # failed twice before
    ({4: DONE}, {}, 1, 5, 2),     # the loss is that of the next task
    ({4: DONE}, {5: 1}, 0, 5, 2),
    ({4: DONE}, {4: 1}, 0, 5, 1),
    ({5: DONE}, {}, 0, 4, 2),     # next is the first task without a line
    ({4: DONE, 5: DONE, 6: DONE}, {}, 0, 7, 1),
])
def test_n_counts_the_attempts_of_the_next_task(
    ended, retried, losses, left, n,
):
    part = Range("sim", 3, 4, 6)
    after = cut(part, 2, range(4, 7), Ends(ended, retried), losses)
    assert (Range.parse(after.job).next, after.n) == (left, n)


def test_a_cut_goes_on_with_the_tasks_of_its_list():
    part = Range("sim", 1, 3, 9, 0, 1, STAMP)
    after = cut(part, 1, [3, 7, 9], Ends({3: FAILED}, {}), 1)
    assert Range.parse(after.job) == part._replace(next=7, failed=1)


def test_to_do_is_what_is_left_or_on_the_list(project):
    part = Range("sim", 1, 3, 9)
    assert list(to_do(project, part)) == [3, 4, 5, 6, 7, 8, 9]
    again = part._replace(generation=1, stamp=STAMP)
    with pytest.raises(FileNotFoundError):
        to_do(project, again)
    project.files.create(project.path("arrays", f"sim+{STAMP}"), "9\n2\n4\n")
    assert to_do(project, again) == [4, 9]


def test_a_range_needs_its_lists_and_its_first_line(project, put_array):
    """Without one of them the name is that of a job, which fails."""
    part = Range("sim", 1, 1, 2)
    put_array("true", "false")
    name, = project.waiting()
    path = project.waiting_job(name)
    assert range_in(project, part.job, path) == part
    assert range_in(project, "job1", path) is None
    assert range_in(project, part.job, project.waiting_job("none")) is None
    other = part._replace(array="other")
    assert range_in(project, other.job, path) is None
    again = part._replace(generation=1, stamp=STAMP)
    assert range_in(project, again.job, path) is None
    project.files.create(project.path("arrays", f"sim+{STAMP}"), "2\n")
    assert range_in(project, again.job, path) == again
    with open(path, "w") as file:
        file.write("[control]\nexecutable: true\n")
    assert range_in(project, part.job, path) is None


def test_lines_of_a_range_begin_at_its_offset(project, put_array):
    put_array("one", "two", "three")
    assert list(lines_of(project, Range("sim", 2, 2, 9), 4)) == [
        (2, "two"), (3, "three")]


def test_a_list_is_never_put_onto_another(project):
    assert put_list(project, "sim", b"one\n", "x")
    assert put_list(project, "sim", b"one\n", "y")
    assert not put_list(project, "sim", b"two\n", "z")
    assert list(lines_of(project, Range("sim", 1, 1, 1), 0)) == [(1, "one")]


def test_a_draft_that_a_repeated_request_left_empty_is_not_put(
    project, monkeypatch,
):
    """NFS: the first one made it, the second one finds it."""
    monkeypatch.setattr(project.files, "create", lambda *how: False)
    with pytest.raises(FileExistsError):
        project.put("job1", b"[control]\nexecutable: true\n")
    with pytest.raises(FileExistsError):
        put_list(project, "sim", b"one\n", "x")


def test_marks_cancel_tasks_of_their_array(project):
    for name in ("sim=3", "sim=x", "other=4", f"sim=1.2-3~1.{STAMP}"):
        project.files.create(project.path("cancelled", name))
    assert cancelled_of(project, "sim") == {3}


def test_ends_are_those_of_one_attempt_and_equal_lines_count_once(
    project, record,
):
    attempt = Attempt("sim=1.1-9", 1, STAMP).name
    other = Attempt("sim=1.1-9", 1, STAMP[:-1] + "12").name
    for _ in range(2):
        record(RETRIED, attempt, 1.0, task="3")
    record(RETRIED, attempt, 2.0, task="3")
    record(FAILED, attempt, 3.0, task="3")
    record(DONE, other, 3.0, task="4")
    record("lost", attempt)
    paths = project.ledger_files()
    ends = ends_of(project, attempt, paths)
    assert ends.ended == {3: FAILED} and ends.retried == {3: 2}


@pytest.mark.parametrize("command, line, argv", [
    ("", "echo a b", ["echo", "a", "b"]),
    ("./simulate {}", "a b", ["./simulate", "a b"]),
    ("sort {} {}", "x", ["sort", "x", "x"]),
    ("", "a | b", ["/bin/sh", "-c", "a | b"]),
])
def test_the_line_of_a_task_is_its_command_or_an_argument(
    command, line, argv,
):
    job = job_of_task(Job([], command, tasks=Tasks()), line)
    assert (job.argv, job.tasks) == (argv, None)


def test_a_shell_and_escapes_of_lines():
    job = Job([], "", tasks=Tasks(shell="/bin/bash -e", is_escaped=True))
    assert job_of_task(job, "a\\nb").argv == ["/bin/bash", "-e", "-c", "a\nb"]


@pytest.mark.parametrize("shell, line, argv", [
    ("/bin/bash", "a b", ["a", "b"]), ("none", "a ';' ''", ["a", ";", ""]),
    ("/bin/bash", "[[ a ]]", ["/bin/bash", "-c", "[[ a ]]"]),
    ("/bin/zsh", "a b", ["/bin/zsh", "-c", "a b"]),
])
def test_a_shell_is_started_where_a_line_needs_it(shell, line, argv):
    job = Job([], "", tasks=Tasks(shell=shell))
    assert job_of_task(job, line).argv == argv


@pytest.mark.parametrize("line", ["", "  ", "a\0b"])
def test_a_line_without_a_command_cannot_be_run(line):
    with pytest.raises(BadJob):
        job_of_task(Job([], "", tasks=Tasks()), line)


def test_entry_of_a_task_names_it():
    assert Entry(DONE, "sim:3", "a", task="3")[-3:] == ("3", "", "")
