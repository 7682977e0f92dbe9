"""Where a job is, and why: what files and ledgers tell about it."""
import signal
import time
from typing import Iterator, List

from fjd.ledger import Entry, escape, read_entries, RETRIED
from fjd.liveness import Here
from fjd.lookup import ENDED, find, Found, unknown
from fjd.names import Attempt, CONTROL, printable, Running
from fjd.project import Project
from fjd.status import Look, since, span

LAST_LINES = 10
LAST_BYTES = 8192
IN_SHELL = 128  # and a signal: how sh tells what ended a program that it ran
MEANINGS = {
    "exit 126": "it was found, and may not be executed",
    "exit 127": "the shell found no such command",
    "SIGABRT": "it gave itself up, as after a failed assertion",
    "SIGBUS": "memory, or a file mapped into it, has gone",
    "SIGFPE": "a division by zero, or the like",
    "SIGILL": "built for another kind of processor, perhaps",
    "SIGKILL": "by hand, or because there was too little memory",
    "SIGSEGV": "it used memory that is not its own",
    "SIGTERM": "somebody told it to end",
    "SIGXCPU": "a limit of CPU time",
}


def why(project: Project, here: Here, wanted: str) -> Iterator[str]:
    """Lines for people; FjdError if nothing is known of that job."""
    job = Attempt.parse(wanted).job
    matches, entries = find(project, wanted), history(project, job)
    if not (matches or entries):
        raise unknown(project, wanted)
    if not matches:
        yield f"{printable(wanted)} is not there any more"
    for found in matches:
        yield from whereabouts(project, here, found)
    if entries and entries[-1].event == RETRIED:
        yield "what failed is tried again behind the first attempts of others"
    yield from map(told, entries)
    yield from output(project, matches, entries)


def history(project: Project, job: str) -> List[Entry]:
    """What the ledgers say of it."""
    wanted = f"\t{escape(job)}\t"
    entries = [
        entry for path in project.ledger_files()
        for entry in read_entries(project, path, lambda line: wanted in line)
        if entry.job == job
    ]
    return sorted(entries, key=lambda entry: entry.end)


def whereabouts(project: Project, here: Here, found: Found) -> Iterator[str]:
    if found.place in ENDED:
        yield found.told
        return
    look = Look(project, here)
    if found.place == "running":
        begun = project.begun(Running.parse(found.name))
        silence = look.silent.get(found.worker)
        yield found.told + since(begun, look.now) + (
            f"; its worker is silent for {span(silence)}" if silence else "")
        return
    yield found.told + "".join(
        f"; its worker runs {printable(run.attempt)}"
        for run in look.runs if run.worker == found.worker)
    if found.place != "held":
        yield f"{len(look.workers)} worker(s) are there, and" \
            f" {len(look.runs)} job(s) run"
        yield from look.troubles(1)


def told(entry: Entry) -> str:
    """When and where an attempt ended, and how."""
    when = time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(entry.end))
    how = [entry.event, entry.reason, meaning(entry.status)]
    return f"{when} on {entry.host or 'no host'} after" \
        f" {span(entry.end - entry.start)}:" \
        f" {printable(', '.join(filter(None, how)))}" \
        f" [{printable(entry.attempt)}]"


def meaning(status: str) -> str:
    """exit 139 and signal 11 in words."""
    kind, _, text = status.partition(" ")
    number = int(text) if text.isdigit() else 0
    words = name = status.strip("-")
    if kind == "signal":
        words = name = signal_name(number)
    elif number > IN_SHELL:
        name = signal_name(number - IN_SHELL)
        words = f"{status}, as of {name}"
    return words + (f" ({MEANINGS[name]})" if name in MEANINGS else "")


def signal_name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"


def output(
    project: Project, matches: List[Found], entries: List[Entry],
) -> Iterator[str]:
    """The last lines of the latest attempt that has printed something."""
    logs = [project.job_log(entry.attempt) for entry in entries]
    logs += [project.job_log(found.name) for found in matches
             if found.place in ENDED]
    for found in matches:
        if found.place == "running":
            logs += project.draft_logs(found.worker)
    for path in reversed(logs):
        size = project.files.size(path)
        if size:
            start = max(0, size - LAST_BYTES)
            _, data = project.files.read(path, LAST_BYTES, start)
            yield f"The last lines of {printable(path)}:"
            yield from map(shown, data.splitlines()[-LAST_LINES:])
            return


def shown(line: bytes) -> str:
    """What a terminal would show of it, without what would change that."""
    text = line.decode(errors="backslashreplace").expandtabs()
    return "    " + CONTROL.sub("?", text)
