"""The line at the foot of a terminal."""
import fcntl
import os
import pty
import struct
import subprocess
import sys
import termios
import threading

import pytest

from helpers import Clock, command, LONG, ok, wait_until

from fjd.verbs import bar as module
from fjd.verbs.bar import Bar, CLEAR, Meter, UP, hours

HELD = "while test -e hold{}; do sleep 0.02; done"
on_a_terminal = pytest.mark.needs("a terminal")


def terminal_of(columns):
    ours, theirs = pty.openpty()
    size = struct.pack("HHHH", 24, columns, 0, 0)
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, size)
    return ours, theirs


class Screen:
    """What is written on a terminal that nobody types at."""

    def __init__(self):
        self.ours, self.theirs = terminal_of(80)
        self.text = b""
        self.reader = threading.Thread(target=self.read)
        self.reader.start()

    def read(self):
        try:
            while True:
                self.text += os.read(self.ours, 4096)
        except OSError:
            pass  # All have closed it.

    def run(self, *arguments, held=""):
        """Of three jobs those that are held end when the bar counts those
        before them.
        """
        for job in held:
            open(f"hold{job}", "w").close()
        process = subprocess.Popen(
            command(*arguments), stdin=subprocess.DEVNULL, stdout=self.theirs,
            stderr=self.theirs)
        self.close()
        for number, job in enumerate(held, 1):
            wait_until(lambda: b"%d/3" % number in self.text)
            os.unlink(f"hold{job}")
        status = process.wait(LONG)
        self.reader.join(LONG)
        os.close(self.ours)
        return status

    def close(self):
        os.close(self.theirs)

    def lines(self):
        """What is left to be read, when all has been written over."""
        whole = self.text.decode().replace("\r\n", "\n").split("\n")
        return [line.split("\r")[-1].replace("\033[K", "") for line in whole]


@pytest.fixture
def without_tqdm(tmp_path, monkeypatch):
    (tmp_path / "none").mkdir()
    (tmp_path / "none" / "tqdm.py").write_text("raise ImportError\n")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path / "none"))


@pytest.fixture
def jobs(project, put):
    for name in "abc":
        put(name, f"[control]\nexecutable: {HELD.format(name)} #\n")
    ok("fjd-recruiter", "--session", "process", "hire", "1")


LINES = [
    '[fjd-dispatcher] Started on project "default"',
    "[fjd-dispatcher] Found 3 job(s) and 1 worker(s)...",
    "[fjd-dispatcher] No (more) jobs.",
    '[fjd-recruiter] Fired 1 worker in project "default".',
    "[fjd-dispatcher] 3 done, 0 failed",
]


def is_in_order(wanted, lines):
    rest = iter(lines)
    return all(line in rest for line in wanted)


@on_a_terminal
def test_dispatchers_lines_stay_above_the_bar(jobs, without_tqdm):
    screen = Screen()
    assert screen.run("fjd-dispatcher", held="bc") == 0
    assert is_in_order(LINES, screen.lines())
    assert b"\r\033[K[fjd] 2/3, 0 failed, " in screen.text
    assert screen.text.endswith(b"3 done, 0 failed\r\n")
    assert not [line for line in screen.lines() if "/s" in line]


@on_a_terminal
def test_tqdm_writes_the_bar_where_it_is_installed(jobs):
    screen = Screen()
    assert screen.run("fjd-dispatcher", held="bc") == 0
    assert is_in_order(LINES, screen.lines())
    assert b"2/3 [" in screen.text and b"failed=0" in screen.text
    assert screen.text.endswith(b"3 done, 0 failed\r\n")


@on_a_terminal
def test_fjd_run_has_the_bar_too(home, without_tqdm):
    screen = Screen()
    assert screen.run("fjd", "run", "-j1", "-k", f"{HELD}; echo {{}}", ":::",
                      "a", "b", "c", held="bc") == 0
    assert b"\r\033[K[fjd] 2/3, 0 failed, " in screen.text
    assert is_in_order(["a", "b", "c", "[fjd] 3 done, 0 failed"],
                       screen.lines())


