"""Whether every job is accounted for, as far as the files can prove it.

Jobs move while this looks.  So it looks in the order against which they go
(ended, ledgers, waiting, running, given), opens what seems to be missing,
and says nothing that a second look does not find again.
"""
from collections import defaultdict
from typing import Dict, Iterator, List, Optional, Set, Tuple

from fjd.ledger import (
    CLEANED, DONE, FAILED, LOST, read_entries, RETRIED, SUPERSEDED,
)
from fjd.liveness import (
    Identity, identity_in, MISSED, parse_record, period_in,
)
from fjd.names import Attempt, printable
from fjd.project import Project

ENDED = (DONE, FAILED)
EXCUSES = (SUPERSEDED, LOST, RETRIED, CLEANED)


class Look:
    """What lies where, and what the ledgers say about it."""

    def __init__(self, project: Project) -> None:
        self.project = project
        self.places: Dict[str, List[str]] = defaultdict(list)
        self.counts: Dict[str, int] = {}
        self.lines: Dict[str, List[str]] = defaultdict(list)
        self.excused: Set[str] = set()
        for place in ENDED:
            self.add(place, project.names(place))
        self.read_ledgers()
        self.add("jobqueue", project.waiting())
        self.begun = {run.attempt: run.worker for run in project.running()}
        self.add("running", list(self.begun))
        self.pods = {
            worker: project.given(worker) or [] for worker in project.pods()
        }
        given = [name for pod in self.pods.values() for name in pod]
        self.add("jobpods", given)

    def add(self, place: str, names: List[str]) -> None:
        self.counts[place] = len(names)
        for name in names:
            if Attempt.parse(name).stamp:
                self.places[name].append(place)

    def read_ledgers(self) -> None:
        for path in self.project.ledger_files():
            for entry in read_entries(self.project, path)[0]:
                if entry.event in ENDED:
                    self.lines[entry.attempt].append(entry.event)
                elif entry.event in EXCUSES:
                    self.excused.add(entry.attempt)

    def lost_records(self) -> List[str]:
        """Attempts that ended, of which no ledger says so."""
        return [
            name for name, places in self.places.items()
            if places[0] in ENDED and name not in self.lines
        ]

    # What must not be, as (attempt, what is wrong)

    def findings(self, dead: Set[str]) -> Iterator[Tuple[str, str]]:
        for name, places in self.places.items():
            if len(places) > 1:
                yield name, f"lies in {' and in '.join(places)}"
        for name, events in self.lines.items():
            yield from self.wrong_lines(name, events)
        for worker in dead.intersection(self.pods):
            for name in self.pods[worker]:
                yield name, f"lies in the pod of {worker}, which is dead"

    def wrong_lines(
        self, name: str, events: List[str],
    ) -> Iterator[Tuple[str, str]]:
        places = self.places.get(name, [])
        if len(events) > 1:
            yield name, f"{len(events)} lines in the ledgers say that it ended"
        elif events[0] not in places and not self.is_explained(name):
            where = f"lies in {places[0]}" if places else "is nowhere"
            yield name, f"{events[0]}, the ledger says, but it {where}"

    def is_explained(self, name: str) -> bool:
        """Why an attempt with a line may not be where that says."""
        return name in self.begun or name in self.excused


def audit(project: Project, here: Identity) -> Tuple[Look, List[str]]:
    """What there is, and a line for everything that must not be."""
    look = Look(project)
    dead = dead_workers(project, here)
    found = set(look.findings(dead))
    if found:
        look = Look(project)
        found &= set(look.findings(dead))
    return look, sorted(f"{printable(name)}: {why}" for name, why in found)


def dead_workers(project: Project, here: Identity) -> Set[str]:
    """Those in whose pods nothing may be left.

    Of other hosts: who has been silent since long before the last sign of
    life of anybody, both in the file server's time.
    """
    records = {
        name: project.record(kind, name)
        for kind in ("workers", "dispatchers") for name in project.names(kind)
    }
    now = max((record[0] for record in records.values() if record), default=0)
    return {
        worker for worker in project.pods()
        if is_dead(records.get(worker), here, now)
    }


def is_dead(
    record: Optional[Tuple[float, str]], here: Identity, now: float,
) -> bool:
    if not record:
        return True
    keys = parse_record(record[1])
    is_silent = now - record[0] > MISSED * period_in(keys)
    return is_silent or here.sees(identity_in(keys)) is False
