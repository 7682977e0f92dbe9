"""Print the output of a job.

This is the output of its latest attempt so far, wherever the job runs or ran.
Of a task of an array, standard error comes after standard output.

If no project is named and default has no such job, it is one of the last run
of this directory.

Examples:
    fjd log -f job7
    fjd log sim:17
"""
# While a job runs, its log is a draft of its worker's, in the shared home.
# NFS: each look opens the file again, and no file is opened before it should
# exist: a client remembers for half a minute that it was missing.
import time
from collections import defaultdict
from typing import Any, Callable, DefaultDict

from fjd import output
from fjd.errors import SOME_FAILED
from fjd.verbs.census import Found
from fjd.options import flag, PROJECT
from fjd.project import ENDED, Project, RUNNING
from fjd.verbs import lastrun
from fjd.verbs.arrayfind import split
from fjd.verbs.find import find, JOB, unknown, where

POLL = 0.25      # seconds
BLOCK = 1 << 20  # bytes
OPTIONS = (
    PROJECT, JOB,
    flag("-f", "--follow", help="go on until the job has ended; the exit code"
         " is 3 if it failed or was removed"),
)


def act(options: Any) -> int:
    project = lastrun.visit(options, lastrun.knows(options.job))
    place = show_log(
        project, options.job, not options.follow, output.show_bytes,
        output.teller("fjd", stream="stderr"))
    return SOME_FAILED if options.follow and place != "done" else 0


class Tail:
    """Copies the logs of attempts, and each byte only once."""

    def __init__(
        self, project: Project, write: Callable[[bytes], None],
    ) -> None:
        self.project = project
        self.write = write
        self.copied: DefaultDict[str, int] = defaultdict(int)

    def copy(self, attempt: str, path: str) -> None:
        """Copy what has been added to a log, if that file exists."""
        data = b"more"
        while data:
            try:
                _, data = self.project.files.read(
                    path, BLOCK, self.copied[attempt])
            except FileNotFoundError:
                return  # The job printed nothing, or has just ended.
            self.copied[attempt] += len(data)
            self.write(data)

    def watch(self, found: Found, is_once: bool) -> None:
        """Copy its log until the job file has moved, or once."""
        attempt, is_running = found.attempt.name, found.place == RUNNING
        drafts = []
        while self.project.files.is_there(found.path(self.project)):
            if is_running and not drafts:
                # A worker has only one, the log of the job that it runs.
                drafts = self.project.draft_logs(found.worker)
            for draft in drafts:
                self.copy(attempt, draft)
            if is_once:
                return
            time.sleep(POLL)
        if is_running:
            self.copy(attempt, self.project.job_log(attempt))


def show_log(
    project: Project, wanted: str, is_once: bool,
    write: Callable[[bytes], None], say: Callable[[str], None],
) -> str:
    """Copy the output of a job until it has ended, or once.

    Return the place of its file at the end; "" if the job was removed.
    """
    for name, target in split(project, [wanted])[1].items():
        from fjd.verbs.arraylog import show_task  # Late: few need it.
        return show_task(project, name, target, is_once, write, say)
    tail, is_known = Tail(project, write), False
    while True:
        # RACE: a job that goes back to the queue meanwhile may be missed once.
        found = find(project, wanted) or find(project, wanted)
        if not found or found[-1].place in ENDED:
            attempt = found[-1].name if found else wanted
            tail.copy(attempt, project.job_log(attempt))
            if not (found or is_known or tail.copied[attempt]):
                raise unknown(wanted)
            return found[-1].place if found else ""
        if found[-1].place != RUNNING:
            say(f"{where(found[-1])}.")
        is_known = True
        tail.watch(found[-1], is_once)
        if is_once:
            return found[-1].place
