"""The command line: parsers, types of options, and options that are shared.

A mistyped verb or option is one line with the nearest one that there is.
"""
import argparse
import math
import re
import sys
from typing import (
    Any, Callable, Dict, Iterable, List, NamedTuple, Optional, Tuple,
)

from fjd.home import default_project
from fjd.members import BEAT

MOST_LOSSES = 3  # workers that may die while they run one job
PLACE = "Jobs are files in ~/.fjd/P/jobqueue ($FJD_DIR names another place" \
    " than ~/.fjd)."
WIDTH = 79  # columns of the text behind the verbs
ELSEWHERE = {  # words that belong to another command than fjd
    "hire": "fjd-recruiter hire", "fire": "fjd-recruiter fire",
    "recruit": "fjd-recruiter hire", "fjd-recruiter": "fjd-recruiter --help",
    "work": "fjd-worker", "worker": "fjd-worker",
    "fjd-worker": "fjd-worker --help",
    "dispatch": "fjd-dispatcher", "dispatcher": "fjd-dispatcher",
    "fjd-dispatcher": "fjd-dispatcher --help",
}

Option = Tuple[Tuple[str, ...], Dict[str, Any]]
Groups = Dict[str, Dict[str, str]]  # {heading: {verb: summary}}


def nearest(word: str, known: Iterable[str]) -> str:
    """Return " (did you mean ...?)" if something known is near, else ""."""
    from difflib import get_close_matches  # Late: only mistakes need it.
    found = get_close_matches(word.partition("=")[0], list(known), 1)
    found = [ELSEWHERE[word]] if word in ELSEWHERE else found
    return f" (did you mean {found[0]}?)" if found else ""


class Parser(argparse.ArgumentParser):
    """Reports a mistake in one line."""

    def __init__(self, *words: Any, **how: Any) -> None:
        self.known: List[str] = []  # options
        self.words: List[str] = []  # to parse
        self.listing: Callable[[], str] = str  # what --help ends with
        super().__init__(*words, **how)

    def error(self, message: str) -> Any:
        hint = "" if message.endswith("?)") else " (see --help)"
        self.exit(2, f"{self.prog}: error: {message}{hint}\n")

    def parse_args(self, args: Any = None, namespace: Any = None) -> Any:
        self.words = sys.argv[1:] if args is None else list(args)
        found, others = self.parse_known_args(self.words, namespace)
        if others:
            self.refuse(others, self.known)
        return found

    def refuse(self, words: List[str], known: Iterable[str]) -> None:
        """End with the words that the parser does not know."""
        text, first = " ".join(words), words[0]
        near = nearest(first, known) if first.startswith("-") else ""
        self.error(f"unrecognized arguments: {text}{near}")

    def format_help(self) -> str:
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
JOB = option(
    "job", metavar="JOB", help="the name of a job or of one attempt"
    " (job7~1.STAMP, as fjd why prints it), or its number in the list of fjd"
    " run")


def interval(default: float) -> Option:
    return option(
        "--interval", metavar="S", type=seconds, default=default, help="look"
        f" for something to do at least every S seconds (default: {default:g})"
    )


def new_parser(description: str, *options: Option) -> Parser:
    parser = Parser(
        description=description, allow_abbrev=False, epilog=PLACE)
    parser.add_argument(
        "--version", action=ShowVersion, nargs=0, default=argparse.SUPPRESS,
        help="show program's version number and exit")
    add_options(parser, options)
    return parser


def add_options(parser: Parser, options: Iterable[Option]) -> None:
    for words, how in options:
        parser.add_argument(*words, **how)
        parser.known += [word for word in words if word.startswith("--")]


class Verb(NamedTuple):
    """A verb: what it does, and what its --help says."""

    act: Callable[..., Any]
    text: str
    options: Tuple[Option, ...]
    how: Dict[str, Any]  # to make its parser


