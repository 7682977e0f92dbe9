"""Letting jobs that failed in an earlier run wait again: fjd run --resume."""
from fjd.members import Here
from fjd.project import Project
from fjd.verbs.arraychange import ArrayChanges
from fjd.verbs.arrayfind import failed_in, parts_of, Target
from fjd.verbs.change import Changes
from fjd.verbs.joblist import Comparison


def retry(project: Project, here: Here, known: Comparison) -> None:
    """Let what failed before wait again.

    Afterwards known has the failed tasks that do not wait.
    """
    changes = Changes(project, here)
    if known.failed_jobs:
        changes.apply("retry", known.failed_jobs)
    targets = [Target(array) for array in known.failed]
    parts = [part for part in parts_of(project, targets)
             if part.is_over] if targets else []
    failed = failed_in(project, parts) if parts else {}
    again = ArrayChanges(changes, "retry")
    left = {array: set(tasks) for array, tasks in known.failed.items()}
    for part in parts:
        array, first, last = part.range.key
        tasks = [t for t in range(first, last + 1) if t in left[array]]
        if tasks and again.retry(
                part, failed.get(part.range.key, []), tasks):
            left[array].difference_update(tasks)
    known.failed_jobs = []
    # Tasks of a range that has not ended are left for the next --resume.
    known.failed.update(
        (array, sorted(tasks)) for array, tasks in left.items())
