"""Set jobs aside that have not started.

fjd release returns them to the queue. Jobs in another state are listed with
that state, and the exit code is 3. It is 2 if there is no such job.

The name of an array stands for all of its tasks; a single task can be held if
it has a range of its own.

Examples:
    fjd hold job7
    fjd hold --all
"""
from typing import Any

from fjd.options import PROJECT
from fjd.verbs.change import change, every, JOBS

OPTIONS = (PROJECT, JOBS, every("--all", "hold all waiting jobs"))


def act(options: Any) -> int:
    return change(options, "Held", "--all")
