"""What else there is to know of fjd's speed: tests/bench calls, idle, ...

Each prints what it has measured beside what it should be.
"""
import heapq
import os
import random
import re
import select
import shutil
import statistics
import subprocess
import sys
import time
from collections import Counter
from contextlib import contextmanager
from operator import sub

from helpers import command, ledger, wait_until
from peers import (
    background, call, Case, cpu_of, end, fjd, new_project, NICENESS, Project,
    QUIET, started_workers,
)

from fjd.members import BEAT, enrol, myself
from fjd.names import Announcement, natural
from fjd.proc import stat_of

FILE_CALLS = "open,openat,rename,renameat,renameat2,utimensat,unlink,mkdir," \
    "rmdir"
SUMS = ("all", "listed", "named")
SHORT, LONG = "0.001", "5"  # seconds
ONE_SHOT, PARALLEL = "fjd --exe true", "parallel true ::: 1"
COMMANDS = (
    ONE_SHOT, "fjd --help", "fjd run --help", "fjd put --help",
    "fjd status --help", "fjd-dispatcher --help", "fjd-recruiter --help",
    "fjd-recruiter hire --help", "fjd-worker --help",
)
PAUSE = (2.0, 3.0)  # seconds between two puts: until everybody waits long


def show(what, measured, wanted=""):
    print(f"{what:<55} {measured:>12}  {wanted}".rstrip(), flush=True)


def ms(seconds):
    return f"{seconds * 1000:.1f} ms"


@contextmanager
def dispatcher(home, *options):
    """An active one, which is ended then."""
    process = background(command("fjd-dispatcher", *options), home)
    try:
        yield process
    finally:
        end(process)


@contextmanager
def workers(project, home, number):
    hired = started_workers(project, home, number)
    try:
        yield hired
    finally:
        for worker in hired:
            end(worker)


# System calls

def calls(home, options):
    """One worker, and the difference between two sizes."""
    if not has_strace():
        return 1
    a_job = calls_a_job(home, options.jobs or 200)
    show("execve a plain job", f"{a_job['execve']:.2f}", "1")
    show("file operations that name the job", f"{a_job['named']:.2f}",
         "at most 10")
    show("directories listed, a job, slowed down by strace",
         f"{a_job['listed']:.2f}")
    names = [name for name, _ in a_job.most_common() if name not in SUMS]
    most = ", ".join(f"{name} {a_job[name]:.1f}" for name in names[:6])
    show("all system calls of fjd and the job", f"{a_job['all']:.1f}", most)
    return 0


def calls_a_job(home, jobs):
    """The means of all that are made for one job more."""
    less, more = (traced(home, size) for size in (jobs, 2 * jobs))
    return Counter({
        what: (number - less[what]) / jobs for what, number in more.items()})


def has_strace():
    if not shutil.which("strace"):
        print("Missing: strace. To install it: sudo apt-get install strace")
    return shutil.which("strace")


def traced(home, jobs):
    """How many system calls of which kind so many jobs need."""
    home = os.path.join(home, f"traced{jobs}")
    case = Case(home, ["/bin/true"] * jobs, False, 1)
    case.make()
    project = case.make_queue()
    trace = os.path.join(home, "trace")
    strace = ["strace", "-f", "-qq", "-s", "256", "-o"]
    worker = background(
        strace + [trace + "1"] + command("fjd-worker"), home)
    wait_until(project.announcements)
    call(strace + [trace + "2"] + command("fjd-dispatcher"), home)
    worker.wait()
    assert project.count("done") == jobs
    return kinds_of(trace + "1") + kinds_of(trace + "2")


def kinds_of(trace):
    found = Counter()
    for name, line in calls_in(trace):
        found.update(["all", name])
        found["listed"] += "O_DIRECTORY" in line
        # Not what write(2) tells the ledger.
        is_named = re.search(r"[/.]job[0-9]+\b", line)
        found["named"] += bool(is_named) and name not in ("write", "read")
    return found


