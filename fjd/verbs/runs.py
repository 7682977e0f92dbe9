"""List the runs of fjd run, the newest last.

Of each run, show when it began, how many of its jobs are done, have failed and
are left, the size of its files, its project, its directory and its command.

--clean removes finished runs with all their logs and results: those of which
no job is left, and which no dispatcher or worker serves. fjd run --resume
cannot go on with a run that was removed.

Keys of the objects that --json prints: project, directory, command, begun
(seconds since 1970), done, failed, left, size (bytes).

Examples:
    fjd runs
    fjd runs --clean --older 7d
"""
# A run that begins is safe: until it has claimed its project (claim.py), the
# project is not removed, and a claimed one cannot be claimed again.
import json
import os
import time
from typing import Any, Iterator, List, NamedTuple, Optional

from fjd import files, home, output
from fjd.errors import BadUsage
from fjd.ledger import unescape
from fjd.members import Here, MISSED, myself, read_member
from fjd.names import natural, new_token, printable
from fjd.options import flag, option
from fjd.project import LIST, Project, STATES
from fjd.verbs.arrayfind import CANCELLED
from fjd.verbs.claim import Claim
from fjd.verbs.counted import Numbers
from fjd.verbs.earlier import is_run_name
from fjd.verbs.lists import lists_of
from fjd.verbs.overview import moment, server_time

BEGINNING = 3600.0  # seconds that a run may take to claim its project
REMOVED = ".removed"  # the end of a dot name, of a project that goes
UNITS = (("GB", 10**9), ("MB", 10**6), ("kB", 10**3))
PLACES = (*STATES, CANCELLED)
LEFT = ("waiting", "held", "given", "running")
HEADER = "begun                  done  failed    left     size  project,"\
    " directory: command"


def age(text: str) -> float:
    from fjd.verbs.clean import age as seconds  # Late: only --older needs it.
    return seconds(text)


OPTIONS = (
    flag("--json", help="print an object in each line"),
    flag("--clean", help="remove finished runs, with all their files"),
    option("--older", metavar="AGE", type=age, default=0.0,
           help="remove only runs that ended longer ago than AGE: 30d, 12h,"
           " 45m; a number alone is in days"),
)


class Run(NamedTuple):
    """A run: its request, when it began, its numbers of jobs, its bytes."""

    project: str
    directory: str
    command: str
    begun: float  # the server's seconds
    done: int
    failed: int
    left: int
    size: int

    @property
    def title(self) -> str:
        what = printable(self.command) or "(commands)"
        return f"{self.project}  {printable(self.directory)}: {what}"


def act(options: Any) -> None:
    if options.older and not options.clean:
        raise BadUsage("runs: --older needs --clean")
    if options.json and options.clean:
        raise BadUsage("runs: give either --json or --clean")
    with home.awaiting_home():
        runs = sorted(filter(None, map(run_of, projects())),
                      key=lambda run: (run.begun, natural(run.project)))
    if options.clean:
        return clean(runs, options.older)
    if runs and not options.json:
        output.show(HEADER)
    for run in runs:
        output.show(json.dumps(run._asdict()) if options.json else line(run))


def projects() -> List[Project]:
    place = home.directory()
    names = files.names(place) if os.path.isdir(place) else []
    return [home.named_project(name) for name in filter(is_run_name, names)]


def run_of(project: Project) -> Optional[Run]:
    """Return what is known of a run; None if it is gone."""
    try:
        lines = os.fsdecode(project.whole(LIST)).split("\n")
        lines = lines[:2] if len(lines) > 2 else ["", ""]
        directory, command = (
            unescape(line.partition(": ")[2]) for line in lines)
        begun = os.stat(project.path(LIST) if command or directory
                        else project.root).st_mtime
    except (FileNotFoundError, NotADirectoryError):
        return None  # RACE: it is being removed.
    return Run(project.name, directory, command, begun, *counts(project),
               size_of(project.root))


def counts(project: Project) -> List[int]:
    """Return how many jobs and tasks are done, have failed and are left."""
    try:
        numbers = Numbers(project)
        found = numbers.in_states(*PLACES)
        unput = tasks_without_file(numbers)
    except FileNotFoundError:
        return [0, 0, 0]  # It has just begun.
    left = sum(found[state] for state in LEFT)
    return [found["done"], found["failed"], left + unput]


