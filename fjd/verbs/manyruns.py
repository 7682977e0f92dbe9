"""A new fjd run says that there are many finished ones, or large ones.

It may cost a few milliseconds: in this time as many runs as possible are
looked at, beginning anywhere, and the others are taken for finished.
"""
import os
import time
from typing import Any, List

from fjd.verbs.earlier import is_run_name

MOST = 20  # finished runs
LARGEST = 10**9  # bytes of all their logs
BUDGET = 0.004  # seconds
UNENDED = ("jobqueue", "held", "running")
WAY = "; to remove them: fjd runs --clean"


def told(home: str) -> List[str]:
    """Return a line for a person, or none; home: of the projects."""
    try:
        names = list(filter(is_run_name, os.listdir(home)))
    except OSError:
        return []  # It is missing, or the run will say what is wrong.
    look = Look(time.monotonic() + BUDGET)
    start = int(time.time()) % max(1, len(names))
    for name in names[start:] + names[:start]:
        look.at(os.path.join(home, name))
    if look.size > LARGEST:
        return [f"Logs of finished runs hold over 1 GB{WAY}"]
    if look.finished > MOST:
        return [f"There are {look.finished} finished runs{WAY}"]
    return []


class Look:
    """What was seen until that time: finished runs, and bytes of logs."""

    def __init__(self, until: float) -> None:
        self.until = until
        self.finished = self.size = 0

    @property
    def is_over(self) -> bool:
        return time.monotonic() > self.until

    def at(self, root: str) -> None:
        if self.is_over:
            self.finished += 1
            return
        try:
            is_finished = not any(
                os.listdir(os.path.join(root, place)) for place in UNENDED)
            self.finished += is_finished
            if is_finished:
                self.size += self.bytes_in(os.path.join(root, "joblogs"))
        except OSError:
            pass  # RACE: it begins, or is being removed.

    def bytes_in(self, directory: str) -> int:
        size = 0
        for entry in os.scandir(directory):
            if self.is_over:
                break
            size += entry_size(entry)
        return size


def entry_size(entry: Any) -> int:
    return 512 * int(entry.stat(follow_symlinks=False).st_blocks)