def calls_in(trace):
    """The system calls that strace -f saw begin: name, and line."""
    with open(trace, errors="replace") as lines:
        for line in lines:
            call_of = re.match(r"[0-9]+ +([a-z0-9_]+)\(", line)
            if call_of:
                yield call_of.group(1), line


# Waiting

def latency(home, options):
    """From a job that is put to its first instruction, which opens a pipe."""
    project = new_project(home)
    pipe = os.path.join(home, "pipe")
    os.mkfifo(pipe)
    line = f"tee {pipe}"
    text = f"[control]\nexecutable: {line}\nargument: no\n".encode()
    acts = {
        "its command started directly": lambda n: background(
            line.split(), home),
        "from the file that is put": lambda n: project.put(f"job{n}", text),
        "from the start of fjd put": lambda n: background(
            command("fjd", "put", "--name", f"typed{n}", line), home),
    }
    times = {name: [] for name in acts}
    with workers(project, home, 2), dispatcher(home, "--keep-running"):
        for number in range(6 * options.rounds):
            for name, act in acts.items():
                time.sleep(random.uniform(*PAUSE))
                times[name].append(until_opened(pipe, act, number))
    for name, lasted in times.items():
        show(f"{name}: least, median, 90 %, most", spread(lasted),
             "median at most 5" * name.startswith("from the file"))
    return 0


