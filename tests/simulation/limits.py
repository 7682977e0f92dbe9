"""Workers that leave by themselves, and what only one of a host may have.

All is drawn from a generator of their own, so that the stories without such
workers are what they were.  After all is healed, workers without limits come.
"""
import errno
import os
import random
from math import inf

from fjd.hosts import gpuslot, slot
from fjd.ledger import FAILED
from fjd.verbs.limits import MOST, SLOW, TOO_LONG

from simulation.world import ROOT

LIKELY = 0.35   # stories that have such workers
SLOWNESS = 30.0  # seconds that a job may take to begin without a delay
DELAYS = {"stall", "freeze", "cut", "hang", "clock"}


class Limits:
    """Those of one story."""

    def __init__(self, story):
        self.story = story
        self.world = story.world
        self.checks = story.checks
        self.heals = story.heals
        self.draw = random.Random(f"limits of {story.world.seed}")
        is_on = self.draw.random() < LIKELY and not story.wanted
        self.are_on = is_on or "limits" in story.wanted
        self.gpus = ["0", "1"][:self.draw.choice([0, 0, 1, 2])] \
            if self.are_on else []
        # In some stories all workers of a time have as little of it.
        self.life = self.draw.choice([0.0, self.draw.uniform(1.0, 20.0)])
        self.ends = {}  # process: (its first moment, its last one), here

    def of(self, process):
        """How long a worker stays: the keywords of verbs/limits.py."""
        if not self.are_on or self.world.now > self.heals:
            return {}
        now, choice = self.world.now, self.draw.choice
        idle = choice([inf, self.draw.uniform(0.2, 2.0),
                       self.draw.uniform(2.0, 40.0)])
        life = self.life or choice([inf, self.draw.uniform(0.2, 8.0),
                                    self.draw.uniform(8.0, 150.0)])
        notice = choice([0.0, 0.3 * min(life, 100.0)])
        self.ends[process] = now, now + life, notice
        self.world.note("limits", process, idle, life, notice)
        return {"idle": idle, "until": process.clock.time() + life,
                "notice": notice}

    def timeout(self):
        """Seconds for a job that has none; 0.0: it stays so."""
        if not self.are_on or self.draw.random() < 0.5:
            return 0.0
        return self.draw.uniform(0.5, 2.0 * self.life or 100.0)

    def begin(self):
        """Workers come again and again, as those before have left."""
        while self.are_on and self.draw.random() < 0.9:
            self.world.after(self.draw.uniform(0.0, self.heals),
                             lambda: self.story.hire(self.draw.randint(1, 3)))

    # What must hold

    def begins(self, process, job):
        """A job that does not fit does not begin, unless something kept its
        worker for so long after that it had decided.
        """
        _, end, notice = self.ends.get(process, (0.0, inf, 0.0))
        left = end + SLOWNESS - self.world.now
        if job.timeout:
            left -= job.timeout + notice
        if DELAYS.isdisjoint(self.world.faults.on):
            self.checks.demand(left >= 0.0, "it begins, and does not fit",
                               process.name, job.timeout)

    def may_fail(self, process, job, timeout):
        """Whether a job, or a task of an array, may fail because it fits into
        no worker's time.
        """
        begun, end, notice = self.ends.get(process, (0.0, inf, 0.0))
        is_long = timeout > end - notice - begun - SLOW - SLOWNESS
        lines = [entry for entry in self.entries() if same(entry) == job]
        tried = sum(entry.reason == TOO_LONG.reason for entry in lines)
        is_rm = {"rm", "full"} & set(self.world.faults.on)
        self.checks.demand(tried + 1 >= MOST or is_rm, "too few have tried it",
                           job, tried)
        return is_long

    def entries(self):
        from simulation.checks import entries_in
        for name in self.world.server.listing(f"{ROOT}/ledger"):
            data = self.checks.content(f"{ROOT}/ledger/{name}")
            yield from entries_in(data or b"")

    def has_failed_of_it(self, attempt):
        """Whether an attempt's line says so, or was lost on a full disk."""
        if os.fsencode(attempt) in self.checks.unsaved:
            return True
        return any(entry.attempt == attempt and entry.event == FAILED
                   and entry.reason == TOO_LONG.given_up
                   for entry in self.entries())

    # Slots

    def take(self, process):
        """A slot, and a GPU if there are any; False if none is free."""
        if not self.are_on:
            return True
        process.release()
        process.slot = slot.bind(ROOT, lambda: Socket(process))
        process.gpu = ""
        if self.gpus:
            process.gpu = gpuslot.bind(self.gpus, lambda: Socket(process))
        for other in process.host.processes.values():
            if other is not process and not other.is_dead and other.slot:
                self.checks.demand(
                    other.slot != process.slot, "two have one slot",
                    process.name, other.name)
                self.checks.demand(
                    not process.gpu or other.gpu != process.gpu,
                    "two have one GPU", process.name, other.name)
        return bool(process.gpu or not self.gpus)


def same(entry):
    """The job of an entry; of a task, its array."""
    return entry.job.rpartition(":")[0] if entry.task else entry.job


class Socket:
    """An abstract Unix socket of a process (unix(7)): the kernel keeps its
    name until the process is dead.
    """

    def __init__(self, process):
        self.process = process

    def bind(self, name):
        names = self.process.host.names
        owner = names.get(name)
        if owner and not owner.is_dead and owner is not self.process:
            raise OSError(errno.EADDRINUSE, os.strerror(errno.EADDRINUSE))
        names[name] = self.process
