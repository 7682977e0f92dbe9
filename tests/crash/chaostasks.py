"""The arrays of a run of chaos: what their tasks do, and how they ended.

Each array is put in another way.  What counts for a task is worked out here
once more, from the names of files and the ledgers' lines (fjd/arrays.py).
"""
import os
import re
from collections import defaultdict
from typing import NamedTuple

WAYS = ("numbers", "singles", "ranges", "run")  # the arrays; the last is a
LIST = "list"  # fjd run, in a project of that name
LOST = 3    # so often a task is tried that kills its workers
BEHIND = 5  # lines of the list of fjd run at a time, each SECONDS
SECONDS = 0.1
RANGE = re.compile(
    "(.+)=([0-9]+)[.]([0-9]+)-([0-9]+)(?:x([0-9]+))?(?:[+]([0-9]+)[.][^~]*)?")
FINAL = ("done", "failed", "cleaned")
WORD = re.compile("/results/([^ ]+)")


class TaskSpec(NamedTuple):
    """What one task does: as a job's, and flaky (it fails at first), or kills
    (its worker).
    """

    name: str  # of its array, and its number
    seconds: float
    status: int
    how: str

    @property
    def array(self):
        return self.name.split(":")[0]

    @property
    def event(self):
        return "failed" if self.status or self.how == "kills" else "done"

    def line(self, directory):
        return f"exec {directory}/job {directory}/results/{self.name}" \
            f" {self.seconds} {self.status} {self.how}"


def draw_tasks(choice, number):
    """As many of each array; one kills its workers."""
    size = number // len(WAYS)
    tasks = []
    for array in WAYS:
        victim = choice.randint(1, size)
        for count in range(1, size + 1):
            kind = choice.random()
            how = choice.choice(["sleeps", "sleeps", "talks"])
            if array == "ranges" and kind < 0.05:
                how = "flaky"
            if array == "ranges" and count == victim:
                how = "kills"
            tasks.append(TaskSpec(
                f"{array}:{count}",
                0.01 if array == "numbers" else choice.choice([0, 0, 0.03]),
                int(array != "numbers" and how != "flaky" and kind > 0.97),
                "sleeps" if array == "numbers" else how))
    return tasks


def lines_of(tasks, array, directory):
    return [task.line(directory) for task in tasks if task.array == array]


def puts(tasks, directory, write):
    """The words for fjd that put these arrays, all but the last."""
    number = sum(task.array == "numbers" for task in tasks)
    text = TaskSpec("numbers:{}", 0.01, 0, "sleeps").line(directory)
    paths = {}
    for array in "singles", "ranges", "run":
        paths[array] = os.path.join(directory, f"{array}.list")
        lines = lines_of(tasks, array, directory)
        write(paths[array], "".join(f"{line}\n" for line in lines))
    file = os.path.join(directory, "ranges")
    write(file, f"[control]\nlist: {paths['ranges']}\nretries: 2\n")
    return [
        ["put", "--name", "numbers", "--array", f"1-{number}", "--chunk", "7",
         text],
        ["put", "--name", "singles", "--list", paths["singles"]],
        ["put", "--chunk", "20", file],
    ] if number else []


class TaskRange(NamedTuple):
    """A range, by the name of an attempt at it."""

    array: str
    first: int
    next: int
    last: int
    failed: int
    generation: int
    n: int

    @property
    def order(self):
        return self.generation, self.next, self.n

    @property
    def ended(self):
        return max(0, min(self.next, self.last + 1) - self.first)


def parse(attempt):
    """The range that an attempt is one of; None if it is of a job."""
    job, _, rest = attempt.partition("~")
    match = RANGE.fullmatch(job)
    if not match:
        return None
    first, following, last, failed, generation = (
        int(text or 0) for text in match.groups()[1:])
    return TaskRange(match.group(1), first, following, last, failed,
                     generation, int(re.match("[0-9]*", rest).group() or 1))


def task_of(attempt):
    """The array, the number, and the range's attempt of an FJD_ATTEMPT."""
    name, _, task = attempt.rpartition(":")
    return name.partition("=")[0], int(task.partition("~")[0]), name


