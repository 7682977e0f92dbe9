"""Hiring while there is work: the script fjd-recruiter as a child.

Whoever dispatches is told when jobs wait and nobody is there, and does not
end while workers may still come.

The child is a new Python, not a fork with the modules that we have loaded:
fjd may have been updated since, and its modules must fit the script.
"""
import subprocess
import sys
import time
from typing import Any, Callable, List

from fjd.errors import NotHired

PAUSE = 5.0  # seconds between two times that workers are hired


class Hiring:
    """What hires for one dispatcher; is_awaited: which has no time.

    words() are the script and its arguments.  is_apart: in a session of its
    own, so that no Ctrl-C reaches it, and without stdin.  is_quiet: what it
    says on stdout is dropped.
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
        self.next = 0.0
        self.before = 0  # jobs that had been given out

    def is_going_on(self) -> bool:
        """Whether workers may still come."""
        return bool(self.process) and self.process.poll() is None

    def is_due(self, given_out: int) -> bool:
        """Whether to start it again; NotHired if it was of no use."""
        if self.is_going_on():
            return False
        if self.process and self.before == given_out:
            raise NotHired("there are jobs, and nobody could be hired")
        return time.monotonic() >= self.next

    def start(self, given_out: int) -> None:
        self.next = time.monotonic() + PAUSE
        self.before = given_out
        self.process = subprocess.Popen(
            [sys.executable, *self.words()], **self.how)
        if self.is_awaited:
            self.wait()

    def wait(self) -> None:
        """Until it has had its workers, or none."""
        if self.process:
            self.process.wait()
