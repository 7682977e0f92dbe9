"""The files of a new array: its list, and then its ranges (arrays.py)."""
import os
from typing import Iterator, NamedTuple, Tuple

from fjd.arrays import list_of
from fjd.files import NO_LINKS
from fjd.jobfile import ARRAY, SHELL
from fjd.names import Attempt, Range
from fjd.project import Project

SHARE = 1000  # of the list: no range is larger than one part in so many
SINGLE = 1000  # the last tasks, each in a range of its own
BLOCK = 1 << 20  # bytes of a list read at a time


class Common(NamedTuple):
    """What the tasks of an array have in common.

    command: {} stands for the line of each task; "" if that is the command.
    keys: those of a job file, such as timeout.
    """

    command: str
    directory: str
    keys: Tuple[Tuple[str, str], ...] = ()
    shell: str = SHELL
    is_escaped: bool = False

    def text(self, offset: int) -> str:
        """Return the job file of a range whose first line begins there."""
        keys = dict(self.keys, directory=self.directory, offset=str(offset))
        if self.command:
            keys["command"] = self.command
        if self.shell != SHELL:
            keys["shell"] = self.shell
        if self.is_escaped:
            keys["escaped"] = "yes"
        lines = [f"{key}: {value}" for key, value in keys.items()]
        return "\n".join([f"[{ARRAY}]", *lines, ""])


def put_list(project: Project, array: str, data: bytes, stamp: str) -> bool:
    """Put the list of a new array; False if it exists with other lines."""
    draft = draft_of(project, array, stamp)
    project.draft(draft, data)
    return keep_list(project, array, draft)


def draft_of(project: Project, array: str, stamp: str) -> str:
    return project.path("arrays", f".{array}.{stamp}")


def keep_list(project: Project, array: str, draft: str) -> bool:
    """Name a whole draft after its array; False if that list exists with
    other lines.  The draft is removed.

    Never onto another: link(2) replaces nothing.
    """
    files, path = project.files, list_of(project, array)
    try:
        return link(project, draft, path) or is_same(project, draft, path)
    finally:
        files.remove(draft)


def link(project: Project, draft: str, path: str) -> bool:
    """Give a list its name; False if that name exists."""
    try:
        return bool(project.files.link(draft, path))
    except OSError as error:
        if error.errno not in NO_LINKS:
            raise
    # An empty file claims the name: it is no list, and nobody replaces it.
    return bool(project.files.create(path)) and project.shift(draft, path)


def is_same(project: Project, one: str, other: str) -> bool:
    """Return whether two files have the same bytes."""
    offset, data = 0, b"some"
    while data:
        data = project.files.read(one, BLOCK, offset)[1]
        if data != project.files.read(other, BLOCK, offset)[1]:
            return False
        offset += len(data)
    return True


def put_range(
    project: Project, array: str, first: int, last: int, common: Common,
    offset: int, stamp: str,
) -> str:
    """Put some tasks into the queue, and return the name of the range.

    offset: of the line of the first.
    """
    job = Range(array, first, first, last).job
    name = Attempt(job, 1, stamp).name
    project.put(name, os.fsencode(common.text(offset)))
    return name


def ranges(number: int, chunk: int = 0) -> Iterator[Tuple[int, int]]:
    """Yield the first and the last task of each range of an array.

    chunk: the tasks in each; 0: a thousandth of all, and the last thousand
    tasks are single, so that none waits behind another's long one.
    """
    single = 0 if chunk else min(SINGLE, number)
    size = chunk or -(-number // SHARE)
    for first in range(1, number - single + 1, size):
        yield first, min(first + size - 1, number - single)
    for task in range(number - single + 1, number + 1):
        yield task, task
