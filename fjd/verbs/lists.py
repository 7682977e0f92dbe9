"""The arrays of fjd run: commands that have come are put as an array.

Each is called list-<number>, by the number of its first task in the whole
list.  The size of its ranges follows the pace that is seen.
"""
import os
import stat
import time
from collections import deque
from itertools import accumulate
from typing import Deque, List, Optional

from fjd.arrays import list_of
from fjd.jobfile import NONE, Tasks
from fjd.ledger import Entry, escape
from fjd.names import new_token, Stamps
from fjd.newjob import LONGEST_WORD
from fjd.verbs.acceptance import spans
from fjd.verbs.listnames import LIST
from fjd.verbs.newarray import Common, put_list, put_range
from fjd.verbs.runlimits import Keys
from fjd.project import Project

QUARTER = 0.25  # seconds that a range of short tasks lasts
MANY = 64       # tasks in a range, until so many ranges have been put:
EARLY = 1000
LONGEST = 10.0  # seconds that a larger one may last
SHARES = 4      # ranges for each worker that the last tasks are split into
SHORTEST = 1e-4  # seconds of a task
FIRST, FEW = 100, 16  # of later ends, one in so many is looked at
WEIGHT = 0.1    # of the last task in the average
WORDS, SCRIPT = 3, 1 << 16  # of a command; bytes of a script: those searched
# With one of these, a command may open its own output again.
REOPENED = (b"/dev/std", b"/dev/fd/", b"/proc/self/fd")


def first_of(array: str) -> int:
    """Return the number of an array's first task in the list of its run."""
    return int(array.rpartition("-")[2])


class Pace:
    """How long the tasks of a run take."""

    def __init__(self) -> None:
        self.seconds: Optional[float] = None  # of a task, on average
        self.ends = 0

    def is_wanted(self) -> bool:
        """Return whether the next end should be seen: all of the first, then
        some.
        """
        self.ends += 1
        return self.ends < FIRST or self.ends % FEW == 0

    def see(self, entry: Entry) -> None:
        took = max(0.0, entry.end - entry.start)
        before = took if self.seconds is None else self.seconds
        self.seconds = before + (took - before) * WEIGHT

    def size(self, ranges: int, left: int, workers: int) -> int:
        """Return how many tasks the next range should have.

        ranges: how many were put before; left: tasks that are known.
        """
        most = left // (SHARES * max(1, workers))
        return max(1, min(self.usual(ranges), most))

    def usual(self, ranges: int) -> int:
        """Return the size of a range when many tasks are left."""
        if self.seconds is None:
            return 1
        pace = max(self.seconds, SHORTEST)
        size = min(MANY, int(QUARTER / pace))
        if ranges > EARLY:
            more = MANY * ranges // EARLY
            size = max(size, min(more, int(LONGEST / pace)))
        return max(1, size)

    def range_seconds(self, ranges: int) -> float:
        """Return how long a range takes."""
        return self.usual(ranges) * max(self.seconds or 0.0, SHORTEST)


class Segment:
    """Tasks of an array that are not yet put, with consecutive numbers."""

    def __init__(
        self, array: str, common: Common, first: int, offsets: List[int],
        most: int,
    ) -> None:
        self.array = array
        self.most = most  # tasks of a range
        self.common = common
        self.next = first
        self.offsets = offsets[::-1]  # of their lines, in bytes

    def put(self, project: Project, size: int, stamp: str) -> str:
        """Put the next range, and return its name."""
        size = min(size, self.most, len(self.offsets))
        first, last = self.next, self.next + size - 1
        name = put_range(project, self.array, first, last, self.common,
                         self.offsets[-1], stamp)
        del self.offsets[first - last - 1:]
        self.next = last + 1
        return name


class Lists:
    """The arrays of a run, put one after another."""

    def __init__(
        self, project: Project, directory: str, shell: str, keys: Keys = (),
    ) -> None:
        self.project = project
        self.common = Common("", directory, keys, shell)
        # A dispatcher's stamps mark jobs that workers handed back; ours must
        # differ.
        self.stamps = Stamps(new_token(time.time()))
        self.last = 0   # number of the last command
        self.segments: Deque[Segment] = deque()
        self.ranges = 0

    @property
    def left(self) -> int:
        """How many commands are not yet put."""
        return sum(len(segment.offsets) for segment in self.segments)

    def is_long(self, command: str) -> bool:
        """Return whether a command is too long for the argument of a shell.
        """
        if len(command) * 3 < LONGEST_WORD or self.common.shell == NONE:
            return False
        return len(os.fsencode(command)) >= LONGEST_WORD

    def add(self, commands: List[str]) -> str:
        """Put the list of an array, and return its name; its ranges follow."""
        is_escaped = any("\n" in command for command in commands)
        if is_escaped:
            commands = list(map(escape, commands))
        data = os.fsencode("\n".join(commands) + "\n")
        array = f"list-{self.last + 1}"
        put_list(self.project, array, data, self.stamps.new())
        self.last += len(commands)
        common = self.common._replace(is_escaped=is_escaped)
        self.segments.append(Segment(
            array, common, 1, offsets_in(data), most_in_range(data)))
        return array

    def add_again(
        self, array: str, tasks: List[int], how: Optional[Tasks],
    ) -> None:
        """Put tasks of an earlier array that have no file."""
        path = list_of(self.project, array)
        data = self.project.files.read(path)[1]
        offsets, most = offsets_in(data), most_in_range(data)
        common = self.common
        if how:
            common = common._replace(
                shell=how.shell, is_escaped=how.is_escaped)
        for first, last in spans(tasks):
            self.segments.append(Segment(
                array, common, first, offsets[first - 1:last], most))

    def put(self, size: int) -> str:
        """Put the next range, and return its name."""
        segment = self.segments[0]
        name = segment.put(self.project, size, self.stamps.new())
        self.ranges += 1
        if not segment.offsets:
            self.segments.popleft()
        return name


def most_in_range(data: bytes) -> int:
    """Return how many tasks of a list a range may have.

    A task that opens its output again (echo >/dev/stderr) empties the log,
    which then has to be its own.
    """
    texts = [data, *map(script, data.partition(b"\n")[0].split()[:WORDS])]
    is_alone = any(path in text for text in texts for path in REOPENED)
    return 1 if is_alone else len(data)


def script(word: bytes) -> bytes:
    """Return the begin of the script that a word names, b"" if it names none.
    """
    name = os.fsdecode(word)
    places = [] if "/" in name else os.get_exec_path()
    paths = (os.path.join(place, name) for place in places)
    path = next(filter(os.path.isfile, paths), name)
    try:
        if not stat.S_ISREG(os.stat(path).st_mode):
            return b""
        with open(path, "rb") as file:
            text = file.read(SCRIPT)
    except (OSError, ValueError):
        return b""
    return text if text.startswith(b"#!") else b""


def offsets_in(data: bytes) -> List[int]:
    """Return where each line begins."""
    sizes = [len(line) + 1 for line in data.split(b"\n")[:-1]]
    return [0, *accumulate(sizes)][:-1]


def lists_of(project: Project) -> List[str]:
    """Return the arrays of runs, the first commands first."""
    names = project.names_if_any("arrays")
    return sorted(filter(LIST.fullmatch, names), key=first_of)


def last_number(project: Project) -> int:
    """Return the number of the last command that was ever put."""
    names = lists_of(project)
    if not names:
        return 0
    _, data = project.files.read(list_of(project, names[-1]))
    return first_of(names[-1]) + data.count(b"\n") - 1
