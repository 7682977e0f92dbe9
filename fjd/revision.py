"""Which commit a checkout of fjd is at, as git says.

Only --version asks for this.  An installed fjd has no .git beside it.
"""
import os
import subprocess

from fjd import __version__

PLACE = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))


def version(place: str = PLACE) -> str:
    """Return the number; in a checkout also the commit: 1.2.0.dev0+1a2b3c4."""
    commit = commit_of(place)[:7]
    return f"{__version__}+{commit}" if commit else __version__


def commit_of(place: str) -> str:
    """Return the commit that is checked out there; "" if that is unknown."""
    if not os.path.exists(os.path.join(place, ".git")):
        return ""  # A directory above it may be a checkout of something else.
    environ = {name: text for name, text in os.environ.items()
               if not name.startswith("GIT_")}
    try:
        commit = subprocess.check_output(
            ["git", "rev-parse", "--verify", "HEAD"], cwd=place, env=environ,
            stderr=subprocess.DEVNULL)
    except (OSError, subprocess.CalledProcessError):
        return ""  # git is missing, or does not trust the owner of .git.
    return commit.decode().strip()
