"""The active dispatcher: one a project is enough.

This is advisory and saves work: two at a time are harmless, and a dispatcher
that is in doubt continues.  A dispatcher first enrols as one that stands by,
which the others ignore, looks for an active one, and enrols again when it
takes over.

A dispatcher is active if its process exists (or is on another host) and its
heartbeat is recent.  Both times are the file server's: the other's, and that
of our own last on-time heartbeat.  So a frozen server makes no member stale.
"""
import time
from typing import Any

from fjd.members import ACTIVE, active_among, enrol, Here, STANDBY
from fjd.project import Project


class Succession:
    """The place of one dispatcher among others."""

    def __init__(
        self, project: Project, here: Here, active_role: str = ACTIVE,
        clock: Any = time,
    ) -> None:
        self.project = project
        self.here = here
        self.active_role = active_role
        self.clock = clock
        self.enrol(STANDBY)

    def enrol(self, role: str) -> None:
        self.id = enrol(
            self.project, "dispatchers", self.here, role, self.clock)
        self.role = role
        self.beaten = self.project.beat("dispatchers", self.id)

    def beat(self, is_late: bool) -> None:
        """Send a heartbeat."""
        try:
            beaten = self.project.beat("dispatchers", self.id)
        except FileNotFoundError:
            # We were declared dead, which is harmless.
            return self.enrol(self.role)
        if not is_late:
            self.beaten = beaten

    def rival(self) -> str:
        """Return another active dispatcher; "" if there is none."""
        others = set(self.project.members("dispatchers")) - {self.id}
        active = active_among(
            self.project, sorted(others), self.beaten, self.here)
        return next(active, "")

    def take_over(self) -> None:
        """Become the active dispatcher."""
        self.change_role(self.active_role)

    def stand_down(self) -> None:
        """Stand by again, so that others do not count us."""
        self.change_role(STANDBY)

    def change_role(self, role: str) -> None:
        before = self.id
        self.enrol(role)
        self.project.strike("dispatchers", before)

    def leave(self) -> None:
        try:
            self.project.strike("dispatchers", self.id)
        except FileNotFoundError:
            pass  # The user has removed the project.