def spread(seconds):
    ordered = sorted(seconds)
    chosen = (ordered[0], statistics.median(ordered),
              ordered[len(ordered) * 9 // 10], ordered[-1])
    return " ".join(f"{each * 1000:.1f}" for each in chosen) + " ms"


def until_opened(pipe, act, number):
    """Seconds from an act until somebody opens that pipe for writing."""
    reader = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)
    poll = select.poll()
    poll.register(reader, select.POLLIN | select.POLLHUP)
    began = time.monotonic()
    process = act(number)
    assert poll.poll(60000)
    seconds = time.monotonic() - began
    os.close(reader)
    if process:
        process.wait()
    return seconds


def idle(home, options):
    """Workers that wait, and a dispatcher besides."""
    project = new_project(home)
    number = options.jobs or 50
    with workers(project, home, number) as waiting:
        pids = [worker.pid for worker in waiting]
        time.sleep(BEAT + 5)
        trace, seconds = os.path.join(home, "trace"), 6 * options.rounds
        tell_idle(f"{number} idle workers", pids, trace, seconds,
                  ("under 2 %", "under 60"))
        with dispatcher(home, "--keep-running") as one:
            time.sleep(BEAT)
            tell_idle("a dispatcher with nothing to do", [one.pid], trace,
                      seconds)
    return 0


def tell_idle(who, pids, trace, seconds, wanted=("", "")):
    before = sum(map(cpu_of, pids))
    time.sleep(seconds)
    used = (sum(map(cpu_of, pids)) - before) / seconds
    show(f"{who}: of a core", f"{used:.2%}", wanted[0])
    if has_strace():
        found = Counter(file_calls(pids, trace, seconds))
        rates = {kind: n / seconds for kind, n in found.most_common()}
        show(f"{who}: operations a second", f"{sum(rates.values()):.1f}",
             ", ".join(filter(None, [wanted[1]] + [
                 f"{kind} {rate:.1f}" for kind, rate in rates.items()])))


def file_calls(pids, trace, seconds):
    """The file operations of these processes in that time."""
    subprocess.call(
        ["timeout", f"{seconds}", "strace", "-f", "-qq", "-o", trace, "-e",
         f"trace={FILE_CALLS}", *(f"-p{pid}" for pid in pids)], **QUIET)
    for name, line in calls_in(trace):
        yield "listing" if "O_DIRECTORY" in line else name


# Starting

def start(home, options):
    """All in turn; what they need more than Python's own start."""
    new_project(home)
    acts = {
        "python3 -c pass": caller([sys.executable, "-c", "pass"], home),
        "a worker, until it asks for jobs": lambda: asking_worker(home),
    }
    for line in COMMANDS:
        acts[line] = caller(command(*line.split()), home)
    if shutil.which("parallel"):
        acts[PARALLEL] = caller(PARALLEL.split(), home)
    times = {name: [] for name in acts}
    for _ in range(max(11, 2 * options.rounds + 1)):
        for name, act in acts.items():
            times[name].append(seconds_of(act))
    tell_starts(times)
    return 0


def caller(argv, home):
    return lambda: call(argv, home)


def asking_worker(home):
    directory = os.path.join(home, ".fjd", "default", "workerqueue")
    worker = background(command("fjd-worker"), home)
    while not os.listdir(directory):
        time.sleep(0.0005)
    return worker


def seconds_of(act):
    """How long that takes; what it leaves running is ended."""
    began = time.monotonic()
    process = act()
    seconds = time.monotonic() - began
    if process:
        end(process)
    return seconds


def tell_starts(times):
    python = times["python3 -c pass"]
    for name, lasted in times.items():
        wanted = ""
        if name.endswith("--help") or name.startswith("a worker"):
            over = min(lasted) - min(python)
            wanted = f"{ms(over)} over Python, at most 60"
        elif name == ONE_SHOT and PARALLEL in times:
            ratio = statistics.median(
                mine / other for mine, other in zip(lasted, times[PARALLEL]))
            wanted = f"{ratio:.2f} of parallel, at most 2"
        show(f"{name}: least, median", f"{ms(min(lasted))},"
             f" {ms(statistics.median(lasted))}", wanted)


# Long and short jobs

def mixed(home, options):
    """Four long jobs first, last, and anywhere among the short ones.

    Best is a schedule in the order of the queue, which nobody can change who
    does not know how long a job takes; least is what no schedule goes below.
    """
    os.nice(NICENESS)  # As the jobs of fjd, so xargs.
    short, long = [SHORT] * (options.jobs or 1000), [LONG] * 4
    orders = {"first": long + short, "last": short + long}
    for seed in range(options.rounds):
        orders[f"anywhere ({seed})"] = shuffled(short + long, seed)
    for name, seconds in orders.items():
        case = Case(os.path.join(home, "mixed"), [
            f"/bin/sleep {number}" for number in seconds], False, 4)
        case.make()
        used, lasted = run_mixed(case)
        least = max(sum(lasted) / case.workers, *lasted)
        best = scheduled(lasted, case.workers)
        show(f"long jobs {name}: least, best, fjd, xargs",
             f"{least:.2f} {best:.2f} {used:.2f}"
             f" {sleepers(case, seconds):.2f} s",
             f"{used / best:.2f} of the best, at most 1.10")
        shutil.rmtree(case.home)
    return 0


def shuffled(words, seed):
    random.Random(seed).shuffle(words)
    return words


def run_mixed(case):
    """Seconds, and those of each job as the ledger has them, in order."""
    steps = fjd(case)
    next(steps)
    began = time.monotonic()
    next(steps)
    seconds = time.monotonic() - began
    rows = ledger(Project(os.path.join(case.home, ".fjd", "default")))
    steps.close()
    rows.sort(key=lambda row: natural(row["job"]))
    return seconds, [float(row["end"]) - float(row["start"]) for row in rows]


def scheduled(lasted, workers):
    """Seconds, if the next job always goes to who is free first."""
    free = [0.0] * workers
    for seconds in lasted:
        heapq.heapreplace(free, free[0] + seconds)
    return max(free)


def sleepers(case, seconds):
    """What xargs needs for the same."""
    with open(case.list, "w") as file:
        file.writelines(f"{number}\n" for number in seconds)
    began = time.monotonic()
    with open(case.list) as lines:
        call(["xargs", "-P", str(case.workers), "-n", "1", "/bin/sleep"],
             case.home, stdin=lines)
    return time.monotonic() - began


# A million jobs, a thousand workers

def scale(home, options):
    """Many jobs that wait, beside few; then many workers."""
    home, number = os.path.join(home, "home"), options.jobs or 1000000
    few, many = (
        cpu_a_job(home, n, 6 * options.rounds) for n in (1000, number))
    show(f"CPU a job, where 1,000 and {number:,} wait",
         f"{ms(few)}, {ms(many)}", f"{many / few:.2f}, at most 1.20")
    for want in (2, 16, 256):
        rate, cpu = assignments(home, number // 10, want)
        show(f"1,000 workers that want {want} at a time: assignments",
             f"{rate:.0f}/s", "at least 10,000/s")
        show("    the dispatcher's CPU for one", f"{cpu * 1e6:.0f} us")
    return 0


@contextmanager
def queue(home, number):
    """A home with so many jobs that wait."""
    os.mkdir(home)
    yield Case(home, ["/bin/true"] * number, False, 2).make_queue()
    shutil.rmtree(home)


def cpu_a_job(home, number, seconds):
    """Seconds, when the first job has begun; tells of the rest."""
    what = f"{number:,} jobs wait"
    with queue(home, number) as project:
        with workers(project, home, 2) as hired:
            began = time.time()
            with dispatcher(home, "--keep-running") as one:
                wait_until(lambda: project.count("done"), timeout=60)
                first = min(float(row["start"]) for row in ledger(project))
                show(f"{what}: the first begins after",
                     f"{first - began:.2f} s", "within 3 s")
                cpu = cpu_for_a_while(
                    project, number, [one] + hired, seconds)
                show(f"{what}: memory of the dispatcher",
                     f"{peak_of(one.pid):.0f} MB", "below 300 MB")
                tell_status(what, home)
        tell_status(f"{what}, no dispatcher", home)
    return cpu


def cpu_for_a_while(project, number, processes, seconds):
    """CPU seconds a job, of all processes, in that time."""
    def look():
        cpu = sum(cpu_of_tree(process.pid) for process in processes)
        return cpu, project.count("done")
    before, until = look(), time.monotonic() + seconds
    while project.count("done") < number and time.monotonic() < until:
        time.sleep(0.2)
    cpu, jobs = map(sub, look(), before)
    return cpu / jobs


def cpu_of_tree(pid):
    """With its children that have ended: proc(5), cutime and cstime."""
    ticks = sum(map(int, stat_of(pid)[13:15]))
    return cpu_of(pid) + ticks / os.sysconf("SC_CLK_TCK")


def peak_of(pid):
    with open(f"/proc/{pid}/status") as file:
        return int(re.search(r"VmHWM:\s+(\d+)", file.read()).group(1)) / 1000


def tell_status(what, home):
    seconds = statistics.median(
        seconds_of(caller(command("fjd", "status"), home)) for _ in range(5))
    show(f"{what}: fjd status", f"{seconds:.2f} s", "below 0.5 s")


class Simulated:
    """A worker that moves its jobs, and runs none."""

    def __init__(self, project, want):
        self.project = project
        self.id = enrol(project, "workers", myself())
        self.pod = project.path("jobpods", self.id)
        self.done = project.path("done")
        self.out = Announcement(self.id, 1, want)
        project.make_pod(self.id)
        project.announce(self.out)

    def work(self):
        """End what is in the pod, and ask for more; how many there were."""
        names = os.listdir(self.pod)
        if names:
            self.project.withdraw(self.out)
            for name in names:
                os.rename(f"{self.pod}/{name}", f"{self.done}/{name}")
            self.out = self.out._replace(k=self.out.k + 1)
            self.project.announce(self.out)
        return len(names)


def assignments(home, number, want):
    """How many a second, and the dispatcher's CPU seconds for one; both with
    its start.
    """
    with queue(home, number) as project:
        simulated = [Simulated(project, want) for _ in range(1000)]
        began = time.monotonic()
        with dispatcher(home, "--keep-running") as one:
            work_to_the_last(project, simulated, number)
            seconds = time.monotonic() - began
            return number / seconds, cpu_of(one.pid) / number


def work_to_the_last(project, simulated, left):
    next_beat = time.monotonic()
    while left:
        moved = sum(worker.work() for worker in simulated)
        left -= moved
        if not moved:
            time.sleep(0.001)
        if time.monotonic() > next_beat:
            next_beat += BEAT
            for worker in simulated:
                project.touch("workers", worker.id)
