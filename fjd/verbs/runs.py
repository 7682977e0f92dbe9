"""The runs of one directory: what --resume goes on with.

Each fjd run has a project of its own, run-<hash of the directory>, the next
ones with -2, -3 ... behind.  Its file list says what was asked for: the
directory, the command as it was typed, and the marks of the jobs, one a line
(joblist.py); what was asked for later is added.  The file is there as soon as
the project is, since both come by one rename.

Older versions hashed the command, too, and wrote no list: then the jobs that
lie there are the list.
"""
import errno
import os
import re
from typing import Iterable, List, NamedTuple, Set, Tuple

from fjd import files
from fjd.census import everything
from fjd.ledger import escape
from fjd.names import mark_of, natural
from fjd.project import LIST, Project
from fjd.verbs.joblist import hashed, Listed

MOST_LOOKED_AT = 100
TAKEN = (errno.ENOTEMPTY, errno.EEXIST, errno.ENOTDIR)


class Record(NamedTuple):
    """What a run was asked for."""

    directory: str
    command: str
    marks: Set[str]

    @property
    def text(self) -> str:
        head = [f"directory: {escape(self.directory)}",
                command_line(self.command)]
        return "\n".join(head + sorted(self.marks)) + "\n"


class Runs:
    """Those in a directory, as projects in home, seen by one that is asked
    for jobs with text as its command.
    """

    def __init__(
        self, home: str, text: str, directory: str, jobs: Iterable[Listed],
    ) -> None:
        self.home = home
        self.asked = Record(directory, text, {job.mark for job in jobs})
        self.names: List[str] = []

    def look(self) -> List[str]:
        """The names of all, the newest first."""
        directory, command, _ = self.asked
        there = files.names(self.home) if os.path.isdir(self.home) else []
        self.names = called(base_of(directory), there)
        return self.names + called(base_of(command, directory), there)

    def best(self) -> Tuple[str, int]:
        """The one that shares most jobs with what is asked for, and how many:
        the newest of several; "" if none shares any.

        Of an empty list, the newest of the same command.
        """
        best = ("", 0)
        for name in self.look()[:MOST_LOOKED_AT]:
            shared = self.shared(Project(os.path.join(self.home, name)))
            if shared > best[1]:
                best = (name, shared)
            if shared >= max(1, len(self.asked.marks)):
                break  # None has more.
        return best

    def shared(self, project: Project) -> int:
        command, marks = recorded(project)
        if self.asked.marks:
            return len(marks.intersection(self.asked.marks))
        return int(command in ("", command_line(self.asked.command)))

    def begin(self, token: str) -> str:
        """Make the project of a new run; "" if somebody else has begun one
        since the last look.
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
        """Add what is asked for to the list of a run that goes on."""
        _, marks = recorded(project)
        every = marks.union(self.asked.marks)
        if len(every) > len(marks):
            text = self.asked._replace(marks=every).text
            project.replace(LIST, text, stamp)


def recorded(project: Project) -> Tuple[str, Set[str]]:
    """The line of the command ("" if there is none), and the marks."""
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
    """Those of that base, the newest first."""
    found = filter(re.compile(f"{base}(-[0-9]+)?").fullmatch, names)
    return sorted(found, key=natural, reverse=True)


def base_of(*texts: str) -> str:
    return f"run-{hashed(10, *texts)}"
