"""Batch systems: Slurm by its commands, and others by three templates.

A system submits workers, says which of them wait or run, and cancels them.
It is asked about many records at once, always with a time limit.  NotHired:
it did not do what it was told, with the reason.

An id may be used again after a cluster was set up anew.  So Slurm's commands
always get the name of the job, too, which only fjd makes.
"""
import collections
import os
import re
from shlex import quote
from typing import Any, Dict, Iterable, List, NamedTuple, Sequence, Tuple

from fjd.errors import NotHired, Unavailable
from fjd.hosts.allocations import amend, Record
from fjd.hosts.cluster import Cluster, SLURM
from fjd.hosts.external import ask
from fjd.names import printable
from fjd.project import Project

SECONDS = 10.0  # for an answer
SECONDS_TO_SUBMIT = 60.0
UNKNOWN = "Invalid job id specified"  # no task is left
PENDING, RUNNING, ENDING = "pending", "running", "ending"
STATES = {  # squeue(1), "JOB STATE CODES"; others end, or have ended
    "PD": PENDING, "RH": PENDING, "RQ": PENDING, "RF": PENDING,
    "RD": PENDING, "SE": PENDING,
    "CF": RUNNING, "R": RUNNING, "S": RUNNING, "ST": RUNNING, "SI": RUNNING,
    "RS": RUNNING,
}
NO_REASON = "^exit 1$"  # of grep(1), say, which found nothing to print
FORMAT, OF_NUMBERS = "%i|%t|%r|%j", "%i|%A|%t|%j"
HEADS = {"%i": "JOBID", "%A": "JOBID", "%t": "ST", "%r": "REASON",
         "%j": "NAME"}
HELD = ("JobHeldUser", "JobHeldAdmin")
ARRAY_SIZE = 1001  # the default of Slurm
# Variables that would change what the commands print or do.
MISLEADING = ("SQUEUE_", "SCANCEL_", "SBATCH_WAIT", "SBATCH_ARRAY",
              "SBATCH_CLUSTERS", "SBATCH_JOB_NAME", "SBATCH_REQUEUE",
              # Another cluster, and a limit that nobody has checked:
              "SLURM_CLUSTERS", "SBATCH_TIMELIMIT",
              # of a job in which hire is typed, not of the new one:
              "SLURM_CPUS_PER_TASK", "SLURM_JOB_END_TIME")
TASK = re.compile("([0-9]{1,19})_[0-9]{1,19}")
ID = re.compile("[A-Za-z0-9][!-~]{0,200}")  # as another system prints it


class Listed(NamedTuple):
    """A worker as its system lists it; id: 311_2, or "" with templates."""

    id: str
    state: str
    reason: str = ""


Listing = Dict[str, List[Listed]]  # by the name of the record


