"""The table of the verbs of fjd, and what their modules hold."""
import os
import re
import subprocess
import sys

import pytest

from helpers import command, fjd, ROOT, run

from fjd.options import PROJECT
from fjd.verbs import table

# What several verbs need, and is none.
HELPERS = {
    "acceptance", "account", "again", "arguments", "arraychange",
    "arrayclean", "arrayfind", "arraylines", "arraylog", "arraystate",
    "bar", "batch", "batchchecks", "callback", "census", "change",
    "checks", "choice", "claim", "copying", "counted", "deserted",
    "earlier", "find", "forks", "growth", "halt", "jobcopy", "joblist",
    "lastrun", "limits", "listnames", "lists", "manyruns", "newarray",
    "outlet", "overview", "pairing", "places", "printed", "printer",
    "putarray", "putting", "quoting", "records", "refused", "rows",
    "runhiring", "runhosts", "runlimits", "runoptions", "runoutcome",
    "shells", "source", "summary", "supply", "systems", "table", "tally",
    "taskaudit", "taskbook", "taskcount", "taskhistory", "taskwhy",
    "template", "titles", "turns",
}
MOST_LINES, LONGEST = 250, 45  # of a module, and of a function


def modules():
    names = os.listdir(os.path.dirname(table.__file__))
    return {name[:-3] for name in names if name.endswith(".py")}


def test_each_verb_is_a_module_and_has_a_line():
    assert modules() - HELPERS - {"__init__"} == set(table.NAMES)
    assert HELPERS <= modules()


@pytest.mark.parametrize("group", table.GROUPS)
def test_text_of_a_verb_begins_with_its_summary(group):
    for name, summary in table.GROUPS[group].items():
        text = table.load(name).text
        assert text.startswith(f"{summary[0].upper()}{summary[1:]}.\n"), name
        assert max(map(len, text.splitlines())) < 80


@pytest.mark.parametrize("name", table.NAMES)
def test_verbs_have_what_the_table_promises(name):
    verb = table.load(name)
    assert callable(verb.act)
    has_own = ("run", "exe", "help", "runs")
    assert (PROJECT in verb.options) == (name not in has_own)


@pytest.mark.parametrize("name", sorted(modules()))
def test_verbs_are_small(name):
    with open(os.path.join(ROOT, "fjd", "verbs", f"{name}.py")) as file:
        text = file.read()
    assert len(list(filter(str.strip, text.splitlines()))) <= MOST_LINES
    parts = re.split(r"(?m)^ *(?:def|class) ", text)
    assert max(part.count("\n") for part in parts[1:] + [""]) <= LONGEST


@pytest.mark.parametrize("words, wanted", [
    (["--help"], {"help"}), (["put", "--help"], {"put"}),
    (["status", "--help"], {"status"}), (["--version"], set()),
])
def test_only_the_wanted_verb_is_imported(words, wanted):
    script = (
        "import os, sys, runpy; sys.argv = ['fjd', *%r]; os._exit = sys.exit\n"
        "try: runpy.run_path(%r, run_name='__main__')\n"
        "except SystemExit: pass\n"
        "print(*sys.modules)" % (words, os.path.join(ROOT, "bin", "fjd"))
    )
    loaded = run([sys.executable, "-c", script]).stdout.split()
    found = {name[len("fjd.verbs."):] for name in loaded
             if name.startswith("fjd.verbs.")}
    assert found & set(table.NAMES) == wanted


@pytest.mark.parametrize("words, is_one_shot", [
    (["--exe", "x"], True), (["--exe=x"], True), (["run", "--exe"], False),
    (["--project", "p", "--exe", "put"], True), ([], False),
])
def test_older_form_has_no_verb(words, is_one_shot):
    assert ("--exe" in table.words_before_verb(words)) == is_one_shot


@pytest.mark.parametrize("words, said", [
    ("--project p --repeat 2", "--repeat"), ("--curdir=/ status", "--curdir"),
    ("--parameters 1,2 echo", "--parameters"),
])
def test_options_of_exe_without_it_are_told_where_they_belong(words, said):
    result = fjd("fjd", *words.split())
    assert result.returncode == 2
    assert result.stderr == \
        f"fjd: error: {said}: only with --exe; see fjd help exe\n"


def test_help_of_run_fits_two_screens():
    """Of 24 lines; the common case is seen first."""
    text = subprocess.run(
        command("fjd", "run", "--help"), stdout=subprocess.PIPE,
        env={**os.environ, "COLUMNS": "80"}).stdout.decode().splitlines()
    assert len(text) <= 48 and max(map(len, text)) < 80
    assert text[5] == "    fjd run gzip -k ::: *.txt"
