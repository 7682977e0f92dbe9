"""Parsers: what is near a mistyped word, and verbs in a script."""
import pytest

from fjd.options import flag, nearest, new_parser, option
from fjd.verbs.choice import add_verbs, dedented, Verbs

VERBS = Verbs()


@VERBS.add("go", flag("--slowly"))
def go():
    """Go somewhere.

    Example:
        it go
    """


@pytest.fixture
def parser():
    parser = new_parser("What it is.", flag("--loudly"))
    add_verbs(parser, "go", VERBS.summaries(), VERBS.__getitem__, VERBS)
    parser.set_defaults(project=None)
    return parser


@pytest.mark.parametrize("word, said", [
    ("stauts", " (did you mean status?)"), ("putt", " (did you mean put?)"),
    ("nosuch", ""), ("", ""), ("put=7", " (did you mean put?)"),
    ("stop", ""), ("statistics", ""),
])
def test_what_is_near(word, said):
    assert nearest(word, ["status", "put"]) == said


@pytest.mark.parametrize("words, said", [
    (["goo"], "there is no verb 'goo' (did you mean go?)"),
    (["sleep"], "there is no verb 'sleep' (see --help)"),
    (["--loudy", "go"], "unrecognized arguments: --loudy (did you mean"
     " --loudly?)"),
    (["--loudy", "x", "go"], "unrecognized arguments: --loudy (did you mean"
     " --loudly?)"),
    (["go", "--slwoly"], "unrecognized arguments: --slwoly (did you mean"
     " --slowly?)"),
    (["go", "x", "--slowly"], "unrecognized arguments: x (see --help)"),
    ([], "the following arguments are required: go (see --help)"),
])
def test_mistakes_are_one_line(parser, capsys, words, said):
    with pytest.raises(SystemExit) as ending:
        parser.parse_args(words)
    assert ending.value.code == 2
    assert capsys.readouterr().err == f"{parser.prog}: error: {said}\n"


def test_verb_is_told_with_its_options(parser):
    found = parser.parse_args(["--loudly", "go", "--slowly"])
    assert (found.verb, found.act) == ("go", go)
    assert found.loudly and found.slowly


def test_help_lists_verbs_with_the_first_line_of_their_text(parser):
    assert "\n    go        go somewhere\n" in parser.format_help()


@pytest.mark.parametrize("text, clean", [
    ("A.", "A."), ("A.\n\n    B\n      c\n    ", "A.\n\nB\n  c\n"),
    ("A.\n\nB\n  c\n", "A.\n\nB\n  c"),
])
def test_docstrings_lose_their_indentation(text, clean):
    assert dedented(text) == clean


@pytest.mark.parametrize("words, is_known", [
    (["go", "--slowly"], True), (["go", "--slow"], False),
    (["--loudly", "go"], True), (["--loud", "go"], False),
    (["go", "-kn4"], True), (["go", "-n4", "-k"], True),
])
def test_options_may_not_be_abbreviated_but_joined(capsys, words, is_known):
    verbs = Verbs()
    verbs.add("go", flag("--slowly"), flag("-k"), option("-n"))(go)
    parser = new_parser("What it is.", flag("--loudly"))
    add_verbs(parser, "go", verbs.summaries(), verbs.__getitem__, verbs)
    parser.set_defaults(project=None)
    try:
        options = parser.parse_args(words)
    except SystemExit as ending:
        assert not is_known and ending.code == 2
        assert "unrecognized arguments: --" in capsys.readouterr().err
    else:
        assert is_known and options.verb == "go"
        assert "-k" not in "".join(words) or options.n == "4"
