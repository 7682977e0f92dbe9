"""The project that a look means if it names none: default or, if that has
nothing to show and this directory has runs, the last of these.
"""
import os
from typing import Any, Callable

from fjd import home, output
from fjd.names import Attempt
from fjd.project import Project, STATES

Has = Callable[[Project], bool]


def visit(options: Any, has: Has, is_whole: bool = True) -> Project:
    """Return the project to look at; has() says whether default has what is
    wanted.  is_whole: the whole project is looked at, not one of its jobs.
    """
    say = output.teller("fjd")
    last = "" if options.is_named else last_run()
    if last:
        if is_there(options.project):
            project = home.visit_project(options.project, say)
            if has(project):
                if is_whole:
                    tell(f'This is project "{options.project}"; the last run'
                         f' of this directory: --project {last}')
                return project
        tell(f'The last run of this directory: project "{last}"')
    return home.visit_project(last or options.project, say)


def visit_job(options: Any, job: str) -> Project:
    """The same for a job, which the project should know."""
    return visit(options, knows(job), is_whole=False)


def tell(text: str) -> None:
    output.teller("fjd", stream="stderr")(text)


def hint(options: Any) -> str:
    """Return what may be meant by a job that the project does not have."""
    last = "" if options.is_named else last_run()
    return f"try: --project {last}, the last run of this directory" \
        if last else ""


def last_run() -> str:
    """Return the project of the last run of this directory, or ""."""
    from fjd.verbs.earlier import recorded, Runs  # Late: few looks need it.
    try:
        runs = Runs(home.directory(), "", os.path.realpath(os.getcwd()))
        runs.find()
    except OSError:
        return ""  # The look at the project default says why.
    for name in runs.names:
        if recorded(home.named_project(name)) is not None:
            return name
    return ""


def is_there(name: str) -> bool:
    return os.path.isdir(home.named_project(name).root)


def has_jobs(project: Project) -> bool:
    """Return whether a project has jobs, or workers that wait for some."""
    return any(map(project.names_if_any, STATES))


def has_history(project: Project) -> bool:
    return has_jobs(project) or bool(project.names_if_any("ledger"))


def knows(job: str) -> Has:
    """Return what finds out whether a project knows a job of that name."""
    def has(project: Project) -> bool:
        from fjd.verbs.arrayfind import split  # Late: few looks need it.
        from fjd.verbs.find import find
        from fjd.verbs.why import history
        return bool(split(project, [job])[1] or find(project, job)
                    or history(project, Attempt.parse(job).job))
    return has