@on_a_terminal
def test_the_quiet_have_no_bar(jobs):
    screen = Screen()
    assert screen.run("fjd-dispatcher", "--quiet") == 0
    assert screen.text == b""
    screen = Screen()
    assert screen.run("fjd", "run", "--quiet", "sleep", ":::", "1") == 0
    assert screen.text == b""


def test_elsewhere_than_on_a_terminal_there_is_no_bar(jobs):
    assert ok("fjd-dispatcher")[-3:] == LINES[-3:]  # Nor on stderr.


class Terminal:
    def __init__(self, is_gone=False):
        self.text = ""
        self.is_gone = is_gone

    def isatty(self):
        return True

    def write(self, text):
        if self.is_gone:
            raise OSError(5, "Input/output error")
        self.text += text

    def flush(self):
        pass

    def fileno(self):
        return 0


@pytest.fixture
def shown(monkeypatch):
    """shown(): a Bar, its clock, and a terminal of 40 columns."""
    monkeypatch.setitem(sys.modules, "tqdm", None)
    monkeypatch.setattr(module.os, "get_terminal_size",
                        lambda number: os.terminal_size((40, 24)))

    def shown():
        clock, terminal = Clock(), Terminal()
        monkeypatch.setattr(sys, "stderr", terminal)
        return Bar(True, clock), clock, terminal
    return shown


def test_a_narrower_window_is_cleared_of_all_rows(shown, monkeypatch):
    """The line has 39 columns; in a window of 15 it takes three rows."""
    for name in ("XTERM_VERSION", "TERM"):
        monkeypatch.delenv(name, raising=False)
    progress, clock, terminal = shown()
    progress.meter = Meter(clock.now - 10, 0)
    progress.draw(1000, 0, 10 ** 12)
    monkeypatch.setattr(module.os, "get_terminal_size",
                        lambda number: os.terminal_size((15, 24)))
    terminal.text = ""
    progress.draw(1000, 0, 10 ** 12)
    assert terminal.text == CLEAR + 2 * UP + "[fjd] 1000/100"
    terminal.text = ""
    monkeypatch.setenv("XTERM_VERSION", "XTerm(379)")  # It cuts lines.
    monkeypatch.setattr(module.os, "get_terminal_size",
                        lambda number: os.terminal_size((7, 24)))
    progress.clear()
    assert terminal.text == CLEAR


def test_output_without_a_newline_stays_above_the_bar(shown):
    progress, clock, terminal = shown()
    clock.now += 0.5
    progress.is_midline = True
    progress.show(lambda: (1, 0, 1))
    assert terminal.text == "\n[fjd] 1/2, 0 failed"
    progress.clear()
    progress.is_held = True  # The output of a job is being written.
    progress.show(lambda: (1, 0, 1))
    assert terminal.text == "\n[fjd] 1/2, 0 failed" + CLEAR


@on_a_terminal
def test_a_dumb_terminal_gets_only_lines(home, monkeypatch):
    monkeypatch.setenv("TERM", "dumb")
    screen = Screen()
    assert screen.run("fjd", "run", "-j1", "sleep 0.6; echo {}", ":::", "a",
                      "b") == 0
    assert b"\033" not in screen.text
    assert b"\r" not in screen.text.replace(b"\r\n", b"")
    assert is_in_order(["a", "b", "[fjd] 2 done, 0 failed"], screen.lines())


@on_a_terminal
def test_a_failure_is_named_above_the_bar_and_fits(home, without_tqdm):
    screen = Screen()
    script = f"{HELD}; echo {'long ' * 40} >&2; exit 1"
    assert screen.run("fjd", "run", "-j1", script, ":::", "a", "b", "c",
                      held="bc") == 3
    named = [line for line in screen.lines() if "Failed: " in line]
    assert len(named) == 3 and {len(line) for line in named} == {79}
    assert all(line.endswith("...") for line in named)


