"""The grammar of names on disk.

    worker, dispatcher   <host>_<seconds>.<microseconds>-<pid>
    stamp                <token>-<count>    token: 17 of [0-9a-f]
    attempt              <job>~<n>.<stamp>
    range of an array, as <job>
                         <array>=<first>.<next>-<last>[x<failed>]
                         [+<generation>.<stamp>]
    in running/          <attempt>@<worker>
    in workerqueue/      <worker>.<k>.<want>
    in orders/           <worker>.<stamp>.<order>

A host's part is [A-Za-z0-9.-], at most 40 characters.  The parts added by fjd
are safe in a shell without quotes; the user's own part, <job>, may hold
anything that why_bad() accepts.  A token is the time in microseconds and a
random part, in hexadecimal, made once a process: so stamps are unique, and
those of two processes sort by time.  parse() raises ValueError for a name that
does not follow the grammar; only a job may have any name.
"""
import os
import re
import sys
from os import urandom
from typing import List, Match, NamedTuple, Tuple

LONGEST_JOB_NAME = 100  # bytes; with the parts that fjd adds, at most 255
LONGEST_ARRAY_NAME = 60
NUMBER, STAMP = "([1-9][0-9]{0,8})", "([0-9a-f]{17}-[0-9]+)"
STAMPED = re.compile(rf"(.+)~{NUMBER}\.{STAMP}", re.S)
RANGE = re.compile(rf"(.+)={NUMBER}\.{NUMBER}-{NUMBER}(?:x{NUMBER})?"
                   rf"(?:\+{NUMBER}\.{STAMP})?", re.S)
MEMBER = re.compile(r"[A-Za-z0-9.-]+_[0-9]+\.[0-9]{6}-[0-9]+")
PROJECT = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]*")
DIGITS = re.compile("[0-9]+")
CONTROL = re.compile("[\0-\x1f\x7f]")


class Attempt(NamedTuple):
    """One giving-out of a job; a bare job name is n = 1 without a stamp."""

    job: str
    n: int = 1
    stamp: str = ""

    @classmethod
    def parse(cls, name: str) -> "Attempt":
        match = STAMPED.fullmatch(name)
        if not match:
            return cls(name)
        return cls(match.group(1), int(match.group(2)), match.group(3))

    @property
    def name(self) -> str:
        return f"{self.job}~{self.n}.{self.stamp}"

    @property
    def given(self) -> Tuple[str, int]:
        """Return a sort key: the time of its stamp."""
        token, _, count = self.stamp.partition("-")
        return token, int(count or 0)


class Range(NamedTuple):
    """Some tasks of an array, which are given out as one job.

    All tasks before next have ended (last + 1: all), and so many of these
    failed.  generation counts how often failed tasks were run again on
    demand; stamp names the list of these.
    """

    array: str
    first: int
    next: int
    last: int
    failed: int = 0
    generation: int = 0
    stamp: str = ""

    @classmethod
    def parse(cls, job: str) -> "Range":
        match = RANGE.fullmatch(job)
        if not match:
            raise ValueError(job)
        array, *numbers, stamp = match.groups(default="")
        found = cls(array, *[int(n or 0) for n in numbers], stamp)
        if not found.first <= found.next <= found.last + 1:
            raise ValueError(job)
        return found

    @property
    def job(self) -> str:
        failed = f"x{self.failed}" if self.failed else ""
        again = f"+{self.generation}.{self.stamp}" if self.stamp else ""
        return f"{self.array}={self.first}.{self.next}-{self.last}" \
            f"{failed}{again}"

    @property
    def key(self) -> "Tuple[str, int, int]":
        """The tasks that it holds, which never change."""
        return self.array, self.first, self.last


class Running(NamedTuple):
    """An attempt and the worker that runs it."""

    attempt: str
    worker: str

    @classmethod
    def parse(cls, name: str) -> "Running":
        attempt, worker = name.rsplit("@", 1)
        return cls(attempt, checked(worker))

    @property
    def name(self) -> str:
        return f"{self.attempt}@{self.worker}"


class Announcement(NamedTuple):
    """A worker, and the number of jobs it wants; k counts its requests."""

    worker: str
    k: int
    want: int

    @classmethod
    def parse(cls, name: str) -> "Announcement":
        worker, k, want = name.rsplit(".", 2)
        return cls(checked(worker), int(k), int(want))

    @property
    def name(self) -> str:
        return f"{self.worker}.{self.k}.{self.want}"


class Order(NamedTuple):
    """A worker, the order for it, and a stamp of the sender."""

    worker: str
    stamp: str
    word: str

    @classmethod
    def parse(cls, name: str) -> "Order":
        worker, stamp, word = name.rsplit(".", 2)
        return cls(checked(worker), stamp, word)

    @property
    def name(self) -> str:
        return f"{self.worker}.{self.stamp}.{self.word}"


