"""The checks that fjd doctor makes on its own machine.

Each look_at_... function yields findings.  An error that it raises becomes a
finding, too.
"""
import os
import resource
import signal
import stat
import sys
import tempfile
import time
from typing import Any, Iterator, List, NamedTuple

from fjd import files, home
from fjd.errors import FjdError, Unavailable
from fjd.hosts import compiled, latency
from fjd.hosts.conf import LOCALHOST
from fjd.hosts.session import PROCESS, Sessions, SOCKETS
from fjd.hosts.ssh import see_witness
from fjd.names import printable
from fjd.ownership import is_sticky, refusal, shown, Survey
from fjd.project import Project
from fjd.wakeup import Alarm

OK, WARN, FAIL = "ok", "warn", "FAIL"
LATE = 10.0       # seconds that a file may take there and back
CLOCK_OFF = 2.0   # seconds; some servers have whole seconds only
SECONDS_TO_RUN = 10.0   # seconds that a session may take to run something
FEW_OPEN = 256    # files; a dispatcher keeps one for each worker
NOTICED = 1.0     # seconds for the kernel to report a file
LITTLE, FEW = 10**8, 10**4  # bytes and files; less free space is a warning
TIDY = "try: remove what you no longer need from done, failed and joblogs"
ELSEWHERE = "try: set FJD_DIR to a place on another file system"
CACHES = "try: mount with acdirmax=3 (nfs), or dcache_timeout=3 (sshfs)"


class Finding(NamedTuple):
    """A result: the state, what was found, the remedy, the check, the host."""

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


def look_at_python() -> Findings:
    version = ".".join(map(str, sys.version_info[:3]))
    yield Finding(OK, f"{version} ({sys.executable})")


def look_at_load() -> Findings:
    try:
        load, cpus = os.getloadavg()[0], os.cpu_count() or 1
    except (AttributeError, OSError):
        return  # This system does not report its load.
    yield judged(
        load <= cpus, f"{load:.1f} on {cpus} CPUs", "try: fewer workers")


def look_at_project(project: Project, caller: str) -> Findings:
    """Check that the project is ours alone, and shared with the caller."""
    if caller:
        see_witness(project.name, caller)
    said: List[str] = []
    home.open_project(project.name, said.append)
    yield from (Finding(WARN, text.rstrip(".")) for text in said)
    for warning in shared_by_groups(project.root):
        yield Finding(WARN, str(warning), warning.hint)
    if not caller:
        return
    seconds = latency.measure(project, caller)
    text = f"shared; a file went there and back in {seconds:.1f} s"
    if seconds > latency.MOST_SECONDS:
        text = f"no file went there and back in {latency.MOST_SECONDS:.0f} s"
        raise FjdError(text, CACHES)
    yield judged(seconds <= LATE, text, CACHES)


def shared_by_groups(place: str) -> List[FjdError]:
    """Return a warning for each part of the path that a group may replace."""
    survey = Survey(lambda text: None)
    survey.reach(place)
    return [
        refusal(path, status, "its group may replace what is in it",
                f"chmod g-w {shown(path)}")
        for path, status in survey.above.items()
        if status.st_mode & stat.S_IWGRP and not is_sticky(status)
    ]


def look_at_room(root: str) -> Findings:
    disk = os.statvfs(root)
    room = disk.f_bavail * disk.f_frsize
    number = disk.f_favail if disk.f_files else FEW  # Some do not count.
    text = f"{room // 10**6} MB"
    text += f" and {number} files" if disk.f_files else ""
    if not room or not number:
        raise FjdError(text, TIDY)
    yield judged(room >= LITTLE and number >= FEW, text, TIDY)


def scratch(top: str) -> Any:
    """Return a temporary directory beside the projects."""
    return tempfile.TemporaryDirectory(prefix=".doctor-", dir=top)


def look_at_files(top: str) -> Findings:
    with scratch(top) as place:
        wrong = ", ".join(misbehaving(place))
    if wrong:
        raise FjdError(f"{wrong}: not as POSIX demands", ELSEWHERE)
    yield Finding(OK, "O_EXCL, append, mkdir, rename and rmdir behave")


