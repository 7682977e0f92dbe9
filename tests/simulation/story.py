"""One seed, from beginning to end: who takes part, and what they do.

Until all is healed, things go wrong, and nobody looks after them.  Then
somebody does what the README tells a user to do, starts a dispatcher and
hires workers where there are none, until all jobs have ended; and at last
fires the workers.  In some worlds cron starts passes of a dispatcher, and in
some of these nobody starts any other from then on.
"""
import os
from typing import Any, NamedTuple

import fjd.names
from fjd.verbs.audit import audit

from simulation import roles
from simulation.arrays import Arrays
from simulation.checks import Checks, may_stay
from simulation.client import LAGGING, LOCAL, NFS, SSHFS
from simulation.faults import Faults
from simulation.limits import Limits
from simulation.server import DIRECTORY, FILE, LINK, USER
from simulation.world import Host, Process, ROOT, Violation, World

BAD = (b"", b"no INI file", b"[control]\n", b"[control]\nexecutable: none\n")
LONGEST = 1200.0  # seconds from healing until all must be at rest
LOOK = (5, 30)   # seconds between two looks of who takes care
PASSES = 20      # that cron may take longer for this


class Job:
    """What the user wanted: a file of that name."""

    def __init__(self, name, is_bad):
        self.name = name
        self.path = ""
        self.is_bad = is_bad
        self.is_wanted = True
        self.is_accepted = False
        self.timeout = 0.0

    @property
    def has_timeout(self):
        return bool(self.timeout)


