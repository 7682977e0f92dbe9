"""Workers of batch systems, as dispatchers see them: some may still come.

The modules for that are imported only if a project has such workers.
"""
import sys
import time
from collections import Counter
from math import inf
from typing import Any, Callable, Dict, Iterator, List

from fjd.command import beside
from fjd.output import number_of_workers
from fjd.project import ALLOCATIONS, Project
from fjd.roles import duty
from fjd.roles.dispatcher import Dispatcher
from fjd.roles.hiring import Hiring
from fjd.verbs.systems import TITLES

WAITS = "waits for "  # how a line of fjd status begins
PERIOD = 30.0  # seconds between two such lines of a dispatcher
SOON = 2.0  # seconds until the next look for workers that may come
PATIENCE = 20.0  # seconds for fjd status


def is_expected(project: Project) -> bool:
    """Return whether a batch system may still send workers."""
    if not project.names_if_any(ALLOCATIONS):
        return False
    from fjd.hosts import allocations  # Late: few have any.
    return allocations.is_expected(project)


def cancel_waiting(project: Project, say: Callable[[str], None]) -> None:
    """Cancel the workers that wait in batch systems; let those that start
    leave.
    """
    if project.names_if_any(ALLOCATIONS):
        from fjd.hosts import allocations  # Late: few have any.
        allocations.cancel_waiting(project, say)


def new_hiring(project: Project, words: List[str], options: Any) -> Hiring:
    """Return the hiring of a dispatcher, by the arguments of the recruiter."""
    return Hiring(lambda: words, options.once, options.quiet,
                  lambda: is_expected(project))


def by_records(project: Project) -> Iterator[str]:
    """Yield for each batch system how many workers may still come."""
    from fjd.hosts import allocations  # Late: few have any.
    numbers: Dict[str, int] = Counter()
    for record in allocations.records(project):
        numbers[record.scheduler] += record.outstanding
    for place, number in numbers.items():
        if number:
            yield f"{WAITS}{TITLES.get(place, place)}:" \
                f" {number_of_workers(number)} may still come"


class Wait:
    """What a dispatcher without workers says of batch systems, when that is
    news.

    A process asks them, as that may take long: fjd status.
    """

    def __init__(self, project: Project, say: Callable[[str], None]) -> None:
        self.project = project
        self.say = say
        self.told: List[str] = []
        self.process: Any = None
        self.next_look, self.deadline = -inf, inf
        self.is_on = False  # Workers may come.

    def look(self) -> None:
        """Say what there is to say; look now and then."""
        now = time.monotonic()
        if self.process:
            if self.process.poll() is not None or now > self.deadline:
                self.hear()
        elif now >= self.next_look:
            self.next_look = now + SOON
            self.is_on = is_expected(self.project)
            if self.is_on:
                self.next_look = now + PERIOD
                self.deadline = now + PATIENCE
                self.ask()

    def ask(self) -> None:
        import subprocess  # Late: it takes 4 ms.
        self.process = subprocess.Popen(
            [sys.executable, beside("fjd"), "status", "--project",
             self.project.name], stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
            start_new_session=True, universal_newlines=True, errors="replace")

    def hear(self) -> None:
        """Say what the process has found; if it failed, what files tell."""
        process = self.process
        has_answered = process.poll() == 0
        self.end()
        with process.stdout:
            lines = process.stdout.read().splitlines() if has_answered else []
        found = [line for line in lines if line.startswith(WAITS)]
        self.is_on = bool(found) or not has_answered
        self.tell(found if has_answered else list(by_records(self.project)))

    def end(self) -> None:
        """Let no process be left."""
        if self.process:
            self.process.kill()
            self.process.wait()
        self.process = None

    def tell(self, lines: List[str]) -> None:
        for line in lines if lines != self.told else []:
            self.say(line)
        self.told = lines


class SystemsDispatcher(Dispatcher):
    """A dispatcher that fires workers of batch systems, too, and says what it
    waits for.
    """

    ended_with: Any = None  # a dismissal

    def __init__(self, *arguments: Any, **how: Any) -> None:
        super().__init__(*arguments, **how)
        self.systems = Wait(self.project, self.say)

    def when_alone(self) -> None:
        self.systems.look()
        if self.hiring or not self.systems.is_on:
            super().when_alone()

    def make_one_pass(self) -> None:
        """Do it without waiting for an answer."""
        self.systems.ask = self.say_by_records  # type: ignore
        super().make_one_pass()

    def say_by_records(self) -> None:
        self.systems.tell(list(by_records(self.project)))

    def act(self) -> float:
        """Before the first worker is told to leave, cancel those that wait:
        they would start on what it leaves, and find nobody.
        """
        if self.is_ending and self.ended_with is not self.dismissal:
            self.ended_with = self.dismissal
            self.systems.end()
            cancel_waiting(self.project, self.say)
        return super().act()


def new_dispatcher(*arguments: Any, **how: Any) -> Dispatcher:
    """Return an enrolled dispatcher of that kind, as duty does."""
    return duty.new_dispatcher(*arguments, kind=SystemsDispatcher, **how)
