"""What becomes of submissions: lost answers, ends, and cancelling.

All is done to records of this project only, by their ids and names.
"""
import time
from typing import Any, List, Sequence, Tuple

from fjd.hosts import allocations
from fjd.hosts.allocations import Record
from fjd.hosts.scheduler import Listed, PENDING, RUNNING, SECONDS
from fjd.members import Here, myself
from fjd.names import new_id
from fjd.project import Project

CLAIMED = 120.0  # seconds that a submission from another host may take


def settled(
    project: Project, system: Any, records: Sequence[Record], here: Here,
) -> List[Record]:
    """Return the records that are not over, with their ids.

    One without an id is being submitted; if its recruiter is dead, the
    submission is found by its name, or there is none.
    """
    found = []
    for record in records:
        if record.is_over:
            continue
        if not record.id and is_deserted(project, record, here):
            record = record._replace(id=system.find(record))
            if not record.id:
                allocations.remove(project, record.name)
                continue
            allocations.amend(project, record.name, "id", record.id)
        found.append(record)
    return found


def settled_whole(
    project: Project, records: Sequence[Record], here: Here,
) -> List[Record]:
    """Return the records that are whole; remove old ones that are not.

    RACE: a record without content is being written.  It is unknown to whoever
    wants to create the next one, which fails until its content can be read.
    """
    for record in records:
        if not record.asked and is_deserted(project, record, here):
            allocations.remove(project, record.name)
    return [record for record in records if record.asked]


def is_deserted(project: Project, record: Record, here: Here) -> bool:
    """Return whether nobody is submitting any more."""
    is_alive = here.sees(record.submitter) if record.asked else None
    if is_alive is not None:
        return not is_alive
    now = project.server_time(new_id(here.host, time.time(), here.pid))
    return now > record.written + CLAIMED


def end_record(project: Project, record: Record) -> None:
    """Remove a record that is over; keep it if it brought no worker, since
    these are counted.
    """
    if record.came or record.cancelled >= record.asked:
        allocations.remove(project, record.name)
        return
    allocations.amend(project, record.name, "over", "yes")


def forget_failures(project: Project, section: str) -> None:
    """Remove the records that are over of a section."""
    for record in allocations.records(project):
        if record.is_over and record.section == section:
            allocations.remove(project, record.name)


def cancel_all(
    project: Project, system: Any, records: Sequence[Record],
) -> Tuple[int, List[Record]]:
    """Cancel all workers that wait; return how many, and the records of which
    something is left, as they are now.  NotHired: it failed.
    """
    records = settled(project, system, records, myself())
    tasks = system.tasks(records, SECONDS)
    waiting = {
        record.name: [t for t in tasks[record.name] if t.state == PENDING]
        for record in records}
    system.cancel_pending([r for r in records if waiting[r.name]])
    tasks = system.tasks(records, SECONDS)
    came = {r.name: len(r.came) for r in allocations.records(project)}
    number, left = 0, []
    for record in records:
        gone = number_gone(
            record, waiting[record.name], tasks[record.name],
            came.get(record.name, 0))
        number += gone
        if tasks[record.name] or not record.id:
            left.append(record._replace(cancelled=record.cancelled + gone))
    return number, left


def number_gone(
    record: Record, waited: Sequence[Listed], listed: Sequence[Listed],
    came: int,
) -> int:
    """Return how many of those that waited were cancelled.

    RACE: some may have begun meanwhile; these run, or a worker came of them.
    """
    running = {task.id for task in listed if task.state == RUNNING}
    gone = [task for task in waited if task.id not in running]
    return max(0, min(len(gone), record.asked - record.cancelled - came))


def withdraw_all(
    project: Project, system: Any, records: Sequence[Record],
) -> int:
    """Cancel all that wait, and let those that start leave at once, as they
    find no record; return how many workers were cancelled.
    """
    number, left = cancel_all(project, system, records)
    ids = {record.name: allocations.remove(project, record.name)
           for record in records}
    # RACE: one without an id may have got it meanwhile.
    system.cancel_pending(
        [r._replace(id=ids[r.name]) for r in left if not r.id])
    return number
