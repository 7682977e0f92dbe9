"""What else there is to know of fjd's speed: tests/bench calls, idle, ...

Each prints what it has measured beside what it should be.
"""
import heapq
import os
import random
import re
import select
import shutil
import signal
import statistics
import subprocess
import sys
import time
from collections import Counter
from contextlib import contextmanager, ExitStack
from functools import partial
from operator import sub

from helpers import ledger, wait_until
from peers import (
    background, call, Case, cpu_of, end, fjd, INI, new_project,
    NICENESS, Project, QUIET, started_workers, Tree,
)

from fjd.members import BEAT, enrol, myself
from fjd.names import Announcement, natural
from fjd.proc import stat_of

FILE_CALLS = "open,openat,rename,renameat,renameat2,utimensat,unlink,mkdir," \
    "rmdir"
SUMS = ("all", "child", "least", "listed", "named")
SHORT, LONG = "0.001", "5"  # seconds
ONE_SHOT, PARALLEL = "fjd run true ::: 1", "parallel true ::: 1"
COMMANDS = (
    ONE_SHOT, "fjd --exe true", "fjd --help", "fjd run --help",
    "fjd put --help", "fjd status --help", "fjd-dispatcher --help",
    "fjd-recruiter --help", "fjd-recruiter hire --help", "fjd-worker --help",
)
PYTHON, PYTHON_ITSELF = "python3 -c pass", [sys.executable, "-c", "pass"]
ASKING = "a worker, until it asks for jobs"
FIRST_JOB, CPU = "fjd run, until its first job begins", " (CPU)"
VERBS = ("fjd put --name another true", "fjd status", "fjd why job1")
PAUSE = (2.0, 3.0)  # seconds between two puts: until everybody waits long
REST = BEAT + 5  # seconds, until idle workers have come to rest
SPELL = 6  # seconds a round, in which something is counted
STARTS = 11  # at least, of each command


def be_brief():
    """Wait and repeat little: tests see that all is told, not how much."""
    globals().update(PAUSE=(0.1, 0.2), REST=0.5, SPELL=1, STARTS=1, LONG="1")


def show(what, measured, wanted=""):
    print(f"{what:<60} {measured:>12}  {wanted}".rstrip(), flush=True)


def ms(seconds):
    return f"{seconds * 1000:.1f} ms"


@contextmanager
def dispatcher(home, *options, tree=Tree()):
    """An active one, which is ended then."""
    process = background(tree.command("fjd-dispatcher", *options), home)
    try:
        yield process
    finally:
        end(process)


@contextmanager
def workers(project, home, number, tree=Tree()):
    hired = started_workers(project, home, number, tree)
    try:
        yield hired
    finally:
        for worker in hired:
            end(worker)


def home_of(tree, home):
    """A directory in which nothing else is measured."""
    place = os.path.join(home, tree.commit or "now")
    os.makedirs(place, exist_ok=True)
    return place


def side_by_side(acts):
    """The acts of all trees in one dict, the same of each tree together."""
    return dict(
        item for items in zip(*(each.items() for each in acts))
        for item in items)


def each_tree(measure):
    """One tree after the other: for what is counted, or lasts long."""
    def measure_all(home, options):
        for tree in options.trees:
            measure(home_of(tree, home), options, tree)
        return 0
    return measure_all


# System calls

def calls(home, options):
    return tell_calls(home, options) if has_strace() else 1


@each_tree
def tell_calls(home, options, tree):
    """What file servers answer, and the rest."""
    a_job = calls_a_job(home, options.jobs or 200, tree)
    for role, counted in a_job.items():
        tell_calls_of(tree.named(role), counted)
    longer = calls_of_longer_jobs(home, tree)
    show(tree.named("12 jobs of 0.3 s, one worker: fsync"),
         str(longer["fsync"]), "at most 2")
    show(tree.named("    listings of orders/ and of its pod"),
         str(longer["listed"]), "at most 20")
    starting, more = listings_for_one_job(home, 1000, tree)
    show(tree.named("1,000 idle workers, one job: listings"), str(more),
         "at most 50")
    show(tree.named("    until the dispatcher has started"), str(starting))


def tell_calls_of(role, counted):
    show(f"{role}: system calls a job, least", f"{counted['least']}")
    show("    mean, slowed down by strace", f"{counted['all']:.1f}")
    show("    of its child, until it is the job", f"{counted['child']:.1f}")
    show("    execve", f"{counted['execve']:.2f}")
    show("    file operations that name the job", f"{counted['named']:.2f}",
         "at most 10, of both")
    show("    directories listed", f"{counted['listed']:.2f}")
    names = [name for name, _ in counted.most_common() if name not in SUMS]
    print("    most:", ", ".join(
        f"{name} {counted[name]:.1f}" for name in names[:6]))


