"""The dispatcher: pairs the jobs that wait with the workers that ask.

It remembers nothing that is not in the files: one that starts anew goes on
where another stopped, and two at a time harm nothing.  A dispatcher is one
thread around step(), which looks and then does what there is to do.
"""
import time
from typing import Any, Callable, Dict, List, Optional, Set, Tuple

from fjd.counts import Tally
from fjd.members import BEAT, is_late, STANDBY
from fjd.names import (
    Announcement, Attempt, given_order, made_up, printable, Stamps, why_bad,
)
from fjd.project import DRAIN, ENDED, NOW, Project
from fjd.queueorder import QueueOrder
from fjd.reclaim import Reclaimer
from fjd.roles.active import Succession
from fjd.roles.firing import Dismissal
from fjd.summary import Outcome
from fjd.wakeup import Backoff

Pods = Dict[str, Optional[List[str]]]  # worker: the attempts in its pod
LISTING_SHARE = 20  # listing the queue may take one part in so many of time
PASS = 240          # handfuls (of 0.25 s) that last until the next pass
SWEEP = 1.0         # seconds between two looks for dead workers
SOON = 1.0          # seconds until the jobs are counted for the first time
FOUND = 1.0         # seconds between two lines that say what was found


class Queue:
    """The jobs that wait, in order; listed only as often as that is cheap."""

    def __init__(self, project: Project, stamps: Stamps, clock: Any) -> None:
        self.project = project
        self.clock = clock
        self.order = QueueOrder(project, stamps, clock)
        self.names: List[str] = []  # the first one last
        self.next_listing = 0.0
        self.stuck: Set[str] = set()  # what cannot be moved
        self.owed: Dict[str, str] = {}  # gets what others have taken

    def look(self) -> None:
        began = self.clock.monotonic()
        is_due = began >= self.next_listing
        if self.names and not (is_due or self.order.look()):
            return
        names = self.waiting()
        if names:
            self.order.look()
        there = set(names) if self.names else ()
        gone = (name for name in self.names if name not in there)
        self.owed.update(dict.fromkeys(gone, ""))
        self.names = sorted(names, key=self.order.key, reverse=True)
        now = self.clock.monotonic()
        self.next_listing = now + LISTING_SHARE * (now - began)

    def waiting(self) -> List[str]:
        names = self.project.waiting()
        if not self.stuck:
            return names
        return [name for name in names if name not in self.stuck]

    def forget(self) -> None:
        """What we know may be wrong: list anew."""
        self.next_listing = 0.0


