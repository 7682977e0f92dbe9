"""What fjd prints cannot control a terminal."""
import pytest

from helpers import fjd

from fjd.output import complain, plain, show, write_line


@pytest.mark.parametrize("text, wanted", [
    ("plain é 漢", "plain é 漢"), ("a\tb", "a\tb"), ("", ""),
    ("\x1b[31m", "\\x1b[31m"), ("a\x9bb", "a\\x9bb"),
    ("a\u202eb", "a\\u202eb"),
    ("a\rb\tc\n", "a\\rb\tc\\n"), ("\udcff", "\\udcff"),
])
def test_text_is_plain(text, wanted):
    assert plain(text) == wanted


@pytest.mark.parametrize("say", [
    show, write_line, lambda text: complain("what", text),
    lambda text: complain(text),
])
def test_no_line_holds_a_control_character(capsys, say):
    say("a\x1b[2J\u202eb")
    said = "".join(capsys.readouterr())
    assert "a\\x1b[2J\\u202eb\n" in said


@pytest.mark.parametrize("words", [
    ["status", "--st\x1b[1m"], ["sta\x1b]0;x\x07"], ["run", "-\x9bx", "true"],
    ["status", "--project", "\u202ex"], ["log", "\x1b[2J"],
])
def test_no_mistake_on_the_command_line_does(project, words):
    result = fjd("fjd", *words)
    assert result.returncode == 2
    assert "\\" in result.stderr and result.stderr[:-1].isprintable()
