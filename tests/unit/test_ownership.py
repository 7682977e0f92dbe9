"""Whose places are: which are taken, which closed, and which refused."""
import os
import stat

import pytest

from needs import OTHER_UID

from fjd import ownership
from fjd.errors import NotYours
from fjd.ownership import Survey
from fjd.project import DIRECTORIES
from fjd.verbs import checks

root = pytest.mark.needs("root")


@pytest.fixture
def place(tmp_path):
    """An empty directory, as a person makes it."""
    place = tmp_path / "above" / "place"
    place.mkdir(parents=True)
    return place


def mode_of(path):
    return stat.S_IMODE(path.stat().st_mode)


def give_away(path):
    os.chown(str(path), OTHER_UID, -1, follow_symlinks=False)


def claim(path, **how):
    """What is said when a place is claimed."""
    said = []
    Survey(said.append).claim(str(path), **how)
    return said


def why_refused(path):
    with pytest.raises(NotYours) as refused:
        claim(path)
    assert refused.value.exit_code == 77
    return str(refused.value), refused.value.hint


# Places

@pytest.mark.parametrize("mode", [0o700, 0o750, 0o755, 0o711])
def test_place_that_others_may_not_write_to_is_taken_as_it_is(place, mode):
    (place / "file").touch()
    place.chmod(mode)
    assert claim(place) == []
    assert mode_of(place) == mode


@pytest.mark.parametrize("mode", [0o775, 0o720, 0o777, 0o702])
def test_empty_place_that_others_may_write_to_is_closed(place, mode):
    place.chmod(mode)
    assert claim(place) == [
        f"{place} was open to others; now its mode is 0700."]
    assert mode_of(place) == 0o700


@pytest.mark.parametrize("mode", [0o775, 0o720, 0o777, 0o702])
@pytest.mark.parametrize("name", ["jobqueue", "setup.sh", ".draft"])
def test_one_that_holds_anything_is_refused_with_what_to_do(
    place, mode, name,
):
    (place / name).touch()
    place.chmod(mode)
    assert why_refused(place) == (
        f"{place}: others may write to it (uid {os.geteuid()}, mode"
        f" {mode:04o})",
        f"try: ls -lAR {place}; if all of it is yours: chmod -R go-w {place}",
    )
    assert mode_of(place) == mode


def test_commands_can_be_pasted(tmp_path):
    place = tmp_path / "it's\na place"
    place.mkdir()
    (place / "file").touch()
    place.chmod(0o777)
    why, todo = why_refused(place)
    assert "\n" not in why + todo
    assert f"chmod -R go-w '{tmp_path}/it'\"'\"'s\\na place'" in todo


def test_place_for_all_is_never_closed(place):
    place.chmod(0o1777)
    why, todo = why_refused(place)
    assert why.endswith(f"(uid {os.geteuid()}, mode 1777)")
    assert todo == f"try: {ownership.ELSEWHERE}"
    assert mode_of(place) == 0o1777


@root
def test_what_comes_while_a_place_is_closed_is_not_lost_sight_of(
    place, monkeypatch,
):
    def chmod(path, mode, chmod=os.chmod):
        (place / "evil").touch()
        give_away(place / "evil")
        chmod(path, mode)
    place.chmod(0o777)
    with monkeypatch.context() as others:
        others.setattr(os, "chmod", chmod)
        why_refused(place)
    assert mode_of(place) == 0o777
    assert why_refused(place)[0].startswith(f"{place}: others may write to")


def test_two_commands_that_begin_together_go_on(place, monkeypatch):
    """The other one closes the place, and makes something there."""
    def chmod(path, mode, chmod=os.chmod):
        chmod(path, mode)
        (place / "jobqueue").mkdir()
    place.chmod(0o777)
    with monkeypatch.context() as other:
        other.setattr(os, "chmod", chmod)
        claim(place)
    assert mode_of(place) == 0o700

    def listdir(path, listdir=os.listdir):
        place.chmod(0o700)
        return listdir(path)
    place.chmod(0o777)
    with monkeypatch.context() as other:
        other.setattr(os, "listdir", listdir)
        assert claim(place) == []


def test_closing_that_has_no_effect_is_found_out(place, monkeypatch):
    """As on file systems that know no modes."""
    place.chmod(0o777)
    monkeypatch.setattr(os, "chmod", lambda path, mode: None)
    why_refused(place)


