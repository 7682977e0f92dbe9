"""The numbers of jobs that dispatchers have written down (handover.py)."""
from typing import Iterable, Optional, Tuple

from fjd.handover import Counts
from fjd.project import COUNTS, Project


def newest_counts(
    project: Project, dispatchers: Iterable[str],
) -> Optional[Tuple[float, str, Counts]]:
    """Return the latest counts of these dispatchers, preceded by their time
    (the server's) and writer.
    """
    found = []
    for name in project.notes(COUNTS):
        dispatcher = name.rsplit(".", 2)[0]
        if dispatcher not in dispatchers:
            continue
        record = project.record("dispatchers", name)
        try:
            if record:
                import json  # Late: it takes a millisecond.
                counts = Counts(**json.loads(record[1]))
                found.append((record[0], dispatcher, counts))
        except (ValueError, TypeError):
            continue  # RACE: it is being written; or a newer fjd wrote it.
    return max(found, key=lambda each: each[0], default=None)
