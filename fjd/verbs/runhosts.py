"""The hosts of fjd run -S, checked when the command line is read.

Each is typed as for fjd-recruiter hire, with commas between several; `:` or
`:N` is this machine.  `conf` means those of the remote.conf of --project.
Modules that only -S needs are imported when it is given.
"""
import argparse
import os
import re
from typing import Any, List, Tuple

from fjd import home
from fjd.errors import BadConfig, BadUsage
from fjd.members import myself
from fjd.names import printable

LOCALHOST, SLURM = "localhost", "slurm"  # as in fjd.hosts
CONF = "conf"
HERE = ":"
FORMS = {  # of GNU parallel, and what to write instead
    r"([0-9]+)/:": r"write :\1",
    r"([0-9]+)/(.+)": r"write \2:\1",
    r"\.\.?|/.*|~.*": "-S conf takes the hosts of the project's remote.conf",
    r"[@+].*": "there are no groups; name the hosts",
    r".*\s.*": "a host as ssh takes it is wanted; options of ssh belong into"
               " ~/.ssh/config",
}


class Hosts(argparse.Action):
    """-S: adds hosts to those that were named before."""

    def __call__(
        self, parser: Any, namespace: Any, value: Any, option: Any = None,
    ) -> None:
        texts = [typed_host(text) for text in value.split(",")]
        namespace.hosts = [*namespace.hosts, *texts]
        if namespace.hosts == [CONF]:
            return
        if CONF in namespace.hosts:
            raise BadUsage("run: -S conf: not beside other hosts; all of them"
                           " belong into remote.conf")
        # Of those of a batch system, remote.conf may have the number.
        parsed([text for text in namespace.hosts if text != SLURM], [])


def typed_host(text: str) -> str:
    """Return a host as fjd-recruiter hire takes it."""
    for pattern, instead in FORMS.items():
        found = re.fullmatch(pattern, text, re.DOTALL)
        if found:
            instead = found.expand(instead)
            raise BadUsage(printable(f"run: -S {text}: {instead}"))
    if text.isdigit():
        return f"{LOCALHOST}:{text}"
    if text.startswith(HERE):
        return LOCALHOST + (text if text != HERE else "")
    return text


def parsed(texts: List[str], known: List[Any]) -> Tuple[List[Any], List[Any]]:
    """Return the batch systems and the hosts; BadUsage names a bad one.

    known: the sections of remote.conf that have a scheduler.
    """
    from fjd.hosts.cluster import MOST, named_clusters
    from fjd.hosts.conf import parse_hosts
    try:
        systems, words = named_clusters(texts, known)
        hosts = parse_hosts(words, myself().host)
    except BadUsage as error:
        why = str(error).replace("hire ", "-S ")
        raise BadUsage(f"run: {why.replace('number from 0', 'number from 1')}")
    for place in [*systems, *hosts]:
        if place.workers == 0:
            most = MOST if place in systems else 1000
            raise BadUsage("run: -S: 0 workers are too few; a number from 1"
                           f" to {most} is wanted")
    return systems, hosts


def settle(options: Any) -> None:
    """Check -S beside the other options, and give -j to hosts without a
    number.  If all workers are to be here, this leaves a -j alone.
    """
    if options.hosts == [CONF]:
        return check_conf(options)
    if not options.hosts:
        return
    if getattr(options, "env", ""):
        raise BadUsage("run: --env: not with -S; there, jobs have the"
                       " environment of a login shell; set it in the command")
    if options.workers and not re.fullmatch("0*[1-9][0-9]*", options.jobs):
        raise BadUsage(f"run: -j {options.jobs}: with -S a number is wanted,"
                       " for the hosts that have none")
    number = f":{options.workers}" if options.workers else ""
    options.hosts = [text if ":" in text else f"{text}{number}"
                     for text in options.hosts]
    options.workers = None
    systems, hosts = parsed(options.hosts, known_systems(options))
    names = [host.name for host in hosts]
    if names == [LOCALHOST] and not systems:
        options.hosts, options.workers = [], hosts[0].workers


def known_systems(options: Any) -> List[Any]:
    """Return the sections of the project's remote.conf that have a scheduler.
    """
    if not options.project:
        return []
    from fjd.hosts.conf import read_clusters
    try:
        project = home.named_project(options.project)
        return read_clusters(project, myself().host)
    except BadConfig:
        if any(text.partition(":")[0] == SLURM for text in options.hosts):
            raise
        return []  # These hosts do not need it.


def check_conf(options: Any) -> None:
    """See that the project has a remote.conf, and that it is in order."""
    if not options.project:
        raise BadUsage("run: -S conf: it needs --project P, whose remote.conf"
                       " names the hosts")
    if options.workers:
        raise BadUsage("run: -j: not with -S conf; remote.conf says how many"
                       " workers each host has")
    from fjd.hosts.conf import read_hosts
    project = home.named_project(options.project)
    if read_hosts(project, myself().host) is None:
        path = os.path.join(project.root, "remote.conf")
        raise BadUsage(f"run: -S conf: {path}: there is no such file")