@root
def test_place_of_another_user_is_refused(place):
    give_away(place)
    assert why_refused(place) == (
        f"{place}: belongs to another user (uid {OTHER_UID}, mode 0755)",
        f"try: do this as that user; or {ownership.ELSEWHERE}",
    )


@root
def test_others_than_root_are_told_how_to_get_it_back(place, monkeypatch):
    give_away(place)
    monkeypatch.setattr(os, "geteuid", lambda: 54321)
    assert why_refused(place)[1] == (
        f"try: if it should be yours, as root: chown -Rh 54321 {place}; or"
        f" {ownership.ELSEWHERE}")


# All that leads to a place

def test_directory_above_that_others_may_write_to_is_refused(place):
    place.parent.chmod(0o757)
    assert why_refused(place) == (
        f"{place.parent}: others may replace what is in it (uid"
        f" {os.geteuid()}, mode 0757)",
        f"try: chmod o-w {place.parent}, or {ownership.ELSEWHERE}",
    )
    place.parent.chmod(0o1777)
    assert claim(place) == []


def test_directory_above_that_a_group_may_write_to_is_only_told(place):
    place.parent.chmod(0o775)
    assert claim(place) == []
    warning, = checks.shared_by_groups(str(place))
    assert str(warning).startswith(f"{place.parent}: its group may replace")
    assert warning.hint == f"try: chmod g-w {place.parent}"
    place.parent.chmod(0o1775)
    assert checks.shared_by_groups(str(place)) == []


@root
def test_directory_above_of_another_user_is_refused(place):
    give_away(place.parent)
    assert why_refused(place)[0] == (
        f"{place.parent}: belongs to another user (uid {OTHER_UID}, mode"
        " 0755)")


@root
@pytest.mark.parametrize("text", ["above", "../{0}/above", "{1}/above/"])
def test_link_of_another_user_is_refused(place, tmp_path, text):
    """Also on the way, and also if it leads to a place of ours."""
    link = tmp_path / "link"
    link.symlink_to(text.format(tmp_path.name, tmp_path))
    assert claim(link / "place") == claim(link) == []
    give_away(link)
    for path in link, link / "place", link / "." / ".." / "link" / "place":
        assert why_refused(path)[0].startswith(
            f"{link}: is another user's link (uid {OTHER_UID}, ")


def test_what_a_link_leads_through_is_looked_at(place, tmp_path):
    """Others could exchange the second link, though both ends are ours."""
    shared = tmp_path / "shared"
    shared.mkdir()
    (shared / "link").symlink_to(place)
    (tmp_path / "first").symlink_to("above/../shared/link")
    assert claim(tmp_path / "first") == []
    shared.chmod(0o777)
    path = f"{tmp_path}/above/../shared"
    assert why_refused(tmp_path / "first")[0].startswith(
        f"{path}: others may replace what is in it")


@pytest.mark.parametrize("text", ["link", "../{}/link", "above/../link/x"])
def test_links_in_a_circle_are_an_error(place, tmp_path, text):
    (tmp_path / "link").symlink_to(text.format(tmp_path.name))
    with pytest.raises(OSError) as error:
        claim(tmp_path / "link")
    assert error.value.strerror == "Too many levels of symbolic links"


# Other uids

@root
def test_unknown_user_is_root_but_where_others_make_files(
    place, monkeypatch,
):
    """In a user namespace root's directories, and not only those."""
    monkeypatch.setattr(ownership, "unknown_uid", lambda: OTHER_UID)
    give_away(place.parent)
    assert claim(place) == []
    place.parent.parent.chmod(0o1777)
    assert why_refused(place)[0].startswith(f"{place.parent}: belongs to ano")
    place.parent.parent.chmod(0o755)
    give_away(place)
    assert why_refused(place)[0].startswith(f"{place}: belongs to another")


def test_unknown_uid_is_that_of_the_kernel():
    with open("/proc/sys/kernel/overflowuid") as file:
        assert ownership.unknown_uid() == int(file.read())


def test_where_uids_are_mapped_a_new_file_tells_ours(place, monkeypatch):
    """As on NFS, where root may be nobody, and on sshfs."""
    known, made = os.geteuid(), []

    def new_uid(directory, new_uid=ownership.new_uid):
        made.append(directory)
        return new_uid(directory)
    monkeypatch.setattr(os, "geteuid", lambda: 54321)
    monkeypatch.setattr(ownership, "new_uid", new_uid)
    for name in DIRECTORIES:
        (place / name).mkdir()
    survey = Survey(print)
    survey.claim_home(str(place.parent))
    assert survey.claim_project(str(place)) == known
    assert len(made) == 1
    assert sorted(os.listdir(str(place))) == sorted(DIRECTORIES)


