"""A project of its own, in which one process is tested and others are played.

A scenario plays users, and those roles that are not tested, by what they do
to files.  In the end everything that had been put must have ended, and
nothing else may be left.
"""
import json
import os
import pathlib
import signal
import subprocess
import sys
import time
from collections import defaultdict
from itertools import accumulate

import faults
from fakeslurm import FakeSlurm
from helpers import command, LONG, wait_until

from fjd.arrays import FINAL, list_of
from fjd.ledger import DONE, Entry, Ledger, read_entries
from fjd.members import enrol, myself
from fjd.names import (
    Attempt, is_range_name, new_token, Order, Range, Running, Stamps,
)
from fjd.proc import start_time
from fjd.project import CLAIM, DIRECTORIES, Project
from fjd.verbs.acceptance import EVENT, NUMBERS
from fjd.verbs.newarray import Common, put_list, put_range, ranges
from fjd.verbs.taskbook import Book

HANG = LONG
OFTEN = ("--interval", "0.05")
TEMPORARY = (
    "jobqueue", "jobpods", "running", "workerqueue", "orders", "workers",
    "dispatchers",
)
STAYS = (".seen", ".claim")
CANCELLED = "cancelled"
# A task tells that it begins and, unless it is killed, how it ends.
TELLING = 'trap \'echo "$FJD_ATTEMPT $?" >> ends\' EXIT;' \
    ' echo "$FJD_ATTEMPT" >> runs; '


class Killed(Exception):
    """The process that is tested has ended before its scenario."""


