"""Options of fjd run that limit its jobs."""
from argparse import ArgumentTypeError, Namespace

import pytest

from fjd import jobfile
from fjd.newjob import of_command
from fjd.verbs import runlimits
from fjd.verbs.runlimits import (
    keys_of, MOST, number_of_workers, of_key, seconds, typed, with_keys,
)


@pytest.mark.parametrize("text, cpus, number", [
    ("1", 4, 1), ("12", 4, 12), ("100%", 4, 4), ("50%", 3, 1), ("90%", 3, 2),
    ("200%", 3, 6), ("1%", 4, 1), ("0%", 4, 1), ("0", 4, MOST),
    ("+0", 4, 4), ("+2", 4, 6), ("-1", 4, 3), ("-9", 4, 1),
])
def test_workers_are_a_number_or_a_share_of_the_cpus(
    monkeypatch, text, cpus, number,
):
    monkeypatch.setattr(runlimits, "available", lambda: cpus)
    assert number_of_workers(text) == number


@pytest.mark.parametrize("text", ["", "-", "++2", "x", "1.5", "%", "2 %"])
def test_another_number_of_workers_is_refused(text):
    with pytest.raises(ValueError) as error:
        number_of_workers(text)
    assert "-j4, -j75% of the CPUs, -j+0" in str(error.value)


@pytest.mark.parametrize("number, word", [(MOST, "0"), (7, "7")])
def test_workers_are_typed_again_as_before(number, word):
    assert typed(number) == word
    assert number_of_workers(word) == number


@pytest.mark.parametrize("text, wanted", [
    ("0.1", 0.1), ("2", 2.0), ("3s", 3.0), ("1m", 60.0), ("1.5h", 5400.0),
])
def test_times_have_units(text, wanted):
    assert seconds(text) == wanted


@pytest.mark.parametrize("key, text", [
    ("timeout", "200%"), ("timeout", "-1"), ("timeout", ""), ("nice", "20"),
    ("nice", "x"), ("retries", "-1"), ("retries", "1.5"),
])
def test_bad_values_are_refused_with_good_ones(key, text):
    with pytest.raises(ArgumentTypeError) as error:
        of_key(key)(text)
    assert str(error.value) == f"{jobfile.KEYS[key][1]}, not {text!r}"


@pytest.mark.parametrize("command, is_program", [
    ("true", False), ("echo a\necho b", True),
])
def test_jobs_that_are_files_have_the_same_keys(command, is_program):
    options = Namespace(retries="2", timeout="1m", nice=None)
    keys = keys_of(options)
    assert keys == (("retries", "2"), ("timeout", "1m"))
    file = of_command(command, "/tmp")
    assert file.is_program == is_program
    job = jobfile.parse(0o100700 if is_program else 0o100600,
                        with_keys(file, keys).data, "/x")
    assert (job.retries, job.timeout, job.directory) == (2, 60.0, "/tmp")
    assert job.niceness == jobfile.NICENESS
    assert with_keys(file, ()) == file
