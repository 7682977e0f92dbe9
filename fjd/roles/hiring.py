"""Hiring while there is work: the script fjd-recruiter as a child.

Whoever dispatches is told when jobs wait and nobody is there, and does not
end while workers may still come.

The child is a new Python, not a fork with the modules that we have loaded:
fjd may have been updated since, and its modules must fit the script.
"""
import subprocess
import sys
import time
from typing import Any, List

from fjd.errors import NotHired
from fjd.roles.shift import Shift

PAUSE = 5.0  # seconds between two times that workers are hired


class Hiring:
    """What hires for one dispatcher; is_awaited: which has no time.

    argv is the script and its arguments.  is_apart: in a session of its own,
    so that no Ctrl-C reaches it, and without stdin.  is_quiet: what it says
    on stdout is dropped.
    """

    def __init__(
        self, shift: Shift, argv: List[str], is_awaited: bool = False,
        is_apart: bool = False, is_quiet: bool = False,
    ) -> None:
        self.shift = shift
        self.dispatcher = shift.dispatcher
        self.argv = argv
        self.is_awaited = is_awaited
        null = subprocess.DEVNULL
        self.how = {
            "start_new_session": is_apart, "stdin": null if is_apart else None,
            "stdout": null if is_quiet else None,
        }
        self.process: Any = None
        self.next = 0.0
        self.before = 0  # jobs that had been given out
        self.dispatcher.when_alone = self.start_if_due
        self.dispatcher.is_held = self.is_going_on

    def is_going_on(self) -> bool:
        """Whether workers may still come."""
        return bool(self.process) and self.process.poll() is None

    def start_if_due(self) -> None:
        """Start it, if it is not at work; not again if it was of no use."""
        if self.is_going_on():
            return
        if self.process and self.before == self.dispatcher.given_out:
            raise NotHired("there are jobs, and nobody could be hired")
        if time.monotonic() >= self.next:
            self.start()

    def start(self) -> None:
        self.next = time.monotonic() + PAUSE
        self.before = self.dispatcher.given_out
        if not self.is_awaited:
            # Whoever comes after us, if we die, has to fire them.
            self.shift.leave(self.shift.memory.ledgers, has_hired=True)
        self.process = subprocess.Popen(
            [sys.executable, *self.argv], **self.how)
        if self.is_awaited:
            self.wait()

    def wait(self) -> None:
        """Until it has had its workers, or none."""
        if self.process:
            self.process.wait()
