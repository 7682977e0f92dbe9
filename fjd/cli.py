"""What the commands share: options, output, errors, and finding the project.

Settings come from an option, else from a variable, else from a default::

    --project   FJD_PROJECT   default
                FJD_DIR       ~/.fjd
"""
import argparse
import errno
import math
import os
import re
import signal
import sys
import time
from typing import (
    Any, Callable, Dict, Iterable, Iterator, List, Optional, Tuple,
)

from fjd import files
from fjd.errors import BadUsage, FjdError, Hopeless, NotYours
from fjd.files import FINAL, HINTS, is_ours
from fjd.members import BEAT
from fjd.names import is_project, LONGEST_JOB_NAME, printable
from fjd.ownership import check_place, ROOT, Survey, Visit
from fjd.process import without_job
from fjd.project import JOBS, Project
from fjd.terminal import Terminal
from fjd.wakeup import LONGEST

HOME_TROUBLES = (errno.ENOSPC, errno.EDQUOT, errno.EIO, errno.EROFS)
AWAY = 60.0  # seconds that a project may be missing before that is believed
NO_THREAD = "can't start new thread"  # Python's RuntimeError
SIGNALLED = 128
MOST_LOSSES = 3
YES = ("y", "yes")


Option = Tuple[Tuple[str, ...], Dict[str, Any]]


class Parser(argparse.ArgumentParser):
    """Says what is wrong in one line."""

    def error(self, message: str) -> Any:
        self.exit(2, f"{self.prog}: error: {message} (see --help)\n")


class ShowVersion(argparse.Action):
    """Print the version; only this looks which commit it is."""

    def __call__(self, parser: Any, *others: Any) -> None:
        from fjd.revision import version
        show(version())
        parser.exit()


def default_project() -> str:
    return os.environ.get("FJD_PROJECT") or "default"


def positive(text: str) -> int:
    if not re.fullmatch("[1-9][0-9]{0,8}", text):
        raise argparse.ArgumentTypeError(f"{text!r} is no number above 0")
    return int(text)


