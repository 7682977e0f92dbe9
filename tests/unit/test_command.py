"""What is tried again, for how long, and what makes a process leave."""
import errno
import os
import shutil

import pytest

from helpers import Clock

from fjd.command import AWAY, patiently
from fjd.errors import FjdError, Hopeless
from fjd.files import FINAL, PASSING
from fjd.project import DIRECTORIES


class Step:
    """A step that fails while there is an error; what is said meanwhile."""

    def __init__(self, project, error=None):
        self.project = project
        self.error = error
        self.clock = Clock()
        self.said = []
        self.turn = patiently(
            self.step, self.said.append, project, self.clock)

    def step(self):
        if self.error:
            raise self.error
        self.project.members("workers")
        return 0.0


def error_of(number, name="/x/y"):
    return OSError(number, os.strerror(number), name)


@pytest.fixture
def step(project):
    return Step(project)


@pytest.mark.parametrize("number", [
    *PASSING, errno.ENOSPC, errno.EROFS, errno.EACCES, errno.ENOTDIR,
    errno.ESTALE, errno.EBUSY,
])
def test_what_may_pass_is_tried_again_and_said_once(step, number):
    for _ in range(2):
        step.error = error_of(number)
        for _ in range(1000):
            assert step.turn() > 0
        step.error = None
        assert step.turn() == 0
    assert step.said == 2 * [f"/x/y: {os.strerror(number)}; trying again."]


@pytest.mark.parametrize("number", FINAL)
def test_what_waiting_does_not_cure_ends_a_process_with_a_line(step, number):
    step.error = error_of(number)
    with pytest.raises(Hopeless) as error:
        step.turn()
    assert str(error.value) == f"/x/y: {os.strerror(number)}"
    assert step.said == []


def test_error_without_a_file_is_said_as_it_is(step):
    step.error = OSError("nobody knows")
    step.turn()
    step.error = BlockingIOError(errno.EAGAIN, "not now")
    step.turn()
    assert step.said == [
        "nobody knows; trying again.",
        "a new process: not now; trying again."]


def test_directory_is_made_anew_when_there_is_room(step, monkeypatch):
    def full(path):
        raise error_of(errno.ENOSPC, path)

    workers = step.project.path("workers")
    os.rmdir(workers)
    with monkeypatch.context() as context:
        context.setattr(step.project.files, "make_directory", full)
        for _ in range(3):
            step.turn()
    assert not os.path.exists(workers)
    step.turn()
    assert sorted(os.listdir(step.project.root)) == sorted(DIRECTORIES)


def away(step, home):
    """Like an automounter."""
    os.rename(str(home), str(home) + " away")
    return lambda: os.rename(str(home) + " away", str(home))


def test_home_that_is_away_is_waited_for_a_minute_each_time(step, home):
    for _ in range(2):
        come_back = away(step, home / ".fjd")
        step.turn()
        step.clock.now += AWAY - 1
        step.turn()
        come_back()
        assert step.turn() == 0.0
        step.clock.now += AWAY
    away(step, home / ".fjd")
    step.turn()
    step.clock.now += AWAY + 1
    with pytest.raises(FjdError, match="default: it was removed"):
        step.turn()
    assert len(step.said) == 3


def test_project_that_its_user_removed_is_not_waited_for(step, home):
    """Where it was there are others, on the device that was there."""
    (home / ".fjd" / "other").mkdir()
    shutil.rmtree(step.project.root)
    with pytest.raises(FjdError, match="default: it was removed"):
        step.turn()


def test_last_project_that_is_removed_may_be_a_home_that_is_away(step):
    shutil.rmtree(step.project.root)
    step.turn()
    assert step.said[0].endswith("No such file or directory; trying again.")


def test_another_file_system_is_a_home_that_is_away(step, home, monkeypatch):
    (home / ".fjd" / "other").mkdir()
    shutil.rmtree(step.project.root)
    monkeypatch.setattr(step.project.files, "device", lambda path: 0)
    step.turn()


def test_link_that_leads_nowhere_is_a_home_that_is_away(step, home):
    (home / ".fjd" / "other").mkdir()
    os.rename(step.project.root, str(home / "elsewhere"))
    os.symlink("/nowhere", step.project.root)
    step.turn()


@pytest.mark.parametrize("ask", [
    lambda project: project.given("w"),
    lambda project: project.record("workers", "w"),
    lambda project: project.beat("workers", "w"),
    lambda project: project.is_accepted("job1~1.a-1"),
    lambda project: project.commit(
        project.path("running", "x"), project.path("done", "x")),
])
def test_nothing_is_taken_for_removed_while_the_home_is_away(
    project, step, home, ask,
):
    away(step, home / ".fjd")
    with pytest.raises(OSError) as error:
        ask(project)
    assert not isinstance(error.value, FileNotFoundError)
    assert error.value.filename == project.root