class Slurm:
    """Slurm, by sbatch, squeue, scancel and scontrol."""

    def __init__(self, project: Project) -> None:
        self.project = project

    def most(self, cluster: Cluster) -> int:
        """Return how many workers one submission may have."""
        try:
            text = call(SECONDS, "scontrol", "show", "config")
        except NotHired:
            text = ""
        found = re.search(r"^MaxArraySize\s*=\s*([0-9]+)", text, re.M)
        return max(1, int(found[1]) - 1 if found else ARRAY_SIZE - 1)

    def check(self, cluster: Cluster, record: Record, script: str) -> None:
        """Raise NotHired if its workers could never run, or Slurm could not
        be asked about them.
        """
        listed(SECONDS, "-j", "1")
        words = self.words(cluster, record)
        call(SECONDS_TO_SUBMIT, "sbatch", "--test-only", *words, script)

    def submit(self, cluster: Cluster, record: Record, script: str) -> str:
        """Submit the workers of a record; return the id."""
        words = self.words(cluster, record)
        answer = call(SECONDS_TO_SUBMIT, "sbatch", *words, script)
        number = (answer.split() or [""])[-1].partition(";")[0]
        if not re.fullmatch("[0-9]+", number):
            raise NotHired(f"sbatch printed no id: {printable(answer)!r}")
        return number

    def words(self, cluster: Cluster, record: Record) -> List[str]:
        """Return the options; the section's come last, so they win."""
        output = self.project.root.replace("%", "%%")
        cpus = [f"--cpus-per-task={cluster.cpus}"] if cluster.cpus else []
        return [
            "--parsable", f"--array=1-{record.asked}",
            f"--job-name={record.job}", "--signal=B:TERM@90", "--no-requeue",
            "--open-mode=append",
            f"--output={output}/screenlogs/{record.name}.%A_%a.out",
            *cpus, *cluster.options]

    def tasks(self, records: Sequence[Record], seconds: float) -> Listing:
        """Return the tasks that are listed of each record with an id."""
        found: Listing = {record.name: [] for record in records}
        by_id = {record.id: record for record in records if record.id}
        if not by_id:
            return found
        for line in listed(seconds, "-r", "-j", ",".join(by_id)):
            number, state, reason, job = line
            match = TASK.fullmatch(number)
            record = match and by_id.get(match[1])
            if record and job == record.job:
                task = Listed(
                    number, STATES.get(state, ENDING), printable(reason))
                found[record.name].append(task)
        return found

    def find(self, record: Record) -> str:
        """Return the id of a submission whose answer was lost, or ""."""
        for line in listed(SECONDS, "-r", "-n", record.job):
            match = TASK.fullmatch(line[0])
            if match and line[3] == record.job:
                return match[1]
        return ""

    def cancel_pending(self, records: Iterable[Record]) -> None:
        for record in records:
            if record.id:
                call(SECONDS, "scancel", "-t", "PENDING", "--name",
                     record.job, record.id, accepts=UNKNOWN)

    def cancel(self, records: Iterable[Record]) -> None:
        """End all tasks, running ones, too."""
        for record in records:
            if record.id:
                call(SECONDS, "scancel", "--name", record.job, record.id,
                     accepts=UNKNOWN)

    def withdraw(self, record: Record, tasks: Sequence[Listed]) -> int:
        """Cancel some pending tasks, if they have not begun meanwhile;
        return how many.

        scancel(1) with a filter would cancel the whole array with one of its
        tasks (measured, 22.05), unless the task is held: then it is a job
        apart, with a number of its own, which it keeps.
        """
        others = ids = [task.id for task in tasks]
        # If we are killed, the next look releases them.
        amend(self.project, record.name, "held", ",".join(ids))
        try:
            call(SECONDS, "scontrol", "hold", ",".join(ids), accepts="")
            held = self.apart(record, ids)
            if held:
                call(SECONDS, "scancel", "-t", "PENDING", "--name",
                     record.job, *held, accepts=UNKNOWN)
            others = [number for number in ids if number not in held]
        finally:
            if others:  # They would wait for ever.
                self.release(others)
        return len(held)

    def apart(self, record: Record, ids: Sequence[str]) -> List[str]:
        """Return those of some tasks that are pending jobs of their own."""
        lines = listed(SECONDS, "-r", "-j", record.id, form=OF_NUMBERS)
        numbers = collections.Counter(words[1] for words in lines)
        return [words[0] for words in lines
                if words[0] in ids and numbers[words[1]] == 1
                and words[2:] == ["PD", record.job]]

    def release(self, ids: Iterable[str]) -> None:
        call(SECONDS, "scontrol", "release", ",".join(ids), accepts="")

    def mend(self, record: Record, tasks: Iterable[Listed]) -> None:
        """Release what a withdraw() that was killed has left held."""
        ours = record.held.split(",")
        left = [task.id for task in tasks
                if task.id in ours and task.reason in HELD]
        if left:
            self.release(left)


