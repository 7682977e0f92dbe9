"""The ledger: a header, then a line for each end, whole or not at all."""
import errno
import os
import re

import pytest
from hypothesis import given, strategies as st

from fjd.ledger import (
    DONE, Entry, escape, FAILED, HEADER, Ledger, LOST, read_entries,
)
from test_files import room_for

MEANING = {"t": "\t", "n": "\n", "r": "\r", "\\": "\\"}
END = Entry(DONE, "a", "a~1.a-1")


@pytest.fixture
def ledger(project):
    return Ledger(project, "w")


def lines(ledger):
    """Its lines, each with its end; nothing but a newline ends one."""
    with open(ledger.path, newline="\n") as file:
        return list(file)


@given(st.text() | st.lists(st.sampled_from("\\\t\n\rtnr")).map("".join))
def test_any_text_can_be_escaped_and_had_back(text):
    escaped = escape(text)
    assert not set(escaped) & set("\t\n\r")
    back = re.sub(r"\\(.)", lambda found: MEANING[found.group(1)], escaped)
    assert back == text


def test_a_line_has_its_columns_in_order(ledger):
    ledger.write(Entry(
        FAILED, "job7", "job7~1.a-1", "lab7", "w", 1.0, 2.5, "exit 1", 0.1234,
        2048, "a\tb\\", "first\r\nsecond",
    ))
    assert lines(ledger) == [
        "event\tjob\tattempt\thost\tworker\tstart\tend\tstatus\tcpu\tpeak"
        "\tcommand\treason\ttask\tout\terr\n",
        "failed\tjob7\tjob7~1.a-1\tlab7\tw\t1.000\t2.500\texit 1\t0.123\t2048"
        "\ta\\tb\\\\\tfirst\\r\\nsecond\t\t\t\n",
    ]


def test_the_header_comes_once_and_with_the_first_line(ledger):
    assert not os.path.exists(ledger.path)
    for event in DONE, FAILED, LOST:
        ledger.write(END._replace(event=event))
        ledger.sync()
    found = [line.split("\t")[0] for line in lines(ledger)]
    assert found == ["event", DONE, FAILED, LOST]


def test_bytes_that_are_no_text_are_kept(ledger):
    ledger.write(END._replace(job=os.fsdecode(b"caf\xe9")))
    with open(ledger.path, "rb") as file:
        assert b"\tcaf\xe9\t" in file.read().replace(b"\n", b"\t\t")


def test_a_line_that_does_not_fit_is_not_begun(ledger, monkeypatch):
    ledger.write(END)
    before = lines(ledger)

    def write(descriptor, line):
        monkeypatch.undo()
        written = os.write(descriptor, line[:9])
        monkeypatch.setattr(os, "write", refuse)
        return written

    def refuse(descriptor, line):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "write", write)
    with pytest.raises(OSError):
        ledger.write(END)
    assert lines(ledger) == before


def test_a_ledger_that_may_not_grow_goes_on_in_another_file(project, ledger):
    """Each has its header, and they are read in the order of their lines."""
    attempts = [f"a~1.a-{n}" for n in range(1, 101)]
    with room_for(300):
        for attempt in attempts:
            ledger.write(END._replace(attempt=attempt))
        ledger.sync()
    paths = project.ledger_files()
    assert len(paths) > 9 and paths[0] == project.ledger_file("w")
    assert [entry.attempt for entry
            in read_entries(project, paths)] == attempts
    for path in paths:
        with open(path) as file:
            assert file.readline() == HEADER
        assert os.path.getsize(path) <= 300


def test_the_header_is_there_also_if_the_first_line_did_not_fit(ledger):
    with room_for(9), pytest.raises(OSError):
        ledger.write(END)
    ledger.write(END)
    assert lines(ledger)[0] == HEADER and len(lines(ledger)) == 2


@pytest.mark.parametrize("columns", range(3, len(Entry._fields)))
def test_lines_with_fewer_columns_are_read(project, ledger, columns):
    """Those of an older fjd; what it did not know is left open."""
    whole = Entry(FAILED, "a", "a~1.a-1", "lab7", "w", 1.0, 2.5, "exit 1", 0.5,
                  2048, "false", "no reason")
    ledger.write(whole)
    cut = [line.split("\t")[:columns] for line in lines(ledger)]
    with open(ledger.path, "w") as file:
        file.writelines("\t".join(line).rstrip("\n") + "\n" for line in cut)
    assert list(read_entries(project, [ledger.path])) == [
        Entry(*whole[:columns])]


def test_lines_with_more_columns_are_read(project, ledger):
    ledger.write(END)
    more = "".join(line[:-1] + "\tmore\n" for line in lines(ledger))
    with open(ledger.path, "w") as file:
        file.write(more)
    assert list(read_entries(project, [ledger.path])) == [END]


@pytest.mark.parametrize("line", [
    "", "done", "done\tscrap", HEADER[:-1],
    "done\ta\ta~1.a-1\t\tw\tnever\t2.0",
])
def test_what_is_no_line_of_a_ledger_is_not_read(project, ledger, line):
    with open(ledger.path, "w") as file:
        file.write(line + "\n")
    assert list(read_entries(project, [ledger.path])) == []
