"""Mistakes in the protocol, each of which was once a good idea.

A simulation that does not find them would not find others either.
"""
from contextlib import contextmanager, ExitStack
from unittest.mock import patch

from fjd import arrays, handover, reclaim
from fjd.hosts import slot
from fjd.verbs import account, limits, summary
from simulation.acceptance import Accepted, KINDS
from fjd.members import Identity
from fjd.names import Attempt, Range
from fjd.project import NOW, Project, SEEN
from fjd.reclaim import Reclaimer
from fjd.roles import arrayworker, dispatcher, duty
from fjd.roles.arrayworker import ArrayWorker
from fjd.roles.dispatcher import Dispatcher
from fjd.roles.firing import Dismissal
from fjd.roles.worker import Worker
from fjd.verbs.limits import Limits
from fjd.verbs.summary import Outcome

from simulation import persons
from simulation.world import SimProcesses


def onto_a_name_that_may_be_taken():
    """What was not begun waits again under the name that its user gave."""
    def give_back(project, worker, name):
        job = Attempt.parse(name).job
        project.files.move(
            project.given_job(worker, name), project.waiting_job(job))
    return patch.object(Project, "give_back_unbegun", give_back)


def dispatcher_removes_announcements():
    """Who has got a job does not ask for one any more."""
    real = Dispatcher.fill

    def fill(dispatcher, worker, room):
        moved = real(dispatcher, worker, room)
        for announcement in dispatcher.project.announcements():
            if moved and announcement.worker == worker:
                dispatcher.project.withdraw(announcement)
        return moved
    return patch.object(Dispatcher, "fill", fill)


def trust_in_exists():
    """If it is there already, then the first try had done it."""
    def commit(project, source, target):
        exists = project.files.os.path.exists
        return exists(target) or project.files.move(source, target) \
            or exists(target)
    return patch.object(Project, "commit", commit)


def end_that_does_not_ask():
    """The job has ended, so out of running/ with it."""
    def end(project, run, place):
        job = Attempt.parse(run.attempt).job
        target = project.path(place, run.attempt)
        for found in project.running():
            if Attempt.parse(found.attempt).job == job:
                project.commit(project.job_file(found), target)
        return True
    return patch.object(Project, "end", end)


def rmtree_of_a_pod():
    """What is in the pod of the dead has been given back."""
    def remove_pod(project, worker):
        for name in project.given(worker) or []:
            project.files.remove(project.given_job(worker, name))
        return project.files.remove_directory(project.path("jobpods", worker))
    return patch.object(Project, "remove_pod", remove_pod)


def each_pass_is_a_beat():
    """Cron starts them once a minute."""
    real = handover.resume

    def resume(before, observer, now, clock):
        after = real(before, observer, now, clock)
        observer.next_beat = 0.0
        return after
    return patch.object(dispatcher, "resume", resume)


def late_after_the_one_before():
    """Late is a pass after half as long again as the one before it."""
    real, gaps = handover.resume, {}

    def resume(before, observer, now, clock):
        after = real(before, observer, now, clock)
        if after.time != before.time:
            gap = gaps[after.time] = now - before.time
            if gap > 1.5 * gaps.get(before.time, gap):
                observer.seen.clear()
        return after
    return patch.object(dispatcher, "resume", resume)


def processes_of_the_dead_are_left():
    """Their worker is dead, and so will they be."""
    return patch.object(Reclaimer, "end_processes", lambda *arguments: None)


def losses_that_do_not_count():
    """A worker died, and it was not the job's fault."""
    def reclaim(reclaimer, run, was_fired):
        return real(reclaimer, run, True)
    real = Reclaimer.reclaim
    return patch.object(Reclaimer, "reclaim", reclaim)


def death_of_the_fired_counts():
    """Dead is dead."""
    def reclaim(reclaimer, run, was_fired):
        return real(reclaimer, run, False)
    real = Reclaimer.reclaim
    return patch.object(Reclaimer, "reclaim", reclaim)


def names_tell_hosts_apart():
    """No two hosts of a lab have the same name."""
    return patch.object(Identity, "place", property(lambda me: (me.host,)))


def end_that_counts_although_its_worker_was_signalled():
    """The job has ended, and a signal changes nothing about that."""
    def heed_signal(worker):
        worker.order = NOW
    return patch.object(Worker, "heed_signal", heed_signal)


