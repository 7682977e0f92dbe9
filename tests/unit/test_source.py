"""The commands of fjd run, as they come from lists and from files."""
import os
from collections import deque
from types import SimpleNamespace

import pytest

from fjd.errors import BadUsage
from fjd.verbs.arguments import typed_commands
from fjd.verbs.source import Source


def options(**how):
    usual = dict(files=[], per_job=None, is_null=False, colsep=None,
                 header=None, resume=False)
    return SimpleNamespace(**{**usual, **how})


def taken(source):
    found = []
    while source.is_open:
        found += source.first()
    return found


@pytest.fixture
def pipe():
    """A path that can be read, and write(text), which closes it at None."""
    reader, writer = os.pipe()
    ends = [reader, writer]

    def write(text):
        if text is None:
            os.close(ends.pop())
        else:
            os.write(writer, os.fsencode(text))

    yield f"/dev/fd/{reader}", write
    for end in ends:
        os.close(end)


@pytest.mark.parametrize("words, how, arguments", [
    (["echo", ":::", "a b", "c"], {}, ["a b", "c"]),
    (["echo", ":::", "a", "b", ":::", "1 2"], {}, ["a\t1 2", "b\t1 2"]),
    (["echo", ":::", "a", "b", "c"], {"per_job": 2}, ["a\tb", "c"]),
    (["echo", ":::", "a,b", "c"], {"colsep": ","}, ["a\tb", "c"]),
    (["echo {#}", ":::", "a", "b"], {}, ["a", "b"]),
    ([":::", "echo a", " ", "b"], {}, ["echo a", "b"]),
])
def test_the_arguments_of_each_command_are_kept_if_wanted(
    words, how, arguments,
):
    _, source = typed_commands(options(**how), words)
    source.arguments = deque()
    commands = taken(source)
    assert list(source.arguments) == arguments
    assert len(commands) == len(arguments)
    _, other = typed_commands(options(**how), words)
    assert taken(other) == commands and other.arguments is None


def test_arguments_of_lines_are_those_of_what_was_taken(pipe):
    path, write = pipe
    _, source = typed_commands(options(files=[path]), ["echo {/}"])
    source.arguments = deque()
    write("a/b\nc")
    assert source.first() == ["echo b"]
    assert source.arguments == deque(["a/b"]) and source.take(0) == []
    write(" d\n\n")
    assert source.first() == ["echo 'c d'", "echo ''"]
    write("e")
    write(None)
    assert taken(source) == ["echo e"]
    assert source.arguments == deque(["a/b", "c d", "", "e"])


def test_a_command_that_is_blank_is_none():
    source = Source(["a", " ", "", "b"])
    source.arguments = deque()
    assert taken(source) == ["a", "b"]
    assert source.arguments == deque(["a", "b"])


def test_combinations_of_a_stream_are_not_all_made_at_once(pipe):
    """A million of them wait for their turn; no more is read meanwhile."""
    path, write = pipe
    numbers = list(map(str, range(1000)))
    words = ["echo {1}", "::::", path, ":::", *numbers, ":::", *numbers]
    _, source = typed_commands(options(), words)
    write("a\nb\n")
    some = source.take(0.0)
    assert 0 < len(some) < 10000 and set(some) == {"echo a"}
    assert source.first()[0] == "echo a"


def test_names_come_before_the_rest_is_read(pipe):
    path, write = pipe
    write("x y,z\n")
    how = options(files=[path], colsep=",", header=":")
    _, source = typed_commands(how, ["echo {z}{x y/}"])
    assert source.take(0.0) == []
    write("a/b,c\n")
    assert source.first() == ["echo cb"]


@pytest.mark.parametrize("words, how, message", [
    (["a", "::::", "no"], {}, "no: No such file or directory"),
    (["a"], {"files": ["/"]}, "/: it is a directory"),
    (["a", ":::+", "x"], {}, '":::+" goes through a list together with the'
     ' one before it, and there is none'),
    (["a", "::::", "-", "-"], {}, '"-" is standard input, which can be read'
     ' once'),
    (["a"], {"colsep": "("}, "--colsep: (: missing ), unterminated subpattern"
     " at position 0"),
    (["a"], {"colsep": " *"}, "--colsep:  * matches where nothing is;"
     " something between columns is wanted"),
    (["a {3}", ":::", "x", "y"], {"per_job": 2}, "{3}: there is no list"
     " number 3"),
])
def test_what_cannot_be_read_is_refused(words, how, message):
    with pytest.raises(BadUsage) as error:
        typed_commands(options(**how), words)
    assert str(error.value) == message


@pytest.mark.parametrize("separator, values", [
    (",", ["a", "", "b"]), ("(,)(,)?", ["a", "b"]), ("b", ["a,,", ""]),
])
def test_columns_are_what_stands_between(separator, values):
    _, source = typed_commands(options(colsep=separator), [":::", "a,,b"])
    source.arguments = deque()
    taken(source)
    assert source.arguments == deque(["\t".join(values)])
