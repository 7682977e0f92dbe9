"""Hiring while there is work: the script fjd-recruiter as a child.

The dispatcher starts it when jobs wait and there is no worker, and does not
end while workers may still come.

The child is a new Python, not a fork with the modules that we have loaded:
fjd may have been updated since, and its modules must fit the script.
"""
import subprocess
import sys
import time
from typing import Any, Callable, List

from fjd.command import beside
from fjd.errors import BadConfig, NotHired

PAUSE = 5.0  # seconds between two starts


class Hiring:
    """The recruiter of one dispatcher.

    words() returns its arguments.  is_awaited: start() waits for it.
    is_apart: it runs in its own session, out of reach of Ctrl-C, and without
    stdin.  is_quiet: its stdout is dropped.
    """

    def __init__(
        self, words: Callable[[], List[str]], is_awaited: bool = False,
        is_apart: bool = False, is_quiet: bool = False,
    ) -> None:
        self.words = words
        self.is_awaited = is_awaited
        null = subprocess.DEVNULL
        self.how = {
            "start_new_session": is_apart, "stdin": null if is_apart else None,
            "stdout": null if is_quiet else None,
        }
        self.process: Any = None
        self.next_start = 0.0
        self.given_out = 0  # jobs, at the last start

    def is_going_on(self) -> bool:
        """Return whether workers may still come."""
        return bool(self.process) and self.process.poll() is None

    def is_due(self, given_out: int) -> bool:
        """Return whether to start it now.

        NotHired: the last start had no effect.
        """
        if self.is_going_on():
            return False
        if self.process and self.given_out == given_out:
            self.fail()
        return time.monotonic() >= self.next_start

    def start(self, given_out: int) -> None:
        self.next_start = time.monotonic() + PAUSE
        self.given_out = given_out
        argv = [sys.executable, beside("fjd-recruiter"), *self.words()]
        self.process = subprocess.Popen(argv, **self.how)
        if self.is_awaited:
            self.wait()
            if self.process.returncode == BadConfig.exit_code:
                self.fail()

    def fail(self) -> None:
        """Raise NotHired, with the exit code of a recruiter that could not
        understand remote.conf, and has said so.
        """
        error = NotHired("there are jobs, and nobody could be hired")
        if self.process.returncode == BadConfig.exit_code:
            error.exit_code = BadConfig.exit_code
        raise error

    def wait(self) -> None:
        """Wait until it has ended, with workers or without."""
        if self.process:
            self.process.wait()
