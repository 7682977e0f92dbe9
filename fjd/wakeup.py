"""Waiting: for a while, or until a signal comes, whichever is first.

A signal also comes from the kernel (fcntl(2), "File and directory change
notification") when a file comes or goes in a directory that is watched, from
this host.  It saves time and decides nothing: where there is no such thing,
who waits looks again after a while, as it does for what other hosts do.
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
UNHEARD = {signal.SIGCHLD, signal.SIGIO}  # by who uses nohup(1)
LONGEST = 1.25    # the default of --interval


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

    def is_longest(self) -> bool:
        return self.next > self.longest


class Alarm:
    """Notes signals, which then end a wait instead of the process."""

    def __init__(self, signals: Iterable[int] = ()) -> None:
        self.signals = {*signals, signal.SIGIO}
        self.reader = -1
        self.watched: Dict[str, int] = {}  # directory: descriptor

    def set(self) -> None:
        """Catch the signals from now on, but none that nohup(1) ignores."""
        if self.reader >= 0:
            return
        # In its last milliseconds Python heeds no signal, which would end it.
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
        """Let the next file that comes or goes send SIGIO, and then no more;
        not before set().
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
                pass  # It is gone, or not to be had.

    def wait(self, seconds: float) -> Set[int]:
        """Until a signal or the time has come; the signals that came."""
        came, _, _ = select.select([self.reader], [], [], seconds)
        return set(os.read(self.reader, 4096)) if came else set()

    def doze(self, seconds: float) -> Set[int]:
        """The same, but what comes in the first 5 ms is heard when these are
        over.
        """
        deaf = min(seconds, SHORTEST)
        time.sleep(deaf)
        return self.wait(seconds - deaf)
