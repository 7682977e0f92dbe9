"""Other users: what they own or could change is refused, not run."""
import os
import stat

import pytest

from helpers import (
    command, finish, fjd, jobs_in, ledger, log_of, ok, run, start, wait_until,
)
from needs import AS_OTHER_USER, IN_USER_NAMESPACE, OTHER_UID

from fjd.ownership import ELSEWHERE
from fjd.project import Project

root = pytest.mark.needs("root")
another_user = pytest.mark.needs("another user")
ALL = [
    ["fjd-dispatcher"], ["fjd-dispatcher", "--once", "--quiet"],
    ["fjd-worker"], ["fjd-recruiter", "hire", "1"],
    ["fjd", "put", "--name", "a", "true"],
    ["fjd", "run", "--project", "default", "true", ":::", "a"],
    # These make no project.
    ["fjd-recruiter", "fire"], ["fjd", "cancel", "a"],
    ["fjd", "clean", "--done"],
]
LOOKS = [["audit"], ["status"], ["status", "--exact", "--json"], ["results"],
         ["why", "job1"], ["log", "job1"], ["log", "-f", "job1"]]


@pytest.fixture
def victim(home):
    """victim(command, argument ...) as a user who is not root, at home."""
    os.chown(str(home), OTHER_UID, OTHER_UID)
    for above in home.resolve().parents:
        if above.owner() == "root" and not above.stat().st_mode & 0o001:
            above.chmod(0o711)  # access(2) heeds no capabilities.

    def victim(*words):
        result = run(AS_OTHER_USER + command(*words))
        assert "Traceback" not in result.stderr
        return result
    return victim


def evil(path):
    """A job of another user."""
    path.write_text("#!/bin/sh\ntouch pwned\n")
    path.chmod(0o755)
    os.chown(str(path), OTHER_UID, OTHER_UID)


def everything(directory):
    """What is where, with owner, mode and time."""
    paths = [directory] + sorted(directory.rglob("*"))
    return [(str(p), s.st_uid, s.st_mode, s.st_mtime_ns, s.st_ctime_ns)
            for p in paths for s in [p.lstat()]]


# What others could change

@pytest.mark.parametrize("words", ALL)
def test_home_that_others_may_fill_is_refused_and_stays(home, words):
    place = home / ".fjd"
    queue = place / "default" / "jobqueue"
    queue.mkdir(parents=True)
    (queue / "job1").write_text("#!/bin/sh\ntouch pwned\n")
    place.chmod(0o777)
    before = everything(place)
    result = fjd(*words)
    assert (result.returncode, result.stdout) == (77, "")
    assert result.stderr == (
        f"{words[0]}: error: {place}: others may write to it (uid"
        f" {os.geteuid()}, mode 0777)\n"
        f"    try: ls -lAR '{place}'; if all of it is yours: chmod -R go-w"
        f" '{place}'\n")
    assert everything(place) == before


def test_what_is_said_then_is_all_that_has_to_be_typed(home):
    """A user with umask 002 has made a project, and put a job into it."""
    queue = home / ".fjd" / "default" / "jobqueue"
    old = os.umask(0o002)
    try:
        queue.mkdir(parents=True)
        (queue / "job1").write_text("[control]\nexecutable: true\n")
    finally:
        os.umask(old)
    todo = fjd("fjd-dispatcher").stderr.partition("try: ")[2]
    look, _, close = todo.partition("; if all of it is yours: ")
    assert "job1" in run(["sh", "-c", look]).stdout
    assert run(["sh", "-c", close]).returncode == 0
    ok("fjd-recruiter", "--session", "process", "hire", "1")
    assert ok("fjd-dispatcher")[-1] == "[fjd-dispatcher] 1 done, 0 failed"


