"""The options of fjd-recruiter."""
import argparse
import re
from typing import Any

from fjd.errors import BadUsage
from fjd.hosts.cluster import SLURM
from fjd.hosts.conf import Host, LOCALHOST
from fjd.hosts.session import KINDS
from fjd.members import myself
from fjd.names import printable
from fjd.options import flag, option, shared

SESSION = shared(
    "--session", metavar="KIND", choices=KINDS, help="where workers run:"
    " screen, tmux or process (in the background); default: the first of these"
    " that is available")
CURDIR = shared(
    "--curdir", metavar="D", help="the directory that workers start jobs in"
    " (default: this one); workers that run already keep theirs")
LOCAL_ONLY = shared(
    "--local-only", action="store_true", help="only on this machine")
NUMBERS = option(
    "hosts", metavar="N|HOST[:N]", nargs="*", help="N workers on this"
    " machine or on HOST (default of N: its GPUs, or CPUs minus one);"
    " slurm:N hires from Slurm, with the options of remote.conf")
HOSTS = option(
    "hosts", metavar="HOST", nargs="*", help="only the workers on these hosts"
    " (the names that the command hostname prints there), or slurm")
DRAINING = flag("--drain", help="let each first run the jobs it was given")


def some(text: str) -> int:
    """How many workers, at least one."""
    if not re.fullmatch("0*([1-9][0-9]{0,2}|1000)", text, re.A):
        raise argparse.ArgumentTypeError(
            f"{text!r} is no number from 1 to 1000")
    return int(text)


STAY = option(
    "--stay", metavar="N", type=some, help="for the script of a batch job:"
    " hire N workers here that are counted with no others, pass signals on to"
    " them (TERM, HUP, INT), and end when they have left")


def check(options: Any) -> None:
    """Raise BadUsage if options contradict each other."""
    stay = getattr(options, "stay", None)
    if stay and options.hosts:
        raise BadUsage(
            f"hire --stay {stay}: it hires on this machine; no number and no"
            f" host belongs beside it ({printable(' '.join(options.hosts))})")
    for text in options.hosts if options.local_only else ():
        if not is_here(text):
            raise BadUsage(
                f"{options.verb} --local-only: {printable(text)} is not on"
                " this machine; leave out one of them")


def is_here(text: str) -> bool:
    """Return whether a typed word means this machine alone."""
    host = Host(text.partition(":")[0])
    is_machine = host.name != SLURM
    return text.isdigit() or is_machine and \
        host.seen_from(myself().host).name == LOCALHOST
