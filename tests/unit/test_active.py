"""Which of several dispatchers is active."""
import os

import pytest

from fjd.members import BEAT, FRESH, myself
from fjd.names import host_of
from fjd.roles.active import Succession

GONE = myself()._replace(start="1")      # another process had that pid
ELSEWHERE = myself()._replace(host="lab7", boot="x")


@pytest.fixture
def join(project):
    """join(identity): a dispatcher that stands by."""
    def join(identity=None):
        return Succession(project, identity or myself())
    return join


def active(succession):
    succession.take_over()
    return succession


def age(succession, seconds):
    """Let its last sign of life be so old, by the server's clock."""
    path = succession.project.path("dispatchers", succession.id)
    status = os.stat(path)
    os.utime(path, (status.st_atime, succession.beaten - seconds))


def test_the_first_one_has_no_rival(join, project):
    first = join()
    assert first.rival() == ""
    active(first)
    assert first.rival() == ""
    assert project.names("dispatchers") == [first.id]


def test_who_is_active_is_the_rival_of_the_next(join):
    first = active(join())
    assert join().rival() == first.id


def test_who_stands_by_is_nobodys_rival(join):
    first, second = join(), join()
    assert first.rival() == second.rival() == ""


def test_a_process_of_this_host_that_is_gone_is_no_rival(join):
    active(join(GONE))
    assert join().rival() == ""


@pytest.mark.parametrize("changed, is_rival", [
    ({"boot": "0-1-2"}, False), ({"boot": "0-1-2", "host": "lab7"}, True),
    ({"boot": ""}, True), ({"boot": "?"}, True), ({"pidns": "7"}, True),
])
def test_a_dispatcher_of_this_host_from_before_its_reboot_is_no_rival(
    join, changed, is_rival,
):
    """Although its heartbeat is recent: the host was quick."""
    first = active(join(myself()._replace(**changed)))
    assert join().rival() == (first.id if is_rival else "")


@pytest.mark.parametrize("identity", [ELSEWHERE, None])
def test_who_was_silent_for_long_is_no_rival(join, identity):
    first = active(join(identity))
    second = join()
    age(first, FRESH * BEAT - 1)
    assert second.rival() == first.id
    age(first, FRESH * BEAT + 1)
    assert second.rival() == ""


def test_after_a_server_has_frozen_nobody_looks_old(join):
    """Both could not beat meanwhile; ours comes late, too."""
    first, second = active(join(ELSEWHERE)), join()
    age(first, 2 * BEAT)
    second.project.beat = lambda kind, member: second.beaten + 300.0
    second.beat(is_late=True)
    assert second.rival() == first.id
    second.beat(is_late=False)
    assert second.rival() == ""


def test_who_was_taken_for_dead_enrols_anew(join, project):
    first = active(join())
    before = first.id
    project.strike("dispatchers", before)
    first.beat(is_late=False)
    assert project.names("dispatchers") == [first.id] != [before]
    assert join().rival() == first.id


def test_a_record_that_is_not_whole_is_nobodys_rival(join, project):
    open(project.path("dispatchers", "lab7_1.000000-1"), "w").close()
    assert join().rival() == ""


def test_who_leaves_is_gone(join, project):
    first = active(join())
    first.leave()
    assert project.names("dispatchers") == []
    assert host_of(first.id) == myself().host
