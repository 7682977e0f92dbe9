"""The programs in bin/, a few lines each, around the real roles."""
import signal

from fjd.command import patiently
from fjd.members import enrol
from fjd.options import MOST_LOSSES
from fjd.project import NOW
from fjd.reclaim import Reclaimer
from fjd.roles.duty import new_dispatcher
from fjd.roles.neighbours import Neighbours
from fjd.roles.recruiter import Recruiter
from fjd.roles.arrayworker import ArrayWorker
from fjd.terminal import Terminal
from fjd.verbs.arraychange import ArrayChanges
from fjd.verbs.arrayfind import Target
from fjd.verbs.change import Changes
from fjd.verbs.limits import Limits
from fjd.verbs.taskcount import new_outcome

from simulation.claims import Claims
from simulation.world import Process, SimProcesses


def teller(process):
    def say(*texts):
        for text in texts:
            process.world.note("says", process, text)
    return say


def new_worker(process, session, interval, limits):
    process.project.make_directories()
    name = enrol(
        process.project, "workers", process.here, session, process.clock)
    neighbours = Neighbours(
        process.project, name, new_reclaimer(process), process.clock)
    worker = ArrayWorker(
        process.project, name, SimProcesses(process), neighbours, Terminal(),
        teller(process), interval,
        Limits(neighbours, **limits), process.clock,
    )
    worker.start()
    return worker


def worker(process, session, interval):
    """bin/fjd-worker"""
    limits = process.world.limits.of(process)
    if not process.world.limits.take(process):
        return  # Its recruiter is told why.
    new = new_worker(process, session, interval, limits)
    process.project.forget_session(session)
    work(process, new)
    while new.was_buried and new.order != NOW:
        if not process.project.is_in_use():
            break
        new.say("I was taken for dead; starting anew.")
        if not process.world.limits.take(process):
            break
        new = new_worker(process, session, interval, limits)
        work(process, new)


def work(process, new):
    def listen(seconds=0.0):
        if "TERM" in process.wait(seconds):
            new.heed_signal()

    new.listen = listen
    turn = patiently(
        new.step, new.say, process.project, process.clock)
    while not new.has_left:
        listen(turn())


def new_reclaimer(process):
    return Reclaimer(
        process.project, process.here, SimProcesses(process),
        teller(process), MOST_LOSSES, process.clock)


class SimAlarm:
    """fjd.wakeup.Alarm: nothing wakes a dispatcher before its time."""

    def __init__(self, process):
        self.process = process
        self.steps = [process.world.now]  # when each of a dispatcher began
        self.ending = 0  # that in which it said that no job is left

    def set(self):
        pass

    def watch(self, *directories):
        pass

    def wait(self, seconds):
        self.process.clock.sleep(seconds)
        self.steps.append(self.process.world.now)
        return set()

    doze = wait


def dispatcher(
        process, interval, keep_running=False, standby=True, once=False):
    """bin/fjd-dispatcher"""
    process.project.make_directories()
    alarm, claims, tell = \
        SimAlarm(process), Claims(process.world.checks), teller(process)

    def say(text):
        tell(text)
        if text == "No (more) jobs.":
            alarm.ending = len(alarm.steps)
            claims.no_job_is_left(alarm.steps[-1])
        elif " done, " in text:
            claims.sums_up(new.outcome, once)

    new = new_dispatcher(
        process.project, new_reclaimer(process), say, clock=process.clock,
        interval=interval, keep_running=keep_running, alarm=alarm,
        outcome=lambda *how: new_outcome(*how, clock=process.clock))
    try:
        if standby or not new.succession.rival():
            dispatch(new, once, claims)
            is_left_to_a_rival = len(alarm.steps) == alarm.ending + 1
            if new.has_ended and not is_left_to_a_rival:
                claims.no_worker_is_left(alarm.steps[-2])
    finally:
        new.succession.leave()


def dispatch(new, once, claims):
    try:
        new.make_one_pass() if once else new.run()
    except KeyboardInterrupt:
        close(new, once, claims)
        raise
    close(new, once, claims)


def close(new, once, claims):
    claims.looks()
    new.close(new.say, False, False, once)
    claims.has_left_its_note(new.outcome)


def once(process, interval):
    """bin/fjd-dispatcher --once, which cron starts."""
    dispatcher(process, interval, standby=False, once=True)


def ask(process, verb, jobs):
    """bin/fjd hold, release, cancel, retry; of no job: of all"""
    changes = Changes(process.project, process.here, process.clock)
    if not jobs:
        ArrayChanges(changes, verb).apply({"": Target("")})
    changes.apply(verb, jobs or changes.candidates(verb))


class SimSessions:
    """fjd.hosts.session.Sessions: a worker is a process of the same host."""

    def __init__(self, process, interval):
        self.process = process
        self.interval = interval

    def start(self, name, argv, log, environ, directory):
        Process(
            self.process.host, "worker", worker, f"process {name}",
            self.interval, pidns=self.process.here.pidns,
        )

    def end(self, session, pid, number):
        process = self.process.host.processes[pid]
        if number == signal.SIGKILL:
            process.world.after(0.0, process.kill)
        else:
            process.signal("TERM")


def recruiter(process):
    return Recruiter(
        process.project, new_reclaimer(process), teller(process),
        process.clock,
    )


def hire(process, number, interval):
    """bin/fjd-recruiter hire"""
    process.project.make_directories()
    sessions = SimSessions(process, interval)
    recruiter(process).hire(number, sessions, [], {}, "/")


def fire(process):
    """bin/fjd-recruiter fire"""
    process.project.make_directories()
    recruiter(process).fire(NOW, [], SimSessions(process, 1.0))
