"""How far it is, on a terminal: one line at its foot, written again and again.

tqdm writes it, where that is installed.  Other lines go above it: who prints
one clears the foot first.  Elsewhere than on a terminal nothing is shown.
"""
import os
import sys
import time
from contextlib import contextmanager
from typing import Any, Callable, Iterator, Tuple

FIRST = 0.5   # seconds without it, which may be all there are
PERIOD = 0.25
SHARE = 20    # to count the jobs may take one part in so many of time
CLEAR = "\r\033[K"
HowFar = Tuple[int, int, int]  # jobs done, failed, left


class Progress:
    """That line, on stderr."""

    def __init__(self, is_wanted: bool, clock: Any = time) -> None:
        self.clock = clock
        self.is_shown = is_wanted and bool(sys.stderr) and sys.stderr.isatty()
        self.bar: Any = None
        self.is_clear = False
        self.counts: HowFar = (0, 0, 0)
        self.next = clock.monotonic() + FIRST

    def show(self, count: Callable[[], HowFar]) -> None:
        """To be called often; counts seldom."""
        now = self.clock.monotonic()
        is_due = self.is_shown and now >= self.next
        if is_due:
            self.counts = count()
            cost = self.clock.monotonic() - now
            self.next = now + max(PERIOD, SHARE * cost)
        if is_due or self.is_clear:
            with self.unless_gone():
                self.is_clear = False
                self.draw(*self.counts)

    def draw(self, done: int, failed: int, left: int) -> None:
        if not self.bar:
            self.bar = new_bar(done + failed, left)
        self.bar.draw(done + failed, failed, left)

    def clear(self) -> None:
        """Make room for another line, until the next show()."""
        if self.bar and not self.is_clear:
            with self.unless_gone():
                self.bar.clear()
                self.is_clear = True

    def end(self) -> None:
        self.clear()
        self.bar, self.is_shown, self.is_clear = None, False, False

    @contextmanager
    def unless_gone(self) -> Iterator[None]:
        """The terminal may be closed at any time."""
        try:
            yield
        except OSError:
            self.bar, self.is_shown, self.is_clear = None, False, False

    def above(self, say: Callable[[str], None]) -> Callable[[str], None]:
        """What says a line above this one."""
        def say_above(text: str) -> None:
            self.clear()
            say(text)
        return say_above


class PlainBar:
    """12/100, 1 failed, 3.2/s, 0:28 left."""

    def __init__(self, ended: int, left: int) -> None:
        self.before = ended
        self.begin = time.monotonic()

    def draw(self, ended: int, failed: int, left: int) -> None:
        rate = (ended - self.before) / (time.monotonic() - self.begin)
        text = f"[fjd] {ended}/{ended + left}, {failed} failed"
        if rate:
            text += f", {rate:.2g}/s, {hours(left / rate)} left"
        columns = os.get_terminal_size(sys.stderr.fileno()).columns or 80
        sys.stderr.write(CLEAR + text[:columns - 1])
        sys.stderr.flush()

    def clear(self) -> None:
        sys.stderr.write(CLEAR)
        sys.stderr.flush()


class TqdmBar:
    """The same, as tqdm has it."""

    def __init__(self, ended: int, left: int) -> None:
        from tqdm import tqdm
        tqdm.monitor_interval = 0  # No thread, beside those who fork.
        self.bar = tqdm(
            desc="[fjd]", unit="job", initial=ended, total=ended + left,
            file=sys.stderr, dynamic_ncols=True, leave=False,
        )

    def draw(self, ended: int, failed: int, left: int) -> None:
        self.bar.n, self.bar.total = ended, ended + left
        self.bar.set_postfix(failed=failed)

    def clear(self) -> None:
        self.bar.clear()


def new_bar(ended: int, left: int) -> Any:
    """The best that there is."""
    try:
        return TqdmBar(ended, left)
    except ImportError:
        return PlainBar(ended, left)


def hours(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes // 60}:{minutes % 60:02}:{rest:02}"
