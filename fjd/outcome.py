"""How it went: what the ledgers of all workers say since a moment."""
import os
from typing import Dict, Iterator, List

from fjd.ledger import DONE, Entry, FAILED, HEADER, SUPERSEDED
from fjd.names import printable
from fjd.project import Project

MOST_NAMED = 10  # failed jobs in a summary


class Outcome:
    """Jobs that were done and that failed since start()."""

    def __init__(self, project: Project) -> None:
        self.project = project
        self.offsets: Dict[str, int] = {}
        self.done = 0
        self.failed: Dict[str, Entry] = {}

    def start(self) -> None:
        """Leave out what is in the ledgers now."""
        for path in self.project.ledger_files():
            self.offsets[path] = self.project.files.size(path)

    def update(self) -> None:
        """Count what has come since the last time."""
        for path in self.project.ledger_files():
            for entry in self.new_entries(path):
                self.count(entry)

    def new_entries(self, path: str) -> Iterator[Entry]:
        offset = self.offsets.get(path, 0)
        _, data = self.project.files.read(path, offset=offset)
        whole = data[:data.rfind(b"\n") + 1]
        self.offsets[path] = offset + len(whole)
        for line in os.fsdecode(whole).split("\n")[:-1]:
            fields = line.split("\t")[:len(Entry._fields)]
            if len(fields) == len(Entry._fields) and line + "\n" != HEADER:
                yield Entry(*fields)  # type: ignore

    def count(self, entry: Entry) -> None:
        if entry.event == DONE:
            self.done += 1
        elif entry.event == FAILED:
            self.failed[entry.attempt] = entry
        elif entry.event == SUPERSEDED and entry.attempt in self.failed:
            del self.failed[entry.attempt]
        elif entry.event == SUPERSEDED and entry.status == "exit 0":
            self.done -= 1

    def summary(self) -> List[str]:
        """One line, and a second one that says where to look."""
        failed = list(self.failed.values())
        if not failed:
            return [f"{self.done} done, 0 failed"]
        named = failed[:MOST_NAMED]
        names = [f"{printable(e.job)} ({printable(e.how)})" for e in named]
        more = len(failed) - len(named)
        names += [f"and {more} more"] if more else []
        logs = self.project.job_log(f"{printable(named[0].job)}~*")
        return [
            f"{self.done} done, {len(failed)} failed: {', '.join(names)}",
            f"What they printed, and why they failed: {logs}" + (
                " and so on" if len(failed) > 1 else ""),
        ]
