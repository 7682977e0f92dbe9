"""Print how each job ended.

Each line is one end, the first end first. The columns are separated by tabs:

    event       done or failed
    job         its name
    attempt     the name of the attempt
    host        where it ran
    worker      the worker that ran it
    start, end  seconds since 1970
    status      exit N, or signal N; - if it did not run to its end
    cpu         seconds
    peak        KiB of memory; at least 15,000 to 20,000 if the job ran, since
                it begins as a copy of its worker
    command     what was run
    reason      why it failed

--all adds these events:

    lost        its worker died
    given-back  its worker had to leave, or its job file was incomplete
    retried     it is tried again
    superseded  it ended after it had been taken from its worker: given to
                another one, or cancelled
    cleaned     a person removed it

With --joblog, Exitval is -1 for a job that failed without a status.
"""
# Each ledger is already in that order, so they are merged while they are read.
# Only a part of each is in memory, and the names of attempts that went back.
# A recorded end that did not happen is no result (ledger.holds).
import heapq
import json
import os
import sys
from typing import Any, Callable, Iterable, Iterator

from fjd import home, output
from fjd.ledger import (
    BACK, DONE, Entry, HEADER, holds, line_of, read_entries,
)
from fjd.names import printable
from fjd.options import flag, option, PROJECT
from fjd.project import ENDED, Project

JOBLOG = "Seq\tHost\tStarttime\tJobRuntime\tSend\tReceive\tExitval\tSignal" \
    "\tCommand\n"
OPTIONS = (
    PROJECT,
    option("--json", dest="form", action="store_const", const="json",
           help="print an object in each line"),
    option("--joblog", dest="form", action="store_const", const="joblog",
           help="print the format of GNU parallel's --joblog"),
    flag("--all", help="also print attempts that were lost, given back,"
         " retried, superseded or cleaned"),
)


def act(options: Any) -> None:
    project = home.visit_project(options.project, output.teller("fjd"))
    forms = {"json": as_json, "joblog": as_joblog, None: as_table}
    lines = forms[options.form](results(project, options.all))
    if sys.stdout and sys.stdout.isatty():
        for line in lines:
            output.show(on_terminal(line))
        return
    for line in lines:
        output.show_bytes(os.fsencode(line), is_more=True)


def results(project: Project, has_all: bool = False) -> Iterator[Entry]:
    """Yield the entries of jobs that ended for good, or all entries."""
    paths = project.ledger_files()
    has = bool if has_all else with_event(ENDED)
    went_back = read_entries(
        project, [] if has_all else paths, with_event(BACK))
    back = {entry.attempt for entry in went_back}
    ledgers = [read_entries(project, [path], has) for path in paths]
    for entry in heapq.merge(*ledgers, key=lambda entry: entry.end):
        if holds(project, entry.attempt, back):
            yield entry


def with_event(events: Iterable[str]) -> Callable[[str], bool]:
    """Return a function that accepts the lines with these events."""
    starts = tuple(f"{event}\t" for event in events)
    return lambda line: line.startswith(starts)


def on_terminal(line: str) -> str:
    """Return a line whose names and commands cannot control a terminal."""
    return "\t".join(map(printable, line.rstrip("\n").split("\t")))


def as_table(entries: Iterator[Entry]) -> Iterator[str]:
    yield HEADER
    yield from map(line_of, entries)


def as_json(entries: Iterator[Entry]) -> Iterator[str]:
    for entry in entries:
        yield json.dumps(entry._asdict()) + "\n"


def as_joblog(entries: Iterator[Entry]) -> Iterator[str]:
    """Yield the lines of GNU parallel's --joblog (for --retry-failed)."""
    yield JOBLOG
    for number, entry in enumerate(entries, 1):
        kind, _, code = entry.status.partition(" ")
        codes = {"exit": 0, "signal": 0, kind: int(code or 0)}
        if entry.event != DONE and not any(codes.values()):
            codes["exit"] = -1  # It could not be run, or was ended by fjd.
        runtime = max(0.0, entry.end - entry.start)
        command = (entry.command or entry.job).replace("\n", "\0")
        yield f"{number}\t{entry.host or ':'}\t{entry.start:.3f}" \
            f"\t{runtime:10.3f}\t0\t0\t{codes['exit']}\t{codes['signal']}" \
            f"\t{command}\n"
