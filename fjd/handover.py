"""What one dispatcher leaves to the next: dispatchers/<who>.<stamp>.seen.

How far the ledgers have been read, so that the next one tells what failed
since; whether workers were hired that nobody has fired; and which heartbeats
were seen.  A pass (fjd-dispatcher --once) is over too soon to find out by
itself who is silent, so passes count as beats of one observer.  Those within
the time of one beat, on whatever host, are one.  One that comes late does not
count, as the server may have been frozen until now: late is who comes after
half as long again as the one before, or finds that the server's clock was
set back.

All times are the file server's.  The file is JSON, made whole or ignored, and
the latest counts; whoever leaves one removes those that it has read.
"""
import json
from typing import Any, Dict, NamedTuple, Tuple

from fjd.members import BEAT, Watch
from fjd.project import Project, SEEN

LATE = 1.5


class Memory(NamedTuple):
    """time: of the last pass; gap: seconds to the one before; beats: how many
    have counted; seen: each member's last sign of life, and in which beat
    that was new; ledgers: how many bytes of each file have been read.
    """

    time: float = 0.0
    gap: float = 0.0
    beats: int = 0
    seen: Dict[str, Tuple[float, int]] = {}
    ledgers: Dict[str, int] = {}
    has_hired: bool = False


def recall(project: Project) -> Memory:
    """What the latest one left; nothing, if there is none."""
    memories = [read(project, name) for name in project.notes(SEEN)]
    return max(memories, key=age, default=Memory())


def age(memory: Memory) -> Tuple[float, int]:
    """A sort key; two of one pass have not read the same."""
    return memory.time, sum(memory.ledgers.values())


def read(project: Project, name: str) -> Memory:
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
        # RACE: it is being written, or has been removed; or it is not ours.
        return Memory()


def resume(memory: Memory, watch: Watch, now: float, clock: Any) -> Memory:
    """Let the watch of a pass go on with a count; what to remember of it."""
    gap = now - memory.time if memory.time else 0.0
    is_same_beat = bool(memory.time) and 0 <= gap < BEAT
    is_late = gap < 0 or bool(memory.gap) and gap > LATE * memory.gap
    watch.resume(memory.beats, clock.monotonic(), is_same_beat or is_late)
    watch.seen.update(memory.seen)
    if is_same_beat:
        return memory
    return memory._replace(time=now, gap=max(gap, 0.0))


def leave_memory(
    project: Project, member: str, stamp: str, memory: Memory, watch: Watch,
    ledgers: Dict[str, int], has_hired: bool = False,
) -> None:
    """Leave it to the next, unless that has nothing to learn from it."""
    members = project.members("workers") + project.members("dispatchers")
    others = set(members).intersection(watch.seen) - {member}
    after = memory._replace(
        beats=watch.beats, seen={m: watch.seen[m] for m in others},
        ledgers=ledgers, has_hired=has_hired,
    )
    if not (after.seen or memory.seen) and after[4:] == memory[4:]:
        return
    text = json.dumps(after._asdict())
    project.leave_note(f"{member}.{stamp}{SEEN}", text, project.notes(SEEN))
