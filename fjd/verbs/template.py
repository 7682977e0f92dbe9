"""Making command lines from a template and arguments.

fjd run has the replacement strings of GNU parallel: {} is all arguments, {2}
the second one, {.} {/} {//} and {/.} are parts of a path, {#} is the number of
the command, {%} the slot of its worker.  One word is a command line for a
shell, in which arguments are quoted.  Several words are a program and its
arguments: each word that comes out is quoted, so that splitting the line again
(shlex) gives what the person typed, with the arguments in their places.

A template is split once, into texts and functions that make what stands
between them.  fjd --exe uses $1, $2 ... as fjd did in 2013.
"""
import re
from functools import partial
from shlex import quote
from typing import (
    Callable, Dict, Iterable, Iterator, List, NamedTuple, Optional, Sequence,
)

from fjd.errors import BadUsage
from fjd.verbs.quoting import (
    as_typed, check_braces, check_words, is_of_shell, places, QUOTES, unquoted,
)

PLAIN = re.compile(r"[\w@%+=:,./-]+", re.A).fullmatch  # as shlex.quote has it
DOLLAR = re.compile(r"\$([1-9])")
EXTENSION = re.compile(r"\.[^/.]*\Z")
SLOT = '"$FJD_SLOT"'
Row = Sequence[str]  # the arguments of a command
Make = Callable[[int, Row], str]  # of its number and its arguments


def quoted(word: str) -> str:
    """Return what shlex.quote does, in half the time for a plain word."""
    return word if PLAIN(word) else quote(word)


def only_argument(number: int, row: Row) -> str:
    """Return what replaces {} where each row has one argument."""
    return quoted(row[0])


def without_extension(path: str) -> str:
    return EXTENSION.sub("", path)


def base(path: str) -> str:
    return path[path.rfind("/") + 1:]


def directory(path: str) -> str:
    """Return the directory of a path, as dirname(1) does."""
    parent = path.rstrip("/").rpartition("/")[0].rstrip("/")
    return parent or ("/" if path[:1] == "/" else ".")


def base_without_extension(path: str) -> str:
    return without_extension(base(path))


CHANGES: Dict[str, Optional[Callable[[str], str]]] = {
    "": None, ".": without_extension, "/": base, "//": directory,
    "/.": base_without_extension,
}


class Key(NamedTuple):
    """A replacement string: a column from 0 on, or # or %, or all columns;
    and the part of a path that is wanted.
    """

    text: str  # as it is typed
    begin: int  # in the template
    special: str = ""
    column: int = -1
    change: Optional[Callable[[str], str]] = None

    def words(self, row: Row) -> List[str]:
        """Return the words that it stands for: none for a missing column."""
        found = row if self.column < 0 \
            else row[self.column:self.column + 1]
        return list(map(self.change, found) if self.change else found)

    def quoted(self, number: int, row: Row) -> str:
        """Return what replaces it in a command line."""
        if self.special:
            return str(number) if self.special == "#" else SLOT
        return " ".join(map(quoted, self.words(row)))

    def plain(self, number: int, row: Row) -> str:
        """Return what replaces it in a word."""
        return str(number) if self.special else " ".join(self.words(row))


def keys_in(text: str, names: Sequence[str]) -> List[Key]:
    """Return the replacement strings in a text; names are those of columns.

    What a $ stands before belongs to a shell, such as ${1}.
    """
    named = [re.escape(name) for name in names if name]
    column = "|".join(["[1-9][0-9]*", *sorted(named, key=len, reverse=True)])
    pattern = rf"(?<!\$)\{{(?:([#%])|({column}|)(//|/?\.?))\}}"
    found = []
    for match in re.finditer(pattern, text):
        special, name, change = match.groups()
        number = -1
        if name:
            is_name = name in names
            number = names.index(name) if is_name else int(name) - 1
        found.append(Key(match.group(), match.start(), special or "", number,
                         CHANGES[change or ""]))
    return found


