"""fjd run: one command for a list of jobs.

A run is the dispatcher of its project.  It puts the commands as arrays as they
come (lists.py), hires workers, serves until all have ended, and reports the
outcome.  If it is killed, the files hold what is left, and fjd run --resume
continues.  Signals are handled between two steps, so none can come between
hiring a worker and knowing of it.
"""
import os
import signal
import time
from math import inf
from typing import Any, Callable, Dict, List, Optional, Set

from fjd.errors import Busy, Hopeless, SOME_FAILED
from fjd.hosts.session import cpus, PROCESS
from fjd.members import HIRING
from fjd.names import printable
from fjd.options import MOST_LOSSES
from fjd.output import teller
from fjd.progress import Progress
from fjd.project import Project
from fjd.reclaim import new_reclaimer
from fjd.roles.duty import new_dispatcher
from fjd.verbs.again import Again
from fjd.verbs.census import jobs_left, left
from fjd.verbs.claim import Claim
from fjd.verbs.forks import HiringByFork
from fjd.verbs.growth import Growth
from fjd.verbs.halt import Halt, Halted
from fjd.verbs.inorder import InOrder
from fjd.verbs.joblist import Comparison
from fjd.verbs.lists import last_number, Lists
from fjd.verbs.runlimits import keys_of, MOST, typed
from fjd.verbs.source import Source
from fjd.verbs.summary import Asked, Outcome
from fjd.verbs.supply import Followed, Supply
from fjd.verbs.titles import pasteable
from fjd.wakeup import Alarm, LEAVE

SECONDS_TO_LEAVE = 60.0  # for workers; a dead host takes as long


class AskedList(Asked):
    """What one fjd run asks for, in an outcome.

    done: how many of its commands were done before.
    """

    def __init__(self, run: "ListRun") -> None:
        self.run = run
        self.done = 0

    def recount(self, outcome: Outcome) -> None:
        outcome.done += self.done
        self.done = 0

    def left(self) -> int:
        held = jobs_left(self.run.project, "held")
        return self.run.to_come() + held


class ListRun:
    """One run of a list: its arrays, its dispatcher and its workers.

    options are those of the command line: project (None: a new one for this
    run), workers (None: as many as there are CPUs), session, in_order, quiet,
    shell (which runs the commands) and is_local (ignore remote.conf).
    come: the commands that have come already, before those of the source.
    """

    def __init__(
        self, project: Project, come: List[str], source: Source,
        directory: str, options: Any,
    ) -> None:
        self.project = project
        self.directory = directory
        self.options = options
        self.report = teller("fjd", stream="stderr")
        progress = Progress(not options.quiet)
        self.say = progress.above(
            teller("fjd", options.quiet, stream="stderr"))
        reclaimer = new_reclaimer(project, self.say, MOST_LOSSES)
        self.is_stopping = False
        self.deadline = inf  # for workers to leave
        self.printer = InOrder(project, progress, options.in_order)
        self.hiring = HiringByFork(project, self.words_to_hire, self.is_here)
        self.dispatcher = new_dispatcher(
            project, reclaimer, self.say, HIRING, heed=self.heed,
            alarm=Alarm(LEAVE | {signal.SIGCHLD}), bring=self.bring,
            hiring=self.hiring, progress=progress, outcome=self.new_outcome)
        self.outcome: Any = self.dispatcher.outcome
        lists = Lists(project, directory, options.shell, keys_of(options))
        self.supply = Supply(
            self.dispatcher, lists, come, source, self.printer)
        self.supply.delay = options.delay or 0.0
        self.again = Again(self.dispatcher)
        self.halt = Halt(self)
        self.growth = Growth(self)
        self.printer.update = self.outcome.update
        self.asked = AskedList(self)
        self.outcome.asked = self.asked
        now = self.dispatcher.succession.beaten
        self.claim = Claim(project, reclaimer.here, now)

    def new_outcome(
        self, project: Project, offsets: Dict[str, int],
    ) -> Outcome:
        outcome = Outcome(project, offsets)
        outcome.tasks = Followed(outcome, self.printer)
        return outcome

    def bring(self) -> Optional[float]:
        if self.is_stopping or self.halt.is_reached:
            return None
        self.growth.look()
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
                array, tasks, known.is_escaped(array))

    def work(self) -> int:
        self.dispatcher.alarm.set()
        self.supply.source.watch()
        try:
            self.run_jobs()
        except BaseException:
            try:
                self.stop()
                self.end()
            finally:
                root = printable(self.project.root)
                left = self.supply.told(self.left())
                self.report(f"Stopped: {left} left in {root}."
                            f" To go on: {self.way_on()}")
            raise
        self.end()
        self.halt.tell()
        is_well = self.outcome.is_well or self.halt.is_well
        return 0 if is_well else SOME_FAILED

    def words_to_hire(self) -> List[str]:
        """Return the arguments for fjd-recruiter."""
        options, number = self.options, self.options.workers
        if options.project is None:
            number = number or cpus()
        if number == MOST:
            number = self.growth.number()
        elif options.project is None and not self.supply.source.is_open:
            number = min(number, max(1, self.left()))
        words = [str(number) if number else "--local-only"]
        session = options.session or PROCESS
        if not (number or options.is_local) and self.has_hosts():
            words, session = [], options.session
        return ["--project", self.project.name,
                *(["--session", session] if session else []), "hire", *words]

    def is_here(self) -> bool:
        """Return whether to hire only on this host, in processes."""
        is_process = self.options.session in ("", PROCESS)
        return self.words_to_hire()[-1] != "hire" and is_process

    def has_hosts(self) -> bool:
        return os.path.exists(self.project.path("remote.conf"))

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
        elif self.options.workers or not pods:
            self.dispatcher.hire()
            pods.append("to come")
        try:
            if pods:
                self.dispatcher.run_to_the_last()
        except Halted:
            self.halt.obey()
        self.printer.show_if_due(is_last=True)

    # Signals, and the end

    def heed(self, signals: Set[int]) -> None:
        """Stop at a signal, and print output that is due.

        The dispatcher calls this after each wait.
        """
        if LEAVE & signals or time.monotonic() > self.deadline:
            raise KeyboardInterrupt
        try:
            if not self.is_stopping:
                self.printer.show_if_due()
                self.halt.look()
        except OSError as error:
            if not error.filename:
                raise  # Standard output cannot be written to.

    def stop(self) -> None:
        """Fire the workers and wait for them, unless a second signal comes."""
        self.hiring.wait()  # Workers still starting would miss the order.
        self.is_stopping = True
        self.deadline = time.monotonic() + SECONDS_TO_LEAVE
        self.dispatcher.fire()
        try:
            self.dispatcher.run()
        except (KeyboardInterrupt, Hopeless):
            self.report("Some workers have not left; to end them:"
                        f" fjd-recruiter --project {self.project.name} fire")

    def way_on(self) -> str:
        """Return what to type to continue.

        If not all jobs have been put, the list must be given again.
        """
        if self.supply.is_more or self.options.in_order:
            return "type the same with --resume"
        number = self.options.workers
        return f"fjd run --resume {f'-j{typed(number)} ' * bool(number)}" \
            f"--project {self.project.name}"

    def end(self) -> None:
        """Report the outcome, and where to see more."""
        outcome = self.outcome
        self.dispatcher.close(self.report, self.options.quiet, False)
        names_logs = outcome.failed or self.options.in_order
        if self.project.count("joblogs") and not names_logs:
            logs = pasteable(self.project.path("joblogs"))
            self.say(f"What they printed: {logs}")
