"""fjd run: one command for a list of jobs.

A run is the dispatcher of its project.  It puts the commands as arrays as they
come (lists.py), hires workers, serves until all have ended, and reports the
outcome.  If it is killed, the files hold what is left, and fjd run --resume
continues.  Signals are handled between two steps, so none can come between
hiring a worker and knowing of it.
"""
import signal
import time
from math import inf
from typing import Any, Callable, Dict, List, Optional, Set

from fjd.errors import Busy, Hopeless, SOME_FAILED
from fjd.members import HIRING
from fjd.options import MOST_LOSSES
from fjd.project import Project
from fjd.reclaim import new_reclaimer
from fjd.verbs.again import Again
from fjd.verbs.bar import Bar
from fjd.verbs.census import left
from fjd.verbs.claim import Claim
from fjd.verbs.growth import Growth
from fjd.verbs.halt import Halt, Halted
from fjd.verbs.joblist import Comparison
from fjd.verbs.lists import last_number, Lists
from fjd.verbs.outlet import Unwritable
from fjd.verbs.places import cancel_waiting, new_dispatcher
from fjd.verbs.printer import Printer
from fjd.verbs.runhiring import RunHiring
from fjd.verbs.runlimits import keys_of, typed
from fjd.verbs.runoutcome import AskedList, RunOutcome
from fjd.verbs.source import Source
from fjd.verbs.supply import Supply
from fjd.wakeup import Alarm, LEAVE

SECONDS_TO_LEAVE = 60.0  # for workers; a dead host takes as long
LONG = 0.2  # seconds to wait for a slow reader when nothing else is to do