class Templates:
    """Another system, by the commands in its section of remote.conf."""

    def __init__(self, project: Project) -> None:
        self.project = project

    def most(self, cluster: Cluster) -> int:
        return 1000

    def check(self, cluster: Cluster, record: Record, script: str) -> None:
        """Do nothing: only Slurm can be asked."""

    def submit(self, cluster: Cluster, record: Record, script: str) -> str:
        """Submit the workers of a record; return the id."""
        answer = self.run("submit", cluster.submit, SECONDS_TO_SUBMIT,
                          n=str(record.asked), script=script)
        words = answer.split()
        if not words or not ID.fullmatch(words[-1]):
            raise NotHired("submit: it printed no id")
        return words[-1]

    def run(
        self, key: str, template: str, seconds: float, **values: str,
    ) -> str:
        try:
            return call(
                seconds, "sh", "-c", filled(template, **values),
                accepts=NO_REASON)
        except NotHired as error:
            raise NotHired(f"{key}: {error}")

    def tasks(self, records: Sequence[Record], seconds: float) -> Listing:
        """Return a pending task for each line that pending: prints."""
        found: Listing = {}
        for record in records:
            text = record.id and self.run(
                "pending", record.pending, seconds, id=record.id)
            lines = [line for line in text.splitlines() if line.strip()]
            found[record.name] = [Listed("", PENDING)] * len(lines)
        return found

    def find(self, record: Record) -> str:
        return ""  # There is no template for it.

    def cancel_pending(self, records: Iterable[Record]) -> None:
        """Cancel those of which no worker lives: it might be ended, too."""
        living = set(self.project.pods())
        self.cancel(r for r in records if living.isdisjoint(r.came))

    def cancel(self, records: Iterable[Record]) -> None:
        for record in records:
            if record.id:
                self.run("cancel", record.cancel, SECONDS, id=record.id)

    def mend(self, record: Record, tasks: Iterable[Listed]) -> None:
        """Do nothing: nothing is held."""

    def withdraw(self, record: Record, tasks: Sequence[Listed]) -> int:
        """Cancel a whole submission, if all of it waits."""
        if record.came or len(tasks) < record.asked:
            return 0
        self.cancel([record])
        return len(tasks)


def system_of(project: Project, it: Any) -> Any:
    """Return the system of a record or a cluster."""
    return Slurm(project) if is_slurm(it) else Templates(project)


def is_slurm(it: Any) -> bool:
    """Return whether a record or a cluster is asked by Slurm's commands."""
    return bool(it.scheduler == SLURM and not it.cancel)


def by_system(
    project: Project, records: Iterable[Record],
) -> List[Tuple[Any, List[Record]]]:
    """Return the records of each system."""
    found: Dict[Tuple[str, bool], List[Record]] = {}
    for record in records:
        kind = record.scheduler, bool(record.cancel)
        found.setdefault(kind, []).append(record)
    return [(system_of(project, some[0]), some) for some in found.values()]


def listed(
    seconds: float, *words: str, form: str = FORMAT,
) -> List[List[str]]:
    """Return the fields of each line that squeue prints.

    NotHired: it failed; also if it succeeded without its list, since that
    nothing is listed means that all is over.
    """
    try:
        text = call(seconds, "squeue", *words, "-o", form)
    except NotHired as error:
        if re.search(UNKNOWN, str(error)):
            return []
        raise
    lines = [line.split("|", form.count("|")) for line in text.splitlines()]
    head = [HEADS[field] for field in form.split("|")]
    if head not in lines:
        raise NotHired(f"squeue printed no list: {printable(text[:200])!r}")
    found = lines[lines.index(head) + 1:]
    for line in found:
        if len(line) != len(head):
            line = printable("|".join(line)[:200])
            raise NotHired(f"squeue printed no task, but {line!r}")
    return found


def filled(template: str, **values: str) -> str:
    """Return a template with its words in braces, quoted; other braces stay.
    """
    return re.sub(
        "[{]([a-z]+)[}]",
        lambda m: quote(values[m[1]]) if m[1] in values else m[0], template)


def call(
    seconds: float, *words: str, accepts: Any = None, **how: Any,
) -> str:
    """Return what a program prints; NotHired: it failed.

    accepts: a pattern of errors that do not matter.
    """
    known = {key: value for key, value in os.environ.items()
             if not key.startswith(MISLEADING)}
    try:
        out, why = ask(seconds, *words, _env=known, **how)
    except Unavailable:
        raise NotHired(
            f"{words[0]} is not there: this machine has no Slurm",
            "try: a machine of the cluster on which you can submit jobs")
    if why and (accepts is None or not re.search(accepts, why)):
        raise NotHired(printable(why))
    return out