def test_where_they_are_not_no_file_is_made(place, monkeypatch):
    monkeypatch.delattr(ownership, "new_uid")
    assert claim(place) == []


@root
def test_file_that_others_put_in_its_place_tells_nothing(place, monkeypatch):
    def open_and_lose(path, flags, mode, open=os.open):
        file = open(path, flags, mode)
        os.unlink(path)
        os.close(open(path, flags, mode))
        os.chown(path, OTHER_UID, OTHER_UID)
        return file
    with monkeypatch.context() as others:
        others.setattr(os, "open", open_and_lose)
        assert ownership.new_uid(str(place)) == 0
    assert os.listdir(str(place)) == []


# Home and project

@pytest.mark.parametrize("umask", [0o000, 0o002, 0o077])
def test_every_level_that_is_made_is_closed(tmp_path, umask):
    old = os.umask(umask)
    try:
        Survey(print).claim_home(str(tmp_path / "a" / "b" / "c"))
    finally:
        os.umask(old)
    for level in "a", "a/b", "a/b/c":
        assert mode_of(tmp_path / level) == 0o700


def test_nothing_is_made_where_it_would_be_refused(tmp_path):
    tmp_path.chmod(0o777)
    with pytest.raises(NotYours):
        Survey(print).claim_home(str(tmp_path / "a" / "b"))
    assert not (tmp_path / "a").exists()


@root
def test_what_others_make_at_the_same_time_is_refused(tmp_path, monkeypatch):
    def make(place, make=ownership.make):
        (tmp_path / "a").mkdir()
        give_away(tmp_path / "a")
        make(place)
    tmp_path.chmod(0o1777)
    monkeypatch.setattr(ownership, "make", make)
    with pytest.raises(NotYours):
        Survey(print).claim_home(str(tmp_path / "a" / "b"))


def claim_project(project):
    said = []
    Survey(said.append).claim_project(project.root)
    return said


def test_project_that_others_could_only_read_is_closed(project):
    os.chmod(project.root, 0o755)
    assert claim_project(project) == [
        f"{project.root} was open to others; now its mode is 0700."]
    assert stat.S_IMODE(os.stat(project.root).st_mode) == 0o700


@pytest.mark.parametrize("name", DIRECTORIES)
def test_directory_of_a_project_is_a_place(project, name):
    place = project.path(name)
    os.chmod(place, 0o775)
    assert claim_project(project) == [
        f"{place} was open to others; now its mode is 0700."]
    with open(f"{place}/evil", "w"):
        os.chmod(place, 0o777)
    with pytest.raises(NotYours) as refused:
        claim_project(project)
    assert str(refused.value).startswith(f"{place}: others may write to it")


@root
@pytest.mark.parametrize("name", DIRECTORIES)
def test_directory_of_a_project_may_not_be_anothers(project, name):
    place = project.path(name)
    os.chown(place, OTHER_UID, OTHER_UID)
    with pytest.raises(NotYours) as refused:
        claim_project(project)
    assert str(refused.value).startswith(f"{place}: belongs to another user")


def test_directory_of_a_project_that_is_missing_is_nothing(project):
    os.rmdir(project.path("held"))
    assert claim_project(project) == []


@root
@pytest.mark.parametrize("name", ["setup.sh", "remote.conf", ".queueorder.x"])
def test_file_of_a_project_may_not_be_anothers(project, tmp_path, name):
    """As one that came when an older fjd had not closed the project yet."""
    path = project.path(name)
    shared = tmp_path / "shared"
    shared.touch()
    give_away(shared)
    os.symlink(str(shared), path)  # This its user did.
    assert claim_project(project) == []
    os.rename(str(shared), path)
    with pytest.raises(NotYours) as refused:
        claim_project(project)
    assert str(refused.value).startswith(f"{path}: belongs to another user")


def test_draft_that_goes_is_nothing(project, monkeypatch):
    monkeypatch.setattr(os, "listdir", lambda root: [".queueorder.x"])
    assert claim_project(project) == []
