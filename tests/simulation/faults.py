"""What goes wrong, and when: which kinds, and how often, a seed decides.

Each kind is on in some seeds and off in others, for a fault hides what
another one would show ("swarm testing").  All end at one moment, so that it
can be seen that what is left comes to rest.
"""
import errno

from fjd.files import STALE
from fjd.members import BEAT
from fjd.names import Attempt
from fjd.roles.task import DOUBT, SHORT_DOUBT

from simulation.server import LEDGERS, USER

# What may befall one change, beside an error (EIO) without any effect:
LOST = "lost"    # it happens, and an error is reported
AGAIN = "again"  # the answer is lost, so it is asked for twice at once
LATE = "late"    # an error is reported, and it happens later
TWICE = "twice"  # it happens, and once more later
DEATH = "death"  # it happens, and who asked for it is killed
CHANGES = (LOST, AGAIN, LATE, TWICE, DEATH)
# What may befall processes, hosts, or the server, some times in a story:
BLOWS = (
    "kill", "term", "logout", "stall", "freeze", "cut", "power", "clock",
    "leap", "full", "storm", "rm", "rename", "hang",
)
SINGLE = CHANGES + ("error", "stale", "fork")
LIKELY = 0.3
UNNOTICED = 1.5 * BEAT  # seconds
# Where somebody has just changed something when a blow falls; "": anywhere.
MOMENTS = ("", "", "workers", "workerqueue", "jobpods", "running", "jobqueue",
           "done", "failed", "orders", "dispatchers")
# Of these, each by itself may make a live worker look dead, or its job be
# given to others.
UNSETTLING = (
    "kill", "term", "logout", "stall", "freeze", "cut", "power", "full",
    "storm", "hang", "fork", "error", "stale",
) + CHANGES


