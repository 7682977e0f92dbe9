"""Hiring while there is work: the script fjd-recruiter as a child.

The dispatcher starts it when jobs wait and there is no worker, and does not
end while workers may still come.

The child is a new Python, not a fork with the modules that we have loaded:
fjd may have been updated since, and its modules must fit the script.  (The
first child of fjd run is a fork, as nothing was updated yet: verbs/forks.py.)
"""
import sys
import time
from typing import Any, Callable, List

from fjd.command import beside
from fjd.errors import BadConfig, NotHired
from fjd.options import AGAIN

PAUSE = 5.0  # seconds between two starts
PATIENCE = 25.0  # seconds more, while a batch system has workers that wait


class Hiring:
    """The recruiter of one dispatcher.

    words() returns its arguments.  is_awaited: start() waits for it.
    is_quiet: its stdout is dropped.  is_expected(): whether a batch system may
    send workers.
    """

    def __init__(
        self, words: Callable[[], List[str]], is_awaited: bool = False,
        is_quiet: bool = False,
        is_expected: Callable[[], bool] = lambda: False,
    ) -> None:
        self.words = words
        self.is_expected = is_expected
        self.is_awaited = is_awaited
        self.is_quiet = is_quiet
        self.process: Any = None
        self.next_start = 0.0
        self.is_patient = False  # A batch system has workers that wait.
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
        is_in_vain = self.process and self.given_out == given_out
        if is_in_vain and not self.is_patient:
            if not self.is_expected():
                self.fail()
            self.is_patient = True
            self.next_start += PATIENCE
        return time.monotonic() >= self.next_start

    def start(self, given_out: int) -> None:
        self.next_start = time.monotonic() + PAUSE
        self.is_patient = False
        self.given_out = given_out
        self.process = self.begin()
        if self.is_awaited:
            self.wait()
            if self.process.returncode == BadConfig.exit_code:
                self.fail()

    def begin(self, **how: Any) -> Any:
        """Return the process of a new recruiter."""
        import subprocess  # Late: it takes 4 ms.
        return subprocess.Popen(
            [sys.executable, beside("fjd-recruiter"), AGAIN,
             *self.words()],
            stdout=subprocess.DEVNULL if self.is_quiet else None, **how)

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
