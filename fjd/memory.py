"""What one dispatcher leaves to the next: dispatchers/<dispatcher>.seen.

How far the ledgers have been read, so that the next one tells what failed
since; and which heartbeats were seen.  A pass (fjd-dispatcher --once) is over
too soon to find out by itself who is silent, so passes count as beats of one
observer.  Those within the time of one beat, on whatever host, are one; one
that comes late starts the count anew, as the server may have been frozen.
Late is who comes after half as long again as the one before.

All times are the file server's.  The file is JSON, made whole or ignored, and
the latest counts; whoever leaves one removes those that it has read.
"""
import json
from typing import Any, Dict, NamedTuple, Tuple

from fjd.liveness import BEAT, Watch
from fjd.project import Project

LATE = 1.5


class Memory(NamedTuple):
    """time: of the last pass that counted; gap: seconds to the one before;
    seen: each member's last sign of life, and in which beat that was new;
    ledgers: how many bytes of each file have been read.
    """

    time: float = 0.0
    gap: float = 0.0
    beats: int = 0
    seen: Dict[str, Tuple[float, int]] = {}
    ledgers: Dict[str, int] = {}


def recall(project: Project) -> Memory:
    """What the latest one left; nothing, if there is none."""
    memories = [read(project, name) for name in project.memories()]
    return max(memories, key=lambda memory: memory.time, default=Memory())


def read(project: Project, name: str) -> Memory:
    try:
        return Memory(**json.loads(project.memory(name)))
    except (FileNotFoundError, ValueError, TypeError):
        return Memory()  # RACE: it is being written, or has been removed.


def resume(memory: Memory, watch: Watch, now: float, clock: Any) -> Memory:
    """Let the watch of a pass go on with a count; what to remember of it."""
    gap = now - memory.time if memory.time else 0.0
    is_same_beat = bool(memory.time) and gap < BEAT
    watch.resume(memory.beats, clock.monotonic(), is_same_beat)
    if is_same_beat or gap < LATE * memory.gap or not memory.gap:
        watch.seen.update(memory.seen)
    return memory if is_same_beat else memory._replace(time=now, gap=gap)


def leave_memory(
    project: Project, member: str, memory: Memory, watch: Watch,
    ledgers: Dict[str, int],
) -> None:
    """Leave it to the next, unless that has nothing to learn from it."""
    members = project.members("workers") + project.members("dispatchers")
    others = set(members).intersection(watch.seen) - {member}
    seen = {other: watch.seen[other] for other in others}
    if not (seen or memory.seen) and ledgers == memory.ledgers:
        return
    before = project.memories()
    after = memory._replace(beats=watch.beats, seen=seen, ledgers=ledgers)
    project.leave_memory(member, json.dumps(after._asdict()))
    for name in before:
        project.forget_memory(name)
