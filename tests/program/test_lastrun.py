"""Looks that name no project: default, or the last run of this directory."""
import os

import pytest

from helpers import fjd, ok

LAST = '[fjd] The last run of this directory: project "{}"\n'


def run_list(*arguments):
    """A run in this directory; return its project."""
    before = runs()
    fjd("fjd", "run", "-j1", "echo out {}; echo err >&2; exit 3", ":::",
        *arguments)
    name, = runs() - before
    return name


def runs():
    place = os.path.expanduser("~/.fjd")
    names = os.listdir(place) if os.path.isdir(place) else []
    return {name for name in names if name.startswith("run-")}


def put_and_run(name):
    ok("fjd", "put", "--name", name, "echo of default")
    ok("fjd-dispatcher", "--hire", "--quiet")


@pytest.mark.parametrize("words, wanted", [
    (["why", "2"], "list-1:2 has failed"), (["log", "2"], "out b\nerr\n"),
    (["status"], "0 waiting, 0 held, 0 given out, 0 running, 0 done, 2 fa"),
    (["results"], "event\t"), (["results", "--json"], '{"event": "failed"'),
    (["audit"], "0 waiting, 0 held, 0 given out, 0 running, 0 done, 2 fa"),
])
def test_without_a_default_project_it_is_the_last_run(home, words, wanted):
    name = run_list("a", "b")
    result = fjd("fjd", *words)
    assert result.stdout.startswith(wanted)
    assert result.stderr == LAST.format(name)
    assert not (home / ".fjd" / "default").exists()
    other = run_list("c", "d")
    assert fjd("fjd", *words).stderr == LAST.format(other)


@pytest.mark.parametrize("words", [
    ["why", "2"], ["log", "2"], ["status"], ["results"], ["audit"],
])
def test_elsewhere_there_is_none(home, tmp_path, words, monkeypatch):
    run_list("a", "b")
    monkeypatch.chdir(tmp_path)
    result = fjd("fjd", *words)
    assert result.returncode == 2
    assert result.stderr == "fjd: error:" \
        f" {home}/.fjd/default: there is no such project\n"


def of_default(run, *words):
    """The lines about default; stderr names the last run."""
    result = fjd("fjd", *words)
    assert (result.returncode, result.stderr) == (
        0, '[fjd] This is project "default"; the last run of this directory:'
           f" --project {run}\n")
    return result.stdout.splitlines()


def test_what_default_has_comes_first(home):
    name = run_list("a", "b")
    put_and_run("2")
    assert ok("fjd", "log", "2") == ["of default"]
    assert ok("fjd", "why", "2")[0].startswith("2 is done")
    assert of_default(name, "status")[0].endswith("1 done, 0 failed")
    assert len(of_default(name, "results")) == 2
    result = fjd("fjd", "log", "1")
    assert (result.stdout, result.stderr) \
        == ("out a\nerr\n", LAST.format(name))


def test_default_is_known_by_what_it_had(home):
    name = run_list("a", "b")
    put_and_run("2")
    ok("fjd", "clean", "--done")
    assert ok("fjd", "why", "2")[0] == "2 does not exist any more"
    assert [line.split("\t")[1] for line in of_default(name, "results")] \
        == ["job", "2"]
    assert "2 failed" in fjd("fjd", "status").stdout


def test_changing_a_job_of_the_last_run_names_its_project(home):
    name = run_list("a", "b")
    put_and_run("job")
    for verb in "retry", "cancel", "hold":
        result = fjd("fjd", verb, "2")
        assert (result.returncode, result.stderr.splitlines()[1:]) == (
            2, [f"    try: --project {name}, the last run of this directory"])
    result = fjd("fjd", "--project", "default", "retry", "2")
    assert result.stderr.count("\n") == 1


@pytest.mark.parametrize("words", [["why", "2"], ["status"], ["results"]])
def test_a_project_that_is_named_is_meant(home, words, monkeypatch):
    name = run_list("a", "b")
    wanted = f"{home}/.fjd/default: there is no such project"
    assert wanted in fjd("fjd", "--project", "default", *words).stderr
    assert wanted in fjd("fjd", *words, "--project", "default").stderr
    ok("fjd", *words, "--project", name)
    monkeypatch.setenv("FJD_PROJECT", "default")
    assert wanted in fjd("fjd", *words).stderr


def test_what_neither_has_is_no_job_of_the_last_run(home):
    name = run_list("a", "b")
    put_and_run("job1")
    for verb in ("why", "log"):
        result = fjd("fjd", verb, "3")
        assert (result.returncode, result.stderr) == (
            2, LAST.format(name) + "fjd: error: 3: there is no such job\n")
