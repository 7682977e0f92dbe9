"""Allocations: workers that were asked for from a batch system, by files.

The directory allocations/ of a project is made when it is needed.  In it are

    <section>.<k>           the record of one submission: lines `key: value`
    <section>.<k>.sh        the script that was submitted
    <section>.<k>.<worker>  empty: this worker came

A record is created before the submission, so that of two recruiters at the
same moment one submits, and the other counts that.  One that is removed gets a
dot name, the last one of a section stays: so no name is ever used again, and
nobody takes the record of another for his own.  Its keys: scheduler, section,
job (its name there, which no other job has), when (seconds since 1970), asked
(workers), host, boot, pidns, pid and start (who submits), pending and cancel
(templates); then id, as soon as it is known, cancelled (workers), held (tasks
that were held in order to cancel them) and over (yes: no worker of it came,
and none will).  Of a key that is there twice the last value counts.  A worker
of an allocation whose record is gone leaves at once.
"""
import re
import time
from typing import Callable, Dict, Iterable, List, NamedTuple, Tuple

from fjd.errors import NotHired
from fjd.files import NO_LINKS
from fjd.hosts.arrival import NAME
from fjd.members import Identity, identity_in, Member, read_member
from fjd.names import is_member, new_token
from fjd.output import number_of_workers
from fjd.project import ALLOCATIONS, Project

SCRIPT = ".sh"
SECONDS = 5.0  # for a system to say what waits


class Record(NamedTuple):
    """The record of one submission; id is "" until it is known."""

    name: str
    scheduler: str
    section: str
    job: str
    id: str
    asked: int  # 0: the record is being written
    cancelled: int
    waited: int  # when templates were last asked; -1: never
    is_over: bool
    held: str  # tasks, with commas
    submitter: Identity
    pending: str
    cancel: str
    written: float  # the time of the last write, in the server's seconds
    came: List[str]  # workers

    @property
    def outstanding(self) -> int:
        """The number of workers that may still come."""
        left = self.asked - self.cancelled - len(self.came)
        return 0 if self.is_over else max(0, left)


class Waiting(NamedTuple):
    """Pending workers of one batch system; trouble: why it did not answer.

    running: its tasks that run, whether their workers have come or not.
    """

    place: str
    number: int = 0
    reasons: List[str] = []
    trouble: str = ""
    running: int = 0


def names(project: Project) -> List[str]:
    """Return the names of the records; no program is called."""
    return [name for name in project.names_if_any(ALLOCATIONS)
            if NAME.fullmatch(name)]


def is_expected(project: Project) -> bool:
    """Return whether workers may still come, by the files alone."""
    return any(record.outstanding for record in records(project))


def records(project: Project) -> List[Record]:
    """Return all records, in the order of their submission."""
    listing = project.names_if_any(ALLOCATIONS)
    found = []
    for name in sorted(filter(NAME.fullmatch, listing), key=order_of):
        read = project.record(ALLOCATIONS, name)
        if read:  # RACE: it may have been removed.
            came = [other[len(name) + 1:] for other in listing
                    if other.startswith(f"{name}.")]
            found.append(parsed(name, *read, list(filter(is_member, came))))
    return found


def order_of(name: str) -> Tuple[str, int]:
    label, _, number = name.rpartition(".")
    return label, int(number)


def record(project: Project, name: str) -> Record:
    """Return one record, without the workers that came."""
    written, text = project.record(ALLOCATIONS, name) or (0.0, "")
    return parsed(name, written, text, [])


def parsed(name: str, written: float, text: str, came: List[str]) -> Record:
    keys: Dict[str, str] = {}
    for line in text.splitlines():
        key, colon, value = line.partition(": ")
        if colon:
            keys[key] = value
    return Record(
        name, keys.get("scheduler", ""), unfolded(keys.get("section", "")),
        keys.get("job", ""), keys.get("id", ""), number_in(keys, "asked"),
        number_in(keys, "cancelled"), number_in(keys, "waited", -1),
        keys.get("over") == "yes", keys.get("held", ""),
        identity_in(keys), unfolded(keys.get("pending", "")),
        unfolded(keys.get("cancel", "")), written, came)


def number_in(keys: Dict[str, str], key: str, default: int = 0) -> int:
    value = keys.get(key, "")
    return int(value) if value.isdecimal() else default


def folded(text: str) -> str:
    """Return a text as one line; unfolded() undoes it."""
    return text.replace("\\", "\\\\").replace("\n", "\\n").replace("\r", "\\r")


def unfolded(text: str) -> str:
    return re.sub(
        r"\\(.)", lambda m: {"n": "\n", "r": "\r"}.get(m[1], m[1]), text)


