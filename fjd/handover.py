"""Notes that a dispatcher writes for its successor.

A note is dispatchers/<dispatcher>.<stamp>.seen: how far the ledgers have been
read, so that the successor reports later failures; whether workers were hired
and not yet fired; and which heartbeats were seen.  One pass (fjd-dispatcher
--once) is too short to notice silent members, so passes count as the
heartbeats of one observer.  Passes within one heartbeat period, on any
host, count as one.  A late pass does not count, as the server may have been
frozen until now: a pass is late if its gap is more than 1.5 times the one
before, or if the server's clock was set back.  All times are the file
server's.

It is JSON, and ignored if incomplete.  The latest note is used, with the
largest offsets of all, as two dispatchers may leave notes at the same time.  A
dispatcher that leaves a newer note removes those that it has read.
"""
from typing import Any, Dict, Iterable, List, NamedTuple, Tuple

from fjd.members import BEAT, Observer
from fjd.project import Project, SEEN

LATE = 1.5
LOOKS = 3            # listings of the notes, if those listed are gone


class Memory(NamedTuple):
    """The content of a .seen note.

    time: of the last pass; gap: seconds between it and the one before; beats:
    passes counted; seen: each member's last heartbeat, and the count at which
    it was new; ledgers: bytes read of each file.
    """

    time: float = 0.0
    gap: float = 0.0
    beats: int = 0
    seen: Dict[str, Tuple[float, int]] = {}
    ledgers: Dict[str, int] = {}
    has_hired: bool = False


def recall(project: Project) -> Memory:
    """Return the latest note; an empty one if there is none.

    RACE: two dispatchers may have left notes, and each has reported lines
    that the other has not, so the largest offsets count.
    """
    notes: List[Memory] = []
    for _ in range(LOOKS):
        names = project.notes(SEEN)
        notes = [read(project, name) for name in names]
        if any(note != Memory() for note in notes) or not names:
            break
        # RACE: another dispatcher has just replaced the only note.
    latest = max(notes, key=age, default=Memory())
    return latest._replace(ledgers=furthest(note.ledgers for note in notes))


def furthest(offsets: Iterable[Dict[str, int]]) -> Dict[str, int]:
    """Return the largest offset of each ledger."""
    found: Dict[str, int] = {}
    for ledger, offset in (item for each in offsets for item in each.items()):
        found[ledger] = max(offset, found.get(ledger, 0))
    return found


def age(memory: Memory) -> Tuple[float, int]:
    """Return a sort key; two notes of one pass have read different lengths."""
    return memory.time, sum(memory.ledgers.values())


def read(project: Project, name: str) -> Memory:
    import json  # Late, as below: where there is no note, none is needed.
    try:
        record = project.record("dispatchers", name)
        found = Memory(**json.loads(record[1] if record else ""))
        return Memory(
            float(found.time), float(found.gap), int(found.beats),
            {m: (float(t), int(n)) for m, (t, n) in found.seen.items()},
            {name: int(size) for name, size in found.ledgers.items()},
            bool(found.has_hired),
        )
    except (PermissionError, ValueError, TypeError, AttributeError,
            RecursionError):
        # RACE: it is being written, or was removed; or it is not ours.
        return Memory()


def resume(
    memory: Memory, observer: Observer, now: float, clock: Any,
) -> Memory:
    """Let the observer of a pass continue a count; return the new memory."""
    gap = now - memory.time if memory.time else 0.0
    is_same_beat = bool(memory.time) and 0 <= gap < BEAT
    is_late = gap < 0 or bool(memory.gap) and gap > LATE * memory.gap
    observer.resume(memory.beats, clock.monotonic(), is_same_beat or is_late)
    observer.seen.update(memory.seen)
    if is_same_beat:
        return memory
    return memory._replace(time=now, gap=max(gap, 0.0))


def leave_memory(
    project: Project, member: str, stamp: str, memory: Memory,
    observer: Observer, ledgers: Dict[str, int], has_hired: bool = False,
) -> None:
    """Leave a note for the successor if it holds anything new."""
    members = project.members("workers") + project.members("dispatchers")
    others = set(members).intersection(observer.seen) - {member}
    before = project.notes(SEEN)
    after = memory._replace(
        beats=observer.beats, seen={m: observer.seen[m] for m in others},
        # RACE: another dispatcher may have reported more meanwhile.
        ledgers=furthest([ledgers, recall(project).ledgers]),
        has_hired=has_hired,
    )
    if not (after.seen or memory.seen) and after[4:] == memory[4:]:
        return
    import json
    text = json.dumps(after._asdict())
    project.leave_note(f"{member}.{stamp}{SEEN}", text, before)
