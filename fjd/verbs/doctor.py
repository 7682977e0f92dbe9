"""Whether fjd will work on this host and on others, and what to do if not.

A look is a generator of findings; an error that it meets is one as well.  On
another host `fjd doctor --json` looks, called through ssh as hire calls.
"""
import json
import os
import re
import sys
import tempfile
import time
from typing import Any, Iterable, Iterator, List, NamedTuple

from fjd import cli, files
from fjd.errors import FjdError, Unavailable
from fjd.hosts import latency
from fjd.hosts.conf import Host, LOCALHOST
from fjd.hosts.session import PROCESS, Sessions, SOCKETS
from fjd.hosts.ssh import Answer, Errand, run_there
from fjd.names import printable
from fjd.ownership import shared_by_groups
from fjd.project import Project

OK, WARN, FAIL = "ok", "warn", "FAIL"
HOME, HOSTS, SSH = "home", "hosts", "ssh"
LIST = re.compile(r'\[\{"state": .*\}\]')  # among what login scripts print
LATE = 10.0       # seconds for a file to go there and back
CLOCK_OFF = 2.0   # seconds; some servers tell whole ones only
PATIENCE = 10.0   # seconds for a session to do something
LITTLE, FEW = 10**8, 10**4  # bytes, and files
TIDY = "try: remove what you no longer need from done, failed and joblogs"
ELSEWHERE = "try: set FJD_DIR to a place on another file system"
CACHES = "try: mount with acdirmax=3 (nfs), or dcache_timeout=3 (sshfs)"
CURES = {  # of what is said through ssh
    "Permission denied (": ", or put a key into ~/.ssh/authorized_keys",
    "no Python": ", or name one in remote.conf, python: /path/to/python3",
    "": "",
}


class Finding(NamedTuple):
    """How it is, what to do about it, and what was looked at where."""

    state: str
    found: str
    todo: str = ""
    check: str = ""
    host: str = LOCALHOST

    @property
    def line(self) -> str:
        host = "" if self.host == LOCALHOST else f"{self.host}: "
        todo = self.todo and f"; {self.todo}"
        text = f"{host}{self.check}: {self.found}{todo}"
        return f"{self.state:6}{printable(text)}"


Findings = Iterator[Finding]


def judged(is_well: bool, text: str, todo: str = "") -> Finding:
    return Finding(OK, text) if is_well else Finding(WARN, text, todo)


def examine(project: Project, caller: str, hosts: Iterable[Host]) -> Findings:
    """All about this host, then about others.

    caller is the witness of a host that asks us, or "".  Without the home
    there is nothing more to look at.
    """
    home = os.path.dirname(project.root)
    for check, look in [
        ("python", look_at_python()), ("load", look_at_load()),
        (HOME, look_at_project(project, caller)),
        ("room", look_at_room(project.root)), (HOME, look_at_files(home)),
        ("clock", look_at_clock(home)), ("session", look_at_sessions(home)),
        (HOSTS, ask(project, hosts)),
    ]:
        for finding in with_errors(look):
            yield finding._replace(check=finding.check or check)
            if (check, finding.state) == (HOME, FAIL):
                return


def with_errors(look: Findings) -> Findings:
    try:
        yield from look
    except FjdError as error:
        yield Finding(FAIL, str(error), error.hint)
    except OSError as error:
        name = error.filename or "a file"
        yield Finding(FAIL, f"{name}: {error.strerror}")


def look_at_python() -> Findings:
    version = ".".join(map(str, sys.version_info[:3]))
    yield Finding(OK, f"{version} ({sys.executable})")


def look_at_load() -> Findings:
    try:
        load, cpus = os.getloadavg()[0], os.cpu_count() or 1
    except (AttributeError, OSError):
        return  # This system does not tell.
    yield judged(
        load <= cpus, f"{load:.1f} on {cpus} CPUs", "try: fewer workers")


