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
    task        the number of a task of an array; its job is array:number
    out, err    the bytes of what it printed, from-to, in the logs of its
                attempt; fjd log prints them

Each task of an array has a line of its own.

--all adds these events:

    lost        its worker died
    given-back  its worker had to leave, or its job file was incomplete
    retried     it is tried again
    superseded  it ended after it had been taken from its worker: given to
                another one, or cancelled
    cleaned     a person removed it

If no project is named and default is empty, these are the jobs of the last run
of this directory.

With --joblog, Exitval is -1 for a job that failed without a status.
"""
# Each ledger is already in that order, so they are merged while they are read.
# Only a part of each is in memory, the names of attempts that went back, and
# a few bytes of each task: all ledgers are read twice, first to know which
# line of each task counts (taskbook.py).  A recorded end that did not happen
# is no result (ledger.holds).
import heapq
import json
import os
import sys
from itertools import islice
from math import inf
from typing import Any, Iterable, Iterator, Optional, Set, Tuple

from fjd import output
from fjd.errors import BadUsage
from fjd.ledger import (
    BACK, DONE, Entry, FAILED, HEADER, holds, line_of, NAMES, parse, PART,
)
from fjd.names import printable
from fjd.options import flag, option, PROJECT
from fjd.project import ENDED, Project
from fjd.verbs import lastrun
from fjd.verbs.taskbook import blocks, Book

JOBLOG = "Seq\tHost\tStarttime\tJobRuntime\tSend\tReceive\tExitval\tSignal" \
    "\tCommand\n"
END = NAMES.index("end")
BATCH = 1000  # lines written at a time
LEAST, MOST = 1 << 12, 1 << 22  # bytes of a ledger, and of all, read at a time
# The end, the number of its ledger (so that no two rows are equal), the line,
# and the entry, if it was needed already.
Row = Tuple[float, int, str, Optional[Entry]]
OPTIONS = (
    PROJECT,
    flag("--failed", help="print only what failed"),
    option("--json", dest="form", action="store_const", const="json",
           help="print an object in each line"),
    option("--joblog", dest="form", action="store_const", const="joblog",
           help="print the format of GNU parallel's --joblog"),
    flag("--all", help="also print attempts that were lost, given back,"
         " retried, superseded or cleaned"),
)


def act(options: Any) -> None:
    if options.failed and options.all:
        raise BadUsage("results: give either --failed or --all")
    project = lastrun.visit(options, lastrun.has_history)
    events = (FAILED,) if options.failed else ENDED
    found = rows(project, options.all, events)
    lines = as_table(found)
    if options.form:
        form = as_json if options.form == "json" else as_joblog
        lines = form(entries_of(found))
    if sys.stdout and sys.stdout.isatty():
        for line in lines:
            output.show(on_terminal(line))
        return
    while True:
        batch = list(islice(lines, BATCH))
        if not batch:
            break
        output.show_bytes(os.fsencode("".join(batch)), is_more=True)


def entries_of(found: Iterable[Row]) -> Iterator[Entry]:
    for _, _, line, entry in found:
        entry = entry or parse(line)
        if entry:
            yield entry


def results(project: Project, has_all: bool = False) -> Iterator[Entry]:
    """Yield the entries of jobs that ended for good, or all entries."""
    return entries_of(rows(project, has_all))


def rows(
    project: Project, has_all: bool = False,
    events: Tuple[str, ...] = ENDED,
) -> Iterator[Row]:
    """Yield the same as rows; only ends with these events, if not all."""
    book, back = Book(project), set()
    paths = project.ledger_files()
    for path in [] if has_all else paths:
        back.update(went_back(book, path))
    # RACE: a line that counts for nothing came after a cut, so the name that
    # the cut made is there, or was, when the line has been read.
    for _ in range(2):
        book.look()
    book.settle()
    starts = () if has_all else tuple(f"{event}\t" for event in events)
    size = min(PART, max(LEAST, MOST // (len(paths) or 1)))
    ledgers = [rows_of(book, number, path, starts, size)
               for number, path in enumerate(paths)]
    for row in heapq.merge(*ledgers):
        entry = row[3]
        if not entry or holds(project, entry.attempt, back):
            yield row


def went_back(book: Book, path: str) -> Set[str]:
    """Read a ledger; return the attempts of jobs that went back."""
    starts = tuple(f"{event}\t" for event in BACK)
    entries = (parse(line) for line in book.read(path)
               if line.startswith(starts))
    return {entry.attempt for entry in entries if entry}


def rows_of(
    book: Book, number: int, path: str, starts: Tuple[str, ...], size: int,
) -> Iterator[Row]:
    """Yield the rows that begin like this (all, if () is given), of tasks
    only those that count.  number: of the ledger.  size: bytes read at a time.
    """
    end = book.ends.get(path, 0) if starts else inf
    for lines, _ in blocks(book.project, path, 0, end, size):
        for line in lines:
            if starts and not line.startswith(starts):
                continue
            fields = line.split("\t", END + 1)
            takes = book.takes(fields) \
                if starts and len(fields) > END and "=" in fields[2] else None
            if takes:
                yield seconds(fields[END]), number, line, None
            entry = parse(line) if takes is None else None
            if entry:
                yield entry.end, number, line, entry


def seconds(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        return 0.0  # A malformed line.


def on_terminal(line: str) -> str:
    """Return a line whose names and commands cannot control a terminal."""
    return "\t".join(map(printable, line.rstrip("\n").split("\t")))


def as_table(found: Iterable[Row]) -> Iterator[str]:
    yield HEADER
    for _, _, line, entry in found:
        yield line_of(entry) if entry else line + "\n"


def as_json(entries: Iterable[Entry]) -> Iterator[str]:
    for entry in entries:
        yield json.dumps(entry._asdict()) + "\n"


def as_joblog(entries: Iterable[Entry]) -> Iterator[str]:
    """Yield the lines of GNU parallel's --joblog (for --retry-failed)."""
    yield JOBLOG
    for number, entry in enumerate(entries, 1):
        yield line_of_joblog(str(number), entry)


def codes(entry: Entry) -> Tuple[int, int]:
    """Return a job's exit status and the signal that ended it."""
    kind, _, code = entry.status.partition(" ")
    found = {"exit": 0, "signal": 0, kind: int(code or 0)}
    if entry.event != DONE and not any(found.values()):
        found["exit"] = -1  # It could not be run, or was ended by fjd.
    return found["exit"], found["signal"]


def line_of_joblog(number: str, entry: Entry) -> str:
    code, signal = codes(entry)
    runtime = max(0.0, entry.end - entry.start)
    command = (entry.command or entry.job).replace("\n", "\0")
    return f"{number}\t{entry.host or ':'}\t{entry.start:.3f}" \
        f"\t{runtime:10.3f}\t0\t0\t{code}\t{signal}\t{command}\n"
