"""Explaining where a task or an array is, and why (fjd why)."""
from collections import Counter
from typing import Iterator, List

from fjd.arrays import cancelled_of, list_of
from fjd.ledger import CLEANED, DONE
from fjd.members import Here
from fjd.names import host_of, printable
from fjd.project import ENDED, Project, RUNNING, STATES
from fjd.verbs.arrayfind import (
    CANCELLED, failed_in, no_task, Part, parts_of, Target,
)
from fjd.verbs.arraylog import log_of, pieces_of
from fjd.verbs.listnames import LIST
from fjd.verbs.overview import Look
from fjd.verbs.taskhistory import History
from fjd.verbs.titles import FEW
from fjd.verbs.why import LAST_BYTES, lines_at_end, line_of, whereabouts


def why_target(
    project: Project, here: Here, name: str, target: Target,
) -> Iterator[str]:
    if target.task:
        return why_task(project, here, History(project, name, target))
    return why_ranges(project, here, name, target)


def why_task(project: Project, here: Here, history: History) -> Iterator[str]:
    """Yield lines about a task."""
    yield place_of(history)
    found = history.part.found
    if history.end() is None and not history.part.is_over:
        yield from whereabouts(Look(project, here), found)
    told = history.told()
    for entry, note in told:
        yield line_of(entry) + f" ({note})" * bool(note)
    for entry in reversed([told.entry for told in told if told.entry.task]):
        pieces = list(pieces_of(entry))
        for piece in pieces:
            path = log_of(project, piece)
            begin = max(piece.begin, piece.end - LAST_BYTES)
            try:
                _, data = project.files.read(path, piece.end - begin, begin)
            except FileNotFoundError:
                data = b""
            yield from lines_at_end(path, data)
        if pieces:
            return


def repeater(history: History) -> str:
    """Return the command that lets a task run again."""
    if not LIST.fullmatch(history.target.array):
        return "fjd retry"
    return f"fjd run --resume --project {history.project.name}"


def place_of(history: History) -> str:
    """Return a sentence that says where a task is."""
    target, found, end = history.target, history.part.found, history.end()
    name = f"{printable(target.array)}:{target.task}"
    if end:
        if not end.event:
            return f"{name} has ended, and its record is lost"
        how = {DONE: "is done", CLEANED: "was cancelled"}
        return f"{name} {how.get(end.event, 'has failed')}" \
            f" ({repeater(history)} repeats it)"
    if found.place == CANCELLED:
        return f"{name} was cancelled with its range" \
            f" ({repeater(history)} repeats it)"
    if found.place in ENDED:
        return f"{name} has not run, as its range failed" \
            f" ({repeater(history)} repeats it)"
    current = history.current()
    if history.is_marked():
        return f"{name} is cancelled" + (
            "; its worker will notice" if current == target.task else "")
    if current == target.task:
        return f"{name} runs on {host_of(found.worker)}"
    if current:
        return f"{name} waits in its range for" \
            f" {printable(target.array)}:{current}, which runs"
    return f"{name} waits in its range"


def why_ranges(
    project: Project, here: Here, name: str, target: Target,
) -> Iterator[str]:
    """Yield lines about an array, or one of its ranges."""
    parts = parts_of(project, [target])
    if not parts and target.last:
        raise no_task(name, target)
    array = printable(target.array)
    ended = sum(ended_in(project, part) for part in parts)
    tasks = sum(part.range.last - part.range.first + 1 for part in parts)
    places = Counter(part.found.place for part in parts)
    states = {**STATES, CANCELLED: CANCELLED}
    ranges = ", ".join(f"{places[place]} {state}"
                       for place, state in states.items() if places[place])
    title = printable(name) if target.last else array
    yield f"{title}: {ended} of {tasks} tasks have ended; ranges:" \
        f" {ranges or 'none'} [{list_of(project, target.array)}]"
    yield from whereabouts_of(project, here, parts)
    failed = failed_in(project, [p for p in parts if p.range.failed])
    numbers = sorted(number for found in failed.values() for number in found)
    if numbers:
        yield f"failed: {listed(array, numbers)}"
    marked = sorted(
        number for number in cancelled_of(project, target.array)
        if not target.last or target.first <= number <= target.last)
    if marked:
        yield f"cancelled one by one: {listed(array, marked)}"


def listed(array: str, numbers: List[int]) -> str:
    """Return how many tasks these are, and the names of some."""
    some = ", ".join(f"{array}:{n}" for n in numbers[:FEW])
    more = ", ..." if len(numbers) > FEW else ""
    return f"{len(numbers)} ({some}{more})"


def ended_in(project: Project, part: Part) -> int:
    """Return how many tasks have ended, by the name of a range."""
    return part.range.last - part.range.first + 1 - len(part.left(project))


def whereabouts_of(
    project: Project, here: Here, parts: List[Part],
) -> Iterator[str]:
    """Yield where the ranges are that run, and the first that waits."""
    shown = [part for part in parts if part.found.place == RUNNING]
    shown = shown[:FEW] + [
        part for part in parts if not part.is_over and part not in shown][:1]
    look = Look(project, here)
    lines = [line for part in (parts if len(parts) == 1 else shown)
             for line in whereabouts(look, part.found)]
    yield from dict.fromkeys(lines)
