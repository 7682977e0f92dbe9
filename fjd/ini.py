"""Which parser reads INI files: the one place that decides.

configparser2 is a backport of the standard library's parser; both read a
file alike (tests/unit).  Nothing is interpolated, keys without a value and
keys or sections that come twice (the last counts) are allowed: they are the
job's own affair.

A parser takes 0.14 ms for three lines (measured), an eighth of what it costs
to start a process.  So plain lines, as most jobs have, are read without one.
"""
import re
from typing import Any, Dict, Optional

from fjd.bytecode import optional

try:
    # PY36: to 3.9; from 3.10 on the backport cannot be imported.
    configparser: Any = optional("backports.configparser2")
except ImportError:
    import configparser  # type: ignore

Error = configparser.Error
Sections = Dict[str, Dict[str, Optional[str]]]

BLANKS = re.compile(r"[ \t\v\f]{64,}")
# A header, a key with its value, a comment, or nothing; all in ASCII.
PLAIN = re.compile(
    r"\[(?!DEFAULT\])([\w-]+)\]|([\w-]+)[ \t]*[:=][ \t]*([ -~]*?)[ \t]*"
    r"|[#;][ -~]*|", re.A)


class Parser(configparser.RawConfigParser):
    """One regular expression for section headers, where versions differ."""

    SECTCRE = re.compile(r"\[(?P<header>[^]]+)\]")


def sections(text: str) -> Sections:
    """{section: {key in lower case: value}}; Error if it is no INI file."""
    found = plain_sections(text)
    if found is None:
        # Which a parser takes minutes for, if there are many.
        parser = parse(BLANKS.sub(" ", text))
        found = {name: dict(parser.items(name)) for name in parser.sections()}
    return found


def plain_sections(text: str) -> Optional[Sections]:
    """The same, of a text with plain lines only; None of any other."""
    found: Sections = {}
    for line in text.split("\n"):
        match = PLAIN.fullmatch(line)
        if not match:
            return None
        header, key, value = match.groups()
        if header:
            section = found.setdefault(header, {})
        elif key:
            if not found:
                return None
            section[key.lower()] = value
    return found


def parse(text: str, source: str = "<string>", strict: bool = False) -> Any:
    """A RawConfigParser that has read text; Error if it is no INI file.

    strict: nor what has a section or key twice.
    """
    parser = Parser(strict=strict, allow_no_value=True)
    try:
        parser.read_string(text, source)
    except AttributeError:  # The parser's own fault, up to Python 3.13.
        raise Error("a line continues a key that has no value")
    return parser
