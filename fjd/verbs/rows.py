"""The arguments of fjd run: its lists, and the rows that are made of them.

A source of arguments is a list behind :::, a file, or standard input.  Each
value of it is split into columns (one, without --colsep).  Sources that are
linked (:::+) are gone through together; of all others, each combination is a
row, the last source varying fastest.  -n N joins N rows.

Only the first source may be without an end: all others are read at first.
"""
import os
import re
import stat
from itertools import islice, product
from typing import (
    Any, Callable, Iterable, Iterator, List, NamedTuple, Optional, Pattern,
    Sequence, Tuple,
)

from fjd.errors import BadUsage
from fjd.names import printable
from fjd.verbs.template import Row, Template

LISTS, FILES = (":::", ":::+"), ("::::", "::::+")
STDIN = "-"
TOGETHER = 1024  # rows that are filled in at a time
Block = Tuple[List[str], List[Row]]  # commands, and their arguments
Columns = Callable[[str], Row]


class Given(NamedTuple):
    """A source of arguments as it was typed: values, or the path of a file."""

    values: List[str]
    path: str = ""
    is_linked: bool = False


def split(words: List[str]) -> Tuple[List[str], List[Given]]:
    """Return the words of the command, and the sources behind it."""
    starts = [place for place, word in enumerate(words)
              if word in LISTS + FILES]
    command = words[:starts[0]] if starts else words[:]
    found: List[Given] = []
    for begin, end in zip(starts, starts[1:] + [len(words)]):
        mark, values = words[begin], words[begin + 1:end]
        is_linked = mark[-1] == "+"
        if mark in LISTS:
            found.append(Given(values, "", is_linked))
        elif values:
            found += [Given([], path, is_linked) for path in values]
        else:
            raise BadUsage(f'"{mark}" needs a file behind it')
    return command, found


def checked(sources: List[Given]) -> List[Given]:
    """Return them; BadUsage: nothing is before a linked one, or standard
    input is named twice.
    """
    if sources and sources[0].is_linked:
        mark = FILES[1] if sources[0].path else LISTS[1]
        raise BadUsage(f'"{mark}" goes through a list together with the one'
                       " before it, and there is none",
                       f'try: "{mark[:-1]}"')
    if [given.path for given in sources].count(STDIN) > 1:
        raise BadUsage('"-" is standard input, which can be read once')
    return sources


def opened(path: str) -> int:
    """Return the descriptor of a file to read; BadUsage: it cannot be."""
    if path == STDIN:
        return 0
    try:
        descriptor = os.open(path, os.O_RDONLY)
        if stat.S_ISDIR(os.fstat(descriptor).st_mode):
            raise IsADirectoryError(0, "it is a directory")
    except OSError as error:
        raise BadUsage(f"{printable(path)}: {error.strerror}")
    return descriptor


def columns_by(regex: Optional[str]) -> Columns:
    """Return a function that splits a value into columns, for --colsep."""
    if regex is None:
        return lambda text: (text,)
    try:
        pattern = re.compile(regex)
    except re.error as error:
        raise BadUsage(f"--colsep: {printable(regex)}: {error}")
    if pattern.match(""):
        raise BadUsage(f"--colsep: {printable(regex)} matches where nothing"
                       " is; something between columns is wanted")
    return lambda text: split_by(pattern, text)


def split_by(pattern: Pattern[str], text: str) -> Row:
    # split() also returns what groups have matched.
    return pattern.split(text)[::pattern.groups + 1]


class Rows:
    """Makes rows of the values of the first source, as they come.

    groups: the values of the others, each split into columns; those of the
    first group are linked to the first source.
    """

    def __init__(
        self, columns: Columns, groups: Sequence[List[List[Row]]],
        per_job: Optional[int],
    ) -> None:
        self.columns = columns
        self.linked = linked(groups[0]) if groups and groups[0] else None
        self.others = list(map(linked, groups[1:]))
        self.per_job = per_job or 1
        self.waiting: List[str] = []  # arguments of rows not yet joined
        self.count = 0  # of these rows
        self.place = 0  # in what is linked
        self.is_full = False  # a linked list has ended

    def rows(self, values: Iterable[str], is_last: bool) -> Iterable[Row]:
        """Return the rows that these values complete."""
        rows: Iterable[Row] = map(self.columns, values)
        if self.linked is not None:
            rows = self.with_linked(rows)
        if self.others:
            rows = self.combined(rows)
        return self.joined(rows, is_last) if self.per_job > 1 else rows

    def with_linked(self, rows: Iterable[Row]) -> Iterator[Row]:
        assert self.linked is not None
        for row in rows:
            if self.place == len(self.linked):
                self.is_full = True
                return
            yield [*row, *self.linked[self.place]]
            self.place += 1

    def combined(self, rows: Iterable[Row]) -> Iterator[Row]:
        for row in rows:
            for more in product(*self.others):
                yield [*row, *(text for part in more for text in part)]

    def joined(self, rows: Iterable[Row], is_last: bool) -> Iterator[Row]:
        for row in rows:
            self.waiting += row
            self.count += 1
            if self.count == self.per_job:
                yield self.taken()
        if is_last and self.count:
            yield self.taken()

    def taken(self) -> Row:
        row, self.waiting, self.count = self.waiting, [], 0
        return row


def linked(sources: List[List[Row]]) -> List[Row]:
    """Return the rows of lists that are gone through together, as far as the
    shortest goes.
    """
    return [[text for part in parts for text in part]
            for parts in zip(*sources)]


class Maker:
    """Makes commands of values: blocks of them, with their rows."""

    def __init__(self, template: Template, rows: Rows) -> None:
        self.template = template
        self.rows = rows
        self.number = 1  # of the next command

    @property
    def is_full(self) -> bool:
        return self.rows.is_full

    def blocks(
        self, values: Iterable[str], is_last: bool,
    ) -> Iterator[Block]:
        rows = iter(self.rows.rows(values, is_last))
        block = list(islice(rows, TOGETHER))
        while block:
            commands = self.template.fill(self.number, block)
            self.number += len(block)
            yield commands, block
            block = list(islice(rows, TOGETHER))


def width(options: Any, sources: int) -> Optional[int]:
    """Return how many arguments a row has at most; None: any number."""
    if options.colsep is not None:
        return None
    return max(1, sources) * (options.per_job or 1)
