"""The claim of a project: only one fjd run at a time puts jobs into it.

A claim is the file dispatchers/<number>.claim, a record as in members.py.  The
one with the highest number counts; it is free if its run has released it or
seems dead.  A run claims the project by creating the next number; only one of
several runs can.  The latest claim stays when it is released, so no number
is used twice: a late run finds its number taken, or a higher one.

The claim protects the project until the run is active as a dispatcher, which
sends heartbeats.
"""
from fjd.members import Here, HIRING, read_member, STANDBY
from fjd.project import CLAIM, Project


class Claim:
    """The claim of one run; now is the file server's time."""

    def __init__(self, project: Project, here: Here, now: float) -> None:
        self.project = project
        self.here = here
        self.now = now
        self.name = ""

    def make(self) -> bool:
        """Claim the project; False if another run has it, or may have it."""
        before = self.project.claims()
        last = before[-1] if before else 0
        if before and not self.is_free(name_of(last)):
            return False
        name = name_of(last + 1)
        record = self.here.record(HIRING)
        if not self.project.enrol("dispatchers", name, record):
            return False
        # RACE: our number may have been used, and removed, since we looked.
        is_ours = self.project.claims()[-1:] == [last + 1]
        for number in before if is_ours else [last + 1]:
            self.remove(name_of(number))
        self.name = name if is_ours else ""
        return is_ours

    def is_free(self, name: str) -> bool:
        """Return whether nobody holds that claim any more.

        False if it is gone, because then another run has made the next one.
        """
        holder = read_member(self.project, "dispatchers", name)
        if holder.session == STANDBY:
            return True
        is_held = holder.is_missing or self.here.sees(holder.identity)
        return not is_held and holder.seems_dead(self.now, self.here)

    def release(self) -> None:
        """Let others claim the project at once."""
        if self.name:
            try:
                self.project.amend(
                    "dispatchers", self.name, f"session: {STANDBY}\n")
            except OSError:
                pass  # Others will see that this process has ended.

    def remove(self, name: str) -> None:
        self.project.discard(self.project.path("dispatchers", name))


def name_of(number: int) -> str:
    return f"{number}{CLAIM}"
