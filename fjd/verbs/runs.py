"""The earlier runs of one directory, from which --resume chooses one.

Each fjd run has its own project, named run-<hash of the directory>; later runs
of the directory add -2, -3 ...  The project's file list records the request:
the directory, the command as it was typed, and the marks of the jobs, one a
line (joblist.py).  Later requests add their marks.  One rename creates the
project with this file in it, so there is no run without a list.

Older versions hashed the command, too, and wrote no list.  For their projects,
the job files are the list.
"""
import errno
import os
import re
from typing import AbstractSet, Dict, Iterable, List, NamedTuple, Set, Tuple

from fjd import files
from fjd.census import everything
from fjd.ledger import escape
from fjd.names import mark_of, natural
from fjd.project import LIST, Project
from fjd.verbs.counted import left
from fjd.verbs.joblist import hashed, Listed

MOST_LOOKED_AT = 100
TAKEN = (errno.ENOTEMPTY, errno.EEXIST, errno.ENOTDIR)


class Record(NamedTuple):
    """The request that a run was started with."""

    directory: str
    command: str
    marks: AbstractSet[str]

    @property
    def text(self) -> str:
        head = [f"directory: {escape(self.directory)}",
                command_line(self.command)]
        return "\n".join(head + sorted(self.marks)) + "\n"


class Runs:
    """The runs of a directory, compared with a new request.

    home holds their projects.  The request is a command (text) and its jobs,
    by their marks.
    """

    def __init__(
        self, home: str, text: str, directory: str,
        jobs: Dict[str, Listed],
    ) -> None:
        self.home = home
        self.asked = Record(directory, text, jobs.keys())
        self.names: List[str] = []

    def find(self) -> List[str]:
        """Return the projects of all runs, the newest first."""
        directory, command, _ = self.asked
        there = files.names(self.home) if os.path.isdir(self.home) else []
        self.names = called(base_of(directory), there)
        return self.names + called(base_of(command, directory), there)

    def best(self) -> Tuple[str, int]:
        """Return the run that shares most jobs with the request, and how many.

        Of several, this is the newest; ("", 0) if none shares a job.  For a
        request without jobs, it is the newest run of the same command.
        """
        best = ("", 0)
        for name in self.find()[:MOST_LOOKED_AT]:
            shared = self.shared(Project(os.path.join(self.home, name)))
            if shared > best[1]:
                best = (name, shared)
            if shared >= max(1, len(self.asked.marks)):
                break  # No other run can share more.
        return best

    def unfinished(self) -> Tuple[str, int]:
        """Return the latest run before this one, and how many of its jobs are
        left, if it was asked for all of these; else ("", 0).
        """
        for name in self.names[:1]:
            project = Project(os.path.join(self.home, name))
            if self.shared(project) >= max(1, len(self.asked.marks)):
                return name, left(project)
        return "", 0

    def shared(self, project: Project) -> int:
        command, marks = recorded(project)
        if self.asked.marks:
            return len(marks.intersection(self.asked.marks))
        return int(command in ("", command_line(self.asked.command)))

    def begin(self, token: str) -> str:
        """Create the project of a new run, and return its name.

        "" if another run has begun since find() was called.
        """
        base = base_of(self.asked.directory)
        last = self.names[0][len(base) + 1:] or 1 if self.names else 0
        name = f"{base}-{int(last) + 1}" if last else base
        project = Project(os.path.join(self.home, f".{name}.{token}"))
        files.make_directory(project.root)
        try:
            project.replace(LIST, self.asked.text, token)
            # RACE: a directory that is not empty is not replaced.
            files.move(project.root, os.path.join(self.home, name))
        except OSError as error:
            files.remove(project.path(LIST))
            files.remove_directory(project.root)
            if error.errno not in TAKEN:
                raise
            return ""
        return name

    def record(self, project: Project, stamp: str) -> None:
        """Add the request to the list of a run that is continued."""
        _, marks = recorded(project)
        every = marks.union(self.asked.marks)
        if len(every) > len(marks):
            text = self.asked._replace(marks=every).text
            project.replace(LIST, text, stamp)


def recorded(project: Project) -> Tuple[str, Set[str]]:
    """Return the line of the command ("" if unknown), and the marks."""
    try:
        lines = os.fsdecode(project.whole(LIST)).split("\n")
        if len(lines) > 2:
            return lines[1], set(lines[2:-1])
        return "", {mark_of(f.attempt.job) for f in everything(project)}
    except (FileNotFoundError, NotADirectoryError):
        return "", set()  # RACE: it is being removed; or it is no project.


def command_line(command: str) -> str:
    return f"command: {escape(command)}"


def called(base: str, names: Iterable[str]) -> List[str]:
    """Return the names with that base, the newest first."""
    found = filter(re.compile(f"{base}(-[0-9]+)?").fullmatch, names)
    return sorted(found, key=natural, reverse=True)


def base_of(*texts: str) -> str:
    return f"run-{hashed(10, *texts)}"
