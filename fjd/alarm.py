"""Waiting: for a while, or until a signal comes, whichever is first.

A signal's handler runs only between two instructions of Python; the byte
that set_wakeup_fd() writes is what ends a select() that has just begun.
"""
import os
import select
import signal
from typing import List, Sequence

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
    """Notes signals instead of being interrupted by them."""

    def __init__(self, signals: Sequence[int]) -> None:
        self.signals = signals
        self.noted: List[int] = []
        self.reader = -1

    def set(self) -> None:
        """Catch the signals from now on."""
        self.reader, writer = os.pipe()
        os.set_blocking(self.reader, False)
        os.set_blocking(writer, False)
        signal.set_wakeup_fd(writer)
        for number in self.signals:
            signal.signal(number, self.note)

    def note(self, number: int, frame: object) -> None:
        self.noted.append(number)

    def wait(self, seconds: float) -> None:
        """Until a signal or the time has come."""
        if seconds and select.select([self.reader], [], [], seconds)[0]:
            os.read(self.reader, 4096)

    def take(self) -> List[int]:
        """The signals that came since the last call."""
        noted, self.noted = self.noted, []
        return noted
