"""Workers of batch systems, as dispatchers see them: some may still come.

The modules for that are imported only if a project has such workers.
"""
from typing import Any, Callable, List

from fjd.members import STANDBY
from fjd.project import ALLOCATIONS, Project
from fjd.roles import duty
from fjd.roles.hiring import Hiring


def is_expected(project: Project) -> bool:
    """Return whether a batch system may still send workers."""
    if not project.names_if_any(ALLOCATIONS):
        return False
    from fjd.hosts import allocations  # Late: few have any.
    return allocations.is_expected(project)


def cancel_waiting(project: Project, say: Callable[[str], None]) -> None:
    """Cancel the workers that wait in batch systems."""
    if project.names_if_any(ALLOCATIONS):
        from fjd.hosts import allocations  # Late: few have any.
        allocations.cancel_waiting(project, say)


def new_hiring(project: Project, words: List[str], options: Any) -> Hiring:
    """Return the hiring of a dispatcher, by the arguments of the recruiter."""
    return Hiring(lambda: words, options.once, options.quiet,
                  lambda: is_expected(project))


def serve(dispatcher: Any, options: Any) -> int:
    """Do what a dispatcher does; if it fires its workers at the end, cancel
    those that wait, too.
    """
    if not dispatcher.hiring and is_expected(dispatcher.project):
        dispatcher.has_told_alone = True
        dispatcher.say("Workers wait in a batch system: see fjd status.")
    try:
        return duty.serve(dispatcher, options)
    finally:
        is_active = dispatcher.succession.role != STANDBY
        if dispatcher.is_ending and is_active:
            cancel_waiting(dispatcher.project, dispatcher.say)
