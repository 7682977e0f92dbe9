"""How long a worker stays: while it has work, and until its time is over.

The time is that of a batch system's allocation, or of a person.  A job whose
timeout does not fit into what is left of it is not begun: it goes back, and
the worker leaves, as others may have more time.  A job whose timeout is longer
than all the time that a worker had would go back for ever; so it fails at the
MOST-th such worker.  A worker needs some time to start and to get a job: a job
that only this leaves too little time for counts as such, too.

A worker whose time is over when it starts does not come, so that whoever
submitted it learns that it is no use.

A worker that leaves by itself sends itself an order, as hire counts those
without one.
"""
import re
import time
from argparse import ArgumentTypeError
from math import inf
from typing import Any, List, Optional

from fjd.errors import FjdError
from fjd.jobfile import KEYS, UNITS
from fjd.names import Order
from fjd.options import option
from fjd.project import DRAIN, NOW, Project
from fjd.roles.arrayworker import ArrayTask
from fjd.roles.interruption import recent_entries, Rule, SOON
from fjd.roles.neighbours import Neighbours
from fjd.roles.task import Task

# Seconds before the end of an allocation, from which on a signal tells of it.
NOTICE = 180.0
HINT = "try: a longer time limit, and the same time on all machines"
MOST = 3  # workers whose whole time is too short for a job
SLOW = 60.0  # seconds within which a worker's first job came at once
NEVER, AT_ONCE = 0, 1  # as Rule.most
OVER = Rule("the time of its worker is over")
TOO_LATE = Rule("its timeout is longer than its worker still has time")
TOO_LONG = Rule(
    "its timeout is longer than all the time that its worker had", NEVER,
    f"its timeout is longer than all the time that each of {MOST} workers had;"
    " give workers a longer time limit, or the job a shorter timeout")


class Limits:
    """When one worker leaves by itself; never by default.

    idle: seconds without a job.  until: the end of its time, by its host's
    clock, which is read only once, as it may be set.  notice: seconds before
    that in which it may be told to leave.
    """

    def __init__(
        self, neighbours: Neighbours, idle: float = inf, until: float = inf,
        notice: float = 0.0,
    ) -> None:
        self.neighbours = neighbours
        self.clock = neighbours.clock
        self.idle = idle
        self.notice = notice
        self.begun = self.clock.monotonic()
        self.until = self.begun + (until - self.clock.time())
        self.idle_since = inf
        self.has_begun = False  # some job
        self.hopeless = ""  # an attempt, perhaps of a range

    def has_job(self) -> None:
        self.idle_since = inf

    def left(self) -> float:
        """Return the seconds for which a worker without a job stays."""
        now = self.clock.monotonic()
        self.idle_since = min(self.idle_since, now)
        return min(self.idle_since + self.idle, self.until) - now

    def leave(self) -> None:
        """Order the worker to leave, as none are left."""
        is_over = self.clock.monotonic() >= self.until
        self.neighbours.reclaimer.say(
            "My time is over: leaving." if is_over else
            f"There was no job for {self.idle:g} s: leaving.")
        self.send(DRAIN)

    def give_all_back(self) -> None:
        """Order the worker to leave, as a job does not fit into its time."""
        self.neighbours.reclaimer.say("Others may have more time: leaving.")
        self.send(NOW)

    def send(self, word: str) -> None:
        neighbours = self.neighbours
        neighbours.project.send_order(Order(
            neighbours.worker, neighbours.reclaimer.stamps.new(), word))

    def is_soon(self, task: Task) -> bool:
        """Return whether a job has just begun, and a signal now does not tell
        of the end of its worker's time.
        """
        now = self.clock.monotonic()
        return now < task.begun + SOON and now < self.until - NOTICE

    def refusal(self, task: Task) -> Optional[Rule]:
        """Return why a job is not begun now; None if there is time for it."""
        now, needed = self.clock.monotonic(), task.job.timeout
        end = self.until - self.notice
        if now >= self.until:
            return OVER
        if not needed or now + needed <= end:
            self.has_begun = True
            return None
        is_new = not self.has_begun and now <= self.begun + SLOW
        if self.begun + needed <= end and not is_new:
            return TOO_LATE
        return self.too_long(task)

    def too_long(self, task: Task) -> Rule:
        """Return why a job is not begun that would need more than all the
        time of this worker; retries make no difference.
        """
        project, attempt = self.neighbours.project, task.run.attempt
        if attempt != self.hopeless and tries(project, task) < MOST:
            return TOO_LONG
        self.hopeless = attempt
        task.job = task.job._replace(retries=0)
        return TOO_LONG._replace(most=AT_ONCE)


