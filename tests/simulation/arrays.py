"""The arrays of one story: what they are, and what persons do with them.

All is drawn from a generator of their own, so that the stories without arrays
are what they were.
"""
import os
import random

from fjd.names import Attempt, Range
from fjd.verbs.newarray import Common, ranges
from fjd.options import MOST_LOSSES

from simulation import persons, roles
from simulation.server import FILE, USER
from simulation.world import ROOT

LIKELY = 0.4  # stories that have arrays
# Blows that fall on who has just written a line of a ledger, too.
BLOWS = ("kill", "stall", "cut", "power", "logout", "full", "hang", "term")


class Plan:
    """One array: its tasks, and the ranges that it is put in.

    A task is the line `run SECONDS STATUS`; the status may be `either` one,
    or `kill`.
    """

    def __init__(self, draw, name, fails, timeout):
        self.name = name
        self.number = draw.randint(2, 40)
        self.retries = draw.choice([0, 0, 0, 1, 2, 4])
        self.most = max(MOST_LOSSES, self.retries + 1)
        has_timeout = draw.random() < 0.15
        self.longest = draw.choice([0.02, 0.2, 2.0])  # seconds
        self.bad = set()      # tasks that cannot be run
        self.killers = set()  # tasks that kill their worker
        self.kills = draw.random() < 0.4
        self.fails = draw.choice(fails)
        lines = [self.line(draw, task) for task in range(1, self.number + 1)]
        self.data = b"".join(lines)
        sizes = [len(b"".join(lines[:task])) for task in range(self.number)]
        self.offsets = dict(enumerate(sizes, 1))
        self.ranges = set(ranges(self.number, draw.randint(1, 8)))
        self.left = set(self.ranges)  # to be put
        keys = [("retries", str(self.retries))] * bool(self.retries)
        self.timeout = draw.uniform(0.05, 1.0) if has_timeout else timeout
        self.has_timeout = bool(self.timeout)
        if self.has_timeout:
            keys.append(("timeout", f"{self.timeout:.3f}"))
        self.common = Common("", "", tuple(keys))

    def line(self, draw, task):
        if draw.random() < 0.03:
            self.bad.add(task)
            return draw.choice([b"\n", b"none\n"])
        seconds = self.longest * 100 ** -draw.random()
        status = str(int(draw.random() < self.fails))
        if draw.random() < 0.3 * self.fails:
            status = "either"
        if self.kills and len(self.killers) < 2 and draw.random() < 0.15:
            self.killers.add(task)
            status = "kill"
        return f"run {seconds:.4f} {status}\n".encode()

    def key(self, draw):
        """Some range of it."""
        return (self.name,) + draw.choice(sorted(self.ranges))


