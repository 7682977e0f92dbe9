"""The earlier runs of one directory, from which --resume chooses one.

Each fjd run has its own project, named run-<hash of the directory>; later runs
of the directory add -2, -3 ...  The project's file list records the request:
the directory, and the command as it was typed.  The arrays list-<number> hold
the commands (lists.py).  One rename creates the project with the file list in
it, so there is no run without a request.

Older versions ran each command as a job.  In their file list the marks of the
jobs follow, one a line (joblist.py).  Still older ones hashed the command,
too, and wrote no list; for their projects, the job files are the list.
"""
import errno
import os
import re
from typing import Iterable, List, NamedTuple, Optional, Tuple

from fjd import files
from fjd.verbs.census import left
from fjd.ledger import escape
from fjd.names import natural
from fjd.project import LIST, Project
from fjd.verbs.joblist import Comparison, hashed, Request

MOST_LOOKED_AT = 100
LATEST = 20  # runs among which the last one of a command is sought
TAKEN = (errno.ENOTEMPTY, errno.EEXIST, errno.ENOTDIR)


class Record(NamedTuple):
    """The request that a run was started with."""

    directory: str
    command: str

    @property
    def text(self) -> str:
        return f"directory: {escape(self.directory)}\n" \
            f"{command_line(self.command)}\n"


class Runs:
    """The runs of a directory; home holds their projects, text is the command
    as it is typed now.
    """

    def __init__(self, home: str, text: str, directory: str) -> None:
        self.home = home
        self.asked = Record(directory, text)
        self.names: List[str] = []

    def find(self) -> List[str]:
        """Return the projects of all runs, the newest first."""
        directory, command = self.asked
        there = files.names(self.home) if os.path.isdir(self.home) else []
        self.names = called(base_of(directory), there)
        return self.names + called(base_of(command, directory), there)

    def best(
        self, request: Request, has_keys: bool = False,
    ) -> Tuple[str, Optional[Comparison]]:
        """Return the run that shares most commands with the request.

        Of several, this is the newest; ("", None) if none shares one.  For a
        request without commands, it is the newest run of the same command.
        One of that command that has nothing yet has just begun, or was killed
        then.
        """
        best, name = None, ""
        most = 0
        for run in self.find()[:MOST_LOOKED_AT]:
            project = Project(os.path.join(self.home, run))
            if not self.may_be(project, request):
                continue
            known = compared(project, request, has_keys)
            shared = known.shared if known and len(request) \
                else int(known is not None)
            if shared > most or known and not most and known.is_empty \
                    and self.is_same(project):
                best, name, most = known, run, shared
            if most >= max(1, len(request)):
                break  # No other run can share more.
        return name, best

    def may_be(self, project: Project, request: Request) -> bool:
        """Return whether a run may be the one to go on with."""
        if recorded(project) is None:
            return False
        return bool(len(request)) or self.is_same(project)

    def is_same(self, project: Project) -> bool:
        """Return whether it is a run of the command that is typed now."""
        return recorded(project) in ("", command_line(self.asked.command))

    def unfinished(self, commands: List[str]) -> Tuple[str, int]:
        """Return the latest run of the command before this one, and how many
        of its jobs are left, if it was asked for all of these commands; else
        ("", 0).
        """
        request = Request(self.asked.directory)
        request.add(commands)
        for name in filter(self.is_same_run, self.names[:LATEST]):
            project = Project(os.path.join(self.home, name))
            try:
                jobs_left = left(project)
            except FileNotFoundError:
                return "", 0  # It was killed when it had just begun.
            known = compared(project, request) if jobs_left else None
            has_all = known and known.shared == len(request)
            return (name, jobs_left) if has_all else ("", 0)
        return "", 0

    def is_same_run(self, name: str) -> bool:
        return self.is_same(Project(os.path.join(self.home, name)))

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


def compared(
    project: Project, request: Request, has_keys: bool = False,
) -> Optional[Comparison]:
    """Return what a project has of a request; None if it is gone."""
    try:
        if recorded(project) is not None:
            project.make_directories()  # It may have just begun.
        return Comparison(project, request, has_keys)
    except (FileNotFoundError, NotADirectoryError):
        return None  # RACE: it is being removed; or it is no project.


def recorded(project: Project) -> Optional[str]:
    """Return the line of the command ("" if unknown); None: it is no run."""
    try:
        lines = os.fsdecode(project.whole(LIST)).split("\n")
        return lines[1] if len(lines) > 2 else ""
    except (FileNotFoundError, NotADirectoryError):
        return None


def command_line(command: str) -> str:
    return f"command: {escape(command)}"


def called(base: str, names: Iterable[str]) -> List[str]:
    """Return the names with that base, the newest first."""
    found = filter(re.compile(f"{base}(-[0-9]+)?").fullmatch, names)
    return sorted(found, key=natural, reverse=True)


def is_run_name(name: str) -> bool:
    return bool(re.fullmatch("run-[0-9a-f]{10}(-[0-9]+)?", name))


def base_of(*texts: str) -> str:
    return f"run-{hashed(10, *texts)}"