def end_that_counts_at_once():
    """No signal has come, so none will."""
    return patch("fjd.roles.task.DOUBT", 0.0)


def workers_are_told_once():
    """All that are there know it; who would come now?"""
    real = Dismissal.remaining

    def remaining(dismissal):
        workers = real(dismissal) if not dismissal.ordered else []
        there = set(dismissal.project.pods())
        return [w for w in dismissal.ordered.union(workers) if w in there]
    return patch.object(Dismissal, "remaining", remaining)


def what_lies_in_a_pod_is_not_looked_for():
    """What was given out, runs."""
    return patch.object(Project, "has_given_out", Project.running)


def a_job_is_ended_and_not_an_attempt():
    """Of a stopped worker's job another attempt may run on the same host."""
    real = SimProcesses.end_trees

    def end_trees(processes, attempts, logs=()):
        jobs = {Attempt.parse(attempt).job for attempt in attempts}
        real(processes, {
            run.attempt for run in processes.process.host.jobs
            if Attempt.parse(run.attempt).job in jobs})
    return patch.object(SimProcesses, "end_trees", end_trees)


def ends_are_never_taken_back():
    """A line of a ledger is for ever."""
    return patch.object(Outcome, "take_back", lambda outcome, entry: None)


def the_note_is_looked_for_once():
    """What was listed a moment ago is there."""
    def recall(project):
        notes = [handover.read(project, name) for name in project.notes(SEEN)]
        return max(notes, key=handover.age, default=handover.Memory())
    return patch.object(duty, "recall", recall)


def a_note_says_what_its_writer_knows():
    """Two dispatchers at a time are harmless."""
    def first(offsets):
        return next(iter(offsets), {})
    return patch.object(handover, "furthest", first)


def what_waits_is_all_that_is_left():
    """What was given out will end."""
    return patch.object(
        summary, "jobs_left", lambda project: len(project.waiting()))


def what_no_ledger_records_did_not_end():
    """Workers write a line before they move a job."""
    return patch.object(account, "files_in", lambda project, place: [])


# Of arrays

def another_cut(change):
    """Ranges are cut like this, whoever does it."""
    real = arrays.cut

    def cut(part, n, tasks, ends, losses):
        tasks = list(tasks)
        return change(real, part, n, tasks, ends, losses)
    return [patch.object(module, "cut", cut)
            for module in (reclaim, arrayworker, persons)]


@contextmanager
def all_of(patches):
    with ExitStack() as stack:
        for each in patches:
            stack.enter_context(each)
        yield


def a_late_line_counts():
    """A task has ended once a line says so."""
    def add(accepted, entry, part, n):
        number = accepted.see(part, n)
        accepted.set(int(entry.task), KINDS[entry.event], number)
        return True
    return patch.object(Accepted, "add", add)


def a_hole_in_the_partition():
    """What has ended needs no place in a name."""
    def change(real, part, *how):
        after = real(part, *how)
        rest = Range.parse(after.job)
        return after._replace(job=rest._replace(
            first=min(rest.next, rest.last)).job)
    return all_of(another_cut(change))


def a_task_retried_twice():
    """Who takes a range over begins to count its tries."""
    def change(real, part, n, tasks, ends, losses):
        return real(part, n, tasks, ends._replace(retried={}), losses)
    return all_of(another_cut(change))


def n_kept_at_a_reclaim():
    """A worker died, and it was not the task's fault."""
    def change(real, part, n, tasks, ends, losses):
        return real(part, n, tasks, ends, 0)
    return all_of(another_cut(change))


def sync_before_read():
    """First it is made sure, and then it is read."""
    real = reclaim.ends_of

    def ends_of(project, attempt, ledgers):
        flush = vars(project.files).setdefault("first", project.files.flush)
        project.files.flush = lambda path: None
        for ledger in ledgers:
            flush(ledger)
        return real(project, attempt, ledgers)
    return all_of([patch.object(reclaim, "ends_of", ends_of),
                   patch.object(persons, "ends_of", ends_of)])


