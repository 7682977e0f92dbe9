"""tests/bench: a short run of it."""
import glob
import os
import re
import sys

import pytest

from helpers import copy_of_project, path_without, ROOT, run

BENCH = os.path.join(ROOT, "tests", "bench")


def rows_of(text):
    """The lines of the table as what stands in their columns."""
    lines = text.splitlines()
    rules = [n for n, line in enumerate(lines) if line.startswith("==")]
    widths = [len(rule) + 1 for rule in lines[rules[0]].split()]
    starts = [sum(widths[:n]) for n in range(len(widths))]
    return [
        [line[start:start + width].strip()
         for start, width in zip(starts, widths)]
        for line in lines[rules[1] + 1:rules[2]]
    ]


def bench(*words):
    return run([sys.executable, BENCH, *words], timeout=300)


@pytest.mark.slow
def test_table_has_a_row_for_each_tool_that_is_there(tmp_path, monkeypatch):
    """And how to get the others."""
    bare = path_without("parallel", "tsp", directory=tmp_path / "bin")
    monkeypatch.setenv("PATH", bare)
    monkeypatch.setenv("PYTHONDONTWRITEBYTECODE", "1")
    result = bench("--jobs", "20", "--rounds", "1", "--workers", "2",
                   "--home", str(tmp_path), "--only", "no-op")
    assert (result.returncode, result.stderr) == (0, "")
    rows = rows_of(result.stdout)
    assert [row[:4] for row in rows] == [
        [f"{number} x no-op", kind, "2", tool] for number, kind in (
            (20, "INI"), (60, "INI"), (20, "shell"), (20, "script"))
        for tool in ("fjd", "fjd run", "xargs -P")
    ]
    figures = [[row[n] for n in (4, 5, 7, 8)] for row in rows]
    assert all(float(cell) > 0 for row in figures for cell in row)
    assert all(row[1] == row[3] == "1.00" for row in figures[2::3])
    missing = [
        line for line in result.stdout.splitlines() if line[:8] == "Missing:"]
    packages = [
        line.rpartition(" install ")[2].split(",")[0] for line in missing]
    assert packages == ["parallel", "task-spooler", "hyperqueue"]


@pytest.mark.slow
@pytest.mark.parametrize("words", [
    "calls --jobs 20", "idle --jobs 3", "latency", "mixed --jobs 20",
    "scale --jobs 2000", "start",
])
def test_figures_are_told_beside_what_they_should_be(words, tmp_path):
    result = bench(*words.split(), "--rounds", "1", "--brief",
                   "--home", str(tmp_path))
    assert (result.returncode, result.stderr) == (0, "")
    lines = result.stdout.split("\n\n")[1].splitlines()
    measured = [re.findall("[0-9.]+", line[50:]) for line in lines]
    assert all(measured), lines
    assert re.search("(at most|at least|under|within) [0-9]", result.stdout)


@pytest.mark.slow
@pytest.mark.needs("git")
def test_commit_before_stands_beside(tmp_path, monkeypatch):
    """Both are compiled, and nothing is left behind."""
    monkeypatch.setenv("PYTHONDONTWRITEBYTECODE", "1")
    clone = repository(tmp_path / "clone")
    result = run([
        sys.executable, str(clone / "tests" / "bench"), "--before", "HEAD",
        "--jobs", "20", "--rounds", "1", "--workers", "2", "--only",
        "no-op, INI, 20", "--home", str(tmp_path)])
    assert (result.returncode, result.stderr) == (0, "")
    commit = git(clone, "rev-parse", "--short", "HEAD")
    tools = [row[3] for row in rows_of(result.stdout)]
    assert tools[:4] == [
        "fjd", f"fjd {commit}", "fjd run", f"fjd run {commit}"]
    assert ", byte code: yes, load: " in result.stdout
    assert "\nLoad at the end: " in result.stdout
    assert not glob.glob(str(tmp_path / "fjd-bench-*"))
    assert git(clone, "status", "--short", "--ignored") == ""


def repository(clone):
    copy_of_project(clone)
    git(clone, "init", "-q")
    git(clone, "add", ".")
    git(clone, "-c", "user.name=a", "-c", "user.email=b", "commit", "-qm", "c")
    return clone


def git(place, *words):
    result = run(["git", "-C", str(place), *words])
    assert result.returncode == 0, result.stderr
    return result.stdout.strip()


@pytest.mark.parametrize("git_is_there", [True, False])
def test_commit_that_cannot_be_had_is_named(
    git_is_there, tmp_path, monkeypatch,
):
    if not git_is_there:
        path = path_without("git", directory=tmp_path / "bin")
        monkeypatch.setenv("PATH", path)
    result = bench("--before", "no-such", "--home", str(tmp_path))
    assert (result.returncode, result.stdout) == (2, "")
    assert re.fullmatch("bench: error: --before.*: .*\n", result.stderr)
    assert not glob.glob(str(tmp_path / "fjd-bench-*"))
