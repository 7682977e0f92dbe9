"""Remove jobs that wait, are held, or run.

Running jobs are ended within 10 seconds. Jobs that have ended are listed with
their state, and the exit code is 3. It is 2 if there is no such job.

The name of an array stands for all of its tasks. Cancelled tasks can be
retried.

Examples:
    fjd cancel job7
    fjd cancel sim:17
    fjd cancel --all
"""
from typing import Any

from fjd.options import PROJECT
from fjd.verbs.change import change, every, JOBS

OPTIONS = (PROJECT, JOBS, every("--all", "cancel all jobs that have not"
                                " ended"))


def act(options: Any) -> int:
    return change(options, "Cancelled", "--all")
