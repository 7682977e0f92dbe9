"""A script of fjd as a child process that has loaded all that we have.

fork(2) instead of a new Python, which takes some 50 ms to come up (measured).
"""
import os
import runpy
import signal
import sys
from typing import Any, List, Optional


class Child:
    """It runs argv[0], a Python script.

    is_apart: in a session of its own, so that no Ctrl-C reaches it, and
    without stdin.  is_quiet: what it says on stdout is dropped.
    """

    def __init__(
        self, argv: List[str], is_apart: bool, is_quiet: bool,
    ) -> None:
        for stream in filter(None, (sys.stdout, sys.stderr)):
            stream.flush()
        self.status: Optional[int] = None
        self.pid = os.fork()
        if not self.pid:
            become(argv, is_apart, is_quiet)

    def poll(self) -> Optional[int]:
        """Its status as waitpid(2) tells it; None while it runs."""
        return self.ask(os.WNOHANG)

    def wait(self) -> None:
        self.ask(0)

    def ask(self, options: int) -> Optional[int]:
        if self.status is None:
            pid, status = os.waitpid(self.pid, options)
            self.status = status if pid else None
        return self.status


def become(argv: List[str], is_apart: bool, is_quiet: bool) -> None:
    """Never returns: what our caller has to do is not the child's."""
    status: Any = 1
    try:
        forget_signals()
        null = os.open(os.devnull, os.O_RDWR)
        if is_apart:
            os.setsid()
            os.dup2(null, 0)
        if is_quiet:
            os.dup2(null, 1)
        sys.argv = argv
        runpy.run_path(argv[0], run_name="__main__")
    except SystemExit as ending:
        status = ending.code
    except BaseException:
        sys.excepthook(*sys.exc_info())
    finally:
        os._exit(status)


def forget_signals() -> None:
    """Handle none as our caller does; what is ignored, stays so."""
    signal.set_wakeup_fd(-1)
    for number in range(1, signal.NSIG):
        if callable(signal.getsignal(number)):
            default = signal.SIG_DFL
            if number == signal.SIGINT:
                default = signal.default_int_handler
            signal.signal(number, default)
