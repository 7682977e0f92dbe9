"""Workers of batch systems, as dispatchers see them: some may still come.

The modules for that are imported only if a project has such workers.
"""
from typing import Any, Callable, List

from fjd.project import ALLOCATIONS, Project
from fjd.roles import duty
from fjd.roles.dispatcher import Dispatcher
from fjd.roles.hiring import Hiring


def is_expected(project: Project) -> bool:
    """Return whether a batch system may still send workers."""
    if not project.names_if_any(ALLOCATIONS):
        return False
    from fjd.hosts import allocations  # Late: few have any.
    return allocations.is_expected(project)


def cancel_waiting(project: Project, say: Callable[[str], None]) -> None:
    """Cancel the workers that wait in batch systems; let those that start
    leave.
    """
    if project.names_if_any(ALLOCATIONS):
        from fjd.hosts import allocations  # Late: few have any.
        allocations.cancel_waiting(project, say)


def new_hiring(project: Project, words: List[str], options: Any) -> Hiring:
    """Return the hiring of a dispatcher, by the arguments of the recruiter."""
    return Hiring(lambda: words, options.once, options.quiet,
                  lambda: is_expected(project))


class SystemsDispatcher(Dispatcher):
    """A dispatcher that fires workers of batch systems, too."""

    ended_with: Any = None  # a dismissal

    def act(self) -> float:
        """Before the first worker is told to leave, cancel those that wait:
        they would start on what it leaves, and find nobody.
        """
        if self.is_ending and self.ended_with is not self.dismissal:
            self.ended_with = self.dismissal
            cancel_waiting(self.project, self.say)
        return super().act()


def new_dispatcher(*arguments: Any, **how: Any) -> Dispatcher:
    """Return an enrolled dispatcher of that kind, as duty does."""
    return duty.new_dispatcher(*arguments, kind=SystemsDispatcher, **how)
