"""What one pass of a dispatcher leaves to the next."""
import pytest

from helpers import Clock

from fjd.handover import leave_memory, Memory, recall, resume
from fjd.members import BEAT, enrol, MISSED, MISSING, myself, Observer
from fjd.project import SEEN

ELSEWHERE = myself()._replace(host="lab7", boot="x")


class Cron:
    """Passes over a project; its clock is that of the file server."""

    def __init__(self, project):
        self.project = project
        self.clock = Clock()
        self.passes = 0

    def is_dead(self, member, mtime, after=60.0):
        """Whether a pass, so many seconds later, takes a member for dead
        that was written to last at that time.
        """
        self.clock.now += after
        self.passes += 1
        observer, before = Observer(), recall(self.project)
        memory = resume(before, observer, self.clock.now, self.clock)
        observer.tick(self.clock.now)
        is_dead = observer.is_silent(member, MISSING._replace(heartbeat=mtime))
        leave_memory(
            self.project, "lab_1.000001-1", str(self.passes), memory, observer,
            {})
        return is_dead

    def count(self, member, mtime, after=60.0):
        """After how many passes it takes a member for dead."""
        return next(
            n for n in range(100) if self.is_dead(member, mtime, after))


@pytest.fixture
def cron(project):
    return Cron(project)


@pytest.fixture
def worker(project):
    return enrol(project, "workers", ELSEWHERE)


def test_nothing_is_there_at_first(project):
    assert recall(project)[:3] == (0.0, 0.0, 0)


def test_passes_count_as_beats(cron, worker):
    assert cron.count(worker, 5.0) == MISSED


def test_a_sign_of_life_starts_the_count_anew(cron, worker):
    for _ in range(MISSED - 1):
        assert not cron.is_dead(worker, 5.0)
    assert cron.count(worker, 6.0) == MISSED


def test_passes_within_one_beat_are_one(cron, worker):
    """As when cron starts one on each of several hosts."""
    assert cron.count(worker, 5.0, BEAT / 2) == 2 * MISSED


@pytest.mark.parametrize("seconds", [100.0, -3600.0])
def test_a_late_pass_does_not_count(cron, worker, seconds):
    """The server may have been frozen, and the worker with it."""
    for _ in range(MISSED):
        assert not cron.is_dead(worker, 5.0)
    assert not cron.is_dead(worker, 5.0, after=seconds)
    assert cron.is_dead(worker, 5.0)


@pytest.mark.parametrize("gaps", [
    [60], [20, 40], [12, 48], [10, 10, 40], [60, 60, 60, 60, 95], [300],
])
def test_passes_at_uneven_times_find_the_dead(cron, worker, gaps):
    for number in range(40):
        after = float(gaps[number % len(gaps)])
        if cron.is_dead(worker, 5.0, after):
            return
    assert False, gaps


def test_a_pass_that_hangs_starts_the_count_anew(project, cron, worker):
    for _ in range(MISSED):
        assert not cron.is_dead(worker, 5.0)
    observer = Observer()
    cron.clock.now += 60.0
    resume(recall(project), observer, cron.clock.now, cron.clock)
    observer.tick(cron.clock.now + 2 * BEAT)
    assert not observer.is_silent(worker, MISSING._replace(heartbeat=5.0))


def test_who_has_left_is_forgotten(project, cron, worker):
    cron.is_dead(worker, 5.0)
    assert list(recall(project).seen) == [worker]
    project.strike("workers", worker)
    cron.is_dead(worker, 5.0)
    assert not recall(project).seen


def test_only_the_last_one_stays(project, cron, worker):
    for _ in range(3):
        cron.is_dead(worker, 5.0)
    assert len(project.notes(SEEN)) == 1
    assert project.members("dispatchers") == []


def test_who_has_nothing_to_tell_leaves_what_is_there(project):
    who = "lab_1.000001-1"
    leave_memory(project, who, "0", recall(project), Observer(), {})
    assert project.notes(SEEN) == []
    for number, size in enumerate([1, 2, 2]):
        leave_memory(
            project, who, str(number), recall(project), Observer(),
            {"w.tsv": size},
        )
    assert recall(project).ledgers == {"w.tsv": 2}
    assert project.notes(SEEN) == [f"{who}.1.seen"]


def leave(project, number, before=Memory(), **ledgers):
    leave_memory(project, f"lab_1.00000{number}-1", "1", before, Observer(),
                 {f"{name}.tsv": size for name, size in ledgers.items()})


def test_a_note_that_is_replaced_while_it_is_looked_for_is_not_missed(
    project, monkeypatch,
):
    """Otherwise everything since the first job would be told again."""
    leave(project, 1, v=3)
    real, number = project.notes, iter("23")

    def notes(ending):
        listed = real(ending)
        monkeypatch.setattr(project, "notes", real)
        leave(project, next(number), v=5)
        return listed

    monkeypatch.setattr(project, "notes", notes)
    assert recall(project).ledgers == {"v.tsv": 5}
    assert len(project.notes(SEEN)) == 1


def test_of_two_at_a_time_each_has_told_a_part(project):
    before = recall(project)
    leave(project, 1, before, v=3, w=8)
    leave(project, 2, before._replace(time=5.0), v=4, x=1)
    assert recall(project).ledgers == {"v.tsv": 4, "w.tsv": 8, "x.tsv": 1}
    assert len(project.notes(SEEN)) == 1


def test_of_two_notes_each_has_told_a_part(project):
    for number, text in enumerate([
        '{"time": 7, "beats": 2, "ledgers": {"v.tsv": 1, "w.tsv": 5}}',
        '{"time": 6, "beats": 9, "ledgers": {"v.tsv": 2}}',
    ]):
        project.leave_note(f"lab_1.00000{number}-1.1.seen", text, [])
    assert recall(project).beats == 2
    assert recall(project).ledgers == {"v.tsv": 2, "w.tsv": 5}


def test_a_note_that_is_not_whole_replaces_none(project, monkeypatch):
    """A network has asked twice for it to be made."""
    leave(project, 1, v=3)
    real = project.files.create

    def create(path, *text):
        real(path)
        return real(path, *text)

    monkeypatch.setattr(project.files, "create", create)
    leave(project, 2, v=6)
    assert recall(project).ledgers == {"v.tsv": 3}
    monkeypatch.setattr(project.files, "create", real)
    leave(project, 3, v=7)
    assert recall(project).ledgers == {"v.tsv": 7}
    assert len(project.notes(SEEN)) == 1


@pytest.mark.parametrize("text", [
    "", "{", "[]", "1", '{"x": 1}', '{"time": "x"}', '{"ledgers": null}',
    '{"seen": 5}', '{"seen": {"a": 5}}', '{"beats": []}', "[" * 100000,
])
def test_what_is_not_whole_is_nothing(project, text):
    project.leave_note("lab_1.000001-1.seen", text, [])
    assert recall(project).beats == 0
