"""Command lines out of templates: what fjd run and fjd --exe make of them."""
import os
import shlex
import subprocess
import timeit

import pytest
from hypothesis import given, settings, strategies as st

from fjd.errors import BadUsage
from fjd.jobfile import Job, job_of_task, NONE, Tasks
from fjd.verbs import template
from fjd.verbs.rows import Maker, Rows, split, columns_by
from fjd.verbs.template import Template, with_dollars

NASTY = ["a b", "it's", '"', "$HOME", "*", "\\", "", "é", "a\nb", "-n", "{}",
         "`id`", "\udcff", "\\\\n", "!", "~", "#", "a=b", "{#}", " ", "\t"]
SHELLS = [shell for shell in ("/bin/sh", "/bin/bash", "/bin/dash")
          if os.path.exists(shell)]
PATHS = ["a.b/c", "x/y.tar.gz", ".bashrc", "/", "a/", "a/b/", ".", "..",
         "a/.x", "a.", "./a.b", "a.b/.c", "", "//", "/a", "//a//b.c//", "a b",
         "a\nb.c/d\ne.f"]
# Python has no argument with other surrogates than those of fsdecode.
ARGUMENTS = st.text(st.characters(blacklist_characters="\0",
                                  blacklist_categories=["Cs"])) \
    | st.text("a'\"\\$`{}% \n\udcff", max_size=9) | st.sampled_from(NASTY)


def filled(words, rows, **how):
    made = Template(words, **how)
    made.compile()
    return made.fill(1, rows)


def made(words):
    """The commands of words as they are typed, with lists behind :::."""
    command, lists = split(words)
    new = Template(command, len(lists), words[len(command):])
    new.compile()
    groups = [[]] + [[[[value] for value in found.values]]
                     for found in lists[1:]]
    maker = Maker(new, Rows(columns_by(None), groups, None))
    return [command for commands, _ in maker.blocks(lists[0].values, True)
            for command in commands]


def refused(words, rows=(), **how):
    with pytest.raises(BadUsage) as error:
        filled(words, rows, **how)
    return str(error.value), error.value.hint


@pytest.mark.parametrize("words, commands", [
    (["echo {}", ":::", "a", "b"], ["echo a", "echo b"]),
    (["echo", ":::", "a", "b"], ["echo a", "echo b"]),
    (["echo {}.c > {}", ":::", "a"], ["echo a.c > a"]),
    (["echo {2}-{1}", ":::", "a", "b", ":::", "1", "2"],
     ["echo 1-a", "echo 2-a", "echo 1-b", "echo 2-b"]),
    (["echo x", ":::", "a", ":::", "1", "2"], ["echo x a 1", "echo x a 2"]),
    (["echo {}", ":::", "a b", ":::", "1"], ["echo 'a b' 1"]),
    (["echo {#}", ":::", "a", "b"], ["echo 1", "echo 2"]),
    (["echo {} {x} {0} ${y}", ":::", "{#}"], ["echo '{#}' {x} {0} ${y}"]),
    (["echo {} ${1} ${#} \\{} {a,b} {1..3}", ":::", "a"],
     ["echo a ${1} ${#} \\{} {a,b} {1..3}"]),
    (["awk '{print $1}' {}", ":::", "f"], ["awk '{print $1}' f"]),
    (["echo", ":::"], []),
    (["echo", ":::", "a", ":::"], []),
    ([":::", "echo a", "b"], ["echo a", "b"]),
    (["", ":::", "echo a"], ["echo a"]),
    (["echo {%}", ":::", "a"], ['echo "$FJD_SLOT"']),
    (["echo 'a{%}' \"b {%} c\" {#}", ":::", "a"],
     ["echo 'a'\"$FJD_SLOT\"'' \"b \"\"$FJD_SLOT\"\" c\" 1"]),
    (["echo '{#}'", ":::", "a"], ["echo '1'"]),
    (["x=\"$(cat {})\"", ":::", "a b"], ["x=\"$(cat 'a b')\""]),
    (["echo it\\'s {} # don't", ":::", "a"], ["echo it\\'s a # don't"]),
    (["echo $'it\\'s' {}", ":::", "a"], ["echo $'it\\'s' a"]),
])
def test_one_word_is_a_command_line(words, commands):
    assert made(words) == commands


