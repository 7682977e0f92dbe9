"""Time, hosts and processes: one event after another, as the seed has it.

Each process is a greenlet.  When it calls the system it gives way to
whatever happens first; so processes meet between any two calls, and may
die, or be stopped, there.
"""
import collections
import heapq
import random
import traceback
import types
import zlib

from greenlet import getcurrent, greenlet, GreenletExit

from fjd import files
from fjd.errors import FjdError
from fjd.members import Here
from fjd.process import Ending
from fjd.project import Project

from simulation.client import Client, SimOS
from simulation.server import Server

ROOT = "/home/fjd/p"
SHOWN = 60  # of the last events
KILLED_AFTER = 0.01  # seconds, by a job that kills its worker
with open(files.__file__) as source:
    FILES = compile(source.read(), files.__file__, "exec")


class Violation(Exception):
    """Something that must always hold did not."""


class World:
    """All there is, and what happens to it."""

    def __init__(self, seed, home):
        self.seed = seed
        self.random = random.Random(seed)
        self.draw = self.random.random  # from 0 to 1
        self.now = 0.0
        self.events = []  # a heap: when, number, what
        self.count = 0
        self.trace = collections.deque(maxlen=SHOWN)
        self.hash = 0
        self.hosts = []
        self.processes = []
        self.home = home
        self.server = self.checks = self.faults = None
        self.latency = 0.001 * 10 ** (2 * self.draw())
        self.members = {}  # worker or dispatcher id: its process
        self.is_over = False
        self.hub = getcurrent()

    def watch(self, checks, faults):
        self.checks, self.faults = checks, faults
        self.server = Server(self, checks)

    # Drawing

    def between(self, low, high):
        return low + (high - low) * self.draw()

    def chance(self, probability):
        return self.draw() < probability

    def one_of(self, things):
        return things[int(self.draw() * len(things))]

    # Time

    def at(self, when, what):
        self.count += 1
        heapq.heappush(self.events, (when, self.count, what))
        return self.count

    def after(self, seconds, what):
        return self.at(self.now + seconds, what)

    def run(self):
        while self.events and not self.is_over:
            self.now, self.number, what = heapq.heappop(self.events)
            what()

    def end(self):
        """All processes die, so that no greenlet stays behind."""
        self.is_over = True
        for process in self.processes:
            process.kill()

    def note(self, kind, by, *details):
        """Remember an event, to be told if something goes wrong."""
        event = (self.now, kind, getattr(by, "name", by)) + details
        self.trace.append(event)
        self.hash = zlib.crc32(repr(event).encode(), self.hash)

    def lose(self, data):
        """What was written and did not come to the server."""
        self.note("lost data", "", data[:200])
        self.checks.lost(data)


class Host:
    """A machine: a clock, a view of the file server, processes and jobs."""

    def __init__(self, world, name):
        self.world = world
        self.name = name
        self.number = len(world.hosts)
        # Some do not tell their boot id; in some there is a container, too.
        self.has_boot_id = not world.chance(0.1)
        self.namespaces = ["1", "2"] if world.chance(0.1) else ["1"]
        self.boots = 0
        self.skew = 1.5e9 + world.between(-1e6, 1e6)
        self.cut_until = 0.0
        self.last_pid = 1
        self.come_up()

    def come_up(self):
        self.is_up = True
        self.boots += 1
        self.booted = self.world.now - self.world.between(10, 1e5)
        self.client = Client(self.world.home)
        self.processes = {}  # pid: process
        self.names = {}      # of sockets: who has bound it
        self.jobs = []

    def power_off(self):
        """What was not flushed is lost, and all that ran."""
        self.world.note("power cut", self.name)
        self.is_up = False
        for handle in self.client.unsaved:
            self.world.lose(b"".join(data for _, data in handle.pending))
            handle.pending = []
        for process in list(self.processes.values()):
            process.kill()
        for job in self.jobs:
            job.stop("power cut")

    @property
    def boot_id(self):
        return f"{self.number}.{self.boots}" if self.has_boot_id else ""

    def power_on(self):
        self.world.note("power on", self.name)
        self.come_up()