@another_user
def test_directory_that_another_user_has_prepared_is_refused(
    home, tmp_path, monkeypatch,
):
    """FJD_DIR=/tmp/fjd, when somebody else was there first."""
    shared = tmp_path / "tmp"
    shared.mkdir()
    shared.chmod(0o1777)
    place = shared / "fjd"
    assert run(AS_OTHER_USER + [
        "mkdir", "-m", "777", str(place)]).returncode == 0
    monkeypatch.setenv("FJD_DIR", str(place))
    for words in ALL[:6]:
        result = fjd(*words)
        assert (result.returncode, result.stderr) == (
            77, f"{words[0]}: error: {place}: belongs to another user (uid"
            f" {OTHER_UID}, mode 0777)\n    try: do this as that user; or"
            f" {ELSEWHERE}\n")
    assert list(place.iterdir()) == []
    place.rmdir()
    ok("fjd-dispatcher")
    assert stat.S_IMODE(place.stat().st_mode) == 0o700


@root
def test_link_that_another_user_has_planted_is_refused(
    tmp_path, monkeypatch,
):
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "elsewhere")
    os.chown(str(tmp_path / "link"), OTHER_UID, -1, follow_symlinks=False)
    monkeypatch.setenv("FJD_DIR", str(tmp_path / "link" / "fjd"))
    result = fjd("fjd-dispatcher")
    assert (result.returncode, result.stderr.splitlines()[0]) == (
        77, f"fjd-dispatcher: error: {tmp_path}/link: is another user's"
        f" link (uid {OTHER_UID}, mode 0777)")
    assert list((tmp_path / "elsewhere").iterdir()) == []


@pytest.mark.parametrize("umask", [0o000, 0o002])
@pytest.mark.parametrize("words", [
    ["fjd-dispatcher"], ["fjd", "put", "--name", "a", "true"],
    ["fjd", "run", "-j1", "true", ":::", "a"],
])
def test_what_fjd_makes_is_closed_whatever_the_umask(
    home, monkeypatch, umask, words,
):
    monkeypatch.setenv("FJD_DIR", "a/b/c")
    old = os.umask(umask)
    try:
        ok(*words) if words[1:2] != ["run"] else fjd(*words)
    finally:
        os.umask(old)
    made = [home / "a"] + list((home / "a").rglob("*"))
    assert len(made) > 15
    modes = {stat.S_IMODE(path.stat().st_mode) & 0o077 for path in made}
    assert modes == {0}


def test_link_to_a_place_of_ones_own_is_as_good(home, tmp_path):
    (tmp_path / "big disk").mkdir()
    (home / ".fjd").mkdir(mode=0o700)
    (home / ".fjd" / "default").symlink_to(tmp_path / "big disk")
    assert ok("fjd-dispatcher")[0].endswith(
        "/default was open to others; now its mode is 0700.")
    assert (tmp_path / "big disk" / "jobqueue").is_dir()


@pytest.mark.needs("root", "user namespaces")
def test_in_a_user_namespace_what_belongs_to_an_unknown_root_is_trusted(
    home, tmp_path, monkeypatch,
):
    """As / does in a container without root."""
    above = tmp_path / "above"
    (above / "mine").mkdir(parents=True)
    os.chown(str(above), OTHER_UID, OTHER_UID)
    monkeypatch.setenv("FJD_DIR", str(above / "mine"))
    words = command("fjd", "run", "-j1", "echo hello", ":::", "a")
    assert run(words).returncode == 77
    result = run(IN_USER_NAMESPACE + words)
    assert (result.returncode, result.stdout) == (
        0, "hello a\n"), result.stderr


# Job files

@root
def test_worker_runs_no_job_file_of_another_user(home, project, put):
    """Also one that was planted when the queue was open."""
    queue = home / ".fjd" / "default" / "jobqueue"
    evil(queue / "evil1")
    (home / "evil").write_text("")
    evil(home / "evil")
    (queue / "evil2").symlink_to(home / "evil")
    put("job1", "[control]\nexecutable: true\n")
    ok("fjd-recruiter", "--session", "process", "hire", "1")
    fjd("fjd-dispatcher")
    assert jobs_in(project, "done") == ["job1"]
    assert jobs_in(project, "failed") == ["evil1", "evil2"]
    assert {row["reason"] for row in ledger(project)
            if row["event"] == "failed"} == {
        f"it belongs to another user (uid {OTHER_UID}); fjd put makes a copy"
        " that is yours"}
    assert not (home / "pwned").exists()