def tasks_without_file(numbers: Numbers) -> int:
    """Return how many tasks were not put before their run was killed."""
    project, arrays = numbers.project, lists_of(numbers.project)
    if not arrays:
        return 0
    parts = (numbers.parse(name) for place in PLACES
             for name in numbers.names(place))
    keys = {part.key for part in parts if part and part.array in arrays}
    tasks = sum(project.files.read(project.path("arrays", array))[1].count(
        b"\n") for array in arrays)
    return max(0, tasks - sum(last - first + 1 for _, first, last in keys))


def size_of(directory: str) -> int:
    """Return the bytes on the disk of all files in a directory, as du(1)."""
    size = 0
    for place, _, names in os.walk(directory):
        for name in names:
            try:
                size += 512 * os.lstat(os.path.join(place, name)).st_blocks
            except FileNotFoundError:
                pass  # RACE: it was removed.
    return size


def line(run: Run) -> str:
    return f"{moment(run.begun)}  {run.done:>6}  {run.failed:>6}" \
        f"  {run.left:>6}  {in_units(run.size):>7}  {run.title}"


def in_units(size: int) -> str:
    for unit, number in UNITS:
        if size >= number:
            return f"{size / number:.1f} {unit}"
    return f"{size} B"


# The removal of runs

def clean(runs: List[Run], age: float) -> None:
    """Remove finished runs; say which, and how many stay."""
    cleared, stay = 0, 0
    for place in remains():
        remove_tree(place)
    for run in runs:
        if run.left or not remove(run, age):
            stay += 1
            continue
        cleared += run.size
        output.show(f"Removed: {run.title} ({in_units(run.size)})")
    number = len(runs) - stay
    text = f"Removed {number} run(s), {in_units(cleared)}."
    output.show(text + f" {stay} stay(s)." * bool(stay))


def remove(run: Run, age: float) -> bool:
    """Remove a run; False if it has just begun, ended later than age seconds
    ago, is in use, or has jobs that are left.
    """
    if not has_begun(home.named_project(run.project), run.begun):
        return False
    try:
        project = home.find_project(
            run.project, output.teller("fjd"), is_to_run=False)
        is_ours = is_claimed(project, run.begun, age)
    except (BadUsage, FileNotFoundError):
        return False  # RACE: somebody else has removed it.
    if not is_ours:
        return False
    place = os.path.join(home.directory(), f".{run.project}."
                         f"{new_token(time.time())}{REMOVED}")
    # From now on nobody finds half of a project.
    is_ours = files.move(project.root, place)
    remove_tree(place)
    return is_ours


def is_claimed(project: Project, begun: float, age: float) -> bool:
    """Claim a finished run, so that nobody resumes it; False if it stays."""
    here = myself()
    now = server_time(project, here)
    claim = Claim(project, here, now)
    if now - last_end(project, begun) < age or not claim.make():
        return False
    if is_in_use(project, here, now) or counts(project)[2]:
        claim.release()
        return False
    return True


def has_begun(project: Project, begun: float) -> bool:
    """Return whether a run has claimed its project, or never will."""
    try:
        return bool(project.claims()) or time.time() > begun + BEGINNING
    except FileNotFoundError:
        return time.time() > begun + BEGINNING


def last_end(project: Project, begun: float) -> float:
    ledgers = map(project.files.status, project.ledger_files())
    return max([begun, *(status.st_mtime for status in ledgers)])


def is_in_use(project: Project, here: Here, now: float) -> bool:
    """Return whether a worker or dispatcher of a project may be alive."""
    return any(
        not read_member(project, kind, name).seems_dead(now, here, MISSED)
        for kind in ("workers", "dispatchers")
        for name in project.members(kind))


def remains() -> Iterator[str]:
    """Yield what a --clean that was killed has left."""
    place = home.directory()
    names = files.drafts(place, ".run-") if os.path.isdir(place) else []
    return (os.path.join(place, name) for name in names
            if name.endswith(REMOVED))


def remove_tree(place: str) -> None:
    """Remove a project, and links that lie in it, but not what these name."""
    if os.path.islink(place):
        remove_tree(os.path.realpath(place))
        files.remove(place)
        return
    for directory, others, names in os.walk(place, topdown=False):
        paths = [os.path.join(directory, name) for name in others + names]
        for path in paths:
            if os.path.islink(path) or not os.path.isdir(path):
                files.remove(path)
        files.remove_directory(directory)