def seconds(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = 0.0
    if not 0.0 < value <= 3600.0:
        raise argparse.ArgumentTypeError(
            f"{text!r} is no number of seconds above 0, at most 3600",
        )
    return value


def missed_beats(text: str) -> int:
    """How many heartbeats fit into so many seconds."""
    value = seconds(text)
    if value < 2 * BEAT:  # One may always be late.
        raise argparse.ArgumentTypeError(
            f"{text!r} is no number of seconds from {2 * BEAT:g} to 3600")
    return math.ceil(value / BEAT)


def option(*words: str, **how: Any) -> Option:
    return words, how


def flag(*words: str, **how: Any) -> Option:
    return option(*words, action="store_true", **how)


def shared(*words: str, **how: Any) -> Option:
    """May stand before or after a verb: no default hides what is set."""
    return option(*words, default=argparse.SUPPRESS, **how)


PROJECT = shared(
    "--project", metavar="P",
    help="the project's name (default: $FJD_PROJECT, else default)")
MAX_LOSSES = shared(
    "--max-losses", metavar="N", type=positive, help="give up a job when N"
    f" workers have died while they ran it (default: {MOST_LOSSES})")
QUIET = flag("--quiet", help="print only a line for each job that failed")


def interval(default: float) -> Option:
    return option(
        "--interval", metavar="S", type=seconds, default=default, help="look"
        f" for something to do at least every S seconds (default: {default:g})"
    )


def new_parser(description: str, *options: Option) -> Parser:
    parser = Parser(
        description=description, allow_abbrev=False,
        epilog="Jobs are files in ~/.fjd/P/jobqueue ($FJD_DIR names another"
        " place than ~/.fjd).",
    )
    parser.add_argument(
        "--version", action=ShowVersion, nargs=0, default=argparse.SUPPRESS,
        help="show program's version number and exit")
    add_options(parser, options)
    return parser


def add_options(
    parser: argparse.ArgumentParser, options: Iterable[Option],
) -> None:
    for words, how in options:
        parser.add_argument(*words, **how)


class Verbs(Dict[str, Any]):
    """The verbs of a command: what each does, and what stands behind it."""

    def add(self, name: str, summary: str, *options: Option, **how: Any) \
            -> Callable[[Any], Any]:
        """Make a function a verb; its docstring says more in --help."""
        def register(act: Any) -> Any:
            self[name] = (act, summary, options, how)
            return act
        return register

    def add_to(self, parser: Parser, metavar: str) -> None:
        verbs = parser.add_subparsers(
            title="verbs", dest="verb", metavar=metavar)
        verbs.required = True  # PY36: an argument of add_subparsers since 3.7
        for name, (act, summary, options, how) in self.items():
            about = f"{summary[0].upper()}{summary[1:]}. {act.__doc__}"
            verb = verbs.add_parser(
                name, help=summary, description=" ".join(about.split()), **how)
            add_options(verb, options)
            verb.set_defaults(act=act)


def parsed(
    parser: Parser, words: Optional[List[str]] = None, **defaults: Any,
) -> argparse.Namespace:
    """The command line; what is not given there, is as here."""
    known = {"project": default_project(), "max_losses": MOST_LOSSES}
    return parser.parse_args(
        words, argparse.Namespace(**{**known, **defaults}))


def named_project(name: str) -> Project:
    if not is_project(name):
        raise BadUsage(
            f'project "{printable(name)}": a name is made of A-Z, a-z, 0-9,'
            " _, . and -, begins with a letter, a digit or _, and has at most"
            f" {LONGEST_JOB_NAME} characters",
        )
    return Project(os.path.join(home(), name))


def find_project(
    name: str, say: Callable[[str], None], is_visit: bool = False,
) -> Project:
    """The project of that name, if there is one; on a visit, which changes
    nothing, root may look at those of others.
    """
    root = named_project(name).root
    try:
        owner = os.stat(root).st_uid
    except (FileNotFoundError, NotADirectoryError):
        raise BadUsage(f"{root}: there is no such project")
    if is_visit and os.geteuid() == ROOT != owner:
        return Project(root, Visit())
    return open_project(name, say)


def open_project(name: str, say: Callable[[str], None]) -> Project:
    """The project of that name, with all its directories, ours alone."""
    project, survey = named_project(name), Survey(say)
    try:
        survey.claim_home(home())
        if files.make_directory(project.root) and name != default_project():
            say(f'Made project "{name}".')
        check_place(project.root)
        project.owner = survey.claim_project(project.root)
        project.make_directories()
    except PermissionError as error:
        raise NotYours(f"{error.filename}: {error.strerror}")
    check_file_system(project)
    return project


def check_file_system(project: Project) -> None:
    """Jobs cannot be renamed from one file system to another."""
    first, *others = map(project.path, JOBS)
    for place in others:
        if os.stat(place).st_dev != os.stat(first).st_dev:
            raise FjdError(
                f"{place}: not on the file system of {first}",
                HINTS[errno.EXDEV])


def see_witness(name: str, witness: str) -> None:
    """See that our home is that of a caller on another host."""
    if named_project(name).session_trouble(witness) is None:
        raise FjdError("its home is not this one: what is put into"
                       f" {home()} here is not seen there")


def home() -> str:
    """Where the projects are, as an absolute path."""
    place = os.path.expanduser(os.environ.get("FJD_DIR") or "~/.fjd")
    if place.startswith("~"):
        raise FjdError("no home directory", "try: set HOME or FJD_DIR")
    return os.path.abspath(place)


def current_directory() -> str:
    """As the shell calls it: by the links that led there."""
    try:
        here = os.getcwd()
    except FileNotFoundError:
        raise BadUsage("the current directory does not exist any more")
    place = os.environ.get("PWD", "")
    if os.path.isabs(place) and os.path.isdir(place):
        return place if os.path.samefile(place, here) else here
    return here


def check_directory(place: str) -> None:
    if not os.path.isdir(place):
        raise BadUsage(f"{place}: no such directory")
    if not os.access(place, os.X_OK):
        raise BadUsage(f"{place}: it may not be entered")


def beside(name: str) -> str:
    """The path of a command that lies beside this one."""
    return os.path.join(os.path.dirname(os.path.abspath(sys.argv[0])), name)


def cpus() -> int:
    """How many workers this machine should have when nobody says."""
    try:
        available = len(os.sched_getaffinity(0))
    except AttributeError:  # No Linux.
        available = os.cpu_count() or 1
    return max(1, available - 1)


def teller(role: str, quiet: bool = False, stream: str = "stdout") \
        -> Callable[[str], None]:
    """What says a line of progress, such as [fjd-dispatcher] text."""
    def say(text: str) -> None:
        if not quiet:
            write_line(f"[{role}] {text}", stream)
    return say


def keep_last_words(project: Project, worker: str) -> None:
    """Let what goes wrong with a hired worker be seen in its screenlog."""
    log = files.open_own(project.worker_log(worker))
    os.dup2(log, sys.stderr.fileno())
    os.close(log)


def worker_teller(
    project: Project, worker: str, terminal: Terminal, is_hired: bool,
) -> Callable[[str], None]:
    """The same for a worker, in its screenlog as well; who is hired, has
    nobody on stdout unless that is a terminal.
    """
    log = files.open_own(project.worker_log(worker))

    def say(text: str) -> None:
        line = f"[fjd-worker] {text}"
        if terminal.is_open:
            terminal.write(os.fsencode(line + "\r\n"))
        elif not is_hired:
            write_line(line)
        try:
            os.write(log, os.fsencode(line + "\n"))
        except OSError:
            pass  # The disk is full; whatever matters is said elsewhere.
    return say


def show(line: str, stream: str = "stdout") -> None:
    """Print a line whatever the encoding: with \\xe9 where it has no place.

    CRON: with LANG=C Python 3.6 cannot print what is not ASCII.
    """
    file = getattr(sys, stream)
    if not file:
        return  # It was closed before we began.
    try:
        file.write(line + "\n")
    except UnicodeEncodeError:
        file.write(line.encode("ascii", "backslashreplace").decode() + "\n")


def show_bytes(data: bytes, is_more: bool = False) -> None:
    """What jobs print, and names, as they are; at once unless more comes."""
    if sys.stdout:
        sys.stdout.buffer.write(data)
    if sys.stdout and not is_more:
        sys.stdout.buffer.flush()


def write_line(line: str, stream: str = "stdout") -> None:
    """The same at once; if the stream is gone, it is no harm."""
    file = getattr(sys, stream)
    try:
        show(line, stream)
        if file:
            file.flush()
    except OSError:
        silence(file)


def typed_lines() -> Iterator[str]:
    """Those on standard input, each as soon as it is complete."""
    for line in sys.stdin.buffer if sys.stdin else []:
        if b"\0" in line:
            raise BadUsage("standard input: NUL bytes; one item a line is"
                           " wanted")
        yield os.fsdecode(line).rstrip("\n")


def is_person() -> bool:
    """Whether somebody sits at a terminal, and can be asked."""
    try:
        return sys.stdin.isatty() and sys.stdout.isatty()
    except AttributeError:
        return False  # There is no stdin at all.


def is_agreed(question: str) -> bool:
    """Ask a person; without a terminal the answer is no."""
    try:
        return is_person() and input(f"{question} [y/N] ").lower() in YES
    except (EOFError, KeyboardInterrupt):
        return False  # Nobody wants to answer.


def patiently(
    step: Callable[[], float], say: Callable[[str], None], project: Project,
    clock: Any = time,
) -> Callable[[], float]:
    """A step that is tried again while the home is full or does not answer.

    Nothing is lost meanwhile: a step that fails leaves files where they are.
    What waiting does not cure is Hopeless.
    """
    device = project.device()
    said: Optional[Tuple[str, Optional[str]]] = None
    deadline = math.inf  # for a project that is missing
    has_gap = False

    def turn() -> float:
        nonlocal said, deadline, has_gap
        try:
            if has_gap:
                project.make_directories()
            wait = step()
        except OSError as error:
            if error.errno in FINAL:
                raise Hopeless(in_words(error), HINTS.get(error.errno, ""))
            is_missing = project.is_missing()
            now = clock.monotonic()
            deadline = min(deadline, now + AWAY) if is_missing else math.inf
            if is_missing and (project.is_gone(device) or now > deadline):
                raise FjdError(f"{project.root}: it was removed")
            has_gap = isinstance(error, FileNotFoundError) and not is_missing
            why = (os.path.dirname(error.filename or ""), error.strerror)
            if why != said:
                said = why
                say(f"{in_words(error)}; trying again.")
            return LONGEST
        said, deadline, has_gap = None, math.inf, False
        return wait
    return turn


def in_words(error: OSError) -> str:
    """What an error is about, if that can be told, and why."""
    process = "a new process" if error.errno == errno.EAGAIN else ""
    about, why = error.filename or process, error.strerror or str(error)
    return f"{about}: {why}" if about else why


def leave_job() -> None:
    """Start this program again unless its environment is nobody's job's.

    A worker or dispatcher that a job starts in a session of its own must not
    end with that job (unless it prints into its log), and the environment
    that others see in /proc is the one at the start.
    """
    if "FJD_ATTEMPT" in os.environ:
        environ = without_job(os.environ)
        os.execve(sys.executable, [sys.executable] + sys.argv, environ)


def run(main: Callable[[], Optional[int]]) -> None:
    """Run a command, and end with its exit code."""
    if signal.getsignal(signal.SIGINT) == signal.SIG_DFL:
        signal.signal(signal.SIGINT, signal.default_int_handler)
    # Whoever started us may ignore or block it: no end of a child would be
    # told.  Jobs would inherit what is blocked, and heed no TERM.
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    signal.pthread_sigmask(signal.SIG_SETMASK, [])
    try:
        status = main_status(main)
    except FjdError as error:
        complain(str(error), error.hint)
        status = error.exit_code
    except KeyboardInterrupt:
        status = SIGNALLED + signal.SIGINT
    except BrokenPipeError:
        silence(sys.stdout)
        status = SIGNALLED + signal.SIGPIPE
    except (MemoryError, RuntimeError) as error:
        status = status_of_shortage(error)
    except OSError as error:
        status = status_of(error)
    sys.exit(status)


def status_of(error: OSError) -> int:
    """Say what went wrong; one that nobody can make sense of is raised."""
    silence(sys.stdout)
    if not error.filename and error.errno in HOME_TROUBLES:
        error.filename = "standard output"
    elif not error.filename and not is_ours(error):
        raise error
    complain(in_words(error), HINTS.get(error.errno or 0, ""))
    is_denied = isinstance(error, PermissionError)
    return os.EX_NOPERM if is_denied else os.EX_IOERR


def status_of_shortage(error: Exception) -> int:
    if isinstance(error, RuntimeError) and str(error) != NO_THREAD:
        raise error
    text = str(error) or os.strerror(errno.ENOMEM)
    complain(text, HINTS[errno.ENOMEM])
    return os.EX_IOERR


def main_status(main: Callable[[], Optional[int]]) -> Any:
    """What main() ends with, when all that it has printed is out."""
    try:
        status = main()
    except SystemExit as ending:  # argparse: --help, or wrong usage.
        status = ending.code  # type: ignore
    if sys.stdout:
        sys.stdout.flush()
    return status


def silence(stream: Any) -> None:
    """Nobody reads it any more, nor what Python would flush at its end."""
    try:
        if stream:
            os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())
    except OSError:
        pass  # Too many files are open.


def complain(message: str, hint: str = "") -> None:
    """Say on stderr what and why, and below it what to do."""
    name = os.path.basename(sys.argv[0])
    write_line(f"{name}: error: {message}", "stderr")
    if hint:
        write_line(f"    {hint}", "stderr")