def misbehaving(place: str) -> List[str]:
    """Return which of the calls that the protocol relies on fail."""
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


def look_at_clock(top: str) -> Findings:
    """Compare our clock with the file server's, for people who read logs."""
    with scratch(top) as place:
        path = os.path.join(place, "now")
        before = time.time()
        files.create(path, "\n")
        written, after = files.status(path).st_mtime, time.time()
    off = max(before - written, written - after)
    yield judged(
        off < CLOCK_OFF, f"{max(0, off):.0f} s off the file server's",
        "try: timedatectl set-ntp true, or times in the ledger look odd")


def look_at_sessions(top: str) -> Findings:
    """Check which kind of session workers get: screen, tmux or process."""
    sessions = Sessions("", lambda text: None)
    while not has_run(sessions, top):
        why = f"{sessions.kinds[0]}: nothing is run in its session"
        sessions.fall_back(Unavailable(why, SOCKETS[sessions.kinds[0]]))
    kind, hints = sessions.kinds[0], list(sessions.lacking.values())
    why = f" ({'; '.join(sessions.lacking)})" if hints else ""
    yield judged(kind != PROCESS, f"workers live in {kind}{why}", *hints[:1])


def has_run(sessions: Sessions, top: str) -> bool:
    """Return whether the best available kind of session runs a command."""
    with scratch(top) as place:
        sessions.start(
            os.path.basename(place).lstrip("."),
            ["mkdir", os.path.join(place, "mark")], os.devnull,
            dict(os.environ), "/")
        deadline = time.monotonic() + SECONDS_TO_RUN
        while not files.names(place) and time.monotonic() < deadline:
            time.sleep(0.05)
        return bool(files.names(place))


# What is better known before jobs run

def look_at_limits() -> Findings:
    """Return what ulimit(1) allows; jobs and workers inherit it."""
    number = resource.getrlimit(resource.RLIMIT_NOFILE)[0]
    size = resource.getrlimit(resource.RLIMIT_FSIZE)[0]
    is_enough = number == resource.RLIM_INFINITY or number >= FEW_OPEN
    yield judged(
        is_enough, f"{number} files may be open",
        f"try: ulimit -n {FEW_OPEN}, or more")
    text = "files may have any size"
    if size != resource.RLIM_INFINITY:
        text = f"files may have {size >> 10} KiB, also the logs of jobs"
    yield judged(
        size == resource.RLIM_INFINITY, text,
        "try: ulimit -f unlimited, before you start workers")


def look_at_terminals() -> Findings:
    """Return whether screen and tmux can have a terminal (pty(7))."""
    try:
        for descriptor in os.openpty():
            os.close(descriptor)
    except OSError as error:
        yield Finding(WARN, f"none can be had: {error.strerror}",
                      "try: fjd-recruiter --session process hire")
    else:
        yield Finding(OK, "screen and tmux can have one")


def look_at_byte_code() -> Findings:
    """Return whether Python has to compile fjd at each start."""
    place = os.path.dirname(os.path.abspath(files.__file__))
    todo = f"try, as its owner: {sys.executable} -m compileall -q {place}"
    if "PYTHONDONTWRITEBYTECODE" in os.environ:
        todo = "try: unset PYTHONDONTWRITEBYTECODE"
    is_stale = compiled.is_stale(os.path.join(place, "command.py"))
    text = "missing or old: Python compiles fjd at each start" if is_stale \
        else "compiled once for this Python"
    yield judged(not is_stale, text, todo)


def look_at_notification(top: str) -> Findings:
    """Return whether the kernel reports new files (fcntl(2), F_NOTIFY)."""
    alarm = Alarm()
    alarm.set()
    with scratch(top) as place:
        alarm.watch(place)
        files.create(os.path.join(place, "job"))
        has_come = signal.SIGIO in alarm.wait(NOTICED)
    yield judged(
        has_come, "the kernel reports new files of this host" if has_come
        else "the kernel does not report new files",
        "a job may wait for a second; nothing needs to be done")
