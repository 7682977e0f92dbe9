"""A worker that also runs ranges of arrays: their tasks, one after another.

The rules are in arrays.py.  A range is a job to everything else: it lies in a
pod, in running/, and ends with one rename.
"""
import os
from typing import Any, Dict, Optional

from fjd.arrays import (
    cancelled_of, cut, Ends, ends_of, lines_of, range_in, to_do,
)
from fjd.errors import BadJob
from fjd.jobfile import job_of_task
from fjd.ledger import CLEANED, DONE, Entry, FAILED, RETRIED, SUPERSEDED
from fjd.names import Attempt, Range, Running
from fjd.project import Project
from fjd.rangelog import RangeLog
from fjd.roles.interruption import TOLD
from fjd.roles.task import Task
from fjd.roles.taskledger import TaskLedger
from fjd.roles.worker import Worker

TAKEN = "taken away"


class RangeRun:
    """The range that runs: its tasks, and how far it is."""

    def __init__(
        self, project: Project, task: Task, part: Range, ends: Ends,
    ) -> None:
        self.project = project
        self.run = task.run
        self.part = part
        self.attempt = task.attempt
        self.n = task.attempt.n
        self.job = task.job
        self.unknown = task.job._replace(command="")
        self.environ: Dict[bytes, bytes] = {}
        self.ends = ends  # by lines of ours
        self.begun = task.clock.monotonic()
        self.tasks = iter(to_do(project, part))
        self.number = 0
        self.leaving = ""  # why it goes back, from when that has begun
        self.open_list()
        self.cancelled = cancelled_of(project, part.array)

    def advance(self) -> bool:
        """Go to the first task without an end; False if there is none."""
        while self.number == 0 or self.number in self.ends.ended:
            self.number = next(self.tasks, -1)
        return self.number > 0

    def open_list(self) -> None:
        assert self.job.tasks
        self.lines = lines_of(self.project, self.part, self.job.tasks.offset)
        self.at = 0  # the task whose line was read last
        self.line: Optional[str] = None

    def find_line(self) -> Optional[str]:
        """Return the current task's line; None if its list has none.

        After an OSError, call this again: it begins again, as a generator
        that has raised one is at its end.
        """
        try:
            while self.at < self.number:
                self.at, self.line = next(self.lines, (self.number, None))
            if self.line is None:
                self.project.check_home()
        except OSError:
            self.open_list()
            raise
        return self.line

    @property
    def first_try(self) -> int:
        """The number of the current task's first attempt here."""
        return self.n if self.number == self.part.next else 1

    @property
    def tries(self) -> int:
        """The attempts of the current task, with this one."""
        return self.first_try + self.ends.retried.get(self.number, 0)


class ArrayTask(Task):
    """A task of a range, as the running job."""

    is_told = True

    def __init__(self, lot: RangeRun, log: RangeLog, clock: Any) -> None:
        super().__init__(lot.run, clock, attempt=lot.attempt)
        self.lot = lot
        self.job = lot.unknown
        self.log = log
        self.number, self.tries = lot.number, lot.tries

    @property
    def job_name(self) -> str:
        return f"{self.lot.part.array}:{self.number}"

    @property
    def name(self) -> str:
        return f"{self.run.attempt}:{self.number}~{self.tries}"

    @property
    def failure(self) -> str:
        return RETRIED if self.tries <= self.job.retries else FAILED

    def environment(self, common: Dict[bytes, bytes]) -> Dict[bytes, bytes]:
        self.lot.environ = self.lot.environ or super().environment(common)
        return {
            **self.lot.environ, b"FJD_JOB": os.fsencode(self.job_name),
            b"FJD_ATTEMPT": os.fsencode(self.name),
            b"FJD_TASK": b"%d" % self.number,
        }

    def record(self, event: str, **more: Any) -> Entry:
        out, err = self.log.printed() if self.begun else ("", "")
        return super().record(
            event, task=str(self.number), out=out, err=err, **more)