class Template:
    """What a person typed in place of a command, split into pieces.

    width: how many arguments a row has at most, None if that is not known;
    tail: the words behind the command, to be shown.
    """

    def __init__(
        self, words: List[str], width: Optional[int] = 1,
        tail: Sequence[str] = (),
    ) -> None:
        # An empty word is no command: the arguments are.
        self.words = words if any(words) else []
        self.width = width
        self.tail = tail
        self.names: Sequence[str] = ()  # of columns
        self.texts = [""]  # one more than there are functions
        self.makes: List[Make] = []
        self.has_slot = False
        self.keys: List[Key] = []

    @property
    def is_line(self) -> bool:
        """Whether commands are lines for a shell, not words of a program."""
        return len(self.words) < 2 or self.has_slot or is_of_shell(
            self.words[0])

    def compile(self, names: Sequence[str] = ()) -> None:
        """Split it; names: those of columns.  BadUsage: it has a mistake."""
        self.names = names
        if len(self.words) == 1:
            self.add_line(self.words[0])
        elif self.words:
            check_words(self.words, self.tail)
            self.add_words(self.words)

    def keys_of(self, text: str) -> List[Key]:
        """Return the replacement strings in a text; BadUsage: it has some
        that cannot be replaced.
        """
        keys = keys_in(text, self.names)
        check_braces(text)
        for key in keys:
            if self.width is not None and key.column >= self.width:
                raise BadUsage(f"{key.text}: there is no list number"
                               f" {key.column + 1}")
        self.has_slot |= any(key.special == "%" for key in keys)
        self.keys += keys
        return keys

    def add(self, make: Make) -> None:
        self.makes.append(make)
        self.texts.append("")

    def add_arguments(self, key: Key) -> None:
        """Let all words that a key stands for be added."""
        is_one = self.width == 1 and not (key.special or key.change)
        self.add(only_argument if is_one else key.quoted)

    def add_line(self, line: str) -> None:
        """Split a command line; without a key, the arguments are appended."""
        inside = places(line)
        keys = [key for key in self.keys_of(line) if inside[key.begin] != "\\"]
        bad = [key for key in keys if not key.special
               and inside[key.begin] in QUOTES]
        if bad:
            better = as_typed(unquoted(line, bad), self.tail)
            raise BadUsage(f"{bad[0].text} stands in quotes: fjd quotes it,"
                           " so write it outside of them", f"try: {better}")
        end = 0
        for key in keys:
            self.texts[-1] += line[end:key.begin]
            end = key.begin + len(key.text)
            self.add_key(key, inside[key.begin])
        self.texts[-1] += line[end:]
        if not keys:
            self.texts[-1] += " "
            self.add_arguments(Key("{}", 0))

    def add_key(self, key: Key, quotes: str) -> None:
        if key.special == "%":
            # In quotes, it ends them and begins them again.
            self.texts[-1] += f"{quotes}{SLOT}{quotes}" \
                if quotes in QUOTES else SLOT
        else:
            self.add_arguments(key)

    def add_words(self, words: List[str]) -> None:
        """Quote each word; without a key, the arguments are appended."""
        for word in words:
            self.add_word(word, self.keys_of(word))
        if not self.keys:
            self.add_word("{}", [Key("{}", 0)])
        self.texts[-1] = self.texts[-1].rstrip()

    def add_word(self, word: str, keys: List[Key]) -> None:
        if not keys:
            self.texts[-1] += quote(word)
        elif word == keys[0].text:
            self.add_key(keys[0], "")  # A word for each argument.
        else:
            self.add(partial(filled_word, word, keys))
        self.texts[-1] += " "

    def fill(self, number: int, rows: Sequence[Row]) -> List[str]:
        """Return the commands of some rows; number: of the first one.

        Without words, the arguments are the command.
        """
        if not self.words:
            return [" ".join(row) for row in rows]
        if len(self.makes) == 1:
            return self.filled_one(number, rows)
        parts = [""] * (2 * len(self.makes) + 1)
        parts[::2] = self.texts
        commands = []
        for number, row in enumerate(rows, number):
            parts[1::2] = [make(number, row) for make in self.makes]
            commands.append("".join(parts))
        return commands

    def filled_one(self, number: int, rows: Sequence[Row]) -> List[str]:
        """The same for one replacement string, which most templates have."""
        (before, after), make = self.texts, self.makes[0]
        if make is only_argument:
            # A million of them should not take a second.
            return [f"{before}{word if PLAIN(word) else quote(word)}{after}"
                    for word, in rows]
        return [f"{before}{make(number, row)}{after}"
                for number, row in enumerate(rows, number)]


def filled_word(text: str, keys: List[Key], number: int, row: Row) -> str:
    """Return a word of a command line, with its keys replaced."""
    line, word, end = "", "", 0
    for key in keys:
        word += text[end:key.begin]
        end = key.begin + len(key.text)
        if key.special == "%":
            line += quote(word) * bool(word) + SLOT
            word = ""
        else:
            word += key.plain(number, row)
    word += text[end:]
    return line + (quoted(word) if word or not line else "")


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
