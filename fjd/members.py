"""Who is alive: by process on its own host, by heartbeat from anywhere.

A member's record in workers/ or dispatchers/ is lines `key: value`: host
(its name, for people), boot (boot id), pidns (inode of its pid namespace),
pid, start (its start time in clock ticks, proc(5)), beat (seconds between two
heartbeats) and session (the kind and name of a worker's session, or none; of
a dispatcher: standby, hiring or none).  Boot id and pid namespace are what a
host is: a pid is looked up only where it means something.  Where either of
them is unknown, so is the host, and the heartbeat decides.

Heartbeats are told by the file server's clock alone, and counted, not timed:
dead is whose mtime did not change while the observer itself beat in time
MISSED times.  So a server that freezes kills nobody.
"""
import os
import time
from typing import Any, Dict, List, NamedTuple, Optional, Tuple

from fjd.files import is_ours
from fjd.names import new_id, safe_host
from fjd.project import Project

BEAT = 10.0  # seconds between two heartbeats
STANDBY = "standby"  # the session of a dispatcher that is not at work
HIRING = "hiring"  # the session of a dispatcher that hires by itself
FRESH = 2.5  # of its beats: how old a sign of life may be of who is at work
MISSED = 6   # of them make a silent worker dead
START = 19   # where the start time is in /proc/PID/stat, from the state on
# Of the files that this process may have open (ulimit -n), a quarter.
MOST_IN_SIGHT = min(256, os.sysconf("SC_OPEN_MAX") // 4)


class Identity(NamedTuple):
    """One process of one host, as its record tells it."""

    host: str
    boot: str
    pidns: str
    pid: int
    start: str

    @property
    def place(self) -> Tuple[str, str]:
        """What tells hosts apart; "" is what could not be found out."""
        return self.boot, self.pidns

    def record(self, session: str) -> str:
        lines = [f"{key}: {value}" for key, value in self._asdict().items()]
        lines += [f"session: {session}", f"beat: {BEAT:g}", ""]
        return "\n".join(lines)


class Here(Identity):
    """This process, and what it sees of others on its host.

    Who is looked at again and again is kept in sight by an open file of its
    own, /proc/PID/stat.  That costs no open(2) each time, and a process that
    gets the same pid later is not mistaken for it.
    """

    in_sight: Dict[Identity, int] = {}

    def sees(self, other: Identity) -> Optional[bool]:
        """Whether a process of our host is alive; None: of another host, or
        of one that is not known.
        """
        if other.place != self.place or "" in self.place:
            return None
        if not other.start:
            return is_pid(other.pid)
        return self.state_of(other) not in "ZX"

    def is_home_of(self, other: Identity) -> bool:
        """Whether a process lives on our host: by the name and the record
        alone where we do not know what our host is.
        """
        if "" in self.place:
            return other[:3] == self[:3]
        return bool(self.sees(other))

    def is_awake(self, other: Identity) -> bool:
        """Whether a process of our host is alive, and not stopped."""
        return bool(self.sees(other)) and self.state_of(other) != "T"

    def state_of(self, other: Identity) -> str:
        """A letter, as proc(5) has it; X if it is gone."""
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
    """The identity of this process."""
    pid = os.getpid()
    host = safe_host(os.uname().nodename)
    return Here(host, boot_id(), pid_namespace(), pid, start_time(pid))


def boot_id() -> str:
    """That of the running kernel; "" if it is not told."""
    try:
        with open("/proc/sys/kernel/random/boot_id") as file:
            return file.read().strip()
    except OSError:
        return ""  # /proc may be mounted with subset=pid.


def pid_namespace() -> str:
    """Its inode; "" if it is not told."""
    try:
        return str(os.stat("/proc/self/ns/pid").st_ino)
    except OSError:
        return ""


def enrol(
    project: Project, kind: str, me: Identity, session: str = "none",
    clock: Any = time,
) -> str:
    """Put a process's record into workers/ or dispatchers/: its new id."""
    while True:
        member = new_id(me.host, clock.time(), me.pid)
        if project.enrol(kind, member, me.record(session)):
            return member


def parse_record(record: str) -> Dict[str, str]:
    """A record's keys and values; none of one that is not whole."""
    if "\nbeat: " not in record or not record.endswith("\n"):
        return {}  # RACE: it is just being written.
    lines = (line.partition(": ") for line in record.splitlines())
    return {key: value for key, colon, value in lines if colon}


def keys_of(project: Project, kind: str, member: str) -> Dict[str, str]:
    """What the record of a member says; nothing if there is none."""
    record = project.record(kind, member)
    return parse_record(record[1]) if record else {}


def identity_in(keys: Dict[str, str]) -> Identity:
    """Who a record is about; of nobody's host if it does not say."""
    pid = keys.get("pid", "0")
    return Identity(
        keys.get("host", ""), keys.get("boot", "?"), keys.get("pidns", "?"),
        int(pid) if pid.isdecimal() else 0, keys.get("start", ""),
    )


def period_in(keys: Dict[str, str]) -> float:
    """Seconds between two beats of whom a record is about."""
    try:
        return float(keys["beat"])
    except (KeyError, ValueError):
        return BEAT


def is_at_work(project: Project, other: str, now: float, here: Here) -> bool:
    """Whether a dispatcher is, now by the server's clock, seen from here."""
    record = project.record("dispatchers", other)
    role = parse_record(record[1] if record else "").get("session", STANDBY)
    return role != STANDBY and not seems_dead(record, now, here, FRESH)


def seems_dead(
    record: Optional[Tuple[float, str]], now: float, here: Here, beats: float,
) -> bool:
    """Whether a member is gone, or silent for so many of its beats: one look,
    now by the server's clock, where a Watch looks again and again.
    """
    if not record:
        return True
    keys = parse_record(record[1])
    # Nor in the future, as when the server's clock was set back.
    is_silent = abs(now - record[0]) > beats * period_in(keys)
    return is_silent or here.sees(identity_in(keys)) is False


def start_time(pid: int) -> str:
    """When a process began, in ticks after boot; "" if it has ended."""
    fields = stat_of(pid)
    return "" if fields[0] in "ZX" else fields[START]


def stat_of(pid: int) -> List[str]:
    """What proc(5) says of a process, from its state on; X if it is gone."""
    try:
        with open(f"/proc/{pid}/stat", "rb") as file:
            return fields_of(file.read())
    except OSError as error:
        if is_ours(error):
            raise
        return ["X"]


def fields_of(stat: bytes) -> List[str]:
    # The name, in parentheses, may hold anything.
    return stat.rpartition(b")")[2].decode().split()


def is_pid(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        pass  # Somebody else's: it lives.
    return True


def is_late(now: float, due: float) -> bool:
    """Whether a beat comes so late that its process or the server hung."""
    return bool(due) and now > due + BEAT / 2


class Watch:
    """Tells from heartbeats who is dead, in the observer's own beats."""

    def __init__(self, missed: int = MISSED) -> None:
        self.missed = missed
        self.beats = 0
        self.last = self.next_beat = 0.0
        self.seen: Dict[str, Tuple[float, int]] = {}

    def resume(self, beats: int, now: float, is_same_beat: bool) -> None:
        """Go on where somebody else's count ended (memory.py)."""
        self.beats = beats
        self.last = now
        self.next_beat = now + BEAT if is_same_beat else now

    def tick(self, now: float) -> bool:
        """To be called, by a monotonic clock, before each look at members.

        Of these ticks one every BEAT seconds is a beat of the observer's; a
        late one starts every count anew.  Whether this one is a beat.
        """
        if is_late(now, self.last and self.last + BEAT):
            self.seen.clear()
        self.last = now
        if now < self.next_beat:
            return False
        self.next_beat = now + BEAT
        self.beats += 1
        return True

    def is_silent(self, member: str, mtime: float, period: float) -> bool:
        """Whether mtime has not changed for too many beats."""
        before, since = self.seen.get(member, (None, 0))
        if before != mtime:
            self.seen[member] = (mtime, self.beats)
            return False
        return self.beats - since >= self.missed * max(1.0, period / BEAT)
