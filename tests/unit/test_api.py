"""from fjd import Project."""
import doctest

import pytest

import fjd
from fjd import api
from fjd.errors import BadUsage
from helpers import finish, ok, start
from rangestory import Story


@pytest.fixture
def service(home):
    """Workers and a dispatcher for the examples."""
    project = ["--project", "demonstration"]
    ok("fjd-recruiter", *project, "--session", "process", "hire", "2")
    dispatcher = start("fjd-dispatcher", *project, "--keep-running")
    yield
    ok("fjd-recruiter", *project, "fire")
    dispatcher.terminate()
    finish(dispatcher)


def test_examples_in_the_docstrings_are_true(service):
    result = doctest.testmod(api)
    assert result.attempted >= 5
    assert result.failed == 0


def test_jobs_say_where_they_are(home):
    project = fjd.Project("p")
    assert project.put("true", name="a b") == "a b"
    name = project.put("true")
    states = {job.name: (job.state, job.host) for job in project.jobs()}
    assert states == {"a b": ("waiting", ""), name: ("waiting", "")}


def test_tasks_are_counted_one_by_one(home):
    project = fjd.Project("p")
    project.put("true")
    Story(project.project, 6, 3)
    assert sorted(job.tasks for job in project.jobs()) == [1, 3, 3]
    assert project.counts()["waiting"] == 7


def test_waiting_ends_when_its_time_is_over(home):
    project = fjd.Project("p")
    assert project.wait() is True
    project.put("true")
    assert project.wait(timeout=0.1) is False


def test_the_directory_is_the_current_one_unless_it_is_given(home):
    project = fjd.Project("p")
    project.put("true", "here")
    project.put("true", "there", directory="/")
    texts = [path.read_text() for path in sorted(
        (home / ".fjd" / "p" / "jobqueue").iterdir())]
    assert [text.splitlines()[-1] for text in texts] == [
        f"directory: {home.resolve()}", "directory: /",
    ]


@pytest.mark.parametrize("command", ["echo a\0b", "\ud800", " "])
def test_what_no_shell_can_be_given_is_an_error(home, command):
    project = fjd.Project("p")
    with pytest.raises(BadUsage):
        project.put(command)
    assert project.jobs() == []


@pytest.mark.parametrize("command", [None, b"true", ["true"]])
def test_a_command_is_text(home, command):
    with pytest.raises(TypeError) as error:
        fjd.Project("p").put(command)
    assert repr(command) in str(error.value)


@pytest.mark.parametrize("job", [
    "\ud800", "-x", "a\nb", "x" * 101, ".x", "x~", "a/b", "../x",
])
def test_bad_name_is_an_error(home, job):
    project = fjd.Project("p")
    with pytest.raises(BadUsage):
        project.put("true", name=job)
    with pytest.raises(BadUsage):
        project.put("")
    assert project.project.names("jobqueue") == []
    with pytest.raises(BadUsage):
        fjd.Project("no/name")
