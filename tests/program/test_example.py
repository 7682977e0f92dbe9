"""The main job: a clone, an empty home, a bare PATH, and make example."""
import re

import pytest

from helpers import path_without, run

slow = pytest.mark.slow
LINES = [
    '[fjd-recruiter] Hired 4 workers in project "example".',
    '[fjd-dispatcher] Started on project "example"',
    "[fjd-dispatcher] Found 10 job(s) and 4 worker(s)...",
    "[fjd-dispatcher] No (more) jobs.",
    '[fjd-recruiter] Fired 4 workers in project "example".',
    "[fjd-dispatcher] 10 done, 0 failed",
]
RESULTS = [f"job{number}.dat" for number in range(10)]


@pytest.fixture
def empty_home(tmp_path):
    home = tmp_path / "empty home"
    home.mkdir()
    return home


def make(clone, home, path, *arguments):
    return run(["make"] + list(arguments), cwd=str(clone), env={
        "HOME": str(home), "PATH": path,
    })


@pytest.mark.parametrize("missing", [
    pytest.param((), marks=[
        slow, pytest.mark.needs("screen", "a terminal")]),
    pytest.param(("screen",), marks=[
        slow, pytest.mark.needs("tmux", "a terminal")]),
    ("screen", "tmux", "pip", "pip3"),
])
def test_make_example_needs_nothing_but_python(
    clone, empty_home, tmp_path, missing,
):
    path = path_without(*missing, directory=tmp_path / "path")
    result = make(clone, empty_home, path, "example")
    assert result.returncode == 0, result.stderr
    printed = result.stdout.splitlines()
    found = [line for line in printed if not re.search("Found [0-9] ", line)]
    assert [line for line in found if line in LINES] == LINES
    assert [line for line in printed if line in RESULTS] == RESULTS
    for number, name in enumerate(RESULTS):
        result_file = clone / "example" / "logfiles" / name
        assert result_file.read_text() == f"param1 was value{number}\n"
    assert not (empty_home / ".fjd" / "default").exists()
    is_alone = {"screen", "tmux"} <= set(missing)
    assert printed[0].startswith("[fjd-recruiter] Workers run") == is_alone
    assert printed[-1].startswith("Missing: ") == is_alone


@slow
def test_make_example_says_at_last_what_is_missing(
    clone, empty_home, tmp_path,
):
    path = path_without("screen", "tmux", directory=tmp_path / "path")
    last = make(clone, empty_home, path, "example").stdout.splitlines()[-1]
    assert last.startswith("Missing: screen or tmux, ")
    assert last.endswith("sudo apt-get install screen")


@slow
def test_make_works_from_another_directory(clone, empty_home, tmp_path):
    place = tmp_path / "clone"
    clone.rename(place)
    path = path_without(directory=tmp_path / "path")
    result = make(
        empty_home, empty_home, path, "-f", str(place / "Makefile"), "example",
    )
    assert result.returncode == 0, result.stderr
    assert (place / "example" / "logfiles" / "job9.dat").exists()


@slow
def test_sweep_ends_in_one_table_with_the_best_fit_first(
    clone, empty_home, tmp_path,
):
    path = path_without(directory=tmp_path / "path")
    result = make(clone, empty_home, path, "sweep")
    assert result.returncode == 0, result.stderr
    table = (clone / "example" / "results" / "table.txt").read_text()
    assert table in result.stdout
    rows = [line.split() for line in table.splitlines()[1:]]
    errors = [float(row[3]) for row in rows]
    assert len(rows) == 12 and errors == sorted(errors)
    # R's own fit of these data, ?Puromycin: Vm 212.7, K 0.06412.
    assert ["1.0", "0.0641", "212.7", "1195.4"] in rows


def test_make_alone_tells_every_target(clone, empty_home, tmp_path):
    path = path_without(directory=tmp_path / "path")
    printed = make(clone, empty_home, path).stdout
    makefile = (clone / "Makefile").read_text().replace("\\\n", "")
    phony = re.search(r"^\.PHONY: (.*)$", makefile, re.M).group(1)
    told = re.findall(r"^make ([a-z-]+) ", printed, re.M)
    assert sorted(told) == sorted(phony.split())


@slow
def test_remote_example_keeps_the_remote_conf_that_is_there(
    clone, empty_home, tmp_path,
):
    path = path_without(directory=tmp_path / "path")
    mine = empty_home / ".fjd" / "remote-example" / "remote.conf"
    mine.parent.mkdir(mode=0o700, parents=True)
    mine.write_text("[host1]\nname: localhost\nworkers: 1\n")
    result = run(
        [str(clone / "example" / "run-remote-example.sh")],
        env={"HOME": str(empty_home), "PATH": path},
    )
    assert result.returncode == 0, result.stderr
    assert mine.read_text() == "[host1]\nname: localhost\nworkers: 1\n"
