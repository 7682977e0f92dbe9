"""A worker's knowledge of its current job."""
import signal
from math import inf
from typing import Any, Optional

from fjd.jobfile import Job
from fjd.ledger import Entry, FAILED, RETRIED
from fjd.names import Attempt, host_of, Running
from fjd.process import Ending

KILLED = Ending(-signal.SIGKILL)
# Statuses of a job that was ended by a signal, itself or through a shell.
DEATHS = {code for number in range(1, 65) for code in (-number, 128 + number)}
DOUBT = 0.3     # seconds until such a death counts
SHORT_DOUBT = 0.03  # seconds until an end counts that a signal may have caused


class Task:
    """The running job.

    ending is set when its process has ended, entry when that counts.  start
    is by the host's clock; begun, ended, limit and certain (the time from
    which the ending counts) are by its monotonic clock, as the other may be
    set meanwhile.
    """

    def __init__(self, run: Running, start: float) -> None:
        self.run = run
        self.attempt = Attempt.parse(run.attempt)
        self.start = start
        self.begun = self.ended = self.certain = 0.0
        self.job = Job([], "")
        self.limit = inf
        self.ending: Optional[Ending] = None
        self.entry: Optional[Entry] = None
        self.is_recorded = self.is_logged = False

    @property
    def failure(self) -> str:
        """The event for a job that has failed."""
        is_left = self.attempt.n <= self.job.retries
        return RETRIED if is_left else FAILED

    def record(self, event: str, now: float, **more: Any) -> Entry:
        """Return the ledger entry of an event; now: by the monotonic clock.

        The end of the job is its start and the seconds that it took.
        """
        took = (self.ended or now) - self.begun if self.begun else 0.0
        return Entry(
            event, self.attempt.job, self.run.attempt,
            host_of(self.run.worker), self.run.worker, self.start,
            self.start + took, command=self.job.command, **more,
        )


def doubt_of(ending: Ending) -> float:
    """Return the seconds until an ending counts.

    The signal that caused it may also be on its way to the worker.
    """
    if ending.status in DEATHS:
        return DOUBT
    return SHORT_DOUBT if ending.catches else 0.0
