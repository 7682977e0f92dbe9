"""What a person does with arrays from a shell: one step after another.

Each may die in between, or be told of an error and give up.
"""
from fjd.arrays import cut, Ends, ends_of, list_of, range_in, to_do
from fjd.verbs.census import everything, Found
from fjd.ledger import CLEANED, Entry, Ledger, RETRIED
from fjd.names import Attempt, new_id, new_token, Range, Stamps
from fjd.verbs.newarray import put_list, put_range
from fjd.project import ENDED

CANCELLED = "cancelled"


class Person:
    """One command that somebody types."""

    def __init__(self, process):
        now = process.clock.time()
        self.clock = process.clock
        self.project = process.project
        self.stamps = Stamps(new_token(now))
        self.ledger = Ledger(
            self.project, new_id(process.here.host, now, process.pid))

    def record(self, event, attempt, reason):
        now = self.clock.time()
        self.ledger.write(Entry(event, attempt.job, attempt.name,
                                start=now, end=now, reason=reason))
        self.ledger.sync()

    def find(self, plan, key):
        """The range's file, and what it tells; or None."""
        found = list(everything(self.project, f"{plan.name}="))
        found += [Found(CANCELLED, name, Attempt.parse(name))
                  for name in self.project.names(CANCELLED)]
        for file in found:
            part = range_in(self.project, file.attempt.job,
                            file.path(self.project))
            if part and part.key == key:
                return file, part
        return None


def put(process, plan):
    """The list; then the ranges, or of these what is missing."""
    person = Person(process)
    project = person.project
    put_list(project, plan.name, plan.data, person.stamps.new())
    for first, last in sorted(plan.left):
        put_range(project, plan.name, first, last, plan.common,
                  plan.offsets[first], person.stamps.new())


def cancel_task(process, plan, number):
    """A mark, which the worker of its range sees at its next heartbeat."""
    project = process.project
    project.files.create(project.path(CANCELLED, f"{plan.name}={number}"))


def cancel_range(process, plan, key):
    """Cut it, wherever it lies before its end."""
    person = Person(process)
    project = person.project
    found = person.find(plan, key)
    if not found or found[0].place in ENDED + (CANCELLED,):
        return
    file, part = found
    ends = Ends({}, {})
    if file.worker and file.place == "running":
        ledgers = project.ledgers_of(file.worker)
        ends = ends_of(project, file.attempt.name, ledgers)
        for ledger in ledgers:
            project.files.flush(ledger)
    rest = cut(part, file.attempt.n, to_do(project, part), ends,
               file.place == "running")
    person.record(CLEANED, file.attempt, "cancelled")
    rest = rest._replace(stamp=person.stamps.new())
    project.commit(file.path(project), project.path(CANCELLED, rest.name))


def retry(process, plan, key, number=0):
    """Run its failed tasks again, or that one, and those never run."""
    person = Person(process)
    project = person.project
    found = person.find(plan, key)
    if not found or found[0].place not in ENDED + (CANCELLED,):
        return
    file, part = found
    failed = failed_of(project, part, file.attempt.n)
    wanted = [number] if number else failed
    tasks = sorted({*wanted, *to_do(project, part)})
    if not tasks:
        return
    stamp = person.stamps.new()
    draft = list_of(project, f".{plan.name}+{stamp}")
    project.draft(draft, "".join(f"{task}\n" for task in tasks))
    project.files.move(draft, list_of(project, f"{plan.name}+{stamp}"))
    person.record(RETRIED, file.attempt, "on demand")
    for task in tasks:
        project.files.remove(project.path(CANCELLED, f"{plan.name}={task}"))
    again = part._replace(
        next=tasks[0], failed=part.failed - len(set(failed) & set(tasks)),
        generation=part.generation + 1, stamp=stamp)
    name = Attempt(again.job, 1, person.stamps.new()).name
    project.commit(file.path(project), project.waiting_job(name))


def failed_of(project, part, n):
    """The tasks whose line that counts says so."""
    from simulation.acceptance import Accepted, KINDS
    from fjd.arrays import FINAL
    from fjd.ledger import FAILED, read_entries
    accepted = Accepted(project, part)
    accepted.see(part, n)
    for entry in read_entries(project, project.ledger_files(),
                              lambda line: f"{part.array}=" in line):
        if not entry.task or entry.event not in FINAL:
            continue
        other = Range.parse(Attempt.parse(entry.attempt).job)
        if other.key == part.key:
            accepted.add(entry, other, Attempt.parse(entry.attempt).n)
    return [part.first + place for place, kind in enumerate(accepted.kinds)
            if kind == KINDS[FAILED]]
