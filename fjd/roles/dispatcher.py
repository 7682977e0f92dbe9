"""The dispatcher: pairs waiting jobs with workers that ask for some.

Its whole state is in the files: a new dispatcher continues where another
stopped, and two at a time are harmless.  A dispatcher is one thread in run(),
around step(), which looks and then acts.  fjd-dispatcher, fjd run and the
simulation all run this one.
"""
import time
from typing import Any, Callable, Dict, List, Optional, Set

from fjd.command import patiently
from fjd.handover import leave_memory, Memory, resume
from fjd.members import BEAT, is_late, Observer, STANDBY
from fjd.names import (
    Announcement, Attempt, given_order, made_up, printable, why_bad,
)
from fjd.progress import HowFar, Progress
from fjd.project import DRAIN, ENDED, NOW, Project
from fjd.reclaim import Reclaimer
from fjd.reporter import Reporter
from fjd.roles.active import Succession
from fjd.roles.firing import Dismissal
from fjd.roles.hiring import Hiring
from fjd.roles.news import News
from fjd.roles.queue import Queue
from fjd.wakeup import Alarm, Backoff

Pods = Dict[Announcement, int]  # jobs in the pods of workers that ask
INTERVAL = 0.25     # seconds; a job waits for this and a worker's second
PASS = 240          # handfuls (of 0.25 s) that last until the next pass
SWEEP = 1.0         # seconds between two looks for dead workers
SOON = 1.0          # seconds until the first count of jobs


