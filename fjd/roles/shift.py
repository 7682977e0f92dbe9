"""A dispatcher at work: from what the last one left, to word for the next.

fjd-dispatcher is one shift; fjd run is one that brings its jobs along.
"""
import time
from typing import Any, Callable, Dict, Optional, Set

from fjd.command import patiently
from fjd.handover import leave_memory, recall, resume
from fjd.members import STANDBY, Watch
from fjd.progress import HowFar, Progress
from fjd.project import Project
from fjd.reclaim import Reclaimer
from fjd.roles.active import Succession
from fjd.roles.dispatcher import Dispatcher
from fjd.summary import Outcome
from fjd.wakeup import Alarm

INTERVAL = 0.25  # seconds; beside it, a worker's second is what a job waits


class Shift:
    """One dispatcher: it is enrolled, and stands by."""

    def __init__(
        self, project: Project, reclaimer: Reclaimer, role: str,
        progress: Progress, say: Callable[[str], None],
        interval: float = INTERVAL, keep_running: bool = False,
    ) -> None:
        self.project = project
        self.alarm = Alarm()
        self.here = reclaimer.here
        self.progress = progress
        self.memory = recall(project)
        self.watch = Watch()
        self.succession = Succession(project, self.here, role)
        self.outcome = Outcome(project, self.memory.ledgers)
        self.dispatcher = Dispatcher(
            project, self.succession, reclaimer, self.outcome,
            say, interval, keep_running,
        )
        self.bring: Callable[[], bool] = lambda: False

    def make_one_pass(self) -> None:
        """What is told of heartbeats goes on with that of the last pass."""
        self.watch = self.dispatcher.reclaimer.watch
        self.memory = resume(
            self.memory, self.watch, self.succession.beaten, time)
        self.dispatcher.give_out_once()

    def work(self, pause: Optional[Callable[[float], Any]] = None) -> None:
        """Take one step after another until no job and no worker is left."""
        self.alarm.set()
        self.dispatcher.watch = self.alarm.watch
        pause = pause or self.pause
        turn = patiently(self.step, self.dispatcher.say, self.project)
        while not self.dispatcher.has_ended:
            pause(turn())
        self.progress.clear()

    def work_to_the_last(
        self, pause: Optional[Callable[[float], Any]] = None,
    ) -> None:
        """The same; if jobs have come meanwhile, it begins again."""
        self.work(pause)
        while not self.dispatcher.is_all_quiet():
            self.dispatcher.begin_again()
            self.work(pause)

    def pause(self, seconds: float) -> Set[int]:
        """Short jobs end too often for a look at each of these ends."""
        ours, alarm = self.dispatcher, self.alarm
        is_tail = not (ours.queue.names or ours.is_ending)
        return alarm.doze(seconds) if is_tail else alarm.wait(seconds)

    def step(self) -> float:
        is_more = self.bring()
        wait = self.dispatcher.step()
        if self.succession.role != STANDBY:
            self.progress.show(self.counts)
        return 0.0 if is_more else wait

    def counts(self) -> HowFar:
        """How many jobs are done, failed and left."""
        self.dispatcher.tell_failed()
        given = [self.project.given(pod) or [] for pod in self.project.pods()]
        left = len(self.dispatcher.queue.names) + sum(map(len, given)) \
            + len(self.project.running())
        return self.outcome.done, len(self.outcome.failed), left

    def close(
        self, say: Callable[[str], None], is_quiet: bool, has_hired: bool,
        left: Optional[int],
    ) -> None:
        """Say how it went (to the quiet, only what failed), and leave.

        So many jobs are left; None: a pass, which waits for no end.
        """
        self.progress.end()
        self.outcome.update()
        if left is not None:
            self.outcome.settle(left)
        lines = self.outcome.failures() if is_quiet else self.outcome.summary()
        for line in lines:
            say(line)
        self.leave(self.outcome.offsets, has_hired)

    def tell_held(self, say: Callable[[str], None]) -> int:
        """Whatever waits for a person, who may have forgotten it."""
        held = self.project.count("held")
        if held:
            say(f"{held} job(s) are held: fjd release --project"
                f" {self.project.name} --all lets them wait again.")
        return held

    def leave(self, ledgers: Dict[str, int], has_hired: bool) -> None:
        """Tell the next one how far the ledgers have been told, and so on."""
        leave_memory(
            self.project, self.succession.id, self.dispatcher.stamps.new(),
            self.memory, self.watch, ledgers, has_hired,
        )