class ListRun:
    """One run of a list: its arrays, its dispatcher and its workers.

    options are those of the command line: project (None: a new one for this
    run), workers (None: as many as there are CPUs), session, in_order, quiet,
    shell (which runs the commands), is_local (ignore remote.conf) ...
    come: the commands that have come already, before those of the source.
    """

    def __init__(
        self, project: Project, come: List[str], source: Source,
        directory: str, options: Any,
    ) -> None:
        self.project = project
        self.directory = directory
        self.options = options
        bar = Bar(not options.quiet)
        self.printer = Printer(project, bar, options, source.arguments)
        self.report = self.printer.say
        reclaimer = new_reclaimer(project, self.say, MOST_LOSSES)
        self.is_stopping = False
        self.deadline = inf  # for workers to leave
        self.hiring = RunHiring(self)
        self.dispatcher = new_dispatcher(
            project, reclaimer, self.say, HIRING, heed=self.heed,
            alarm=Alarm(LEAVE | {signal.SIGCHLD}), bring=self.bring,
            hiring=self.hiring, progress=bar, outcome=self.new_outcome)
        self.outcome: Any = self.dispatcher.outcome
        lists = Lists(project, directory, options.shell, keys_of(options))
        self.supply = Supply(
            self.dispatcher, lists, come, source, self.printer)
        self.supply.delay = options.delay or 0.0
        self.again = Again(self.dispatcher)
        self.halt = Halt(self)
        self.growth = Growth(self)
        self.printer.update = self.outcome.update
        self.asked = AskedList(project, self.to_come)
        self.outcome.asked = self.asked
        now = self.dispatcher.succession.beaten
        self.claim = Claim(project, reclaimer.here, now)

    def new_outcome(
        self, project: Project, offsets: Dict[str, int],
    ) -> RunOutcome:
        return RunOutcome(project, offsets, self.printer, self.options)

    def say(self, text: str) -> None:
        if not self.options.quiet:
            self.printer.say_after(text)

    def bring(self) -> Optional[float]:
        """Put what workers need soon, unless output waits for its reader."""
        if self.is_stopping or self.halt.is_reached:
            return None
        self.growth.look()
        if self.printer.is_behind and self.supply.is_more:
            return self.printer.pause.longer()
        wait = self.supply.bring()
        return self.again.bring() if wait is None else wait

    def complete(
        self, known: Optional[Comparison], ready: Callable[[], None],
    ) -> int:
        """Run the list to its end; return 3 if some jobs are not done.

        known: what the project has of the list, to go on from; ready() is
        called when that is certain.  Busy: the project has another active
        dispatcher or run.
        """
        try:
            self.claim_project()
            self.supply.lists.last = last_number(self.project)
            if known:
                # This comes after the claim, so nobody else puts the same.
                self.go_on_from(known.renewed())
            ready()
            return self.work()
        finally:
            self.supply.source.close()
            self.dispatcher.succession.leave()
            self.claim.release()

    def claim_project(self) -> None:
        is_claimed = self.claim.make()
        rival = self.dispatcher.succession.rival()
        if rival or not is_claimed:
            who = f"dispatcher {rival}" if rival else "another fjd run"
            raise Busy(f'{who} is active in project "{self.project.name}"')

    def go_on_from(self, known: Comparison) -> None:
        """Set the commands to put, and the tasks and jobs to retry."""
        self.again.known = known
        if known.states:
            # What ended before counts as far as it is asked for now.
            self.outcome.begin_now()
            self.asked.done = known.done
        self.printer.plan(known)
        self.supply.come = list(known.new())
        for array, tasks in known.unput.items():
            self.supply.lists.add_again(
                array, tasks, known.how[array])

    def work(self) -> int:
        self.dispatcher.alarm.set()
        self.supply.source.watch()
        try:
            self.run_jobs()
        except BaseException as error:
            # Without a reader nothing is said.
            self.printer.is_mute = isinstance(
                error, (BrokenPipeError, Unwritable))
            try:
                self.stop()
                self.print_ended()
                self.end()
            finally:
                left = self.supply.told(self.left())
                self.report(f"Stopped: {left} left.")
                self.report(f"To go on: {self.way_on()}")
                self.printer.work(LONG)
            raise
        self.end()
        self.print_all()
        self.halt.tell()
        for line in self.hiring.closing():
            self.report(line)
        is_well = self.outcome.is_well or self.halt.is_well
        return 0 if is_well and not self.hiring.complaints else SOME_FAILED

    def left(self) -> int:
        """Return how many jobs have not ended, or are to be retried."""
        return self.to_come() + left(self.project)

    def to_come(self) -> int:
        """Return how many jobs are to be put, or to be retried."""
        return self.supply.left + self.again.left

    def run_jobs(self) -> None:
        self.halt.begin()
        self.again.begin()
        pods = self.project.pods()
        if not self.supply.is_more and self.dispatcher.is_all_quiet():
            self.say("Nothing to do.")
        elif self.options.workers or self.options.hosts or not pods:
            self.dispatcher.hire()
            pods.append("to come")
        try:
            if pods:
                self.dispatcher.run_to_the_last()
        except Halted:
            self.halt.obey()
        self.outcome.update()
        self.printer.turns.is_last = True
        self.print_all()

    def print_all(self) -> None:
        """Wait until all is written, however slow its reader is."""
        while not self.printer.work(LONG):
            self.mind(self.dispatcher.alarm.wait(0.0))
            self.dispatcher.beat_if_due()

    def print_ended(self) -> None:
        """Print what ended before we were stopped, as long as it is read."""
        self.outcome.update()
        try:
            while not self.printer.work(LONG) and self.printer.is_moving:
                self.mind(self.dispatcher.alarm.wait(0.0))
        except KeyboardInterrupt:
            pass  # A second signal; fjd log shows the rest.

    # Signals, and the end

    def heed(self, signals: Set[int]) -> None:
        """Stop at a signal, and print output that is due.

        The dispatcher calls this after each wait.
        """
        self.mind(signals)
        self.hiring.listen()
        try:
            if not self.is_stopping:
                self.printer.work_if_due()
                self.halt.look()
        except BrokenPipeError:
            raise  # Nobody reads our output.
        except OSError:
            pass  # The home does not answer; the dispatcher reports that.

    def mind(self, signals: Set[int]) -> None:
        if LEAVE & signals or time.monotonic() > self.deadline:
            raise KeyboardInterrupt

    def stop(self) -> None:
        """Fire the workers and wait for them, unless a second signal comes."""
        self.is_stopping = True
        self.deadline = time.monotonic() + SECONDS_TO_LEAVE
        try:
            self.fire()
            self.wait_for_hiring()
            self.fire()
        except (KeyboardInterrupt, Hopeless) as error:
            if isinstance(error, KeyboardInterrupt):
                self.abandon()
            self.report("Some workers have not left; to end them:"
                        f" fjd-recruiter --project {self.project.name} fire")

    def fire(self) -> None:
        """Order all workers to leave at once, and wait until they have."""
        self.dispatcher.begin_again()
        self.dispatcher.fire()
        self.dispatcher.run()

    def abandon(self) -> None:
        """See that no batch system sends workers to a run that has gone."""
        self.hiring.abandon()
        cancel_waiting(self.project, self.report)

    def wait_for_hiring(self) -> None:
        """Wait until no worker is starting: it would miss the order."""
        while self.hiring.is_starting():
            self.mind(self.dispatcher.alarm.wait(LONG))
            self.dispatcher.beat_if_due()

    def way_on(self) -> str:
        """Return what to type to continue.

        If not all jobs have been put, the list must be given again.
        """
        how, number = self.options, self.options.workers
        if self.supply.is_more or how.in_order or how.halt or how.delay:
            return "type the same with --resume"
        words = [f"-j{typed(number)}"] * bool(number)
        words += ["-S", ",".join(how.hosts)] * bool(how.hosts)
        return " ".join(["fjd run --resume", *words, "--project",
                         self.project.name])

    def end(self) -> None:
        """Report the outcome, and where to see more."""
        self.dispatcher.close(self.report, self.options.quiet, False)
