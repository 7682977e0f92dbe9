"""The interface for Python programs: from fjd import Project.

It submits jobs and inspects them.  Workers and a dispatcher run separately,
for instance from `fjd-dispatcher --hire` in a crontab.
"""
import os
import time
from typing import (
    Dict, Iterator, List, NamedTuple, Optional, TYPE_CHECKING,
)

from fjd import home
from fjd.errors import BadJob, BadUsage
from fjd.names import host_of, new_token, Stamps

if TYPE_CHECKING:  # Every command imports this module, and few a ledger.
    from fjd.ledger import Entry


class Job(NamedTuple):
    """A job in the project: its name, its latest attempt and its state.

    state is waiting, held, given, running, done or failed.  host is the host
    that it was given to or runs on, else "".  Tasks of an array that are
    given out together are one Job, and tasks is their number.
    """

    name: str
    attempt: str
    state: str
    host: str = ""
    tasks: int = 1


class Project:
    """The jobs of one project, which is created if it is missing.

    The name defaults to FJD_PROJECT, then to "default".  BadUsage: the name
    is not valid.  NotYours: the project may not be written to.

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
        self.project = home.claimed_project(self.name, lambda line: None)
        self.stamps = Stamps(new_token(time.time()))

    def put(
        self, command: str, name: str = "", directory: Optional[str] = None,
    ) -> str:
        """Add a shell command to the queue; return the job's name.

        It runs in that directory (default: the current one).  A job never
        replaces another, even one of the same name.  BadUsage: a job cannot
        have that name or command.
        """
        # Imported late, as below: every command imports this module.
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
        """Return all jobs, unordered."""
        from fjd.census import everything
        from fjd.project import STATES
        from fjd.verbs.counted import Ranges
        parse = Ranges(self.project).parse
        found = {}
        for place, _, attempt, worker in everything(self.project):
            part = parse(attempt.job)
            tasks = part.last + 1 - part.first if part else 1
            # RACE: a job that has moved on meanwhile is found twice.
            found[part.key if part else attempt] = Job(
                attempt.job, attempt.name, STATES[place], host_of(worker),
                tasks)
        return list(found.values())

    def counts(self) -> Dict[str, int]:
        """Return the number of jobs, and of tasks, in each state.

        The states are those of a Job, and cancelled, for tasks.

        >>> Project("empty").counts()["done"]
        0
        """
        from fjd.project import STATES
        from fjd.verbs.counted import CANCELLED, numbers
        return dict(numbers(self.project, *STATES, CANCELLED))

    def wait(self, timeout: float = float("inf")) -> bool:
        """Wait until no job waits or runs; False after timeout seconds.

        Held jobs do not count.

        >>> nobody_works_here = Project("idle")
        >>> nobody_works_here.wait()
        True
        >>> name = nobody_works_here.put("true")
        >>> nobody_works_here.wait(timeout=0.1)
        False
        """
        from fjd.wakeup import Backoff
        backoff = Backoff(0.25)
        deadline = time.monotonic() + timeout
        while self.is_busy():
            if time.monotonic() > deadline:
                return False
            time.sleep(backoff.longer())
        return True

    def results(self) -> "Iterator[Entry]":
        """Yield the final end of each job and task, in the order of these
        ends.

        fjd results prints the same.  The columns are those of ledger.py;
        times are in seconds.

        >>> sum(result.cpu for result in Project("empty").results())
        0
        """
        from fjd.verbs.results import results
        return results(self.project)

    def is_busy(self) -> bool:
        """Return whether a job waits, is in a pod, or runs."""
        return bool(
            self.project.waiting() or self.project.has_given_out()
            or self.project.waiting()  # RACE: a job may have gone back.
        )
