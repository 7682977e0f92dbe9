"""Run jobs again that have ended.

They wait in the queue as if for the first time. If several jobs have that
name and some of them failed, only those run again. Jobs in another state are
listed with that state, and the exit code is 3. It is 2 if there is no such
job.

The name of an array stands for its tasks that failed, or were cancelled with
their range. Tasks run again only when their range has ended.

Examples:
    fjd retry job7
    fjd retry sim:17
    fjd retry --failed
"""
from typing import Any

from fjd.options import PROJECT
from fjd.verbs.change import change, every, JOBS

OPTIONS = (PROJECT, JOBS, every("--failed", "retry all jobs that have"
                                " failed, and none that is done"))


def act(options: Any) -> int:
    return change(options, "Waiting again", "--failed")
