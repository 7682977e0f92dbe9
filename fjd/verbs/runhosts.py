"""The hosts of fjd run -S, checked when the command line is read.

Each is typed as for fjd-recruiter hire, with commas between several; `:` is
this machine.  `conf` means those of the remote.conf of --project.
"""
import argparse
import os
import re
from typing import Any, List

from fjd import home
from fjd.errors import BadUsage
from fjd.hosts.conf import LOCALHOST, parse_hosts, read_hosts
from fjd.members import myself
from fjd.names import printable

CONF = "conf"
HERE = ":"
FORMS = {  # of GNU parallel, and what to write instead
    r"([0-9]+)/:|:+([0-9]+)": r"write localhost:\1\2",
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
        parsed(namespace.hosts)


def typed_host(text: str) -> str:
    """Return a host as fjd-recruiter hire takes it."""
    for pattern, instead in FORMS.items():
        found = re.fullmatch(pattern, text, re.DOTALL)
        if found:
            instead = found.expand(instead)
            raise BadUsage(printable(f"run: -S {text}: {instead}"))
    if text.isdigit():
        return f"{LOCALHOST}:{text}"
    return LOCALHOST if text == HERE else text


def parsed(texts: List[str]) -> List[Any]:
    """Return the hosts; BadUsage names a bad one."""
    hosts = parse_hosts(texts, myself().host, "run: -S")
    for host in hosts:
        if host.workers == 0:
            raise BadUsage(f"run: -S {host.name}:0: a number above 0 is"
                           " wanted")
    return hosts


def settle(options: Any) -> None:
    """Check -S beside the other options, and give -j to hosts without a
    number.  If all workers are to be here, this leaves a -j alone.
    """
    if options.hosts == [CONF]:
        return check_conf(options)
    if not options.hosts:
        return
    if options.workers and not re.fullmatch("0*[1-9][0-9]*", options.jobs):
        raise BadUsage(f"run: -j {options.jobs}: with -S a number is wanted,"
                       " for the hosts that have none")
    number = f":{options.workers}" if options.workers else ""
    options.hosts = [text if ":" in text else f"{text}{number}"
                     for text in options.hosts]
    options.workers = None
    hosts = parsed(options.hosts)
    if [host.name for host in hosts] == [LOCALHOST]:
        options.hosts, options.workers = [], hosts[0].workers


def check_conf(options: Any) -> None:
    """See that the project has a remote.conf, and that it is in order."""
    if not options.project:
        raise BadUsage("run: -S conf: it needs --project P, whose remote.conf"
                       " names the hosts")
    if options.workers:
        raise BadUsage("run: -j: not with -S conf; remote.conf says how many"
                       " workers each host has")
    project = home.named_project(options.project)
    if read_hosts(project, myself().host) is None:
        path = os.path.join(project.root, "remote.conf")
        raise BadUsage(f"run: -S conf: {path}: there is no such file")
