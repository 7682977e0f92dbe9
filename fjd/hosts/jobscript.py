"""The script that a batch system runs for each worker.

It needs nothing of the environment: sbatch --export=NONE loses that.  Its last
step replaces the shell by the worker, so that signals reach the worker alone.
Its variables begin with fjd_: setup.sh and jobs may have others of any name.
"""
import os
import sys
from shlex import quote
from typing import List

from fjd import home
from fjd.command import beside
from fjd.hosts.allocations import Record
from fjd.hosts.arrival import ALLOCATION
from fjd.hosts.cluster import Cluster, SLURM
from fjd.hosts.session import shell
from fjd.hosts.ssh import PROBE, SETUP
from fjd.process import CPUS_GIVEN, OF_RUN, SESSION, THREADS
from fjd.project import Project

TEXT = """\
#!{shell}
# A worker of fjd, for a batch system: written by fjd-recruiter hire.
FJD_DIR={home}
{of_run_key}={of_run}
{allocation_key}={allocation}
{task}
{session_key}={session}
export FJD_DIR {of_run_key} {allocation_key} {session_key}
fjd_threads={threads}
for fjd_name in {names}; do
    export "$fjd_name=$fjd_threads"
done
fjd_end=${{SLURM_JOB_END_TIME-}}
{ask_for_end}
cd {directory} || exit
if [ -e {setup} ]; then
    . {setup} || {{ echo "{setup_failed}$?" >&2; exit 1; }}
    cd {directory} || exit
fi
set -- {command}
case $fjd_end in
*[!0-9]*|"") ;;  # It may be NONE.
*) set -- "$@" --until "$fjd_end" ;;
esac
for fjd_python in {pythons}; do
    if "$fjd_python" -c {probe} 2>/dev/null; then exec "$fjd_python" "$@"; fi
done
echo "no Python 3.6 or later, tried: "{pythons} >&2
exit {unavailable}
"""
# 22.05 does not set SLURM_JOB_END_TIME.  timeout(1): squeue may hang.  Seconds
# since 1970: a date would be of no time zone, and setup.sh may set another.
ASK_SLURM = """\
if [ -z "$fjd_end" ]; then
    fjd_limit=$(command -v timeout) && fjd_limit="$fjd_limit 30"
    fjd_end=$(SLURM_TIME_FORMAT=%s \\
        $fjd_limit squeue -h -t all -j "$fjd_task" -o %e)
fi"""
ASK_OTHERS = """\
if [ -z "$fjd_end" ] && [ -n "${PBS_WALLTIME-}" ]; then
    fjd_end=$(($(date +%s) + PBS_WALLTIME))
fi"""
# The id of the last task of an array is that of the array.
TASK = """\
fjd_task=$SLURM_JOB_ID
if [ -n "${SLURM_ARRAY_JOB_ID-}" ]; then
    fjd_task=${SLURM_ARRAY_JOB_ID}_$SLURM_ARRAY_TASK_ID
fi"""


def text_for(
    project: Project, cluster: Cluster, record: Record, directory: str,
    arguments: List[str],
) -> str:
    """Return the script; arguments are more of fjd-worker's."""
    is_slurm = record.scheduler == SLURM
    pythons = [cluster.python] if cluster.python \
        else [sys.executable, "python3", "python"]
    command = [beside("fjd-worker"), *arguments, "--idle", str(cluster.idle)]
    session = f"{record.scheduler} {record.name}"
    return TEXT.format(
        shell=shell(), home=quote(home.directory()),
        allocation_key=ALLOCATION, allocation=quote(record.name),
        of_run_key=OF_RUN, of_run=quote(os.environ.get(OF_RUN, "")),
        task=TASK if is_slurm else "",
        session_key=SESSION,
        session='"slurm $fjd_task"' if is_slurm else quote(session),
        threads=cluster.cpus or f"${{{CPUS_GIVEN}:-1}}",
        names=" ".join(THREADS), directory=quote(directory),
        ask_for_end=ASK_SLURM if is_slurm else ASK_OTHERS,
        setup=quote(project.path("setup.sh")), setup_failed=SETUP,
        command=" ".join(map(quote, command)),
        pythons=" ".join(map(quote, pythons)), probe=quote(PROBE),
        unavailable=os.EX_UNAVAILABLE)
