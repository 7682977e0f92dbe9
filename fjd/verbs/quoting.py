"""What a shell would make of a template: where its quotes are, which words are
operators, which braces have no meaning; and what to type instead.
"""
import re
from shlex import quote
from typing import Any, Iterable, List, Sequence

from fjd.errors import BadUsage
from fjd.jobfile import BUILTINS_OF, is_function
from fjd.names import printable

QUOTES = ("'", '"', "$'")
SHORT = 60  # characters of arguments that are shown in a hint
OPERATOR = re.compile(
    r"\|[|&]?|&&?|;;?|[0-9]?(?:>>?|<{1,3}|>\||<>)(?:&[0-9-]?)?|&>>?")
ASSIGNMENT = re.compile(r"[A-Za-z_][A-Za-z0-9_]*\+?=.*", re.S)
KEY = re.compile(r"(\{(?:[#%]|[0-9]*(?://|/?\.?))\})")
LAST = re.compile(r"[0-9]?>>?|;")  # operators that nobody ends a line with
# Of GNU parallel: braces that fjd has not, and what to write instead.
REFUSED = (
    (r"\{[0-9-]*=.*?=\}", "in a command line, $(printf %s {} | sed s/a/b/)"),
    (r"\{-[0-9]+(?://|/?\.?)\}", "{1}, {2} ..., counted from the first one"),
    (r"\{[0-9]*\.\.\.?\}", 'x={}; echo "${x%.*.*}"'),
    (r"\{[0-9]*/\.\.\.?\}", 'x={/}; echo "${x%.*.*}"'),
    (r"\{[0-9]*\+/\}", "{//}, the directory"),
    (r"\{[0-9]*\+\.{1,3}\}", 'x={}; echo "${x##*.}"'),
    (r"\{##\}", "n=$(wc -l <list) before, since jobs run while lines come"),
    (r"\{0+[#%]\}", "in a command line, $(printf %03d {#})"),
    (r"\{\+\}", "{}"),
)


def places(line: str) -> List[str]:
    """Return for each character of a command line what it stands in: quotes
    (which kind), a comment (#), $( ) or ( ), behind a backslash, or "".
    """
    found, stack = [], [""]
    is_escaped = False
    for at, char in enumerate(line):
        inside = stack[-1]
        before = "\\" if "\\" in found[-1:] else line[at - 1:at]
        found.append("\\" if is_escaped else inside)
        if is_escaped:
            is_escaped = False
        elif char == "\\" and inside not in ("'", "#"):
            is_escaped = True
        elif inside in ends(char):
            stack.pop()
        else:
            stack += opened(char, before, inside)
    return found


def ends(char: str) -> Sequence[str]:
    """Return what a character ends."""
    return {"'": ("'", "$'"), '"': ('"',), ")": ("(",), "\n": ("#",)}.get(
        char, ())


def opened(char: str, before: str, inside: str) -> List[str]:
    """Return what a character begins: nothing, or one thing."""
    if inside in ("'", "$'", "#"):
        return []
    is_dollar = before == "$"
    if char == "(" and (is_dollar or inside != '"'):
        return ["("]
    if char == '"':
        return ['"']
    if inside == '"':
        return []
    if char == "'":
        return ["$'" if is_dollar else "'"]
    return ["#"] if char == "#" and before in ("", " ", "\t", "\n", ";") \
        else []


def unquoted(line: str, keys: Iterable[Any]) -> str:
    """Return a command line with these keys outside of its quotes."""
    inside = places(line)
    for key in sorted(keys, key=lambda key: -key.begin):
        mark = inside[key.begin]
        begin, end = mark[-1], mark[-1]
        before, behind = line[:key.begin], line[key.begin + len(key.text):]
        if before.endswith(mark) and inside[key.begin - 1] in ("", "("):
            before, begin = before[:-len(mark)], ""
        if behind.startswith(end):
            behind, end = behind[1:], ""
        again = mark if end else ""
        line = f"{before}{begin}{key.text}{again}{behind}"
    return line


def as_typed(command: str, tail: Sequence[str], verb: str = "fjd run") -> str:
    """Return what to type to run a command line, as one word."""
    if "'" not in command:
        word = f"'{command}'"
    elif not set('"$`\\!').intersection(command):
        word = f'"{command}"'
    else:
        word = quote(command)
    rest = " ".join(map(quote, tail))
    if len(rest) > SHORT:
        rest = f"{tail[0]} ..."
    return printable(f"{verb} {word} {rest}".rstrip())


def check_braces(text: str) -> None:
    """Raise BadUsage if a text has braces of GNU parallel's that are refused.
    """
    for pattern, instead in REFUSED:
        match = re.search(rf"(?<![$\\]){pattern}", text)
        if match:
            raise BadUsage(f"{printable(match.group())}: fjd has no such"
                           " replacement string", f"try: {instead}")


def check_words(words: List[str], tail: Sequence[str]) -> None:
    """Raise BadUsage if several words look like a line for a shell."""
    if ASSIGNMENT.fullmatch(words[0]):
        better = as_typed(line_of(words), tail)
        refuse(words[0], "an assignment", f"try: {better}")
    for word in filter(OPERATOR.fullmatch, words):
        better = as_typed(line_of(words), tail)
        plain = as_typed(" ".join(map(word_of, words)), tail)
        # grep '>' {}: as an operator, it would overwrite the argument.
        is_meant = not LAST.fullmatch(words[-1])
        hint = f"{better}; or, if it is an argument: " * is_meant + plain
        refuse(word, "an operator", f"try: {hint}")


def refuse(word: str, what: str, hint: str) -> None:
    raise BadUsage(
        f'"{printable(word)}" is {what} of a shell, but several words run'
        " without one; quote the whole command", hint)


def line_of(words: Iterable[str]) -> str:
    """Return the command line that words were meant to be."""
    return " ".join(word if OPERATOR.fullmatch(word) else word_of(word)
                    for word in words)


def word_of(word: str) -> str:
    """Return a word of a command line; its {} stay outside of quotes."""
    parts = KEY.split(word)
    parts[::2] = [part and quote(part) for part in parts[::2]]
    return "".join(parts) or quote("")


def is_of_shell(word: str) -> bool:
    """Return whether only bash knows a command: a builtin, or a function."""
    return word in BUILTINS_OF["bash"] or is_function(word)
