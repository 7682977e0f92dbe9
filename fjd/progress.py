"""How far a dispatcher is: here, nobody looks (verbs/bar.py)."""
from typing import Callable, Tuple

HowFar = Tuple[int, int, int]  # jobs done, failed, left


class Progress:
    """What shows a person how far the jobs are."""

    def show(self, count: Callable[[], HowFar]) -> None:
        """Update it if it is due; cheap enough to be called often."""

    def clear(self) -> None:
        """Make room for another line, until the next show()."""

    def end(self) -> None:
        """Show nothing any more."""
