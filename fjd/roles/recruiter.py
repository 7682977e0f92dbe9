"""The recruiter: hires workers on this host, and fires them.

Workers are found by their records in workers/, never by the names of
sessions, and told to leave through orders/.  So it does not matter where and
how they were started.
"""
import signal
import time
from math import inf
from typing import Any, Callable, Collection, Dict, Iterable, List

from fjd.errors import NotHired
from fjd.members import HIRING, Member, read_member
from fjd.names import host_of, is_on, is_same_host, printable
from fjd.output import number_of_workers
from fjd.project import DRAIN, NOW, Project
from fjd.reclaim import Reclaimer
from fjd.roles.firing import Dismissal
from fjd.wakeup import Backoff

SILENT = "no answer; does setup.sh go on for ever? else try another --session"
SECONDS_TO_START = 30.0
SECONDS_MORE = 1.0  # for a worker that printed an error, or only a warning
SECONDS_TO_LEAVE = 30.0
SECONDS_TO_END = 15.0  # after a signal
SECONDS_TO_BURY = 20.0  # more, until silent workers elsewhere count as dead


class Recruiter:
    """Hires and fires for one project, on the host of this process."""

    def __init__(
        self, project: Project, reclaimer: Reclaimer,
        say: Callable[[str], None], clock: Any = time,
    ) -> None:
        self.project = project
        self.reclaimer = reclaimer
        self.here = reclaimer.here
        self.stamps = reclaimer.stamps
        self.say = say
        self.clock = clock
        self.started: List[str] = []  # sessions
        self.wait: Callable[[float], Any] = clock.sleep
        self.watch: Callable[..., None] = lambda *directories: None
        # For batch systems: what to do when orders are sent, and much later.
        self.when_ordered = self.when_late = lambda: None

    def member(self, worker: str) -> Member:
        return read_member(self.project, "workers", worker)

    def workers_here(self) -> Dict[str, Member]:
        """Return all live workers of this host."""
        found = {}
        for worker in self.project.names("workers"):
            member = self.member(worker)
            if self.here.is_home_of(member.identity):
                found[worker] = member
        return found

    def host_names(self) -> List[str]:
        """Return the names of this host: its own, and those in the ids of its
        workers, which differ if it was renamed.
        """
        return sorted({self.here.host, *map(host_of, self.workers_here())})

    def names_of(self, host: str) -> List[str]:
        is_here = is_same_host(host, self.here.host)
        return self.host_names() if is_here else [host]

    def is_namesake(self, worker: str) -> bool:
        """Return whether a worker's host is another one with our name, as a
        container may be.
        """
        place = self.member(worker).identity.place
        is_known = not {"", "?"}.intersection(place + self.here.place)
        is_named_so = is_on(worker, [self.here.host])
        return is_named_so and is_known and place != self.here.place

    def staying(self) -> List[str]:
        """Return the workers here without an order to leave, oldest first.

        Those of a batch system are not ours to count.
        """
        leaving = {order.worker for order in self.project.orders()}
        return [name for name, member in sorted(self.workers_here().items())
                if not (name in leaving or member.is_allocated)]

    def hire(
        self, number: int, sessions: Any, argv: List[str],
        environ: Dict[str, str], directory: str,
    ) -> None:
        """Make sure that exactly that many workers stay here."""
        names = self.free_names(number - len(self.staying()))
        try:
            for name in names:
                log = self.project.session_log(name)
                self.started.append(name)
                sessions.start(name, argv, log, environ, directory)
            self.wait_until_started(names)
        except OSError:
            # This host has no room for more.
            self.wait_until_started(self.started[:-1])
            raise
        finally:
            for name in names:
                self.project.forget_session(name)
        # RACE: another recruiter may have hired here at the same time.
        self.drain(self.staying()[number:])
        self.say(f"Hired {number_of_workers(number)}"
                 f' in project "{self.project.name}".')

    def drain(self, workers: List[str]) -> None:
        dismissal = Dismissal(self.project, self.stamps, DRAIN)
        for worker in workers:
            dismissal.send_order(worker)

    def free_names(self, number: int) -> List[str]:
        """Return unused session names, <project>.<host>.<number>."""
        taken = {
            member.session.partition(" ")[2]
            for member in self.workers_here().values()
        }
        names: List[str] = []
        count = 0
        while len(names) < number:
            count += 1
            name = f"{self.project.name}.{self.here.host}.{count}"
            if name not in taken and self.project.claim_session(name):
                names.append(name)
        return names

    def wait_until_started(self, names: List[str]) -> None:
        """Wait until all have started; NotHired names those that have not."""
        backoff = Backoff(0.1)
        deadline = self.clock.monotonic() + SECONDS_TO_START
        while names:
            self.watch(self.project.path("screenlogs"))
            why = {name: self.project.session_trouble(name) for name in names}
            names = [name for name in names if why[name] is not None]
            now = self.clock.monotonic()
            if all(why[name] for name in names):
                # Their stderr may be only a warning.
                deadline = min(deadline, now + SECONDS_MORE)
            if names and now > deadline:
                raise NotHired("; ".join(
                    f"{name} did not come up: "
                    + printable(why[name] or SILENT) for name in names
                ))
            self.wait(backoff.longer() if names else 0)

    def fire(
        self, word: str, hosts: Iterable[str], sessions: Any,
        systems: Collection[str] = (),
    ) -> None:
        """Order all workers (of those hosts and batch systems) to leave, and
        wait for that.

        A worker of this host that has to leave now, and does not, is killed.
        """
        names = {host: self.names_of(host) for host in hosts}
        all_names = sum(names.values(), [])

        def is_meant(worker: str) -> bool:
            return not (hosts or systems) or (
                is_on(worker, all_names) and not self.is_namesake(worker)
            ) or bool(systems) and self.member(worker).system in systems

        dismissal = Dismissal(self.project, self.stamps, word, is_meant)
        self.make_leave(dismissal, sessions)
        if not (hosts or systems):
            self.project.forget_sessions()
        for host in names:
            if not any(is_on(w, names[host]) for w in dismissal.ordered):
                self.say(f"No worker was on {printable(host)}.")
        if dismissal.remaining():
            workers = ", ".join(dismissal.remaining())
            raise NotHired(f"{workers}: did not leave")
        for line in dismissal.summary(self.here.host):
            self.say(line)
        self.warn_of_those_who_hire()

    def make_leave(self, dismissal: Dismissal, sessions: Any) -> None:
        """Wait until all have left, and end those here that do not."""
        is_now = dismissal.word == NOW
        self.look_for(dismissal)
        self.when_ordered()
        self.wait_until_left(dismissal, SECONDS_TO_LEAVE if is_now else inf)
        if dismissal.remaining():
            self.when_late()
        for number in (signal.SIGTERM, signal.SIGKILL):
            self.end(dismissal.remaining(), sessions, number)
            self.wait_until_left(dismissal, SECONDS_TO_END)
        self.wait_until_left(dismissal, SECONDS_TO_BURY)

    def wait_until_left(self, dismissal: Dismissal, seconds: float) -> None:
        backoff = Backoff(0.5)
        deadline = self.clock.monotonic() + seconds
        while self.look_for(dismissal) and self.clock.monotonic() < deadline:
            self.wait(backoff.longer())

    def look_for(self, dismissal: Dismissal) -> List[str]:
        """Bury dead workers; return those that have not left yet."""
        self.watch(self.project.path("jobpods"))
        self.reclaimer.sweep()
        return dismissal.remaining()

    def end(self, workers: List[str], sessions: Any, number: int) -> None:
        """End the workers that live here, with their sessions."""
        name = signal.Signals(number).name
        for worker in workers:
            member = self.member(worker)
            if self.here.sees(member.identity):
                self.say(f"{worker} does not leave: sending {name}.")
                sessions.end(member.session, member.identity.pid, number)
            elif number == signal.SIGTERM:
                self.say(f"{worker} does not leave: waiting until it does, or"
                         " counts as dead.")

    def warn_of_those_who_hire(self) -> None:
        for name in self.project.members("dispatchers"):
            member = read_member(self.project, "dispatchers", name)
            if member.session == HIRING and not member.is_gone(self.here):
                self.say(f"Dispatcher {name} is active with --hire, and"
                         " will hire again: end it first.")