def calls_a_job(home, jobs, tree=Tree()):
    """What worker and dispatcher call for one job more.

    All are means, and some of these calls depend on time, except the least:
    from one job to the next, if nothing else came between them.
    """
    less, more = (traced(home, size, tree) for size in (jobs, 2 * jobs))
    found = {}
    for role, trace in more.items():
        found[role] = kinds_of(trace)
        found[role].subtract(kinds_of(less[role]))
        for kind in found[role]:
            found[role][kind] /= jobs
        found[role]["least"] = min(turns(trace))
    return found


def has_strace():
    if not shutil.which("strace"):
        print("Missing: strace. To install it: sudo apt-get install strace")
    return shutil.which("strace")


def traced(home, jobs, tree):
    case = Case(os.path.join(home, f"traced{jobs}"), ["/bin/true"] * jobs,
                INI, 1)
    return trace_both(case, tree)


def trace_both(case, tree):
    """Let one worker run all jobs; return the traces, by role."""
    case.make()
    project = case.make_queue()
    traces = {role: os.path.join(case.home, role)
              for role in ("worker", "dispatcher")}
    worker = background(
        strace(traces["worker"]) + tree.command("fjd-worker"), case.home)
    wait_until(project.announcements)
    call(strace(traces["dispatcher"]) + tree.command("fjd-dispatcher"),
         case.home)
    worker.wait()
    assert project.count("done") == len(case.commands)
    return traces


def strace(trace, *options):
    return ["strace", "-f", "-qq", "-s", "256", "-o", trace, *options]


def kinds_of(trace):
    """Numbers of calls: each by its name, and several sums."""
    found = Counter()
    for is_child, name, line in calls_of_fjd(trace):
        found[name] += 1
        found["child" if is_child else "all"] += 1
        found["listed"] += "O_DIRECTORY" in line
        # Not what write(2) tells the ledger.
        found["named"] += names_job(line) and name not in ("write", "read")
    return found


def names_job(line):
    return bool(re.search(r"[/.\"]job[0-9]+\b", line))


def turns(trace):
    """How many calls there are from each rename that begins a job, or gives
    it to a worker, to the next; without those of children.
    """
    found = []
    for is_child, name, line in calls_of_fjd(trace):
        if name.startswith("rename") and names_job(line):
            path = re.findall('"([^"]*)"', line)[-1]
            if "@" in os.path.basename(path) or "/jobpods/" in path:
                found.append(0)
        if found and not is_child:
            found[-1] += 1
    return found[:-1]


def calls_in(trace):
    """The system calls that strace -f saw begin: pid, name, and line."""
    with open(trace, errors="replace") as lines:
        for line in lines:
            call_of = re.match(r"([0-9]+) +([a-z0-9_]+)\(", line)
            if call_of:
                yield call_of.group(1), call_of.group(2), line


def calls_of_fjd(trace):
    """Without those of jobs: of a child, only until its execve."""
    calls = list(calls_in(trace))
    first = calls[0][0]
    children = {pid for pid, name, _ in calls if name == "execve"} - {first}
    jobs = set()
    for pid, name, line in calls:
        if pid not in jobs:
            yield pid in children, name, line
        if name == "execve" and pid in children and "= -1" not in line:
            jobs.add(pid)


def calls_of_longer_jobs(home, tree=Tree()):
    """What a worker needs from its first job to the end of its last one."""
    case = Case(os.path.join(home, "longer"), ["/bin/sleep 0.3"] * 12, INI, 1)
    calls = list(calls_of_fjd(trace_both(case, tree)["worker"]))
    moves = [n for n, (_, name, line) in enumerate(calls)
             if name.startswith("rename") and "/running/" in line]
    found = Counter()
    for _, name, line in calls[moves[0]:moves[-1]]:
        found[name] += 1
        found["listed"] += "O_DIRECTORY" in line and bool(
            re.search("/(orders|jobpods)[/\"]", line))
    return found


def listings_for_one_job(home, number, tree=Tree()):
    """How many a dispatcher makes when it starts, and for one job more.

    The workers are records of this process, which runs the jobs: of real
    workers, only the one that gets the job would look into its pod, too.
    """
    home = os.path.join(home, "many")
    trace = os.path.join(home, "trace")
    with queue(home, 1) as project:
        simulated = [Simulated(project, 1) for _ in range(number)]
        argv = tree.command("fjd-dispatcher", "--keep-running")
        one = background(strace(trace, "-ttt") + argv, home)
        work_to_the_last(project, simulated, 1)
        began = time.time()
        project.put("more", b"")
        work_to_the_last(project, simulated, 1)
        ended = time.time()
        # With -o, strace itself heeds no signal.
        os.kill(int(next(lines_of(trace))[0]), signal.SIGTERM)
        one.wait()
        times = [float(line[1]) for line in lines_of(trace)
                 if "O_DIRECTORY" in line[2] and f"{home}/" in line[2]]
    return (sum(when < began for when in times),
            sum(began < when < ended for when in times))