def new_token(now: float) -> str:
    """Return 17 characters unique to a process; now: seconds since 1970."""
    return f"{int(now * 1e6):013x}{urandom(2).hex()}"


class Stamps:
    """The new stamps of one process, made without a system call."""

    def __init__(self, token: str) -> None:
        self.token = token
        self.count = 0

    def new(self) -> str:
        self.count += 1
        return f"{self.token}-{self.count}"

    def made(self, attempt: Attempt) -> bool:
        """Return whether this process stamped that attempt."""
        return attempt.stamp.startswith(self.token + "-")


def new_id(host: str, now: float, pid: int) -> str:
    """Return the id of a new worker or dispatcher, which is unique."""
    return f"{safe_host(host)}_{now:.6f}-{pid}"


def is_member(name: str) -> bool:
    """Return whether a name has the form of a worker's or dispatcher's id."""
    return bool(MEMBER.fullmatch(name))


def checked(member: str) -> str:
    if not is_member(member):
        raise ValueError(member)
    return member


def safe_host(host: str) -> str:
    """Return a host name that is valid in file names and session names."""
    return re.sub(r"[^A-Za-z0-9.-]", "-", host).strip(".-")[:40] or "host"


def host_of(member: str) -> str:
    """Return the host in the id of a worker or dispatcher."""
    return member.rpartition("_")[0]


def is_same_host(one: str, other: str) -> bool:
    """Return whether two names mean one host: node2, Node2.example.org."""
    names = (safe_host(one).lower(), safe_host(other).lower())
    one, other = sorted(names, key=len)
    return one == other or other.startswith(one + ".")


def is_on(member: str, hosts: List[str]) -> bool:
    """Return whether a worker is on a host with one of these names."""
    return any(is_same_host(host, host_of(member)) for host in hosts)


def is_project(name: str) -> bool:
    return bool(PROJECT.fullmatch(name)) and len(name) <= LONGEST_JOB_NAME


def is_editor_copy(name: str) -> bool:
    """Return whether a name, x~ or #x#, is an editor's copy, not a job."""
    return name[-1:] == "~" or name[0] == name[-1] == "#" != name


def is_range_name(job: str) -> bool:
    """Return whether a job's name looks like that of a range."""
    return "=" in job and bool(RANGE.fullmatch(job))


def why_bad(job: str) -> str:
    """Return the reason why a job's name is bad; "" if it is good."""
    if CONTROL.search(job):
        return "its name holds a control character"
    if job.startswith("-"):
        return "its name begins with a dash"
    part = RANGE.fullmatch(job)
    name = part.group(1) if part else job
    longest = LONGEST_ARRAY_NAME if part else LONGEST_JOB_NAME
    if len(os.fsencode(name)) > longest:
        return f"its name is longer than {longest} bytes"
    return ""


def made_up(job: str) -> str:
    """Return a good name that resembles a bad one."""
    cut = os.fsencode(CONTROL.sub("_", job))[:LONGEST_JOB_NAME]
    whole = cut.decode(errors="ignore").encode()  # not half a character
    return re.sub("^[.-]", "_", os.fsdecode(whole)) or "_"


def printable(name: str) -> str:
    """Return any name as one line; unprintable parts as \\n or \\udcff.

    CRON: with LANG=C Python 3.6 can encode only ASCII.
    """
    text = os.fsencode(name).decode(errors="surrogateescape")
    line = "".join(c if c.isprintable() else ascii(c)[1:-1] for c in text)
    encoding = sys.getfilesystemencoding()
    return line.encode(encoding, "backslashreplace").decode(encoding)


def natural(name: str) -> str:
    """Return a sort key: job2 before job10."""
    return DIGITS.sub(counted, name)


def counted(digits: Match) -> str:
    """Return a number so that more digits sort later, but before letters."""
    number = digits.group().lstrip("0")
    return f"\1{chr(len(number))}{number}"


def given_order(name: str) -> Tuple[str, int]:
    """Return a sort key: the order in which one dispatcher gave them."""
    return Attempt.parse(name).given


def queue_order(
    name: str, stamps: Stamps = Stamps("none"),
) -> str:
    """Return a sort key: that of natural(), but retried jobs come last.

    A job with one of these stamps lost its worker, and keeps its place.
    """
    if "~" not in name:
        return "1" + natural(name)
    attempt = Attempt.parse(name)
    is_last = attempt.n > 1 and not stamps.made(attempt)
    return ("2" if is_last else "1") + natural(attempt.job)
