"""Hiring by fork, for fjd run: it has in memory what its workers need.

A new Python would take 45 ms of CPU for the recruiter and for each worker.
Only a hire soon after our start is a fork, as fjd may have been updated when a
later one comes.  A fork is what a new Python would be: in a session of its
own, with no descriptor, signal handler or variable that is only ours.
"""
import os
import signal
import sys
import time
from argparse import Namespace
from typing import Any, Callable, Dict, List, Optional

from fjd import command
from fjd.errors import SOME_FAILED
from fjd.hosts.session import PROCESS, Sessions
from fjd.members import Here
from fjd.options import MOST_LOSSES
from fjd.output import teller
from fjd.process import OWN_VARIABLES, SESSION, without_job
from fjd.project import Project
from fjd.reclaim import new_reclaimer
from fjd.roles.hiring import Hiring
from fjd.verbs.deserted import of_run
from fjd.verbs.places import is_expected
from fjd.wakeup import Alarm

DESCRIPTORS = "/proc/self/fd"
SOON = 5.0  # seconds
BEGUN = time.monotonic()
# Modules that each worker needs, loaded before there are several.
OF_WORKERS = ("fjd.hosts.slot", "fjd.roles.lifetime", "subprocess", "queue")


class HiringByFork(Hiring):
    """The recruiter of one fjd run.

    is_here(): whether it hires only on this host, in processes.
    """

    def __init__(
        self, project: Project, words: Callable[[], List[str]],
        is_here: Callable[[], bool],
    ) -> None:
        super().__init__(
            words, is_quiet=True, is_expected=lambda: is_expected(project))
        self.project = project
        self.is_here = is_here

    def begin(self, **how: Any) -> Any:
        """Start it out of reach of Ctrl-C, and without stdin."""
        if can_fork() and self.is_here():
            words = self.words()  # The fork would count what we put since.
            return Fork(lambda: hire(self.project, words))
        import subprocess
        return super().begin(
            stdin=subprocess.DEVNULL, start_new_session=True,
            env=of_run(os.environ) if self.is_here() else None)


def can_fork() -> bool:
    """Return whether a fork is like a new Python.

    Others see in /proc that our environment is a job's (command.leave_job).
    """
    is_job = not os.environ.keys().isdisjoint(OWN_VARIABLES)
    is_whole = all((sys.stdin, sys.stdout, sys.stderr)) \
        and os.path.isdir(DESCRIPTORS)
    return is_whole and not is_job and time.monotonic() < BEGUN + SOON


class Fork:
    """A child that runs act(); to its parent, it is like a Popen."""

    def __init__(self, act: Callable[[], Any]) -> None:
        self.returncode: Optional[int] = None
        sys.stdout.flush()
        self.pid = os.fork()
        if not self.pid:
            run_to_the_end(act)

    def poll(self, how: int = os.WNOHANG) -> Optional[int]:
        if self.returncode is None:
            pid, status = os.waitpid(self.pid, how)
            if pid:
                is_exit = os.WIFEXITED(status)
                self.returncode = os.WEXITSTATUS(status) if is_exit \
                    else -os.WTERMSIG(status)
        return self.returncode

    def wait(self) -> None:
        self.poll(0)


def run_to_the_end(act: Callable[[], Any]) -> None:
    """Run act() in a fork, and end with its exit code."""
    try:
        leave_parent()
        command.run(act)
    except BaseException:
        sys.excepthook(*sys.exc_info())
    finally:
        # Nothing of the parent may go on here, such as its last words.
        os._exit(1)


def leave_parent() -> None:
    """Keep from the parent only what execve(2) would keep."""
    os.setsid()
    for number in range(1, signal.NSIG):
        if callable(signal.getsignal(number)):
            signal.signal(number, signal.SIG_DFL)
    redirect(os.devnull, os.O_RDWR, 0, 1)
    Here.in_sight.clear()
    for name in os.listdir(DESCRIPTORS):
        if int(name) > 2:
            close(int(name))


def redirect(path: str, flags: int, *descriptors: int) -> None:
    file = os.open(path, flags, 0o600)
    for descriptor in descriptors:
        os.dup2(file, descriptor)
    close(file)


def close(descriptor: int) -> None:
    try:
        os.close(descriptor)
    except OSError:
        pass  # It was open for the listing.


def hire(project: Project, words: List[str]) -> int:
    """Do what fjd-recruiter does with these words, the last of which is the
    number of workers or --local-only.
    """
    from fjd.hosts.recruitment import Recruitment  # Late: only the fork hires.
    from fjd.roles.recruiter import Recruiter
    for name in OF_WORKERS:
        __import__(name)
    sys.argv = [command.beside("fjd-recruiter"), *words]
    say = teller("fjd-recruiter")
    recruiter = Recruiter(
        project, new_reclaimer(project, say, MOST_LOSSES), say)
    alarm = Alarm()
    alarm.set()
    recruiter.wait, recruiter.watch = alarm.wait, alarm.watch
    hosts = [word for word in words[-1:] if word != "--local-only"]
    recruitment = Recruitment(recruiter, Namespace(
        project=project.name, session=PROCESS, curdir="", hosts=hosts,
        local_only=not hosts, max_losses=MOST_LOSSES), Forks)
    recruitment.hire()
    return SOME_FAILED if recruitment.has_failed else 0


class Forks(Sessions):
    """Starts workers as forks of this process, if nothing is in between."""

    def start(
        self, name: str, argv: List[str], log: str, environ: Dict[str, str],
        directory: str,
    ) -> None:
        if argv[0] != sys.executable:
            return super().start(name, argv, log, environ, directory)
        known = {
            **of_run(without_job(environ)), SESSION: f"{PROCESS} {name}"}
        Fork(lambda: work(argv[1:], log, known, directory))


def work(
    argv: List[str], log: str, environ: Dict[str, str], directory: str,
) -> None:
    """Do what the script fjd-worker does."""
    redirect(log, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 2)
    os.chdir(directory)
    os.environ.clear()
    os.environ.update(environ)
    sys.argv = argv
    with open(argv[0]) as file:
        exec(file.read(), {"__name__": "__main__", "__file__": argv[0]})