class Arrays:
    """All of one story."""

    def __init__(self, story):
        self.story = story
        self.world = story.world
        self.draw = draw = random.Random(f"arrays of {story.world.seed}")
        is_on = draw.random() < LIKELY and not story.wanted
        self.plans = []
        if is_on or "arrays" in story.wanted:
            fails = [0.9] if "local" in story.wanted else [0.0, 0.1, 0.5]
            self.plans = [Plan(draw, f"sim{number}", fails,
                               self.world.limits.timeout())
                          for number in range(draw.randint(1, 3))]
        for plan in self.plans:
            story.checks.ranges.plans[plan.name] = plan
        self.late = draw.random() < 0.5  # is something tried again at last?

    def begin(self):
        for plan in self.plans:
            self.at(self.moment(0.5), self.put, plan)
            self.plan_persons(plan)
        if "local" in self.story.wanted:
            self.begin_at_once()
        faults, on = self.world.faults, self.world.faults.on
        for kind in BLOWS if self.plans else ():
            while kind in on and self.draw.random() < 0.7:
                blow = getattr(faults, kind)
                place = self.draw.choice(["/ledger/", "/cancelled/"])
                self.at(self.moment(1.0), faults.ambushes.append,
                        (place, blow))

    def begin_at_once(self):
        """On a single host the first power cut would come before the rest."""
        story = self.story
        for what in [story.start_dispatcher] + 4 * [lambda: story.hire(2)]:
            story.start(what, at_once=True)
        for plan in self.plans:
            for _ in range(8):
                self.at(self.draw.uniform(0.5, 20.0), self.cancel_running,
                        plan)

    def moment(self, share):
        if self.draw.random() < 0.3:
            return 0.0
        return self.draw.uniform(0.0, share * self.story.heals)

    def at(self, when, what, *arguments):
        self.world.at(self.world.now + when, lambda: what(*arguments))

    def plan_persons(self, plan):
        draw = self.draw
        while draw.random() < 0.5:
            self.at(self.moment(1.0), self.person, persons.cancel_task, plan,
                    draw.randint(1, plan.number))
        while draw.random() < 0.3:
            self.at(self.moment(1.0), self.person, persons.cancel_range, plan,
                    plan.key(draw))
        while draw.random() < 0.6:
            self.at(self.moment(0.9), self.world.faults.ambushes.append,
                    ("/ledger/", lambda by: self.cancel_running(plan)))
        while draw.random() < 0.7:
            self.at(self.moment(1.0), self.retry, plan)
        while draw.random() < 0.3:
            self.at(self.moment(1.0), self.hold, plan, plan.key(draw))

    def person(self, what, plan, *arguments):
        if what is persons.cancel_task:
            self.story.checks.ranges.marks.add((plan.name,) + arguments)
        if self.world.now < self.story.heals or what is persons.retry \
                or what is persons.put:
            self.story.launch("person", what, plan, *arguments)

    def put(self, plan):
        """By a person; or at once and whole, without any fault."""
        if self.draw.random() < 0.5:
            return self.person(persons.put, plan)
        server = self.world.server
        path = f"{ROOT}/arrays/{plan.name}"
        server.create(USER, path, False).data = plan.data
        for count, (first, last) in enumerate(sorted(plan.ranges)):
            stamp = f"{count:017x}-1"
            name = Attempt(
                Range(plan.name, first, first, last).job, 1, stamp).name
            draft = f"{ROOT}/jobqueue/.{name}"
            node = server.create(USER, draft, False, FILE)
            node.data = plan.common.text(plan.offsets[first]).encode()
            server.rename(USER, draft, f"{ROOT}/jobqueue/{name}")

    def those_in(self, plan, *places):
        """The keys of its ranges that lie there now."""
        files = self.story.checks.ranges.files
        return [key for key in sorted(files)
                if key[0] == plan.name and files[key].place in places]

    def cancel_running(self, plan):
        keys = self.those_in(plan, "running")
        if not keys:
            return
        key = max(keys, key=lambda key: key[2] - key[1])
        faults = self.world.faults
        if "power" in faults.on:
            place = "/cancelled/{}={}.".format(*key)
            faults.ambushes.append((place, faults.power))
        self.person(persons.cancel_range, plan, key)

    def retry(self, plan):
        keys = self.those_in(plan, "failed", "cancelled")
        key = self.draw.choice(keys) if keys else plan.key(self.draw)
        number = 0
        if self.draw.random() < 0.3:
            number = self.draw.randint(key[1], key[2])
        self.person(persons.retry, plan, key, number)

    def hold(self, plan, key):
        """And let it wait again: all that is held is released at last."""
        file = self.story.checks.ranges.files.get(key)
        if file and self.world.now < self.story.heals:
            job = Attempt.parse(os.path.basename(file.path)).job
            verb = self.draw.choice(["hold", "release"])
            self.story.launch("person", roles.ask, verb,
                              [job.partition("@")[0]])

    # After healing

    def help(self):
        """Put again what was not put; true if there was something to do."""
        if self.story.living("person"):
            return True
        for plan in self.plans:
            if plan.left:
                self.person(persons.put, plan)
                return True
        return False

    def wants_more(self):
        """Once, when all has ended, failed tasks are tried again."""
        if not self.late:
            return False
        self.late = False
        for plan in self.plans:
            self.retry(plan)
        return bool(self.plans)
