"""Where the commands of fjd run come from: a list, or standard input.

Nothing waits for the end of standard input: commands are taken as they come.
"""
import fcntl
import os
import select
import stat
import time
from typing import Any, Callable, Deque, Iterator, List, Optional

from fjd.errors import BadUsage
from fjd.wakeup import JOB

BLOCK = 1 << 16  # bytes read at a time
MOST = 1 << 16   # commands taken at a time
SLICE = 0.05     # seconds for which commands are taken before some are put
SETSIG = getattr(fcntl, "F_SETSIG", None)  # Linux


class Source:
    """Commands that are all there."""

    def __init__(self, commands: Iterator[str]) -> None:
        self.commands = commands
        self.is_open = True  # there may be more
        self.arguments: Optional[Deque[str]] = None  # of the commands

    def watch(self) -> None:
        """Let a signal come when there are more."""

    def close(self) -> None:
        """Take no more."""
        self.is_open = False

    def take(self, seconds: float) -> List[str]:
        """Return the commands that come within that time; none may."""
        until, found = time.monotonic() + seconds, []
        for command in self.commands:
            if command.strip():
                found.append(command)
            if len(found) >= MOST or time.monotonic() > until:
                return found
        self.is_open = False
        return found

    def first(self) -> List[str]:
        """Wait for the first commands; none: there are none."""
        found: List[str] = []
        while self.is_open and not found:
            self.wait()
            found = self.take(SLICE)
        return found

    def wait(self) -> None:
        """Wait until there is a command, or the end."""


class Typed(Source):
    """A command for each line of a file; make() turns one into the other."""

    def __init__(self, file: Any, make: Callable[[int, str], str]) -> None:
        super().__init__(iter(()))
        self.descriptor = file.fileno()
        self.make = make
        self.number = 0
        self.pending = b""  # a line that is not complete
        mode = os.fstat(self.descriptor).st_mode
        self.is_regular = stat.S_ISREG(mode)

    def watch(self) -> None:
        """Let JOB come with each write of another process, where a file can
        do that (fcntl(2), O_ASYNC).
        """
        try:
            fcntl.fcntl(self.descriptor, fcntl.F_SETOWN, os.getpid())
            fcntl.fcntl(self.descriptor, SETSIG, JOB)
            self.set_async(True)
        except (OSError, TypeError):
            pass  # We look again after a while.

    def wait(self) -> None:
        select.select([self.descriptor], [], [])

    def set_async(self, is_on: bool) -> None:
        flags = fcntl.fcntl(self.descriptor, fcntl.F_GETFL)
        flags = flags | os.O_ASYNC if is_on else flags & ~os.O_ASYNC
        fcntl.fcntl(self.descriptor, fcntl.F_SETFL, flags)

    def close(self) -> None:
        super().close()
        try:
            self.set_async(False)  # The description may be a terminal's.
        except OSError:
            pass

    def take(self, seconds: float) -> List[str]:
        """Return what has come and, if that is something, what still comes
        within that time.
        """
        found: List[str] = []
        left, until = 0.0, time.monotonic() + seconds
        while self.is_open and len(found) < MOST and self.is_ready(left):
            found += self.read()
            left = until - time.monotonic()
            if left <= 0:
                break
        return found

    def is_ready(self, seconds: float) -> bool:
        if self.is_regular:
            return True
        return bool(select.select([self.descriptor], [], [], seconds)[0])

    def read(self) -> List[str]:
        """Return the commands of the next block; wait for it."""
        data = os.read(self.descriptor, BLOCK)
        self.is_open = bool(data)
        *lines, self.pending = (self.pending + data).split(b"\n")
        if not data and self.pending:
            lines.append(self.pending)
        if b"\0" in data:
            raise BadUsage("standard input: NUL bytes; one item a line is"
                           " wanted")
        return [command for command in map(self.command, lines)
                if command.strip()]

    def command(self, line: bytes) -> str:
        self.number += 1
        return self.make(self.number, os.fsdecode(line))