class Dispatcher:
    """One dispatcher of a project; it stands by until it takes over."""

    def __init__(
        self, project: Project, succession: Succession, reclaimer: Reclaimer,
        outcome: Outcome, say: Callable[[str], None], interval: float,
        keep_running: bool = False, clock: Any = time,
    ) -> None:
        self.project = project
        self.succession = succession
        self.reclaimer = reclaimer
        self.outcome = outcome
        self.stamps = reclaimer.stamps
        self.ledger = reclaimer.ledger
        self.say = say
        self.clock = clock
        self.keep_running = keep_running
        self.queue = Queue(project, self.stamps, clock)
        self.queue.owed = outcome.owed
        self.tally = Tally(project, outcome, clock)
        self.backoff = Backoff(interval)
        self.when_alone = self.tell_alone
        self.is_held: Callable[[], bool] = lambda: False  # it must not end
        self.watch: Callable[..., None] = lambda *directories: None
        self.has_told_alone = False
        self.trouble = ""
        self.begin_again()
        self.handfuls = 1
        self.given_out = 0
        self.found = (0, 0)
        self.next_found = self.next_beat = self.next_sweep = 0.0
        self.next_count = clock.monotonic() + SOON

    # The story

    def step(self) -> float:
        """Look, and do what there is to do; seconds until the next look."""
        self.beat_if_due()
        try:
            wait = self.act()
        finally:
            self.sweep_if_due()
            self.count_if_due()
        return max(0.0, min(wait, self.next_beat - self.clock.monotonic()))

    def act(self) -> float:
        if self.succession.role == STANDBY:
            return self.stand_by()
        self.watch(*map(self.project.path, self.news()))
        if self.is_ending:
            self.has_ended = not self.dismissal.remaining()
            return self.backoff.longer()
        if self.pair():
            self.backoff.reset()
            return 0.0
        if self.may_end() and self.is_all_quiet():
            self.end()
            return 0.0
        return self.backoff.longer()

    def may_end(self) -> bool:
        return not (self.keep_running or self.is_held())

    def begin_again(self) -> None:
        self.dismissal = Dismissal(self.project, self.stamps, DRAIN)
        self.is_ending = self.has_ended = False

    def end(self) -> None:
        """Fire the workers, unless another dispatcher needs them."""
        self.say("No (more) jobs.")
        # RACE: of two that end at the same time at least one must fire.
        self.succession.stand_down()
        self.has_ended = bool(self.succession.rival())
        if not self.has_ended:
            self.succession.take_over()
        self.is_ending = True
        self.backoff.reset()

    def give_out_once(self) -> None:
        """Give back what the dead had, and a minute's work to who asks."""
        self.handfuls = PASS
        self.take_over()
        self.reclaimer.sweep()
        self.queue.look()
        if self.is_alone():
            self.when_alone()
        while self.pair():
            pass

    def stand_by(self) -> float:
        """Take over when nobody else is at work."""
        if self.succession.rival():
            return SWEEP
        self.take_over()
        self.next_count = self.clock.monotonic() + SOON
        self.say(f'Started on project "{self.project.name}"')
        return 0.0

    def take_over(self) -> None:
        self.succession.take_over()
        for pod in self.project.pods():
            given = self.project.given(pod) or []
            self.outcome.owed.update(dict.fromkeys(given, pod))
        self.outcome.owed.update(self.project.running())  # (attempt, worker)

    def fire(self) -> None:
        """Tell all workers to leave at once, and end when they have."""
        self.dismissal = Dismissal(self.project, self.stamps, NOW)
        self.is_ending = True

    def left(self) -> int:
        """How many jobs have not ended; a guess, unless all workers left."""
        given = [self.project.given(pod) or [] for pod in self.project.pods()]
        return len(self.project.waiting()) + sum(map(len, given)) \
            + len(self.project.running())

    # Signs of life

    def beat_if_due(self) -> None:
        now = self.clock.monotonic()
        if now < self.next_beat:
            return
        self.succession.beat(is_late(now, self.next_beat))
        self.next_beat = now + BEAT
        self.ledger.sync()

    def sweep_if_due(self) -> None:
        now = self.clock.monotonic()
        if now >= self.next_sweep:
            self.next_sweep = now + SWEEP
            self.reclaimer.sweep()

    def count_if_due(self) -> None:
        """Say what failed, and write down how many there are of what."""
        now = self.clock.monotonic()
        if now < self.next_count or self.succession.role == STANDBY:
            return
        self.next_count = now + BEAT
        self.tell_failed()
        note = f"{self.succession.id}.{self.stamps.new()}"
        trouble = ""
        try:
            self.tally.write_down(note, len(self.queue.names))
        except OSError as error:
            trouble = f"{self.project.root}: {error.strerror};" \
                " what has ended waits until that can be recorded."
        if trouble and not self.trouble:
            self.say(trouble)
        self.trouble = trouble

    # Pairing

    def pair(self) -> int:
        """Give waiting jobs to workers that ask; how many were moved."""
        self.queue.look()
        busy = set() if self.queue.names else self.busy()
        if not (self.queue.names or busy):
            return 0
        asking, pods = self.look_at_workers()
        idle = [worker for worker, given in pods.items() if given == []]
        if not self.queue.names:
            return self.rebalance(set(idle) - busy, busy)
        if not asking:
            if self.is_alone():
                self.when_alone()
            return 0
        self.tell_found(len(idle))
        share = self.share()
        return sum(
            self.fill(a.worker, min(share, self.room(a, pods[a.worker])))
            for a in asking
        )

    def news(self) -> List[str]:
        """Where something has to happen before there is more to do."""
        if self.is_ending:
            return ["jobpods"]
        return ["workerqueue"] if self.queue.names else ["jobqueue", *ENDED]

    def look_at_workers(self) -> Tuple[List[Announcement], Pods]:
        """Who asks, and what there is in their pods."""
        asking = self.project.announcements()
        pods = {a.worker: self.project.given(a.worker) for a in asking}
        # RACE: an empty pod may be one that was emptied since; who does that
        # withdraws first.
        still = self.project.announcements() if asking else []
        return [a for a in asking if a in still], pods

    def room(self, asked: Announcement, given: Optional[List[str]]) -> int:
        """How many more jobs to give; not one by one as jobs begin, which
        would mean a look at everything for each.
        """
        if given is None:
            return 0
        most = asked.want * self.handfuls
        room = most - len(given)
        return room if 2 * room >= most else 0

    def share(self) -> int:
        """What one worker may get, so that the last jobs go to many."""
        workers = max(1, len(self.project.pods()))
        return -(-len(self.queue.names) // workers)

    def fill(self, worker: str, room: int) -> int:
        """Give a worker the next jobs; how many it got."""
        moved = 0
        while moved < room and self.queue.names:
            name = self.queue.names.pop()
            attempt = Attempt.parse(name)
            if why_bad(attempt.job):
                self.reject(name, attempt)
            elif not self.is_unfinished(name, attempt):
                if not self.assign(name, worker, attempt):
                    break
                moved += 1
        return moved

    def assign(self, name: str, worker: str, attempt: Attempt) -> bool:
        stamped = attempt._replace(stamp=self.stamps.new())
        # Whoever has it if this fails, it is to end.
        owed = self.outcome.owed
        owed[name] = ""
        try:
            if self.project.assign(name, worker, stamped):
                del owed[name]
                owed[stamped.name] = worker
                self.given_out += 1
                return True
        except PermissionError as error:
            if not self.project.is_directory(name):
                raise
            # rename(2): a directory must be writable to be moved.
            self.queue.stuck.add(name)
            self.say(f"{printable(name)}: left where it is, a directory that"
                     f" cannot be moved: {error.strerror}")
        self.queue.forget()
        return False

    def is_unfinished(self, name: str, attempt: Attempt) -> bool:
        """Whether a job that a worker gave back may still be written."""
        if not self.stamps.made(attempt):
            return False
        try:
            written = self.project.last_write(name)
        except OSError:
            return False  # The worker finds out what is wrong with it.
        member = self.succession.id
        return self.project.is_young("dispatchers", member, written)

    def reject(self, name: str, attempt: Attempt) -> None:
        """A name that no worker can work with: the job fails here."""
        reason = f"{why_bad(attempt.job)}: {printable(attempt.job)}"
        failed = Attempt(made_up(attempt.job), attempt.n, self.stamps.new())
        self.reclaimer.fail(self.project.waiting_job(name), failed, reason)

    def busy(self) -> Set[str]:
        """The workers that run a job."""
        return {run.worker for run in self.project.running()}

    def rebalance(self, idle: Set[str], busy: Set[str]) -> int:
        """Let idle workers have what waits behind the job of a busy one."""
        if not idle:
            return 0
        pods = {
            worker: sorted(self.project.given(worker) or [], key=given_order)
            for worker in busy
        }
        moved = 0
        for worker in idle:
            fullest = max(pods, key=lambda w: len(pods[w]), default="")
            behind = pods.get(fullest, [])
            half = len(behind) // 2
            for name in behind[half:]:
                attempt = Attempt.parse(name)._replace(stamp=self.stamps.new())
                if self.project.reassign(name, fullest, worker, attempt):
                    self.outcome.owed.pop(name, None)
                    self.outcome.owed[attempt.name] = worker
                    moved += 1
            del behind[half:]
        return moved

    # What there is to say

    def tell_found(self, workers: int) -> None:
        found = (len(self.queue.names), workers)
        now = self.clock.monotonic()
        if workers and found != self.found and now >= self.next_found:
            self.found, self.next_found = found, now + FOUND
            self.say(f"Found {found[0]} job(s) and {found[1]} worker(s)...")

    def tell_failed(self) -> None:
        """Count what has ended; who never says how it went, tells at once."""
        for failed in self.outcome.update():
            if self.keep_running:
                self.say(f"Failed: {failed}")

    def tell_alone(self) -> None:
        if not self.has_told_alone:
            self.has_told_alone = True
            self.say(
                f"{len(self.queue.names)} job(s) wait, and there is no"
                " worker; fjd-recruiter hire starts some.",
            )

    def is_alone(self) -> bool:
        """Whether jobs wait, and nobody is there who could run them."""
        return bool(self.queue.names) and not self.project.pods()

    def is_all_quiet(self) -> bool:
        """A guess: no job waits, lies in a pod, or runs."""
        return not (
            self.queue.names or self.project.has_given_out()
            or self.queue.waiting()  # RACE: a job may have gone back.
        )
