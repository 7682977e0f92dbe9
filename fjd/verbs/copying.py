"""The output of one ended job, on its way to stdout and stderr."""
import re
from typing import List, NamedTuple, Tuple

from fjd.ledger import Entry
from fjd.verbs.outlet import Outlet
from fjd.verbs.printed import Part, Printed

BLOCK = 1 << 18  # bytes read at a time
TAGGED = 1 << 20  # most bytes of a block with tags
LEAST = 64       # bytes of a block with long tags


class Item(NamedTuple):
    """An end whose output is to be printed, or only has its turn.

    tag: what each of its lines begins with.
    """

    entry: Entry
    tag: bytes = b""
    is_silent: bool = False


class Copy:
    """Copies what a job has printed, as far as it is written.

    After an OSError, call it again: it continues there.
    """

    def __init__(
        self, printed: Printed, item: Item, out: Outlet, err: Outlet,
    ) -> None:
        self.printed = printed
        self.entry, self.tag, _ = item
        self.outlets = (out, err)
        self.parts: List[Part] = []  # the next one is the last
        if not item.is_silent:
            self.parts = printed.parts(self.entry)[::-1]
        self.at = self.parts[-1].begin if self.parts else 0
        self.is_new_line = True
        self.block = BLOCK
        if self.tag:
            self.block = max(LEAST, min(BLOCK, TAGGED // len(self.tag)))

    def next(self) -> Tuple[Outlet, bytes]:
        """Return the next bytes and where they belong; b"" at the end."""
        while self.parts:
            part = self.parts[-1]
            size = min(self.block, part.end - self.at)
            data = self.printed.read(self.entry, part.kind, self.at, size)
            self.at += len(data)
            if len(data) == size and self.at < part.end:
                return self.outlets[part.is_errors], self.tagged(data)
            self.parts.pop()
            self.at = self.parts[-1].begin if self.parts else 0
            text = self.tagged(data)
            self.is_new_line = True
            if text:
                return self.outlets[part.is_errors], text
        return self.outlets[0], b""

    def tagged(self, data: bytes) -> bytes:
        """Return lines, or parts of lines, each line with the tag before it.
        """
        if not (self.tag and data):
            return data
        start = self.tag if self.is_new_line else b""
        self.is_new_line = data.endswith(b"\n")
        return start + re.sub(
            rb"\n(?!\Z)", lambda found: b"\n" + self.tag, data)
