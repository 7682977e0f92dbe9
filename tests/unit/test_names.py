"""The grammar of names on disk, and the order in which jobs go."""
import os
import re

import pytest
from hypothesis import example, given, strategies as st

from fjd.names import (
    Announcement, Attempt, host_of, is_editor_copy, is_member, is_project,
    made_up, natural, new_id, new_token, Order, printable, queue_order,
    Running, safe_host, Stamps, why_bad,
)

NOW = 1600000000.123456
TOKEN = f"{int(NOW * 1e6):013x}beef"
WORKER = new_id("lab7.example.org", NOW, 4711)
SAFE = re.compile(r"[A-Za-z0-9_.~@-]+")
E_ACUTE = os.fsdecode(b"\xc3\xa9")  # in the C locale of 3.6, two surrogates

# Whatever a directory can hold, also names that are no text.
pieces = st.sampled_from([
    b"a", b"7", b".", b"-", b" ", b"\n", b"\x7f", b"#", b"~", b"@", b"~0.",
    b"\xc3\xa9", b"\xe2\x80\xa8", b"\xf0\x9d\x84\x9e" * 9, b"\xff",
    f"~3.{TOKEN}-1".encode(), f"@{WORKER}".encode(),
])
file_names = st.one_of(
    st.binary(min_size=1), st.lists(pieces, min_size=1).map(b"".join),
).filter(
    lambda name: not name.startswith(b".") and not set(name) & set(b"/\0"),
).map(os.fsdecode)


@given(file_names, st.integers(1, 999999999), st.integers(1))
def test_names_say_what_they_were_made_of(job, n, k):
    attempt = Attempt(job, n, f"{TOKEN}-{k}")
    assert Attempt.parse(attempt.name) == attempt
    running = Running(attempt.name, WORKER)
    assert Running.parse(running.name) == running


@pytest.mark.parametrize("made", [
    Announcement(WORKER, 3, 64), Order(WORKER, f"{TOKEN}-2", "drain"),
    Running(Attempt("job7", 2, f"{TOKEN}-10").name, WORKER),
])
def test_names_that_fjd_makes_are_safe_in_a_shell(made):
    assert type(made).parse(made.name) == made
    assert SAFE.fullmatch(made.name)


@pytest.mark.parametrize("name", [
    "job7", "job7~2", f"job7~0.{TOKEN}-1", f"~2.{TOKEN}-1", f"a~2.{TOKEN}-",
])
def test_any_other_name_in_the_queue_is_a_first_attempt(name):
    assert Attempt.parse(name) == Attempt(name, 1, "")


@pytest.mark.parametrize("kind, name", [
    (Announcement, "README"), (Order, "README"), (Running, "README"),
    (Announcement, "v.2.10"), (Order, "a.tar.gz"), (Running, "me@home"),
    (Announcement, f"{WORKER}.1.some"), (Announcement, f"{WORKER}.1.2~"),
])
def test_a_name_that_is_not_ours_is_refused(kind, name):
    with pytest.raises(ValueError):
        kind.parse(name)


@given(st.text())
def test_any_host_name_makes_a_safe_id(host):
    member = new_id(host, NOW, 1)
    assert is_member(member) and host_of(member) == safe_host(host)
    assert SAFE.fullmatch(member) and member[0] not in ".-_"


def test_the_longest_names_fit_into_a_directory(tmp_path):
    worker = new_id("h" * 300, 9999999999.9, 4194304)
    stamp = "f" * 17 + "-" + "9" * 9
    attempt = Attempt("j" * 100, 999999999, stamp)
    assert not why_bad(attempt.job)
    longest = Running(attempt.name, worker).name
    (tmp_path / f".{longest}.log").touch()


def test_stamps_do_not_repeat_and_are_known_by_their_maker():
    ours, others = Stamps(TOKEN), Stamps(new_token(NOW + 1))
    made = [ours.new() for _ in range(1000)]
    assert len(set(made)) == 1000
    assert len({new_token(NOW) for _ in range(9)}) > 1
    assert ours.made(Attempt("a", 2, made[7]))
    assert not others.made(Attempt("a", 2, made[7]))


def test_tokens_sort_by_time():
    times = [1.0, NOW, NOW + 0.00001, NOW + 1, 4000000000.0]
    tokens = [new_token(time) for time in times]
    assert tokens == sorted(tokens)
    assert {len(token) for token in tokens} == {17}


def test_numbers_in_names_sort_as_numbers():
    names = ["2b", "10", "a", "job", "job2", "job2.5", "job10", "job10a"]
    assert sorted(sorted(names), key=natural) == names


def test_first_attempts_come_first():
    again = Attempt("a1", 2, f"{TOKEN}-1").name
    given_back = Attempt("b2", 1, f"{TOKEN}-2").name
    names = [again, "b10", given_back, "b1"]
    assert sorted(names, key=queue_order) == ["b1", given_back, "b10", again]


def test_who_lost_a_worker_need_not_wait_behind_them():
    lost, failed = (
        Attempt("a1", 2, f"{token}-1").name for token in (TOKEN, "0" * 17))
    names = ["b1", failed, lost]
    first = sorted(names, key=lambda name: queue_order(name, Stamps(TOKEN)))
    assert first == [lost, "b1", failed]


@given(st.lists(file_names))
def test_all_names_can_be_sorted(names):
    assert len(sorted(names, key=queue_order)) == len(names)


@pytest.mark.parametrize("job, why", [
    ("j" * 100, ""), (E_ACUTE * 50, ""), ("a -b~@#'$(x)", ""), ("\udcff", ""),
    ("j" * 101, "its name is longer than 100 bytes"),
    (E_ACUTE * 51, "its name is longer than 100 bytes"),
    ("a\nb", "its name holds a control character"),
    ("a\x7f", "its name holds a control character"),
    ("-rf", "its name begins with a dash"),
])
def test_bad_names_have_a_reason(job, why):
    assert why_bad(job) == why


@given(file_names)
@example("\udcff-\n")
@example("\udcff.\n")
def test_made_up_names_are_good(job):
    """One that begins with a dot would be a draft, which nobody sees."""
    assert why_bad(made_up(job)) == "" and made_up(job)[0] != "."


def test_made_up_names_resemble():
    assert made_up("-a\tb" + E_ACUTE) == "_a_b" + E_ACUTE
    assert made_up("a" + E_ACUTE * 99) == "a" + E_ACUTE * 49


@given(file_names)
def test_any_name_can_be_printed_in_a_line(name):
    line = printable(name)
    assert line.isprintable() and line.encode()


def test_a_name_that_can_be_read_can_be_pasted_back():
    for name in (E_ACUTE, "a b", "it's"):
        assert printable(name) == name
    assert printable("a\n\x1b\udcff\u202e") == "a\\n\\x1b\\udcff\\u202e"


@pytest.mark.parametrize("names, are_copies", [
    (["job7~", "#job7#"], True), (["job7", "#7", "7#", "job~7"], False),
])
def test_what_editors_leave_is_no_job(names, are_copies):
    assert {is_editor_copy(name) for name in names} == {are_copies}


@pytest.mark.parametrize("names, are_good", [
    (["default", "_a.b-C9", "7", "p" * 100], True),
    (["", ".a", "-a", "a/b", "a b", "a\n", "\xe9", "p" * 101], False),
])
def test_project_names_need_no_quotes(names, are_good):
    assert {is_project(name) for name in names} == {are_good}
