"""The ledger: a header, then a line for each end, whole or not at all."""
import os
import re

import pytest
from hypothesis import given, strategies as st

from fjd.ledger import DONE, Entry, escape, FAILED, HEADER, Ledger, LOST
from test_files import room_for

MEANING = {"t": "\t", "n": "\n", "r": "\r", "\\": "\\"}


@pytest.fixture
def ledger(project):
    return Ledger(project, "w")


def lines(ledger):
    """Its lines, each with its end: only a newline ends one."""
    with open(ledger.path, newline="\n", encoding="utf-8",
              errors="surrogateescape") as file:
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
    assert lines(ledger)[1] == (
        "failed\tjob7\tjob7~1.a-1\tlab7\tw\t1.000\t2.500\texit 1\t0.123\t2048"
        "\ta\\tb\\\\\tfirst\\r\\nsecond\n"
    )
    assert HEADER == (
        "event\tjob\tattempt\thost\tworker\tstart\tend\tstatus\tcpu\tpeak"
        "\tcommand\treason\n"
    )


def test_the_header_comes_once_and_with_the_first_line(ledger):
    assert not os.path.exists(ledger.path)
    for event in DONE, FAILED, LOST:
        ledger.write(Entry(event, "job7", "job7~1.a-1"))
        ledger.sync()
    found = lines(ledger)
    assert found[0] == HEADER
    assert [line.split("\t")[0] for line in found[1:]] == [DONE, FAILED, LOST]


def test_bytes_that_are_no_text_are_kept(ledger):
    ledger.write(Entry(DONE, os.fsdecode(b"caf\xe9"), "a~1.a-1"))
    assert "\tcaf\udce9\t" in lines(ledger)[1]


def test_a_line_that_does_not_fit_is_not_begun(ledger):
    ledger.write(Entry(DONE, "a", "a~1.a-1"))
    before = lines(ledger)
    with room_for(os.path.getsize(ledger.path) + 9), pytest.raises(OSError):
        ledger.write(Entry(DONE, "b", "b~1.a-2"))
    assert lines(ledger) == before


def test_the_header_is_there_also_if_the_first_line_did_not_fit(ledger):
    with room_for(9), pytest.raises(OSError):
        ledger.write(Entry(DONE, "a", "a~1.a-1"))
    ledger.write(Entry(DONE, "a", "a~1.a-1"))
    assert lines(ledger)[0] == HEADER and len(lines(ledger)) == 2


@pytest.mark.parametrize("entry, how", [
    (Entry(FAILED, "a", "a~1.a-1", status="signal 9"), "signal 9"),
    (Entry(FAILED, "a", "a~1.a-1", reason="the file is empty"),
     "the file is empty"),
])
def test_an_entry_tells_people_how_it_ended(entry, how):
    assert entry.how == how
