"""Print the output of a job.

This is the output of its latest attempt so far, wherever the job runs or ran.
Where standard error is kept apart (of a task of an array, and of a job with
the key "errors: apart"), it comes after standard output.

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
from typing import Any, Callable, DefaultDict, List, Sequence, Tuple

from fjd import output
from fjd.errors import BadJob, BadUsage, SOME_FAILED
from fjd.jobfile import read_job
from fjd.names import printable
from fjd.verbs.census import Found
from fjd.options import flag, PROJECT
from fjd.project import ENDED, Project, RUNNING
from fjd.verbs import lastrun
from fjd.verbs.arrayfind import split
from fjd.verbs.find import find, JOB, unknown, where

POLL = 0.25      # seconds
BLOCK = 1 << 20  # bytes
OUT, ERRORS = ".log", ".err"  # how the logs of a job end
OPTIONS = (
    PROJECT, JOB,
    flag("--err", help="print only standard error"),
    flag("-f", "--follow", help="go on until the job has ended; the exit code"
         " is 3 if it failed or was removed"),
)


def act(options: Any) -> int:
    project = lastrun.visit_job(options, options.job)
    place = show_log(
        project, options.job, not options.follow, output.show_bytes,
        output.teller("fjd", stream="stderr"), options.err)
    return SOME_FAILED if options.follow and place != "done" else 0


class Tail:
    """Copies the logs of attempts, and each byte only once.

    kinds: of those logs that are wanted.
    """

    def __init__(
        self, project: Project, write: Callable[[bytes], None],
        kinds: Sequence[str],
    ) -> None:
        self.project = project
        self.write = write
        self.kinds = kinds
        self.copied: DefaultDict[Tuple[str, str], int] = defaultdict(int)

    def copy(self, attempt: str, path: str) -> None:
        """Copy what has been added to a log, if that file exists."""
        data, at = b"more", (attempt, path[-len(OUT):])
        while data:
            try:
                _, data = self.project.files.read(path, BLOCK, self.copied[at])
            except FileNotFoundError:
                return  # The job printed nothing, or has just ended.
            self.copied[at] += len(data)
            self.write(data)

    def copy_kept(self, attempt: str) -> int:
        """Copy the rest of the logs of an attempt that has ended; return how
        many bytes have been copied in all.
        """
        for kind in self.kinds:
            self.copy(attempt, self.project.job_log(attempt, kind))
        return sum(self.copied[attempt, kind] for kind in self.kinds)

    def drafts(self, worker: str) -> List[str]:
        """Return the logs of a worker's current job, stdout first."""
        paths = self.project.draft_logs(worker)
        return [path for kind in self.kinds for path in paths
                if path.endswith(kind)]

    def check_apart(self, found: List[Found]) -> None:
        """Raise BadUsage if only the errors of a job are wanted, and they are
        together with its output.
        """
        if self.kinds != [ERRORS] or not found:
            return
        try:
            job = read_job(self.project.files, found[-1].path(self.project))
        except (FileNotFoundError, BadJob):
            return  # RACE: it has moved; or it cannot be run.
        if not job.is_apart:
            name = printable(found[-1].attempt.job)
            raise BadUsage(
                f"{name}: its standard error is not apart from its output",
                f"try: fjd log {name}; the key errors: apart keeps them apart")

    def watch(self, found: Found, is_once: bool) -> None:
        """Copy its log until the job file has moved, or once."""
        attempt, is_running = found.attempt.name, found.place == RUNNING
        drafts = []
        while self.project.files.is_there(found.path(self.project)):
            if is_running and not drafts:
                # Those that its job does not use are empty.
                drafts = self.drafts(found.worker)
            for draft in drafts:
                self.copy(attempt, draft)
            if is_once:
                return
            time.sleep(POLL)
        if is_running:
            self.copy_kept(attempt)


def show_log(
    project: Project, wanted: str, is_once: bool,
    write: Callable[[bytes], None], say: Callable[[str], None],
    is_errors: bool = False,
) -> str:
    """Copy the output of a job, or its errors, until it has ended, or once.

    Return the place of its file at the end; "" if the job was removed.
    """
    for name, target in split(project, [wanted])[1].items():
        from fjd.verbs.arraylog import ERR, KINDS, show_task  # Few need it.
        return show_task(project, name, target, is_once, write, say,
                         ERR if is_errors else KINDS)
    kinds = [ERRORS] if is_errors else [OUT, ERRORS]
    tail, is_known = Tail(project, write, kinds), False
    while True:
        # RACE: a job that goes back to the queue meanwhile may be missed once.
        found = find(project, wanted) or find(project, wanted)
        if not found or found[-1].place in ENDED:
            copied = tail.copy_kept(found[-1].name if found else wanted)
            if not (found or is_known or copied):
                raise unknown(wanted)
            tail.check_apart(found)
            return found[-1].place if found else ""
        if found[-1].place != RUNNING:
            say(f"{where(found[-1])}.")
        tail.check_apart(found)
        is_known = True
        tail.watch(found[-1], is_once)
        if is_once:
            return found[-1].place
