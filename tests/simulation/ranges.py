"""What must hold of the ranges of arrays, and of their tasks.

A range is a file like that of a job, but its name changes as its tasks end.
So each move of one out of running/ is compared with what its worker had
written into its ledger until then, and what whoever moved it had read there.
Of each task one line counts at the end: that of the attempt which ran it
last, by the order in which these really began.
"""
import os
from collections import defaultdict

from simulation.acceptance import Accepted, KINDS
from fjd.arrays import to_do
from fjd.ledger import CLEANED, DONE, FAILED, RETRIED
from fjd.names import Attempt, Range, Running
from fjd.project import ENDED, Project
from fjd.roles.interruption import GIVEN_UP
from fjd.verbs.limits import TOO_LONG

from simulation.server import LEDGERS
from simulation.world import ROOT

FINAL = (DONE, FAILED, CLEANED)
CANCELLED = "cancelled"


class RangeFile:
    """The file of a range, as a job of its user; its path changes."""

    is_bad = has_timeout = False

    def __init__(self, plan, part):
        self.plan = plan
        self.key = part.key
        self.name = "{}={}-{}".format(*part.key)
        self.path = ""
        self.is_wanted = True
        self.is_accepted = False
        self.history = []  # the attempts that have begun

    @property
    def part(self):
        """What its name says now."""
        return parsed(self.path.rpartition("/")[2].partition("@")[0])[0]

    @property
    def place(self):
        return self.path[len(ROOT) + 1:].partition("/")[0]


class OnServer:
    """The part of files.py that reads, as at the server."""

    def __init__(self, server):
        self.server = server

    def read(self, path):
        return None, self.server.lookup(path).data


