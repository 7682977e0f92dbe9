"""Waiting: for a while, or until a signal comes, whichever is first."""
import os
import select
import signal
from typing import Iterable, Set

SHORTEST = 0.005  # seconds
LONGEST = 1.0     # the default of --interval


class Backoff:
    """How long to wait while nothing happens: each time longer."""

    def __init__(self, longest: float) -> None:
        self.longest = longest
        self.next = SHORTEST

    def reset(self) -> None:
        self.next = SHORTEST

    def longer(self) -> float:
        """Seconds: 5 ms at first, at last the longest."""
        now = min(self.next, self.longest)
        self.next = now * 1.5
        return now


class Alarm:
    """Notes signals, which then end a wait instead of the process."""

    def __init__(self, signals: Iterable[int]) -> None:
        self.signals = signals
        self.reader = -1

    def set(self) -> None:
        """Catch the signals from now on, but none that nohup(1) ignores."""
        self.reader, writer = os.pipe()
        os.set_blocking(self.reader, False)
        os.set_blocking(writer, False)
        signal.set_wakeup_fd(writer)
        for number in self.signals:
            ignored = signal.getsignal(number) == signal.SIG_IGN
            if number == signal.SIGCHLD or not ignored:
                signal.signal(number, lambda number, frame: None)

    def wait(self, seconds: float) -> Set[int]:
        """Until a signal or the time has come; the signals that came."""
        select.select([self.reader], [], [], seconds)
        try:
            return set(os.read(self.reader, 4096))
        except BlockingIOError:
            return set()