class SimHere(Here):
    """The identity of a simulated process, and its view of its own host."""

    def state_of(self, other):
        process = self.processes.get(other.pid)
        if process is None or process.is_dead:
            return "X"
        return "T" if process.stopped_until > process.world.now else "S"


class Clock:
    """The time module, as one process sees it."""

    def __init__(self, process):
        self.process = process
        self.world = process.world
        self.sleep = process.sleep

    def time(self):
        return self.world.now + self.process.host.skew

    def monotonic(self):
        return self.world.now - self.process.host.booted


class Process:
    """One run of a program: the greenlet, and what the kernel knows."""

    def __init__(self, host, role, program, *arguments, pidns=""):
        host.last_pid += 1
        self.host, self.world, self.pid = host, host.world, host.last_pid
        self.name = f"{role}:{host.name}:{self.pid}"
        self.role = role
        self.is_dead = False
        self.stopped_until = 0.0
        self.slot = self.gpu = ""  # what it has bound
        self.expected = 0       # the number of the event that resumes it
        self.signals = set()
        self.is_waiting = False
        self.clock = Clock(self)
        self.here = SimHere(
            host.name, host.boot_id,
            pidns or self.world.one_of(host.namespaces), self.pid,
            str(self.pid))
        self.here.processes = host.processes
        self.project = Project(ROOT, self.new_files())
        self.program = lambda: program(self, *arguments)
        self.greenlet = greenlet(self.live, self.world.hub)
        host.processes[self.pid] = self
        self.world.processes.append(self)
        self.resume_after(0.0)

    def new_files(self):
        """The real module files, on a simulated os."""
        module = types.ModuleType("files")
        exec(FILES, module.__dict__)
        module.os = SimOS(self)
        module.is_fuse = lambda directory: self.world.home.is_fuse
        module.is_local = lambda directory: self.world.home.is_local
        module.is_reusable = lambda descriptor: False
        module.device = lambda path: 0
        return module

    def live(self):
        try:
            self.program()
        except (GreenletExit, KeyboardInterrupt):
            pass
        except (OSError, FjdError) as error:
            # As command.run() does: it says so and ends.
            self.world.note("ends", self, str(error))
        except Violation:
            raise
        except Exception as error:
            where = traceback.format_exc().splitlines()[-3].strip()
            raise Violation(f"it crashed: {self.name} {error!r} {where}")
        self.is_dead, self.died = True, self.world.now
        self.world.note("ended", self)
        self.project.files.os.close_all()

    def release(self):
        """Close its sockets, as execve(2) does."""
        names = self.host.names
        for name in [name for name in names if names[name] is self]:
            del names[name]
        self.slot = self.gpu = ""

    # Giving way

    def resume_after(self, seconds):
        self.expected = self.world.after(seconds, self.resume)

    def resume(self):
        world = self.world
        if self.is_dead or world.number != self.expected:
            return  # Something else has woken it.
        if self.stopped_until > world.now:
            self.expected = world.at(self.stopped_until, self.resume)
            return
        self.greenlet.switch()

    def sleep(self, seconds):
        """Let others go on; nothing to do if nobody would."""
        self.check()
        world = self.world
        wake = world.now + max(seconds, 1e-6)
        if world.events and world.events[0][0] <= wake \
                or self.stopped_until > world.now:
            self.expected = world.at(wake, self.resume)
            world.hub.switch()
            self.check()
        else:
            world.now = wake

    def travel(self):
        """To the server, or back; as long as that takes."""
        world = self.world
        delay = world.latency * world.draw()
        if world.draw() < 0.01:
            delay *= 100
        self.sleep(delay)
        while self.is_cut_off():
            until = max(self.host.cut_until, world.faults.frozen_until)
            self.sleep(until - world.now + delay)

    def is_cut_off(self):
        now, faults = self.world.now, self.world.faults
        return self.host.cut_until > now or faults.frozen_until > now

    def check(self):
        if self.is_dead:
            raise GreenletExit

    # Signals

    def wait(self, seconds):
        """Until a signal comes, at most so long; the signals."""
        if not self.signals:
            self.is_waiting = True
            self.sleep(seconds)
            self.is_waiting = False
        signals, self.signals = self.signals, set()
        return signals

    def signal(self, number):
        if self.is_dead:
            return
        self.signals.add(number)
        if self.is_waiting:
            self.resume_after(0.0)

    def interrupt(self):
        """Ctrl-C."""
        if not self.is_dead:
            self.world.note("interrupt", self)
            self.throw(KeyboardInterrupt)

    def kill(self):
        """SIGKILL: not one system call more."""
        if not self.is_dead:
            self.is_dead, self.died = True, self.world.now
            self.world.note("killed", self)
            self.throw(GreenletExit)

    def throw(self, what):
        assert getcurrent() is not self.greenlet
        try:
            self.greenlet.throw(what)
        except KeyboardInterrupt:
            self.is_dead, self.died = True, self.world.now  # Not begun yet.


