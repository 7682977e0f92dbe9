"""fjd run --halt: an early end, when enough jobs have ended in some way.

The counts are those of the outcome, which counts each end once.  When there
are enough, Halted comes out of the dispatcher's loop.  Then either no job
begins any more (soon), or the running ones are ended, too (now).  What has not
ended waits in the queue, or is not put yet, for fjd run --resume.
"""
import re
import time
from argparse import ArgumentTypeError
from math import inf
from typing import Any, List, NamedTuple, Optional

from fjd.roles.dispatcher import Dispatcher
from fjd.verbs.source import Source
from fjd.verbs.summary import Outcome

FORM = re.compile("(now|soon),(fail|success|done)=([1-9][0-9]{0,8})(%?)")
NOW = "now"
SHARE = re.compile("[1-9][0-9]?%")
SHORT = {  # of GNU parallel
    "1": "soon,fail=1", "2": "now,fail=1", "-1": "soon,success=1",
    "-2": "now,success=1",
}
NEVER = ("never", "0")
PERIOD = 0.05  # least seconds between two looks at the counts
PART = 20      # looking may take one part in so many of time


class Halted(Exception):
    """Enough jobs have ended."""


class Condition(NamedTuple):
    """When to halt: as so many jobs have ended, or percent of all jobs.

    what is fail, success, or done for both.
    """

    when: str
    what: str
    number: int
    is_share: bool

    @property
    def text(self) -> str:
        return f"{self.when},{self.what}={self.number}" \
            + "%" * self.is_share


def parse(text: str) -> Optional[Condition]:
    """Return the condition of --halt, None for never."""
    if text in NEVER:
        return None
    whole = f"soon,fail={text}" if SHARE.fullmatch(text) else text
    match = FORM.fullmatch(SHORT.get(whole, whole))
    if not match or match.group(4) and int(match.group(3)) > 100:
        raise ArgumentTypeError(
            f"{text!r} is none of: now,fail=1, soon,fail=3, soon,fail=10%,"
            " never; also with success or done instead of fail")
    when, what, number, share = match.groups()
    return Condition(when, what, int(number), bool(share))


def first_of(source: Source, condition: Optional[Condition]) -> List[str]:
    """Return the first commands, or all if a percentage of them is meant."""
    come = source.first()
    while source.is_open and condition and condition.is_share:
        come += source.first()
    return come


class Halt:
    """The end of a run that its condition demands."""

    def __init__(self, run: Any) -> None:
        self.run = run
        self.condition: Optional[Condition] = run.options.halt
        self.outcome: Outcome = run.outcome
        self.before = 0
        self.enough = self.next = inf
        self.is_reached = False

    def begin(self) -> None:
        """Count from now on."""
        wanted = self.condition
        if wanted:
            self.outcome.update()
            self.before = self.count(wanted.what)
            self.enough = wanted.number * self.run.left() / 100 \
                if wanted.is_share else wanted.number
            self.next = 0.0
            self.run.supply.look = self.look_now

    def count(self, what: str) -> int:
        """Return how many jobs have ended in that way."""
        done, failed = self.outcome.done, self.outcome.number_failed
        return {"fail": failed, "success": done, "done": done + failed}[what]

    def look(self) -> None:
        """Raise Halted, once, when enough jobs have ended."""
        began = time.monotonic()
        if self.is_reached or not self.condition or began < self.next:
            return
        self.outcome.update()
        now = time.monotonic()
        self.next = now + max(PERIOD, PART * (now - began))
        if self.count(self.condition.what) - self.before >= self.enough:
            self.is_reached = True
            raise Halted

    def look_now(self) -> None:
        self.next = 0.0
        self.look()

    def obey(self) -> None:
        """Begin no more jobs, and wait for the running ones or end them."""
        assert self.condition
        if self.condition.when == NOW:
            return self.run.stop()
        self.run.wait_for_hiring()
        self.run.say("No more jobs begin; waiting for those that run.")
        drain(self.run.dispatcher)
        self.run.dispatcher.run()

    def tell(self) -> None:
        """Report what is left, if it was reached before the end."""
        left, supply = self.outcome.left, self.run.supply
        if self.is_reached and self.condition and (left or supply.is_more):
            told = supply.told(left)
            self.run.report(f"Halted by {self.condition.text}: {told} left.")
            self.run.report(f"To go on: {self.run.way_on()}")

    @property
    def is_well(self) -> bool:
        """Return whether it was reached as a success, not as a failure."""
        if not (self.is_reached and self.condition):
            return False
        what = self.condition.what
        return what == "success" \
            or what == "done" and not self.outcome.number_failed


def drain(dispatcher: Dispatcher) -> None:
    """Let all workers leave when their tasks have ended, and begin nothing.

    The dispatcher gives out nothing any more.
    """
    dispatcher.begin_again()
    dispatcher.is_ending = True
    for worker in dispatcher.dismissal.remaining():
        for name in dispatcher.project.given(worker) or []:
            # RACE: the worker may have begun it; then this moves nothing.
            dispatcher.project.give_back_unbegun(worker, name)
