"""Check that no job was lost.

Compare the job directories with the ledger (the record that fjd results
prints). Every job must lie in exactly one place, and every end must be
recorded once. Each job that breaks a rule is named with the rule, and the
exit code is 1.

An ended job without a ledger entry is reported, too, but is no error.
"""
# Jobs move meanwhile.  So the directories are listed against the direction in
# which jobs move (ended, ledgers, waiting, held, running, given), a file that
# seems to be missing is opened, and only what a second inventory finds again
# is reported.
from collections import defaultdict
from typing import Any, Dict, Iterator, List, Set, Tuple

from fjd import home, output
from fjd.census import files_in, Found
from fjd.ledger import (
    CLEANED, GIVEN_BACK, LOST, read_entries, RETRIED, SUPERSEDED,
)
from fjd.members import Here, MISSED, MISSING, myself, read_member
from fjd.names import Attempt, printable
from fjd.options import PROJECT
from fjd.project import ENDED, Project, STATES
from fjd.verbs.overview import COUNTS

EXCUSES = (LOST, RETRIED, GIVEN_BACK, CLEANED)
OPTIONS = (PROJECT,)


def act(options: Any) -> int:
    project = home.visit_project(options.project, output.teller("fjd"))
    inventory, findings = audit(project, myself())
    for finding in findings:
        output.show(finding)
    for path in inventory.lost_records():
        output.show(f"{printable(path)}: record lost: no ledger entry for this"
                    " attempt")
    counts = COUNTS.format(
        **{state: inventory.counts[place] for place, state in STATES.items()})
    output.show(f"{counts}: {len(findings)} not accounted for")
    return 1 if findings else 0


class Inventory:
    """The job files in each place, and what the ledgers say about them."""

    def __init__(self, project: Project) -> None:
        self.project = project
        self.counts: Dict[str, int] = defaultdict(int)
        self.found: Dict[str, List[Found]] = defaultdict(list)  # attempts
        self.lines: Dict[str, List[str]] = defaultdict(list)
        self.jobs: Set[str] = set()  # of all these files
        self.excused: Set[str] = set()
        self.superseded: Set[str] = set()
        for place in ENDED:
            self.add(place)
        self.read_ledgers()
        for place in ("jobqueue", "held", "running", "jobpods"):
            self.add(place)

    def add(self, place: str) -> None:
        for found in files_in(self.project, place):
            self.counts[place] += 1
            self.jobs.add(found.attempt.job)
            if found.attempt.stamp:
                self.found[found.attempt.name].append(found)

    def read_ledgers(self) -> None:
        ledgers = self.project.ledger_files()
        for entry in read_entries(self.project, ledgers):
            if entry.event in ENDED:
                self.lines[entry.attempt].append(entry.event)
            elif entry.event in EXCUSES:
                self.excused.add(entry.attempt)
            elif entry.event == SUPERSEDED:
                self.superseded.add(entry.attempt)

    def lost_records(self) -> List[str]:
        """Return the paths of ended attempts without a ledger entry."""
        return [
            f"{found[0].place}/{name}" for name, found in self.found.items()
            if found[0].place in ENDED and name not in self.lines
        ]

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


def places_of(found: List[Found]) -> List[str]:
    return [each.place for each in found]


def audit(project: Project, here: Here) \
        -> Tuple[Inventory, List[str]]:
    """Return the inventory, and a line for each broken rule."""
    inventory = Inventory(project)
    dead = dead_workers(project, here)
    found = set(inventory.findings(dead))
    if found:
        inventory = Inventory(project)
        found &= set(inventory.findings(dead))
    lines = sorted(f"{printable(name)}: {why}" for name, why in found)
    return inventory, lines


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
