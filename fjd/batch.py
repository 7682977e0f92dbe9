"""A list of jobs that is run to its end: put, hired for, given out, told.

Whatever ends us, the files say what is left, and another one goes on.
Signals are noticed between two steps, so that none of them comes between
hiring a worker and knowing of it.
"""
import os
import signal
import subprocess
import time
from collections import deque
from typing import Any, Callable, Dict, Iterable, List

from fjd import cli
from fjd.alarm import Alarm
from fjd.errands import Errands
from fjd.errors import BadUsage, Busy, FjdError, SOME_FAILED
from fjd.hiring import Hiring
from fjd.inorder import InOrder
from fjd.jobfile import of_command
from fjd.joblist import (
    latest_project, Listed, listed, new_project, not_done,
)
from fjd.liveness import HIRING
from fjd.names import new_token, printable, Stamps
from fjd.outcome import Outcome, pasteable
from fjd.ownership import Survey
from fjd.progress import Progress
from fjd.project import Project
from fjd.reclaim import new_reclaimer
from fjd.shift import Shift

LEAVE = {signal.SIGINT, signal.SIGTERM, signal.SIGHUP}
SLICE = 0.05  # seconds to put jobs, before some are given out


def run_list(
    options: Any, text: str, commands: Iterable[str], directory: str,
) -> int:
    """Run these commands, of what was typed as text; 3 if some failed."""
    place = os.path.realpath(directory)
    jobs = list(listed(filter(str.strip, commands), place))
    say = cli.teller("fjd", stream="stderr")
    name = options.project
    if name is None and options.resume:
        name = latest_project(cli.home(), text, place)
        if not name:
            begin_anew(jobs, place, cli.teller("fjd", options.quiet, "stderr"))
    if options.dry_run:
        return print_commands(jobs, name if options.resume else "")
    if not (jobs or options.resume):
        say("Nothing to do.")
        return 0
    if not name:
        Survey(say).claim_home(cli.home())
        name = new_project(cli.home(), text, place)
    batch = Batch(cli.open_project(name, say), jobs, directory, options)
    status = batch.run()
    if options.callback:
        call_back(options.callback, name, batch.shift.outcome)
    return status


def begin_anew(
    jobs: List[Listed], place: str, say: Callable[[str], None],
) -> None:
    """There is nothing to go on with."""
    nothing = f"nothing of this command was begun in {printable(place)}"
    if not jobs:
        raise BadUsage(f"--resume: {nothing}", "type it with its list")
    say(f"{nothing.capitalize()}: all of it is run.")


def print_commands(jobs: List[Listed], name: str) -> int:
    """Those that would be run, if that project goes on."""
    if name and os.path.isdir(cli.named_project(name).root):
        new, failed = not_done(cli.named_project(name), jobs)
        marks = failed.keys() | {job.mark for job in new}
        jobs = [job for job in jobs if job.mark in marks]
    lines = [os.fsencode(job.command) + b"\n" for job in jobs]
    cli.show_bytes(b"".join(lines))
    return 0


def call_back(command: str, name: str, outcome: Outcome) -> None:
    environ = dict(
        os.environ, FJD_PROJECT=name, FJD_DONE=str(outcome.done),
        FJD_FAILED=str(len(outcome.failed)))
    if subprocess.call(["/bin/sh", "-c", command], env=environ):
        raise FjdError(f"the callback has failed: {command}")