class Faults:
    """Those of one world, until it heals."""

    def __init__(self, world, heals):
        self.world = world
        self.heals = heals
        self.rates = {}
        self.on = []
        self.ambushes = []
        self.freezes = []  # (from, until)
        self.lasting = {}  # job: until then, at least
        self.frozen_until = self.full_until = self.storm_until = 0.0

    def choose(self, wanted):
        """Which kinds there are in this world; in some of them none."""
        world = self.world
        if world.chance(0.1) and not wanted:
            return
        self.on = [
            kind for kind in SINGLE + BLOWS
            if world.chance(LIKELY) or kind in wanted
        ]
        for kind in SINGLE:
            if kind in self.on:
                self.rates[kind] = 0.003 * 30 ** world.draw()
        for kind in BLOWS:
            if kind in self.on:
                for _ in range(1 + int(world.draw() * 4)):
                    self.plan(getattr(self, kind))

    def plan(self, blow):
        """At a moment, or as soon after it as somebody gets that far."""
        place = self.world.one_of(MOMENTS)

        def what():
            if place:
                self.ambushes.append((f"/{place}/", blow))
            else:
                blow(self.victim())
        self.world.at(self.world.between(0, self.heals), what)

    def has_changed(self, by, path):
        """Whom an ambush meets, is struck at once or a little later."""
        for ambush in self.ambushes:
            place, blow = ambush
            if place in path:
                self.ambushes.remove(ambush)
                when = self.world.now + 10.0 * self.world.draw() ** 5
                if when < self.heals:
                    self.world.at(when, lambda: blow(by))
                return

    @property
    def are_unsettling(self):
        return any(kind in UNSETTLING for kind in self.on)

    def is_on(self):
        return self.world.now < self.heals

    def until(self, shortest, longest):
        """A moment so many seconds from now, or when all is healed."""
        ratio = longest / shortest
        seconds = shortest * ratio ** self.world.draw()
        return min(self.world.now + seconds, self.heals)

    def silence(self, written):
        """Seconds since then, but for those that the server was frozen; who
        beats may not notice so many of them each time.
        """
        now = self.world.now
        return now - written - sum(
            max(0.0, min(end, now) - max(start, written) - UNNOTICED)
            for start, end in self.freezes)

    # Mishaps of single calls

    def befalls(self, kind):
        rate = self.rates.get(kind, 0.0)
        return rate and self.is_on() and self.world.chance(rate)

    def mishap_of_look(self):
        """An errno, or 0."""
        if self.befalls("stale"):
            return self.world.one_of(STALE)
        if self.befalls("error") or self.is_storming():
            return errno.EIO
        return 0

    def mishap_of_change(self, operation):
        """One of CHANGES, an errno, or 0."""
        for kind in CHANGES:
            if self.befalls(kind):
                return kind
        if self.befalls("error") or self.is_storming():
            return errno.EIO
        likely = 0.15 if operation == "rename" else 0.7
        if operation in ("create", "mkdir", "rename") and self.lacks(likely):
            return errno.ENOSPC
        return 0

    def is_storming(self):
        return self.storm_until > self.world.now and self.world.chance(0.3)

    def lacks(self, likely):
        return self.full_until > self.world.now and self.world.chance(likely)

    def room(self, size):
        """How many of so many bytes there is room for."""
        if not self.lacks(0.7):
            return size
        return int(size * self.world.draw()) if self.world.chance(0.3) else 0

    def fork(self):
        if self.befalls("fork"):
            raise OSError(errno.EAGAIN, "Resource temporarily unavailable")

    # Blows

    def victim(self, role=""):
        """Somebody; rather a worker that has something to do."""
        world = self.world
        busy = [job.worker for host in world.hosts for job in host.jobs]
        all_of_them = busy if busy and world.chance(0.5) else world.processes
        living = [
            process for process in all_of_them
            if not process.is_dead and process.role.startswith(role)
        ]
        return world.one_of(living) if living else None

    def kill(self, victim):
        """Somebody; rather a worker that was told to leave, and has not."""
        members = self.world.members
        fired = [members[name] for name in self.world.checks.fired
                 if name in members and not members[name].is_dead]
        if fired and self.world.chance(0.5):
            victim = self.world.one_of(fired)
        if victim:
            victim.kill()

    def worker(self, victim):
        is_worker = victim and victim.role == "worker"
        return victim if is_worker else self.victim("worker")

    def term(self, victim):
        victim = self.worker(victim)
        if victim:
            self.world.note("terminate", victim)
            victim.signal("TERM")

    def logout(self, victim):
        """TERM to each worker of a host and to its job in the same moment; a
        job that dies of it may get it some time earlier.
        """
        world, host = self.world, self.host(self.worker(victim))
        world.note("logout", host.name)
        delays = dict.fromkeys(host.processes.values(), 0.0)
        for job in list(host.jobs):
            status = world.one_of([-15, 143, 0])
            world.after(0.0, lambda j=job, s=status: j.signal(s))
            longest = DOUBT if status else SHORT_DOUBT
            delays[job.worker] = 0.9 * longest * world.draw()
        for process, delay in delays.items():
            if process.role == "worker":
                world.after(delay, lambda p=process: p.signal("TERM"))

    def stall(self, victim):
        if victim:
            victim.stopped_until = self.until(1, 250)
            self.world.note("stopped", victim, victim.stopped_until)

    def hang(self, victim):
        """A worker is stopped, and its job is not: it runs on when others
        have begun it once more, perhaps on the same host.
        """
        world = self.world
        runs = [run for host in world.hosts for run in host.jobs
                if not run.worker.is_dead]
        if runs:
            run = world.one_of(runs)
            until = world.now + world.between(60, 250)
            run.worker.stopped_until = until
            self.lasting[Attempt.parse(run.attempt).job] = until + 10.0
            world.note("hangs", run.worker, run.attempt, until)
        elif self.is_on():
            world.after(1.0, lambda: self.hang(victim))

    def seconds_left(self, attempt):
        until = self.lasting.get(Attempt.parse(attempt).job, 0.0)
        return max(0.0, until - self.world.now)

    def freeze(self, victim):
        # Processes that wait for the end of a freeze do not see a shorter one.
        begins = max(self.frozen_until, self.world.now)
        self.frozen_until = max(self.frozen_until, self.until(1, 200))
        self.freezes.append((begins, self.frozen_until))
        self.world.note("server freezes", "", self.frozen_until)

    def host(self, victim):
        return victim.host if victim else self.world.one_of(self.world.hosts)

    def cut(self, victim):
        host = self.host(victim)
        host.cut_until = self.until(1, 200)
        self.world.note("cut off", host, host.cut_until)

    def power(self, victim):
        host = self.host(victim)
        if host.is_up:
            host.power_off()
            if host is self.world.hosts[0] or self.world.chance(0.7):
                self.world.at(self.until(5, 100), host.power_on)

    def rename(self, victim):
        """As DHCP does to a laptop."""
        host = self.host(victim)
        host.name = f"dhcp-{host.number}"
        self.world.note("is renamed", host)

    def clock(self, victim):
        host = self.host(victim)
        host.skew += self.world.between(-3600, 3600)
        self.world.note("clock jumps", host)

    def leap(self, victim):
        """The clock of the server is set, forward or back."""
        way = self.world.one_of([-1, 1])
        self.world.server.skew += way * 86400 ** self.world.draw()
        self.world.note("server's clock jumps", "", self.world.server.skew)

    def full(self, victim):
        self.full_until = self.until(1, 60)
        self.world.note("disk is full", "", self.full_until)

    def rm(self, victim):
        """Of a ledger: its user has removed it, or its disk has lost it."""
        server = self.world.server
        ledgers = server.listing(LEDGERS)
        if ledgers:
            path = f"{LEDGERS}/{self.world.one_of(ledgers)}"
            self.world.note("rm", "", path)
            self.world.lose(server.find(path).data)
            server.unlink(USER, path)

    def storm(self, victim):
        self.storm_until = self.until(1, 30)
        self.world.note("errors", "", self.storm_until)
