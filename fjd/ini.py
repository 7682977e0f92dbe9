"""Reading INI files, and the only choice of the parser.

configparser2 is a backport of the standard library's parser; both read a file
alike (tests/unit).  There is no interpolation.  Keys without a value, and
repeated keys or sections (the last counts), are allowed: fjd leaves them to
the job.

A parser takes 0.14 ms for three lines (measured), an eighth of the cost of
starting a process.  So plain lines, as in most jobs, are read without one.
"""
import re
from typing import Any, Dict, Optional

from fjd.bytecode import optional

try:
    # PY36: up to 3.9; from 3.10 on the backport cannot be imported.
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
    """A parser whose section headers do not depend on the version."""

    SECTCRE = re.compile(r"\[(?P<header>[^]]+)\]")


def sections(text: str) -> Sections:
    """Return {section: {key in lower case: value}}; Error if not INI."""
    found = plain_sections(text)
    if found is None:
        # Runs of many blanks take a parser minutes.
        parser = parse(BLANKS.sub(" ", text))
        found = {name: dict(parser.items(name)) for name in parser.sections()}
    return found


def plain_sections(text: str) -> Optional[Sections]:
    """Return the same for a text of plain lines; None for any other."""
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
    """Return a RawConfigParser that has read text; Error if it is not INI.

    strict: a repeated section or key is an Error, too.
    """
    parser = Parser(strict=strict, allow_no_value=True)
    try:
        parser.read_string(text, source)
    except AttributeError:  # A bug of the parser, up to Python 3.13.
        raise Error("a line continues a key that has no value")
    return parser