class Batch:
    """The jobs of a list that are to be put, and the shift that runs them.

    options are those of the command line: project (None: one that nobody
    else uses), workers (None: as many as there are CPUs), session, resume,
    in_order and quiet.
    """

    def __init__(
        self, project: Project, jobs: List[Listed], directory: str,
        options: Any,
    ) -> None:
        self.project = project
        self.directory = directory
        self.options = options
        self.tell = cli.teller("fjd", stream="stderr")
        progress = Progress(not options.quiet)
        self.say = progress.above(
            cli.teller("fjd", options.quiet, stream="stderr"))
        reclaimer = new_reclaimer(project, self.say, cli.MOST_LOSSES)
        self.shift = Shift(project, reclaimer, HIRING, progress, self.say)
        if options.project is None:
            self.shift.outcome.offsets.clear()  # All that it did is ours.
        self.shift.bring = self.put_some
        self.dispatcher = self.shift.dispatcher
        # What has the dispatcher's own is what a worker has given back.
        self.stamps = Stamps(new_token(time.time()))
        self.printer = InOrder(
            project, [job.mark for job in jobs if options.in_order],
            progress, options.resume)
        todo = jobs
        self.failed: Dict[str, str] = {}
        if options.resume:
            todo, self.failed = not_done(project, jobs)
        self.todo = deque(todo)

    def run(self) -> int:
        """To the end; 3 if something has failed or is left."""
        try:
            rival = self.shift.succession.rival()
            if rival:
                raise Busy(f"dispatcher {rival} is active in project"
                           f' "{self.project.name}"')
            return self.work()
        finally:
            self.shift.succession.leave()

    def work(self) -> int:
        self.hiring = Hiring(
            self.shift, [cli.beside("fjd-recruiter"), *self.hire_arguments()],
            is_apart=True, is_quiet=True,
        )
        self.dispatcher.is_held = self.is_held
        self.shift.alarm = Alarm(LEAVE | {signal.SIGCHLD})
        self.shift.alarm.set()
        try:
            self.run_jobs()
        except BaseException:
            self.stop()
            self.end()
            self.tell(f"Stopped: {self.left()} job(s) are left in"
                      f" {printable(self.project.root)}. To go on:"
                      f" {self.way_on()}")
            raise
        self.end()
        held = self.shift.tell_held(self.say)
        is_well = not (self.shift.outcome.failed or self.left() or held)
        return 0 if is_well else SOME_FAILED

    def hire_arguments(self) -> List[str]:
        """What to tell fjd-recruiter."""
        number = self.options.workers
        if self.options.project is None:
            number = min(number or cli.cpus(), max(1, self.left()))
        return ["--project", self.project.name,
                "--session", self.options.session, "hire",
                str(number) if number else "--local-only"]

    def left(self) -> int:
        """How many jobs are to be run, when none is in a pod."""
        return len(self.todo) + len(self.failed) + self.dispatcher.left()

    def run_jobs(self) -> None:
        if self.failed:
            errands = Errands(self.project, self.shift.here)
            errands.carry_out("retry", self.failed.values())
            self.failed = {}
        pods = self.project.pods()
        if not self.todo and self.dispatcher.is_all_quiet():
            self.say("Nothing to do.")
        elif self.options.workers or not pods:
            self.hiring.start()
            pods.append("to come")
        if pods:
            self.shift.work_to_the_last(self.pause)
        self.printer.show_if_due(is_last=True)

    def is_held(self) -> bool:
        return bool(self.todo) or self.hiring.is_going_on()

    def put_some(self) -> bool:
        """Put jobs for a while; whether there are more."""
        until = time.monotonic() + SLICE
        while self.todo and time.monotonic() < until:
            job, command = self.todo[0]
            file = of_command(command, self.directory)
            file.put(self.project, job, self.stamps.new())
            self.todo.popleft()
        return bool(self.todo)

    def pause(self, seconds: float) -> None:
        self.printer.show_if_due()
        self.wait(seconds)

    def wait(self, seconds: float) -> None:
        if LEAVE & self.shift.pause(seconds):
            raise KeyboardInterrupt

    def stop(self) -> None:
        """End all that was begun; a second signal does not wait for that."""
        self.hiring.wait()  # Who is still coming could not be told.
        self.shift.bring = lambda: False
        self.dispatcher.fire()
        try:
            self.shift.work(self.wait)
        except KeyboardInterrupt:
            pass  # All have been told.

    def way_on(self) -> str:
        """What to type; a list that was not put whole is wanted again."""
        if self.todo or self.options.in_order:
            return "type the same with --resume"
        number = self.options.workers
        return f"fjd run --resume {f'-j{number} ' if number else ''}" \
            f"--project {self.project.name}"

    def end(self) -> None:
        """Say how it went, and where to see more."""
        outcome = self.shift.outcome
        self.shift.close(self.tell, self.options.quiet, has_hired=False)
        is_told = outcome.failed or self.options.in_order
        if self.project.count("joblogs") and not is_told:
            logs = pasteable(self.project.path("joblogs"))
            self.say(f"What they printed: {logs}")
