"""Waiting: for a while, or until a signal comes, whichever is first.

The kernel also sends a signal (fcntl(2), "File and directory change
notification") when this host creates or removes a file in a watched directory.
That only saves time: without it, and for changes by other hosts, the process
looks again after a while.
"""
import atexit
import fcntl
import os
import select
import signal
import time
from typing import Dict, Iterable, Set

SHORTEST = 0.005  # seconds
LEAVE = {signal.SIGTERM, signal.SIGHUP, signal.SIGINT}  # end a process of ours
UNHEARD = {signal.SIGCHLD, signal.SIGIO}  # caught even under nohup(1)
LONGEST = 1.25    # seconds, the default of --interval


class Backoff:
    """The time to wait while nothing happens, longer each time."""

    def __init__(self, longest: float) -> None:
        self.longest = longest
        self.next = SHORTEST

    def reset(self) -> None:
        self.next = SHORTEST

    def longer(self) -> float:
        """Return the next wait in seconds, from SHORTEST to the longest."""
        now = min(self.next, self.longest)
        self.next = now * 1.5
        return now

    def is_longest(self) -> bool:
        return self.next > self.longest


class Alarm:
    """Catches signals, which then end a wait instead of the process."""

    def __init__(self, signals: Iterable[int] = ()) -> None:
        self.signals = {*signals, signal.SIGIO}
        self.reader = -1
        self.watched: Dict[str, int] = {}  # directory: descriptor

    def set(self) -> None:
        """Catch the signals from now on, except those nohup(1) ignores."""
        if self.reader >= 0:
            return
        # During shutdown Python's handlers are gone; SIGIO would kill us.
        atexit.register(signal.signal, signal.SIGIO, signal.SIG_IGN)
        self.reader, writer = os.pipe()
        os.set_blocking(self.reader, False)
        os.set_blocking(writer, False)
        signal.set_wakeup_fd(writer)
        for number in self.signals:
            ignored = signal.getsignal(number) == signal.SIG_IGN
            if number in UNHEARD or not ignored:
                signal.signal(number, lambda number, frame: None)

    def watch(self, *directories: str) -> None:
        """Let the next file created or removed there send SIGIO, once.

        This has no effect before set().
        """
        for directory in directories if self.reader >= 0 else ():
            try:
                if directory not in self.watched:
                    descriptor = os.open(directory, os.O_RDONLY)
                    self.watched[directory] = descriptor
                fcntl.fcntl(  # type: ignore
                    self.watched[directory], fcntl.F_NOTIFY,
                    fcntl.DN_CREATE | fcntl.DN_DELETE,
                )
            except (OSError, AttributeError):
                pass  # It is gone, or cannot be watched.

    def wait(self, seconds: float) -> Set[int]:
        """Wait for a signal or so many seconds; return the signals."""
        came, _, _ = select.select([self.reader], [], [], seconds)
        return set(os.read(self.reader, 4096)) if came else set()

    def doze(self, seconds: float) -> Set[int]:
        """Do the same, but let signals of the first 5 ms wait until then."""
        deaf = min(seconds, SHORTEST)
        time.sleep(deaf)
        return self.wait(seconds - deaf)
