"""Return held jobs to the queue.

Jobs in another state are listed with that state, and the exit code is 3. It
is 2 if there is no such job.

Examples:
    fjd release job7
    fjd release --all
"""
from typing import Any

from fjd.options import PROJECT
from fjd.verbs.change import change, every, JOBS

OPTIONS = (PROJECT, JOBS, every("--all", "release all held jobs"))


def act(options: Any) -> int:
    return change(options, "Released", "--all")