def look_at_project(project: Project, caller: str) -> Findings:
    """Whether it is the caller's, and the project in it ours alone."""
    if caller:
        cli.see_witness(project.name, caller)
    said: List[str] = []
    cli.open_project(project.name, said.append)
    yield from (Finding(WARN, text.rstrip(".")) for text in said)
    for warning in shared_by_groups(project.root):
        yield Finding(WARN, str(warning), warning.hint)
    if not caller:
        return
    seconds = latency.measure(project, caller)
    text = f"shared; a file went there and back in {seconds:.1f} s"
    if seconds > latency.PATIENCE:
        text = f"no file went there and back in {latency.PATIENCE:.0f} s"
        raise FjdError(text, CACHES)
    yield judged(seconds <= LATE, text, CACHES)


def look_at_room(root: str) -> Findings:
    disk = os.statvfs(root)
    room = disk.f_bavail * disk.f_frsize
    number = disk.f_favail if disk.f_files else FEW  # Not all count them.
    text = f"{room // 10**6} MB"
    text += f" and {number} files" if disk.f_files else ""
    if not room or not number:
        raise FjdError(text, TIDY)
    yield judged(room >= LITTLE and number >= FEW, text, TIDY)


def scratch(home: str) -> Any:
    """A directory for a while, beside the projects."""
    return tempfile.TemporaryDirectory(prefix=".doctor-", dir=home)


def look_at_files(home: str) -> Findings:
    with scratch(home) as place:
        wrong = ", ".join(misbehaving(place))
    if wrong:
        raise FjdError(f"{wrong}: not as POSIX has it", ELSEWHERE)
    yield Finding(OK, "O_EXCL, append, mkdir, rename and rmdir behave")


def misbehaving(place: str) -> List[str]:
    """Which of the calls that all steps rely on do not what they should."""
    source, pod = os.path.join(place, "job"), os.path.join(place, "pod")
    target = os.path.join(pod, "job")
    behave = {
        "O_EXCL": files.create(source) and not files.create(source),
        "append": appended(source, b"x\n") == b"x\n",
        "mkdir": files.make_directory(pod) and not files.make_directory(pod),
        "rename": files.move(source, target) and not files.is_there(source)
        and files.is_there(target),
        "rmdir": not files.remove_directory(pod),  # It is not empty.
    }
    return [call for call in behave if not behave[call]]


def appended(path: str, line: bytes) -> bytes:
    descriptor = files.open_own(path)
    files.append(path, descriptor, line)
    files.close(descriptor)
    return files.read(path)[1]


def look_at_clock(home: str) -> Findings:
    """fjd compares no clocks, but people do."""
    with scratch(home) as place:
        path = os.path.join(place, "now")
        before = time.time()
        files.create(path, "\n")
        written, after = files.status(path).st_mtime, time.time()
    off = max(before - written, written - after)
    yield judged(
        off < CLOCK_OFF, f"{max(0, off):.0f} s off the file server's",
        "try: timedatectl set-ntp true, or times in the ledger look odd")


def look_at_sessions(home: str) -> Findings:
    """Whether workers can have what hire looks for first."""
    sessions = Sessions("", lambda text: None)
    while not has_run(sessions, home):
        why = f"{sessions.kinds[0]}: nothing is run in its session"
        sessions.fall_back(Unavailable(why, SOCKETS))
    kind, hints = sessions.kinds[0], list(sessions.lacking.values())
    why = f" ({'; '.join(sessions.lacking)})" if hints else ""
    yield judged(kind != PROCESS, f"workers live in {kind}{why}", *hints[:1])


def has_run(sessions: Sessions, home: str) -> bool:
    """Whether something is run in the best of them that can be had."""
    with scratch(home) as place:
        sessions.start(
            os.path.basename(place).lstrip("."),
            ["mkdir", os.path.join(place, "mark")], os.devnull,
            dict(os.environ), "/")
        deadline = time.monotonic() + PATIENCE
        while not files.names(place) and time.monotonic() < deadline:
            time.sleep(0.05)
        return bool(files.names(place))


def ask(project: Project, hosts: Iterable[Host]) -> Findings:
    """What is found on other hosts, each looking for itself."""
    argv = [cli.beside("fjd"), "--project", project.name, "doctor", "--json"]
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