@pytest.mark.parametrize("words, commands", [
    (["echo", "a b", ":::", "c d"], ["echo 'a b' 'c d'"]),
    (["echo", "x{}y", "{}", ":::", "1 2"], ["echo 'x1 2y' '1 2'"]),
    (["echo", "x{}y", "{}", ":::", "1", ":::", "2"], ["echo 'x1 2y' 1 2"]),
    (["echo", "$HOME", "{#}", ":::", "a"], ["echo '$HOME' 1"]),
    (["echo", "{1}", "{2/}", ":::", "a", ":::", "b/c"], ["echo a c"]),
    (["echo", "it's {}", ":::", "a"], ["echo 'it'\"'\"'s a'"]),
    (["echo", "'{}'", ":::", "a"], ["echo ''\"'\"'a'\"'\"''"]),
    (["sh", "-c", "echo ${1}", "x", "{}", ":::", "a"],
     ["sh -c 'echo ${1}' x a"]),
    (["echo", "a {%} b", "{%}", "{}{%}", ":::", "", "a b"],
     ["echo 'a '\"$FJD_SLOT\"' b' \"$FJD_SLOT\" \"$FJD_SLOT\"",
      "echo 'a '\"$FJD_SLOT\"' b' \"$FJD_SLOT\" 'a b'\"$FJD_SLOT\""]),
    (["echo", "", "{}", ":::", ""], ["echo '' ''"]),
])
def test_several_words_are_a_program_and_its_arguments(words, commands):
    assert made(words) == commands


@pytest.mark.parametrize("words, rows, commands", [
    ("echo {2}-{1}", [("a", "b"), ("c",)], ["echo b-a", "echo -c"]),
    ("echo x{2}", [("c",)], ["echo x"]),
    (["echo", "{2}", "{1}"], [("a", "b"), ("c",)],
     ["echo b a", "echo  c"]),
    (["echo", "{}"], [("a", "b c"), ("d",)], ["echo a 'b c'", "echo d"]),
])
def test_a_column_that_a_row_lacks_is_nothing(words, rows, commands):
    words = [words] if isinstance(words, str) else words
    assert filled(words, rows, width=2) == commands


def test_columns_may_have_names():
    new = Template(["echo {size} {a b.} {size/} {1} {x}"], 2)
    new.compile(["size", "a b"])
    assert new.fill(1, [("1/2", "c.d")]) == ["echo 1/2 c 2 1/2 {x}"]


@pytest.mark.needs("parallel")
def test_parts_of_paths_are_those_of_gnu_parallel(home):
    """What both print, not how they quote it."""
    texts = ["{.} {/} {//} {/.}", "{1.} {1/} {1//} {1/.}", "{}{#}{1}",
             "x{.}y{//}z", "{} {0#x} {x} {a,b} {} {.x} {///}"]
    shell = "; ".join(f"printf '<%s>' {text}; echo" for text in texts)
    theirs = subprocess.run(
        ["parallel", "--will-cite", "-k", "-j1", "-0", shell],
        input="\0".join(PATHS[:-1]).encode(), stdout=subprocess.PIPE,
        # Else it takes the shell that it was called from, however far up.
        env={**os.environ, "PARALLEL_SHELL": "/bin/bash"})
    ours = filled([shell], [(path,) for path in PATHS[:-1]])
    assert theirs.stdout == b"".join(
        subprocess.check_output(["bash", "-c", command]) for command in ours)


@pytest.mark.parametrize("words, message", [
    (["echo {2}", ":::", "a"], "{2}: there is no list number 2"),
    (["echo {3/.}", ":::", "a", ":::", "b"],
     "{3/.}: there is no list number 3"),
    (["echo", "::::"], '"::::" needs a file behind it'),
])
def test_a_column_that_cannot_be_is_refused(words, message):
    with pytest.raises(BadUsage) as error:
        made(words)
    assert str(error.value) == message


@pytest.mark.parametrize("braces", [
    "{+}", "{..}", "{...}", "{/..}", "{/...}", "{+/}", "{+.}", "{+..}",
    "{##}", "{-1}", "{-1/.}", "{0#}", "{00%}", "{= s/a/b/ =}", "{=1 $_++ =}",
    "{1= $_++ =}", "{2..}",
])
@pytest.mark.parametrize("words", [["echo x{}"], ["echo", "{}", "y{}z"]])
def test_other_braces_of_gnu_parallel_are_refused(words, braces):
    message, _ = refused([word.replace("{}", braces) for word in words])
    assert message == f"{braces}: fjd has no such replacement string"


@pytest.mark.parametrize("command, better", [
    ("echo '{}'", "'echo {}'"),
    ('echo "{}"', "'echo {}'"),
    ("echo 'a {} b'", '"echo \'a \'{}\' b\'"'),
    ("echo \"$x {.}\"", "'echo \"$x \"{.}'"),
    ("echo '{}{1}x' {}", "\"echo {}{1}'x' {}\""),
    ("echo \"$(printf '{}')\"", "'echo \"$(printf {})\"'"),
    ('echo "say \\"{}\\""', "'echo \"say \\\"\"{}\"\\\"\"'"),
    ("echo $'\\t{}'", "'echo '\"'\"'$'\"'\"'..."),
])
def test_a_key_in_quotes_is_refused_with_the_right_command(command, better):
    message, hint = refused([command], tail=[":::", "a b"])
    assert "stands in quotes" in message
    if better[-3:] != "...":
        assert hint == f"try: fjd run {better} ::: 'a b'"
    typed = shlex.split(hint[len("try: "):])[2]
    shown, = filled([typed], [("a $0",)])
    assert "a $0" in " ".join(words_of(shown))


