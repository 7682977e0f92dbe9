"""Choose which of the waiting jobs go first.

The command reads the names of all waiting jobs and arrays, one a line, and
prints those that go first. A dispatcher follows the new order within two
seconds. If the command fails, the order stays as it is.

Examples:
    fjd reorder --by 'sort -r'
    fjd reorder --reset
"""
import os
import subprocess
import time
from typing import Any, List, Set, Tuple

from fjd import home, output
from fjd.errors import BadUsage, FjdError
from fjd.names import Attempt, new_token, Stamps
from fjd.options import flag, option, PROJECT
from fjd.project import ORDER, Project
from fjd.queueorder import lines, QueueOrder
from fjd.verbs.arrayfind import arrays_in, is_range_of
from fjd.verbs.titles import shortened

OPTIONS = (
    PROJECT,
    option("--by", metavar="CMD", help="the command that chooses"),
    flag("--reset", help="return to the natural order (job2 before job10)"),
)


def act(options: Any) -> None:
    if (options.by is None) != options.reset:
        raise BadUsage("reorder: give either --by or --reset")
    project = home.find_project(options.project, output.teller("fjd"))
    if options.reset:
        project.discard(project.path(ORDER))
        return
    stamp = Stamps(new_token(time.time())).new()
    first, others = reorder(project, options.by, stamp)
    output.show(f"First: {shortened(first)}")
    if others:
        output.show(f"Ignored: {others} other lines")


def reorder(
    project: Project, command: str, stamp: str,
) -> Tuple[List[str], int]:
    """Let a shell command sort the waiting jobs.

    Return those that now go first, and the number of unknown names that the
    command printed.
    """
    order = QueueOrder(project)
    order.look()
    names = sorted(project.waiting(), key=order.key)
    arrays = arrays_in(project)
    jobs = dict.fromkeys(title_of(arrays, Attempt.parse(n)) for n in names)
    text = "".join(f"{job}\n" for job in jobs if "\n" not in job)
    sorter = subprocess.run(
        ["/bin/sh", "-c", command], input=os.fsencode(text),
        stdout=subprocess.PIPE)
    printed = lines(sorter.stdout)
    if sorter.returncode:
        raise FjdError(f"the command has failed (status {sorter.returncode}):"
                       " the order stays as it was")
    first = [job for job in printed if job in jobs]
    text = "".join(f"{job}\n" for job in first)
    project.replace(ORDER, text, stamp)
    return first, len(printed) - len(first)


def title_of(arrays: Set[str], attempt: Attempt) -> str:
    """Return the name of a job, or of the array that has that range."""
    is_range = is_range_of(arrays, attempt)
    return attempt.job.rpartition("=")[0] if is_range else attempt.job
