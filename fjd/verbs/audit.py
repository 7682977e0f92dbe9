"""Check that no job was lost.

Compare the job directories with the ledger (the record that fjd results
prints). Every job must lie in exactly one place, and every end must be
recorded once. Each job that breaks a rule is named with the rule, and the
exit code is 1. The same is checked of each task of an array.

An ended job without a ledger entry is reported, too, but is no error.
"""
# Jobs move meanwhile.  So the directories are listed against the direction in
# which jobs move (ended, ledgers, waiting, held, running, given), a file that
# seems to be missing is opened, and only what a second inventory finds again
# is reported.
#
# A million jobs must fit into 150 MB.  So a glance comes first, which keeps a
# few bits of each attempt, and the inventories are of those that are not
# plainly in order.  The ranges of arrays have rules of their own
# (taskaudit.py); their files are listed before the ledgers are read.
from collections import Counter, defaultdict
from typing import (
    Any, Callable, Container, Dict, Iterator, List, NamedTuple, Set, Tuple,
)

from fjd import output
from fjd.verbs.census import each_in, Found
from fjd.ledger import (
    CLEANED, DONE, Entry, FAILED, GIVEN_BACK, LOST, parse, RETRIED, SUPERSEDED,
)
from fjd.members import Here, MISSED, MISSING, myself, read_member
from fjd.names import Attempt, printable
from fjd.options import PROJECT
from fjd.project import ENDED, Project, STATES
from fjd.verbs import lastrun, taskaudit
from fjd.verbs.overview import in_words
from fjd.verbs.taskbook import Book

EXCUSES = (LOST, RETRIED, GIVEN_BACK, CLEANED)
# What a glance keeps of an attempt: where its file lies, which lines it has,
# and whether one of these comes again.
IN_DONE, IN_FAILED, ELSEWHERE = 1, 2, 4
DONE_LINE, FAILED_LINE, SUPERSEDED_LINE, EXCUSED = 8, 16, 32, 64
AGAIN = 128
FILES = {DONE: IN_DONE, FAILED: IN_FAILED}
LINES = {DONE: DONE_LINE, FAILED: FAILED_LINE, SUPERSEDED: SUPERSEDED_LINE,
         **dict.fromkeys(EXCUSES, EXCUSED)}
IN_ORDER = {
    ELSEWHERE, IN_DONE | DONE_LINE, IN_FAILED | FAILED_LINE,
    EXCUSED, EXCUSED | ELSEWHERE, EXCUSED | DONE_LINE, EXCUSED | FAILED_LINE,
    EXCUSED | IN_DONE | DONE_LINE, EXCUSED | IN_FAILED | FAILED_LINE,
}
OPTIONS = (PROJECT,)


class Report(NamedTuple):
    """The number of files in each place, a line for each broken rule, and
    the paths of ended attempts, and tasks, without a ledger entry.

    tasks: how many are in each state.
    """

    counts: Dict[str, int]
    findings: List[str]
    lost_records: List[str]
    tasks: Dict[str, int] = {}
    lost_tasks: List[str] = []


def act(options: Any) -> int:
    project = lastrun.visit(options, lastrun.has_history)
    report = audit(project, myself())
    for finding in report.findings:
        output.show(finding)
    for path in report.lost_records:
        output.show(f"{printable(path)}: record lost: no ledger entry for this"
                    " attempt")
    for name in report.lost_tasks:
        output.show(f"{name}: record lost: no ledger entry for this task")
    counts = Counter(report.tasks)
    counts.update({state: report.counts[place]
                   for place, state in STATES.items()})
    number = len(report.findings)
    output.show(f"{in_words(counts)}: {number} not accounted for")
    return 1 if number else 0


class Glance:
    """A few bits of each attempt, by a hash of its name."""

    def __init__(self, project: Project) -> None:
        self.bits: Dict[int, int] = defaultdict(int)
        self.pods: Dict[str, Set[int]] = defaultdict(set)  # by worker
        self.jobs: Set[str] = set()  # of superseded attempts
        self.book = Book(project)
        self.counts = look(self.book, self.see, self.note)

    def see(self, found: Found) -> None:
        attempt = found.attempt
        if attempt.stamp:
            self.mark(attempt.name, FILES.get(found.place, ELSEWHERE))
        if found.place == "jobpods":
            self.pods[found.worker].add(key_of(attempt.name))

    def note(self, entry: Entry) -> None:
        if entry.event in LINES:
            self.mark(entry.attempt, LINES[entry.event])
        if entry.event == SUPERSEDED:
            self.jobs.add(Attempt.parse(entry.attempt).job)

    def mark(self, name: str, bit: int) -> None:
        key = key_of(name)
        self.bits[key] |= AGAIN if self.bits[key] & bit else bit

    def odd(self, dead: Set[str]) -> Set[int]:
        """Return the keys of the attempts that may break a rule, or have no
        ledger entry.
        """
        keys = {key for key, bits in self.bits.items() if bits not in IN_ORDER}
        return keys.union(*[self.pods[worker] for worker in dead])