def tries(project: Project, task: Task) -> int:
    """Return how many workers had too little time for a job, with this one,
    since it was put or has failed of it.

    The tasks of an array count together, since they have one timeout, and may
    be thousands.
    """
    array = task.lot.part.array if isinstance(task, ArrayTask) else ""
    found = 1
    try:
        for entry in recent_entries(project, task):
            same = entry.job.rpartition(":")[0] if array and entry.task \
                else entry.job
            if entry.reason == TOO_LONG.reason:
                found += same == (array or task.job_name)
            elif entry.reason == TOO_LONG.given_up:
                found -= (MOST - 1) * (entry.job == task.job_name)
    except OSError:
        pass  # RACE: the user may have removed a ledger.
    return found


# The options of fjd-worker

SPAN = re.compile(KEYS["timeout"][0])
EPOCH = re.compile(r"[0-9]{9,11}([.][0-9]{1,9})?")
CLOCK = re.compile("([01]?[0-9]|2[0-3]):([0-5][0-9])")
DATES = ("%Y-%m-%dT%H:%M:%S", "%Y-%m-%dT%H:%M")
# What squeue(1) prints for the end of a job that has no limit.
NO_LIMIT = ("n/a", "none", "unknown", "unlimited")


def span(text: str) -> float:
    """Return the seconds that a text such as 60, 1.5 or 10m means."""
    seconds = float(text.rstrip("smhd")) * UNITS.get(text[-1:], 1) \
        if SPAN.fullmatch(text) else 0.0
    if not seconds:
        raise ArgumentTypeError(f"{text!r} is no time above 0, as 60 or 10m")
    return seconds


def moment(text: str) -> float:
    """Return the time that a text means, in seconds since 1970."""
    if text.lower() in NO_LIMIT:
        return inf
    if EPOCH.fullmatch(text):
        return float(text)
    if SPAN.fullmatch(text) and text[-1] in UNITS:
        return time.time() + span(text)
    clock = CLOCK.fullmatch(text)
    found = next_time(*map(int, clock.groups())) if clock else date(text)
    if not found:
        raise ArgumentTypeError(
            f"{text!r} is no time, as 2026-11-28T07:00, 07:00 or 90m")
    return found


def next_time(hour: int, minute: int) -> float:
    """Return when the clock shows that again."""
    now = time.time()
    year, month, day = time.localtime(now)[:3]
    found = (time.mktime((year, month, day + more, hour, minute, 0, 0, 0, -1))
             for more in (0, 1))
    return next(when for when in found if when > now)


def date(text: str) -> float:
    """Return the time of a date, by this host's clock; 0.0 if it is none."""
    for form in DATES:
        try:
            return time.mktime(time.strptime(text, form))
        except (ValueError, OverflowError):
            continue
    return 0.0


OPTIONS = (
    option("--idle", metavar="S", type=span, default=inf, help="leave after S"
           " seconds (or 10m, 2h) without a job"),
    option("--until", metavar="TIME", type=moment, default=inf, help="begin no"
           " job whose timeout ends later, and leave then, after the job that"
           " runs: 2026-11-28T07:00, 07:00, 90m, or seconds since 1970"),
)


def check_start(options: Any, is_submitted: bool) -> None:
    """Raise FjdError if a worker could begin no job; of one that a batch
    system has started, the end of its time is for leaving.
    """
    left = options.until - time.time()
    if left <= 0.0:
        raise FjdError("my time is over already: leaving", HINT)
    if is_submitted and left <= NOTICE:
        raise FjdError(
            f"only {left:.0f} s of my time are left, and a worker is told to"
            f" leave up to {NOTICE:.0f} s before its end: leaving", HINT)


def limits_of(
    neighbours: Neighbours, options: Any, is_allocated: bool,
) -> Limits:
    """Return the limits of a worker; in an allocation, it may be told to leave
    before its time is over.
    """
    return Limits(neighbours, options.idle, options.until,
                  NOTICE if is_allocated else 0.0)


def words(options: Any) -> List[str]:
    """Return what gives a worker that starts anew the same end of its time."""
    is_limited = options.until < inf
    return ["--until", f"{options.until:.3f}"] if is_limited else []
