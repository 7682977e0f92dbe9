"""What a fjd run puts, and when: as much as its workers need soon."""
import os
import time
from collections import Counter
from math import inf
from typing import Callable, Dict, List, Optional

from fjd.ledger import DONE, FAILED, parse
from fjd.newjob import of_command
from fjd.roles.dispatcher import Dispatcher
from fjd.verbs.census import left
from fjd.verbs.summary import Outcome
from fjd.verbs.joblist import hashed, Listed
from fjd.verbs.lists import Lists, Pace
from fjd.verbs.printer import Printer
from fjd.verbs.runlimits import with_keys
from fjd.verbs.source import SLICE, Source
from fjd.verbs.taskcount import TaskCount

SOME, ENOUGH = 2, 8  # ranges for each worker that wait: at least, at most
AHEAD = 0.5  # seconds of work that should wait
OFTEN, SELDOM = 0.02, 0.5  # seconds between looks at the pace
SHARE = 20  # looking may take one part in so many of time
ENDS = (f"{DONE}\t", f"{FAILED}\t")  # how lines begin


class Followed(TaskCount):
    """The tasks of a run: each end shows the pace, and may be printed."""

    def __init__(self, outcome: Outcome, printer: Printer) -> None:
        super().__init__(outcome)
        self.pace = Pace()
        self.printer = printer

    def takes(self, line: str) -> bool:
        is_of_range = super().takes(line)
        if line.startswith(ENDS):
            counts = not is_of_range or self.book.old >= 0
            is_printed = counts and self.printer.wants(line)
            is_paced = self.pace.is_wanted()
            entry = parse(line) if is_printed or is_paced else None
            if entry and is_paced:
                self.pace.see(entry)
            if entry and is_printed:
                self.printer.see(entry)
        return is_of_range


class Supply:
    """The commands of a run, which become arrays as they come.

    come: commands that are not yet in an array, before those of the source.
    """

    def __init__(
        self, dispatcher: Dispatcher, lists: Lists, come: List[str],
        source: Source, printer: Printer,
    ) -> None:
        self.dispatcher = dispatcher
        self.project = dispatcher.project
        self.lists = lists
        self.come = come
        self.source = source
        self.printer = printer
        self.next_look = 0.0
        self.long: Dict[str, int] = Counter()  # put so far, of equal ones
        self.delay = 0.0  # seconds between two jobs that are put
        # --halt: a job is put when a worker is free, and not before this has
        # looked how the others have ended.
        self.look: Optional[Callable[[], None]] = None
        self.next_put = 0.0

    @property
    def left(self) -> int:
        """How many of the commands that have come are not put."""
        return len(self.come) + self.lists.left

    @property
    def is_more(self) -> bool:
        """Whether something is left, or may still come."""
        return bool(self.left or self.source.is_open)

    def told(self, left: int) -> str:
        """Return what is left, with its verb: 3 job(s) are."""
        rest = "the rest of the list"
        if not self.source.is_open:
            return f"{left} job(s) are"
        return f"{left} job(s) and {rest} are" if left else f"{rest} is"

    def bring(self) -> Optional[float]:
        """Put what workers need soon, for SLICE seconds at most; return the
        seconds until more may be put, None if that is all.
        """
        until = time.monotonic() + SLICE
        while self.is_wanted() and (self.lists.left or self.take()):
            if self.lists.left:
                name = self.lists.put(self.size())
                self.dispatcher.outcome.owed[name] = ""
            if time.monotonic() > until:
                return 0.0
        left = self.next_put - time.monotonic()
        wait = left if left > 0 else inf
        return wait if self.is_more else None

    def size(self) -> int:
        """Return how many tasks the next range should have."""
        if self.delay or self.look:
            return 1
        return self.pace.size(
            self.lists.ranges, self.lists.left, self.workers)

    def take(self) -> bool:
        """Let commands become an array, or a job; False if none has come."""
        commands, self.come = self.come, []
        if not commands and self.source.is_open:
            commands = self.source.take(SLICE)
        is_long = self.lists.is_long
        some = next((n for n, c in enumerate(commands) if is_long(c)),
                    len(commands))
        if some:
            name = self.lists.add(commands[:some])
            self.printer.expect(name, some)
            self.come = commands[some:]
        elif commands:
            self.put_long(commands[0])
            self.come = commands[1:]
        return bool(commands)

    def put_long(self, command: str) -> None:
        """Put a command that is no line of a list as a job of its own."""
        lists = self.lists
        lists.last += 1
        directory, shell = lists.common.directory, lists.common.shell
        self.long[command] += 1
        mark = hashed(16, os.path.realpath(directory), command,
                      str(self.long[command]))
        job = Listed(lists.last, mark, command).job
        file = with_keys(of_command(command, directory, shell), (
            *lists.common.keys, ("errors", "apart")))
        file.put(self.project, job, lists.stamps.new())
        self.printer.expect(job, 0)

    def is_wanted(self) -> bool:
        """Return whether workers may soon need more ranges."""
        if self.look:
            is_room = left(self.project) < self.workers
            self.look()
            return is_room and (not self.delay or self.is_time())
        if self.delay:
            return self.is_time()
        queue = self.dispatcher.queue.names
        waiting = self.lists.ranges - self.dispatcher.given_out
        enough = SOME + self.workers * self.ranges_ahead()
        if waiting >= enough and not queue:
            # They may not be listed yet; or a person has taken them away.
            waiting = self.project.count("jobqueue")
        return max(waiting, len(queue)) < enough

    def is_time(self) -> bool:
        """Return whether the last job that was put began so long ago."""
        self.look_at_pace()
        now = time.monotonic()
        pods = self.project.pods()
        if self.project.count("jobqueue") or any(
                map(self.project.given, pods)):
            self.next_put = now + self.delay
        return now >= self.next_put

    def ranges_ahead(self) -> int:
        """Return how many ranges should wait for each worker."""
        self.look_at_pace()
        seconds = self.pace.range_seconds(self.lists.ranges)
        return min(max(SOME, int(AHEAD / seconds)), ENOUGH)

    def look_at_pace(self) -> None:
        now = time.monotonic()
        if now >= self.next_look:
            self.dispatcher.outcome.update()
            is_known = self.pace.seconds is not None
            cost = time.monotonic() - now
            pause = SELDOM if is_known else OFTEN
            self.next_look = now + max(pause, SHARE * cost)

    @property
    def pace(self) -> Pace:
        return self.dispatcher.outcome.tasks.pace

    @property
    def workers(self) -> int:
        return max(1, len(self.project.pods()))
