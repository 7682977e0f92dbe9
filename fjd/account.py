"""The fate of each requested job: done, failed, cancelled, vanished or left.

A dispatcher sees jobs wait and run, and fjd run has a list.  If no ledger
records the end of one of these, it is searched for in the job directories,
and then among the ledger entries of its other attempts: it may have gone back
to the queue and ended as one of those.
"""
from typing import Dict, List, NamedTuple, Optional, Set, Tuple

from fjd.census import everything, names_in
from fjd.joblist import Listed, mark_of
from fjd.ledger import (
    CLEANED, DONE, Entry, escape, LOST, parsed, parts, RETRIED, SUPERSEDED,
)
from fjd.names import Attempt, LISTED, made_up, Running, why_bad
from fjd.project import ENDED, Project

CANCELLED, VANISHED, LEFT = "cancelled", "vanished", "left"
NO_RECORD = "record lost"  # no ledger entry for this attempt
BACK = (LOST, SUPERSEDED, RETRIED)
UNDER_WAY = ("jobqueue", "held", "jobpods", "running")
LOOKS = 2


class Asked(NamedTuple):
    """The list of fjd run, by marks.

    done: marks of jobs done before it began.  earlier: ended attempts that
    belong to another list.
    """

    jobs: Dict[str, Listed] = {}
    done: Set[str] = set()
    earlier: Set[str] = set()

    def has(self, job: str) -> bool:
        return mark_of(job) in self.jobs

    def command(self, job: str) -> str:
        listed = self.jobs.get(mark_of(job))
        return listed.command if listed else ""

    def look(self, project: Project) -> Dict[str, Tuple[str, str]]:
        """Return the place and the name of each job file, by its mark.

        An attempt under way, or done, takes precedence over a failed one.
        """
        found: Dict[str, Tuple[str, str]] = {}
        for place, name, attempt, _ in everything(project):
            if self.has(attempt.job) and name not in self.earlier:
                found.setdefault(mark_of(attempt.job), (place, name))
        return found


def key_of(job: str) -> str:
    """Return a key shared by all attempts at a job, also those of another
    list, or under a replacement name.
    """
    name = made_up(job) if why_bad(job) else job
    return mark_of(job) if LISTED.fullmatch(job) else name


def fates(
    project: Project, owed: Dict[str, str], offsets: Dict[str, int],
) -> Dict[str, Entry]:
    """Return how attempts or jobs ended, by the ledgers after these offsets.

    owed: the worker that each was given to, or "".
    """
    seen = {
        name: whereabouts(project, name, worker)
        for name, worker in owed.items()
    }
    found = {name: entry for name, entry in seen.items() if entry}
    rest = {n: Attempt.parse(n) for n in owed if n not in found}
    for _ in range(LOOKS):  # RACE: a job that goes back may be missed once.
        here = under_way(project) if rest else set()
        back = {n: a for n, a in rest.items() if key_of(a.job) in here}
        found.update({n: Entry(LEFT, a.job, n) for n, a in back.items()})
        rest = {n: a for n, a in rest.items() if n not in back}
    keys = {key_of(attempt.job) for attempt in rest.values()}
    # RACE: in this order, because new lines may be read from now on.
    lost, told = lost_records(project, keys), history(project, keys, offsets)
    for name, attempt in rest.items():
        key = key_of(attempt.job)
        found[name] = fate(project, attempt, told[key], lost[key])
    return found


def whereabouts(project: Project, name: str, worker: str) -> Optional[Entry]:
    """Return where an attempt is, if it is where it was or at the next place.

    Listings may be stale (sshfs); open() is reliable.
    """
    given = [
        project.given_job(worker, name),
        project.job_file(Running(name, worker)),
    ] if worker else [project.waiting_job(name)]
    places = [(LEFT, path) for path in given]
    places += [(place, project.path(place, name)) for place in ENDED]
    for event, path in places:
        if project.files.is_there(path):
            job = Attempt.parse(name).job
            return Entry(event, job, name, reason=NO_RECORD)
    return None


def under_way(project: Project) -> Set[str]:
    return {
        key_of(Attempt.parse(attempt).job) for place in UNDER_WAY
        for _, attempt, _ in names_in(project, place)
    }


def history(
    project: Project, keys: Set[str], offsets: Dict[str, int],
) -> Dict[str, List[Entry]]:
    """Return the ledger entries of these jobs."""
    found: Dict[str, List[Entry]] = {key: [] for key in keys}
    wanted = set(map(escape, keys))

    def is_wanted(line: str) -> bool:
        job = line.split("\t", 2)[1:2]
        return not wanted.isdisjoint(job + [mark_of(text) for text in job])

    for ledger in project.names("ledger") if keys else []:
        path = project.path("ledger", ledger)
        for lines, _ in parts(project, path, offsets.get(ledger, 0)):
            for entry in parsed(filter(is_wanted, lines)):
                found.get(key_of(entry.job), []).append(entry)
    return found


def lost_records(project: Project, keys: Set[str]) -> Dict[str, List[Entry]]:
    """Return the ended attempts at these jobs that no ledger records."""
    found: Dict[str, List[Entry]] = {key: [] for key in keys}
    recorded = {
        entry.attempt for told in history(project, keys, {}).values()
        for entry in told if entry.event in ENDED
    }
    for place in ENDED if keys else ():
        for name in project.names(place):
            attempt = Attempt.parse(name)
            key = key_of(attempt.job)
            if key in keys and name not in recorded:
                found[key].append(Entry(
                    place, attempt.job, name, reason=NO_RECORD))
    return found


def fate(
    project: Project, attempt: Attempt, told: List[Entry],
    lost: List[Entry],
) -> Entry:
    """Return how a job ended by this or a later attempt, if it did."""
    back = {entry.attempt for entry in told if entry.event in BACK}
    ends = [
        entry for entry in told if entry.event in ENDED
        and (entry.attempt not in back or project.is_accepted(entry.attempt))
    ] + lost
    later = [entry for entry in ends
             if not is_before(Attempt.parse(entry.attempt), attempt)]
    if later:
        return max(later, key=lambda entry: entry.event == DONE)
    is_cancelled = CLEANED in {entry.event for entry in told}
    event = CANCELLED if is_cancelled else VANISHED
    command = max((entry.command for entry in told), default="")
    return Entry(event, attempt.job, attempt.name, command=command,
                 reason=event)


def is_before(one: Attempt, other: Attempt) -> bool:
    """Return whether one was certainly given out before the other.

    Stamps of two processes cannot be compared: their clocks may differ.
    """
    (token, count), (other_token, other_count) = one.given, other.given
    is_older = token == other_token and count < other_count
    return one.n < other.n or one.n == other.n and is_older
