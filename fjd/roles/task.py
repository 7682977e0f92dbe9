"""A worker's knowledge of its current job."""
import os
import signal
from math import inf
from typing import Any, Dict, Optional, Tuple

from fjd.errors import BadJob
from fjd.jobfile import Job, read_job
from fjd.ledger import DONE, Entry, FAILED, RETRIED
from fjd.names import Attempt, host_of, Running
from fjd.process import directory_of, Ending
from fjd.project import Project

KILLED = Ending(-signal.SIGKILL)
# Statuses of a job that was ended by a signal, itself or through a shell.
DEATHS = {code for number in range(1, 65) for code in (-number, 128 + number)}
DOUBT = 0.3     # seconds until such a death counts
SHORT_DOUBT = 0.03  # seconds until an end counts that a signal may have caused


class Task:
    """The running job.

    ending is set when its process has ended, entry when that counts.  start
    is by the host's clock; begun, ended and certain (the time from which the
    ending counts) are by its monotonic clock, as the other may be set
    meanwhile.
    """

    begun = ended = certain = 0.0
    job = Job([], "")
    ending: Optional[Ending] = None
    entry: Optional[Entry] = None
    is_told = is_recorded = is_logged = False

    def __init__(
        self, run: Running, clock: Any, is_adopted: bool = False,
        attempt: Optional[Attempt] = None,
    ) -> None:
        self.run = run
        self.is_adopted = is_adopted
        self.attempt = attempt or Attempt.parse(run.attempt)
        self.clock = clock
        self.start = clock.time()

    @property
    def job_name(self) -> str:
        return self.attempt.job

    @property
    def name(self) -> str:
        """Its FJD_ATTEMPT, by which its processes are found."""
        return self.run.attempt

    def read(self, project: Project) -> Tuple[str, float]:
        """Read the job; return why it is bad, else "", and when its file was
        written, if that may go on, else 0.0.

        FileNotFoundError: there is no such file.
        """
        try:
            self.job = read_job(
                project.files, project.job_file(self.run), project.owner)
            return "", self.job.written
        except BadJob as error:
            return str(error), error.written

    def environment(self, common: Dict[bytes, bytes]) -> Dict[bytes, bytes]:
        """Return the job's environment, from that of all jobs."""
        place = directory_of(self.job, os.fsdecode(common[b"PWD"]))
        return {
            **common, b"FJD_JOB": os.fsencode(self.job_name),
            b"FJD_ATTEMPT": os.fsencode(self.name),
            b"PWD": os.fsencode(place),
        }

    @property
    def limit(self) -> float:
        """The time of its timeout, by the monotonic clock."""
        return self.begun + (self.job.timeout or inf)

    @property
    def failure(self) -> str:
        """The event for a job that has failed."""
        is_left = self.attempt.n <= self.job.retries
        return RETRIED if is_left else FAILED

    def record(self, event: str, **more: Any) -> Entry:
        """Return the ledger entry of an event.

        The end of the job is its start and the seconds that it took.
        """
        ended = self.ended or self.clock.monotonic()
        took = ended - self.begun if self.begun else 0.0
        worker = self.run.worker
        return Entry(
            event, self.job_name, self.run.attempt, host_of(worker), worker,
            self.start, self.start + took, command=self.job.command, **more)

    def conclude(self, shortage: str, is_late: bool = False) -> None:
        """Let the ending count; shortage: why its log may be short, or "";
        is_late: it was ended by its timeout.
        """
        assert self.ending
        late = f"timeout after {self.job.timeout:g} s" if is_late else ""
        is_well = not (self.ending.status or late)
        self.entry = self.record(
            DONE if is_well else self.failure, status=self.ending.text,
            cpu=self.ending.cpu, peak=self.ending.peak,
            reason="; ".join(filter(None, [late, shortage])))


def doubt_of(ending: Ending) -> float:
    """Return the seconds until an ending counts.

    The signal that caused it may also be on its way to the worker.
    """
    if ending.status in DEATHS:
        return DOUBT
    return SHORT_DOUBT if ending.catches else 0.0