class Story:
    """Everything in one world that is not a fault."""

    def __init__(self, seed, wanted):
        # Faults that are on; also "cron", "fire", "arrays", "limits", "local".
        self.wanted = wanted
        world = self.world = World(seed, None)
        world.home = world.one_of([NFS] * 7 + [SSHFS, LAGGING, LOCAL])
        if "local" in wanted:
            world.home = LOCAL
        self.checks = Checks(world)
        heals = world.between(20, 120)
        world.watch(self.checks, Faults(world, heals))
        world.server.directories[ROOT.rpartition("/")[0]] = {}
        world.server.mkdir(USER, ROOT)
        number = 1 if world.home is LOCAL else self.few(3, 20)
        twins = world.one_of([1, 1, 1, 2])  # hosts of one name
        for i in range(number):
            world.hosts.append(Host(world, f"h{i // twins}"))
        self.interval = world.one_of([0.3, 1.0, 5.0])
        self.longest = world.one_of([0.05, 10.0, 50.0])  # seconds of a job
        self.slow = world.one_of([0.05, 0.05, 0.5])  # how many come in halves
        self.is_rush = world.chance(0.3)  # all jobs at once
        self.alike = world.one_of([0.05, 0.2, 0.8])  # how many are namesakes
        self.heals = heals
        self.drafts = 0
        self.period = world.one_of([20.0, 60.0])  # of cron, in seconds
        self.is_cron_on = "cron" in wanted or world.chance(0.3)
        self.is_left_to_cron = self.is_cron_on and world.chance(0.4)
        passes = PASSES if self.is_left_to_cron else 0
        self.rests = heals + LONGEST + passes * self.period
        world.limits = Limits(self)
        self.arrays = Arrays(self)
        if self.arrays.plans:
            self.rests += LONGEST + 2 * passes * self.period

    def few(self, least, most):
        """Mostly few."""
        return least + int((most - least + 1) * self.world.draw() ** 3)

    def random_bytes(self, size):
        """As os.urandom() has them, for names.py."""
        bits = self.world.random.getrandbits(8 * size)
        return bits.to_bytes(size, "big")

    def tell(self):
        """Raises Violation if the story does not end well."""
        world = self.world
        real, fjd.names.urandom = fjd.names.urandom, self.random_bytes
        try:
            Process(world.hosts[0], "setup", self.begin)
            world.at(self.heals + 1.0, self.take_care)
            world.run()
            self.checks.at_rest()
        finally:
            world.end()
            fjd.names.urandom = real

    def begin(self, process):
        process.project.make_directories()
        world = self.world
        has_dead = self.is_left_to_cron and world.chance(0.8)
        world.faults.choose(self.wanted or ["power"] * has_dead)
        world.note("story", "", world.home.name, len(world.hosts),
                   *world.faults.on)
        for _ in range(self.few(2, 12)):
            self.start(self.hire_or_start)
        self.start_fires(0.8 if "fire" in self.wanted else 0.3)
        if not self.is_cron_on or world.chance(0.5):
            for _ in range(1 + (world.chance(0.5)) + world.chance(0.2)):
                self.start(self.start_dispatcher)
        for number in range(self.few(8, 40)):
            self.start(lambda n=number: self.want(n), self.is_rush)
        for number in range(100, 105):
            world.faults.plan(lambda victim, n=number: self.want(n))
        self.arrays.begin()
        world.limits.begin()
        if self.is_cron_on:
            for host in world.hosts[:1 + int(6 * world.draw())]:
                offset = world.one_of([0.0, self.period]) * world.draw()
                world.after(offset, lambda h=host: self.cron(h))

    def start(self, what, at_once=False):
        """Now, or some time before all is healed."""
        when = 0.0
        if not at_once and self.world.chance(0.7):
            when = self.world.between(0, self.heals * 0.9)
        self.world.at(self.world.now + when, what)

    # Programs

    def host(self):
        up = [host for host in self.world.hosts if host.is_up]
        return self.world.one_of(up) if up else None

    def launch(self, role, program, *arguments):
        host = self.host()
        return host and Process(host, role, program, *arguments)

    def hire_or_start(self):
        if self.world.chance(0.6):
            self.hire(1 + int(self.world.draw() * 3))
        else:
            self.launch("worker", roles.worker, "none", self.interval)

    def hire(self, number):
        return self.launch("recruiter", roles.hire, number, self.interval)

    def start_fires(self, likely):
        while self.world.chance(likely):
            self.start(self.fire)

    def fire(self):
        """Who is told to leave, may be killed before that is heeded."""
        faults = self.world.faults
        if "kill" in faults.on:
            faults.ambushes.append(("/orders/", faults.kill))
        self.launch("recruiter", roles.fire)

    def start_dispatcher(self):
        world = self.world
        self.launch("dispatcher", roles.dispatcher, self.interval,
                    world.chance(0.2), world.chance(0.8))

    def cron(self, host):
        """Start a pass, and the next one a period later, or some periods."""
        world = self.world
        if host.is_up and self.is_cron_on:
            Process(host, "pass", roles.once, self.interval)
        misses = world.chance(0.1) and world.faults.is_on()
        periods = 1 + misses * self.few(1, 5)
        world.after(periods * self.period + world.between(-0.5, 0.5),
                    lambda: self.cron(host))

    # The user's jobs

    def want(self, number):
        """Put a job; sometimes change one's mind, or do it badly."""
        world = self.world
        name = f"job{number}"
        if world.chance(self.alike):
            name = world.one_of(["same", "other"])
        if world.chance(0.03):
            name = "-bad"
        is_bad = world.chance(0.1)
        job = Job(name, is_bad)
        if is_bad:
            return self.put_bad(job)
        text = self.text(job)
        # Nobody can tell that half a file is young when the clock jumps.
        if world.chance(self.slow) and "leap" not in world.faults.on:
            return self.put_slowly(job, text)
        self.put(job, FILE, text)
        if world.chance(0.1):
            world.after(world.between(0, 5), lambda: self.cancel(job))
        while world.chance(0.2):
            verb = world.one_of(["hold", "release", "cancel", "retry"])
            world.after(world.between(0, 20), lambda v=verb: self.ask(v, job))

    def ask(self, verb, *jobs):
        """What somebody does from a shell, to all of that name."""
        if self.world.now < self.heals or verb == "release":
            self.launch("person", roles.ask, verb, [job.name for job in jobs])

    def text(self, job):
        world = self.world
        seconds = self.longest * 1000 ** -world.draw()
        status = int(world.chance(0.2))
        text = f"[control]\nexecutable: run {seconds:.3f} {status}\n"
        if world.chance(0.1):
            text += f"retries: {self.few(1, 4)}\n"
        if world.chance(0.1):
            job.timeout = world.between(0.1, 10)
        job.timeout = job.timeout or world.limits.timeout()
        if job.timeout:
            text += f"timeout: {job.timeout:.3f}\n"
        return text.encode()

    def put_bad(self, job):
        kind = self.world.one_of([FILE] * 4 + [DIRECTORY, LINK])
        text = self.world.one_of(BAD) if kind == FILE else b""
        self.put(job, kind, text)

    def put(self, job, kind, text):
        """A draft, then a rename."""
        self.drafts += 1
        server = self.world.server
        draft = f"{ROOT}/jobqueue/.draft{self.drafts}"
        node = server.create(USER, draft, False, kind, job)
        node.data = text
        self.checks.jobs.append(job)
        target = f"{ROOT}/jobqueue/{job.name}"
        there = server.find(target)
        if there and (there.kind == DIRECTORY or kind == DIRECTORY):
            job.is_wanted = False  # rename(2) refuses.
            return server.unlink(USER, draft)
        server.rename(USER, draft, target)

    def put_slowly(self, job, text):
        """Half of it in place, the rest soon after."""
        world = self.world
        path = f"{ROOT}/jobqueue/{job.name}"
        if world.server.find(path):
            return
        job.path = path
        self.checks.jobs.append(job)
        node = world.server.create(USER, path, True, FILE, job)
        world.server.write(USER, path, node, 0, text[:15])
        world.after(
            world.between(0, 0.9),
            lambda: world.server.write(USER, path, node, 15, text[15:]))

    def cancel(self, job):
        """rm a job that waits."""
        server = self.world.server
        if job.path.startswith(f"{ROOT}/jobqueue/"):
            node = server.find(job.path)
            if node and node.job is job:
                job.is_wanted = False
                server.unlink(USER, job.path)

    # After healing

    def take_care(self):
        world = self.world
        if world.now > self.rests:
            raise Violation("no rest: " + ", ".join(self.unrest()))
        if self.is_left_to_cron:
            self.interrupt("dispatcher")
        has_ended = self.checks.jobs and all(
            job.is_accepted or not job.is_wanted for job in self.checks.jobs)
        is_busy = self.arrays.plans and self.arrays.help()
        if has_ended and not is_busy and not self.arrays.wants_more():
            self.finish()
        else:
            self.help()
        if not world.is_over:
            world.after(world.between(*LOOK), self.take_care)

    def living(self, role):
        return [
            p for p in self.world.processes
            if p.role == role and not p.is_dead
        ]

    def help(self):
        if not self.is_left_to_cron and not self.living("dispatcher"):
            self.launch("dispatcher", roles.dispatcher, self.interval)
        if not self.living("recruiter") and not self.living("worker"):
            self.hire(2)
        held = self.world.server.listing(f"{ROOT}/held")
        if held and not self.living("person"):
            self.ask("release")

    def finish(self):
        """Fire, while a dispatcher looks for the dead; then Ctrl-C.

        What is left to cron has to be at rest before that, but for those
        who live.
        """
        left, dispatchers = self.unrest(), self.living("dispatcher")
        dead = self.is_left_to_cron and self.of_the_dead()
        self.is_cron_on = self.is_left_to_cron \
            and bool(dead or self.living("worker"))
        if dead or self.living("auditor"):
            return
        if not left and not dispatchers:
            self.launch("auditor", self.audit)
            return
        members = self.world.members
        if all(members.get(member_in(name)) in dispatchers for name in left):
            return self.interrupt("dispatcher")
        if not dispatchers and self.leftovers() and not self.is_left_to_cron:
            self.launch("dispatcher", roles.dispatcher, 5.0, True)
        if not self.living("recruiter"):
            self.launch("recruiter", roles.fire)

    def interrupt(self, role):
        for process in self.living(role):
            process.interrupt()

    def audit(self, process):
        """A last pass, what bin/fjd audit finds, and then all is over."""
        process.clock.sleep(self.world.home.listing)
        roles.once(process, self.interval)
        findings = audit(process.project, process.here).findings
        # Nobody can account for what stood in a ledger that was lost.
        findings = [finding for finding in findings if os.fsencode(
            finding.partition(":")[0]) not in self.checks.unsaved]
        if findings:
            raise Violation("audit: " + "; ".join(findings))
        self.world.is_over = True

    def leftovers(self):
        """What dead members have left."""
        directories = self.world.server.directories
        return [
            name for place in ("jobpods", "running", "orders", "workerqueue",
                               "workers", "dispatchers")
            for name in directories[f"{ROOT}/{place}"]
            if not may_stay(place, name)
        ]

    def of_the_dead(self):
        """What no living member has anything to do with."""
        living = [member for member, process in self.world.members.items()
                  if not process.is_dead]
        return [name for name in self.leftovers()
                if not any(member in name for member in living)]

    def unrest(self):
        """What is not as it has to be at last."""
        unsaved = [h.path for host in self.world.hosts
                   for h in host.client.unsaved]
        living = [
            p.name for p in self.world.processes
            if not p.is_dead and p.role != "dispatcher"
        ]
        return self.leftovers() + unsaved + living


def member_in(name):
    """Whose a name in workers/ or dispatchers/ is."""
    is_note = name.endswith(".counts")
    return name.rsplit(".", 2)[0] if is_note else name


class Result(NamedTuple):
    """How a seed ended: what was violated, or ""."""

    violation: str
    events: Any  # the last ones
    hash: int    # of all events


def simulate(seed, wanted=()):
    story = Story(seed, wanted)
    violation = ""
    try:
        story.tell()
    except Violation as found:
        violation = str(found)
    return Result(violation, story.world.trace, story.world.hash)
