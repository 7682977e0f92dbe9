"""The fate of each requested job: done, failed, cancelled, vanished or left.

A dispatcher sees jobs wait and run, and fjd run has a list.  If no ledger
records the end of one of these, it is searched for in the job directories,
and then among the ledger entries of its other attempts: it may have gone back
to the queue and ended as one of those.
"""
from collections import defaultdict
from typing import Dict, List, Optional, Set

from fjd.verbs.census import files_in, names_in
from fjd.ledger import (
    BACK, CLEANED, DONE, Entry, escape, holds, read_entries,
)
from fjd.names import Attempt, made_up, Running, why_bad
from fjd.project import ENDED, Project
from fjd.verbs.listnames import LISTED, mark_of

CANCELLED, VANISHED, LEFT = "cancelled", "vanished", "left"
NO_RECORD = "record lost"  # no ledger entry for this attempt
REPORTED = "reported before"  # or in entries that are counted anyway
UNDER_WAY = ("jobqueue", "held", "jobpods", "running")


def fates(
    project: Project, owed: Dict[str, str], offsets: Dict[str, int],
) -> List[Entry]:
    """Return how attempts or jobs ended, by the ledgers after these offsets.

    owed: the worker that each was given to, or "".
    """
    seen = {
        name: whereabouts(project, name, worker)
        for name, worker in owed.items()
    }
    ends = [entry for entry in seen.values() if entry]
    rest = [Attempt.parse(name) for name, entry in seen.items() if not entry]
    # RACE: a job that goes back may be missed once.
    left = under_way(project) | under_way(project) if rest else set()
    ends += [Entry(LEFT, a.job, a.name) for a in rest if key_of(a.job) in left]
    rest = [a for a in rest if key_of(a.job) not in left]
    keys = {key_of(a.job) for a in rest}
    entries = history(project, keys, offsets) if keys else {}
    return ends + [fate(project, a, entries[key_of(a.job)]) for a in rest]


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


def key_of(job: str) -> str:
    """Return a key shared by all attempts at a job, also those of another
    list, or under a replacement name.
    """
    name = made_up(job) if why_bad(job) else job
    return mark_of(job) if LISTED.fullmatch(job) else name


def history(
    project: Project, keys: Set[str], offsets: Dict[str, int],
) -> Dict[str, List[Entry]]:
    """Return by key the ledger entries of these jobs after the offsets, and
    then their ended attempts.
    """
    wanted = set(map(escape, keys))

    def is_wanted(line: str) -> bool:
        job = line.partition("\t")[2].partition("\t")[0]
        return job in wanted or mark_of(job) in wanted

    # RACE: in this order, as jobs may end and lines come from now on.
    ended = [
        Entry(place, job.attempt.job, job.name, reason=NO_RECORD)
        for place in ENDED for job in files_in(project, place)
        if key_of(job.attempt.job) in keys
    ]
    ledgers = project.ledger_files()
    begin = {project.path("ledger", name): offsets[name] for name in offsets}
    recorded = {
        entry.attempt for entry in read_entries(project, ledgers, is_wanted)
        if entry.event in ENDED
    }
    entries = list(read_entries(project, ledgers, is_wanted, begin))
    entries += [entry._replace(reason=REPORTED)
                if entry.attempt in recorded else entry for entry in ended]
    by_key: Dict[str, List[Entry]] = defaultdict(list)
    for entry in entries:
        by_key[key_of(entry.job)].append(entry)
    return by_key


def fate(project: Project, attempt: Attempt, entries: List[Entry]) -> Entry:
    """Return how a job ended by this or a later attempt, if it did."""
    back = {entry.attempt for entry in entries if entry.event in BACK}
    later = [
        entry for entry in entries if entry.event in ENDED
        and not is_before(Attempt.parse(entry.attempt), attempt)
        and holds(project, entry.attempt, back)
        # Otherwise it may have been a job of the same name.
        and (entry.reason != REPORTED or attempt.name in back)
    ]
    if later:
        return max(later, key=lambda entry: entry.event == DONE)
    is_cancelled = CLEANED in {entry.event for entry in entries}
    event = CANCELLED if is_cancelled else VANISHED
    command = max((entry.command for entry in entries), default="")
    return Entry(event, attempt.job, attempt.name, command=command,
                 reason=event)


def is_before(one: Attempt, other: Attempt) -> bool:
    """Return whether one was certainly given out before the other.

    Stamps of two processes cannot be compared: their clocks may differ.
    """
    (token, count), (other_token, other_count) = one.given, other.given
    is_older = token == other_token and count < other_count
    return one.n < other.n or one.n == other.n and is_older
