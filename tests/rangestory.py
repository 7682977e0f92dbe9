"""What workers, reclaimers and persons do to an array, as files and lines.

Nothing runs: each method leaves what one step of the protocol leaves, and the
story knows the line that counts for each task.
"""
import os
from collections import Counter

from fjd.ledger import (
    CLEANED, DONE, Entry, FAILED, HEADER, line_of, LOST, RETRIED,
)
from fjd.names import Attempt, Range, Stamps, new_token
from fjd.verbs.newarray import ranges

FINAL = (DONE, FAILED, CLEANED)


class Lot:
    """A range: its name now, its place, and its worker's lines."""

    def __init__(self, part):
        self.part = part
        self.n = 1
        self.stamp = ""
        self.place = ""
        self.writer = ""
        self.attempt = ""  # that runs
        self.tries = 0
        self.synced = 0    # lines of its worker that no power loss takes

    @property
    def tasks(self):
        return range(self.part.first, self.part.last + 1)


class Story:
    """An array called sim, of so many tasks."""

    def __init__(self, project, number, chunk, array="sim"):
        self.project = project
        self.array = array
        self.stamps = Stamps(new_token(1.0))
        self.lines = {}    # writer: its entries
        self.results = {}  # task: the writer and index of the line that counts
        self.again = {}    # stamp of a list: its tasks
        self.time = 0.0
        self.begin = {}    # writer: lines that an earlier dispatcher counted
        with open(project.path("arrays", array), "w") as file:
            file.writelines(f"{task}\n" for task in range(1, number + 1))
        self.lots = []
        for first, last in ranges(number, chunk):
            lot = Lot(Range(array, first, first, last))
            self.move(lot, "jobqueue")
            self.lots.append(lot)

    # Steps

    def move(self, lot, place, part=None, n=None, stamp=None):
        old = self.file(lot)
        lot.part, lot.n = part or lot.part, n or lot.n
        lot.stamp = stamp or self.stamps.new()
        lot.place = place
        if old:
            os.rename(old, self.file(lot))
        else:
            with open(self.file(lot), "w") as file:
                file.write("[array]\ncommand: test {}\n")

    def name(self, lot):
        return Attempt(lot.part.job, lot.n, lot.stamp).name

    def file(self, lot):
        at = f"@{lot.writer}" if lot.place == "running" else ""
        return lot.place and self.project.path(
            lot.place, self.name(lot) + at)

    def start(self, lot):
        lot.writer = f"lab_1.{len(self.lines):06}-1"
        self.lines[lot.writer] = []
        self.move(lot, "running")
        lot.attempt, lot.tries, lot.synced = self.name(lot), lot.n, 0

    def to_do(self, lot):
        """The tasks that its name says are to do."""
        listed = self.again.get(lot.part.stamp, lot.tasks)
        return [task for task in lot.tasks
                if task >= lot.part.next and task in listed]

    def next(self, lot):
        """The task that runs; None after the last."""
        return next((task for task in self.to_do(lot)
                     if task not in self.results), None)

    def line(self, lot, event, task, attempt=""):
        self.time += 1.0
        self.lines[lot.writer].append(Entry(
            event, f"{self.array}:{task}", attempt or lot.attempt, "lab",
            lot.writer, self.time - 1.0, self.time,
            "exit 0" if event == DONE else "exit 1", command=f"test {task}",
            task=str(task)))

    def entry(self, lot, event, reason):
        """A line about the range as a whole."""
        self.time += 1.0
        return Entry(event, lot.part.job, self.name(lot), "lab", lot.writer,
                     end=self.time, reason=reason)

    def end_task(self, lot, event):
        task = self.next(lot)
        self.line(lot, event, task)
        if event != DONE:
            lot.synced = len(self.lines[lot.writer])
        if event in FINAL:
            self.results[task] = (lot.writer, len(self.lines[lot.writer]) - 1)
            lot.tries = 1
        else:
            lot.tries += 1

    def event(self, task):
        writer, index = self.results[task]
        return self.lines[writer][index].event

    def failed(self, lot, tasks):
        return sum(task in self.results and self.event(task) == FAILED
                   for task in tasks)

    def rest(self, lot):
        """What is left of it, by the lines that count."""
        task = self.next(lot)
        left = lot.part.last + 1 if task is None else task
        ended = [task for task in lot.tasks if task in self.results]
        return lot.part._replace(next=left, failed=self.failed(lot, ended))

    def give_back(self, lot):
        self.move(lot, "jobqueue", self.rest(lot), lot.tries)

    def cut(self, lot, lost=0, late=()):
        """Its worker was declared dead: that many of its last lines were
        lost, and it writes others after the cut.
        """
        lines = self.lines[lot.writer]
        kept = max(len(lines) - lost, lot.synced,
                   self.begin.get(lot.writer, 0))
        for task, (writer, index) in list(self.results.items()):
            if writer == lot.writer and index >= kept:
                del self.results[task]
        del lines[kept:]
        before = self.next(lot)
        tries = lot.n if before == lot.part.next else 1
        tries += sum(entry.event == RETRIED and entry.task == str(before)
                     for entry in lines)
        reclaimer = self.lines.setdefault("lab_2.000000-1", [])
        reclaimer.append(Entry(
            LOST, lot.part.job, lot.attempt, "lab", lot.writer, end=self.time))
        part, attempt = self.rest(lot), lot.attempt
        behind = [task for task in self.to_do(lot) if task >= part.next]
        for event, task in zip(late, behind):
            self.line(lot, event, task, attempt)
        self.move(lot, "jobqueue", part, tries + 1)

    def end(self, lot):
        part = self.rest(lot)
        assert part.next == part.last + 1
        place = FAILED if part.failed else DONE
        self.move(lot, place, part, stamp=lot.stamp)

    def retry(self, lot, tasks):
        stamp = self.stamps.new()
        with open(self.project.path("arrays", f"{self.array}+{stamp}"),
                  "w") as file:
            file.writelines(f"{task}\n" for task in tasks)
        self.again[stamp] = tasks
        for task in tasks:
            del self.results[task]
        ended = [task for task in lot.tasks if task not in tasks]
        self.move(lot, "jobqueue", lot.part._replace(
            next=min(tasks), failed=self.failed(lot, ended),
            generation=lot.part.generation + 1, stamp=stamp), 1)

    def cancel(self, lot):
        self.move(lot, "cancelled", self.rest(lot), lot.tries)

    # What is known of it

    def write(self):
        """Write the ledgers; return the offsets of the earlier dispatcher."""
        offsets = {}
        for writer, entries in self.lines.items():
            lines = [HEADER, *map(line_of, entries)]
            with open(self.project.ledger_file(writer), "w") as file:
                file.writelines(lines)
            if writer in self.begin:
                known = lines[:1 + self.begin[writer]]
                offsets[f"{writer}.tsv"] = sum(map(len, known))
        return offsets

    def report(self):
        """An earlier dispatcher counts all that there is."""
        self.begin = {writer: len(found)
                      for writer, found in self.lines.items()}

    def new(self):
        """How many tasks ended since then, by their events."""
        return Counter(
            self.event(task) for task, (writer, index) in self.results.items()
            if index >= self.begin.get(writer, 0))

    def left(self):
        return sum(task not in self.results for lot in self.lots
                   if lot.place in ("jobqueue", "running")
                   for task in self.to_do(lot))

    def rows(self):
        """The event and the job of each task, in the order of the ends."""
        entries = [self.lines[writer][index]
                   for writer, index in self.results.values()]
        entries.sort(key=lambda entry: entry.end)
        return [(entry.event, entry.job) for entry in entries
                if entry.event != CLEANED]
