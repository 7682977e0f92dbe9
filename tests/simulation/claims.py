"""What a dispatcher says, compared with the files at that moment.

A dispatcher lists directories one after another while jobs move, so its words
describe an interval: from the moment when it began to look until it speaks.
A file that lay in one place during all of it must have been seen.  A file that
moved meanwhile may have been seen in both places, or in none.  Where listings
lag, the interval begins that much earlier.

"No (more) jobs."
    Nothing has waited, lain in a pod or run since the last step began.  What
    is put later may be left to the next dispatcher.
The end of its run
    No worker's pod has been there since the last step but one began; workers
    that come later are not ordered to leave.  If a rival is active, the
    workers are left to it.
"6 done, 1 failed ..."
    The counts are those of the ledger lines since the last dispatcher's note.
    A worker writes its line first and then renames the job.  So the attempt of
    each line that counts
      - lies in done/ (or failed/), or once lay there: its user may retry it,
      - or still lies in running/, or has left it after the dispatcher looked,
      - or was taken from there by a person, when the line says how it ended,
      - or another line takes this one back, and that was lost.
    Each attempt counts once, if its user has not undone the end (fjd retry):
    then it may count or not.  An end without a line (its ledger was lost) may
    count if the dispatcher has seen that job.  If a ledger was removed after
    it had been read, its attempts may count again as ends without a line.
    No later dispatcher counts an attempt again, unless it began before the
    first one's whole note was on the server, or listings lag: they may show no
    note but one that is gone.
"2 vanished", "1 cancelled"
    Such a job lay nowhere all the time: it did not wait, not even held, was
    in no pod, did not run, and has not ended (if it has no namesake that may
    have).  Each job is named once, however often it was given out.
"3 left"
    At least what waited, lay in pods or ran all the time; at most that, and
    all that came or went meanwhile.  It includes held jobs if the dispatcher
    had seen them wait.
Exit status 0
    No job has failed, is missing or left.

A pass (--once) does not wait for jobs: it claims only what is done or failed.
What a dispatcher says when it is interrupted holds like everything else.
"""
import json
import os

from fjd.verbs.account import key_of, VANISHED
from fjd.ledger import DONE, FAILED, LOST
from fjd.names import Attempt, why_bad
from fjd.project import SEEN

from simulation.checks import entries_in
from simulation.world import ROOT

GIVEN_OUT = ("jobqueue", "jobpods", "running")
UNDER_WAY = ("held",) + GIVEN_OUT


