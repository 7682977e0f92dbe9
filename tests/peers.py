"""What runs a list of jobs: fjd and its peers, and a meter for one run.

Each tool is a generator.  It prepares what may be ready before the clock
starts, yields the pids of what waits by then, does the work, yields again,
and tidies up.
"""
import ctypes
import json
import os
import resource
import shutil
import signal
import subprocess
import sys
import time
from functools import partial
from typing import Callable, NamedTuple

from helpers import PIPE, ROOT, wait_until

sys.path.insert(0, ROOT)

from fjd.jobfile import NICENESS
from fjd.project import Project

SUBREAPER = 36  # PR_SET_CHILD_SUBREAPER, prctl(2)
QUIET = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
LONGEST = 900   # seconds that a tool may take
INI, SHELL, SCRIPT = KINDS = ("INI", "shell", "script")


class Tree(NamedTuple):
    """A copy of fjd: the one under test, or that of a commit before."""

    path: str = ROOT
    commit: str = ""

    def command(self, name, *arguments):
        program = os.path.join(self.path, "bin", name)
        return [sys.executable, program, *arguments]

    def named(self, what):
        return f"{what} {self.commit}".rstrip()


class Case(NamedTuple):
    """The commands of jobs for so many workers, in an empty home.

    The jobs are INI files, with commands that need a shell or not, or scripts.
    """

    home: str
    commands: list
    kind: str
    workers: int

    @property
    def list(self):
        """A file with a line for each job: its command."""
        return os.path.join(self.home, "list")

    def make(self):
        """What the peers need; all before any clock."""
        os.mkdir(self.home)
        with open(self.list, "w") as lines:
            for number, line in enumerate(self.commands):
                if self.kind == SCRIPT:
                    line = os.path.join(self.home, f"script{number}")
                    with open(line, "wb") as file:
                        file.write(self.job(number))
                    os.chmod(line, 0o700)
                lines.write(line + "\n")

    def make_queue(self):
        """The same jobs as fjd has them: a project with a full queue."""
        project = new_project(self.home)
        for number in range(len(self.commands)):
            project.put(f"job{number}", self.job(number), self.kind == SCRIPT)
        return project

    def job(self, number):
        line = self.commands[number]
        if self.kind == SCRIPT:
            return f"#!/bin/sh\nexec {line}\n".encode()
        return f"[control]\nexecutable: {line}\nargument: no\n".encode()


class Used(NamedTuple):
    """What one run has taken, the processes of all jobs included."""

    seconds: float
    cpu: float  # seconds, user and system
    peak: int   # KiB, the largest process
    floor: int  # KiB, of the meter itself: no peak below that can be told


def metered(tool, case):
    """What that tool uses for that case, measured in a process of its own."""
    sys.stdout.flush()
    reader, writer = os.pipe()
    pid = os.fork()
    if not pid:
        status = 1
        try:
            case.make()
            os.write(writer, json.dumps(measured(tool, case)).encode())
            status = 0
        except BaseException:
            sys.excepthook(*sys.exc_info())
        finally:
            os._exit(status)
    os.close(writer)
    try:
        with open(reader) as file:
            answer = file.read()
    finally:
        os.waitpid(pid, 0)
    shutil.rmtree(case.home, ignore_errors=True)
    return Used(*json.loads(answer)) if answer else sys.exit(1)


def measured(tool, case):
    """Processes that lose their parent become ours: all are waited for."""
    ctypes.CDLL(None).prctl(SUBREAPER, 1, 0, 0, 0)
    os.nice(NICENESS)  # All tools have that of fjd's jobs.
    signal.signal(signal.SIGALRM, signal.default_int_handler)
    signal.alarm(LONGEST)
    steps = tool(case)
    try:
        before = sum(map(cpu_of, next(steps))) + usage()[0]
        began = time.monotonic()
        next(steps)
        seconds = time.monotonic() - began
        next(steps, None)
    finally:
        steps.close()
    reap()
    cpu, peak = usage()
    floor = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return Used(seconds, cpu - before, peak, floor)


def reap(number=-1):
    """Wait for so many children, or for all."""
    while number:
        try:
            os.wait()
        except ChildProcessError:
            break
        number -= 1


def usage():
    """CPU seconds of all children that have ended, and the largest's KiB."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime, used.ru_maxrss


def cpu_of(pid):
    """What a living process has used: clock_getcpuclockid(3)."""
    return time.clock_gettime(~pid << 3 | 2)


def call(argv, home, **how):
    """Run a command; it must succeed.

    Without a timeout, which would make subprocess look now and then only.
    """
    for stream in QUIET:
        how.setdefault(stream, subprocess.DEVNULL)
    how.setdefault("stdin", subprocess.DEVNULL)
    return subprocess.check_call(
        argv, cwd=home, env=environ(home), **how)


def background(argv, home):
    return subprocess.Popen(
        argv, cwd=home, env=environ(home), stdin=subprocess.DEVNULL, **QUIET)


def environ(home):
    """fjd's own variables would lead elsewhere."""
    known = {k: v for k, v in os.environ.items() if k[:4] != "FJD_"}
    return {**known, "HOME": home, "TMPDIR": home,
            "TS_SOCKET": os.path.join(home, "socket")}


# fjd

def new_project(home):
    root = os.path.join(home, ".fjd", "default")
    os.makedirs(root, mode=0o700)
    project = Project(root)
    project.make_directories()
    return project


