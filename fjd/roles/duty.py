"""What a dispatcher does from its start to its last words."""
import time
from typing import Any, Callable, Dict, Type

from fjd.errors import Busy, NotHired, SOME_FAILED
from fjd.handover import recall
from fjd.members import ACTIVE, STANDBY
from fjd.output import is_agreed, number_of_workers, teller
from fjd.project import Project
from fjd.reclaim import Reclaimer
from fjd.reporter import Reporter
from fjd.roles.active import Succession
from fjd.roles.dispatcher import Dispatcher


def new_dispatcher(
    project: Project, reclaimer: Reclaimer, say: Callable[[str], None],
    role: str = ACTIVE, clock: Any = time,
    outcome: Callable[[Project, Dict[str, int]], Reporter] = Reporter,
    kind: Type[Dispatcher] = Dispatcher, **how: Any,
) -> Dispatcher:
    """Return an enrolled dispatcher that stands by, with the last note."""
    memory = recall(project)
    return kind(
        project, Succession(project, reclaimer.here, role, clock), reclaimer,
        outcome(project, memory.ledgers), say, clock=clock, memory=memory,
        **how)


def is_wanted(dispatcher: Dispatcher, options: Any) -> bool:
    """Return whether there is something to do beside another dispatcher."""
    rival = dispatcher.succession.rival()
    if rival and options.standby:
        dispatcher.say(f"Standing by: dispatcher {rival} is active.")
    elif rival and not (options.quiet or options.once):
        raise Busy(
            f'dispatcher {rival} is active in project "{options.project}"',
            "try: --standby, to take over when it has ended",
        )
    return options.standby or not rival


def serve(dispatcher: Dispatcher, options: Any) -> int:
    """Give out jobs, and report how they ended; return the exit status."""
    has_hired = dispatcher.memory.has_hired
    say = teller("fjd-dispatcher")
    try:
        give_out(dispatcher, options, has_hired)
    except (KeyboardInterrupt, NotHired):
        dispatcher.close(say, options.quiet, options.hire)
        raise
    dispatcher.close(
        say, options.quiet, options.once and has_hired, options.once)
    left = 0 if options.once else dispatcher.outcome.number_left()
    if left:
        say(f"{left} job(s) are left in {dispatcher.project.root}: start me"
            " again.")
    return 0 if dispatcher.outcome.is_well else SOME_FAILED


def give_out(dispatcher: Dispatcher, options: Any, has_hired: bool) -> None:
    """Give out jobs, to the last or in one pass."""
    if options.once:
        return dispatcher.make_one_pass()
    may_leave = options.hire and not (options.keep_running or has_hired)
    if may_leave and dispatcher.is_all_quiet():
        return
    try:
        dispatcher.run_to_the_last() if options.hire else dispatcher.run()
    except KeyboardInterrupt:
        stop(dispatcher)
        raise
    here = dispatcher.reclaimer.here.host
    for line in dispatcher.dismissal.summary(here):
        teller("fjd-recruiter", options.quiet)(line)


def stop(dispatcher: Dispatcher) -> None:
    """Ask a person what becomes of the workers, after Ctrl-C."""
    dispatcher.progress.end()
    if dispatcher.succession.role == STANDBY:
        return
    if is_agreed("Fire the workers, too, and give back their jobs?"):
        dispatcher.fire()
        dispatcher.run()
        fired = number_of_workers(len(dispatcher.dismissal.ordered))
        dispatcher.say(f"Stopped, and fired {fired}.")
    else:
        dispatcher.say("Stopped. Workers go on with the jobs they have;"
                       " fjd-recruiter fire ends them.")
