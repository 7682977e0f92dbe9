"""Running a command: its exit status, and patience with the home."""
import errno
import math
import os
import signal
import sys
import time
from typing import Any, Callable, Optional, Tuple

from fjd.errors import FjdError, Hopeless
from fjd.files import FINAL, HINTS, is_ours
from fjd.output import complain, silence
from fjd.project import Project

HOME_TROUBLES = (errno.ENOSPC, errno.EDQUOT, errno.EIO, errno.EROFS)
AWAY = 60.0  # seconds that a project may be missing before that is believed
NO_THREAD = "can't start new thread"  # Python's RuntimeError
SIGNALLED = 128


def run(main: Callable[[], Optional[int]]) -> None:
    """Run a command, and end with its exit code."""
    if signal.getsignal(signal.SIGINT) == signal.SIG_DFL:
        signal.signal(signal.SIGINT, signal.default_int_handler)
    # The parent may have ignored or blocked it; then the kernel reports the
    # end of no child.  Jobs would inherit a blocked TERM.
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
    end(status or 0)


def end(status: int) -> None:
    """End at once; Python would first take 4 ms to free all it has."""
    try:
        for stream in filter(None, (sys.stdout, sys.stderr)):
            stream.flush()
    finally:
        os._exit(status)


def main_status(main: Callable[[], Optional[int]]) -> Any:
    """Return the status of main() when all that it printed is written."""
    try:
        status = main()
    except SystemExit as ending:  # argparse: --help, or wrong usage.
        status = ending.code  # type: ignore
    if sys.stdout:
        sys.stdout.flush()
    return status


def status_of(error: OSError) -> int:
    """Report an error, and return the exit status; raise it if its cause is
    unknown.
    """
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


def in_words(error: OSError) -> str:
    """Return the subject of an error, if it has one, and the reason."""
    process = "a new process" if error.errno == errno.EAGAIN else ""
    about, why = error.filename or process, error.strerror or str(error)
    return f"{about}: {why}" if about else why


def patiently(
    step: Callable[[], float], say: Callable[[str], None], project: Project,
    clock: Any = time,
) -> Callable[[], float]:
    """Return a step that is tried again while the home is full or does not
    answer.

    Nothing is lost meanwhile: a step that fails leaves files where they are.
    Hopeless: waiting does not cure the error.
    """
    from fjd.wakeup import LONGEST  # Late: only roles wait.
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


def leave_job() -> None:
    """Start this program again unless its environment is nobody's job's.

    A worker or dispatcher that a job starts in a session of its own must not
    end with that job (unless it prints into its log), and the environment
    that others see in /proc is the one at the start.
    """
    if "FJD_ATTEMPT" in os.environ:
        from fjd.process import without_job
        environ = without_job(os.environ)
        os.execve(sys.executable, [sys.executable] + sys.argv, environ)


def beside(name: str) -> str:
    """Return the path of a command that lies beside this one."""
    return os.path.join(os.path.dirname(os.path.abspath(sys.argv[0])), name)
