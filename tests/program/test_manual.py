"""The manual pages that tests/manual makes hold what --help says, and more."""
import os
import re
import sys

import pytest

from helpers import ROOT, ok, run

COMMANDS = ["fjd", "fjd-dispatcher", "fjd-recruiter", "fjd-worker"]
TOPICS = sorted(
    name[:-len(".rst")]
    for name in os.listdir(os.path.join(ROOT, "fjd", "pages")))
PAGES = [f"man1/{name}.1" for name in COMMANDS] + ["man7/fjd.7"] \
    + [f"man7/fjd-{topic}.7" for topic in TOPICS]
SECTIONS = [
    "NAME", "SYNOPSIS", "DESCRIPTION", "OPTIONS", "EXIT STATUS",
    "ENVIRONMENT", "FILES", "SEE ALSO",
]


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    place = tmp_path_factory.mktemp("man")
    result = run(
        [sys.executable, os.path.join(ROOT, "tests", "manual"), str(place)],
        env=dict(os.environ, SOURCE_DATE_EPOCH="86399", TZ="UTC-3"),
    )
    assert (result.returncode, result.stderr) == (0, "")
    made = [str(path.relative_to(place)) for path in place.glob("*/*")]
    assert sorted(made) == sorted(PAGES)
    return place


def read(place, page):
    return (place / page).read_text(encoding="utf-8").replace("\\-", "-")


@pytest.mark.parametrize("name", COMMANDS)
def test_every_option_and_verb_is_in_the_page(place, name):
    page = read(place, f"man1/{name}.1")
    help_text = "\n".join(ok(name, "--help"))
    verbs = re.findall(r"^    ([a-z]+)  ", help_text, re.M)
    assert bool(verbs) == ("\nverbs:\n" in help_text)
    for verb in verbs:
        assert f"fB{name} {verb}\\f" in page
        help_text += "\n".join(ok(name, verb, "--help"))
    options = set(re.findall("--[a-z-]+", help_text)) - {"--help"}
    assert {"--project", "--version"} < options
    for option in options:
        assert re.search(fr"\n(\\fB-\w\\fR, )?\\fB{option}\\fR", page)


@pytest.mark.parametrize("name", COMMANDS)
def test_usage_and_description_are_those_of_help(place, name, monkeypatch):
    monkeypatch.setenv("COLUMNS", "1000")
    page = " ".join(read(place, f"man1/{name}.1").split())
    usage, description, *_ = "\n".join(ok(name, "--help")).split("\n\n")
    assert f".SH DESCRIPTION {description} .SH" in page
    assert f".B {usage.partition(': ')[2]} .SH" in page


def test_each_python_writes_the_usage_of_new_ones(place):
    assert "usage: fjd doctor [-h] [--project P] [--json] [HOST ...]\n" \
        in read(place, "man1/fjd.1")


@pytest.mark.parametrize("name", COMMANDS)
def test_sections_stand_in_the_usual_order(place, name):
    titles = re.findall(r"^\.SH\s(.*)$", read(place, f"man1/{name}.1"), re.M)
    assert [title for title in titles if title != "VERBS"] == SECTIONS


@pytest.mark.parametrize("page", PAGES)
def test_name_and_date_are_what_man_needs(place, page):
    """The date is that of SOURCE_DATE_EPOCH, wherever the sun stands."""
    text = read(place, page)
    name, section = os.path.basename(page).split(".")
    assert f'\n.TH "{name.upper()}" {section} "1970-01-01" "fjd 1.' in text
    assert re.search(fr"\n\.SH NAME\n{name} - [a-z].*[a-z]\n\.SH", text)


@pytest.mark.parametrize("page", PAGES)
def test_each_page_refers_to_the_others(place, page):
    told = read(place, page).split("\n.SH SEE ALSO\n")[1]
    refers = [f"man{section}/{name}.{section}" for name, section in
              re.findall(r"\\fB(fjd[a-z-]*)\\fP\((\d)\)", told)]
    assert sorted(refers + [page]) == sorted(PAGES)


@pytest.mark.parametrize("name, source", [
    ("fjd", "README.rst"),
    *((f"fjd-{topic}", f"fjd/pages/{topic}.rst") for topic in TOPICS),
])
def test_text_is_there_to_its_last_word(place, name, source):
    page = read(place, f"man7/{name}.7")
    with open(os.path.join(ROOT, source), encoding="utf-8") as file:
        text = file.read()
    titles = re.findall(r"^(.*)\n---+$", text, re.M)
    assert len(titles) >= (10 if name == "fjd" else 4)
    for title in titles:
        assert f"\n.SH {title.upper()}\n" in page
    last = re.findall("[A-Za-z]+", text)[-1]
    assert last in page.split("\n.SH SEE ALSO\n")[0][-60:]
    assert "``" not in page


@pytest.mark.needs("man", "lexgrog")
@pytest.mark.parametrize("page", PAGES)
def test_man_and_whatis_can_read_it(place, page):
    path = str(place / page)
    environ = dict(os.environ, LC_ALL="C.UTF-8", MANWIDTH="80")
    shown = run(["man", "--warnings", "-l", path], env=environ)
    assert (shown.returncode, shown.stderr) == (0, "")
    assert run(["lexgrog", path]).returncode == 0