class Dispatcher:
    """One dispatcher of a project; it stands by until it takes over.

    memory: the note of the last one.  alarm: waits, and returns the signals
    that came, which are passed to heed().  bring: puts some jobs, and returns
    how many seconds later there may be more; None: never.  hiring: None to
    report that no worker is there.
    """

    def __init__(
        self, project: Project, succession: Succession, reclaimer: Reclaimer,
        outcome: Reporter, say: Callable[[str], None],
        interval: float = INTERVAL, keep_running: bool = False,
        clock: Any = time, memory: Memory = Memory(), alarm: Any = None,
        heed: Callable[[Set[int]], None] = lambda signals: None,
        bring: Callable[[], Optional[float]] = lambda: None,
        hiring: Optional[Hiring] = None, progress: Optional[Progress] = None,
    ) -> None:
        self.memory = memory
        self.seen = Observer()
        self.alarm = alarm or Alarm()
        self.heed = heed
        self.bring = bring
        self.hiring = hiring
        self.progress = progress or Progress()
        self.project = project
        self.succession = succession
        self.reclaimer = reclaimer
        self.outcome = outcome
        self.stamps = reclaimer.stamps
        self.say = say
        self.clock = clock
        self.keep_running = keep_running
        self.queue = Queue(project, self.stamps, clock)
        self.queue.owed = outcome.owed
        self.backoff = Backoff(interval)
        self.is_more = self.has_told_alone = False
        self.begin_again()
        self.handfuls = 1
        self.given_out = 0
        self.found = News(clock)
        self.next_beat = self.next_sweep = 0.0
        self.next_count = clock.monotonic() + SOON

    # The main loop

    def run(self) -> None:
        """Repeat step() until no job and no worker is left."""
        self.alarm.set()
        turn = patiently(self.step, self.say, self.project, self.clock)
        while not self.has_ended:
            self.heed(self.wait(turn()))
        self.progress.clear()

    def run_to_the_last(self) -> None:
        """Do the same, and begin again if jobs have come meanwhile."""
        self.run()
        while not self.is_all_quiet():
            self.begin_again()
            self.run()

    def wait(self, seconds: float) -> Set[int]:
        """Wait; doze until the farewell.

        Short jobs begin and end too often to look each time.
        """
        wait = self.alarm.wait if self.is_ending else self.alarm.doze
        return wait(seconds)

    def step(self) -> float:
        """Look and act; return the seconds until the next look."""
        more = self.bring()
        self.is_more = more is not None
        self.beat_if_due()
        try:
            wait = self.act()
        finally:
            self.sweep_if_due()
            self.count_if_due()
        if self.succession.role != STANDBY:
            self.progress.show(self.how_far)
        left = self.next_beat - self.clock.monotonic()
        wait = min(wait, left) if more is None else min(wait, left, more)
        return max(0.0, wait)

    def act(self) -> float:
        if self.succession.role == STANDBY:
            return self.stand_by()
        self.alarm.watch(*map(self.project.path, self.news()))
        if self.is_ending:
            self.has_ended = not self.dismissal.remaining()
            return 0.0 if self.has_ended else self.backoff.longer()
        if self.pair():
            self.backoff.reset()
        elif self.may_end() and self.is_all_quiet():
            self.end()
            return 0.0
        return self.backoff.longer()

    def may_end(self) -> bool:
        is_hiring = bool(self.hiring) and self.hiring.is_going_on()
        return not (self.keep_running or self.is_more or is_hiring)

    def begin_again(self) -> None:
        self.dismissal = Dismissal(self.project, self.stamps, DRAIN)
        self.is_ending = self.has_ended = False

    def end(self) -> None:
        """Fire the workers, unless another dispatcher needs them."""
        # RACE: of two that end at the same time at least one must fire.
        self.succession.stand_down()
        self.has_ended = bool(self.succession.rival())
        if not self.has_ended:
            self.succession.take_over()
        self.say("No (more) jobs.")
        self.is_ending = True
        self.backoff.reset()

    def make_one_pass(self) -> None:
        """Bury dead workers, and give each that asks a minute's work.

        The count of missed heartbeats continues that of the last pass.
        """
        self.seen = self.reclaimer.observer
        self.memory = resume(
            self.memory, self.seen, self.succession.beaten, self.clock)
        self.handfuls = PASS
        self.take_over()
        self.reclaimer.sweep()
        self.queue.look()
        if self.is_alone():
            self.when_alone()
        while self.pair():
            pass

    def stand_by(self) -> float:
        """Take over when no other dispatcher is active."""
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

    def hire(self) -> None:
        """Start hiring; if we die, the note makes our successor fire."""
        assert self.hiring
        if not self.hiring.is_awaited:
            self.leave_word(self.memory.ledgers, has_hired=True)
        self.hiring.start(self.given_out)

    def fire(self) -> None:
        """Order all workers to leave at once, and end when they have."""
        self.dismissal = Dismissal(self.project, self.stamps, NOW)
        self.is_ending = True

    # Heartbeats

    def beat_if_due(self) -> None:
        now = self.clock.monotonic()
        if now < self.next_beat:
            return
        self.succession.beat(is_late(now, self.next_beat))
        self.next_beat = now + BEAT
        self.reclaimer.ledger.sync()

    def sweep_if_due(self) -> None:
        now = self.clock.monotonic()
        if now >= self.next_sweep:
            self.next_sweep = now + SWEEP
            self.reclaimer.sweep()

    def count_if_due(self) -> None:
        """Report failures, and write down the number of jobs by state."""
        now = self.clock.monotonic()
        if now < self.next_count or self.succession.role == STANDBY:
            return
        self.next_count = now + BEAT
        self.tell_failed()
        note = f"{self.succession.id}.{self.stamps.new()}"
        self.outcome.write_down(note, self.queue.names, self.say)

    # Pairing

    def pair(self) -> int:
        """Give waiting jobs to workers that ask; return how many moved."""
        self.queue.look()
        if not self.queue.names:
            return self.rebalance()
        asking = self.asking()
        if not asking and self.is_alone():
            self.when_alone()
        return self.hand_out(asking) if asking else 0

    def news(self) -> List[str]:
        """Return the directories to watch for the next thing to do."""
        if self.is_ending:
            return ["jobpods"]
        return ["workerqueue"] if self.queue.names else ["jobqueue", *ENDED]

    def asking(self) -> List[Announcement]:
        """Return the announcements of workers that are not silent."""
        return [a for a in self.project.announcements()
                if a.worker not in self.reclaimer.quiet]

    def hand_out(self, asking: List[Announcement]) -> int:
        """Give waiting jobs to workers that ask, to idle ones first.

        None gets more than its share: the last jobs go to many.
        """
        unbegun = self.unbegun(asking, len(self.queue.names))
        self.tell_found(len(asking) - sum(map(bool, unbegun.values())))
        workers = max(1, len(self.project.pods()))
        share = -(-len(self.queue.names) // workers)
        return sum(
            self.fill(a.worker, min(share, self.room(a, unbegun[a])))
            for a in sorted(unbegun, key=lambda a: unbegun[a])
        )

    def unbegun(self, asking: List[Announcement], jobs: int) -> Pods:
        """Return the number of jobs in the pods of workers that ask.

        When one idle worker for each job is found, no more pods are listed.
        """
        found: Pods = {}
        for asked in asking:
            if jobs <= 0:
                break
            given = self.project.given(asked.worker)
            if given is not None:
                found[asked] = len(given)
                jobs -= not given
        # RACE: an empty pod may have been emptied since its announcement; its
        # worker withdraws that first.
        still = set(self.project.announcements()) if found else set()
        return {a: found[a] for a in found if a in still}

    def room(self, asked: Announcement, unbegun: int) -> int:
        """Return how many more jobs to give a worker.

        Refill when half is free: topping up singly costs a full scan per job.
        """
        most = asked.want * self.handfuls
        room = most - unbegun
        return room if 2 * room >= most else 0

    def fill(self, worker: str, room: int) -> int:
        """Give a worker the next jobs; return how many it got."""
        moved = 0
        others: List[str] = []  # ranges, if the worker knows no arrays
        while moved < room and self.queue.names:
            name = self.queue.names.pop()
            attempt = Attempt.parse(name)
            if not self.reclaimer.can_run(worker, attempt):
                others.append(name)
            elif why_bad(attempt.job):
                self.reject(name, attempt)
            elif not self.is_unfinished(name, attempt):
                if not self.assign(name, worker, attempt):
                    break
                moved += 1
        self.queue.names.extend(reversed(others))
        return moved

    def assign(self, name: str, worker: str, attempt: Attempt) -> bool:
        stamped = attempt._replace(stamp=self.stamps.new())
        # The job has to end, even if this fails and it is elsewhere.
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
        """Return whether a job that was given back may still be written to."""
        if not self.stamps.made(attempt):
            return False
        try:
            path = self.project.waiting_job(name)
            written = self.project.files.status(path).st_mtime
        except OSError:
            return False  # The worker will report the error.
        member = self.succession.id
        return self.project.is_young("dispatchers", member, written)

    def reject(self, name: str, attempt: Attempt) -> None:
        """Fail a job whose name no worker can handle."""
        reason = f"{why_bad(attempt.job)}: {printable(attempt.job)}"
        failed = Attempt(made_up(attempt.job), attempt.n, self.stamps.new())
        self.reclaimer.fail(self.project.waiting_job(name), failed, reason)

    def rebalance(self) -> int:
        """Give idle workers jobs from the pods of busy ones."""
        busy = {run.worker for run in self.project.running()}
        asking = self.asking() if busy else []
        others = [a for a in asking if a.worker not in busy]
        if not others:
            return 0
        pods = {
            worker: sorted(self.project.given(worker) or [], key=given_order)
            for worker in sorted(busy)
        }
        unbegun = self.unbegun(others, sum(map(len, pods.values())))
        moved = 0
        for worker in [a.worker for a in others if unbegun.get(a) == 0]:
            fullest = max(pods, key=lambda w: len(pods[w]))
            behind = pods[fullest]
            half = len(behind) // 2
            for name in behind[half:]:
                attempt = Attempt.parse(name)._replace(stamp=self.stamps.new())
                can_run = self.reclaimer.can_run(worker, attempt)
                if can_run and self.project.reassign(
                        name, fullest, worker, attempt):
                    self.outcome.owed.pop(name, None)
                    self.outcome.owed[attempt.name] = worker
                    moved += 1
            del behind[half:]
        return moved

    # The end, and messages

    def close(
        self, say: Callable[[str], None], is_quiet: bool, has_hired: bool,
        is_pass: bool = False,
    ) -> None:
        """Report the outcome (if quiet, only failures), and leave a note."""
        self.progress.end()
        for line in self.outcome.at_end(is_pass, is_quiet):
            say(line)
        self.leave_word(self.outcome.offsets, has_hired)

    def leave_word(self, ledgers: Dict[str, int], has_hired: bool) -> None:
        """Leave a note for the successor, with the ledger offsets reported."""
        leave_memory(
            self.project, self.succession.id, self.stamps.new(), self.memory,
            self.seen, ledgers, has_hired)

    def how_far(self) -> HowFar:
        """Return how many jobs are done, failed and left."""
        self.tell_failed()
        return self.outcome.how_far(self.queue.names)

    def waiting(self) -> int:
        """Return how many jobs and tasks wait."""
        return self.outcome.number(self.queue.names)

    def tell_found(self, workers: int) -> None:
        if workers and self.found.is_due(len(self.queue.names), workers):
            self.say(
                f"Found {self.waiting()} job(s) and {workers} worker(s)...")

    def tell_failed(self) -> None:
        """Count ended jobs; report failures now if there will be no summary.
        """
        for failed in self.outcome.update():
            if self.keep_running:
                self.say(f"Failed: {failed}")

    def when_alone(self) -> None:
        if self.hiring and self.hiring.is_due(self.given_out):
            self.hire()
        elif not (self.hiring or self.has_told_alone):
            self.has_told_alone = True
            self.say(
                f"{self.waiting()} job(s) wait, and there is no worker;"
                f" fjd-recruiter --project {self.project.name} hire starts"
                " some.")

    def is_alone(self) -> bool:
        """Return whether jobs wait and there is no worker."""
        return bool(self.queue.names) and not self.project.pods()

    def is_all_quiet(self) -> bool:
        """Return whether no job waits, lies in a pod, or runs; an estimate."""
        return not (
            self.queue.names or self.project.has_given_out()
            or self.queue.waiting()  # RACE: a job may have gone back.
        )
