"""A real Slurm on this machine, as a script makes it.

FJD_SLURM names the script.  Its verbs are up --nodes N --cpus C, and down.
Or FJD_SLURM is "running": the tests then use the Slurm that is up, beside
other people's jobs, as any user.  All nodes are this machine: they share its
processes, its clock and the home of the test.
"""
import os
from contextlib import contextmanager
from typing import NamedTuple

from helpers import run, wait_until
from needs import is_root

RUNNING = "running"  # the FJD_SLURM of those who have one
NODES, CPUS = 3, 4   # nodes, and CPUs of each
DOWN = "slurm3"      # the node that tests may set down
COLUMNS = "%i|%t|%N|%r|%Z"
PENDING = "PD"


class Task(NamedTuple):
    """A line of squeue: an array task, or a job that is not an array."""

    id: str
    state: str
    node: str
    reason: str
    directory: str

    @property
    def array(self):
        return self.id.partition("_")[0]


class Slurm:
    """What a test has in it: the tasks that were submitted below its home."""

    def __init__(self, home):
        self.home = os.path.realpath(str(home))
        self.forgotten = set()  # arrays

    def tasks(self, *arrays, state=None):
        """Our tasks, also those that are about to end; of these arrays, or of
        all but the forgotten ones.
        """
        lines = said("squeue", "-h", "-r", "-o", COLUMNS).splitlines()
        tasks = [Task(*line.split("|", 4)) for line in lines]
        return [
            task for task in tasks
            if os.path.realpath(task.directory).startswith(self.home)
            and (task.array in arrays if arrays
                 else task.array not in self.forgotten)
            and state in (None, task.state)
        ]

    def running(self, *arrays):
        return self.tasks(*arrays, state="R")

    def pending(self, *arrays):
        return self.tasks(*arrays, state=PENDING)

    def forget(self, *arrays):
        self.forgotten |= set(arrays)

    def arrays(self):
        return {task.array for task in self.tasks()}

    def submit(self, script, *options):
        """The id of a script that is submitted by hand; output-ID.txt has
        what it prints.
        """
        path = os.path.join(self.home, "by-hand.sh")
        with open(path, "w") as file:
            file.write(script)
        return said("sbatch", "--parsable", "--output=output-%j.txt",
                    *options, path).strip()

    def output(self, job):
        with open(os.path.join(self.home, f"output-{job}.txt")) as file:
            return file.read()

    def wait_for_end(self, *arrays, timeout=30):
        wait_until(lambda: not self.tasks(*arrays), timeout)

    def clean(self):
        """Cancel what a test left."""
        self.forgotten.clear()
        left = self.arrays()
        if left:
            said("scancel", *left)
            self.wait_for_end(*left)

    @contextmanager
    def node_down(self, node=DOWN):
        """All that runs there is killed.  It may come back by itself.

        Only root may do that; for others nothing happens.
        """
        if not is_root():
            print("not root: no node was set down")
            yield
            return
        change = ["scontrol", "update", f"nodename={node}"]
        said(*change, "state=down", "reason=test")
        try:
            wait_until(lambda: node not in {
                task.node for task in self.running()})
            yield
        finally:
            if state_of(node).startswith("down"):
                said(*change, "state=resume")


def state_of(node):
    return said("sinfo", "-h", "-n", node, "-o", "%t").strip()


def said(*argv):
    """What a program prints; it must succeed."""
    result = run(argv)
    assert result.returncode == 0, (argv, result.stderr)
    return result.stdout


@contextmanager
def cluster(script):
    """It is up meanwhile."""
    if script == RUNNING:
        yield
        return
    up = [script, "up", "--nodes", str(NODES), "--cpus", str(CPUS)]
    try:
        said(*up)
        yield
    finally:
        said(script, "down")
