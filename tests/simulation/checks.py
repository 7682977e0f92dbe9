"""What must hold: after every change of a file, and when all is at rest.

What a dispatcher claims is compared with the files in claims.py, which says
from when until when each claim has to hold.
"""
import os
from math import inf

from fjd.ledger import (
    CLEANED, DONE, Entry, FAILED, GIVEN_BACK, HEADER, LOST, RETRIED,
    SUPERSEDED, unescape,
)
from fjd.members import BEAT, MISSED, QUIET
from fjd.names import Attempt, is_member, Order, Running, why_bad
from fjd.options import MOST_LOSSES
from fjd.project import NOW

from simulation.ranges import RangeFile, Ranges
from simulation.server import DIRECTORY, LEDGERS, USER
from simulation.world import ROOT, Violation

# Seconds that a worker has not beaten which counts as dead, or may be.
SILENCE, HUSH = (MISSED - 1) * BEAT, (QUIET - 1) * BEAT
MOST_SEEN = 3  # files that dispatchers have left to the next one
ENDS = (DONE, FAILED)
EXCUSES = {SUPERSEDED, LOST, GIVEN_BACK, RETRIED, CLEANED}
# The same names come again in these, also without a network's doing: those of
# sessions, and that of a log which could not be written whole.
NOT_UNIQUE = ("screenlogs", "joblogs")