@another_user
def test_nor_one_of_root_unless_it_is_roots(home, project, victim):
    os.chown(project.root, OTHER_UID, OTHER_UID)
    for path in [home / ".fjd"] + list((home / ".fjd").rglob("*")):
        os.chown(str(path), OTHER_UID, OTHER_UID)
    project.put("job1", b"[control]\nexecutable: true\n")
    result = victim("fjd-recruiter", "--session", "process", "hire", "1")
    assert result.returncode == 0, result.stderr
    victim("fjd-dispatcher")
    assert jobs_in(project, "failed") == ["job1"]
    assert "uid 0" in log_of(project, "job1")


# Starting anew

@root
@pytest.mark.slow
@pytest.mark.parametrize("spoil", [
    lambda tree: os.chown(tree, OTHER_UID, OTHER_UID),
    lambda tree: os.chmod(tree, 0o777),
    lambda tree: os.chmod(os.path.dirname(tree), 0o777),
])
def test_worker_starts_anew_only_where_nobody_else_could_be(
    home, project, put, spoil,
):
    """Its project is exchanged while a job runs."""
    tree = home / ".fjd" / "new"
    other = Project(str(tree))
    tree.mkdir(mode=0o700)
    other.make_directories()
    other.put("job2", b"#!/bin/sh\ntouch pwned\n", is_program=True)
    put("job1", "[control]\nexecutable: sleep 1234\nargument: no\n")
    worker, dispatcher = start("fjd-worker"), start("fjd-dispatcher")
    wait_until(project.running)
    dispatcher.kill()
    finish(dispatcher)
    spoil(str(tree))
    os.rename(project.root, str(home / ".fjd" / "old"))
    os.rename(str(tree), project.root)
    (home / ".fjd" / "old" / "orders" / ".x").touch()  # Let it look at once.
    text = finish(worker)
    assert worker.returncode == 77
    assert "I was taken for dead; starting anew." in text
    assert "fjd-worker: error: " in text
    assert project.names("workers") == project.names("jobpods") == []
    assert not (home / "pwned").exists()


# Root and the projects of others

@pytest.fixture
def theirs(home, project, victim):
    """A project of the victim's, with a job that is done."""
    attempt = "job1~1.660db7e8d3b3d0c85-3"
    project.put("job1", b"#!/bin/sh\n", is_program=True)
    os.rename(project.path("jobqueue", "job1"), project.path("done", attempt))
    project.files.create(project.job_log(attempt), "hello\n")
    for path in [home / ".fjd"] + list((home / ".fjd").rglob("*")):
        os.chown(str(path), OTHER_UID, OTHER_UID)
    return home / ".fjd"


@another_user
@pytest.mark.slow
def test_root_may_look_at_projects_of_others_and_changes_nothing(
    theirs, victim,
):
    """Also at one that is open, or lacks a directory."""
    (theirs / "default" / "held").rmdir()
    (theirs / "default").chmod(0o777)
    before = everything(theirs)
    for words in LOOKS:
        result = fjd("fjd", *words)
        assert (result.returncode, result.stderr) == (0, "")
        assert everything(theirs) == before
    (theirs / "default").chmod(0o700)
    for words in LOOKS:
        if "status" not in words:
            assert fjd("fjd", *words).stdout == victim("fjd", *words).stdout


@another_user
@pytest.mark.slow
def test_root_puts_and_runs_in_its_own_only(theirs):
    before = everything(theirs)
    for words in ALL:
        result = fjd(*words)
        assert (result.returncode, result.stdout) == (77, "")
        assert f"{theirs.parent.resolve()}: belongs to" in result.stderr
        assert everything(theirs) == before


@another_user
def test_root_with_the_home_of_another_user_makes_nothing_there(home, victim):
    for words in ALL[:6]:
        assert fjd(*words).returncode == 77
    assert list(home.iterdir()) == []
    assert victim("fjd-dispatcher").returncode == 0