def test_who_takes_half_a_second_needs_no_bar(shown):
    progress, clock, terminal = shown()
    progress.show(lambda: (1, 0, 1))
    assert terminal.text == ""
    clock.now += 0.5
    progress.show(lambda: (1, 0, 1))
    assert terminal.text == CLEAR + "[fjd] 1/2, 0 failed"


def test_a_line_above_lets_it_be_drawn_anew_and_not_counted(shown):
    progress, clock, terminal = shown()
    clock.now += 0.5
    counts = []
    progress.show(lambda: counts.append(1) or (1, 1, 8))
    progress.above(lambda text: terminal.write(text + "\n"))("hello")
    progress.show(lambda: counts.append(1) or (2, 1, 7))
    bar = CLEAR + "[fjd] 2/10, 1 failed"
    assert terminal.text == bar + CLEAR + "hello\n" + bar
    assert counts == [1]
    progress.end()
    progress.show(lambda: (3, 1, 6))
    assert terminal.text.endswith(bar + CLEAR)


def test_counting_takes_a_twentieth_of_the_time_at_most(shown):
    progress, clock, terminal = shown()
    counted = []

    def count():
        counted.append(clock.now)
        clock.now += 1.0
        return 1, 0, 1

    for _ in range(500):
        clock.now += 0.1
        progress.show(count)
    assert len(counted) in (2, 3)


def test_line_is_cut_where_the_terminal_ends(shown):
    progress, clock, terminal = shown()
    progress.meter = Meter(clock.now - 10, 0)
    progress.draw(1000, 0, 10 ** 12)
    assert terminal.text == CLEAR + "[fjd] 1000/1000000001000, 0 failed, 1e+"
    assert len(terminal.text) == len(CLEAR) + 39


def test_terminal_that_is_gone_is_no_harm(shown, monkeypatch):
    progress, clock, _ = shown()
    monkeypatch.setattr(sys, "stderr", Terminal(is_gone=True))
    clock.now += 0.5
    progress.show(lambda: (1, 0, 1))
    assert not progress.is_shown


def test_terminal_that_goes_while_the_bar_is_there_is_no_harm(
    shown, monkeypatch,
):
    progress, clock, terminal = shown()
    clock.now += 0.5
    progress.show(lambda: (1, 0, 1))
    terminal.is_gone = True
    progress.above(lambda text: None)("hello")
    progress.show(lambda: (1, 0, 1))
    assert not progress.is_shown


@pytest.mark.slow
@on_a_terminal
@pytest.mark.parametrize("kind", ["tqdm", "none"])
def test_closed_terminal_stops_no_run(home, kind, tmp_path, monkeypatch):
    """As after su, when no signal tells of it."""
    if kind == "none":
        (tmp_path / "tqdm.py").write_text("raise ImportError\n")
        monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    ours, theirs = terminal_of(80)
    process = subprocess.Popen(
        command("fjd", "run", "-j1", "sleep 0.7; touch {}", ":::", "a", "b"),
        stdin=subprocess.DEVNULL, stdout=theirs, stderr=theirs)
    os.close(theirs)
    text = b""
    while b"/2" not in text:
        text += os.read(ours, 4096)
    os.close(ours)
    assert process.wait(LONG) == 0
    assert (home / "b").exists()


def test_no_stderr_at_all_is_no_harm(monkeypatch):
    monkeypatch.setattr(sys, "stderr", None)
    assert not Bar(True).is_shown


@pytest.mark.parametrize("seconds, text", [
    (0.4, "0:00:00"), (59.6, "0:01:00"), (3600 * 100, "100:00:00"),
])
def test_time_left_is_in_hours(seconds, text):
    assert hours(seconds) == text
