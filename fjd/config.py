"""Which parser reads INI files: the one place that decides.

configparser2 is a backport of the standard library's parser; both read a
file alike (tests/test_config.py).  Nothing is interpolated, keys without a
value and keys or sections that come twice (the last counts) are allowed:
they are the job's own affair.
"""
import re
from typing import Any

try:
    # PY36: to 3.9; from 3.10 on the backport cannot be imported.
    from backports import configparser2 as configparser
except ImportError:
    import configparser  # type: ignore

Error = configparser.Error


class Parser(configparser.RawConfigParser):
    """One regular expression for section headers, where versions differ."""

    SECTCRE = re.compile(r"\[(?P<header>[^]]+)\]")


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
