"""The worker: asks for jobs, runs those in its pod, and records their ends.

A worker is one thread around step(), which looks, decides and does one
thing.  Files, clock and processes are parameters.
"""
import errno
import os
import time
from typing import Any, Callable, List, Optional

from fjd.files import FINAL, is_ours
from fjd.jobfile import why_not_started
from fjd.joblog import JobLog
from fjd.ledger import DONE, GIVEN_BACK, Ledger, RETRIED, SUPERSEDED
from fjd.members import BEAT
from fjd.names import new_token, Running, Stamps
from fjd.process import environment
from fjd.project import DRAIN, NOW, Project
from fjd.roles.interruption import is_last, Rule, rule_of
from fjd.roles.request import ANSWER, Request
from fjd.roles.task import doubt_of, KILLED, Task
from fjd.terminal import Terminal
from fjd.wakeup import Backoff, JOB, LONGEST, SHORTEST

LOOKS = 5       # looks into the pod for each look at the orders
# Seconds until a job that has just begun, or its output, is looked at:
ECHO = 0.1
LONGEST_REST = 30.0  # seconds of rest when no process can be started


class Worker:
    """One worker of a project; its record must be enrolled first."""

    def __init__(
        self, project: Project, worker: str, processes: Any,
        neighbours: Any, terminal: Terminal, say: Callable[..., None],
        interval: float, limits: Any, clock: Any = time,
    ) -> None:
        self.project = project
        self.id = worker
        self.neighbours = neighbours
        self.processes = processes
        self.say = say
        self.me = f"Worker {worker}:"
        self.clock = clock
        self.environ = environment(
            os.environ, project.home, project.name, worker)
        self.interval = interval
        self.limits = limits
        self.backoff = Backoff(interval)
        self.stamps = Stamps(new_token(clock.time()))
        self.ledger: Any = Ledger(project, worker)
        self.log: Any = JobLog(project, worker, terminal)
        self.task: Optional[Task] = None           # it runs now
        self.given: List[str] = []                 # to begin, the last first
        self.request = Request(project, worker)
        self.order = ""
        self.next_beat = self.next_orders = self.rested = 0.0
        self.rest = Backoff(LONGEST_REST)
        self.is_signalled = self.has_left = self.was_buried = False
        self.watch: Callable[..., None] = lambda *directories, **how: None
        self.listen: Callable[[], None] = lambda: None  # for signals

    def start(self) -> None:
        """Become a member and ask for jobs."""
        self.project.make_pod(self.id)
        self.say(f"Started with ID {self.id}.")
        self.announce()

    def step(self) -> float:
        """Look, decide, do one thing; return seconds until the next look."""
        now = self.clock.monotonic()
        if now >= min(
                self.next_beat, self.next_orders, self.neighbours.next_look):
            self.do_what_is_due(now)
        wait = 0.0 if self.has_left else self.act()
        return max(0.0, min(wait, self.next_beat - now))

    def do_what_is_due(self, now: float) -> None:
        """Beat, heed orders and look at the neighbours, each at its time."""
        self.beat_if_due(now)
        if not self.has_left:
            self.heed_orders_if_due(now)
            self.neighbours.look_if_due()

    def act(self) -> float:
        if self.task:
            wait = self.attend(self.task)
            if self.task:
                return wait
        return self.act_without_job()

    def act_without_job(self) -> float:
        """Look for jobs, and begin one; or rest, or leave.

        Until we have asked for jobs, none will have come.
        """
        if not self.given and (self.request.out or self.order):
            self.look_in_pod()
        if self.has_left:
            return 0.0
        if self.order == NOW or (self.order and not self.given):
            return self.leave()
        left = self.rested - self.clock.monotonic()
        if left > 0:
            self.give_back_unbegun()
            return min(left, LONGEST)
        self.rested = 0.0
        if self.given:
            return self.begin(self.given.pop())
        return self.ask()

    def ask(self) -> float:
        """Wait for jobs, looking less and less often, or leave."""
        left = self.limits.left()
        if left <= 0:
            self.order = DRAIN
            self.limits.leave()
            return 0.0
        self.announce()
        self.watch(self.project.path("jobpods", self.id), number=JOB)
        wait = self.backoff.longer()
        if wait == self.interval:
            self.ledger.sync()  # NFS: others can read the last line only then
        if wait > SHORTEST:
            soon = self.clock.monotonic() + LOOKS * wait
            self.next_orders = min(self.next_orders, soon)
        return min(max(wait, ANSWER), left)

    # Heartbeats, and checks at the same time

    def beat_if_due(self, now: float) -> None:
        if now < self.next_beat:
            return
        try:
            self.project.touch("workers", self.id)
        except FileNotFoundError:
            return self.end_life()
        # Only after the touch: if that fails, the next step adopts a job that
        # has begun and could not start, before another job begins.
        self.next_beat = now + BEAT
        self.ledger.sync()
        self.log.look_for_room()
        mine = self.project.runs_of(self.id)
        current = self.current()
        if not current:
            for run in mine[:1] if self.order != NOW else []:
                self.run(run, is_adopted=True)  # NFS: it began late.
        elif current not in mine and not self.project.is_running(current):
            self.drop()

    def current(self) -> Optional[Running]:
        """Return the attempt that runs now."""
        return self.task.run if self.task else None

    def drop(self) -> None:
        """Drop a job that others were given, or that its user removed."""
        task = self.task
        if not task:
            return
        if task.entry:
            return self.commit(task)  # NFS: it may have ended well.
        self.end_processes(task)
        self.task = None
        self.ledger.write(task.record(SUPERSEDED, reason="taken away"))
        self.log.keep(task.run.attempt)

    def end_life(self) -> None:
        """Leave at once, as we were declared dead and our jobs given away."""
        self.drop()
        self.request.withdraw()
        self.was_buried = self.has_left = True

    # Orders

    def look_soon(self) -> None:
        """Look soon for an order, and whether the job was cancelled."""
        self.next_orders = 0.0
        if self.task:
            self.next_beat = 0.0

    def heed_signal(self) -> None:
        """Leave now, and ignore an end of the job not yet recorded."""
        self.order, self.is_signalled = NOW, True

    def heed_orders_if_due(self, now: float) -> None:
        if now >= self.next_orders and self.order != NOW:
            self.next_orders = now + LOOKS * min(self.interval, LONGEST)
            self.watch(self.project.path("orders"))
            words = {o.word for o in self.project.orders_for(self.id)}
            self.order = max(words | {self.order})  # "now" beats "drain"

    def leave(self) -> float:
        """Give back unbegun jobs and leave, unless a job has come."""
        self.request.withdraw()
        if self.order == NOW:
            self.give_back_unbegun()
        # Jobs whose return failed, perhaps on a full disk.
        runs = self.project.runs_of(self.id)
        self.project.keep_draft_logs(self.id, runs[0].attempt if runs else "")
        for run in runs:
            self.requeue(run)
        self.ledger.sync()  # When we have left, others read the ledgers.
        if self.project.remove_pod(self.id):
            # RACE: hire counts a worker that has no order to leave.
            self.project.strike("workers", self.id)
            self.project.drop_orders(self.id)
            self.has_left = True
        return 0.0 if self.has_left else self.backoff.longer()

    def requeue(self, run: Running) -> None:
        """Put a begun job into the queue again; its attempt does not count."""
        self.project.requeue(run, run.attempt)

    # Asking for jobs

    def announce(self) -> None:
        """Ask for jobs if they could be run."""
        if not self.order and self.clock.monotonic() >= self.rested:
            self.request.announce()

    def give_back_unbegun(self) -> None:
        """Give back the jobs in the pod, and withdraw the request."""
        self.request.give_back()
        self.given = []

    def look_in_pod(self) -> None:
        given = self.request.answer()
        if given is None:
            self.end_life()
        elif given:
            self.backoff.reset()
            self.given = given

    # Running a job

    def begin(self, attempt: str) -> float:
        """Take an attempt out of the pod and run it."""
        run = Running(attempt, self.id)
        self.project.begin(run)
        wait = self.run(run)
        if self.request.is_due(len(self.given)):
            self.announce()
        return wait

    def run(self, run: Running, is_adopted: bool = False) -> float:
        """Run a job if we can open its file, which shows that it is ours.

        After an error it is adopted at the next heartbeat.
        """
        beat, self.next_beat = self.next_beat, 0.0  # At once, after an error.
        self.limits.has_job()
        task = Task(run, self.clock, is_adopted)
        try:
            bad, written = task.read(self.project)
        except FileNotFoundError:
            # RACE: given to another worker, or cancelled; but if the home
            # was away, the heartbeat adopts it before another job begins.
            return 0.0
        if written and self.project.is_unfinished(run, written):
            wait = self.give_back(task, "perhaps half written")
        else:
            wait = self.fail(task, bad) if bad else self.spawn(task)
        self.next_beat = beat
        return wait

    def spawn(self, task: Task) -> float:
        rule = self.limits.refusal(task)
        if rule:
            return self.refuse(task, rule)
        log = self.log  # Of a range that goes back, it is no longer ours.
        environ, logs = task.environment(self.environ), log.open(task.job)
        if self.log.terminal.is_open:
            self.tell(task)
        task.begun = self.clock.monotonic()
        try:
            self.processes.start(task.job, environ, logs)
        except OSError as error:
            return self.not_started(task, error)
        finally:
            log.let_go(*logs)
        self.rest.reset()
        self.task = task
        return self.while_running(task)

    def refuse(self, task: Task, rule: Rule) -> float:
        """Put off a job that does not fit into our time, and leave."""
        self.put_off(task, rule)
        if not self.task:
            self.order = NOW
            self.limits.give_all_back()
        return 0.0

    def not_started(self, task: Task, error: OSError) -> float:
        """Fail the job if the error is its fault, else give it back and rest.
        """
        is_busy = error.errno == errno.ETXTBSY  # a program being written
        if not is_ours(error) or (is_busy and self.rest.is_longest()):
            return self.fail(task, why_not_started(error, task.job))
        self.give_back(task, str(error.strerror))
        if error.errno in FINAL:
            raise error
        self.rested = self.clock.monotonic() + self.rest.longer()
        return 0.0

    def attend(self, task: Task) -> float:
        """Commit the end of the job, if it has ended and that counts."""
        if not task.entry:
            wait = self.look_at(task)
            if not task.entry:
                return wait
        try:
            self.commit(task)
        except OSError as error:
            if self.order != NOW:
                raise
            # As if this worker were killed here: its job is run again.
            self.say(f"Leaving, and cannot record an end: {error.strerror}.")
            self.has_left = True
        return 0.0

    def look_at(self, task: Task) -> float:
        """Check whether the job ended; return seconds until the next look."""
        if not task.ending:
            self.log.echo()
            task.ending = self.processes.poll()
            if not task.ending:
                if not task.is_told:
                    self.tell(task)
                self.log.flush()
                return self.while_running(task)
            task.ended = self.clock.monotonic()
            task.certain = task.ended + doubt_of(task.ending)
        left = task.certain - self.clock.monotonic()
        self.listen()  # RACE: the job's end may be due to a signal to us.
        if self.is_signalled:
            return self.interrupt(task)
        if left <= 0:
            task.conclude(self.log.shortage())
        return max(left, 0.0)

    def while_running(self, task: Task) -> float:
        left = task.limit - self.clock.monotonic()
        if self.order == NOW:
            return self.interrupt(task)
        if left <= 0:
            self.end_processes(task)
            task.conclude(self.log.shortage(), is_late=True)
            return 0.0
        is_near = self.log.terminal.is_open or not task.is_told
        return min(ECHO if is_near else LONGEST, self.interval, left)

    def interrupt(self, task: Task) -> float:
        """End the job, and put it off, because we leave."""
        rule = rule_of(self.is_signalled, self.limits.is_soon(task))
        self.end_processes(task)
        return self.put_off(task, rule)

    def put_off(self, task: Task, rule: Rule) -> float:
        """Give the job back, or fail it if that has been done too often."""
        if is_last(self.project, task, rule):
            return self.fail(task, rule.given_up)
        self.task = None
        return self.give_back(task, rule.reason)

    # How a job ends

    def end_processes(self, task: Task) -> None:
        """End all processes of the job, except those that cannot be killed."""
        self.processes.end_trees({task.name}, self.log.own_drafts())
        task.ending = task.ending or self.processes.poll() or KILLED

    def fail(self, task: Task, reason: str) -> float:
        """Fail a job that could not be run."""
        task.entry = task.record(task.failure, reason=reason)
        self.task = task
        return 0.0

    def commit(self, task: Task) -> None:
        """Record the end, name the log, and only then rename."""
        entry = task.entry
        assert entry
        failure = "" if entry.event == DONE else f"{entry.job}: {entry.how}"
        if not task.is_recorded:
            self.ledger.write(entry)
            task.is_recorded = True
        if not task.is_logged:
            self.log.keep(entry.attempt, failure)
            task.is_logged = True
        if entry.event == RETRIED:
            # Behind first attempts.
            after = task.attempt._replace(
                n=task.attempt.n + 1, stamp=self.stamps.new())
            self.project.requeue(task.run, after.name)
        elif not self.project.end(task.run, entry.event):
            self.ledger.write(entry._replace(event=SUPERSEDED))
        self.task = None
        self.request.has_run(entry.end - entry.start)
        self.tell(task, f"{self.me} Finished my job.")
        if failure:
            self.say(f"{self.me} It failed: {failure}")
            self.ledger.sync()

    def tell(self, task: Task, *texts: str) -> None:
        """Say what became of a job, after that it was found."""
        if not task.is_told:
            task.is_told = True
            texts = (f"{self.me} I found a job.",) + texts
        self.say(*texts)

    def give_back(self, task: Task, reason: str) -> float:
        """Put a begun job into the queue again; the attempt does not count."""
        self.ledger.write(task.record(GIVEN_BACK, reason=reason))
        self.log.keep(task.run.attempt)
        self.requeue(task.run)
        self.tell(task, f"{self.me} I gave a job back: {reason}.")
        return 0.0
