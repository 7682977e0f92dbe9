"""Where the commands of fjd run come from: lists, files, or standard input.

Nothing waits for the end of standard input: commands are taken as they come.
"""
import fcntl
import os
import select
import stat
import time
from typing import Deque, Iterable, Iterator, List, Optional, Sequence

from fjd.errors import BadUsage
from fjd.names import printable
from fjd.verbs.rows import Block, Maker
from fjd.wakeup import JOB

BLOCK = 1 << 16  # bytes read at a time
MOST = 1 << 16   # commands taken at a time
SLICE = 0.05     # seconds for which commands are taken before some are put
SETSIG = getattr(fcntl, "F_SETSIG", None)  # Linux


class Source:
    """Commands that are all there.

    arguments: if somebody wants them, those of each command that was taken,
    in that order, joined by tabs.
    """

    def __init__(self, commands: Iterable[str]) -> None:
        self.blocks: Iterator[Block] = (
            ([command], [[command]]) for command in commands)
        self.is_open = True  # there may be more
        self.arguments: Optional[Deque[str]] = None

    def watch(self) -> None:
        """Let a signal come when there are more."""

    def close(self) -> None:
        """Take no more."""
        self.is_open = False

    def take(self, seconds: float) -> List[str]:
        """Return the commands that come within that time; none may."""
        until = time.monotonic() + seconds
        found: List[str] = []
        for block in self.blocks:
            found += self.kept(block)
            if len(found) >= MOST or time.monotonic() > until:
                return found
        self.is_open = False
        return found

    def kept(self, block: Block) -> List[str]:
        """Return the commands of a block that are not empty."""
        if self.arguments is not None:
            self.arguments += ["\t".join(row) for command, row in zip(*block)
                               if command.strip()]
        return [command for command in block[0] if command.strip()]

    def first(self) -> List[str]:
        """Wait for the first commands; none: there are none."""
        found: List[str] = []
        while self.is_open and not found:
            self.wait()
            found = self.take(SLICE)
        return found

    def wait(self) -> None:
        """Wait until there is a command, or the end."""


class Made(Source):
    """Commands that are made of values that are all there."""

    def __init__(self, maker: Maker, values: Iterable[str]) -> None:
        super().__init__(())
        self.blocks = maker.blocks(values, True)


class Typed(Source):
    """Commands that are made of the lines of a file, as these come.

    separator: what ends a line.
    """

    def __init__(
        self, descriptor: int, separator: bytes = b"\n",
        name: str = "standard input",
    ) -> None:
        super().__init__(())
        self.descriptor = descriptor
        self.separator = separator
        self.name = name  # for messages
        self.pending = b""  # a line that is not complete
        self.is_at_end = False
        self.is_drained = True  # all that was read has been taken
        self.early: List[str] = []  # lines that came with the header
        mode = os.fstat(self.descriptor).st_mode
        self.is_regular = stat.S_ISREG(mode)

    def header(self) -> Iterator[str]:
        """Wait for the first line; yield it, if there is one, and no other.
        """
        lines: List[str] = []
        while not (lines or self.is_at_end):
            lines = self.read()
        self.early = lines[1:]
        yield from lines[:1]

    def begin(self, maker: Maker) -> None:
        """Let this make the commands; it is called once, at first."""
        self.maker = maker
        self.add(self.early)

    def add(self, lines: Sequence[str]) -> None:
        self.blocks = self.maker.blocks(lines, self.is_at_end)
        self.is_drained = False

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
        if self.is_drained:
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
        left, until, is_late = 0.0, time.monotonic() + seconds, False
        while self.is_open and len(found) < MOST:
            block = next(self.blocks, None)
            if block:
                found += self.kept(block)
            elif self.is_at_end or self.maker.is_full:
                self.is_open = False
            else:
                self.is_drained = True
                if is_late or not self.is_ready(left):
                    break
                self.add(self.read())
            left = until - time.monotonic()
            is_late = left <= 0
            if found and is_late:
                break
        return found

    def is_ready(self, seconds: float) -> bool:
        if self.is_regular:
            return True
        return bool(select.select([self.descriptor], [], [], seconds)[0])

    def read(self) -> List[str]:
        """Return the lines of the next block; wait for it."""
        data = os.read(self.descriptor, BLOCK)
        self.is_at_end = not data
        if b"\0" in data and self.separator != b"\0":
            raise BadUsage(
                f"{printable(self.name)}: NUL bytes; one item a line is"
                " wanted", "try: the option -0, for items that end with NUL"
                " bytes, as find -print0 writes them")
        if not data:
            return [os.fsdecode(self.pending)] if self.pending else []
        whole, mark, self.pending = (self.pending + data).rpartition(
            self.separator)
        return os.fsdecode(whole).split(os.fsdecode(mark)) if mark else []

    def all(self) -> List[str]:
        """Return all lines, to the end of the file."""
        lines: List[str] = []
        while not self.is_at_end:
            lines += self.read()
        return lines