def started_workers(project, home, number, tree=Tree()):
    """Workers that wait for jobs."""
    workers = [
        background(tree.command("fjd-worker"), home) for _ in range(number)]
    wait_until(lambda: len(project.announcements()) == number)
    return workers


def end(process):
    if process.poll() is None:
        process.terminate()
    process.wait()


def fjd(case, tree):
    """A dispatcher for workers that wait, until it has fired them."""
    project = case.make_queue()
    workers = started_workers(project, case.home, case.workers, tree)
    try:
        yield [worker.pid for worker in workers]
        call(tree.command("fjd-dispatcher"), case.home)
        yield
        assert project.count("done") == len(case.commands)
    finally:
        for worker in workers:
            end(worker)


def fjd_run(case, tree):
    """All in one: it puts the jobs, hires, gives them out and fires."""
    yield []
    with open(case.list) as lines:
        call(tree.command("fjd", "run", "-j", str(case.workers)),
             case.home, stdin=lines)
    yield


# Peers

def words_of(case):
    """The command of all jobs; {} is the line in the list."""
    command = case.commands[0]
    if case.kind == SCRIPT:
        return ["{}"]
    return ["/bin/sh", "-c", command] if case.kind == SHELL \
        else command.split()


def xargs(case):
    with open(case.list) as lines:
        yield []
        # It replaces {} in arguments only.
        words = ["/bin/sh"] * (case.kind == SCRIPT) + words_of(case)
        call(["xargs", "-P", str(case.workers), "-I{}", *words], case.home,
             stdin=lines)
        yield


def parallel(case):
    """It passes all commands to a shell itself."""
    yield []
    argv = ["{}"] if case.kind == SCRIPT else ["-N0", case.commands[0]]
    call(["parallel", "-j", str(case.workers), "--joblog", "joblog", *argv,
          "::::", case.list], case.home)
    yield


def tsp(case):
    """Each job is put by a process, which waits for it in the background."""
    call(["tsp", "-S", str(case.workers)], case.home)
    try:
        with open(case.list) as lines:
            yield []
            call(["xargs", "-I{}", "tsp", "-n", *words_of(case)], case.home,
                 stdin=lines)
        reap(len(case.commands))
        yield
    finally:
        call(["tsp", "-K"], case.home)


PYTHON_OF_HYPERQUEUE = os.path.abspath(
    os.environ.get("HYPERQUEUE_PYTHON", sys.executable))
VERSION = """
import hyperqueue.cluster, importlib.metadata
print("HyperQueue", importlib.metadata.version("hyperqueue"))
"""
HYPERQUEUE = """
import sys
from hyperqueue import Job, LocalCluster
from hyperqueue.cluster import WorkerConfig
workers, path, *words = sys.argv[1:]
with LocalCluster(None, WorkerConfig(cores=int(workers))) as cluster:
    job = Job()
    tasks = [
        job.program([word.replace("{}", line.rstrip()) for word in words],
                    stdout=None, stderr=None)
        for line in open(path)]
    job.program(["tee", path + ".end"], stdout=None, stderr=None, deps=tasks)
    client = cluster.client()
    print("ready", flush=True)
    input()
    client.wait_for_jobs([client.submit(job)])
"""


def hyperqueue(case):
    """A last job opens a pipe: its client looks but once a second."""
    os.mkfifo(case.list + ".end")
    process = subprocess.Popen(
        [PYTHON_OF_HYPERQUEUE, "-c", HYPERQUEUE, str(case.workers),
         case.list, *words_of(case)],
        cwd=case.home, env=environ(case.home), stdin=PIPE, stdout=PIPE,
        stderr=subprocess.DEVNULL, encoding="utf-8")
    try:
        assert "ready\n" in iter(process.stdout.readline, "")
        yield [process.pid]
        process.stdin.write("\n")
        process.stdin.flush()
        open(case.list + ".end").close()
        yield
        assert not process.wait()
    finally:
        process.kill()


class Tool(NamedTuple):
    """A row of the table; what prints its version, what has to stand in that
    line, and what brings the tool.
    """

    name: str
    run: Callable
    asks: tuple = ()
    version: str = ""
    install: str = ""


PEERS = [
    Tool("xargs -P", xargs, ("xargs", "--version"), "findutils",
         "sudo apt-get install findutils"),
    Tool("parallel --joblog", parallel, ("parallel", "--version"), "GNU",
         "sudo apt-get install parallel"),
    Tool("task-spooler", tsp, ("tsp", "-V"), "Task Spooler",
         "sudo apt-get install task-spooler"),
    Tool("HyperQueue", hyperqueue, (PYTHON_OF_HYPERQUEUE, "-c", VERSION),
         "HyperQueue", "python3 -m venv hq && hq/bin/pip install hyperqueue,"
         " then HYPERQUEUE_PYTHON=hq/bin/python tests/bench"),
]


def tools(trees):
    """All of them, each tree of fjd beside the other."""
    return [
        Tool(tree.named(name), partial(run, tree=tree))
        for name, run in (("fjd", fjd), ("fjd run", fjd_run))
        for tree in trees
    ] + PEERS


def version_of(tool):
    """What the tool says of itself, in a line; "" if it is not there."""
    if not tool.asks:
        return tool.name
    try:
        answer = subprocess.run(
            tool.asks, stdout=PIPE, stderr=subprocess.STDOUT,
            encoding="utf-8", errors="replace", timeout=60)
    except FileNotFoundError:
        return ""
    line = answer.stdout.partition("\n")[0]
    is_it = answer.returncode == 0 and tool.version in line
    return line.partition(" - ")[0] if is_it else ""
