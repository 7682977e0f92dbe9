"""fjd help: verbs, topics, and what is near a mistyped word."""
import os
import re
import sys

import pytest

from helpers import copy_of_project, fjd, ok, run

from fjd.verbs import table

GROUPS = ["run", "jobs", "look", "machines"]
PAGE = "How to test\n===========\n\nWith \xe9, and ``code``.\n"


@pytest.fixture
def clone(tmp_path):
    """A copy that has a page of its own."""
    clone = copy_of_project(tmp_path / "clone")
    pages = clone / "fjd" / "pages"
    if not pages.exists():
        pages.mkdir()
    (pages / "testing.rst").write_bytes(PAGE.encode())
    (pages / ".draft.rst").write_text("no page")
    (pages / "testing.rst~").write_text("no page")
    return clone


def fjd_of(clone, *words, **how):
    return run([sys.executable, str(clone / "bin" / "fjd"), *words], **how)


def test_help_is_that_of_the_command():
    assert ok("fjd", "help") == ok("fjd", "--help")


@pytest.mark.parametrize("verb", table.NAMES)
def test_help_of_a_verb_is_that_of_its_option(verb):
    assert ok("fjd", "help", verb) == ok("fjd", verb, "--help")


def test_verbs_stand_in_groups():
    text = "\n".join(ok("fjd", "--help"))
    assert re.findall(r"^(\w+):\n    ", text, re.M) == GROUPS
    for heading, verbs in table.GROUPS.items():
        lines = text.split(f"\n{heading}:\n")[1].split("\n\n")[0].splitlines()
        assert [line.split(None, 1) for line in lines] == [
            [verb, summary] for verb, summary in verbs.items()]
    assert max(map(len, text.splitlines())) < 80


def test_topic_is_printed_as_it_lies_there(clone):
    environ = dict(os.environ, LC_ALL="C")
    result = fjd_of(clone, "help", "testing", env=environ)
    assert (result.returncode, result.stdout, result.stderr) == (0, PAGE, "")


def test_topics_are_named(clone):
    text = " ".join(fjd_of(clone, "--help").stdout.split())
    topics, = re.findall("fjd help TOPIC prints a page: (.*?)[.] ", text)
    assert "testing" in topics.split(", ")
    assert not re.search("draft|~", topics)


@pytest.mark.parametrize("word, hint", [
    ("nosuch!", ""), ("testin", " (did you mean testing?)"),
    ("stauts", " (did you mean status?)"),
    ("fjd-worker", " (did you mean fjd-worker --help?)"),
    ("fire", " (did you mean fjd-recruiter fire?)"),
])
def test_help_of_what_is_not_there_is_one_line(clone, word, hint):
    result = fjd_of(clone, "help", word)
    assert (result.returncode, result.stdout) == (2, "")
    assert result.stderr == (
        f"fjd: error: help: there is no verb or topic {word!r}{hint}\n")


def test_help_makes_no_project(home):
    ok("fjd", "help", "put")
    assert not os.path.exists(str(home / ".fjd"))


@pytest.mark.parametrize("words, near", [
    (["fjd", "stauts"], "status"), (["fjd", "put", "--nmae", "x"], "--name"),
    (["fjd", "--projct", "p", "status"], "--project"),
    (["fjd", "run", "--reusme", "true"], "--resume"),
    (["fjd-dispatcher", "--keep-runing"], "--keep-running"),
    (["fjd-worker", "--intervall=3"], "--interval"),
    (["fjd-recruiter", "hier"], "hire"),
    (["fjd", "--project", "p", "hire", "4"], "fjd-recruiter hire"),
    (["fjd", "worker"], "fjd-worker"),
    (["fjd", "dispatcher", "--once"], "fjd-dispatcher"),
    (["fjd-recruiter", "dispatch"], "fjd-dispatcher"),
    (["fjd-recruiter", "fire", "--drian"], "--drain"),
])
def test_mistyped_word_is_one_line_with_what_is_near(words, near):
    result = fjd(*words)
    assert (result.returncode, result.stdout) == (2, "")
    assert result.stderr.count("\n") == 1
    assert f"(did you mean {near}?)" in result.stderr


def test_nothing_near_is_a_line_all_the_same():
    result = fjd("fjd", "xyzzy")
    assert (result.returncode, result.stderr) == (
        2, "fjd: error: there is no verb 'xyzzy' (see --help)\n")


def test_a_page_is_installed(clone, home):
    from installing import PYTHON, SYSTEM
    environ = {"HOME": str(home), "PIP_NO_INDEX": "1",
               "PATH": f"{os.path.dirname(PYTHON)}:{SYSTEM}"}
    done = run([str(clone / "install.sh"), "--user"], env=environ)
    assert (done.returncode, done.stderr) == (0, "")
    result = run([PYTHON, str(home / ".local" / "bin" / "fjd"),
                  "help", "testing"])
    assert (result.returncode, result.stdout) == (0, PAGE)
    run([str(clone / "install.sh"), "--user", "--uninstall"], env=environ)
    assert not (home / ".local").exists()
