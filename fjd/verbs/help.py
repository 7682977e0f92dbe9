"""Explain a verb or a topic.

Without a word, print what fjd --help prints. With a verb, print what fjd VERB
--help prints. With a topic, print its page.

Example:
    fjd help run
"""
import os
from typing import Any, Dict

import fjd
from fjd import output
from fjd.errors import BadUsage
from fjd.options import option
from fjd.verbs import table
from fjd.verbs.choice import nearest_verb, verb_parser

PAGES = os.path.join(os.path.dirname(os.path.abspath(fjd.__file__)), "pages")
ENDING = ".rst"
OPTIONS = (
    option("word", metavar="VERB|TOPIC", nargs="?", default="",
           help="the verb or topic to explain"),
)


def topics() -> Dict[str, str]:
    """Return the path of each page by its topic, in order."""
    names = sorted(os.listdir(PAGES)) if os.path.isdir(PAGES) else []
    return {name[:-len(ENDING)]: os.path.join(PAGES, name) for name in names
            if name.endswith(ENDING) and name[0] != "."}


def act(options: Any) -> None:
    word, pages = options.word, topics()
    if not word:
        table.new_parser().print_help()
    elif word in table.NAMES:
        verb_parser("fjd", word, table.load(word)).print_help()
    elif word in pages:
        with open(pages[word], "rb") as file:
            output.show_bytes(file.read())
    else:
        near = nearest_verb(word, [*table.NAMES, *pages])
        raise BadUsage(f"help: there is no verb or topic {word!r}{near}")
