"""A list of commands, compared with what a project has of it.

A task of an array is known by its directory and its line.  Two equal lines are
two tasks.  Runs of older versions, and commands that are too long for a line
of a list, are jobs: <number>-<mark>, where the mark is a hash of the
directory, of the command and of how many equal ones came before.
"""
import hashlib
import os
from array import array as Array
from bisect import bisect_left
from collections import Counter, defaultdict
from typing import (
    DefaultDict, Dict, Iterable, Iterator, List, NamedTuple, Optional, Tuple,
)

from fjd.verbs.census import everything
from fjd.jobfile import Tasks
from fjd.ledger import DONE, FAILED
from fjd.names import Attempt
from fjd.project import LIST, Project
from fjd.verbs.arraystate import BAD, ENDED, NONE, OPEN, TaskStates
from fjd.verbs.listnames import LISTED, mark_of
from fjd.verbs.lists import lists_of
from fjd.verbs.pairing import pairs


class Listed(NamedTuple):
    """A job of a list."""

    number: int
    mark: str
    command: str

    @property
    def job(self) -> str:
        return f"{self.number}-{self.mark}"


def listed(commands: Iterable[str], directory: str) -> Iterator[Listed]:
    before: Dict[str, int] = Counter()
    for number, command in enumerate(commands, 1):
        before[command] += 1
        mark = hashed(16, directory, command, str(before[command]))
        yield Listed(number, mark, command)


def hashed(digits: int, *texts: str) -> str:
    data = b"\0".join(map(os.fsencode, texts))
    return hashlib.sha256(data).hexdigest()[:digits]


class Request:
    """The commands that are asked for, of one directory.

    A million of them take 16 MB beside their text.
    """

    def __init__(self, directory: str) -> None:
        self.directory = directory
        self.text = bytearray()
        self.ends = Array("Q")
        self.hashes = Array("q")

    def __len__(self) -> int:
        return len(self.ends)

    def add(self, commands: Iterable[str]) -> None:
        for command in commands:
            self.text += os.fsencode(command)
            self.ends.append(len(self.text))
            self.hashes.append(hash(command))

    def command(self, place: int) -> str:
        begin = self.ends[place - 1] if place else 0
        return os.fsdecode(bytes(self.text[begin:self.ends[place]]))

    @property
    def commands(self) -> Iterator[str]:
        return map(self.command, range(len(self)))

    def marks(self) -> Dict[str, int]:
        """Return the place of each command, by its mark as a job."""
        jobs = listed(self.commands, self.directory)
        return {job.mark: job.number - 1 for job in jobs}


class Known:
    """The tasks of a project that are in one state."""

    def __init__(
        self, states: TaskStates, state: int, place: str,
    ) -> None:
        self.hashes = Array("q")
        self.tasks = Array("I")
        self.begins: List[Tuple[int, str]] = []  # index of an array's first
        for array, kinds in states.states.items():
            # Without a range, no directory is known: the tasks are put here.
            if state in kinds and states.directory(array) in ("", place):
                self.begins.append((len(self.hashes), array))
                for task, line in enumerate(states.lines(array), 1):
                    if kinds[task - 1] == state:
                        self.hashes.append(hash(line))
                        self.tasks.append(task)

    def task(self, index: int) -> Tuple[str, int]:
        """Return the array and the number of one of the tasks."""
        begin = bisect_left(self.begins, (index + 1, "")) - 1
        return self.begins[begin][1], self.tasks[index]

    def all(self) -> Iterator[Tuple[str, int]]:
        return map(self.task, range(len(self.tasks)))


def marks_in(project: Project) -> List[str]:
    """Return the marks of the jobs that a run of an older fjd was asked for.
    """
    return os.fsdecode(project.whole(LIST)).split("\n")[2:-1]


def everything_in(project: Project) -> int:
    """Return a hash of all names of jobs and ledgers, with their sizes."""
    names = [found.name for found in everything(project)]
    sizes = tuple(map(project.files.size, project.ledger_files()))
    return hash((frozenset(names), sizes))


class Comparison:
    """What a project has of a request; all it has if that is empty.

    states: of arraystate, a byte for each command; NONE: it is new.
    keys, if they are wanted: array and task, or job and 0, by place.
    """

    def __init__(
        self, project: Project, request: Request, has_keys: bool = False,
    ) -> None:
        self.project = project
        self.request = request
        self.has_keys = has_keys
        self.keys: Dict[int, Tuple[str, int]] = {}
        self.promised: List[int] = []
        self.states = bytearray(len(request))
        self.failed_jobs: List[str] = []  # attempts
        self.failed: DefaultDict[str, List[int]] = defaultdict(list)
        self.unput: DefaultDict[str, List[int]] = defaultdict(list)
        self.how: Dict[str, Optional[Tasks]] = {}  # arrays are listed
        self.seen = everything_in(project)
        self.is_empty = not (
            lists_of(project) or any(everything(project)))
        self.compare_jobs()
        self.compare_arrays()

    def renewed(self) -> "Comparison":
        """Return a new comparison, if the project has changed meanwhile."""
        if everything_in(self.project) == self.seen:
            return self
        return Comparison(self.project, self.request, self.has_keys)

    @property
    def shared(self) -> int:
        """How many of the commands it has, or was asked for."""
        promised = [p for p in self.promised if self.states[p] == NONE]
        return len(self.states) - self.states.count(NONE) + len(promised)

    @property
    def done(self) -> int:
        return self.states.count(ENDED)

    def new(self) -> Iterator[str]:
        """Yield the commands that it does not have."""
        for place, state in enumerate(self.states):
            if state == NONE:
                yield self.request.command(place)

    @property
    def to_retry(self) -> int:
        return len(self.failed_jobs) + sum(map(len, self.failed.values()))

    def compare_jobs(self) -> None:
        found: Dict[str, Tuple[int, str]] = {}
        for job in everything(self.project):
            if LISTED.fullmatch(job.attempt.job):
                state = {DONE: ENDED, FAILED: BAD}.get(job.place, OPEN)
                mark = mark_of(job.attempt.job)
                if state <= found.get(mark, (BAD, ""))[0]:
                    found[mark] = (state, job.name)
        asked = marks_in(self.project)
        marks = self.request.marks() if found or asked else {}
        self.promised = [marks[mark] for mark in asked if mark in marks]
        for mark, (state, name) in found.items():
            if mark in marks:
                self.states[marks[mark]] = state
                self.keys[marks[mark]] = (Attempt.parse(name).job, 0)
            if state == BAD and (mark in marks or not marks):
                self.failed_jobs.append(name)

    def compare_arrays(self) -> None:
        arrays = lists_of(self.project)
        states = TaskStates(self.project, arrays)
        self.how = {array: states.tasks(array) for array in arrays}
        for state in (ENDED, OPEN, BAD, NONE) if arrays else ():
            known = Known(states, state, self.request.directory)
            if len(known.tasks):
                self.match(state, known)

    def match(self, state: int, known: Known) -> None:
        """Find the commands that are tasks in that state."""
        tasks = {BAD: self.failed, NONE: self.unput}.get(state)
        if not self.states and tasks is not None:
            for array, task in known.all():
                tasks[array].append(task)
        asked = ((place, value) for place, value
                 in enumerate(self.request.hashes)
                 if self.states[place] == NONE)
        for place, found in pairs(asked, known.hashes):
            self.states[place] = OPEN if state == NONE else state
            if self.has_keys:
                self.keys[place] = known.task(found)
            if tasks is not None:
                array, task = known.task(found)
                tasks[array].append(task)
