"""fjd/pages/parallel.rst: both commands of each row are typed and compared.

A row is a pair: a command of xargs or GNU parallel, and one of fjd run.  Both
are typed in directories with the same files.  They have to print the same, to
leave the same files, and to succeed or fail alike.
"""
import os
import shlex
from collections import namedtuple

import pytest
from docutils import nodes

from helpers import ROOT, run
from sessions import document

FILES = {
    "a.txt": "pear\nfig  pear\nfig  pear\n", "b.txt": "one\n", "c d.txt": "",
    "names": "a.txt\nb.txt\n", "sizes.csv": "name,size\nfir,3\nelm,5\n",
    "commands": "echo one; echo two\nexpr 2 + 3\n",
    "numbers": "".join(f"{number}\n" for number in range(2500)),
    "sub/x.dat": "x\n", "sub/y.z.dat": "y\n",
}
# Rows with these have tests of their own: what they write is not the same.
APART = ("--results", "--joblog", "--resume-failed", "--halt soon,fail=1",
         "-S 2/node2,node3", "-S ..", "-S node2")
IN_ORDER = ("-k", "-j 1")
Typed = namedtuple("Typed", "lines is_success files")


def rows_of_page():
    """[(literals of their line, the first of ours or "")] in order."""
    path = os.path.join(ROOT, "fjd", "pages", "parallel.rst")
    with open(path, encoding="utf-8") as file:
        page = document(file.read())
    rows = []
    for item in page.findall(nodes.definition_list_item):
        term, definition = item.children[0], item.children[-1]
        begin = definition.children[0].children[0]
        theirs = [part.astext() for part in term.findall(nodes.literal)]
        is_command = isinstance(begin, nodes.literal)
        rows.append((theirs, begin.astext() if is_command else ""))
    return rows


ROWS = rows_of_page()
PAIRS = [(theirs[0], ours) for theirs, ours in ROWS if "fjd run " in ours]


def is_apart(theirs):
    return any(f"{option} " in theirs for option in APART)


def pair_with(option):
    return next(pair for pair in PAIRS if f"{option} " in pair[0])


@pytest.fixture
def place(tmp_path, monkeypatch):
    """place(name): a directory with the files, for commands to be typed in."""
    directory = tmp_path / "bin"
    directory.mkdir()
    # No notices for people, no profiles.  Exported functions of bash come
    # through no other shell.
    wrapper = directory / "parallel"
    wrapper.write_text(f"""\
#!/bin/bash
PATH={shlex.quote(os.environ["PATH"])} exec parallel --will-cite --plain "$@"
""")
    wrapper.chmod(0o755)
    monkeypatch.setenv("PATH", f"{directory}:{os.environ['PATH']}")
    # parallel takes the shell that it was called from, however far up.
    monkeypatch.setenv("PARALLEL_SHELL", "/bin/bash")
    monkeypatch.setenv("SHELL", "/bin/bash")
    monkeypatch.setenv("PARALLEL_HOME", str(tmp_path / "parallel"))

    def make(name):
        for path, text in FILES.items():
            file = tmp_path / name / path
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(text)
        return tmp_path / name
    return make


def files_in(directory):
    """{path: content} of all files, and {path: None} of directories."""
    return {
        str(path.relative_to(directory)):
            None if path.is_dir() else path.read_text()
        for path in directory.rglob("*")}


def typed(line, directory):
    result = run(["bash", "-c", line], cwd=str(directory))
    assert "Traceback" not in result.stderr, result.stderr
    return Typed(result.stdout.splitlines(), result.returncode == 0,
                 files_in(directory))


def sorted_lines(result):
    return result._replace(lines=sorted(result.lines))


def test_the_page_has_rows_and_none_twice():
    assert len(PAIRS) >= 35
    assert len({theirs for theirs, _ in PAIRS}) == len(PAIRS)
    assert {option for option in APART for theirs, _ in PAIRS
            if is_apart(theirs) and option in theirs} == set(APART)


@pytest.mark.parametrize("theirs, ours", [
    pytest.param(theirs, ours, id=theirs, marks=pytest.mark.needs(
        "parallel" if "parallel" in theirs else "xargs", "bash"))
    for theirs, ours in PAIRS if not is_apart(theirs)])
def test_both_do_the_same(theirs, ours, place):
    one, two = typed(theirs, place("theirs")), typed(ours, place("ours"))
    if not any(f" {option} " in theirs for option in IN_ORDER):
        one, two = sorted_lines(one), sorted_lines(two)
    assert two == one


@pytest.mark.needs("parallel", "bash")
def test_results_have_the_same_files_one_level_up(place):
    theirs, ours = pair_with("--results")
    one, two = typed(theirs, place("theirs")), typed(ours, place("ours"))
    assert one.is_success and two.is_success
    wanted = {path.replace("out/1/", "out/"): text
              for path, text in one.files.items()
              if path.endswith(("stdout", "stderr"))}
    assert len(wanted) == 6
    assert wanted == {path: text for path, text in two.files.items()
                      if path.endswith(("stdout", "stderr"))}


def table(text):
    """The rows of a joblog, without what is chance: host, times, bytes."""
    return sorted(
        [row[0], *row[6:8], shlex.split(row[8])]
        for row in (line.split("\t") for line in text.splitlines()[1:]))


@pytest.mark.needs("parallel", "bash")
def test_joblogs_have_the_same_columns(place):
    theirs, ours = pair_with("--joblog")
    one, two = typed(theirs, place("theirs")), typed(ours, place("ours"))
    assert sorted_lines(two)[:2] == sorted_lines(one)[:2]
    one, two = one.files["log"], two.files["log"]
    assert two.splitlines()[0] == one.splitlines()[0]
    assert table(two) == table(one) and len(table(one)) == 3


@pytest.mark.needs("parallel", "bash")
def test_both_run_again_only_what_has_failed(place):
    """Where b.txt is a directory, sort fails."""
    results = []
    for line, name in zip(pair_with("--resume-failed"), ("theirs", "ours")):
        directory = place(name)
        (directory / "b.txt").rename(directory / "b")
        (directory / "b.txt").mkdir()
        first = line.replace("--resume-failed ", "").replace("--resume ", "")
        assert not typed(first, directory).is_success
        (directory / "b.txt").rmdir()
        (directory / "b").rename(directory / "b.txt")
        results.append(typed(line, directory)[:2])
    assert results == [(["one"], True)] * 2


@pytest.mark.needs("parallel", "bash")
def test_both_halt_soon(place):
    """More jobs may begin before the failure is noticed, but not all."""
    theirs, ours = pair_with("--halt soon,fail=1")
    one, two = typed(theirs, place("theirs")), typed(ours, place("ours"))
    assert one.lines == ["1", "0"] and one[1:] == two[1:]
    assert two.lines[:2] == one.lines and len(two.lines) < 5


@pytest.mark.parametrize("option", [
    word for row, ours in ROWS if "fjd run " not in ours for theirs in row
    for word in theirs.split() if theirs.startswith(("parallel", "-"))
    and word[0] == "-"])
def test_an_option_without_a_counterpart_is_refused_in_a_line(option, home):
    result = run(["fjd", "run", option, "echo", ":::", "a"])
    assert (result.returncode, result.stdout) == (2, "")
    assert option in result.stderr and result.stderr.count("\n") == 1
    assert not (home / ".fjd").exists()
