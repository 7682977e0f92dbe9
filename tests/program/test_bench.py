"""tests/bench: a short run of it."""
import os
import re
import sys

import pytest

from helpers import path_without, ROOT, run

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


@pytest.mark.slow
def test_table_has_a_row_for_each_tool_that_is_there(tmp_path, monkeypatch):
    """And how to get the others."""
    bare = path_without("parallel", "tsp", directory=tmp_path / "bin")
    monkeypatch.setenv("PATH", bare)
    result = run([
        sys.executable, BENCH, "--jobs", "20", "--rounds", "1", "--workers",
        "2", "--home", str(tmp_path), "--only", "no-op",
    ])
    assert (result.returncode, result.stderr) == (0, "")
    rows = rows_of(result.stdout)
    assert [row[:4] for row in rows] == [
        ["20 x no-op", kind, "2", tool] for kind in ("INI", "script")
        for tool in ("fjd", "fjd run", "xargs -P")
    ]
    assert all(float(cell) > 0 for row in rows for cell in row[4:8])
    assert all(row[5] == row[7] == "1.00" for row in rows[2::3])
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
    result = run([
        sys.executable, BENCH, *words.split(), "--rounds", "1", "--home",
        str(tmp_path),
    ], timeout=300)
    assert (result.returncode, result.stderr) == (0, "")
    lines = result.stdout.split("\n\n")[1].splitlines()
    measured = [re.findall("[0-9.]+", line[50:]) for line in lines]
    assert all(measured), lines
    assert re.search("(at most|at least|under|within) [0-9]", result.stdout)
