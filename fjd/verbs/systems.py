"""The batch systems that a project has workers from, and what waits there."""
from typing import Any, Dict, Iterator, List

from fjd.members import Member, STAY
from fjd.names import host_of
from fjd.output import number_of_workers
from fjd.project import ALLOCATIONS, Project

TITLES = {"slurm": "Slurm"}


def place_of(member: Member) -> str:
    """Return the batch system that a worker came from; "" if none did."""
    is_away = member.is_allocated and member.system != STAY
    return member.system if is_away else ""


def waiting_at(project: Project) -> List[Any]:
    """Return the pending workers of each batch system, as waiting() does.

    Without allocations nothing is imported, and nobody is asked.
    """
    if not project.names_if_any(ALLOCATIONS):
        return []
    from fjd.hosts.allocations import waiting
    return waiting(project)


def numbers_of(
    states: Dict[str, List[str]], waiting: List[Any],
) -> Dict[str, Any]:
    """Return what --json prints of a place: its workers by state, and what
    waits there.
    """
    troubles = [found.trouble for found in waiting if found.trouble]
    workers = [worker for some in states.values() for worker in some]
    running = sum(found.running for found in waiting)
    return {
        **states, "nodes": len(set(map(host_of, workers))),
        "starting": max(0, running - len(workers)),
        "pending": None if troubles else sum(w.number for w in waiting),
        "reasons": [reason for w in waiting for reason in w.reasons],
        "trouble": "; ".join(troubles) or None,
    }


def line_of(place: str, found: Dict[str, Any]) -> str:
    """Return the line of a place, of what numbers_of() returned."""
    nodes = found["nodes"]
    text = f"{place}: {len(found['busy'])} busy, {len(found['idle'])} idle"
    if found["silent"]:
        text += f", {len(found['silent'])} silent"
    if nodes:
        text += f" on {nodes} node{'' if nodes == 1 else 's'}"
    if found["trouble"]:
        return f"{text}; how many are pending is unknown: {found['trouble']}"
    more = to_come(found)
    return f"{text}; {more}" if more else text


def to_come(found: Dict[str, Any]) -> str:
    """Return how many workers of a place are still to come, and why."""
    parts = []
    if found["starting"]:
        parts.append(f"{found['starting']} starting")
    if found["pending"]:
        reasons = ", ".join(found["reasons"])
        why = f" ({reasons})" if reasons else ""
        parts.append(f"{found['pending']} pending{why}")
    return ", ".join(parts)


def waits(places: Dict[str, Dict[str, Any]]) -> Iterator[str]:
    """Yield what jobs wait for, apart from workers that are there."""
    for place, found in places.items():
        title, more = TITLES.get(place, place), to_come(found)
        if found["trouble"]:
            yield f"waits for {title}, perhaps: {found['trouble']}"
        elif more:
            number, _, rest = more.partition(" ")
            workers = number_of_workers(int(number))
            yield f"waits for {title}: {workers} {rest}"
