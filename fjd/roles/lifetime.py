"""The life of a worker: its steps, the signals it heeds, and its end."""
import signal
import time
from math import inf
from typing import Set

from fjd.command import patiently
from fjd.errors import FjdError, Hopeless
from fjd.project import NOW
from fjd.roles.worker import Worker
from fjd.wakeup import Alarm, LEAVE

SECONDS_TO_LEAVE = 20.0  # also when the home does not answer


def work(worker: Worker, alarm: Alarm) -> None:
    """Let a worker take its steps until it has left."""
    worker.watch = alarm.watch
    try:
        take_steps(worker, alarm)
    except Hopeless:
        worker.order = NOW  # It gives back what it has.
        take_steps(worker, alarm)
        raise
    finally:
        if worker.task and not worker.task.entry:
            worker.end_processes(worker.task)


def heed(worker: Worker, came: Set[int]) -> None:
    if LEAVE & came:
        worker.heed_signal()
    if signal.SIGIO in came:
        worker.look_soon()
    worker.processes.reap_orphans()


def kept(deadline: float) -> float:
    """Return when a worker that is told to leave must have left."""
    now = time.monotonic()
    if now > deadline:
        raise FjdError("its jobs could not be given back, and are taken for"
                       " lost")
    return min(deadline, now + SECONDS_TO_LEAVE)


def take_steps(worker: Worker, alarm: Alarm) -> None:
    def listen(seconds: float = 0.0) -> None:
        came = alarm.wait(seconds)
        if came & unusual:
            heed(worker, came)

    worker.listen = listen
    turn = patiently(worker.step, worker.say, worker.project)
    unusual = LEAVE | {signal.SIGIO}
    if worker.processes.is_first:
        unusual.add(signal.SIGCHLD)
    deadline = inf
    while not worker.has_left:
        listen(turn())
        if worker.order == NOW:
            deadline = kept(deadline)