class Verbs(Dict[str, Verb]):
    """The verbs of a command that has them in its script."""

    def add(self, name: str, *options: Option, **how: Any) \
            -> Callable[[Any], Any]:
        """Make a function a verb; its docstring is the text of --help."""
        def register(act: Any) -> Any:
            self[name] = Verb(act, dedented(act.__doc__), options, how)
            return act
        return register

    def summaries(self) -> Groups:
        return {"": {name: summary_of(verb) for name, verb in self.items()}}


def dedented(text: str) -> str:
    """Return a docstring as Python 3.13 has it; others keep its indentation.

    (The module inspect does so, too, and takes 10 ms to import.)
    """
    first, *others = text.splitlines()
    indents = [len(line) - len(line.lstrip()) for line in others if line]
    least = min(indents, default=0)
    return "\n".join([first] + [line[least:] for line in others])


def summary_of(verb: Verb) -> str:
    """Return the first line of its text, as a list of verbs shows it."""
    line = verb.text.splitlines()[0].rstrip(".")
    return line[0].lower() + line[1:]


class ChooseVerb(argparse.Action):
    """Takes the verb and all words behind it; only that verb is loaded."""

    def __init__(
        self, names: Iterable[str], load: Callable[[str], Verb], **how: Any,
    ) -> None:
        self.names = list(names)
        self.load = load
        super().__init__(**how)

    def __call__(
        self, parser: Any, namespace: Any, values: Any, _: Any = None,
    ) -> None:
        name, *words = values
        if name not in self.names:
            self.refuse(parser, name)
        verb = self.load(name)
        own = verb_parser(parser.prog, name, verb)
        found, others = own.parse_known_args(words)
        if others:
            parser.refuse(others, own.known)
        for key, value in vars(found).items():
            setattr(namespace, key, value)
        namespace.verb, namespace.act = name, verb.act
        if namespace.project is None and PROJECT in verb.options:
            namespace.project = default_project()

    def refuse(self, parser: Any, name: str) -> None:
        """End with that verb, or with an option before it: its value is what
        looks like a verb.
        """
        before = parser.words[:parser.words.index(name)]
        options = [word for word in before if word.startswith("--")
                   and word.partition("=")[0] not in parser.known]
        if options:
            parser.refuse(options, parser.known)
        near = nearest(name, self.names)
        parser.error(f"there is no verb {name!r}{near}")


def verb_parser(command: str, name: str, verb: Verb) -> Parser:
    parser = Parser(**{
        "prog": f"{command} {name}", "description": verb.text.strip(),
        "formatter_class": argparse.RawDescriptionHelpFormatter, **verb.how})
    add_options(parser, verb.options)
    return parser


def add_verbs(
    parser: Parser, metavar: str, groups: Groups,
    load: Callable[[str], Verb], names: Iterable[str],
    closing: Callable[[], str] = str,
) -> None:
    """Let a command have verbs of these names; --help lists the groups, and
    closing makes the text behind them.
    """
    parser.add_argument_group("verbs").add_argument(
        "verb", metavar=metavar, nargs=argparse.PARSER, action=ChooseVerb,
        names=names, load=load,
        help=f"one of those below; {parser.prog} VERB --help explains it")
    parser.epilog = None
    parser.listing = lambda: listed(groups, closing())


def listed(groups: Groups, closing: str) -> str:
    """Return a line for each verb under its heading, and what follows."""
    import textwrap
    lines = []
    for heading, verbs in groups.items():
        lines += ["", f"{heading}:"] if heading else [""]
        lines += [f"    {name:9} {text}" for name, text in verbs.items()]
    for text in filter(None, [closing, PLACE]):
        lines += ["", textwrap.fill(text, WIDTH)]
    return "\n".join(lines) + "\n"


def parsed(
    parser: Parser, words: Optional[List[str]] = None, **defaults: Any,
) -> argparse.Namespace:
    """Return the command line; defaults are for options not given there."""
    known = {"project": default_project(), "max_losses": MOST_LOSSES}
    return parser.parse_args(
        words, argparse.Namespace(**{**known, **defaults}))
