"""Progress on a terminal: one line at the bottom, rewritten again and again.

tqdm makes its text, if it is installed.  Other lines go above it: code that
prints one clears the progress line first.  It is shown only on a terminal that
can clear a line.
"""
import os
import select
import sys
import time
from typing import Any, Callable, Optional

from fjd.bytecode import optional
from fjd.output import plain
from fjd.progress import HowFar, Progress

FIRST = 0.5   # seconds before it appears, as many commands end sooner
PERIOD = 0.25  # seconds between two updates
SHARE = 20    # counting jobs may take one part in so many of time
CLEAR = "\r\033[K"
UP = "\033[A\033[K"  # clears the line above


class Bar(Progress):
    """The progress line, on stderr."""

    def __init__(self, is_wanted: bool, clock: Any = time) -> None:
        self.clock = clock
        self.is_shown = is_wanted and bool(sys.stderr) \
            and sys.stderr.isatty() and os.environ.get("TERM") != "dumb"
        self.meter: Optional[Meter] = None
        self.is_there = False
        self.length = 0  # of the text that is there
        self.is_held = False     # the output of a job is being written
        self.is_midline = False  # it has ended without a newline
        self.counts: HowFar = (0, 0, 0)
        self.next = clock.monotonic() + FIRST

    def show(self, count: Callable[[], HowFar]) -> None:
        """Update the line if it is due; cheap enough to be called often."""
        now = self.clock.monotonic()
        is_due = self.is_shown and now >= self.next
        if is_due:
            self.counts = count()
            cost = self.clock.monotonic() - now
            self.next = now + max(PERIOD, SHARE * cost)
        if is_due or self.meter and not self.is_there:
            self.draw(*self.counts)

    def draw(self, done: int, failed: int, left: int) -> None:
        if self.is_held or not has_room():
            return
        now = self.clock.monotonic()
        self.meter = self.meter or Meter(now, done + failed)
        room = width() - 1
        text = self.meter.text(now, done + failed, failed, left, room)[:room]
        start = self.cleared() if self.is_there else CLEAR
        if self.is_midline:
            start = "\n"
        self.is_there, self.is_midline = True, False
        self.length = len(text)
        self.write(start + text)

    def cleared(self) -> str:
        """Return what clears the line, which a window that was made narrower
        shows as several.
        """
        columns = width()
        rows = (self.length - 1) // columns if self.length > columns else 0
        if is_fixed():
            rows = 0
        return CLEAR + UP * rows

    def clear(self) -> None:
        """Make room for another line, until the next show()."""
        if self.is_there and has_room():
            self.is_there = False
            self.write(self.cleared())

    def end(self) -> None:
        self.clear()
        self.meter, self.is_shown, self.is_there = None, False, False

    def write(self, text: str) -> None:
        try:
            sys.stderr.write(text)
            sys.stderr.flush()
        except OSError:  # The terminal may be closed at any time.
            self.meter, self.is_shown, self.is_there = None, False, False

    def above(self, say: Callable[[str], None]) -> Callable[[str], None]:
        """Return a function that prints a line above this one."""
        def say_above(text: str) -> None:
            self.clear()
            say(text)
        return say_above


class Meter:
    """12/100, 1 failed, 3.2/s, 0:00:28 left; or the same in tqdm's form."""

    def __init__(self, now: float, ended: int) -> None:
        self.begin = now
        self.before = ended
        try:
            self.tqdm: Any = optional("tqdm").tqdm
        except ImportError:
            self.tqdm = None

    def text(
        self, now: float, ended: int, failed: int, left: int, columns: int,
    ) -> str:
        seconds = now - self.begin
        if self.tqdm:
            return self.tqdm.format_meter(
                ended, ended + left, seconds, columns, "[fjd]", ascii=True,
                unit="job", postfix=f"failed={failed}", initial=self.before)
        text = f"[fjd] {ended}/{ended + left}, {failed} failed"
        rate = (ended - self.before) / seconds if seconds else 0.0
        if rate:
            text += f", {rate:.2g}/s, {hours(left / rate)} left"
        return text


def is_fixed() -> bool:
    """Return whether a narrower window of this terminal cuts its lines,
    rather than breaking them: then the line is still one.
    """
    return "XTERM_VERSION" in os.environ or os.environ.get("TERM") == "linux"


def has_room() -> bool:
    """Return whether the terminal takes text now, or is no more; not if a
    person has stopped it (Ctrl-S).
    """
    try:
        return bool(select.select([], [sys.stderr], [], 0)[1])
    except (OSError, ValueError):
        return True


def width() -> int:
    try:
        return os.get_terminal_size(sys.stderr.fileno()).columns or 80
    except (OSError, AttributeError, ValueError):
        return 80  # It was closed, or is none.


def fitting(text: str, columns: int = 0) -> str:
    """Return a text that fits a line of so many columns, else one of the
    terminal, behind [fjd].
    """
    room = (columns or width()) - 1 - len("[fjd] ")
    text = plain(text)
    return text if len(text) <= room else text[:room - 3] + "..."


def hours(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes // 60}:{minutes % 60:02}:{rest:02}"
