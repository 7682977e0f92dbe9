"""The batch systems that a project has workers from, and what waits there."""
from typing import Any, Dict, Iterator, List

from fjd.members import Member, STAY
from fjd.names import host_of
from fjd.output import number_of_workers
from fjd.project import Project

ALLOCATIONS = "allocations"  # the directory (hosts/allocations.py)
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
    return {
        **states, "nodes": len(set(map(host_of, workers))),
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
    if found["pending"]:
        return f"{text}; {found['pending']} pending{why(found['reasons'])}"
    return text


def waits(waiting: List[Any]) -> Iterator[str]:
    """Yield what jobs wait for, apart from workers that are there."""
    for found in waiting:
        title = TITLES.get(found.place, found.place)
        if found.trouble:
            yield f"waits for {title}, perhaps: {found.trouble}"
        elif found.number:
            yield f"waits for {title}: {number_of_workers(found.number)}" \
                f" pending{why(found.reasons)}"


def why(reasons: List[str]) -> str:
    return f" ({', '.join(reasons)})" if reasons else ""