def claim(
    project: Project, label: str, known: Iterable[str], me: Identity,
    number: int, **how: str,
) -> str:
    """Create a record and return its name; "" if another recruiter has
    created one since those known were read.

    how: scheduler, section, pending and cancel.
    """
    project.files.make_directory(project.path(ALLOCATIONS))
    # Of a record that a person removed, the script is left.
    scripts = [other[:-len(SCRIPT)]
               for other in project.names_if_any(ALLOCATIONS)
               if other.endswith(SCRIPT)]
    numbers = [order_of(other)[1]
               for other in (*known, *retired(project, label), *scripts)
               if NAME.fullmatch(other) and order_of(other)[0] == label]
    name = f"{label}.{max(numbers, default=0) + 1}"
    job = f"fjd-{project.name}-{name}-{new_token(time.time())}"
    lines = {
        **{key: folded(text) for key, text in how.items()},
        "job": job, "when": f"{time.time():.0f}",
        **me._asdict(), "asked": number,
    }
    text = "".join(f"{key}: {value}\n" for key, value in lines.items())
    if not created(project, name, text):
        return ""
    # RACE: with another list of known ones, its record has another number; or
    # one with that name was removed meanwhile.
    if set(names(project)) - {name, *known} or name in retired(project, label):
        remove(project, name)
        return ""
    return name


def created(project: Project, name: str, text: str) -> bool:
    """Create a record, whole from the first moment; False if it exists."""
    files, path = project.files, project.path(ALLOCATIONS, name)
    draft = project.path(ALLOCATIONS, f".{new_token(time.time())}")
    # Bytes: a C locale could not encode the section's name.
    data = text.encode(errors="surrogateescape")
    files.create(draft, data)
    try:
        return bool(files.link(draft, path))
    except OSError as error:
        if error.errno not in NO_LINKS:
            raise
        return bool(files.create(path, data))
    finally:
        files.remove(draft)


def retired(project: Project, label: str) -> List[str]:
    """Return the names of the removed records of a label, the last one last;
    those before it are forgotten.
    """
    hidden = project.files.drafts(project.path(ALLOCATIONS), f".{label}.")
    found = [name[1:] for name in hidden if NAME.fullmatch(name[1:])]
    found.sort(key=order_of)
    for name in found[:-1]:
        project.strike(ALLOCATIONS, f".{name}")
    return found


def amend(project: Project, name: str, key: str, value: str) -> None:
    """Add a line to a record, if there still is one."""
    path = project.path(ALLOCATIONS, name)
    try:
        descriptor = project.files.open_output(path)
    except FileNotFoundError:
        return  # RACE: somebody fired all meanwhile.
    try:
        project.files.append(path, descriptor, f"{key}: {value}\n".encode())
    finally:
        project.files.close(descriptor)


def is_there(project: Project, record: Record) -> bool:
    """Return whether it is still there, and no other one with its name."""
    found = project.record(ALLOCATIONS, record.name)
    return found is not None \
        and parsed(record.name, *found, []).job == record.job


def remove(project: Project, name: str) -> str:
    """Remove a record, so that its workers leave, and what belongs to it;
    return the id that it had at last, or "".
    """
    hidden = f".{name}"
    project.files.move(
        project.path(ALLOCATIONS, name), project.path(ALLOCATIONS, hidden))
    number = record(project, hidden).id
    for other in project.names_if_any(ALLOCATIONS):
        if other.startswith(f"{name}."):
            project.strike(ALLOCATIONS, other)
    return number


def script_path(project: Project, name: str) -> str:
    return project.path(ALLOCATIONS, f"{name}{SCRIPT}")


def waiting(project: Project) -> List[Waiting]:
    """Return the pending workers of each system; one call of a program for
    each, with a time limit.
    """
    from fjd.hosts.scheduler import by_system, PENDING, RUNNING  # Late.
    expected = [record for record in records(project) if record.outstanding]
    found = []
    for system, some in by_system(project, expected):
        place = some[0].scheduler
        try:
            listed = system.tasks(some, SECONDS)
        except NotHired as error:
            found.append(Waiting(place, trouble=str(error)))
            continue
        tasks = [task for name in listed for task in listed[name]]
        pending = [task for task in tasks if task.state == PENDING]
        reasons = {task.reason for task in pending} - {"", "None"}
        running = sum(task.state == RUNNING for task in tasks)
        found.append(
            Waiting(place, len(pending), sorted(reasons), running=running))
    return found


def cancel_waiting(project: Project, say: Callable[[str], None]) -> None:
    """Cancel all pending workers, and remove the records, so that workers
    that are starting leave.
    """
    if not names(project):
        return
    from fjd.hosts.scheduler import by_system
    from fjd.hosts.withdrawal import withdraw_all  # Late: few wait.
    for system, some in by_system(project, records(project)):
        place = some[0].scheduler
        try:
            number = withdraw_all(project, system, some)
        except NotHired as error:
            say(f"{place}: pending workers are not cancelled: {error}")
            continue
        if number:
            workers = number_of_workers(number, "pending ")
            say(f"{place}: cancelled {workers}.")


def allocated(project: Project) -> Dict[str, Member]:
    """Return all enrolled workers that a batch system has started."""
    found = {name: read_member(project, "workers", name)
             for name in project.members("workers")}
    return {name: member for name, member in found.items()
            if member.is_allocated}
