"""Test whether fjd will work.

Check what fjd depends on, here and on the given hosts: ssh, the shared home
and how long a file takes there and back, free space, the clock, Python, the
load, screen or tmux, limits, byte code. Of a batch system (slurm, or a section
of remote.conf with a scheduler) check its commands, whether it answers and
whether a worker could start. Each line begins with ok, warn or FAIL. A line
with warn or FAIL ends with the remedy. The exit code is 1 if a check fails, 3
if a host is unreachable, and 78 if remote.conf has an error.

Keys of the objects that --json prints: host, check, state, found, todo.

Examples:
    fjd doctor node2 node3
    fjd doctor slurm
"""
# Other hosts run `fjd doctor --json`, called through ssh as hire does it.
import argparse
import json
import os
import re
from typing import Any, Iterable, Iterator, List

from fjd import home, output
from fjd.command import beside
from fjd.errors import BadConfig, FjdError, SOME_FAILED
from fjd.hosts import latency
from fjd.hosts.cluster import is_system
from fjd.hosts.conf import (
    checked, Host, LOCALHOST, read_clusters, read_hosts,
)
from fjd.hosts.ssh import Answer, Errand, run_there
from fjd.members import myself
from fjd.options import flag, option, PROJECT
from fjd.process import WITNESS
from fjd.project import Project
from fjd.verbs import checks
from fjd.verbs.checks import FAIL, Finding, Findings, OK

HOME, HOSTS, SSH, CONF = "home", "hosts", "ssh", "remote.conf"
SYSTEM = "batch system"
LIST = re.compile(r'\[\{"state": .*\}\]')  # among what login scripts print
CURES = {  # remedies, by messages of ssh
    "Permission denied (": ", or put a key into ~/.ssh/authorized_keys",
    "no Python": ", or name one in remote.conf, python: /path/to/python3",
    "": "",
}


def host_called(text: str) -> Host:
    try:
        return Host(checked("name", text))
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error))


OPTIONS = (
    PROJECT,
    option("hosts", metavar="HOST", nargs="*", type=host_called,
           help="another machine, as ssh takes it, or slurm (default: those of"
           " the project's remote.conf, if it has one)"),
    flag("--json", help="print a list of objects"),
)


def act(options: Any) -> int:
    caller = os.environ.pop(WITNESS, "")
    project = home.named_project(options.project)
    hosts = [] if caller else wanted_hosts(project, options.hosts)
    looks = [] if caller else systems(project, options.hosts)
    found = []
    for finding in examine(project, caller, hosts, looks):
        found.append(finding)
        if not options.json:
            output.show(finding.line)
    if options.json:
        output.show(json.dumps([finding._asdict() for finding in found]))
    failed = {finding.check for finding in found if finding.state == FAIL}
    if CONF in failed:
        return BadConfig.exit_code
    return SOME_FAILED if failed & {HOSTS, SSH} else int(bool(failed))


def wanted_hosts(project: Project, named: List[Host]) -> Iterator[Host]:
    """Yield the other hosts: those named, else those of remote.conf."""
    here = myself().host
    known = read_hosts(project, here) or []
    clusters = read_clusters(project, here)
    hosts = [as_known(host, known) for host in named] or known
    for host in hosts:
        is_away = host.seen_from(here).name != LOCALHOST
        if is_away and not is_system(host.name, clusters):
            yield host


def systems(project: Project, named: List[Host]) -> Findings:
    """Yield what is found about batch systems: those named, else those of
    remote.conf.
    """
    try:
        known = read_clusters(project, myself().host)
    except BadConfig:
        return  # The look at other hosts says so.
    if not (known or any(is_system(host.name, known) for host in named)):
        return
    from fjd.verbs import batchchecks  # Late: few have any.
    for cluster in batchchecks.wanted(named, known):
        yield from with_errors(batchchecks.look_at(project, cluster))


def as_known(host: Host, known: List[Host]) -> Host:
    """Return a host with its settings in remote.conf, if it has any."""
    same = [other for other in known if other.is_same(host.address)]
    return (same + [host])[0]._replace(name=host.name)


def examine(
    project: Project, caller: str, hosts: Iterable[Host], systems: Findings,
) -> Findings:
    """Yield the findings about this host, then about others.

    caller is the witness of a host that asks us, or "".  If the home fails,
    nothing else is checked.
    """
    top = os.path.dirname(project.root)
    for check, findings in [
        ("python", checks.look_at_python()), ("load", checks.look_at_load()),
        (HOME, checks.look_at_project(project, caller)),
        ("room", checks.look_at_room(project.root)),
        (HOME, checks.look_at_files(top)),
        ("clock", checks.look_at_clock(top)),
        ("session", checks.look_at_sessions(top)),
        ("terminal", checks.look_at_terminals()),
        ("limits", checks.look_at_limits()),
        ("notification", checks.look_at_notification(top)),
        ("byte code", checks.look_at_byte_code()),
        (SYSTEM, systems), (HOSTS, ask(project, hosts)),
    ]:
        for finding in with_errors(findings):
            yield finding._replace(check=finding.check or check)
            if (check, finding.state) == (HOME, FAIL):
                return


def with_errors(findings: Findings) -> Findings:
    try:
        yield from findings
    except FjdError as error:
        yield Finding(FAIL, str(error), error.hint)
    except OSError as error:
        name = error.filename or "a file"
        yield Finding(FAIL, f"{name}: {error.strerror}")


def ask(project: Project, hosts: Iterable[Host]) -> Findings:
    """Yield what other hosts find on themselves."""
    try:
        hosts = list(hosts)
    except BadConfig as error:
        yield Finding(FAIL, str(error), error.hint, CONF)
        return
    argv = [beside("fjd"), "--project", project.name, "doctor", "--json"]
    errands = [Errand(host, host.directory or "/", argv) for host in hosts]
    if not errands:
        return
    with latency.answering(project) as witness:
        for answer in run_there(project, witness, errands, False):
            for finding in findings_in(answer):
                yield finding._replace(host=answer.host.address)


def findings_in(answer: Answer) -> Findings:
    for found in filter(None, map(LIST.search, answer.lines)):
        yield Finding(OK, "no password is asked for", check=SSH)
        yield from (Finding(**keys) for keys in json.loads(found.group()))
        return
    why = re.sub("^ssh: ", "", answer.why or "no answer").rstrip(".")
    cure = next(CURES[text] for text in CURES if text in why)
    yield Finding(FAIL, why, f"try: ssh {answer.host.name}{cure}", SSH)