class Claims:
    """Those of one dispatcher.  began: before it read the last one's note."""

    def __init__(self, checks):
        self.checks = checks
        self.world = checks.world
        self.demand = checks.demand
        self.began = self.world.now
        self.since = 0.0  # when it began to look
        self.counted = set()  # attempts

    def looks(self):
        self.since = self.world.now

    # While it runs

    def no_job_is_left(self, since):
        overlooked = self.stayed(GIVEN_OUT, since)
        self.demand(not overlooked, "jobs were overlooked", *overlooked)

    def no_worker_is_left(self, since):
        overlooked = self.checks.seen(f"{ROOT}/jobpods", since)
        self.demand(not overlooked, "workers were overlooked", *overlooked)

    # At its end

    def sums_up(self, outcome, is_pass):
        """Compare the summary, as it is told.

        A dispatcher that does not know tasks counts each of their lines as an
        end of its range.
        """
        if self.checks.ranges.plans:
            self.checks.told.update(self.checks.ends)
            return
        entries = self.entries_read(outcome)
        if entries is None:
            self.checks.told.update(self.checks.ends)  # One cannot tell.
        else:
            self.counts_done(outcome, entries)
            self.counts_failed(outcome, entries)
            self.counts_once()
        if not is_pass:
            self.counts_missing(outcome)
            self.counts_left(outcome)
        is_well = not (outcome.failed or outcome.missing or outcome.left)
        self.demand(outcome.is_well == is_well, "wrong exit status")
        self.checks.told.update(outcome.failed)
        self.checks.vanished.update(
            e.job for e in outcome.missing if e.event == VANISHED)

    def has_left_its_note(self, outcome):
        server = self.world.server
        notes = [server.find(f"{ROOT}/dispatchers/{name}").data
                 for name in server.listing(f"{ROOT}/dispatchers")
                 if name.endswith(SEEN)]
        known = [json.loads(note)["ledgers"] for note in notes if note]
        # Of a repeated request an empty note may be all that is left.
        is_known = any(
            all(ledgers.get(name, 0) >= offset
                for name, offset in outcome.offsets.items())
            for ledgers in known)
        for attempt in self.counted if is_known else ():
            self.checks.reported.setdefault(attempt, self.world.now)

    def entries_read(self, outcome):
        """The entries that it has read; None if one cannot tell."""
        found = []
        for name in outcome.offsets:
            content = self.checks.content(f"{ROOT}/ledger/{name}")
            if content is None:
                return None
            found += self.part_read(outcome, name, content)
        return found

    def entries_removed(self, outcome):
        """Those of them whose ledger was removed since."""
        return [
            entry for path, content in self.checks.removed_ledgers.items()
            for entry in self.part_read(
                outcome, path.rpartition("/")[2], content)]

    def part_read(self, outcome, name, content):
        start = outcome.begin.get(name, 0)
        return entries_in(content[start:outcome.offsets.get(name, 0)])

    def counts_done(self, outcome, entries):
        lines, ended = named(entries, DONE), self.ended(DONE)
        lie = {self.attempt_at(path) for path in self.files([DONE])}
        certain = lines & lie - named(entries, LOST)
        possible = {
            name for name in lines if self.may_have_ended(name, DONE)}
        self.demand(outcome.done >= len(certain), "too few counted as done",
                    outcome.done, *sorted(certain))
        seen = {job_of(name) for name in outcome.owed}
        most = [*possible, *named(self.entries_removed(outcome), DONE)]
        most += [name for name in ended - lines if job_of(name) in seen]
        self.demand(outcome.done <= len(most), "too many counted as done",
                    outcome.done, *sorted(most))
        self.checks.told.update(possible)
        self.counted = lines & ended

    def counts_failed(self, outcome, entries):
        for name in outcome.failed:
            self.demand(self.may_have_ended(name, FAILED),
                        "said to have failed", name)
        lie = {self.attempt_at(path) for path in self.stayed([FAILED])}
        silent = (named(entries, FAILED) & lie).difference(outcome.failed)
        self.demand(not silent, "silent about failures", *sorted(silent))
        lines = named(entries, FAILED) & self.ended(FAILED)
        self.counted |= lines.intersection(outcome.failed)

    def counts_once(self):
        reported = self.checks.reported
        again = [name for name in self.counted
                 if reported.get(name, self.began) < self.began]
        self.demand(not (again and self.is_sure), "counted twice",
                    *sorted(again))

    @property
    def is_sure(self):
        """Whether listings are what the server has."""
        return self.world.home.is_fuse or not self.world.home.listing

    def counts_missing(self, outcome):
        jobs = [entry.job for entry in outcome.missing]
        wanted = [job.name for job in self.checks.jobs]
        for job in jobs:
            self.demand(why_bad(job) or jobs.count(job) <= wanted.count(job),
                        "missing twice", job)
        for path in self.stayed(UNDER_WAY):
            self.demand(self.job_at(path) not in jobs,
                        "missing, although it lies", path)
        for path in self.stayed([DONE, FAILED]):
            job = self.job_at(path)
            is_known = job not in jobs or wanted.count(job) > 1
            self.demand(is_known or not self.is_sure,
                        "missing, although it ended", path)

    def counts_left(self, outcome):
        least = self.stayed(GIVEN_OUT)
        most = self.files(UNDER_WAY)
        since = self.since - self.world.home.listing
        moved = sum(moment >= since for moment in self.checks.departures)
        self.demand(outcome.left >= len(least), "too few counted as left",
                    outcome.left, *least)
        self.demand(outcome.left <= len(most) + moved,
                    "too many counted as left", outcome.left, *most)

    # Where jobs are

    def files(self, places):
        """The paths of all jobs in these directories."""
        server, found = self.world.server, []
        for place in places:
            pods = server.listing(f"{ROOT}/{place}") \
                if place == "jobpods" else []
            inner = [f"{place}/{pod}" for pod in pods] or [place]
            found += [
                f"{ROOT}/{directory}/{name}" for directory in inner
                for name in server.listing(f"{ROOT}/{directory}")]
        return [path for path in found if server.find(path).job]

    def stayed(self, places, since=None):
        """Those that have not moved since the dispatcher began to look."""
        seen = self.checks.has_to_be_seen
        since = self.since if since is None else since
        return [path for path in self.files(places) if seen(path, since)]

    def ended(self, place):
        """All attempts that lie, or lay, in done/ or failed/."""
        return {name for name, end in self.checks.ends.items() if end == place}

    def may_have_ended(self, name, place):
        left = self.checks.left_running.get(name, -1.0)
        return self.checks.ends.get(name) == place \
            or left >= self.since - self.world.home.listing \
            or os.fsencode(name) in self.checks.unsaved \
            or name in map(self.attempt_at, self.files(["running"]))

    def attempt_at(self, path):
        return path.rpartition("/")[2].partition("@")[0]

    def job_at(self, path):
        return Attempt.parse(self.attempt_at(path)).job


def job_of(attempt):
    """Its job; one name for one that was made up."""
    return key_of(Attempt.parse(attempt).job)


def named(entries, event):
    """The attempts of which a line says so."""
    return {entry.attempt for entry in entries if entry.event == event}
