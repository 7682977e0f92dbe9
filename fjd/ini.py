"""Reading INI files, and the only choice of the parser.

configparser2 is a backport of the standard library's parser; both read a file
alike (tests/unit).  There is no interpolation.  Keys without a value, and
repeated keys or sections (the last counts), are allowed: fjd leaves them to
the job.

A parser takes 0.14 ms for three lines (measured), an eighth of the cost of
starting a process; jobfile.PLAIN_JOB spares it most job files.
"""
import re
from functools import lru_cache
from typing import Any, Dict, Optional

from fjd.bytecode import optional

Sections = Dict[str, Dict[str, Optional[str]]]

BLANKS = re.compile(r"[ \t\v\f]{64,}")
HEADER = r"\[(?P<header>[^]]+)\]"  # of a section, in any version


class Error(Exception):
    """A text that is no INI file."""


@lru_cache()
def library() -> Any:
    """Return the parser's module.  Late: most commands need no parser."""
    try:
        # PY36: up to 3.9; from 3.10 on the backport cannot be imported.
        return optional("backports.configparser2")
    except ImportError:
        import configparser
        return configparser


def sections(text: str) -> Sections:
    """Return {section: {key in lower case: value}}; Error if not INI."""
    # Runs of many blanks take a parser minutes.
    parser = parse(BLANKS.sub(" ", text))
    return {name: dict(parser.items(name)) for name in parser.sections()}


def parse(text: str, source: str = "<string>", strict: bool = False) -> Any:
    """Return a RawConfigParser that has read text; Error if it is not INI.

    strict: a repeated section or key is an Error, too.
    """
    parser = library().RawConfigParser(strict=strict, allow_no_value=True)
    parser.SECTCRE = re.compile(HEADER)
    try:
        parser.read_string(text, source)
    except AttributeError:  # A bug of the parser, up to Python 3.13.
        raise Error("a line continues a key that has no value")
    except library().Error as error:
        raise Error(str(error))
    return parser
