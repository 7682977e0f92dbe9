"""Making command lines from a template and arguments.

fjd run uses the placeholders of GNU parallel: {} is all arguments, {2} the
second one, {#} the number of the command.  fjd --exe uses $1, $2 ... as fjd
did in 2013.  Arguments are quoted for the shell, so a placeholder must not be
quoted.
"""
import itertools
import re
from shlex import quote
from typing import Callable, Iterable, Iterator, List, Sequence, Tuple

from fjd.errors import BadUsage

BRACES = re.compile(r"\{(#|[1-9][0-9]*|)\}")
DOLLAR = re.compile(r"\$([1-9])")
SEPARATOR = ":::"
Fill = Callable[[int, Sequence[str]], str]  # of a number and a row
UNKNOWN = ("::::", ":::+", "::::+")  # separators of GNU parallel only


def split(words: List[str]) -> Tuple[str, List[List[str]]]:
    """Return the template, and the lists of arguments; ::: begins each."""
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
    """Yield each combination of arguments; the last list varies fastest."""
    return itertools.product(*lists)


def with_braces(template: str, length: int) -> Fill:
    """Return a function that makes the command of a row: it replaces {}.

    Without a placeholder, the arguments are appended.  length: how many
    arguments each row has.
    """
    keys = BRACES.findall(template)
    for key in keys:
        if key.isdigit() and int(key) > length:
            raise BadUsage(f"{{{key}}}: there is no list number {key}")
    template += "" if keys else " {}"
    texts = BRACES.split(template)  # text, key, text, key, ... text

    def fill(number: int, row: Sequence[str]) -> str:
        words = list(map(quote, row))
        values = {"": " ".join(words), "#": str(number)}
        if len(words) > 1 or others:
            values.update((str(i), word) for i, word in enumerate(words, 1))
        parts = texts[:]
        parts[1::2] = [values[key] for key in texts[1::2]]
        return "".join(parts)

    others = set(texts[1::2]) - {"", "#"}
    return fill


def filled(fill: Fill, rows: Iterable[Sequence[str]]) -> Iterator[str]:
    """Yield the command of each row."""
    for number, row in enumerate(rows, 1):
        yield fill(number, row)


def with_dollars(template: str, rows: Iterable[Sequence[str]]) \
        -> Iterator[str]:
    """Yield a command for each row of arguments, with $1 ... replaced.

    $N without an argument stays as it is: it may belong to an awk script.
    """
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
