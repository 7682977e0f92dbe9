"""The hosts that should have workers, and how many: remote.conf.

An INI file in the project directory, with a section of any name for each
host:

    name        [user@]host, as ssh takes it; localhost is this machine
    workers     a number, or auto: that host's CPUs minus one
    python      optional: the Python to run there
    directory   optional: where its workers start jobs, instead of the
                directory in which hire was typed
    session     optional: screen, tmux or process
    gpus        optional: a number, or auto: those of that host; the jobs of
                each worker see one of them (gpuslot.py)

Sections that name the same host are added up, and must agree.  A section with
a scheduler names a batch system instead of a host (cluster.py).
A host is named as in the file, except that this one is always localhost.
"""
import os
import re
from typing import Any, List, NamedTuple, Optional, Tuple

from fjd.errors import BadConfig, BadUsage
from fjd.hosts.cluster import Cluster, cluster_in, SCHEDULER
from fjd.hosts.session import KINDS
from fjd.ini import Error, parse
from fjd.names import is_same_host, printable
from fjd.project import Project

AUTO = "auto"
LOCALHOST = "localhost"
ADDRESS = "127.0.0.1"
KEYS = {  # the pattern of a value, and what is wrong with others
    "name": (r"(\w[\w.-]*@)?(?!(\d+\.){0,2}\d+$)\w[\w.-]*", "is no host"),
    "workers": (f"[0-9]{{1,3}}|1000|{AUTO}",
                f"is neither a number from 0 to 1000 nor {AUTO}"),
    "python": ("[^-].*", "is no command"),
    "directory": ("[~/].*", "is no absolute path"),
    "session": ("|".join(KINDS), f"is none of {', '.join(KINDS)}"),
    "gpus": (f"[1-9][0-9]{{0,2}}|1000|{AUTO}",
             f"is neither a number from 1 to 1000 nor {AUTO}"),
}
PATHS = ("python", "directory")


class Host(NamedTuple):
    """A host, and how many workers it should have; None: auto."""

    name: str
    workers: Optional[int] = None
    python: str = ""
    directory: str = ""
    session: str = ""
    gpus: str = ""

    @property
    def address(self) -> str:
        return self.name.rpartition("@")[2]

    def is_same(self, host: str) -> bool:
        return is_same_host(self.address, host)

    def seen_from(self, here: str) -> "Host":
        """Return this host, renamed localhost if it is the host `here`."""
        is_here = any(map(self.is_same, (here, LOCALHOST, ADDRESS)))
        return self._replace(name=LOCALHOST) if is_here else self


def parse_hosts(texts: List[str], here: str) -> List[Host]:
    """Return the hosts of `4`, `node2` and `node2:4` (command line)."""
    if sum(map(str.isdigit, texts)) > 1:
        raise BadUsage("hire: one number, for this machine; HOST:N for others")
    hosts: List[Host] = []
    for text in texts:
        name, _, number = text.partition(":")
        if text.isdigit():
            name, number = LOCALHOST, text
        try:
            host = Host(
                checked("name", name), checked("workers", number or AUTO))
            add(hosts, host.seen_from(here))
        except ValueError as error:
            raise BadUsage(f"hire {printable(text)}: {error}")
    return hosts


def read_hosts(project: Project, here: str) -> Optional[List[Host]]:
    """Return the hosts of remote.conf; None if there is no such file."""
    found = read_conf(project, here)
    return None if found is None else found[0]


def read_clusters(project: Project, here: str) -> List[Cluster]:
    """Return the sections of remote.conf that have a scheduler."""
    return (read_conf(project, here) or ([], []))[1]


def read_conf(
    project: Project, here: str,
) -> Optional[Tuple[List[Host], List[Cluster]]]:
    """Return what remote.conf names; None if there is no such file."""
    path = project.path("remote.conf")
    sections = sections_in(project, path)
    if sections is None:
        return None
    hosts: List[Host] = []
    clusters: List[Cluster] = []
    for name in sections.sections():
        section = sections[name]
        try:
            if SCHEDULER in section:
                clusters.append(cluster_in(name, section))
            else:
                add(hosts, host_in(section).seen_from(here))
        except ValueError as error:
            raise BadConfig(f"{path}: [{printable(name)}] {error}")
    return hosts, clusters


def sections_in(project: Project, path: str) -> Any:
    """Return the parsed file; None if there is none."""
    try:
        _, text = project.files.read(path)
        sections = parse(text.decode(), "remote.conf", strict=True)
    except FileNotFoundError:
        return None
    except (Error, UnicodeDecodeError) as error:
        why = printable(" ".join(str(error).split()))
        raise BadConfig(f"{path}: it is no INI file: {why}")
    if not sections.sections():
        raise BadConfig(f"{path}: no section in it names a host")
    return sections


def host_in(section: Any) -> Host:
    """Return the host of a section; ValueError names the bad key and why."""
    found = {}
    for key in section:
        if key not in KEYS:
            known = ", ".join(KEYS)
            raise ValueError(f"{printable(key)}: unknown; keys are {known}")
        try:
            found[key] = checked(key, section[key] or "")
        except ValueError as error:
            raise ValueError(f"{key}: {error}")
    for key in ("name", "workers"):
        if key not in found:
            raise ValueError(f"{key}: it is missing")
    return Host(**found)


def checked(key: str, text: str) -> Any:
    """Return the value of a key; ValueError has the reason if it is bad."""
    pattern, why = KEYS[key]
    if not re.fullmatch(pattern, text, re.A):
        raise ValueError(f"{text!r} {why}")
    if key == "workers":
        return None if text == AUTO else int(text)
    return os.path.expanduser(text) if key in PATHS else text


def add(hosts: List[Host], new: Host) -> None:
    """Append a host, or add its workers to those of the same host."""
    for i, host in enumerate(hosts):
        if host.is_same(new.address):
            if host[2:] != new[2:] or None in (host.workers, new.workers):
                raise ValueError(
                    f"name: {new.name} is named twice, and the two"
                    " contradict each other",
                )
            total = (host.workers or 0) + (new.workers or 0)
            hosts[i] = host._replace(workers=total)
            return check_gpus(hosts[i])
    check_gpus(new)
    hosts.append(new)


def check_gpus(host: Host) -> None:
    """ValueError: there are more workers than GPUs."""
    if host.gpus not in ("", AUTO):
        why = why_too_few(host, int(host.gpus))
        if why:
            raise ValueError(why)


def why_too_few(host: Host, gpus: int) -> str:
    """Return why so many GPUs are too few for a host; "" if they are not."""
    if (host.workers or 0) <= gpus:
        return ""
    return f"gpus: {host.name} should have {host.workers} workers, and has" \
        f" only {gpus} GPU{'' if gpus == 1 else 's'}: each worker needs one"
