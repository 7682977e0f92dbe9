"""The verbs of fjd, and the loading of the one that is wanted.

GROUPS has a line for each verb: its name and its summary.  The verb put is
the module fjd.verbs.put, and only the module of the wanted verb is imported.
Its docstring is the text of --help, which begins with the summary; OPTIONS
are its options, act(options) runs it and returns the exit status (None is 0),
and HOW, which few have, has more arguments for its parser.
"""
import sys
from typing import Any, List

from fjd import options
from fjd.errors import BadUsage
from fjd.options import Parser, PROJECT
from fjd.verbs import choice
from fjd.verbs.choice import Verb

GROUPS = {
    "run": {
        "run": "run a command for each argument",
        "exe": "the 2013 form of run, kept for old scripts",
    },
    "jobs": {
        "put": "add jobs to the queue; they run in this directory",
        "hold": "set jobs aside that have not started",
        "release": "return held jobs to the queue",
        "cancel": "remove jobs that wait, are held, or run",
        "retry": "run jobs again that have ended",
        "reorder": "choose which of the waiting jobs go first",
        "clean": "remove ended jobs and their logs",
    },
    "look": {
        "status": "show how many jobs wait, run and have ended",
        "log": "print the output of a job",
        "why": "explain where a job is, and why",
        "results": "print how each job ended",
        "audit": "check that no job was lost",
        "runs": "list the runs of fjd run, the newest last",
    },
    "machines": {
        "doctor": "test whether fjd will work",
    },
}
# Options of exe, which scripts of 2013 have without a verb.
OF_EXE = {"--parameters", "--repeat", "--instances", "--curdir"}
HELP = "help"  # --help names it below the others
NAMES = [name for group in GROUPS.values() for name in group] + [HELP]
ABOUT = "Submit, control and inspect jobs."


def load(name: str) -> Verb:
    """Import the module of a verb."""
    place = f"fjd.verbs.{name}"
    __import__(place)
    module: Any = sys.modules[place]
    how = getattr(module, "HOW", {})
    return Verb(module.act, module.__doc__, module.OPTIONS, how)


def new_parser() -> Parser:
    parser = options.new_parser(ABOUT, PROJECT)
    choice.add_verbs(parser, "VERB", GROUPS, load, NAMES, closing)
    return parser


def closing() -> str:
    """Return what --help says below the verbs."""
    from fjd.verbs.help import topics  # Late: only --help needs it.
    found = ", ".join(topics())
    more = f"; fjd help TOPIC prints a page: {found}" if found else ""
    return f"fjd help VERB explains a verb{more}. Two more commands:" \
        " fjd-recruiter hire starts workers, fjd-dispatcher gives them jobs."


def parse(parser: Parser, words: List[str]) -> Any:
    """Return the command line; fjd --exe has no verb, but means exe."""
    before = words_before_verb(words)
    of_exe = sorted(OF_EXE.intersection(before))
    if "--exe" in before:
        words = ["exe"] + words
    elif of_exe:
        raise BadUsage(f"{of_exe[0]}: only with --exe; see fjd help exe")
    return options.parse(parser, words, project=None)


def words_before_verb(words: List[str]) -> List[str]:
    """Return the words before the first verb, without what follows a =."""
    verbs = [i for i, word in enumerate(words) if word in NAMES]
    before = words[:verbs[0]] if verbs else words
    return [word.partition("=")[0] for word in before]
