"""Which dispatcher is at work: one a project is enough.

This saves work and decides nothing: two at a time harm nothing, and whoever
cannot tell goes on.  A dispatcher first enrols as one that stands by, which
the others do not count, looks for one that is at work, and enrols anew when
it takes over.

At work is who runs on this host, or may run on another, and has shown a sign
of life lately.  Both times are the file server's: the other's, and that of
our own last beat in time.  So after a server has frozen, nobody looks old.
"""
import time
from typing import Any

from fjd.members import enrol, Here, is_at_work, STANDBY
from fjd.project import Project

AT_WORK = "none"


class Succession:
    """The place of one dispatcher among others."""

    def __init__(
        self, project: Project, here: Here, role_at_work: str = AT_WORK,
        clock: Any = time,
    ) -> None:
        self.project = project
        self.here = here
        self.role_at_work = role_at_work
        self.clock = clock
        self.enrol(STANDBY)

    def enrol(self, role: str) -> None:
        self.id = enrol(
            self.project, "dispatchers", self.here, role, self.clock)
        self.role = role
        self.beaten = self.project.beat("dispatchers", self.id)

    def beat(self, is_late: bool) -> None:
        """Show a sign of life."""
        try:
            beaten = self.project.beat("dispatchers", self.id)
        except FileNotFoundError:
            # We were taken for dead, which is no harm.
            return self.enrol(self.role)
        if not is_late:
            self.beaten = beaten

    def rival(self) -> str:
        """Another dispatcher that is at work; "" if there is none."""
        others = set(self.project.members("dispatchers")) - {self.id}
        return next((
            other for other in sorted(others)
            if is_at_work(self.project, other, self.beaten, self.here)
        ), "")

    def take_over(self) -> None:
        """Be the one that is at work."""
        self.change(self.role_at_work)

    def stand_down(self) -> None:
        """Not to be counted by others any more."""
        self.change(STANDBY)

    def change(self, role: str) -> None:
        before = self.id
        self.enrol(role)
        self.project.strike("dispatchers", before)

    def leave(self) -> None:
        try:
            self.project.strike("dispatchers", self.id)
        except FileNotFoundError:
            pass  # Its user has removed the project.
