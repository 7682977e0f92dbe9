"""Explain where a job is, and why.

Say also what it waits for, and how, when and where each attempt to run it
ended, and print the last lines of its output.

If no project is named and default has no such job, it is one of the last run
of this directory.

Examples:
    fjd why job7
    fjd why sim:17
"""
import signal
from typing import Any, Iterable, Iterator, List

from fjd import output
from fjd.verbs.census import Found
from fjd.ledger import Entry, escape, read_entries, RETRIED
from fjd.members import Here, myself
from fjd.names import Attempt, CONTROL, printable, Running
from fjd.options import PROJECT
from fjd.project import ENDED, Project, RUNNING
from fjd.verbs import lastrun
from fjd.verbs.arrayfind import split
from fjd.verbs.find import find, JOB, unknown, where
from fjd.verbs.log import ERRORS, OUT
from fjd.verbs.overview import Look, moment, since, span
from fjd.verbs.systems import waits

LAST_LINES = 10
LAST_BYTES = 8192
IN_SHELL = 128  # added to a signal's number, the exit status that sh reports
OPTIONS = (PROJECT, JOB)


def act(options: Any) -> None:
    project = lastrun.visit_job(options, options.job)
    for line in why(project, myself(), options.job):
        output.show(line)


def why(project: Project, here: Here, wanted: str) -> Iterator[str]:
    """Yield lines for people; FjdError if nothing is known of that job."""
    for name, target in split(project, [wanted])[1].items():
        from fjd.verbs.taskwhy import why_target  # Late: few need it.
        yield from why_target(project, here, name, target)
        return
    matches = find(project, wanted)
    attempt = matches[-1].attempt if matches else Attempt.parse(wanted)
    entries = history(project, attempt.job)
    if not (matches or entries):
        raise unknown(wanted)
    if not matches:
        yield f"{printable(wanted)} does not exist any more"
    look = Look(project, here)
    yield from dict.fromkeys(  # Troubles are the same for several.
        line for found in matches for line in whereabouts(look, found)
    )
    if entries and entries[-1].event == RETRIED:
        yield "it failed and is tried again, after the jobs that have not run"
    yield from dict.fromkeys(map(line_of, entries))  # Two may see one loss.
    yield from last_lines(project, matches, entries)


def history(project: Project, job: str) -> List[Entry]:
    """Return the ledger entries of a job, the earliest end first."""
    wanted = f"\t{escape(job)}\t"
    entries = read_entries(
        project, project.ledger_files(), lambda line: wanted in line)
    found = [entry for entry in entries if entry.job == job]
    return sorted(found, key=lambda entry: entry.end)


def whereabouts(look: Look, found: Found) -> Iterator[str]:
    """Yield where a job file is, and then what keeps it from running."""
    attempt = found.attempt
    troubles: Iterable[str] = ()
    line = where(found) + f" [{printable(attempt.name)}]" * bool(attempt.stamp)
    if found.place not in ENDED:
        overview = look.overview
        if found.place == RUNNING:
            begun = look.project.begun(Running.parse(found.name))
            line += since(begun, overview.now)
        if found.worker in overview.silent:
            line += f"; silent for {span(overview.silent[found.worker])}"
        if found.place == "jobqueue":
            line += f"; there are {len(overview.workers)} worker(s), and" \
                f" {len(overview.runs)} job(s) run"
            troubles = dict.fromkeys(
                [*waits(overview.places()), *overview.troubles(1)])
    yield line
    yield from troubles


def line_of(entry: Entry) -> str:
    """Return when, where and how an attempt ended."""
    how = filter(None, [entry.event, entry.reason, named(entry.status)])
    took = entry.end - entry.start
    has_run = took > 0 or entry.status != "-"
    after = f" after {span(took)}" if has_run else ""
    return f"{moment(entry.end)} on {entry.host or 'no host'}{after}:" \
        f" {printable(', '.join(how))} [{printable(entry.attempt)}]"


def named(status: str) -> str:
    """Return a status with the signal's name: signal 11, SIGSEGV.

    sh reports the signal as exit 139.
    """
    kind, _, number = status.partition(" ")
    try:
        own = int(number) - (IN_SHELL if kind == "exit" else 0)
        return f"{status}, {signal.Signals(own).name}"
    except ValueError:
        return status.strip("-")


def last_lines(
    project: Project, matches: List[Found], entries: List[Entry],
) -> Iterator[str]:
    """Yield the last lines of the latest attempt that printed something, and
    those of its errors, if they are apart.
    """
    logs = [logs_of(project, entry.attempt) for entry in entries]
    for found in matches:
        if found.place == RUNNING:
            logs.append(sorted(project.draft_logs(found.worker), reverse=True))
        elif found.place in ENDED:
            logs.append(logs_of(project, found.name))
    for paths in reversed(logs):
        paths = list(filter(project.files.size, paths))
        for path in paths:
            start = max(0, project.files.size(path) - LAST_BYTES)
            _, data = project.files.read(path, LAST_BYTES, start)
            yield from lines_at_end(path, data)
        if paths:
            return


def logs_of(project: Project, attempt: str) -> List[str]:
    return [project.job_log(attempt, kind) for kind in (OUT, ERRORS)]


def lines_at_end(path: str, data: bytes) -> Iterator[str]:
    """Yield the last lines of a log, which data is the end of."""
    yield f"The last lines of {printable(path)}:"
    for line in data.splitlines()[-LAST_LINES:]:
        text = line.decode(errors="backslashreplace").expandtabs()
        yield "    " + CONTROL.sub("?", text)