class Checks:
    """Told of each change by the server, and of each job by the world."""

    def __init__(self, world):
        self.world = world
        self.used = set()      # all paths that ever were
        self.runs = {}         # attempt: its run
        self.writers = {}      # ledger: who writes it
        self.declared = set()  # workers whose burial began
        self.woken = {}  # worker: when it last beat after a short silence
        self.unsaved = b""     # what was lost on its way to the server
        self.jobs = []         # all that the user wanted
        self.fired = {}        # worker: when it was first told to leave now
        self.told = set()      # attempts whose end a dispatcher counted
        self.vanished = set()  # jobs of which a dispatcher said so
        self.since = {}        # path: when it came there
        self.ends = {}         # attempt: done or failed, if it was accepted
        self.left_running = {}  # attempt: when; inf if a person took it
        self.departures = []   # when a job left the place where it waited
        self.removed_ledgers = {}  # path: what was in it
        self.reported = {}     # attempt: when a dispatcher had counted it
        self.ranges = Ranges(self)

    def demand(self, condition, what, *details):
        if not condition:
            text = " ".join([what + ":"] + [str(d) for d in details])
            raise Violation(text)

    # Changes

    def created(self, by, path, node, again):
        place, name = parts(path)
        self.since[path] = self.world.now
        if place == name:
            return  # One of the project's directories.
        self.world.note("creates", by, place, name, again)
        node.is_ghost = again and by != USER
        if place not in NOT_UNIQUE and not again:
            self.use(place, path)
        self.used.add(path)
        if place in ("workers", "dispatchers") and is_member(name):
            self.world.members.setdefault(name, by)
        if place == "orders" and not name.startswith("."):
            order = Order.parse(name)
            if order.word == NOW:
                self.fired.setdefault(order.worker, self.world.now)
        if place == "workerqueue" and not again:
            owner = self.owner(name.rsplit(".", 2)[0])
            self.demand(owner is by, "announced for another", by.name, name)

    def use(self, place, path):
        if place == "cancelled" and "~" not in path:
            return  # A mark, which a retry removes.
        self.demand(path not in self.used, "a path is used twice", path)

    def renamed(self, by, source, target, node, replaced, again):
        there, old = parts(source)
        here, new = parts(target)
        self.world.note("moves", by, there, old, here, new, again)
        # A network that repeats how a log was made, and how it was moved, may
        # put an empty one in its place.
        is_harmless = node.job is None and (again or node.is_ghost)
        if replaced is not None and (replaced.job or not is_harmless):
            self.replaced(by, target, replaced)
        elif (here != "jobqueue" or "~" in new) and not is_harmless:
            self.use(here, target)
        self.used.add(target)
        self.since[target] = self.world.now
        node.job = node.job or self.ranges.put(here, new)
        if node.job is None:
            return
        node.job.path = target
        self.departed(by, there, old)
        if isinstance(node.job, RangeFile):
            self.may_move(by, source, there, here, old)
            return self.ranges.moved(by, there, old, here, new, node.job,
                                     again)
        if there in ENDS:
            is_wish = is_person(by) and here == "jobqueue"
            self.demand(is_wish, "an end was undone", source, target)
            node.job.is_accepted = False
        if here in ENDS:
            self.accepted(by, there, old, here, new, node.job)
        elif here == "jobqueue":
            self.waits_again(by, source, there, old, new)

    def waits_again(self, by, source, there, old, new):
        if there == "jobpods":
            self.relieved(by, worker_in(source))
        elif there == "running":
            self.taken(by, worker_in(source))
            if not is_person(by):
                self.reclaimed(by, Running.parse(old), Attempt.parse(new))

    def may_move(self, by, source, there, here, name):
        """Whether who moves a range may do that."""
        if there == "jobpods" and here == "jobqueue":
            self.relieved(by, worker_in(source))
        elif there == "running" and not is_person(by):
            worker = worker_in(source)
            self.taken(by, worker)
            owner = self.owner(worker)
            record = self.world.server.find(f"{ROOT}/workers/{worker}")
            if by is owner or not owner or not owner.is_dead or not record:
                return
            if self.world.faults.silence(record.written) < SILENCE:
                start = Running.parse(name).attempt + ":"
                left = [run.attempt for run in owner.host.jobs
                        if run.attempt.startswith(start)]
                self.demand(not left, "given back beside its own process",
                            *left)

    def departed(self, by, place, name):
        self.departures.append(self.world.now)
        if place == "running":
            attempt = Running.parse(name).attempt
            self.left_running[attempt] = \
                inf if is_person(by) else self.world.now

    def replaced(self, by, target, node):
        place, name = parts(target)
        is_allowed = by == USER and place == "jobqueue"
        self.demand(is_allowed, "a file was overwritten", target)
        node.job.is_wanted = False

    def removed(self, by, path, node):
        place, name = parts(path)
        self.world.note("removes", by, place, name)
        if node.job is not None:
            self.demand(not isinstance(node.job, RangeFile),
                        "a hole in the partition", path)
            is_wish = by == USER or is_person(by) and place == "held"
            self.demand(is_wish, "a job was removed", path)
            node.job.is_wanted = False
            self.departures.append(self.world.now)
        elif place == "ledger":
            self.removed_ledgers[path] = node.data
            self.used.discard(path)  # Its writer may begin another one.
        elif place == "workers" or (
                place == "jobpods" and node.kind == DIRECTORY):
            self.taken(by, name)
            if by is not self.owner(name):
                self.declared.add(name)
        elif place == "workerqueue":
            worker = name.rsplit(".", 2)[0]
            pod = self.world.server.find(f"{ROOT}/jobpods/{worker}")
            has_pod = pod is not None and not pod.is_ghost
            is_free = by is self.owner(worker) or not has_pod
            self.demand(is_free, "an announcement was removed by another",
                        by.name, name)

    def wrote(self, by, path, silence):
        """For how long it had not been written to tells who was silent."""
        place, name = parts(path)
        if place == "workers" and silence >= SILENCE:
            self.declared.add(name)  # It may be, and it may be too late.
        if place == "workers" and silence >= HUSH:
            self.woken[name] = self.world.now
        if place == "ledger":
            writer = self.writers.setdefault(path, by)
            self.demand(by is writer, "two write a ledger", path)

    # What is written to ledgers, and read there; also what only processes of
    # the same host can see.

    def has_written(self, by, path, data):
        if path.startswith(LEDGERS) and self.ranges.plans:
            self.ranges.has_written(by, path, data)
            self.world.faults.has_changed(by, path)

    def has_cut_off(self, path, size):
        if path.startswith(LEDGERS) and self.ranges.plans and size:
            self.ranges.has_cut_off(path)

    def has_read(self, by, path, offset, data):
        if path.startswith(LEDGERS) and self.ranges.plans:
            self.ranges.has_read(by, path, offset, data)

    def owner(self, member):
        """The process that has that id; None if nobody got to know it."""
        return self.world.members.get(member)

    def relieved(self, by, worker):
        """Its unbegun jobs only after a short silence."""
        if by is not self.owner(worker) and not self.is_dead(worker):
            # RACE: it may beat while its jobs are moved, one after another.
            is_waking = self.world.now - self.woken.get(worker, -inf) < BEAT
            self.demand(is_waking or self.silence(worker) >= HUSH,
                        "a live worker was relieved", worker, by.name)

    def taken(self, by, worker):
        """Only from the dead, or from who was silent for long."""
        if by is self.owner(worker) or self.is_dead(worker):
            return
        is_silent = self.world.faults.are_unsettling \
            and self.silence(worker) >= SILENCE
        self.demand(is_silent, "a live worker was robbed", worker, by.name)
        self.declared.add(worker)

    def is_dead(self, worker):
        owner = self.owner(worker)
        return owner is None or owner.is_dead or worker in self.declared

    def silence(self, worker):
        """For how many seconds it has not beaten."""
        record = self.world.server.find(f"{ROOT}/workers/{worker}")
        return self.world.faults.silence(record.written) if record else inf

    def reclaimed(self, by, source, after):
        """What a worker began waits again, as what its death makes of it."""
        owner = self.owner(source.worker)
        record = self.world.server.find(f"{ROOT}/workers/{source.worker}")
        if by is owner or owner is None or record is None:
            return
        loss = after.n - Attempt.parse(source.attempt).n
        fired = self.fired.get(source.worker, inf)
        self.demand(loss == 1 or fired < inf, "a loss counts for nothing",
                    source, after.name)
        if owner.is_dead and self.world.faults.silence(record.written) \
                < SILENCE:  # So its death was seen, not guessed.
            if fired < owner.died and not self.world.home.listing:
                self.demand(loss == 0, "the death of a fired worker counts",
                            source, after.name)
            left = [run.attempt for run in owner.host.jobs]
            self.demand(source.attempt not in left, "given back beside its"
                        " own process", source)

    # What a dispatcher may have seen

    def seen(self, place, since):
        """What whoever lists a directory after that has to see there."""
        paths = [f"{place}/{name}"
                 for name in self.world.server.listing(place)
                 if not name.startswith(".")]
        return [path for path in paths if self.has_to_be_seen(path, since)]

    def has_to_be_seen(self, path, since):
        return self.since[path] < since - self.world.home.listing

    def content(self, path):
        """What readers of a ledger may have read; None if it is uncertain."""
        node = self.world.server.find(path)
        removed = self.removed_ledgers.get(path)
        if node is None or removed is not None:
            return removed if node is None else None
        data = bytearray(node.data)
        unsaved = [handle for host in self.world.hosts
                   for handle in host.client.unsaved if handle.path == path]
        for offset, text in [p for h in unsaved for p in h.pending]:
            data[offset:offset + len(text)] = text
        return bytes(data)

    # Jobs

    def started(self, run, worker):
        self.demand(run.worker is self.owner(worker), "run under another id")
        if run.task:
            return self.ranges.started(run)
        self.demand(run.attempt not in self.runs, "begun twice", run.attempt)
        self.runs[run.attempt] = run

    def accepted(self, by, there, old, here, new, job):
        job.is_accepted = True
        self.ends[new] = here
        attempt = Attempt.parse(new)
        if there == "jobqueue":
            is_right = here == FAILED and why_bad(Attempt.parse(old).job)
            return self.demand(is_right, "failed unbegun", old)
        self.demand(there == "running", "accepted unbegun", old)
        source = Running.parse(old)
        if source.attempt == new:
            self.ended(by, source, here, job)
        else:
            is_last = here == FAILED and attempt.n > MOST_LOSSES \
                and attempt.job == Attempt.parse(source.attempt).job
            self.demand(is_last, "another attempt's name", old, new)
            self.taken(by, source.worker)

    def ended(self, by, source, here, job):
        """As the run of that attempt, and as its worker, says."""
        owner, run = self.owner(source.worker), self.runs.get(source.attempt)
        self.demand(by is owner, "ended by another", source, by.name)
        if run is None:
            limits = self.world.limits
            is_right = here == FAILED and (
                job.is_bad or limits.has_failed_of_it(source.attempt)
                and limits.may_fail(by, job.name, job.timeout))
            return self.demand(is_right, "accepted without a run", source)
        is_late = here == FAILED and job.has_timeout and run.how == "ended"
        is_own = run.worker is owner and (run.how == "exit" or is_late)
        self.demand(is_own, "accepted what did not end", source, run.how)
        self.demand(is_late or here == (FAILED if run.status else DONE),
                    "wrong end", source, run.status)

    # At rest

    def lost(self, data):
        self.unsaved += data
        self.ranges.lose(data)

    def at_rest(self):
        """After the last fire."""
        server = self.world.server
        for place in ("jobqueue", "jobpods", "running", "orders",
                      "workerqueue", "workers", "dispatchers"):
            left = server.listing(f"{ROOT}/{place}")
            left = [name for name in left if not may_stay(place, name)]
            self.demand(not left, "left in " + place, left)
        seen = server.listing(f"{ROOT}/dispatchers")
        self.demand(len(seen) <= MOST_SEEN, "nobody removes", seen)
        for job in self.jobs:
            self.demand(
                job.is_accepted or not job.is_wanted, "not ended", job.path)
        home = self.world.home
        is_lagging = home.listing and not home.is_fuse  # Nobody can know.
        for name in self.vanished if not is_lagging else ():
            ends = [job.is_accepted for job in self.jobs if job.name == name]
            if self.ranges.of(name):
                continue
            self.demand(not all(ends), "said to have vanished", name)
        self.ranges.at_rest()
        accepted = {
            name: place for place in ENDS
            for name in server.listing(f"{ROOT}/{place}")
            if not self.ranges.of(name)
        }
        self.check_ledgers(accepted, self.entries())
        faults = self.world.faults
        if not faults.are_unsettling and "rm" not in faults.on:
            self.check_calm()

    def entries(self):
        """attempt: the events of its lines."""
        server, found = self.world.server, {}
        for name in server.listing(f"{ROOT}/ledger"):
            data = server.find(f"{ROOT}/ledger/{name}").data
            for entry in entries_in(data):
                if self.ranges.of(entry.attempt):
                    continue
                found.setdefault(entry.attempt, []).append(entry.event)
        return found

    def check_ledgers(self, accepted, entries):
        for attempt, place in accepted.items():
            events = entries.get(attempt, [])
            ends = [event for event in events if event in ENDS]
            is_lost = os.fsencode(attempt) in self.unsaved
            # Who gives a job up may die before the line is written.
            is_given_up = attempt not in self.runs \
                and self.world.faults.are_unsettling
            is_excused = not ends and (is_lost or is_given_up)
            self.demand(ends == [place] or is_excused,
                        "accepted, and the ledgers say", attempt, events)
            self.demand(SUPERSEDED not in events,
                        "accepted, and said to be superseded", attempt)
            self.demand(not ends or attempt in self.told,
                        "nobody was told of an end", attempt)
        for attempt, events in entries.items():
            if attempt not in accepted and set(events) & set(ENDS):
                beside = EXCUSES & set(events)
                is_lost = os.fsencode(attempt) in self.unsaved
                self.demand(beside or is_lost,
                            "a line of an end that was none", attempt, events)

    def check_calm(self):
        """Without any fault each job was run exactly once."""
        counts = {}
        entries = self.entries()
        for attempt in self.runs:
            job = Attempt.parse(attempt)
            if {RETRIED, GIVEN_BACK} & set(entries[attempt]):
                continue
            counts[job.job] = counts.get(job.job, 0) + 1
        for name, count in counts.items():
            wanted = [job for job in self.jobs if job.name == name]
            self.demand(count <= len(wanted), "run twice", name)
        for attempt, events in entries.items():
            is_calm = attempt not in self.runs \
                or SUPERSEDED not in events or CLEANED in events
            self.demand(is_calm and LOST not in events,
                        "lost without a fault", attempt, events)


def entries_in(data):
    """The entries in some whole lines of a ledger."""
    for line in os.fsdecode(data).split("\n")[:-1]:
        fields = line.split("\t")
        if line + "\n" != HEADER and len(fields) == len(Entry._fields):
            yield Entry(*map(unescape, fields))


def may_stay(place, name):
    """What a dispatcher leaves for the next one, and drafts."""
    return name.endswith(".seen") or name[0] == "." \
        and place in ("orders", "jobqueue")


def is_person(by):
    """Whether that is one who types fjd."""
    return getattr(by, "role", "") == "person"


def parts(path):
    """The directory of the project, and the last part."""
    inner = path[len(ROOT) + 1:]
    place, _, _ = inner.partition("/")
    return place, inner.rpartition("/")[2]


def worker_in(path):
    """Whose a job was that lay in running/ or in a pod."""
    place, name = parts(path)
    if place == "running":
        return Running.parse(name).worker
    return path.split("/")[-2]
