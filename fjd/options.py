"""The command line: parsers, types of options, and options that are shared.

A mistyped verb or option is one line with the nearest one that there is.
"""
import argparse
import math
import re
import sys
from typing import Any, Callable, Dict, Iterable, List, Optional, Tuple

from fjd.home import default_project
from fjd.members import BEAT
from fjd.names import printable

NEAR = 0.7  # least likeness of a suggested word, as difflib counts it
AGAIN = "--again"  # tells a recruiter that a dispatcher has started it
MOST_LOSSES = 3  # workers that may die while they run one job
PLACE = "Jobs are files in ~/.fjd/P/jobqueue ($FJD_DIR names another place" \
    " than ~/.fjd)."

Option = Tuple[Tuple[str, ...], Dict[str, Any]]


def nearest(word: str, known: Iterable[str]) -> str:
    """Return " (did you mean ...?)" if something known is near, else ""."""
    from difflib import get_close_matches  # Late: only mistakes need it.
    found = get_close_matches(word.partition("=")[0], list(known), 1, NEAR)
    return f" (did you mean {found[0]}?)" if found else ""


class Parser(argparse.ArgumentParser):
    """Reports a mistake in one line."""

    def __init__(self, *words: Any, **how: Any) -> None:
        self.known: List[str] = []  # options
        self.words: List[str] = []  # to parse
        self.listing: Callable[[], str] = str  # what --help ends with
        # add_argument() makes a formatter only for a check.  Without a width
        # it would ask for that of the terminal, by a module that takes 3 ms.
        self.shape = how.get("formatter_class", argparse.HelpFormatter)
        how["formatter_class"] = lambda prog: self.shape(prog, width=79)
        super().__init__(*words, **how)

    def error(self, message: str) -> Any:
        hint = "" if message.endswith("?)") else " (see --help)"
        text = printable(f"{self.prog}: error: {message}{hint}")
        self.exit(2, f"{text}\n")

    def parse_args(self, args: Any = None, namespace: Any = None) -> Any:
        self.words = sys.argv[1:] if args is None else list(args)
        found, others = self.parse_known_args(self.words, namespace)
        if others:
            self.refuse(others, self.known)
        return found

    def refuse(self, words: List[str], known: Iterable[str]) -> None:
        """End with the words that the parser does not know."""
        text, first = " ".join(words), words[0]
        words = [*known, "--help"]
        near = nearest(first, words) if first.startswith("-") else ""
        self.error(f"unrecognized arguments: {text}{near}")

    def _get_option_tuples(self, option_string: str) -> Any:
        """Complete no abbreviated option.

        PY36: allow_abbrev=False also refuses -j4, up to 3.7 (bpo-26967).
        """
        if option_string.startswith("--"):
            return []
        return super()._get_option_tuples(option_string)  # type: ignore

    def format_help(self) -> str:
        self.formatter_class = self.shape
        return super().format_help() + self.listing()


class ShowVersion(argparse.Action):
    """Print the version; only this looks which commit it is."""

    def __call__(self, parser: Any, *others: Any) -> None:
        from fjd.output import show
        from fjd.revision import version
        show(version())
        parser.exit()


def positive(text: str) -> int:
    if not re.fullmatch("[1-9][0-9]{0,8}", text):
        raise argparse.ArgumentTypeError(f"{text!r} is no number above 0")
    return int(text)


def seconds(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = 0.0
    if not 0.0 < value <= 3600.0:
        raise argparse.ArgumentTypeError(
            f"{text!r} is no number of seconds above 0, at most 3600",
        )
    return value


def missed_beats(text: str) -> int:
    """How many heartbeats fit into so many seconds."""
    value = seconds(text)
    if value < 2 * BEAT:  # One may always be late.
        raise argparse.ArgumentTypeError(
            f"{text!r} is no number of seconds from {2 * BEAT:g} to 3600")
    return math.ceil(value / BEAT)


def option(*words: str, **how: Any) -> Option:
    return words, how


def flag(*words: str, **how: Any) -> Option:
    return option(*words, action="store_true", **how)


def shared(*words: str, **how: Any) -> Option:
    """Accepted before and after the verb; SUPPRESS keeps the verb's default
    from overwriting it.
    """
    return option(*words, default=argparse.SUPPRESS, **how)


PROJECT = shared(
    "--project", metavar="P",
    help="the project's name (default: $FJD_PROJECT, else default)")
MAX_LOSSES = shared(
    "--max-losses", metavar="N", type=positive, help="give up a job when N"
    f" workers have died while they ran it (default: {MOST_LOSSES})")
QUIET = flag("--quiet", help="print only a line for each job that failed")


def interval(default: float) -> Option:
    return option(
        "--interval", metavar="S", type=seconds, default=default, help="look"
        f" for something to do at least every S seconds (default: {default:g})"
    )


def new_parser(description: str, *options: Option) -> Parser:
    parser = Parser(description=description, epilog=PLACE)
    parser.add_argument(
        "--version", action=ShowVersion, nargs=0, default=argparse.SUPPRESS,
        help="show program's version number and exit")
    add_options(parser, options)
    return parser


def add_options(parser: Parser, options: Iterable[Option]) -> None:
    for words, how in options:
        parser.add_argument(*words, **how)
        if how.get("help") != argparse.SUPPRESS:
            parser.known += [word for word in words if word.startswith("--")]


def parse(
    parser: Parser, words: Optional[List[str]] = None, **defaults: Any,
) -> argparse.Namespace:
    """Return the command line; defaults are for options not given there."""
    known = {"project": default_project(), "max_losses": MOST_LOSSES}
    return parser.parse_args(
        words, argparse.Namespace(**{**known, **defaults}))