class Ranges:
    """Told by Checks of what becomes of ranges, tasks and ledgers."""

    def __init__(self, checks):
        self.checks = checks
        self.world = checks.world
        self.demand = checks.demand
        self.plans = {}   # array: its plan
        self.files = {}   # (array, first, last): its RangeFile
        self.runs = defaultdict(list)   # (attempt, task): its runs
        self.current = {}               # attempt: the run that began last
        self.lines = defaultdict(list)  # (attempt, task): entries
        self.lost = defaultdict(list)   # those that were lost with a host
        self.partial = {}               # ledger: a line not yet whole
        self.last = {}                  # ledger: entries written last
        self.views = defaultdict(dict)  # process: ledger: what it last read
        self.marks = set()              # (array, task) that were cancelled
        self.taken = set()              # attempts that a person took
        self.blamed = defaultdict(int)  # (array, generation, task): wrongly

    def of(self, attempt):
        """The range of an attempt, or of its name; None if it is a job's."""
        part, _ = parsed(attempt)
        return self.files.get(part.key) if part else None

    def tasks(self, part):
        project = Project(ROOT, OnServer(self.world.server))
        return list(to_do(project, part))

    # Ledgers

    def has_written(self, by, path, data):
        whole = self.partial.pop(path, b"") + data
        if not whole.endswith(b"\n"):
            self.partial[path] = whole
            return
        self.last[path] = []
        for entry in self.tasks_in(whole):
            self.recorded(by, entry)
            self.lines[entry.attempt, int(entry.task)].append(entry)
            self.last[path].append(entry)

    def has_cut_off(self, path):
        """What did not fit as a whole is taken back."""
        if self.partial.pop(path, None) is None:
            for entry in self.last.pop(path, []):
                lines = self.lines[entry.attempt, int(entry.task)]
                if entry in lines:  # Otherwise it was lost already.
                    lines.remove(entry)

    def has_read(self, by, path, offset, data):
        before = self.views[by].get(path, b"") if offset else b""
        self.views[by][path] = before[:offset] + data

    def lose(self, data):
        for entry in self.tasks_in(data):
            key = entry.attempt, int(entry.task)
            if entry in self.lines[key]:
                self.lines[key].remove(entry)
            self.lost[key].append(entry)

    def tasks_in(self, data):
        from simulation.checks import entries_in
        return [entry for entry in entries_in(data)
                if entry.task and self.of(entry.attempt)]

    def recorded(self, by, entry):
        """A line of a task is that of an end which it really had."""
        if entry.event not in FINAL + (RETRIED,):
            return
        part, n = parsed(entry.attempt)
        number, plan = int(entry.task), self.plans[part.array]
        before = self.lines[entry.attempt, number]
        self.demand(number in self.tasks(part), "a line of another's task",
                    entry.job, entry.attempt)
        others = [line for line in before if line.event in FINAL]
        self.demand(not others or others == [entry] * len(others),
                    "two ends of a task", entry.job, entry.attempt)
        if entry.event == CLEANED:
            return self.demand((part.array, number) in self.marks,
                               "nobody has cancelled it", entry.job)
        runs = self.runs[entry.attempt, number]
        is_own = bool(runs) and runs[-1].worker is by
        if is_own and is_an_end(runs[-1], entry, plan):
            tries = tries_of(runs[-1])
            is_last = tries > plan.retries
            return self.demand(is_last == (entry.event != RETRIED)
                               or entry.event == DONE,
                               "wrong number of tries", entry.job, tries)
        if entry.reason.startswith("given up"):
            first = n if number == part.next else 1
            return self.demand(
                entry.event == FAILED and first > plan.most,
                "given up too early", entry.job, entry.attempt)
        is_right = number in plan.bad or entry.reason == GIVEN_UP or (
            entry.reason == TOO_LONG.given_up
            and self.world.limits.may_fail(by, part.array, plan.timeout))
        self.demand(is_right and entry.event != DONE, "a line made up",
                    entry.job, entry.event, entry.attempt, entry.reason)

    def finals(self, attempt, part, lines):
        """task: its final event, by one attempt's lines."""
        return {number: line.event for number in self.tasks(part)
                for line in lines[attempt, number] if line.event in FINAL}

    # Tasks that begin

    def started(self, run):
        attempt, _, _ = run.attempt.rpartition(":")
        part, n = parsed(attempt)
        number, plan = int(run.task), self.plans[part.array]
        name = f"{part.array}:{number}"
        self.demand(number in self.tasks(part), "not its task", run.attempt)
        runs = self.runs[attempt, number]
        self.demand(run.attempt not in [r.attempt for r in runs]
                    or self.is_in_doubt, "begun twice", run.attempt)
        self.demand(tries_of(run) <= plan.most, "it runs too often", name,
                    run.attempt)
        ends = [line for line in self.lines[attempt, number]
                if line.event in FINAL]
        self.demand(not ends, "it runs although it has ended", name, attempt)
        self.demand_all_recorded(attempt, part, n, number)
        if not self.is_lost(attempt):
            self.demand_alone(part.array, number)
        runs.append(run)
        self.current[attempt] = run

    def demand_all_recorded(self, attempt, part, n, number):
        """Of those that ended before only first successes may have no line.
        """
        for other in range(part.next, part.last + 1):
            runs = self.runs.get((attempt, other))
            if not runs or self.is_in_doubt:
                continue
            lines = {line.event for line in self.lines[attempt, other]}
            wanted = {RETRIED} if other == number else set(FINAL)
            may_wait = not self.world.home.is_local and not runs[-1].status \
                and not (n > 1 and other == part.next)
            self.demand(lines & wanted or may_wait and other != number
                        or runs[-1].how == "ended",
                        "it went on without a line", runs[-1].attempt)

    def is_lost(self, attempt):
        """Whether it was taken from its worker, who may not know it yet."""
        return attempt in self.taken \
            or self.worker_of(attempt) in self.checks.declared

    def demand_alone(self, array, number):
        """Nobody runs it who is not dead, or taken for dead."""
        for (attempt, other), runs in self.runs.items():
            part, _ = parsed(attempt)
            is_it = (part.array, other) == (array, number)
            for run in runs if is_it else ():
                is_excused = run.how or run.worker.is_dead \
                    or self.is_lost(attempt)
                self.demand(is_excused, "two run it at a time", run.attempt)

    def worker_of(self, attempt):
        return self.files[parsed(attempt)[0].key].workers.get(attempt, "")

    @property
    def is_in_doubt(self):
        """Whether lines may be lost, or be read late."""
        on = self.world.faults.on
        return "rm" in on or "full" in on

    # Files that move

    def put(self, place, name):
        """The RangeFile of a file that is put now; None if it is no range."""
        part, n = parsed(name)
        if place != "jobqueue" or not part or part.array not in self.plans:
            return None
        plan = self.plans[part.array]
        self.demand(part[1:4:2] in plan.ranges and part.key not in self.files,
                    "a hole in the partition", name)
        self.demand(part.next == part.first and n == 1, "not all of it", name)
        file = self.files[part.key] = RangeFile(plan, part)
        file.workers = {}
        self.checks.jobs.append(file)
        plan.left.discard((part.first, part.last))
        return file

    def moved(self, by, there, old, here, new, file, again):
        part, n = parsed(new.partition("@")[0])
        self.demand(part and part.key == file.key, "a hole in the partition",
                    old, new)
        file.is_accepted = here in ENDED
        file.is_wanted = here != CANCELLED
        if there == "running":
            self.left(by, Running.parse(old), part, n, here, file, again)
        elif there in ENDED + (CANCELLED,):
            self.retried(by, parsed(old)[0], here, part, n, file)
        elif not old.startswith("."):
            before, tries = parsed(old)
            self.demand((before, tries) == (part, n), "changed in a pod",
                        old, new)
        if here == "running":
            run = Running.parse(new)
            file.history.append(run.attempt)
            file.workers[run.attempt] = run.worker

    def left(self, by, run, part, n, here, file, again):
        """Ended, given back, reclaimed or cancelled."""
        old, tries = parsed(run.attempt)
        is_own = by is self.checks.owner(run.worker)
        self.demand(part[5:] == old[5:], "another generation", run, part.job)
        if here == CANCELLED:
            self.taken.add(run.attempt)
        if here in ENDED:
            self.demand(is_own, "ended by another", run, here)
        elif not is_own:
            self.blame(run.attempt, old, part, tries)
        finals = self.finals(run.attempt, old, self.lines)
        lost = self.finals(run.attempt, old, self.lost)
        known = {**lost, **finals}
        before = [t for t in self.tasks(old) if t < part.next]
        self.demand(all(t in known for t in before),
                    "a task was passed over", run, part.job)
        failed = [t for t in before if known[t] == FAILED]
        if not self.is_in_doubt:
            self.demand(part.failed == old.failed + len(failed),
                        "x is wrong", run, part.job, failed)
        if here in ENDED:
            self.demand((here == DONE) == (not part.failed), "wrong end",
                        run, part.job)
            self.demand(part.next == part.last + 1, "not ended", part.job)
        elif not again and "rm" not in self.world.faults.on:
            self.compare(by, run, old, tries, part, n, is_own)
            if not is_own:
                self.demand_safe(by.host.client, run, part)

    def demand_safe(self, client, run, part):
        """No line that was counted may be lost with the host."""
        for handle in client.unsaved:
            for entry in self.tasks_in(b"".join(
                    data for _, data in handle.pending)):
                is_counted = entry.attempt == run.attempt \
                    and entry.event in FINAL and int(entry.task) < part.next
                self.demand(not is_counted, "it counts a line that may be"
                            " lost", entry.job, entry.attempt)

    def compare(self, by, run, old, tries, part, n, is_own):
        """What is left is what the lines say that whoever cut it has read."""
        lines = defaultdict(list)
        for path, data in self.views[by].items():
            if path.startswith(f"{LEDGERS}/{run.worker}"):
                for entry in self.tasks_in(data):
                    lines[entry.attempt, int(entry.task)].append(entry)
        finals = self.finals(run.attempt, old, lines)
        left = [t for t in self.tasks(old) if t not in finals]
        first = min(left, default=part.last + 1)
        self.demand(part.next <= first, "a task was passed over", run,
                    part.job, first)
        self.demand(part.next == first, "it forgets what has ended", run,
                    part.job, first)
        again = {line for line in lines[run.attempt, first]
                 if line.event == RETRIED}
        n_before = (tries if first == old.next else 1) + len(again)
        self.demand(n >= n_before, "a failure counts for nothing", run,
                    part.job, n, n_before)
        self.demand(n == n_before + (not is_own),
                    "a loss counts for nothing" if n == n_before
                    else "n is wrong", run, part.job, n, n_before)

    def blame(self, attempt, old, part, n):
        """An innocent task may be blamed once: its line was not yet written.

        Which it is only for a group of lines, and these there are not then.
        """
        run = self.current.get(attempt)
        if run is None or part.next > part.last or part.next == int(run.task):
            return
        runs = self.runs.get((attempt, part.next))
        if not runs or runs[-1].how != "exit" or self.world.home.opened:
            return
        is_lost = os.fsencode(attempt) in self.checks.unsaved
        if not is_lost and not self.is_in_doubt:
            key = part.array, part.generation, part.next
            self.blamed[key] += 1
            self.demand(self.blamed[key] < 2, "an innocent task is blamed",
                        run.attempt, part.job)

    def retried(self, by, old, here, part, n, file):
        """By a person, of whatever has ended."""
        self.demand(by.role == "person" and here == "jobqueue",
                    "an end was undone", old.job, here)
        self.demand(part.generation == old.generation + 1 and n == 1,
                    "not a new generation", old.job, part.job)
        tasks = self.tasks(part)
        self.demand(part.next == tasks[0], "not the first one", part.job)
        left = self.tasks(old)
        self.demand(set(left) <= set(tasks), "a task was passed over", old.job,
                    part.job, left)

    # At rest

    def at_rest(self):
        for plan in self.plans.values():
            self.demand(not plan.left, "not put", plan.name)
        for file in self.files.values():
            place = file.place
            self.demand(place in ENDED + (CANCELLED,), "not ended", file.path)
            self.check(file, place)

    def accepted(self, file):
        """As a reader finds it, who may read the ledgers in any order."""
        from simulation.checks import entries_in
        project = Project(ROOT, OnServer(self.world.server))
        accepted = Accepted(project, file.part)
        accepted.see(*parsed(file.path.rpartition("/")[2]))
        for name in sorted(self.world.server.listing(LEDGERS)):
            data = self.world.server.find(f"{LEDGERS}/{name}").data
            for entry in entries_in(data):
                part, n = parsed(entry.attempt)
                is_it = part and part.key == file.key and entry.task
                if is_it and entry.event in FINAL:
                    accepted.add(entry, part, n)
        return accepted

    def check(self, file, place):
        accepted, part = self.accepted(file), file.part
        left = set(self.tasks(part))
        is_rm = "rm" in self.world.faults.on
        failed = 0
        for number in range(part.first, part.last + 1):
            name = f"{part.array}:{number}"
            kind = accepted.kinds[number - part.first]
            if number in left:
                self.demand(not kind, "to do, and accepted", name, part.job)
                continue
            event, is_lost = self.result(file, number)
            if is_lost and not kind:
                self.demand(is_rm or event == DONE,
                            "a line that counts was lost", name, event)
            else:
                self.demand(event, "ended without a line", name, part.job)
                self.demand(kind == KINDS[event], "a line counts that does"
                            " not", name, kind, event)
            failed += event == FAILED
        self.demand(part.failed == failed or is_rm, "x is wrong", part.job,
                    failed)
        if place in ENDED:
            self.demand((place == DONE) == (not part.failed), "wrong end",
                        file.path)
            self.demand(not left, "not ended", file.path)

    def result(self, file, number):
        """How a task ended in the attempt that ran it last; was it lost?"""
        for attempt in reversed(file.history):
            part, _ = parsed(attempt)
            if number in self.tasks(part):
                key = attempt, number
                for lines in self.lines, self.lost:
                    found = {line for line in lines[key]
                             if line.event in FINAL}
                    if found:
                        self.demand(len(found) == 1, "two ends of a task", key)
                        return found.pop().event, lines is self.lost
        return "", False


def is_an_end(run, entry, plan):
    """Whether that is how the run ended, by itself or by its timeout."""
    if run.how == "ended":
        return plan.has_timeout and entry.event != DONE \
            and "timeout" in entry.reason
    return run.how == "exit" and bool(run.status) == (entry.event != DONE)


def tries_of(run):
    return int(run.attempt.rpartition("~")[2])


def parsed(name):
    """The range in an attempt's name, and n; None, 1 if it is of no range."""
    attempt = Attempt.parse(name)
    try:
        return Range.parse(attempt.job), attempt.n
    except ValueError:
        return None, 1