@pytest.mark.parametrize("words", [
    "cat {} | wc", "a || b", "a > {}", "a >> b", "a < b", "a 2> b",
    "a b 2>&1", "a && b", "a ; b", "a {} &", "a >& b", "a &> b", "x=1 a",
])
def test_an_operator_among_several_words_is_refused(words):
    message, hint = refused(words.split(), tail=[":::"] + ["long"] * 20)
    assert message.endswith("; quote the whole command")
    assert hint.split("; or, ")[0] == f"try: fjd run '{words}' ::: ..."


@pytest.mark.parametrize("words, line", [
    (["grep", "-c", ">"], "grep -c '>'"), (["a", ">>"], "a '>>'"),
    (["echo", "a b{/}", "", ";"], "echo 'a b'{/} '' ';'"),
    (["find", "{}", "-exec", "ls", "{}", ";"], "find {} -exec ls {} ';'"),
])
def test_no_line_is_proposed_that_overwrites_arguments(words, line):
    assert refused(words, tail=[":::", "a"])[1] == (
        f'try: fjd run "{line}" ::: a')


@pytest.mark.parametrize("words, is_line", [
    (["echo"], True), ([], True), (["echo", "{}"], False),
    (["echo", "{%}"], True), (["cd", "{}"], True), (["time", "a"], True),
    (["my_function", "a"], True), (["other", "a"], False),
])
def test_only_what_has_to_be_run_by_a_shell_is(words, is_line, monkeypatch):
    monkeypatch.setenv("BASH_FUNC_my_function%%", "() { :; }")
    new = Template(words)
    new.compile()
    assert new.is_line == is_line


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


def words_of(command, shell="/bin/sh"):
    """The arguments that a shell makes of a command line."""
    script = 'for word; do printf "%s\\0" "$word"; done'
    done = subprocess.run(
        [shell, "-c", f"show() {{ {script}; }}\n{command}".replace(
            "echo", "show")], stdout=subprocess.PIPE)
    return os.fsdecode(done.stdout).split("\0")[:-1]


@pytest.mark.parametrize("word", NASTY)
@pytest.mark.parametrize("shell", SHELLS)
def test_a_shell_gets_each_argument_as_it_was(word, shell):
    command, = filled(["echo {1} {} {2}"], [(word, "x")], width=2)
    assert words_of(command, shell) == [word, word, "x", "x"]
    command, = with_dollars("echo $1 $2", [(word, "x")])
    assert words_of(command, shell) == [word, "x"]


@settings(max_examples=60, deadline=None)
@given(st.lists(ARGUMENTS, min_size=1, max_size=4), st.sampled_from(SHELLS))
def test_any_argument_arrives_in_a_command_line(row, shell):
    command, = filled(["echo {} a{1}\"$(printf %s b; :)\"{1}"], [row],
                      width=None)
    assert words_of(command, shell) == [*row, f"a{row[0]}b{row[0]}"]


@settings(max_examples=300, deadline=None)
@given(st.lists(ARGUMENTS, min_size=1, max_size=4), st.lists(
    ARGUMENTS.filter(lambda text: "{" not in text and "=" not in text
                     and not set("|&;<>").intersection(text)), max_size=3))
def test_any_argument_arrives_in_several_words(row, words):
    """Also as a worker reads the line again."""
    command, = filled(["echo", *words, "x{}", "{}", "{1}y"], [row],
                      width=None)
    job = job_of_task(Job([], "", tasks=Tasks(shell=NONE)), command)
    assert job.argv == ["echo", *words, "x" + " ".join(row), *row,
                        row[0] + "y"]


@given(st.lists(st.lists(st.sampled_from("abc")), min_size=1, max_size=3))
def test_combinations_are_as_many_as_the_lists_allow(lists):
    number = 1
    for words in lists:
        number *= len(words)
    typed = [word for words in lists for word in [":::", *words]]
    assert len(made(["echo", *typed])) == number


@pytest.mark.alone
def test_a_million_lines_take_less_than_a_second():
    rows = [(f"line{number}",) for number in range(100000)]
    new = Template(["true"])
    new.compile()
    assert min(timeit.repeat(
        lambda: new.fill(1, rows), number=1, repeat=5)) < 0.1


def test_quoted_is_what_shlex_makes():
    for word in NASTY + PATHS:
        assert template.quoted(word) == shlex.quote(word)
