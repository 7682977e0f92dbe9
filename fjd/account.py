"""What became of all that was asked for: done, failed, cancelled, vanished or
left.

A dispatcher sees jobs wait and run, and fjd run has a list.  Whatever of these
no ledger says has ended, is looked for where jobs lie, and then in what the
ledgers say of its other attempts: it may have gone back, and have ended as
one of those.
"""
from typing import Dict, List, NamedTuple, Optional, Set, Tuple

from fjd.find import everything, names_in
from fjd.joblist import Listed, mark_of
from fjd.ledger import (
    CLEANED, DONE, Entry, escape, LOST, parsed, parts, RETRIED, SUPERSEDED,
)
from fjd.names import Attempt, LISTED, made_up, Running, why_bad
from fjd.project import ENDED, Project

CANCELLED, VANISHED, LEFT = "cancelled", "vanished", "left"
NO_RECORD = "record lost"  # how an attempt ended that no ledger tells of
BACK = (LOST, SUPERSEDED, RETRIED)
UNDER_WAY = ("jobqueue", "held", "jobpods", "running")
LOOKS = 2


class Asked(NamedTuple):
    """The list of fjd run, by marks; done: those that were done before it
    began; earlier: attempts that had ended, and are of another list.
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
        """Where each job lies, and its name there, by its mark; what is under
        way or done, has not failed.
        """
        found: Dict[str, Tuple[str, str]] = {}
        for place, name, attempt, _ in everything(project):
            if self.has(attempt.job) and name not in self.earlier:
                found.setdefault(mark_of(attempt.job), (place, name))
        return found


def key_of(job: str) -> str:
    """The same for all attempts at a job, also by another list, or under a
    name that was made up for it.
    """
    name = made_up(job) if why_bad(job) else job
    return mark_of(job) if LISTED.fullmatch(job) else name


def fates(
    project: Project, owed: Dict[str, str], offsets: Dict[str, int],
) -> Dict[str, Entry]:
    """How attempts, or jobs, have ended, by the ledgers after these offsets;
    owed: with the worker that each was given to, or "".
    """
    seen = {
        name: whereabouts(project, name, worker)
        for name, worker in owed.items()
    }
    found = {name: entry for name, entry in seen.items() if entry}
    rest = {n: Attempt.parse(n) for n in owed if n not in found}
    for _ in range(LOOKS):  # RACE: one that goes back may be missed once.
        here = under_way(project) if rest else set()
        back = {n: a for n, a in rest.items() if key_of(a.job) in here}
        found.update({n: Entry(LEFT, a.job, n) for n, a in back.items()})
        rest = {n: a for n, a in rest.items() if n not in back}
    keys = {key_of(attempt.job) for attempt in rest.values()}
    # RACE: in this order, for a line may be read from now on.
    lost, told = lost_records(project, keys), history(project, keys, offsets)
    for name, attempt in rest.items():
        key = key_of(attempt.job)
        found[name] = fate(project, attempt, told[key], lost[key])
    return found


def whereabouts(project: Project, name: str, worker: str) -> Optional[Entry]:
    """Where an attempt is, if it is where it was, or went on from there.

    Listings may be old (sshfs); open() tells the truth.
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
    """What the ledgers say of these jobs."""
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
    """What has ended of these jobs, and no ledger says so."""
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
    """How a job has ended by this attempt or a later one, if it has."""
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
    """Whether that was surely an earlier attempt; stamps of two processes
    tell nothing, as the clocks of their hosts may differ.
    """
    (token, count), (other_token, other_count) = one.given, other.given
    is_older = token == other_token and count < other_count
    return one.n < other.n or one.n == other.n and is_older
