"""Running a list of jobs to its end, for fjd run and fjd --exe.

It puts the jobs into a project, hires workers, runs a dispatcher until all
jobs have ended, and reports the outcome.  If it is killed, the files hold what
is left, and fjd run --resume continues.  Signals are handled between two
steps, so none can come between hiring a worker and knowing of it.
"""
import os
import signal
import time
from collections import deque
from math import inf
from typing import Any, Callable, Deque, Dict, List, Set

from fjd.errors import Busy, Hopeless, SOME_FAILED
from fjd.hosts.session import cpus, PROCESS
from fjd.members import HIRING
from fjd.names import new_token, printable, Stamps
from fjd.newjob import of_command
from fjd.options import MOST_LOSSES
from fjd.output import teller
from fjd.progress import Progress
from fjd.project import ENDED, LIST, Project
from fjd.reclaim import new_reclaimer
from fjd.roles.duty import new_dispatcher
from fjd.summary import pasteable, told_held
from fjd.verbs.change import Changes
from fjd.verbs.claim import Claim
from fjd.verbs.counted import left, left_of_both, UNENDED
from fjd.verbs.forks import HiringByFork
from fjd.verbs.inorder import InOrder
from fjd.verbs.joblist import AskedList, Listed, not_done
from fjd.verbs.runs import Runs
from fjd.verbs.taskcount import TaskCount
from fjd.wakeup import Alarm, LEAVE

SECONDS_TO_LEAVE = 60.0  # for workers; a dead host takes as long
SHORT = 10000  # jobs in a list
SLICE = 0.05  # seconds for which jobs are put before some are given out


