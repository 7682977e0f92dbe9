"""Choosing a verb on the command line: its options, and the list of verbs."""
import argparse
import os
from typing import Any, Callable, Dict, Iterable, Tuple

from fjd.home import default_project
from fjd.options import add_options, nearest, Option, Parser, PLACE, PROJECT

WIDTH = 79  # columns of the text behind the verbs
ELSEWHERE = {  # words that belong to another command than fjd
    "hire": "fjd-recruiter hire", "fire": "fjd-recruiter fire",
    "recruit": "fjd-recruiter hire", "fjd-recruiter": "fjd-recruiter --help",
    "work": "fjd-worker", "worker": "fjd-worker",
    "fjd-worker": "fjd-worker --help",
    "dispatch": "fjd-dispatcher", "dispatcher": "fjd-dispatcher",
    "fjd-dispatcher": "fjd-dispatcher --help",
}
Groups = Dict[str, Dict[str, str]]  # {heading: {verb: summary}}


def nearest_verb(word: str, known: Iterable[str]) -> str:
    """Return " (did you mean ...?)", also for words of other commands."""
    if word in ELSEWHERE:
        return f" (did you mean {ELSEWHERE[word]}?)"
    return nearest(word, known)


class Verb:
    """A verb: what it does, and what its --help says."""

    def __init__(
        self, act: Callable[..., Any], text: str, options: Tuple[Option, ...],
        how: Dict[str, Any],
    ) -> None:
        self.act = act
        self.text = text
        self.options = options
        self.how = how  # to make its parser


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
        namespace.is_named = bool(
            namespace.project or os.environ.get("FJD_PROJECT"))
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
        near = nearest_verb(name, self.names)
        parser.error(f"there is no verb {name!r}{near}")


def hidden(option: Option) -> Option:
    """Return an option that is accepted but is not in --help."""
    words, how = option
    return words, {**how, "help": argparse.SUPPRESS}


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
