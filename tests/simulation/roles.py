"""The programs in bin/, a few lines each, around the real roles."""
import signal

from fjd.account import VANISHED
from fjd.command import patiently
from fjd.handover import leave_memory, recall, resume
from fjd.members import enrol, Watch
from fjd.names import new_id, new_token, Stamps
from fjd.options import MOST_LOSSES
from fjd.project import NOW
from fjd.reclaim import Reclaimer
from fjd.roles.active import Succession
from fjd.roles.dispatcher import Dispatcher
from fjd.roles.neighbours import Neighbours
from fjd.roles.recruiter import Recruiter
from fjd.roles.worker import Worker
from fjd.summary import Outcome
from fjd.terminal import Terminal
from fjd.verbs.change import Errands

from simulation.world import Process, SimProcesses


def teller(process):
    return lambda text: process.world.note("says", process, text)


def new_worker(process, session, interval):
    process.project.make_directories()
    name = enrol(
        process.project, "workers", process.here, session, process.clock)
    neighbours = Neighbours(
        process.project, name, new_reclaimer(process), process.clock)
    worker = Worker(
        process.project, name, SimProcesses(process), neighbours, Terminal(),
        teller(process), interval, process.clock,
    )
    worker.start()
    return worker


def worker(process, session, interval):
    """bin/fjd-worker"""
    new = new_worker(process, session, interval)
    process.project.open_session(session)
    work(process, new)
    while new.was_buried and new.order != NOW:
        if not process.project.is_in_use():
            break
        new.say("I was taken for dead; starting anew.")
        new = new_worker(process, session, interval)
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
    now = process.clock.time()
    name = new_id(process.here.host, now, process.pid)
    return Reclaimer(
        process.project, name, process.here, Stamps(new_token(now)),
        SimProcesses(process), teller(process), MOST_LOSSES, process.clock,
    )


def dispatcher(
        process, interval, keep_running=False, standby=True, once=False):
    """bin/fjd-dispatcher"""
    project, here, say = process.project, process.here, teller(process)
    project.make_directories()
    memory = recall(project)
    outcome = Outcome(project, memory.ledgers)
    new = Dispatcher(
        project, Succession(project, here, clock=process.clock),
        new_reclaimer(process), outcome, say, interval, keep_running,
        process.clock,
    )
    try:
        if standby or not new.succession.rival():
            dispatch(process, new, memory, once)
    finally:
        new.succession.leave()


def dispatch(process, new, memory, once):
    watch = new.reclaimer.watch
    if once:
        now = new.succession.beaten
        memory = resume(memory, watch, now, process.clock)
    else:
        watch = Watch()
    try:
        new.give_out_once() if once else run(process, new)
    except KeyboardInterrupt:
        tell(process, new, memory, watch, once)
        raise
    tell(process, new, memory, watch, once)


def run(process, new):
    turn = patiently(
        new.step, new.say, process.project, process.clock)
    while not new.has_ended:
        process.clock.sleep(turn())


def tell(process, new, memory, watch, once):
    """How it went, to the user and to the next one."""
    new.outcome.update()
    if not once:
        new.outcome.settle(left=0)
    for line in new.outcome.summary():
        new.say(line)
    process.world.checks.told.update(new.outcome.failed)
    process.world.checks.vanished.update(
        e.job for e in new.outcome.missing if e.event == VANISHED)
    leave_memory(
        process.project, new.succession.id, new.stamps.new(), memory, watch,
        new.outcome.offsets)


def once(process, interval):
    """bin/fjd-dispatcher --once, which cron starts."""
    dispatcher(process, interval, standby=False, once=True)


def ask(process, verb, jobs):
    """bin/fjd hold, release, cancel, retry; of no job: of all"""
    errands = Errands(process.project, process.here, process.clock)
    errands.carry_out(verb, jobs or errands.all_fit(verb))


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
