"""Where the projects are, and finding, opening and checking one of them.

Settings come from an option, else from a variable, else from a default::

    --project   FJD_PROJECT   default
                FJD_DIR       ~/.fjd
"""
import _thread
import errno
import os
import signal
import sys
from contextlib import contextmanager
from typing import Callable, Iterator

from fjd import files
from fjd.errors import BadUsage, FjdError, NotYours
from fjd.files import HINTS
from fjd.names import is_project, LONGEST_JOB_NAME, printable
from fjd.output import write_line
from fjd.ownership import check_place, ROOT, Survey, Visit
from fjd.project import Project, STATES

AWAITED = 5.0  # seconds for the home to answer, until a person is told


def default_project() -> str:
    return os.environ.get("FJD_PROJECT") or "default"


def directory() -> str:
    """Where the projects are, as an absolute path."""
    place = os.path.expanduser(os.environ.get("FJD_DIR") or "~/.fjd")
    if place.startswith("~"):
        raise FjdError("no home directory", "try: set HOME or FJD_DIR")
    return os.path.abspath(place)


@contextmanager
def awaiting_home() -> Iterator[None]:
    """Meanwhile, tell a person if the home does not answer, as a frozen file
    server does not.

    Ctrl-C then ends this process at once: a handler of Python's does not run
    while a system call waits for the server (nfs(5), "hard").
    """
    place = directory()
    answer, end = _thread.allocate_lock(), _thread.allocate_lock()

    def watch() -> None:
        if not answer.acquire(timeout=AWAITED):
            me = os.path.basename(sys.argv[0])
            text = "no answer yet; still waiting"
            write_line(f"{me}: {place}: {text}", "stderr")
        end.release()

    answer.acquire()
    handler = signal.getsignal(signal.SIGINT)
    if handler == signal.default_int_handler:
        signal.signal(signal.SIGINT, signal.SIG_DFL)
    try:
        try:
            end.acquire()
            _thread.start_new_thread(watch, ())
        except RuntimeError:
            end.release()  # No thread can be started now (ulimit -u).
        yield
    finally:
        answer.release()
        end.acquire()  # Later forks shall meet no second thread.
        signal.signal(signal.SIGINT, handler)


def named_project(name: str) -> Project:
    if not is_project(name):
        raise BadUsage(
            f'project "{printable(name)}": a name is made of A-Z, a-z, 0-9,'
            " _, . and -, begins with a letter, a digit or _, and has at most"
            f" {LONGEST_JOB_NAME} characters",
        )
    return Project(os.path.join(directory(), name))


def find_project(
    name: str, say: Callable[[str], None], is_visit: bool = False,
    is_to_run: bool = True,
) -> Project:
    """Return the project of that name; BadUsage if there is none."""
    root = named_project(name).root
    with awaiting_home():
        try:
            owner = os.stat(root).st_uid
        except (FileNotFoundError, NotADirectoryError):
            raise BadUsage(f"{root}: there is no such project")
        if is_visit and os.geteuid() == ROOT != owner:
            return Project(root, Visit())
        return claimed_project(name, say, is_to_run)


def visit_project(name: str, say: Callable[[str], None]) -> Project:
    """The same for a look that changes nothing: root may look at the projects
    of others.
    """
    return find_project(name, say, is_visit=True)


def open_project(
    name: str, say: Callable[[str], None], is_to_run: bool = True,
) -> Project:
    """Return the project of that name; create it if it is missing."""
    with awaiting_home():
        return claimed_project(name, say, is_to_run)


def claimed_project(
    name: str, say: Callable[[str], None], is_to_run: bool = True,
) -> Project:
    """Return the project of that name, with all its directories, ours alone;
    is_to_run: see also that jobs can be moved in it.
    """
    project, survey = named_project(name), Survey(say)
    try:
        survey.claim_home(directory())
        if files.make_directory(project.root) and name != default_project():
            say(f'Made project "{name}".')
        check_place(project.root)
        project.owner = survey.claim_project(project.root)
        project.make_directories()
    except PermissionError as error:
        raise NotYours(f"{error.filename}: {error.strerror}")
    if is_to_run:
        check_file_system(project)
    return project


def check_file_system(project: Project) -> None:
    """Jobs cannot be renamed from one file system to another."""
    first, *others = map(project.path, STATES)
    for place in others:
        if os.stat(place).st_dev != os.stat(first).st_dev:
            raise FjdError(
                f"{place}: not on the file system of {first}",
                HINTS[errno.EXDEV])


def current_directory() -> str:
    """As the shell calls it: by the links that led there."""
    from fjd import process  # Late: it takes 2 ms.
    place = process.current_directory(os.environ)
    if not place:
        raise BadUsage("the current directory does not exist any more")
    return place


def check_directory(place: str) -> None:
    if not os.path.isdir(place):
        raise BadUsage(f"{place}: no such directory")
    if not os.access(place, os.X_OK):
        raise BadUsage(f"{place}: it may not be entered")