def grouping_at_any_n():
    """A line that is lost lets its task run again, which is harmless."""
    real = ArrayWorker.commit

    def commit(worker, task):
        lot = worker.range
        if not lot:
            return real(worker, task)
        n, lot.n = lot.n, 1
        try:
            real(worker, task)
        finally:
            lot.n = n
    return patch.object(ArrayWorker, "commit", commit)


def next_by_the_count_of_lines():
    """Tasks end in order, so that many of them have ended."""
    def change(real, part, n, tasks, ends, losses):
        after = real(part, n, tasks, ends, losses)
        rest = Range.parse(after.job)
        if not losses:
            return after
        return after._replace(job=rest._replace(
            next=min(part.next + len(ends.ended), part.last + 1)).job)
    return all_of(another_cut(change))


# Of workers that leave by themselves, and of slots

def who_leaves_takes_its_pod_along():
    """Nothing had come for so long, so what could come now?"""
    def leave(limits):
        project, worker = limits.neighbours.project, limits.neighbours.worker
        for name in project.given(worker) or []:
            project.files.remove(project.given_job(worker, name))
        real(limits)
    real = Limits.leave
    return patch.object(Limits, "leave", leave)


def a_job_begins_whatever_its_timeout():
    """It may be faster."""
    return patch.object(Limits, "refusal", lambda limits, task: None)


def the_first_worker_decides():
    """All others have as little time."""
    return patch.object(limits, "MOST", 1)


def everybody_is_the_first():
    """Who else would bind that name?"""
    return patch.object(slot, "is_bound", lambda own, name: True)


# Each bug, what brings it out, and what the simulation says of it.
BUGS = [
    (onto_a_name_that_may_be_taken, ["kill", "death"], "overwritten"),
    (dispatcher_removes_announcements, [], "announcement was removed"),
    (trust_in_exists, ["again"], "said to be superseded"),
    (end_that_does_not_ask, ["stall", "cut"], "another attempt's name"),
    (rmtree_of_a_pod, ["cut", "stall"], "a job was removed"),
    (each_pass_is_a_beat, ["cron", "cut", "stall"],
     "a live worker was robbed"),
    (processes_of_the_dead_are_left, ["kill"], "beside its own process"),
    (losses_that_do_not_count, ["kill"], "a loss counts for nothing"),
    (death_of_the_fired_counts, ["kill", "fire"],
     "the death of a fired worker counts"),
    (names_tell_hosts_apart, [], "a live worker was robbed"),
    (late_after_the_one_before, ["cron", "power"], "no rest"),
    (end_that_counts_although_its_worker_was_signalled, ["logout"],
     "accepted what did not end"),
    (end_that_counts_at_once, ["logout"], "accepted what did not end"),
    (workers_are_told_once, [], "workers were overlooked"),
    (what_lies_in_a_pod_is_not_looked_for, ["stall"],
     "jobs were overlooked"),
    (ends_are_never_taken_back, ["kill", "death"], "said to have failed"),
    (the_note_is_looked_for_once, ["cron"], "counted twice"),
    (a_note_says_what_its_writer_knows, ["cron"], "counted twice"),
    (what_waits_is_all_that_is_left, ["kill"], "too few counted as left"),
    (what_no_ledger_records_did_not_end, ["rm"],
     "missing, although it ended"),
    (a_job_is_ended_and_not_an_attempt, ["hang"],
     "accepted what did not end"),
    (a_late_line_counts, ["arrays", "hang"], "to do, and accepted"),
    (a_hole_in_the_partition, ["arrays", "kill"], "a hole in the partition"),
    (a_task_retried_twice, ["arrays", "kill"],
     "a failure counts for nothing"),
    (n_kept_at_a_reclaim, ["arrays", "kill"], "a loss counts for nothing"),
    (sync_before_read, ["arrays", "local", "power"],
     "it counts a line that may be lost"),
    (grouping_at_any_n, ["arrays", "kill"], "it went on without a line"),
    (next_by_the_count_of_lines, ["arrays", "kill"],
     "it forgets what has ended"),
    (who_leaves_takes_its_pod_along, ["limits"], "a job was removed"),
    (a_job_begins_whatever_its_timeout, ["limits"],
     "it begins, and does not fit"),
    (the_first_worker_decides, ["limits"], "too few have tried it"),
    (everybody_is_the_first, ["limits"], "two have one slot"),
]
