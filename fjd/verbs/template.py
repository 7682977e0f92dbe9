"""Command lines out of a template and arguments.

In the manner of GNU parallel: {} is all arguments, {2} the second, {#} the
number of the command.  Or in that of fjd in 2013: $1, $2.  What is put in is
quoted for the shell, so no quotes belong around a placeholder.
"""
import itertools
import re
from shlex import quote
from typing import Iterable, Iterator, List, Sequence, Tuple

from fjd.errors import BadUsage

BRACES = re.compile(r"\{(#|[1-9][0-9]*|)\}")
DOLLAR = re.compile(r"\$([1-9])")
SEPARATOR = ":::"
UNKNOWN = ("::::", ":::+", "::::+")  # to us


def split(words: List[str]) -> Tuple[str, List[List[str]]]:
    """The template, and the lists of arguments, each behind a :::."""
    parts: List[List[str]] = [[]]
    for word in words:
        if word in UNKNOWN:
            raise BadUsage(f'"{word}": there is only "{SEPARATOR}"',
                           "try: < FILE, with an argument a line")
        elif word == SEPARATOR:
            parts.append([])
        else:
            parts[-1].append(word)
    return " ".join(parts[0]), parts[1:]


def combinations(lists: List[List[str]]) -> Iterator[Sequence[str]]:
    """The last list goes fastest."""
    return itertools.product(*lists)


def with_braces(
    template: str, rows: Iterable[Sequence[str]], length: int,
) -> Iterator[str]:
    """A command for each row of so many arguments; behind it, if nothing
    says where.
    """
    keys = BRACES.findall(template)
    for key in keys:
        if key.isdigit() and int(key) > length:
            raise BadUsage(f"{{{key}}}: there is no list number {key}")
    template += "" if keys else " {}"
    for number, row in enumerate(rows, 1):
        values = {str(i): quote(word) for i, word in enumerate(row, 1)}
        values.update({"": " ".join(map(quote, row)), "#": str(number)})
        yield BRACES.sub(lambda found: values[found.group(1)], template)


def with_dollars(template: str, rows: Iterable[Sequence[str]]) \
        -> Iterator[str]:
    """The same; what has no argument stays, in the script of an awk, say."""
    keys = set(DOLLAR.findall(template))
    for row in rows:
        values = {str(i): quote(word) for i, word in enumerate(row, 1)}
        if keys.isdisjoint(values):
            yield " ".join([template, *values.values()])
        else:
            yield DOLLAR.sub(
                lambda found: values.get(found.group(1), found.group()),
                template,
            )