def lines_of(trace):
    """What strace -f -ttt wrote: pid, time, and the rest of each line."""
    with open(trace, errors="replace") as lines:
        for line in lines:
            yield line.split(maxsplit=2)


# Waiting

def latency(home, options):
    """From a job that is put to its first instruction, which opens a pipe."""
    with ExitStack() as stack:
        acts = side_by_side([
            waits(home_of(tree, home), tree, stack) for tree in options.trees])
        times = {name: [] for name in acts}
        for number in range(SPELL * options.rounds):
            for name, (pipe, act) in acts.items():
                time.sleep(random.uniform(*PAUSE))
                times[name].append(until_opened(pipe, act, number))
    for name, lasted in times.items():
        show(f"{name}: least, median, 90 %, most", spread(lasted),
             "median at most 5" * name.startswith("from the file"))
    return 0


def waits(home, tree, stack):
    """Acts of a home where two workers and a dispatcher wait."""
    project = new_project(home)
    pipe = pipe_in(home)
    line = f"tee {pipe}"
    text = f"[control]\nexecutable: {line}\nargument: no\n".encode()
    stack.enter_context(workers(project, home, 2, tree))
    stack.enter_context(dispatcher(home, "--keep-running", tree=tree))
    put = tree.command("fjd", "put", "--name")
    acts = {
        "its command started directly": lambda n: background(
            line.split(), home),
        "from the file that is put": lambda n: project.put(f"job{n}", text),
        "from the start of fjd put": lambda n: background(
            put + [f"typed{n}", line], home),
    }
    return {tree.named(name): (pipe, act) for name, act in acts.items()}


def pipe_in(home):
    pipe = os.path.join(home, "pipe")
    os.mkfifo(pipe)
    return pipe


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


@each_tree
def idle(home, options, tree):
    """Workers that wait, and a dispatcher besides."""
    project = new_project(home)
    number = options.jobs or 50
    with workers(project, home, number, tree) as waiting:
        pids = [worker.pid for worker in waiting]
        time.sleep(REST)
        trace, seconds = os.path.join(home, "trace"), SPELL * options.rounds
        tell_idle(tree.named(f"{number} idle workers"), pids, trace, seconds,
                  ("under 2 %", "under 60"))
        with dispatcher(home, "--keep-running", tree=tree) as one:
            time.sleep(REST)
            tell_idle(tree.named("a dispatcher with nothing to do"),
                      [one.pid], trace, seconds)


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
    for _, name, line in calls_in(trace):
        yield "listing" if "O_DIRECTORY" in line else name


# Starting

def start(home, options):
    """All in turn: Python itself, what is typed, and GNU parallel."""
    acts = {PYTHON: partial(seconds_of, caller(PYTHON_ITSELF, home))}
    if shutil.which("parallel"):
        acts[PARALLEL] = partial(seconds_of, caller(PARALLEL.split(), home))
    acts.update(side_by_side([
        starts(home_of(tree, home), tree) for tree in options.trees]))
    measured = {name: [] for name in acts}
    for _ in range(max(STARTS, 2 * options.rounds + 1)):
        for name, act in acts.items():
            measured[name].append(act())
    for name, seconds in measured.items():
        tell_start(name, seconds, measured)
    return 0


def starts(home, tree):
    """Acts of a project with ten jobs; each returns seconds."""
    Case(home, ["true"] * 10, INI, 1).make_queue()
    first_job = tree.command("fjd", "run", "tee", ":::", pipe_in(home))
    acts = {ASKING: partial(seconds_of, partial(asking_worker, home, tree))}
    for line in COMMANDS:
        argv = tree.command(*line.split())
        acts[line] = partial(seconds_of, caller(argv, home))
    acts[FIRST_JOB] = partial(
        until_opened, os.path.join(home, "pipe"),
        lambda n: background(first_job, home), 0)
    for line in VERBS:
        acts[f"{line}{CPU}"] = partial(cpu_of_call, line, home, tree)
    return {tree.named(name): act for name, act in acts.items()}


def caller(argv, home):
    return lambda: call(argv, home)


def asking_worker(home, tree):
    directory = os.path.join(home, ".fjd", "default", "workerqueue")
    worker = background(tree.command("fjd-worker"), home)
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


