"""Members, and which are alive: by process on their host, else by heartbeat.

A member's record in workers/ or dispatchers/ has lines `key: value`: host
(its name, for people), boot (boot id), pidns (inode of its pid namespace),
pid, start (its start time in clock ticks, proc(5)), arrays (yes: a worker may
be given ranges of arrays), beat (seconds between two heartbeats) and session
(the kind and name of a worker's session, or none; of a dispatcher: standby,
hiring or none).  Boot id and pid namespace identify a
host: a pid is looked up only where it is valid.  If either is unknown, the
host is unknown, and the heartbeat decides.

Heartbeats use only the file server's clock, and are counted, not timed: a
member is dead when its mtime stayed the same for MISSED on-time heartbeats of
the observer.  So a frozen server makes no member dead.
"""
import os
import time
from math import inf
from typing import (
    Any, Dict, Iterable, Iterator, NamedTuple, Optional, Tuple,
)

from fjd.names import new_id, safe_host
from fjd.proc import (
    boot_id, fields_of, is_alive, pid_namespace, START, start_time,
)
from fjd.project import Project

BEAT = 10.0  # seconds between two heartbeats
STANDBY = "standby"  # the session of a dispatcher that is not active
HIRING = "hiring"  # the session of an active one that hires by itself
ACTIVE = "none"    # the session of other active ones
FRESH = 2.5  # greatest age of an active dispatcher's heartbeat, in periods
MISSED = 6   # missed heartbeats after which a member is dead
QUIET = 2    # after which its unbegun jobs are given to others
# Kinds of sessions of workers that a batch system did not start:
ORDINARY = ("", "none", "process", "screen", "tmux")
STAY = "stay"  # the kind of those of hire --stay
# A quarter of the files that this process may have open (ulimit -n).
MOST_IN_SIGHT = min(256, os.sysconf("SC_OPEN_MAX") // 4)


class Identity(NamedTuple):
    """One process of one host, as in its record."""

    host: str
    boot: str
    pidns: str
    pid: int
    start: str

    @property
    def place(self) -> Tuple[str, str]:
        """The identity of the host; "" for an unknown part."""
        return self.boot, self.pidns

    def record(self, session: str) -> str:
        lines = [f"{key}: {value}" for key, value in self._asdict().items()]
        lines += [f"session: {session}", "arrays: yes", f"beat: {BEAT:g}", ""]
        return "\n".join(lines)


class Here(Identity):
    """This process, and its view of others on its host.

    For each process checked repeatedly, its /proc/PID/stat is kept open.
    That saves an open(2) each time, and a later process with the same pid is
    not mistaken for it.
    """

    in_sight: Dict[Identity, int] = {}

    def sees(self, other: Identity) -> Optional[bool]:
        """Return whether a process is alive; None if it is on another or an
        unknown host.
        """
        if other.place != self.place or "" in self.place:
            return None
        if not other.start:
            return is_alive(other.pid)
        return self.state_of(other) not in "ZX"

    def is_home_of(self, other: Identity) -> bool:
        """Return whether a process is alive on our host; if our host is
        unknown, whether its record names this host.
        """
        if "" in self.place:
            return other[:3] == self[:3]
        return bool(self.sees(other))

    def is_awake(self, other: Identity) -> bool:
        """Return whether a process is alive on our host, and not stopped."""
        return bool(self.sees(other)) and self.state_of(other) != "T"

    def is_stopped(self, other: Identity) -> bool:
        """Return whether a process is alive on our host, but stopped."""
        return bool(self.sees(other)) and self.state_of(other) == "T"

    def has_rebooted_since(self, other: Identity) -> bool:
        """Return whether a process was started before this host was.

        Another host of our name looks alike.
        """
        known = {"", "?"}.isdisjoint((self.boot, other.boot))
        return known and other.host == self.host and other.boot != self.boot

    def state_of(self, other: Identity) -> str:
        """Return the state letter of proc(5); X if the process is gone."""
        file, fields = self.in_sight.pop(other, -1), ["X"]
        try:
            if file < 0:
                file = os.open(f"/proc/{other.pid}/stat", os.O_RDONLY)
            fields = fields_of(os.pread(file, 4096, 0))
        except (FileNotFoundError, ProcessLookupError):
            pass
        is_it = fields[START:START + 1] == [other.start]
        if is_it and len(self.in_sight) < MOST_IN_SIGHT:
            self.in_sight[other] = file
        elif file >= 0:
            os.close(file)
        return fields[0] if is_it else "X"


def myself() -> Here:
    """Return the identity of this process."""
    pid = os.getpid()
    host = safe_host(os.uname().nodename)
    return Here(host, boot_id(), pid_namespace(), pid, start_time(pid))


class Member(NamedTuple):
    """A member, as its record was when it was read.

    While a record is being written, its member is of no host.
    """

    heartbeat: float  # the last one, in the server's seconds
    identity: Identity
    session: str  # a worker's; of a dispatcher, its role
    period: float  # seconds between two heartbeats
    knows_arrays: bool = False

    @classmethod
    def parse(cls, heartbeat: float, record: str) -> "Member":
        lines = record.splitlines()
        if "\nbeat: " not in record or not record.endswith("\n"):
            lines = []  # RACE: it is being written.
        pairs = [line.partition(": ") for line in lines]
        keys = {key: value for key, colon, value in pairs if colon}
        return cls(heartbeat, identity_in(keys), keys.get("session", ""),
                   period_in(keys), keys.get("arrays") == "yes")

    @property
    def is_allocated(self) -> bool:
        """Return whether it is a worker in an allocation of a batch system.

        It is known by its session, such as slurm 311_2, never by its host.
        """
        return self.system not in ORDINARY

    @property
    def system(self) -> str:
        """Return the kind of its session: slurm, say, or screen."""
        return self.session.partition(" ")[0]

    @property
    def is_missing(self) -> bool:
        """Return whether there is no record; then the member is dead."""
        return self.heartbeat == -inf

    def is_gone(self, here: Here) -> bool:
        """Return whether it was a process of this host, and has ended."""
        return here.sees(self.identity) is False

    def seems_dead(
        self, now: float, here: Here, beats: float = FRESH,
    ) -> bool:
        """Return whether it is gone, or silent for so many heartbeats.

        This is one look; an Observer looks repeatedly.  now is by the
        server's clock.
        """
        # A time in the future also counts: the server's clock was set back.
        is_silent = abs(now - self.heartbeat) > beats * self.period
        return self.is_missing or is_silent or self.is_gone(here)


def identity_in(keys: Dict[str, str]) -> Identity:
    """Return the identity in a record; without one, that of no host."""
    pid = keys.get("pid", "0")
    return Identity(
        keys.get("host", ""), keys.get("boot", "?"), keys.get("pidns", "?"),
        int(pid) if pid.isdecimal() else 0, keys.get("start", ""),
    )


def period_in(keys: Dict[str, str]) -> float:
    try:
        return float(keys["beat"])
    except (KeyError, ValueError):
        return BEAT


MISSING = Member.parse(-inf, "")


def read_member(project: Project, kind: str, name: str) -> Member:
    """Return a member of workers/ or dispatchers/, or MISSING."""
    record = project.record(kind, name)
    return Member.parse(*record) if record else MISSING


def active_among(
    project: Project, dispatchers: Iterable[str], now: float, here: Here,
) -> Iterator[str]:
    """Yield those dispatchers that are active; now by the server's clock."""
    for name in dispatchers:
        member = read_member(project, "dispatchers", name)
        is_engaged = member.session not in ("", STANDBY)
        # Of two hosts of one name, both may be active, which is harmless.
        is_past = here.has_rebooted_since(member.identity)
        if is_engaged and not (is_past or member.seems_dead(now, here)):
            yield name


def enrol(
    project: Project, kind: str, me: Identity, session: str = "none",
    clock: Any = time,
) -> str:
    """Put a record into workers/ or dispatchers/; return the new id."""
    while True:
        member = new_id(me.host, clock.time(), me.pid)
        if project.enrol(kind, member, me.record(session)):
            return member


def is_late(now: float, due: float) -> bool:
    """Return whether a heartbeat is late: its process or the server hung."""
    return bool(due) and now > due + BEAT / 2


class Observer:
    """Finds dead members by heartbeat, counted in the observer's own."""

    def __init__(self, missed: int = MISSED) -> None:
        self.missed = missed
        self.beats = 0
        self.last = self.next_beat = 0.0
        self.seen: Dict[str, Tuple[float, int]] = {}

    def resume(self, beats: int, now: float, is_same_beat: bool) -> None:
        """Continue the count of another observer (handover.py)."""
        self.beats = beats
        self.last = now
        self.next_beat = now + BEAT if is_same_beat else now

    def tick(self, now: float) -> bool:
        """Return whether this tick is a heartbeat of the observer.

        Call it, with a monotonic time, before each look at members.  One tick
        every BEAT seconds is a heartbeat; a late one restarts all counts.
        """
        if is_late(now, self.last and self.last + BEAT):
            self.seen.clear()
        self.last = now
        if now < self.next_beat:
            return False
        self.next_beat = now + BEAT
        self.beats += 1
        return True

    def is_silent(self, name: str, member: Member) -> bool:
        """Return whether a heartbeat has been a member's last for too long."""
        before, since = self.seen.get(name, (None, 0))
        if before != member.heartbeat:
            self.seen[name] = (member.heartbeat, self.beats)
            return False
        slowness = max(1.0, member.period / BEAT)
        return self.beats - since >= self.missed * slowness

    def has_missed(self, name: str, beats: int) -> bool:
        """Return whether a member has missed so many heartbeats."""
        _, since = self.seen.get(name, (None, self.beats))
        return self.beats - since >= beats
