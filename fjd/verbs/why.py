"""Explain where a job is, and why.

Say also what it waits for, when and where each attempt ended and how, and
print the last lines of its output.

Example:
    fjd why job7
"""
import signal
from typing import Any, Iterator, List

from fjd import home, output
from fjd.census import Found
from fjd.ledger import Entry, escape, read_entries, RETRIED
from fjd.members import Here, myself
from fjd.names import Attempt, CONTROL, printable, Running
from fjd.options import JOB, PROJECT
from fjd.project import ENDED, Project, RUNNING
from fjd.verbs.find import find, unknown, where
from fjd.verbs.overview import Look, moment, since, span

LAST_LINES = 10
LAST_BYTES = 8192
IN_SHELL = 128  # and a signal: how sh tells what ended a program that it ran
OPTIONS = (PROJECT, JOB)


def act(options: Any) -> None:
    project = home.visit_project(options.project, output.teller("fjd"))
    for line in why(project, myself(), options.job):
        output.show(line)


def why(project: Project, here: Here, wanted: str) -> Iterator[str]:
    """Lines for people; FjdError if nothing is known of that job."""
    matches = find(project, wanted)
    attempt = matches[-1].attempt if matches else Attempt.parse(wanted)
    entries = history(project, attempt.job)
    if not (matches or entries):
        raise unknown(wanted)
    if not matches:
        yield f"{printable(wanted)} is not there any more"
    yield from dict.fromkeys(  # Troubles are the same for several.
        line for found in matches for line in whereabouts(project, here, found)
    )
    if entries and entries[-1].event == RETRIED:
        yield "what failed is tried again behind the first attempts of others"
    yield from map(described, entries)
    yield from last_lines(project, matches, entries)


def history(project: Project, job: str) -> List[Entry]:
    """What the ledgers say of it."""
    wanted = f"\t{escape(job)}\t"
    entries = read_entries(
        project, project.ledger_files(), lambda line: wanted in line)
    found = [entry for entry in entries if entry.job == job]
    return sorted(found, key=lambda entry: entry.end)


def whereabouts(project: Project, here: Here, found: Found) -> Iterator[str]:
    """Where a job file is, and what it waits for."""
    attempt = found.attempt
    line = where(found) + f" [{printable(attempt.name)}]" * bool(attempt.stamp)
    if found.place not in ENDED:
        look = Look(project, here)
        if found.place == RUNNING:
            line += since(project.begun(Running.parse(found.name)), look.now)
        if found.worker in look.silent:
            line += f"; silent for {span(look.silent[found.worker])}"
        if found.place == "jobqueue":
            line += f"; there are {len(look.workers)} worker(s), and" \
                f" {len(look.runs)} job(s) run"
            yield from look.troubles(1)
    yield line


def described(entry: Entry) -> str:
    """When and where an attempt ended, and how."""
    how = filter(None, [entry.event, entry.reason, named(entry.status)])
    took = entry.end - entry.start
    after = f" after {span(took)}" if took > 0 else ""
    return f"{moment(entry.end)} on {entry.host or 'no host'}{after}:" \
        f" {printable(', '.join(how))} [{printable(entry.attempt)}]"


def named(status: str) -> str:
    """signal 11, SIGSEGV; also where sh has said exit 139."""
    kind, _, number = status.partition(" ")
    try:
        own = int(number) - (IN_SHELL if kind == "exit" else 0)
        return f"{status}, {signal.Signals(own).name}"
    except ValueError:
        return status.strip("-")


def last_lines(
    project: Project, matches: List[Found], entries: List[Entry],
) -> Iterator[str]:
    """The last lines of the latest attempt that has printed something."""
    logs = [project.job_log(entry.attempt) for entry in entries]
    for found in matches:
        if found.place == RUNNING:
            logs += project.draft_logs(found.worker)
        elif found.place in ENDED:
            logs.append(project.job_log(found.name))
    for path in filter(project.files.size, reversed(logs)):
        start = max(0, project.files.size(path) - LAST_BYTES)
        _, data = project.files.read(path, LAST_BYTES, start)
        yield f"The last lines of {printable(path)}:"
        for line in data.splitlines()[-LAST_LINES:]:
            text = line.decode(errors="backslashreplace").expandtabs()
            yield "    " + CONTROL.sub("?", text)
        return
