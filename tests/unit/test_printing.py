"""The parts of what prints the output of a run's jobs."""
import os
import select

import pytest

from fjd.ledger import Entry
from fjd.verbs.copying import Copy, Item, TAGGED
from fjd.verbs.outlet import Outlet, Unwritable
from fjd.verbs.printed import Part
from fjd.verbs.records import cut, file_name
from fjd.verbs.turns import InOrder


@pytest.mark.parametrize("argument, name", [
    ("a b", "a b"), ("é", "é"), ("a/b", "a_b"), ("../x", "_._x"), ("..", "_."),
    ("", "_"), ("a\tb\n", "a_b_"), (os.fsdecode(b"\xff"), "_"),
    ("x" * 300, "x" * 200), ("é" * 101, "é" * 100),
])
def test_names_of_results_can_be_read_and_stay_in_their_directory(
    argument, name,
):
    assert file_name(argument, "1", set()) == name


def test_equal_names_of_results_get_the_number_of_the_job():
    used = set()
    names = [file_name(text, str(number), used) for number, text in enumerate(
        ["a", "a", "a-3", "a", "a/", "a_", "x" * 200, "x" * 200], 1)]
    assert names == ["a", "a-2", "a-3", "a-4", "a_", "a_-6", "x" * 200,
                     "x" * 198 + "-8"]
    assert file_name("a", "3", used) == "a-3-3"


def test_a_name_is_not_cut_inside_a_character():
    assert [cut("aéb", size) for size in range(5)] == [
        "", "a", "a", "aé", "aéb"]


class Logs:
    """What a task has printed."""

    def __init__(self, out, err):
        self.text = {".out": out, ".err": err}
        self.most = 0

    def parts(self, entry):
        return [Part(kind, 0, len(text), kind == ".err")
                for kind, text in self.text.items()]

    def read(self, entry, kind, offset, size):
        self.most = max(self.most, size)
        return self.text[kind][offset:offset + size]


def copied(logs, tag, block):
    """What goes to stdout and to stderr, if so many bytes are read at once."""
    copy = Copy(logs, Item(Entry("done", "j", "j"), tag), "out", "err")
    copy.block = block
    found = {"out": b"", "err": b""}
    while True:
        outlet, data = copy.next()
        if not data:
            return found["out"], found["err"]
        found[outlet] += data


@pytest.mark.parametrize("block", [1, 2, 3, 100])
def test_tags_stand_before_lines_wherever_these_are_cut(block):
    logs = Logs(b"a\n\nbc", b"d\ne\n")
    assert copied(logs, b"t\t", block) == (
        b"t\ta\nt\t\nt\tbc", b"t\td\nt\te\n")
    assert copied(logs, b"", block) == (b"a\n\nbc", b"d\ne\n")


def test_long_tags_take_little_memory():
    logs = Logs(b"\n" * 100000, b"")
    copy = Copy(logs, Item(Entry("done", "j", "j"), b"t" * 5000), "out", "err")
    while True:
        _, data = copy.next()
        assert len(data) <= 2 * TAGGED
        if not data:
            return


@pytest.fixture
def pipe():
    ends = os.pipe()
    yield ends
    for end in ends:
        try:
            os.close(end)
        except OSError:
            pass


class File:
    def __init__(self, descriptor):
        self.fileno = lambda: descriptor

    def flush(self):
        pass


def test_a_full_pipe_is_not_waited_for(pipe):
    outlet = Outlet(File(pipe[1]), "standard output")
    sizes = []
    while not sizes or sizes[-1]:
        sizes.append(outlet.write(b"x" * 100000, 0))
    assert set(sizes) == {select.PIPE_BUF, 0}
    assert len(os.read(pipe[0], 1 << 20)) == sum(sizes)
    assert outlet.write(b"abc", 0) == 3


def test_without_a_reader_the_pipe_is_broken(pipe):
    outlet = Outlet(File(pipe[1]), "standard output")
    os.close(pipe[0])
    with pytest.raises(BrokenPipeError):
        outlet.write(b"x", 0)


def test_a_full_disk_is_named():
    with open("/dev/full", "wb", buffering=0) as full:
        outlet = Outlet(full, "standard output")
        with pytest.raises(Unwritable, match="standard output: No space left"):
            outlet.write(b"x", 0)


def test_what_was_closed_takes_all():
    assert Outlet(None, "standard output").write(b"abc", 0) == 3


def item(job):
    return Item(Entry("done", job, "x"))


def test_in_order_the_first_is_waited_for():
    turns = InOrder()
    turns.expect("list-1", 2)
    turns.expect("3-x", 0)
    turns.add(item("3-x"))
    turns.add(item("list-1:2"))
    assert turns.next() is None
    turns.add(item("list-1:1"))
    jobs = [turns.next().entry.job for _ in range(3)]
    assert jobs == ["list-1:1", "list-1:2", "3-x"] and turns.next() is None


def test_in_order_what_never_ends_is_left_out_at_the_end():
    turns = InOrder()
    turns.expect("list-1", 3)
    turns.add(item("list-1:3"))
    assert turns.next() is None
    turns.is_last = True
    assert turns.next().entry.job == "list-1:3" and turns.next() is None
