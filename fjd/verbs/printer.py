"""What fjd run prints: the output of jobs that have ended, and its own lines.

The output of two jobs never mixes: all of one job is written, first its
stdout, then its stderr, then that of the next (turns.py).  Only the bounds of
what waits are in memory.  Nothing here waits for a slow reader (outlet.py):
work() is called again and again, and new jobs wait while is_behind is true.
"""
import os
import sys
import time
from collections import deque
from sys import intern
from typing import Any, Callable, Deque, Dict, List, Optional, Tuple

from fjd.ledger import DONE, Entry, FAILED
from fjd.output import plain
from fjd.project import Project
from fjd.verbs.bar import Bar, fitting
from fjd.verbs.copying import Copy, Item
from fjd.verbs.joblist import Comparison
from fjd.verbs.outlet import Outlet, Unwritable
from fjd.verbs.printed import Printed
from fjd.verbs.records import Records
from fjd.verbs.results import results
from fjd.verbs.titles import described
from fjd.verbs.turns import Arguments, AsTheyEnd, InOrder
from fjd.wakeup import Backoff

PERIOD = 0.05    # least seconds between two looks for ended jobs
SHARE = 20       # looking may take one part in 20 of the time
SLICE = 0.2      # seconds of writing before others have their turn
PATIENCE = 0.005  # seconds to wait for a reader meanwhile
LONGEST = 0.25   # seconds between two looks at a reader that is slow
SOON = 0.5       # seconds until a failure is named whose output still waits


