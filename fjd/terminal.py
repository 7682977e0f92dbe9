"""The terminal of a worker, which must never block the worker for long.

A screen session in copy mode reads nothing: an ordinary write would block
until the user comes back, and the worker would look dead meanwhile.
"""
import os
import select
import sys

SECONDS_TO_WRITE = 0.05  # seconds for the terminal to accept more


class Terminal:
    """Standard output, if that is a terminal."""

    def __init__(self) -> None:
        self.descriptor = -1
        self.is_open = False

    def open(self) -> None:
        if sys.stdout and sys.stdout.isatty():
            flags = os.O_WRONLY | os.O_NONBLOCK | os.O_NOCTTY
            try:
                name = os.ttyname(sys.stdout.fileno())
                self.descriptor = os.open(name, flags)
                self.is_open = True
            except OSError:
                pass  # After su(1) it may be another user's.

    def write(self, data: bytes) -> int:
        """Write; return the bytes accepted.  The rest may be dropped."""
        sent = 0
        try:
            while sent < len(data) and self.is_ready():
                sent += os.write(self.descriptor, data[sent:])
        except BlockingIOError:
            pass
        except OSError:
            self.is_open = False  # The session was closed.
        return sent

    def is_ready(self) -> bool:
        writable = select.select(
            [], [self.descriptor], [], SECONDS_TO_WRITE)[1]
        return bool(writable)