class JobRun:
    """The processes of one attempt."""

    def __init__(self, worker, attempt, seconds, status, log):
        self.worker = worker  # its process
        self.attempt = attempt
        self.task = ""  # its number, if it is one of an array
        self.status = status
        self.log = log
        # "" while it runs; "exit" if it ended by itself, "signal" by one that
        # its worker gets, too.
        self.how = ""
        self.host = worker.host
        self.host.jobs.append(self)
        worker.world.after(seconds, self.end)

    def end(self):
        """By itself, unless something holds it up."""
        left = self.worker.world.faults.seconds_left(self.attempt)
        if left:
            self.worker.world.after(left, self.end)
        else:
            self.stop("exit")

    def signal(self, status):
        """TERM, which ends it with that status."""
        if not self.how:
            self.status = status
            self.stop("signal")

    def stop(self, how):
        if self.how:
            return
        self.how = how
        world = self.worker.world
        self.host.jobs = [job for job in self.host.jobs if job is not self]
        world.note("job stops", self.worker, self.attempt, how, self.status)
        if how == "exit" and self.log:
            self.log.node.data += b"hello\n"
            self.host.client.has_written(self.log.path)
        self.worker.signal("CHLD")


class SimProcesses:
    """fjd.process.Processes, for one process of a simulated host."""

    def __init__(self, process):
        self.process = process
        self.world = process.world
        self.child = None

    def start(self, job, environ, logs):
        if job.argv[0] != "run":
            raise FileNotFoundError(2, "No such file", job.argv[0])
        self.world.faults.fork()
        self.world.limits.begins(self.process, job)
        handle = self.process.project.files.os.handle(logs[0])
        kills = job.argv[2] == "kill"
        is_either = kills or job.argv[2] == "either"
        status = self.world.chance(0.5) if is_either else int(job.argv[2])
        seconds = float(job.argv[1])
        attempt = environ[b"FJD_ATTEMPT"].decode()
        prints = handle if self.world.chance(0.5) else None
        self.child = JobRun(self.process, attempt, seconds, status, prints)
        self.child.task = environ.get(b"FJD_TASK", b"").decode()
        self.world.note("job starts", self.process, attempt)
        self.world.checks.started(self.child, environ[b"FJD_WORKER"].decode())
        if kills:
            self.world.after(KILLED_AFTER, self.process.kill)

    def poll(self):
        """How the job ended, told once; None while it runs."""
        assert self.child is not None
        if not self.child.how:
            return None
        child, self.child = self.child, None
        is_own = child.how in ("exit", "signal")
        catches = child.how == "signal"
        return Ending(child.status if is_own else -15, catches=catches)

    def end_trees(self, attempts, logs=()):
        tasks = tuple(f"{attempt}:" for attempt in attempts)
        for job in list(self.process.host.jobs):
            if job.attempt in attempts or job.attempt.startswith(tasks):
                job.stop("ended")
        self.process.clock.sleep(0.02)
