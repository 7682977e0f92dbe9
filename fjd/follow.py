"""What a job prints: the log of its latest attempt, live while it runs.

While it runs, that is a draft of its worker's, in the shared home; each look
opens it anew.  No name is opened before it should be there: NFS would say for
half a minute that it is not.
"""
import time
from typing import Callable, Dict, Optional

from fjd.lookup import ENDED, find, Found, unknown
from fjd.names import Attempt
from fjd.project import Project

POLL = 0.25      # seconds
BLOCK = 1 << 20  # bytes


class Tail:
    """Copies logs of attempts; each byte once."""

    def __init__(
        self, project: Project, write: Callable[[bytes], None],
    ) -> None:
        self.project = project
        self.write = write
        self.copied: Dict[str, int] = {}
        self.drafts: Dict[str, str] = {}

    def copy(self, attempt: str, path: str) -> None:
        """What has come, if the file is there."""
        data = b"more"
        while data:
            offset = self.copied.get(attempt, 0)
            try:
                _, data = self.project.files.read(path, BLOCK, offset)
            except FileNotFoundError:
                return  # It printed nothing, or has just ended.
            self.copied[attempt] = offset + len(data)
            self.write(data)

    def copy_ended(self, attempt: str) -> None:
        self.copy(attempt, self.project.job_log(attempt))

    def copy_running(self, found: Found) -> None:
        """A worker has one draft at a time: that of the job it runs."""
        attempt = found.attempt.name
        if attempt not in self.drafts:
            for draft in self.project.draft_logs(found.worker):
                self.drafts[attempt] = draft
        if attempt in self.drafts:
            self.copy(attempt, self.drafts[attempt])

    def follow(self, found: Found) -> None:
        """Until that file is not there any more."""
        while self.project.files.is_there(found.path(self.project)):
            if found.worker and found.place == "running":
                self.copy_running(found)
            time.sleep(POLL)
        if found.place == "running":
            self.copy_ended(found.attempt.name)


def show_log(
    project: Project, wanted: str, is_followed: bool,
    write: Callable[[bytes], None], say: Callable[[str], None],
) -> Optional[str]:
    """Copy what it printed; followed, until it has ended.  The place where
    it lies at last; None if it is gone.
    """
    tail, last = Tail(project, write), ""
    while True:
        # RACE: what goes back while this looks may be missed once.
        found = (find(project, wanted) or find(project, wanted))[-1:]
        if not found:
            if not last:
                tail.copy_ended(wanted_log(project, wanted))
            return None
        it, = found
        if it.place in ENDED:
            tail.copy_ended(it.name)
            return it.place
        if it.place == "running":
            tail.copy_running(it)
        elif it.told != last:
            say(f"{it.told}.")
        if not is_followed:
            return it.place
        last = it.told
        tail.follow(it)


def wanted_log(project: Project, wanted: str) -> str:
    """The latest attempt whose log is there, though its file is gone."""
    logs = [
        Found("done", name, Attempt.parse(name))
        for name in (log[:-len(".log")] for log in project.names("joblogs"))
        if wanted in (name, Attempt.parse(name).job)
    ]
    if not logs:
        raise unknown(project, wanted)
    return max(logs, key=lambda log: log.age).name
