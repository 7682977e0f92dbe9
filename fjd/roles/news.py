"""When a dispatcher says how many jobs and workers it has found."""
from typing import Any, Tuple

# Least seconds between two such lines, at first and after the first minute:
OFTEN, LATER = 1.0, 10.0
FIRST_MINUTE = 60.0


class News:
    """The numbers that were said last, and when the next may be said."""

    def __init__(self, clock: Any) -> None:
        self.clock = clock
        self.begun = clock.monotonic()
        self.last: Tuple[int, ...] = ()
        self.next = 0.0

    def is_due(self, *numbers: int) -> bool:
        """Return whether these numbers are new, and are to be said now."""
        now = self.clock.monotonic()
        if numbers == self.last or now < self.next:
            return False
        is_first = now < self.begun + FIRST_MINUTE
        self.next = now + (OFTEN if is_first else LATER)
        self.last = numbers
        return True