class TaskRecord:
    """What the files of a project say about its tasks.

    names_in, lines_in: as chaos has them; deeds: {result file: lines}.
    """

    def __init__(self, root, rows, deeds, names_in, lines_in):
        self.root = root
        self.deeds = deeds
        self.names_in, self.lines_in = names_in, lines_in
        self.places = {
            place: list(filter(None, map(parse, self.names(place))))
            for place in ("done", "failed", "cancelled")
        }
        self.lines = defaultdict(lambda: defaultdict(set))
        self.losses = defaultdict(set)  # by array: lost attempts
        for row in rows:
            part = parse(row["attempt"])
            if part and row["event"] == "lost":
                self.losses[part.array].add((part, row["attempt"]))
            if part and row["event"] in FINAL and row.get("task"):
                number = int(row["task"])
                if part.next <= number:
                    self.lines[part.array, number][part.order].add(
                        tuple(sorted(row.items())))
        self.lists = {
            name: self.lines_in(os.path.join(root, "arrays", name))
            for name in self.names("arrays") if "+" not in name
        }

    def names(self, place):
        return self.names_in(os.path.join(self.root, place))

    def name(self, array, number):
        """The name of a task's file of results."""
        line = self.lists[array][number - 1]
        found = WORD.search(line)
        return found.group(1) if found else f"{array}:{number}"

    def accepted(self):
        """{name: the different lines that count}"""
        found = defaultdict(list)
        for (array, number), lines in self.lines.items():
            if array in self.lists:
                found[self.name(array, number)] += map(
                    dict, lines[max(lines)])
        return found

    def holes(self):
        """Arrays whose ranges that ended do not hold each task once."""
        held = defaultdict(list)
        for part in self.places["done"] + self.places["failed"]:
            held[part.array] += range(part.first, part.last + 1)
        for array, lines in self.lists.items():
            if sorted(held[array]) != list(range(1, len(lines) + 1)):
                yield array

    def losses_of(self, row):
        """How many attempts at the range, of which the task was a part, were
        lost: at most so many lost the task.
        """
        part, number = parse(row["attempt"]), int(row["task"])
        return sum(lost.next <= number <= lost.last and lost.first <= number
                   for lost, _ in self.losses[part.array])

    def given_up(self):
        return [name for name, rows in self.accepted().items()
                if any("given up" in row["reason"] for row in rows)]

    # What must not be

    def zeros(self, tasks, cancelled):
        """cancelled: the names of tasks that a person may have cancelled."""
        accepted = self.accepted()
        return {
            "tasks lost": [t.name for t in tasks if not accepted[t.name]],
            "tasks accepted twice":
                [name for name, rows in accepted.items() if len(rows) > 1],
            "arrays with holes": self.holes(),
            "tasks that ended wrong": self.wrong(tasks, cancelled, accepted),
            "tasks that run after their end": self.late(accepted),
            "tasks without what they printed": self.silent(tasks, accepted),
        }

    def wrong(self, tasks, cancelled, accepted):
        """Tasks with another end than they should have, or without it."""
        for task in tasks:
            for row in accepted[task.name]:
                if not self.is_well(task, row, cancelled):
                    yield f"{task.name}({row['event']})"

    def is_well(self, task, row, cancelled):
        """Whether that is an end that a task may have."""
        event = row["event"]
        if event == "cleaned":
            return task.name in cancelled
        if "given up" in row["reason"]:
            # What fails is tried as often, and a loss counts as a try.
            flaws = int(task.how == "flaky")
            return task.event == "failed" \
                or self.losses_of(row) >= LOST - flaws
        if task.how == "flaky" and event == "failed":
            return self.losses_of(row) >= LOST - 1
        return event == task.event and task.how != "kills" \
            and self.has_ended(task.name, row)

    def has_ended(self, name, row):
        start = f"{row['attempt']}:{row['task']}~"
        return any(line.startswith(start) and line.endswith(" end")
                   for line in self.deeds.get(name, []))

    def late(self, accepted):
        """Tasks that began in another attempt than the one that counts, and
        after it.
        """
        for name, rows in accepted.items():
            begun = [line.split()[0] for line in self.deeds.get(name, [])
                     if line.endswith(" begin")]
            begun = [task_of(attempt)[2] for attempt in begun]
            for row in rows:
                if row["attempt"] in begun and begun[-1] != row["attempt"]:
                    yield name

    def silent(self, tasks, accepted):
        """Tasks that talk, and what the ledger says they printed is not it."""
        talk = {task.name for task in tasks if task.how == "talks"}
        for name in talk.intersection(accepted):
            for row in accepted[name]:
                if row["event"] == "done" \
                        and not self.printed(row).startswith(b"I sleep for "):
                    yield name

    def printed(self, row):
        path = os.path.join(self.root, "joblogs", f"{row['attempt']}.out")
        begin, _, end = row["out"].partition("-")
        if not end or not os.path.exists(path):
            return b""
        with open(path, "rb") as file:
            return file.read()[int(begin):int(end)]