class Stage:
    """kill: the point where the process that is tested ends (faults.py)."""

    def __init__(self, place, kill=""):
        self.place = str(place)
        self.project = Project(os.path.join(self.place, "default"))
        os.makedirs(self.project.root, mode=0o700)
        self.project.make_directories()
        self.plan = {"trace": self.path("trace"), "kill": kill}
        self.stamps = Stamps(new_token(time.time()))
        self.environ = {
            "HOME": self.place, "FJD_DIR": self.place,
            "PATH": os.environ["PATH"],
        }
        self.tested = None
        self.started = []
        self.puppets = []
        self.draft = None
        self.expected = {}  # job: the places where it may be in the end
        self.tasks = {}     # task: the events that it may end with
        self.commands = []  # those of a fjd run, each of which becomes a task
        self.again = []     # what a person types again in the end
        self.removes = ()   # and in the very end, to remove all that ended
        self.slurm = None   # a batch system, once there is one
        open(self.path("hold"), "w").close()

    def path(self, name):
        return os.path.join(self.place, name)

    # Processes

    def start(self, name, *arguments):
        return self.launch(command(name, *arguments))

    def launch(self, argv, stdin=subprocess.DEVNULL):
        with open(self.path("output"), "a") as output:
            self.started.append(subprocess.Popen(
                argv, env=self.environ, cwd=self.place, stdout=output,
                stdin=stdin, stderr=subprocess.STDOUT,
            ))
        return self.started[-1]

    def fake(self, name, script):
        """Put a program on PATH."""
        path = self.path(name)
        with open(path, "w") as file:
            file.write(f"#!/bin/sh\n{script}\n")
        os.chmod(path, 0o700)
        self.environ["PATH"] = f"{self.place}:{os.environ['PATH']}"

    def have_slurm(self):
        """Put the programs of a fake Slurm on PATH."""
        self.slurm = FakeSlurm(pathlib.Path(self.path("slurm")))
        self.environ["PATH"] = f"{self.slurm.place}:{os.environ['PATH']}"

    def test(self, name, *arguments, stdin=subprocess.DEVNULL, **plan):
        """Start the command that is tested."""
        self.plan.update(plan)
        runner = [sys.executable, faults.__file__, json.dumps(self.plan)]
        self.tested = self.launch(
            runner + command(name, *arguments)[1:], stdin)

    def wait(self, condition):
        """Until it is true, or the process that is tested has ended."""
        wait_until(lambda: condition() or self.tested.poll() is not None)
        if not condition():
            raise Killed

    def wait_for_end(self):
        wait_until(lambda: self.tested.poll() is not None)

    def trace(self):
        """The points that the process that is tested has come to."""
        return self.lines("trace")

    def is_beyond(self, point):
        return any(
            line.startswith("after") and line.endswith(point)
            for line in self.trace()
        )

    def processes(self):
        """All that were started for this stage, and by these, and live."""
        mark = f"FJD_DIR={self.place}".encode()
        found = []
        for name in filter(str.isdigit, os.listdir("/proc")):
            try:
                with open(f"/proc/{name}/environ", "rb") as file:
                    if mark in file.read().split(b"\0"):
                        found.append(int(name))
            except OSError:
                continue
        return found

    def recruiters(self):
        """Those that a killed process has left: to have exactly the number
        of workers that it was told, one may let go the one that we start.
        """
        return [pid for pid in self.processes() if is_recruiter(pid)]

    def end_all(self):
        """Whatever has happened."""
        self.kill_puppets()
        for pid in self.processes():
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                pass
        for process in self.started:
            process.wait()

    # What users and jobs do

    def put(self, job, script="", place="done", text=""):
        """A job that tells that it runs, and does what the script does."""
        program = f'#!/bin/sh\necho "$FJD_ATTEMPT" >> runs\n{script}\n'
        draft = self.project.path("jobqueue", ".draft")
        with open(draft, "w") as file:
            file.write(text or program)
        os.chmod(draft, 0o700)
        os.utime(draft, (1, 1))
        os.rename(draft, self.project.path("jobqueue", job))
        self.expected[job] = [place]

    def put_array(self, array, *scripts, chunk=0, missing=(), **keys):
        """An array whose tasks tell that they run, and do what scripts do.

        missing: the first tasks of ranges that are not put.
        """
        lines = [f"{TELLING}{script}" for script in scripts]
        put_list(self.project, array, "".join(
            f"{line}\n" for line in lines).encode(), self.stamps.new())
        common = Common(
            "", os.path.realpath(self.place), tuple(keys.items()))
        starts = [0, *accumulate(len(line) + 1 for line in lines)]
        for first, last in ranges(len(lines), chunk or len(lines)):
            if first not in missing:
                put_range(self.project, array, first, last, common,
                          starts[first - 1], self.stamps.new())
        self.expect(array, *["done"] * len(lines))

    def expect(self, array, *events):
        """Let the tasks of an array end so; more words: one of these (-: or
        it is gone).
        """
        for number, words in enumerate(events, 1):
            self.tasks[f"{array}:{number}"] = words.replace("-", "").split(" ")

    def put_half(self, job, place):
        """What cannot be run, and may still be written."""
        self.draft = open(self.project.path("jobqueue", job), "w")
        self.draft.write("nonsense")
        self.draft.flush()
        self.expected[job] = [place]

    def still_writes(self):
        """Whoever writes half a job has not left it yet."""
        os.utime(self.draft.fileno())

    def release(self):
        """Jobs that hold may end, and nobody writes a job any more."""
        if os.path.exists(self.path("hold")):
            os.unlink(self.path("hold"))
        if self.draft:
            os.utime(self.draft.fileno(), (1, 1))
            self.draft.close()

    def lines(self, name):
        try:
            with open(self.path(name)) as file:
                return file.read().splitlines()
        except FileNotFoundError:
            return []

    def runs(self):
        """The attempts that have begun, in that order."""
        return self.lines("runs")

    def has_printed(self, worker):
        """Whether the job that runs has."""
        return any(map(os.path.getsize, self.project.draft_logs(worker)))

    # What dispatchers and workers do

    def workers_of(self, process):
        """The ids of a process that ask for jobs."""
        return [
            asked.worker for asked in self.project.announcements()
            if asked.worker.endswith(f"-{process.pid}")
        ]

    def worker(self):
        """The id of the worker that is tested, once it asks for jobs."""
        self.wait(lambda: self.workers_of(self.tested))
        return self.workers_of(self.tested)[0]

    def give(self, worker):
        """All that waits."""
        for job in sorted(self.project.waiting()):
            attempt = Attempt.parse(job)._replace(stamp=self.stamps.new())
            self.project.assign(job, worker, attempt)

    def order(self, worker, word):
        self.project.send_order(Order(worker, self.stamps.new(), word))

    def puppet(self):
        """A worker that lives as long as a process which does nothing."""
        process = subprocess.Popen(["sleep", "1000"])
        self.puppets.append(process)
        me = myself()._replace(
            pid=process.pid, start=start_time(process.pid),
        )
        worker = enrol(self.project, "workers", me)
        self.project.make_pod(worker)
        return worker

    def begin(self, worker):
        """What a puppet does first with its first job."""
        attempt = sorted(self.project.given(worker))[0]
        self.project.begin(Running(attempt, worker))
        with open(self.path("runs"), "a") as file:
            file.write(attempt + "\n")

    def begin_range(self, worker):
        """What a puppet does with its only range: its first task is done."""
        attempt, = self.project.given(worker)
        run = Running(attempt, worker)
        self.project.begin(run)
        part = Range.parse(Attempt.parse(attempt).job)
        name = f"{attempt}:{part.first}~1"
        for file, line in ("runs", name), ("ends", f"{name} 0"):
            with open(self.path(file), "a") as file:
                file.write(line + "\n")
        Ledger(self.project, worker).write(Entry(
            DONE, f"{part.array}:{part.first}", attempt, "lab", worker,
            task=str(part.first)))

    def kill_puppets(self):
        for process in self.puppets:
            process.kill()
            process.wait()

    # The end

    def recover(self):
        """What anybody would do next; nobody cleans up."""
        self.release()
        self.kill_puppets()
        if self.tested.poll() is None:
            self.tested.send_signal(signal.SIGINT)
            self.tested.wait(HANG)
        self.start("fjd", "release", "--all").wait(HANG)
        self.age()
        for words in self.again:
            assert self.start(*words).wait(HANG) == 0, words
        wait_until(lambda: not self.recruiters())
        self.environ.pop("FJD_SESSION_NAME", None)  # Nobody hires this one.
        worker = self.start("fjd-worker", *OFTEN)
        wait_until(lambda: self.workers_of(worker))
        self.start("fjd-dispatcher", *OFTEN).wait(HANG)
        self.start("fjd-recruiter", "fire").wait(HANG)
        for process in self.started:
            process.wait(HANG)
        wait_until(lambda: not self.processes())  # Also those it had hired.

    def age(self):
        """Let the records without a word, which tell of no process, be old."""
        for name in self.project.notes(CLAIM):
            path = self.project.path("dispatchers", name)
            if not os.path.getsize(path):
                os.utime(path, (1, 1))

    def ended(self):
        """{attempt: place} of all that has ended, but no ranges."""
        return {
            name: place for place in ("done", "failed")
            for name in os.listdir(self.project.path(place))
            if not is_range_name(job_of(name))
        }

    def entries(self):
        """All lines of all ledgers."""
        return list(read_entries(self.project, self.project.ledger_files()))

    def accepted(self):
        """{task: the event that counts}, as fjd counts.

        CANCELLED: it is still to do, and lies there; "": there is none.
        """
        book = Book(self.project)
        book.look()
        for path in self.project.ledger_files():
            list(book.read(path))
        book.settle()
        events = {number: event for event, number in NUMBERS.items()}
        found = {}
        for chapter in book.chapters.values():
            file = chapter.file
            left = book.to_do(file.part) if file else []
            where = file.place if file else ""
            for number, kind in enumerate(chapter.kinds, chapter.first):
                event = events.get(kind & EVENT, "")
                found[f"{chapter.array}:{number}"] = \
                    where if number in left else event
        return found

    def last_lines(self):
        """{task: its final lines in the last attempt that has one}"""
        found = defaultdict(lambda: defaultdict(set))
        for entry in self.entries():
            if entry.task and entry.event in FINAL:
                attempt = Attempt.parse(entry.attempt)
                part = Range.parse(attempt.job)
                order = part.generation, part.next, attempt.n
                if part.next <= int(entry.task):
                    found[entry.job][order].add(entry)
        return {task: lines[max(lines)] for task, lines in found.items()}

    def ends(self):
        """{FJD_ATTEMPT of a task: its status}, of those that ended."""
        return dict(line.rsplit(" ", 1) for line in self.lines("ends"))

    def command(self, task):
        """The line of a task."""
        array, _, number = task.rpartition(":")
        with open(list_of(self.project, array)) as file:
            return file.read().splitlines()[int(number) - 1]

    def left(self):
        """What should not be there in the end."""
        known = {f"{name}.log" for name in self.runs() + list(self.ended())}
        known.update(
            entry.attempt + kind for entry in self.entries()
            for kind in (".out", ".err") if is_of_range(entry.attempt))
        return sorted(
            f"{place}/{name}" + self.empty(place, name)
            for place in DIRECTORIES
            for name in os.listdir(self.project.path(place))
            if place in TEMPORARY and not name.endswith(STAYS)
            or place == "screenlogs" and name.endswith(".err")
            or place == "joblogs" and name not in known
            or place == "arrays" and name.startswith(".")
        )

    def empty(self, place, name):
        size = os.path.getsize(self.project.path(place, name))
        return "" if size else " (empty)"

    def picture(self):
        """All files, lines and runs, to be read in a failure."""
        files = [
            os.path.relpath(os.path.join(directory, name), self.project.root)
            for directory, _, names in os.walk(self.project.root)
            for name in names
        ]
        lines = [
            f"{entry.event} {entry.attempt} {entry.how}"
            for entry in self.entries()
        ]
        return "\n".join(
            sorted(files) + lines + ["runs:"] + self.runs()
            + ["output:"] + self.lines("output")
        )


def is_recruiter(pid):
    try:
        with open(f"/proc/{pid}/cmdline", "rb") as file:
            return b"/fjd-recruiter\0" in file.read()
    except OSError:
        return False


def job_of(attempt):
    return Attempt.parse(attempt).job


def is_of_range(attempt):
    return is_range_name(job_of(attempt))


def task_of(name):
    """The task, the range's attempt and the try of a task's FJD_ATTEMPT."""
    attempt, _, number = name.rpartition(":")
    task, _, turn = number.partition("~")
    return f"{job_of(attempt).rpartition('=')[0]}:{task}", attempt, int(turn)