class Inventory:
    """The job files in each place, and what the ledgers say about them.

    keys: those of the attempts to look at.  asked: the jobs that may explain
    a superseded attempt, if they have a file.
    """

    def __init__(
        self, project: Project, keys: Container[int], asked: Container[str],
    ) -> None:
        self.project = project
        self.keys = keys
        self.asked = asked
        self.found: Dict[str, List[Found]] = defaultdict(list)  # attempts
        self.lines: Dict[str, List[str]] = defaultdict(list)
        self.jobs: Set[str] = set()  # of all these files, if asked for
        self.excused: Set[str] = set()
        self.superseded: Set[str] = set()
        self.counts = look(Book(project), self.see, self.note)

    def see(self, found: Found) -> None:
        attempt = found.attempt
        if attempt.job in self.asked:
            self.jobs.add(attempt.job)
        if attempt.stamp and key_of(attempt.name) in self.keys:
            self.found[attempt.name].append(found)

    def note(self, entry: Entry) -> None:
        if key_of(entry.attempt) not in self.keys:
            return
        if entry.event in ENDED:
            self.lines[entry.attempt].append(entry.event)
        elif entry.event in EXCUSES:
            self.excused.add(entry.attempt)
        elif entry.event == SUPERSEDED:
            self.superseded.add(entry.attempt)

    def lost_records(self) -> List[str]:
        """Return the paths of ended attempts without a ledger entry."""
        return sorted(
            f"{found[0].place}/{name}" for name, found in self.found.items()
            if found[0].place in ENDED and name not in self.lines
        )

    def findings(self, dead: Set[str]) -> Iterator[Tuple[str, str]]:
        """Yield each attempt that breaks a rule, with what is wrong.

        dead: workers whose pods must be empty.
        """
        for name, found in self.found.items():
            if len(found) > 1 and all(map(self.is_there, found)):
                yield name, f"lies in {' and in '.join(places_of(found))}"
            if found[0].place == "jobpods" and found[0].worker in dead:
                yield name, f"lies in the pod of {found[0].worker}, which is" \
                    " dead"
        for name, events in self.lines.items():
            yield from self.wrong_lines(name, events)
        for name in self.superseded.difference(self.found, self.lines):
            if not self.is_explained(name):
                yield name, "superseded, the ledger says, but no other" \
                    " attempt of it is known"

    def is_explained(self, name: str) -> bool:
        """Return whether the ledgers explain why an attempt is nowhere.

        If it was superseded, another attempt of its job must exist.
        """
        return name in self.excused or name in self.superseded \
            and Attempt.parse(name).job in self.jobs

    def is_there(self, found: Found) -> bool:
        """Return whether a job file exists; listings may be stale (sshfs)."""
        return self.project.files.is_there(found.path(self.project))

    def wrong_lines(
        self, name: str, events: List[str],
    ) -> Iterator[Tuple[str, str]]:
        places = places_of(self.found.get(name, []))
        # The worker died before the rename, or the ledgers explain it.
        is_explained = "running" in places or self.is_explained(name)
        if len(events) > 1:
            yield name, f"{len(events)} lines in the ledgers say that it ended"
        elif events[0] not in places and not is_explained:
            where = f"lies in {places[0]}" if places else "is nowhere"
            yield name, f"{events[0]}, the ledger says, but it {where}"


def look(
    book: Book, see: Callable[[Found], None], note: Callable[[Entry], None],
) -> Dict[str, int]:
    """Show all jobs' files and ledger entries to see() and note(), in the
    order given above, and the others to the book; return the number of jobs'
    files in each place.
    """
    project = book.project
    counts: Dict[str, int] = defaultdict(int)

    def look_in(place: str) -> None:
        for found in each_in(project, place):
            if not book.parse(found.attempt.job):
                counts[place] += 1
                see(found)

    for place in ENDED:
        look_in(place)
    for _ in range(2):
        book.look()
    read_ledgers(book, note)
    for place in ("jobqueue", "held", "running", "jobpods"):
        look_in(place)
    return counts


def read_ledgers(book: Book, note: Callable[[Entry], None]) -> None:
    for path in book.project.ledger_files():
        for entry in filter(None, map(parse, book.read(path))):
            note(entry)
    book.settle()


def key_of(name: str) -> int:
    """Return a hash of an attempt's name: 60 bits, which need 32 bytes."""
    return hash(name) >> 4


def places_of(found: List[Found]) -> List[str]:
    return [each.place for each in found]


def audit(project: Project, here: Here) -> Report:
    glance = Glance(project)
    # RACE: a worker that enrols while the dead are sought would be one of
    # them, so its pod must have been seen before.
    pods = glance.book.workers.union(glance.pods)
    dead = dead_workers(project, here).intersection(pods)
    report = audit_jobs(project, glance, dead)
    book = glance.book
    broken = taskaudit.findings(book, dead)
    if broken:
        book = Glance(project).book
        broken &= taskaudit.findings(book, dead)
    return report._replace(
        findings=report.findings + sorted(broken),
        tasks=taskaudit.numbers(book),
        lost_tasks=taskaudit.lost_records(book))


def audit_jobs(project: Project, glance: Glance, dead: Set[str]) -> Report:
    keys = glance.odd(dead)
    if not keys:
        return Report(glance.counts, [], [])
    inventory = Inventory(project, keys, glance.jobs)
    found = set(inventory.findings(dead))
    if found:
        # RACE: some may have been superseded since the glance.
        jobs = {Attempt.parse(name).job for name, _ in found}
        inventory = Inventory(project, keys, jobs)
        found &= set(inventory.findings(dead))
    lines = sorted(f"{printable(name)}: {why}" for name, why in found)
    return Report(inventory.counts, lines, inventory.lost_records())


def dead_workers(project: Project, here: Here) -> Set[str]:
    """Return the dead workers, whose pods must be empty.

    A worker of another host is dead if its last heartbeat is much older than
    the latest heartbeat of any member.  Both times are the file server's.
    """
    members = {
        name: read_member(project, kind, name)
        for kind in ("workers", "dispatchers") for name in project.names(kind)
    }
    now = max((m.heartbeat for m in members.values()), default=0.0)
    return {
        worker for worker in project.pods()
        if members.get(worker, MISSING).seems_dead(now, here, MISSED)
    }
