"""For Python programs: from fjd import Project.

It puts jobs and looks at them.  Workers and a dispatcher have to be there
besides, for instance from `fjd-dispatcher --hire` in a crontab.
"""
import os
import time
from typing import Iterator, List, NamedTuple, Optional

from fjd import home
from fjd.errors import BadJob, BadUsage
from fjd.ledger import Entry
from fjd.names import host_of, new_token, Stamps
from fjd.wakeup import Backoff


class Job(NamedTuple):
    """A job that somebody has put: its name, that of its latest attempt, and
    where it is: waiting, held, given, running, done or failed.

    host is where it was given to or runs, else "".
    """

    name: str
    attempt: str
    state: str
    host: str = ""


class Project:
    """The jobs of one project, "default" if neither this nor FJD_PROJECT
    names one; it is made if it is missing.

    BadUsage: the name is none.  NotYours: it may not be written.

    >>> project = Project("demonstration")
    >>> project.put("test -e /etc/passwd", name="question")
    'question'
    >>> project.put("exit 3", name="other")
    'other'
    >>> project.wait(timeout=60)
    True
    >>> for result in sorted(project.results()):
    ...     print(result.job, result.event, result.status)
    question done exit 0
    other failed exit 3
    >>> sorted((job.name, job.state) for job in project.jobs())
    [('other', 'failed'), ('question', 'done')]
    """

    def __init__(self, name: str = "") -> None:
        self.name = name or home.default_project()
        self.project = home.open_project(self.name, lambda line: None)
        self.stamps = Stamps(new_token(time.time()))

    def put(
        self, command: str, name: str = "", directory: Optional[str] = None,
    ) -> str:
        """Let a command for the shell wait; the job's name.

        It is to run in that directory (default: the current one).  A job is
        never replaced, not even by one of the same name.  BadUsage: no job
        can have that name or command.
        """
        # Late, as all below: every command imports this module.
        from fjd.newjob import checked_name, of_command
        if not isinstance(command, str):
            raise TypeError(f"a command is a str, not {command!r}")
        place = os.path.abspath(directory or os.curdir)
        try:
            job = checked_name(name or f"job{self.stamps.new()}")
            file = of_command(command, place)
        except (BadJob, UnicodeEncodeError) as error:
            raise BadUsage(f"{name or command!r}: {error}")
        file.put(self.project, job, self.stamps.new())
        return job

    def jobs(self) -> List[Job]:
        """All of them, in no order."""
        from fjd.find import everything, STATES
        found = {}
        for place, _, attempt, worker in everything(self.project):
            # RACE: what has moved on meanwhile is found twice.
            found[attempt] = Job(
                attempt.job, attempt.name, STATES[place], host_of(worker))
        return list(found.values())

    def wait(self, timeout: float = float("inf")) -> bool:
        """Until no job waits or runs; False if that took too long.

        timeout is in seconds.  Held jobs do not count.

        >>> nobody_works_here = Project("idle")
        >>> nobody_works_here.wait()
        True
        >>> name = nobody_works_here.put("true")
        >>> nobody_works_here.wait(timeout=0.1)
        False
        """
        backoff = Backoff(0.25)
        deadline = time.monotonic() + timeout
        while self.is_busy():
            if time.monotonic() > deadline:
                return False
            time.sleep(backoff.longer())
        return True

    def results(self) -> Iterator[Entry]:
        """How each job ended for good, in that order: what fjd results
        prints.  The columns are those of ledger.py; times are in seconds.

        >>> sum(result.cpu for result in Project("empty").results())
        0
        """
        from fjd.verbs.results import results
        return results(self.project)

    def is_busy(self) -> bool:
        """Whether a job waits, was given to a worker, or runs."""
        return bool(
            self.project.waiting() or self.project.has_given_out()
            or self.project.waiting()  # RACE: a job may have gone back.
        )
