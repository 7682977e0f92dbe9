"""What fjd doctor checks of a batch system; checks.py says how."""
import os
import re
import shlex
import shutil
import time
from typing import Any, Iterable, List

from fjd import files
from fjd.errors import NotHired
from fjd.hosts import allocations
from fjd.hosts.cluster import Cluster, HAS_LIMIT, is_system, options_in
from fjd.hosts.conf import Host
from fjd.hosts.jobscript import text_for
from fjd.hosts.scheduler import call, is_slurm, SECONDS, system_of
from fjd.names import printable
from fjd.project import Project
from fjd.verbs.checks import FAIL, Finding, Findings, judged, OK, scratch, WARN

PROGRAMS = ("sbatch", "squeue", "scancel", "scontrol")
SLOW = 2.0  # seconds for an answer, of the 5 that fjd status waits
NOBODY = "999999999"  # an id that no job has
SUBMITTER = "try: a machine of the cluster on which you can submit jobs"
OPTIONS = "try: other options in remote.conf"
TEMPLATE = "try: another command in remote.conf; for a job that is over it" \
    " prints nothing, and ends with 0"


def wanted(named: Iterable[Host], known: List[Cluster]) -> List[Cluster]:
    """Return the clusters that are named, else those of remote.conf."""
    words = [host.name for host in named]
    if not words:
        return known
    found: List[Cluster] = []
    for word in words:
        if is_system(word, known):
            some = [c for c in known if c.scheduler == word]
            found += some or known or [Cluster()]
    return found


def look_at(project: Project, cluster: Cluster) -> Findings:
    """Check one batch system, as a section of remote.conf describes it."""
    title = cluster.scheduler
    if cluster.section != title:
        title += f" [{cluster.section}]"
    looks = look_at_slurm if is_slurm(cluster) else look_at_templates
    for finding in looks(project, cluster):
        yield finding._replace(check=title)


def look_at_slurm(project: Project, cluster: Cluster) -> Findings:
    missing = [name for name in PROGRAMS if not shutil.which(name)]
    if missing:
        yield Finding(FAIL, f"not there: {', '.join(missing)}", SUBMITTER)
        return
    yield Finding(OK, f"{', '.join(PROGRAMS)} are there")
    try:
        text = call(SECONDS, "scontrol", "show", "config")
    except NotHired as error:
        yield Finding(FAIL, f"the controller does not answer: {error}",
                      "try: scontrol ping")
        return
    yield answer_in(text)
    yield from look_at_keys(cluster)
    yield from look_at_speed()
    yield from look_at_script(project, cluster)
    yield limit_of(cluster)
    yield home_of(project, f"srun ls -d {shlex.quote(project.root)}")


def answer_in(text: str) -> Finding:
    """Return what matters of Slurm's configuration."""
    version, size, wait = [
        (re.findall(rf"^{key}\s*=\s*(\S+)", text, re.M) or ["unknown"])[0]
        for key in ("SLURM_VERSION", "MaxArraySize", "KillWait")]
    return Finding(OK, f"version {version}; MaxArraySize {size}; KillWait"
                       f" {wait}{' s' if wait.isdigit() else ''}")


def look_at_keys(cluster: Cluster) -> Findings:
    """Check that what every worker needs is there; nodes may have more."""
    where = {"python": shutil.which(cluster.python),
             "directory": os.path.isdir(cluster.directory)}
    for key, is_here in where.items():
        value = getattr(cluster, key)
        if value:
            yield judged(
                bool(is_here), f"{key}: {printable(value)} is"
                f" {'here' if is_here else 'not here'}",
                "it must be on the nodes, or no worker starts; try: another"
                f" {key} in remote.conf")


def look_at_speed() -> Findings:
    """Check that squeue answers in time for fjd status."""
    begun = time.monotonic()
    user = str(os.geteuid())
    call(SECONDS, "squeue", "-h", "-t", "PENDING", "-u", user, "-o", "%i")
    took = time.monotonic() - begun
    yield judged(
        took <= SLOW, f"squeue answers in {took:.1f} s",
        f"fjd status waits {allocations.SECONDS:.0f} s for it")


def look_at_script(project: Project, cluster: Cluster) -> Findings:
    """Let Slurm test whether a worker could ever start; nothing is begun."""
    record = allocations.parsed(
        "doctor.1", time.time(), f"scheduler: {cluster.scheduler}\n"
        "job: fjd-doctor\nasked: 1\n", [])
    with scratch(os.path.dirname(project.root)) as place:
        script = os.path.join(place, "worker.sh")
        text = text_for(project, cluster, record, cluster.directory or "/",
                        ["--project", project.name])
        files.create(script, text, 0o700)
        try:
            system_of(project, cluster).check(cluster, record, script)
        except NotHired as error:
            yield Finding(FAIL, f"a worker could not start: {error}", OPTIONS)
            return
    options = " ".join(cluster.options) or "no options"
    yield Finding(OK, f"a worker could start, with {options}")


def limit_of(cluster: Cluster) -> Finding:
    """Return the time limit that a worker has."""
    given = options_in(cluster.options)
    limits = [given[option] for option in HAS_LIMIT if option in given]
    if limits:
        return Finding(OK, f"a worker's time limit is {limits[0]}")
    return Finding(
        WARN, "no time limit in the options: that of the partition counts",
        "try: options: --time=2:00:00 in remote.conf")


def home_of(project: Project, trial: str) -> Finding:
    """Return what is known of whether the nodes see the project."""
    if any(record.came for record in allocations.records(project)):
        return Finding(OK, "workers have come, so nodes see the project")
    kind = files.file_system(project.root)
    return judged(
        not files.is_local(project.root),
        f"the project is on {kind or 'an unknown file system'}",
        f"the nodes must see it; try: {trial}")


def look_at_templates(project: Project, cluster: Cluster) -> Findings:
    """Check the commands of another system, as far as that changes nothing.
    """
    for key in ("submit", "cancel"):
        name = program_of(getattr(cluster, key))
        if name and not shutil.which(name):
            yield Finding(FAIL, f"{key}: {name} is not there", SUBMITTER)
    yield from look_at_keys(cluster)
    yield pending_of(project, cluster)
    yield home_of(project, f"a job with ls -d {shlex.quote(project.root)}")


def pending_of(project: Project, cluster: Cluster) -> Finding:
    """Return what the template pending: does, for a job that is known, or for
    one that is not there.
    """
    known = [r.id for r in allocations.records(project)
             if r.id and r.section == cluster.section]
    record = allocations.parsed(
        "doctor.1", time.time(), f"id: {(known or [NOBODY])[-1]}\npending: "
        f"{allocations.folded(cluster.pending)}\n", [])
    try:
        tasks: Any = system_of(project, cluster).tasks([record], SECONDS)
    except NotHired as error:
        return Finding(FAIL, str(error), TEMPLATE)
    number = len(tasks[record.name])
    return judged(
        bool(known) or not number,
        f"pending: prints {number} line(s) for the job {record.id}",
        "it must print nothing for a job that is not there")


def program_of(template: str) -> str:
    """Return the program that a template begins with; "" if that is unsure.
    """
    word = re.match(r"\s*([A-Za-z0-9_./+-]+)(\s|$)", template)
    return word[1] if word else ""