class ListRun:
    """One run of a list: its jobs, its dispatcher and its workers.

    options are those of the command line: project (None: a new one for this
    run), workers (None: as many as there are CPUs), session, resume, in_order,
    quiet, shell (which runs the commands) and is_local (ignore remote.conf).
    """

    def __init__(
        self, project: Project, jobs: Dict[str, Listed], directory: str,
        options: Any,
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
        self.hiring = HiringByFork(
            project, self.words_to_hire, self.is_for_forks)
        self.dispatcher = new_dispatcher(
            project, reclaimer, self.say, HIRING, heed=self.heed,
            alarm=Alarm(LEAVE | {signal.SIGCHLD}), bring=self.put_some,
            hiring=self.hiring, progress=progress, tasks=TaskCount)
        self.outcome = self.dispatcher.outcome
        # The dispatcher's stamps mark jobs that workers handed back; ours
        # must differ.
        self.stamps = Stamps(new_token(time.time()))
        self.jobs = jobs
        self.todo: Deque[Listed] = deque()
        self.failed: Dict[str, str] = {}
        now = self.dispatcher.succession.beaten
        self.claim = Claim(project, reclaimer.here, now)

    def complete(self, runs: Runs, ready: Callable[[], None]) -> int:
        """Run the list to its end; return 3 if some jobs are not done.

        ready() is called before the first job starts.  Busy: the project has
        another active dispatcher or run.
        """
        try:
            self.claim_project()
            self.find_what_is_to_do(runs)
            ready()
            return self.work()
        finally:
            self.dispatcher.succession.leave()
            self.claim.release()

    def claim_project(self) -> None:
        is_claimed = self.claim.make()
        rival = self.dispatcher.succession.rival()
        if rival or not is_claimed:
            who = f"dispatcher {rival}" if rival else "another fjd run"
            raise Busy(f'{who} is active in project "{self.project.name}"')

    def find_what_is_to_do(self, runs: Runs) -> None:
        """Set the jobs to put, and those to retry.

        This comes after the claim, so nobody else puts the same jobs.
        """
        options, project = self.options, self.project
        is_own = options.project is None or project.whole(LIST)
        if is_own and self.jobs:
            runs.record(project, self.stamps.new())
        todo = list(self.jobs.values())
        done: Set[str] = set()
        earlier: Set[str] = set()
        if options.resume:
            todo, self.failed, done = not_done(project, self.jobs)
        else:
            # The project may have run the same list before.
            earlier.update(*map(project.names, ENDED))
        self.todo.extend(todo)
        self.asked = AskedList(self.jobs, done, earlier)
        self.outcome.asked = self.asked
        self.printer = InOrder(
            project, self.jobs if options.in_order else [],
            self.dispatcher.progress, earlier)

    def work(self) -> int:
        self.dispatcher.alarm.set()
        try:
            self.run_jobs()
        except BaseException:
            try:
                self.stop()
                self.end()
            finally:
                root = printable(self.project.root)
                self.report(f"Stopped: {self.left()} job(s) are left in"
                            f" {root}. To go on: {self.way_on()}")
            raise
        self.end()
        for line in told_held(self.outcome):
            self.say(line)
        return 0 if self.outcome.is_well else SOME_FAILED

    def words_to_hire(self) -> List[str]:
        """Return the arguments for fjd-recruiter."""
        options, number = self.options, self.options.workers
        if options.project is None:
            number = min(number or cpus(), max(1, self.left()))
        words = [str(number) if number else "--local-only"]
        session = options.session or PROCESS
        if not (number or options.is_local) and self.has_hosts():
            words, session = [], options.session
        return ["--project", self.project.name,
                *(["--session", session] if session else []), "hire", *words]

    def is_for_forks(self) -> bool:
        """Return whether to hire only on this host, in processes, for a list
        that is so short that its copies in workers do not matter.
        """
        is_here = self.words_to_hire()[-1] != "hire"
        is_process = self.options.session in ("", PROCESS)
        return is_here and is_process and len(self.jobs) <= SHORT

    def has_hosts(self) -> bool:
        return os.path.exists(self.project.path("remote.conf"))

    def left(self) -> int:
        """Return how many jobs have not ended, or are to be retried."""
        return len(self.todo) + len(self.failed) + left(self.project)

    def run_jobs(self) -> None:
        if self.failed:
            changes = Changes(self.project, self.dispatcher.reclaimer.here)
            changes.apply("retry", self.failed.values())
            self.failed = {}
        pods = self.project.pods()
        if not self.todo and self.dispatcher.is_all_quiet():
            self.say("Nothing to do.")
        elif self.options.workers or not pods:
            self.dispatcher.hire()
            pods.append("to come")
        if pods:
            self.dispatcher.run_to_the_last()
        self.printer.show_if_due(is_last=True)

    def put_some(self) -> bool:
        """Put jobs for SLICE seconds; return whether there are more."""
        if self.is_stopping:
            return False
        until = time.monotonic() + SLICE
        while self.todo and time.monotonic() < until:
            job = self.todo[0]
            file = of_command(
                job.command, self.directory, self.options.shell)
            file.put(self.project, job.job, self.stamps.new())
            self.todo.popleft()
        return bool(self.todo)

    def heed(self, signals: Set[int]) -> None:
        """Stop at a signal, and print output that is due.

        The dispatcher calls this after each wait.
        """
        if LEAVE & signals or time.monotonic() > self.deadline:
            raise KeyboardInterrupt
        try:
            if not self.is_stopping:
                self.printer.show_if_due()
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
        if self.todo or self.options.in_order:
            return "type the same with --resume"
        number = self.options.workers
        return f"fjd run --resume {f'-j{number} ' if number else ''}" \
            f"--project {self.project.name}"

    def end(self) -> None:
        """Report the outcome, and where to see more."""
        outcome = self.outcome
        for mark in [job.mark for job in self.todo] + list(self.failed):
            self.asked.jobs.pop(mark, None)
        left = len(self.todo) + len(self.failed) + left_of_both(
            self.project, "held", *UNENDED)[0]
        self.dispatcher.close(self.report, self.options.quiet, False, left)
        names_logs = outcome.failed or self.options.in_order
        if self.project.count("joblogs") and not names_logs:
            logs = pasteable(self.project.path("joblogs"))
            self.say(f"What they printed: {logs}")