def cpu_of_call(line, home, tree):
    """What a command uses; a job that it puts is removed again."""
    process = background(tree.command(*line.split()), home)
    _, status, used = os.wait4(process.pid, 0)
    process.returncode = status
    assert not status, line
    put = os.path.join(home, ".fjd", "default", "jobqueue", "another")
    if os.path.exists(put):
        os.unlink(put)
    return used.ru_utime + used.ru_stime


def tell_start(name, seconds, measured):
    middle = statistics.median(seconds)
    show(f"{name}: least, median", f"{ms(min(seconds))}, {ms(middle)}",
         wanted_of(name, seconds, measured))


def wanted_of(name, seconds, measured):
    if name.startswith(FIRST_JOB):
        return "at most 85 ms"
    if name.endswith(CPU):
        return less_than_before(name, seconds, measured)
    if "--help" in name or name.startswith(ASKING):
        over = min(seconds) - min(measured[PYTHON])
        return f"{ms(over)} over Python, at most 60"
    if name.startswith(ONE_SHOT) and PARALLEL in measured:
        ratio = statistics.median(
            mine / other for mine, other in zip(seconds, measured[PARALLEL]))
        return f"{ratio:.2f} of parallel, at most 0.6"
    return ""


def less_than_before(name, seconds, measured):
    """The median of the differences, if a commit before is measured, too."""
    for other, lasted in measured.items():
        if other.startswith(f"{name} "):
            less = statistics.median(
                before - now for before, now in zip(lasted, seconds))
            return f"{ms(less)} less than before, at least 10"
    return "at least 10 ms less than before"


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
        for tree in options.trees:
            tell_mixed(os.path.join(home, "mixed"), name, seconds, tree)
    return 0


def tell_mixed(home, name, seconds, tree):
    commands = [f"/bin/sleep {number}" for number in seconds]
    case = Case(home, commands, INI, 4)
    case.make()
    used, lasted = run_mixed(case, tree)
    least = max(sum(lasted) / case.workers, *lasted)
    best = scheduled(lasted, case.workers)
    show(tree.named(f"long jobs {name}: least, best, fjd, xargs"),
         f"{least:.2f} {best:.2f} {used:.2f} {sleepers(case, seconds):.2f} s",
         f"{used / best:.2f} of the best, at most 1.10")
    shutil.rmtree(case.home)


def shuffled(words, seed):
    random.Random(seed).shuffle(words)
    return words


def run_mixed(case, tree):
    """Seconds, and those of each job as the ledger has them, in order."""
    steps = fjd(case, tree)
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

@each_tree
def scale(home, options, tree):
    """Many jobs that wait, beside few; then many workers."""
    if tree.commit:
        print(f"{tree.commit}:")
    home, number = os.path.join(home, "home"), options.jobs or 1000000
    few, many = (cpu_a_job(home, n, SPELL * options.rounds, tree)
                 for n in (1000, number))
    show(f"CPU a job, where 1,000 and {number:,} wait",
         f"{ms(few)}, {ms(many)}", f"{many / few:.2f}, at most 1.20")
    for want in (2, 16, 256):
        rate, cpu = assignments(home, number // 10, want, tree)
        show(f"1,000 workers that want {want} at a time: assignments",
             f"{rate:.0f}/s", "at least 10,000/s")
        show("    the dispatcher's CPU for one", f"{cpu * 1e6:.0f} us")


@contextmanager
def queue(home, number):
    """A home with so many jobs that wait."""
    os.mkdir(home)
    yield Case(home, ["/bin/true"] * number, INI, 2).make_queue()
    shutil.rmtree(home)


def cpu_a_job(home, number, seconds, tree):
    """Seconds, when the first job has begun; tells of the rest."""
    what = f"{number:,} jobs wait"
    with queue(home, number) as project:
        with workers(project, home, 2, tree) as hired:
            began = time.time()
            with dispatcher(home, "--keep-running", tree=tree) as one:
                wait_until(lambda: project.count("done"), timeout=60)
                first = min(float(row["start"]) for row in ledger(project))
                show(f"{what}: the first begins after",
                     f"{first - began:.2f} s", "within 3 s")
                cpu = cpu_for_a_while(
                    project, number, [one] + hired, seconds)
                show(f"{what}: memory of the dispatcher",
                     f"{peak_of(one.pid):.0f} MB", "below 300 MB")
                tell_status(what, home, tree)
        tell_status(f"{what}, no dispatcher", home, tree)
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


def tell_status(what, home, tree):
    seconds = statistics.median(
        seconds_of(caller(tree.command("fjd", "status"), home))
        for _ in range(5))
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


def assignments(home, number, want, tree):
    """How many a second, and the dispatcher's CPU seconds for one; both with
    its start.
    """
    with queue(home, number) as project:
        simulated = [Simulated(project, want) for _ in range(1000)]
        began = time.monotonic()
        with dispatcher(home, "--keep-running", tree=tree) as one:
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
