"""Remove ended jobs and their logs.

Give --done, --failed or both. Without --older, logs whose jobs no longer
exist are removed, too. The ledger (the record that fjd results prints) keeps
how the jobs ended, and gets a line for each that was removed. fjd run
--resume would run removed jobs again.

An array is removed as a whole, when all of its ranges have ended. One with
failed tasks needs both --done and --failed.

Example, for a crontab:
    fjd clean --done --failed --older 30d
"""
import argparse
import re
from collections import Counter
from typing import Any, Dict, Sequence

from fjd import home, output
from fjd.errors import BadUsage
from fjd.verbs.census import everything, files_in
from fjd.ledger import CLEANED, read_entries
from fjd.members import myself
from fjd.names import Attempt
from fjd.options import flag, option, PROJECT
from fjd.project import ENDED
from fjd.verbs.arrayclean import array_of_log, ArrayCleaning, told
from fjd.verbs.arrayfind import arrays_in, is_range_of
from fjd.verbs.change import Changes
from fjd.verbs.overview import server_time

UNITS = {"m": 60, "h": 3600, "d": 86400}  # seconds


def age(text: str) -> float:
    """Return the seconds in 45m, 12h, 30d or 30, which is in days."""
    match = re.fullmatch(r"([0-9]{1,9}(?:\.[0-9]{1,9})?)([mhd]?)", text)
    seconds = float(match[1]) * UNITS[match[2] or "d"] if match else 0.0
    if not seconds:
        raise argparse.ArgumentTypeError(
            f"{text!r} is no time such as 30d, 12h or 45m, above 0")
    return seconds


OPTIONS = (
    PROJECT,
    flag("--done", help="remove jobs that are done"),
    flag("--failed", help="remove jobs that have failed"),
    option("--older", metavar="AGE", type=age, default=0.0,
           help="remove only jobs that ended longer ago than AGE: 30d, 12h,"
           " 45m; a number alone is in days"),
)


def act(options: Any) -> None:
    places = [place for place in ENDED if getattr(options, place)]
    if not places:
        raise BadUsage("clean: give --done, --failed, or both")
    project = home.find_project(options.project, output.teller("fjd"))
    cleaning = Cleaning(project, myself())
    counts = cleaning.clean(places, options.older)
    arrays = told(cleaning.arrays)
    jobs = [f"{counts[place]} {place}" for place in places
            if counts[place] or not arrays]
    output.show(f"Removed: {', '.join(jobs + arrays)}")
    for line in cleaning.left:
        output.show(line)


class Cleaning(Changes):
    """The removal of ended jobs, of arrays and of logs.

    arrays: the number of tasks by array removed; left: a line for each that
    stays.
    """

    arrays: Dict[str, int] = {}
    left: Sequence[str] = ()

    def clean(self, places: Sequence[str], age: float = 0.0) \
            -> Dict[str, int]:
        """Remove jobs that ended so many seconds ago, and logs of jobs that
        no longer exist; return how many jobs each place had.
        """
        arrays = arrays_in(self.project)
        logs = [log for log in self.project.names("joblogs")
                if array_of_log(log) not in arrays]
        ended = {
            found.name: found
            for place in places for found in files_in(self.project, place)
            if not is_range_of(arrays, found.attempt)
        }
        ends = self.ends() if age else {}
        self.clean_arrays(places, age, ends)
        if age:
            limit = server_time(self.project, myself()) - age
            ended = {name: job for name, job in ended.items()
                     if ends.get(name, limit) < limit}
        # Logs go first: on a full disk they make room for ledger entries.
        # RACE: one listing may miss a job that is given back meanwhile.
        stays = {job.attempt.job for _ in range(2) for job in
                 everything(self.project) if job.name not in ended}
        gone = {job.attempt.job for job in ended.values()}
        for log in logs:
            name = log[:-len(".log")]
            job = Attempt.parse(name).job
            if name in ended or job not in stays and (job in gone or not age):
                self.project.discard(self.project.path("joblogs", log))
        self.record(CLEANED, "on demand", list(ended.values()))
        return Counter(
            job.place for job in ended.values()
            if self.project.discard(job.path(self.project))
        )

    def clean_arrays(
        self, places: Sequence[str], age: float, ends: Dict[str, float],
    ) -> None:
        cleaning = ArrayCleaning(self, myself())
        cleaning.clean(places, age, ends)
        self.arrays, self.left = cleaning.removed, cleaning.left

    def ends(self) -> Dict[str, float]:
        """Return when attempts ended, in the server's seconds.

        The clock of a host may be wrong.  A ledger was written to when its
        last entry came, so its mtime is the time of that entry.
        """
        ends: Dict[str, float] = {}
        for path in self.project.ledger_files():
            last, here = 0.0, {}
            for entry in read_entries(self.project, [path]):
                last = entry.end
                if entry.event in ENDED:
                    here[entry.attempt] = entry.end
            if here:
                ahead = last - self.project.files.status(path).st_mtime
                ends.update((name, end - ahead) for name, end in here.items())
        return ends
