"""Command lines out of templates: what fjd run and fjd --exe make of them."""
import subprocess

import pytest
from hypothesis import given, strategies as st

from fjd.errors import BadUsage
from fjd.verbs.template import (
    combinations, filled, split, with_braces, with_dollars,
)

NASTY = ["a b", "it's", '"', "$HOME", "*", "\\", "", "é", "a\nb", "-n", "{}",
         "`id`", "\udcff"]


def made(words):
    text, lists = split(words)
    fill = with_braces(text, len(lists))
    return list(filled(fill, combinations(lists)))


@pytest.mark.parametrize("words, commands", [
    (["echo {}", ":::", "a", "b"], ["echo a", "echo b"]),
    (["echo", ":::", "a", "b"], ["echo a", "echo b"]),
    (["echo", "{}.c", ">", "{}", ":::", "a"], ["echo a.c > a"]),
    (["echo {2}-{1}", ":::", "a", "b", ":::", "1", "2"],
     ["echo 1-a", "echo 2-a", "echo 1-b", "echo 2-b"]),
    (["echo x", ":::", "a", ":::", "1", "2"], ["echo x a 1", "echo x a 2"]),
    (["echo {}", ":::", "a b", ":::", "1"], ["echo 'a b' 1"]),
    (["echo {#}", ":::", "a", "b"], ["echo 1", "echo 2"]),
    (["echo {} {x} {0} ${y}", ":::", "{#}"], ["echo '{#}' {x} {0} ${y}"]),
    (["echo", ":::"], []),
    (["echo", ":::", "a", ":::"], []),
])
def test_placeholders_are_those_of_gnu_parallel(words, commands):
    assert made(words) == commands


@pytest.mark.parametrize("words, message", [
    (["echo {2}", ":::", "a"], "{2}: there is no list number 2"),
    (["echo", "::::", "file"], '"::::": there is only ":::"'),
    (["echo", ":::", "a", ":::+", "b"], '":::+": there is only ":::"'),
])
def test_what_parallel_has_and_we_have_not_is_said(words, message):
    with pytest.raises(BadUsage) as error:
        made(words)
    assert str(error.value) == message


@pytest.mark.parametrize("template, rows, commands", [
    ("touch bla$1.txt", [["1"], ["2"]], ["touch bla1.txt", "touch bla2.txt"]),
    ("touch", [["1"], ["a b"]], ["touch 1", "touch 'a b'"]),
    ("cp $1 $2", [["a", "b"], ["c", "d"]], ["cp a b", "cp c d"]),
    ("echo", [["a", "b"]], ["echo a b"]),
    ("awk '{print $2}' $1", [["f"]], ["awk '{print $2}' f"]),
    ("awk '{print $2}'", [["f"]], ["awk '{print $2}' f"]),
    ("echo $1 {} $HOME", [()], ["echo $1 {} $HOME"]),
    ("echo $2", [["a"], ["b", "c"]], ["echo $2 a", "echo c"]),
])
def test_dollars_are_those_of_2013(template, rows, commands):
    assert list(with_dollars(template, rows)) == commands


def shown(command):
    """The arguments that a shell makes of a command line."""
    script = 'for word; do printf "%s\\0" "$word"; done'
    return subprocess.run(
        ["sh", "-c", f"show() {{ {script}; }}; {command}"],
        stdout=subprocess.PIPE, check=True,
    ).stdout.decode(errors="surrogateescape").split("\0")[:-1]


@pytest.mark.parametrize("word", NASTY)
def test_a_shell_gets_each_argument_as_it_was(word):
    command = with_braces("show {1} {} {2}", 2)(1, (word, "x"))
    assert shown(command) == [word, word, "x", "x"]
    command, = with_dollars("show $1 $2", [(word, "x")])
    assert shown(command) == [word, "x"]


@given(st.lists(st.lists(st.sampled_from("abc")), min_size=1, max_size=3))
def test_combinations_are_as_many_as_the_lists_allow(lists):
    number = 1
    for words in lists:
        number *= len(words)
    assert len(list(combinations(lists))) == number
