"""Which commit a checkout of fjd is at, as its .git says; git is not run.

Only --version asks for this.  An installed fjd has no .git beside it.
"""
import os
import re
from typing import Iterator, List, Optional

from fjd import __version__

SHORT = 7  # digits of a commit's id
PLACE = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
COMMIT = re.compile("[0-9a-f]{40}([0-9a-f]{24})?")


def version(place: str = PLACE) -> str:
    """The number; in a checkout also the commit: 1.2.0.dev0+1a2b3c4."""
    commit = commit_of(place)
    return f"{__version__}+{commit[:SHORT]}" if commit else __version__


def commit_of(place: str) -> str:
    """The commit that is checked out there; "" if that is unknown."""
    git = os.path.join(place, ".git")
    if os.path.isfile(git):  # A worktree's, or a submodule's.
        git = os.path.join(place, value(git, "gitdir: ") or ".git")
    head = text(os.path.join(git, "HEAD"))
    branch = value(os.path.join(git, "HEAD"), "ref: ")
    shared = text(os.path.join(git, "commondir")).strip()
    # A worktree's branches are in the first repository.
    places = [git, os.path.join(git, shared)]
    found = head.split()[:1] if branch is None else commits(places, branch)
    return next(filter(COMMIT.fullmatch, found), "")


def commits(places: List[str], branch: str) -> Iterator[str]:
    """What each place that may hold the id of a branch says."""
    for place in places:
        yield text(os.path.join(place, branch)).strip()
    for place in places:
        for line in text(os.path.join(place, "packed-refs")).splitlines():
            commit, _, name = line.partition(" ")
            if name == branch:
                yield commit


def value(path: str, key: str) -> Optional[str]:
    """The text behind a key in the first line; None if it is not there."""
    first = text(path).partition("\n")[0]
    return first[len(key):].strip() if first.startswith(key) else None


def text(path: str) -> str:
    """A small file; "" if it cannot be read."""
    try:
        with open(path, encoding="utf-8", errors="replace") as file:
            return file.read()
    except OSError:
        return ""