class Printer:
    """Prints the output of each job of a run after it has ended.

    update() reads the ledgers and calls see() for each end that is wanted.
    """

    def __init__(
        self, project: Project, bar: Bar, options: Any,
        arguments: Optional[Deque[str]],
    ) -> None:
        self.project = project
        self.bar = bar
        self.is_quiet = options.only_failures
        self.has_tags = options.tag
        self.out = Outlet(sys.stdout, "standard output")
        self.err = Outlet(sys.stderr, "standard error")
        self.printed = Printed(project)
        self.arguments = Arguments(arguments)
        self.turns = InOrder() if options.in_order else AsTheyEnd()
        self.records = Records(self.printed, options)
        self.sees_all = options.in_order or self.records.is_wanted
        self.unnamed: Dict[str, Tuple[float, Entry]] = {}  # failures
        self.seen: List[Entry] = []  # new ends
        self.unaccepted: List[Item] = []  # jobs
        self.lines: Deque[bytes] = deque()  # of fjd
        self.later: Deque[Tuple[float, str]] = deque()  # lines, and since when
        self.copy: Optional[Copy] = None
        self.rest = memoryview(b"")  # still to be written
        self.outlet = self.out
        self.is_mute = False
        self.is_behind = False  # new jobs should wait
        self.is_moving = False  # something could be written
        self.pause = Backoff(LONGEST)
        self.next_look = 0.0
        self.update: Callable[[], object] = lambda: None

    # What is expected, and what has ended

    def expect(self, name: str, tasks: int) -> None:
        """Note the next jobs: so many tasks of an array; 0: it is a job."""
        self.turns.expect(name, tasks)
        for job, argument in self.arguments.expect(name, tasks):
            self.records.expect(job, argument)

    def plan(self, known: Comparison) -> None:
        """Expect the commands of a list, of which some are known; with -k,
        print those that are done.
        """
        for job, argument in self.arguments.plan(known):
            self.records.expect(job, argument)
        if isinstance(self.turns, InOrder):
            self.turns.plan(known)
            for entry in results(self.project):
                if entry.event == DONE:
                    self.turns.add(self.item(entry))

    def wants(self, line: str) -> bool:
        """Return whether to see the end in that line of a ledger: not if a
        task is done and has printed nothing.
        """
        if self.sees_all or line.startswith(FAILED):
            return True
        has_printed = not line.endswith("\t\t") or line.endswith("\t\t\t")
        return has_printed and not self.is_quiet

    def see(self, entry: Entry) -> None:
        """Take note of an end, until the next work()."""
        self.seen.append(entry)

    def take_seen(self) -> None:
        """Give the jobs that have ended their turn, the first end first: each
        worker has a ledger of its own.
        """
        seen, self.seen = self.seen, []
        for entry in sorted(seen, key=lambda entry: entry.end):
            self.take(entry)
        self.add_accepted()

    def take(self, entry: Entry) -> None:
        if self.records.is_wanted:
            self.records.add(entry)
        if entry.event == FAILED:
            self.unnamed[entry.job] = (time.monotonic(), entry)
        item = self.item(entry)
        if entry.task:
            self.turns.add(item)
        else:
            # RACE: its log gets its name after the line in the ledger.
            self.unaccepted.append(item)

    def item(self, entry: Entry) -> Item:
        argument = self.arguments.by_job.pop(entry.job, entry.command)
        tag = f"{argument}\t" if self.has_tags else ""
        small = entry._replace(
            attempt=intern(entry.attempt), worker=intern(entry.worker),
            event=intern(entry.event), host="", status="", command="")
        is_silent = self.is_quiet and entry.event == DONE
        return Item(small, os.fsencode(tag), is_silent)

    def add_accepted(self) -> None:
        """Give jobs their turn whose files say that they have ended."""
        waiting, self.unaccepted = self.unaccepted, []
        for item in waiting:
            is_there = self.project.is_accepted(item.entry.attempt)
            if is_there or self.turns.is_last:
                self.turns.add(item)
            else:
                self.unaccepted.append(item)

    # Writing

    def work_if_due(self) -> None:
        """Look for ends now and then, and write; OSError if the project
        cannot be read: call it again.
        """
        now = time.monotonic()
        try:
            if now >= self.next_look or self.later:
                self.update()
                cost = time.monotonic() - now
                self.next_look = now + max(PERIOD, SHARE * cost)
        finally:
            self.work()

    def work(self, patience: float = PATIENCE) -> bool:
        """Write for a while, and return whether all is written.

        Unwritable, or BrokenPipeError: there is no way to print it.
        """
        if self.is_mute:
            return True
        until = time.monotonic() + SLICE
        self.take_seen()
        are_written = self.records.write(until)
        self.say_late()
        self.is_moving = not are_written
        while self.has_more():
            self.is_moving = self.write_some(patience) > 0
            if not self.is_moving or time.monotonic() > until:
                break
        self.is_behind = self.has_more()
        if not self.is_behind:
            self.say_late(SOON)
        return are_written and not (
            self.is_behind or self.lines or self.unaccepted)

    def has_more(self) -> bool:
        """Return whether something can be printed; begin with the next job.
        """
        while not self.rest:
            if not self.copy:
                item = self.turns.next()
                if not item:
                    break
                self.copy = Copy(self.printed, item, self.out, self.err)
            self.outlet, data = self.copy.next()
            self.rest = memoryview(data)
            if not data:
                self.end_copy(self.copy)
        return bool(self.rest or self.lines)

    def end_copy(self, copy: Copy) -> None:
        self.copy = None
        self.bar.is_held = False
        self.name(copy.entry.job)

    def write_some(self, patience: float) -> int:
        """Write some bytes; return how many, 0 if there is no room."""
        written = self.write_lines()
        if self.rest:
            if self.outlet.is_terminal:
                self.bar.clear()
                self.bar.is_held = True
            number = self.outlet.write(self.rest, patience)
            if number and self.outlet.is_terminal:
                self.bar.is_midline = self.rest[number - 1:number] != b"\n"
            self.rest = self.rest[number:]
            written += number
        if written:
            self.pause.reset()
        return written

    # Lines of fjd

    def say(self, text: str) -> None:
        """Print a line on stderr, at once if nothing is in its way."""
        encoding = getattr(sys.stderr, "encoding", None) or "utf-8"
        line = f"[fjd] {plain(text)}\n"
        self.lines.append(line.encode(encoding, "backslashreplace"))
        self.write_lines()

    def say_after(self, text: str) -> None:
        """Print a line after the output of the jobs that have ended."""
        self.later.append((time.monotonic(), text))

    def write_lines(self) -> int:
        """Write fjd's own lines, but not amid the output of a job; return the
        bytes written.
        """
        written = 0
        while self.lines and not self.is_mute and self.may_say():
            self.bar.clear()
            if self.bar.is_midline and self.err.is_terminal:
                self.lines[0] = b"\n" + self.lines[0]
            self.bar.is_midline = False
            try:
                number = self.err.write(self.lines[0], 0)
            except (BrokenPipeError, Unwritable):
                # Our line may be lost; what a job prints may not.
                number = len(self.lines[0])
            written += number
            self.lines[0] = self.lines[0][number:]
            if self.lines[0]:
                break
            self.lines.popleft()
        return written

    def may_say(self) -> bool:
        is_apart = self.out.identity != self.err.identity
        is_on_stdout = bool(self.rest) and self.outlet is self.out
        return not self.copy or is_apart and is_on_stdout

    # Failures

    def say_late(self, sooner: float = 0.0) -> None:
        """Name the failures whose output waits, and say what comes after the
        output of jobs that have ended.
        """
        now = time.monotonic()
        while self.later and self.later[0][0] <= now - SOON + sooner:
            self.say(self.later.popleft()[1])
        for job, (when, _) in list(self.unnamed.items()):
            if when > now - SOON:
                break
            self.name(job)

    def name(self, job: str) -> None:
        """Report a failure in a line, with the last one of its output."""
        _, entry = self.unnamed.pop(job, (0.0, None))
        if entry:
            text = f"Failed: {described(entry)}"
            last = self.printed.last_line(entry)
            self.say(fitting(f"{text}: {last}" if last else text))
