"""Waiting: for a while, or until a signal comes, whichever is first.

The kernel also sends a signal (fcntl(2), "File and directory change
notification") when this host creates or removes a file in a watched directory.
That only saves time: without it, and for changes by other hosts, the process
looks again after a while.
"""
import atexit
import fcntl
import os
import signal
import time
from typing import Any, Dict, Iterable, Set

SHORTEST = 0.005  # seconds
JOB = signal.SIGURG  # a job has come; otherwise ignored
LEAVE = {signal.SIGTERM, signal.SIGHUP, signal.SIGINT}  # end a process of ours
UNHEARD = {signal.SIGCHLD, signal.SIGIO, JOB}  # heard even under nohup(1)
LONGEST = 1.25    # seconds, the default of --interval
# What happens in a directory; no Python but Linux's knows it.
NEW = getattr(fcntl, "DN_CREATE", 0)  # a file is created or moved there
ANY = NEW | getattr(fcntl, "DN_DELETE", 0)  # or removed or moved away


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
    """Waits for signals, which are blocked and so end nothing else.

    The processes that we start have to unblock them.
    """

    def __init__(
        self, signals: Iterable[int] = (), events: int = ANY,
    ) -> None:
        self.signals = {*signals, signal.SIGIO, JOB}
        self.events = events
        self.is_set = False
        self.watched: Dict[str, int] = {}  # directory: descriptor

    def set(self) -> None:
        """Block the signals from now on, except those nohup(1) ignores."""
        if self.is_set:
            return
        self.is_set = True
        self.signals -= {
            number for number in self.signals - UNHEARD
            if signal.getsignal(number) == signal.SIG_IGN}
        signal.pthread_sigmask(signal.SIG_BLOCK, self.signals)
        # It may be unblocked, and its default is to end us.
        signal.signal(signal.SIGIO, lambda number, frame: None)
        atexit.register(signal.signal, signal.SIGIO, signal.SIG_IGN)

    def watch(self, *directories: str, number: int = signal.SIGIO) -> None:
        """Let the next of the events there send a signal, once.

        This has no effect before set().
        """
        for directory in directories if self.is_set else ():
            try:
                if directory not in self.watched:
                    descriptor = os.open(directory, os.O_RDONLY)
                    self.watched[directory] = descriptor
                    fcntl.fcntl(descriptor, fcntl.F_SETSIG, number)
                fcntl.fcntl(  # type: ignore
                    self.watched[directory], fcntl.F_NOTIFY, self.events)
            except (OSError, AttributeError):
                pass  # It is gone, or cannot be watched.

    def wait(self, seconds: float) -> Set[int]:
        """Wait for a signal or so many seconds; return the signal."""
        try:
            found = signal.sigtimedwait(self.signals, seconds)
        except AttributeError:  # Not Linux.
            return self.poll(seconds)
        return {found.si_signo} if found and self.is_real(found) else set()

    def is_real(self, found: Any) -> bool:
        """Return whether a signal came.

        If we were stopped (SIGSTOP, Ctrl-Z) and the time was over when we
        continued, sigtimedwait() returns what lay in memory (Python 3.6 to
        3.13): SIGINT, say, from a process that cannot be.
        """
        return found.si_signo in self.signals and found.si_errno == 0 \
            and abs(found.si_code) <= 128 and 0 <= found.si_pid < 1 << 22

    def poll(self, seconds: float) -> Set[int]:
        """Do the same where there is no sigtimedwait(2)."""
        deadline = time.monotonic() + seconds
        while True:
            left = deadline - time.monotonic()
            came = signal.sigpending() & self.signals
            if came or left <= 0:
                return {signal.sigwait(came)} if came else set()
            time.sleep(min(left, SHORTEST))

    def doze(self, seconds: float) -> Set[int]:
        """Do the same, but let signals of the first 5 ms wait until then."""
        deaf = min(seconds, SHORTEST)
        time.sleep(deaf)
        return self.wait(seconds - deaf)
