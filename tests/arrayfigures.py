"""What arrays cost: tests/bench arrays.

A million tasks are put, and then a million that are done: their names and
their lines are written here, since to run them takes ten minutes.
"""
import os
import resource
import shutil
import signal
import subprocess
import time

from figures import each_tree, show
from peers import call

from fjd.ledger import DONE, Entry, Ledger
from fjd.names import Attempt, new_token, Range, Stamps
from fjd.project import Project
from fjd.verbs.lists import offsets_in
from fjd.verbs.newarray import Common, put_list, put_range
from fjd.verbs.earlier import Runs

LIST = 1 << 16   # commands in an array of fjd run
RANGE = 64       # tasks in a range
TEMPLATE = "true"


@each_tree
def arrays(home, options, tree):
    """Put, first task, entries, and the verbs of so many done tasks."""
    home, number = os.path.join(home, "home"), options.jobs or 1000000
    for what, arguments in (
            ("--array", ["--array", f"1-{number}"]), ("--list", list_of)):
        os.mkdir(home)
        words = arguments if isinstance(arguments, list) \
            else arguments(home, number)
        argv = tree.command("fjd", "put", *words, "--name", "sim", "true {}")
        show(f"fjd put {what}, {number:,} tasks", used_by(argv, home))
        shutil.rmtree(home)
    os.mkdir(home)
    list_of(home, number)
    show(f"fjd run of {number:,} lines: the first task begins after",
         f"{first_task(home, tree):.2f} s")
    shutil.rmtree(home)
    os.mkdir(home)
    list_of(home, number)
    project = done(home, number)
    entries = sum(len(names) for _, _, names in os.walk(project.root))
    show(f"files of {number:,} tasks that are done", f"{entries:,}")
    for verb in ("status", "results", "audit"):
        argv = tree.command("fjd", verb, "--project", project.name)
        show(f"fjd {verb}", used_by(argv, home))
    for line in ("sed -i 5d list", "echo more >>list"):
        call(["sh", "-c", line], home)
    argv = tree.command("fjd", "run", "--resume", "-j2", TEMPLATE)
    with open(os.path.join(home, "list")) as lines:
        show("fjd run --resume, one line less and one more",
             used_by(argv, home, stdin=lines))
    argv = tree.command("fjd", "clean", "--done", "--project", project.name)
    show("fjd clean --done", used_by(argv, home))
    shutil.rmtree(home)


def list_of(home, number):
    """The words for a list of numbers."""
    path = os.path.join(home, "list")
    with open(path, "w") as file:
        file.writelines(f"{n}\n" for n in range(1, number + 1))
    return ["--list", path]


def used_by(argv, home, **how):
    """What a command needs; of its children only what it waits for."""
    began, before = time.monotonic(), resource.getrusage(
        resource.RUSAGE_CHILDREN)
    call(argv, home, **how)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    seconds = time.monotonic() - began
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return f"{seconds:.2f} s, CPU {cpu:.2f} s"


def first_task(home, tree):
    command = "test -e begun || touch begun; sleep 5 #"
    began = time.monotonic()
    with open(os.path.join(home, "list")) as lines:
        run = subprocess.Popen(
            tree.command("fjd", "run", "-j2", "--quiet", command), cwd=home,
            env={**os.environ, "HOME": home}, stdin=lines,
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        while not os.path.exists(os.path.join(home, "begun")):
            time.sleep(0.001)
        return time.monotonic() - began
    finally:
        run.send_signal(signal.SIGTERM)
        run.wait()


def done(home, number):
    """A project of fjd run, whose tasks are all done."""
    place, stamps = os.path.realpath(home), Stamps(new_token(time.time()))
    os.mkdir(os.path.join(home, ".fjd"), 0o700)
    runs = Runs(os.path.join(home, ".fjd"), TEMPLATE, place)
    runs.find()
    project = Project(os.path.join(home, ".fjd", runs.begin("token")))
    project.make_directories()
    ledgers = [Ledger(project, f"lab_{n}.000001-{n}") for n in (1, 2)]
    for begin in range(1, number + 1, LIST):
        end_of_list = min(begin + LIST, number + 1)
        put_done(project, begin, end_of_list, Common("", place), stamps,
                 ledgers)
    return project


def put_done(project, begin, end_of_list, common, stamps, ledgers):
    commands = [f"{TEMPLATE} {n}" for n in range(begin, end_of_list)]
    array = f"list-{begin}"
    text = "\n".join([*commands, ""]).encode()
    put_list(project, array, text, stamps.new())
    offsets = offsets_in(text)
    for first in range(1, len(commands) + 1, RANGE):
        last = min(first + RANGE - 1, len(commands))
        stamp = stamps.new()
        put_range(project, array, first, last, common, offsets[first - 1],
                  stamp)
        attempt = Attempt(Range(array, first, first, last).job, 1, stamp).name
        after = Attempt(
            Range(array, first, last + 1, last).job, 1, stamp).name
        os.rename(project.waiting_job(attempt), project.path(DONE, after))
        ledger = ledgers[first // RANGE % len(ledgers)]
        ledger.write(*[
            Entry(DONE, f"{array}:{task}", attempt, "lab", ledger.writer,
                  1e9 + begin + task, 1e9 + begin + task + 0.001, "exit 0",
                  0.001, 15000, commands[task - 1], "", str(task))
            for task in range(first, last + 1)])
