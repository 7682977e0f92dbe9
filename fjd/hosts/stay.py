"""fjd-recruiter hire --stay N: workers of somebody's own batch job.

They live as long as the batch job: this stays in the foreground, passes
signals on to them, and ends when they have left.  Other workers of this host,
and other hires, have nothing to do with them: they are told by the session in
their records, `stay <project>.<host>.<pid>-<number>`, with our pid.
"""
import signal
from typing import Any, Dict, Iterator, List

from fjd.errors import NotHired
from fjd.hosts.recruitment import Recruitment
from fjd.hosts.session import PROCESS, quit_session, Sessions
from fjd.members import Member, STAY
from fjd.output import number_of_workers
from fjd.process import kill
from fjd.wakeup import Alarm, LEAVE, LONGEST


class OwnSessions(Sessions):
    """Sessions of the wanted kind, else processes, which are our children."""

    def __init__(self, wanted: str, say: Any) -> None:
        super().__init__(wanted or PROCESS, say)

    def title(self, kind: str, name: str) -> str:
        return f"{STAY} {name}"


class Staying(Recruitment):
    """One fjd-recruiter hire --stay."""

    def __init__(self, recruiter: Any, options: Any) -> None:
        options.hosts = [str(options.stay)]
        super().__init__(recruiter, options, OwnSessions)
        self.claimed: List[str] = []  # names of sessions that start
        self.processes: Dict[str, Any] = {}  # by name; None: no child of ours
        self.workers: Dict[str, Member] = {}  # those that are no children
        self.kind = PROCESS
        self.alarm = Alarm(LEAVE | {signal.SIGCHLD})
        self.alarm.set()
        recruiter.wait, recruiter.watch = self.wait, self.alarm.watch

    def begin(self, number: int, sessions: Any, *how: Any) -> None:
        """Hire that many workers, and stay until they have left."""
        try:
            self.start(number, sessions, *how)
        except NotHired as error:
            self.fail(error)  # The others stay.
        except BaseException:
            self.pass_on(signal.SIGTERM)
            raise
        finally:
            self.forget()
            self.stay()

    def start(self, number: int, sessions: Any, argv: List[str],
              *where: Any) -> None:
        self.kind = sessions.kinds[0]
        self.claimed += self.free_names(number)
        for name in self.claimed:
            log = self.project.session_log(name)
            self.processes[name] = sessions.start(name, argv, log, *where)
        self.recruiter.wait_until_started(self.claimed)
        if self.claimed:  # No signal has come.
            self.recruiter.say(
                f"Hired {number_of_workers(number)} in project"
                f' "{self.project.name}"; staying until they leave.')

    def free_names(self, number: int) -> Iterator[str]:
        """Yield names of sessions that nobody else has."""
        here = self.recruiter.here
        count = 0
        while number:
            count += 1
            name = f"{self.project.name}.{here.host}.{here.pid}-{count}"
            # A container may have our name, and a process our pid.
            if self.project.claim_session(name):
                number -= 1
                yield name

    def wait(self, seconds: float) -> None:
        for number in LEAVE & self.alarm.wait(seconds):
            self.pass_on(number)

    def pass_on(self, number: int) -> None:
        """Let the workers leave, also those that have not come up yet."""
        for name, process in self.processes.items():
            if not process:
                quit_session(self.kind, name)
            elif process.poll() is None:
                # It may still be setup.sh, with children, or be stopped.
                kill([-process.pid], number)
                kill([-process.pid], signal.SIGCONT)
        self.forget()

    def forget(self) -> None:
        """Let workers that come up only now leave: nobody waits for them."""
        while self.claimed:
            self.project.forget_session(self.claimed.pop())

    def stay(self) -> None:
        if None in self.processes.values():
            self.workers = dict(self.own_workers())
        while self.is_somebody_left():
            self.wait(LONGEST)
        self.recruiter.say("The workers have left.")

    def own_workers(self) -> Iterator[Any]:
        """Yield each worker in our sessions, with its record."""
        titles = {f"{STAY} {name}" for name in self.processes}
        for worker in self.project.names("workers"):
            member = self.recruiter.member(worker)
            if member.session in titles:
                yield worker, member

    def is_somebody_left(self) -> bool:
        """Return whether a worker lives; one that was taken for dead does."""
        children = filter(None, self.processes.values())
        return any(child.poll() is None for child in children) \
            or any(map(self.lives, self.workers))

    def lives(self, worker: str) -> bool:
        is_seen = self.recruiter.here.sees(self.workers[worker].identity)
        if is_seen is None:  # Where no process is seen, its record counts.
            return not self.recruiter.member(worker).is_missing
        return is_seen