class ArrayWorker(Worker):
    """A worker of jobs and ranges."""

    def __init__(self, project: Project, *others: Any, **more: Any) -> None:
        super().__init__(project, *others, **more)
        self.range: Optional[RangeRun] = None
        self.job_log = self.log
        self.range_log = RangeLog(
            project, self.id, self.log.terminal, self.clock)
        self.job_log.errors = self.range_log.parts[1]  # One of them runs.
        self.ledger = TaskLedger(project, self.id, self.clock)

    def step(self) -> float:
        wait = super().step()
        if not self.ledger.waiting:
            return wait
        return min(wait, self.ledger.write_if_due())

    def act(self) -> float:
        if not self.range:
            return super().act()
        if self.task:
            wait = self.attend(self.task)
            if self.task or not self.range:
                return wait
        return self.go_on(self.range)

    def spawn(self, task: Task) -> float:
        if not task.job.tasks:
            return super().spawn(task)
        path = self.project.job_file(task.run)
        part = range_in(self.project, task.attempt.job, path)
        if not part:
            return self.fail(task, "a range whose array does not exist")
        self.is_local = self.project.files.is_local(
            self.project.path("ledger"))
        ends = self.own_ends(task.run) if task.is_adopted else Ends({}, {})
        try:
            self.range = RangeRun(self.project, task, part, ends)
        except FileNotFoundError as error:
            return self.fail(task, f"{error.filename} is missing")
        self.log = self.range_log
        self.say(f"{self.me} I found a job.")
        return self.go_on(self.range)

    def own_ends(self, run: Running) -> Ends:
        paths = self.project.ledgers_of(self.id)
        return ends_of(self.project, run.attempt, paths)

    # The tasks of the current range

    def go_on(self, lot: RangeRun) -> float:
        """Start the next task, or end the range, or give its rest back."""
        if not lot.advance():
            return self.end_range(lot)
        task = ArrayTask(lot, self.range_log, self.clock)
        if self.order or lot.leaving:
            return self.give_back(task, lot.leaving or TOLD)
        if lot.number in lot.cancelled:
            return self.cancel(task)
        most = max(self.neighbours.reclaimer.most_losses, lot.job.retries + 1)
        if lot.number == lot.part.next and lot.n > most:
            return self.fail(task, f"given up after {lot.n - 1} attempt(s)")
        line = lot.find_line()
        try:
            if line is None:
                raise BadJob("the list of its array has no such line")
            task.job = job_of_task(lot.job, line)
        except BadJob as error:
            return self.fail(task, str(error))
        return super().spawn(task)

    def cancel(self, task: Task) -> float:
        """End a task that a person has cancelled."""
        task.entry = task.record(CLEANED, reason="cancelled")
        self.task = task
        return 0.0

    def commit(self, task: Task) -> None:
        """Record the end of a task, which is the decision."""
        lot, entry = self.range, task.entry
        if not (lot and isinstance(task, ArrayTask)):
            return super().commit(task)
        assert entry
        if not task.is_recorded:
            self.ledger.add(entry)
            task.is_recorded = True
        may_wait = entry.event == DONE and lot.n == 1 and not self.is_local
        if not may_wait:
            self.ledger.write_waiting()
        if entry.event == RETRIED:
            lot.ends.retried[lot.number] = 1 + task.tries - lot.first_try
        else:
            lot.ends.ended[lot.number] = entry.event
        if entry.event != DONE:
            self.ledger.sync()
        self.task = None
        if entry.event == FAILED:
            self.say(f"{self.me} It failed: {entry.job}: {entry.how}")

    # The end of a range

    def end_range(self, lot: RangeRun) -> float:
        """Move the range to done/ or failed/: all its tasks have ended."""
        self.ledger.write_waiting()
        rest = cut(lot.part, lot.n, [], lot.ends, 0)
        name = rest._replace(stamp=Attempt.parse(lot.run.attempt).stamp).name
        place = FAILED if Range.parse(rest.job).failed else DONE
        self.log.keep(lot.run.attempt)
        path = self.project.job_file(lot.run)
        if not self.project.commit(path, self.project.path(place, name)):
            self.supersede(lot)
        self.close(lot)
        self.say(f"{self.me} Finished my job.")
        return 0.0

    def give_back(self, task: Task, reason: str) -> float:
        """Put what is left of the range into the queue again."""
        if self.range:
            self.range.leaving = reason  # Also after an error.
        self.ledger.write_waiting()
        wait = super().give_back(task, reason)
        if self.range:
            self.close(self.range)
        return wait

    def requeue(self, run: Running) -> None:
        """Put a begun job into the queue again, of a range what is left."""
        attempt = Attempt.parse(run.attempt)
        path = self.project.job_file(run)
        part = range_in(self.project, attempt.job, path)
        if not part:
            return super().requeue(run)
        rest = cut(part, attempt.n, to_do(self.project, part),
                   self.own_ends(run), 0)
        self.project.requeue(run, rest._replace(stamp=attempt.stamp).name)

    def drop(self) -> None:
        """Drop the range: its lines from now on count for nothing."""
        lot = self.range
        if not lot:
            return super().drop()
        if lot.number < 0:  # NFS: it may have ended well.
            self.end_range(lot)
            return
        lot.leaving = TAKEN
        if self.task:
            self.end_processes(self.task)
            self.task = None
        self.ledger.forget()
        self.supersede(lot)
        self.log.keep(lot.run.attempt)
        self.close(lot)

    def supersede(self, lot: RangeRun) -> None:
        task = ArrayTask(lot, self.range_log, self.clock) \
            if lot.number > 0 else Task(lot.run, self.clock)
        self.ledger.write(task.record(SUPERSEDED, reason=TAKEN))

    def close(self, lot: RangeRun) -> None:
        self.range, self.log = None, self.job_log
        self.request.has_run(self.clock.monotonic() - lot.begun)

    # Heartbeats

    def current(self) -> Optional[Running]:
        return self.range.run if self.range else super().current()

    def beat_if_due(self, now: float) -> None:
        """Send a heartbeat, and end a task that a person has cancelled."""
        is_due = now >= self.next_beat
        super().beat_if_due(now)
        if not (is_due and self.range):
            return
        lot, task = self.range, self.task
        lot.cancelled = cancelled_of(self.project, lot.part.array)
        if task and not task.entry and lot.number in lot.cancelled:
            self.end_processes(task)
            self.cancel(task)
