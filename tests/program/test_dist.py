"""What make dist packs: all that is needed, and always the same bytes."""
import glob
import hashlib
import os
import re
import subprocess
import sys
import tarfile

import pytest

from helpers import ROOT, copy_of_project, run
from test_manual import PAGES

DATE = 1000000000
WHEELS = ["configparser2-4.0.0.tar.gz", "sh-1.14.2-py2.py3-none-any.whl"]
WORDS = [b"\nLicense: MIT\n", b"Permission is hereby granted"]


def git(clone, *arguments):
    argv = ["git", "-c", "user.name=x", "-c", "user.email=x@x", *arguments]
    environ = dict(os.environ, GIT_COMMITTER_DATE=f"{DATE} +0000")
    return subprocess.check_output(
        argv, cwd=str(clone), env=environ, universal_newlines=True)


def new_clone(directory):
    """A clone of its own, so that what is not yet committed is no matter."""
    copy_of_project(directory)
    git(directory, "init", "-q")
    git(directory, "add", "--all")
    git(directory, "commit", "-q", "-m", "All")
    git(directory, "clean", "-fdqX")
    return directory


def dist(clone, umask="022", **environ):
    """Run tests/dist in a clone."""
    script = ["sh", "-c", 'umask "$1"; exec "$2" tests/dist', "sh", umask]
    return run(script + [sys.executable], cwd=str(clone), timeout=300,
               env=dict(os.environ, **environ))


def tarball(clone):
    path, = glob.glob(str(clone / "dist" / "*"))
    return path


@pytest.fixture(scope="module")
def clones(tmp_path_factory):
    """Two clones of one commit, both packed, under other circumstances."""
    place = tmp_path_factory.mktemp("clones")
    first, second = new_clone(place / "first"), place / "else where" / "é"
    git(place, "clone", "-q", str(first), str(second))
    for clone, circumstances in [
        (first, {"umask": "022", "TZ": "UTC", "LANG": "C"}),
        (second, {"umask": "077", "TZ": "UTC-9", "LANG": "de_DE.UTF-8",
                  "COLUMNS": "40"}),
    ]:
        result = dist(clone, **circumstances)
        assert result.returncode == 0, result.stderr
    return first, second


@pytest.fixture
def packed(clones):
    with tarfile.open(tarball(clones[0])) as archive:
        yield archive


@pytest.mark.slow
def test_one_commit_gives_the_same_bytes_everywhere(clones):
    first, second = map(tarball, clones)
    assert os.path.basename(first) == os.path.basename(second)
    with open(first, "rb") as one, open(second, "rb") as other:
        assert one.read() == other.read()


@pytest.mark.slow
def test_all_that_git_knows_is_there_and_what_is_made(clones, packed):
    from fjd import __version__
    assert tarball(clones[0]).endswith(f"/fjd-{__version__}.tar.gz")
    tops = {name.partition("/")[0] for name in packed.getnames()}
    assert tops == {f"fjd-{__version__}"}
    files = {name.partition("/")[2] for name in packed.getnames()
             if packed.getmember(name).isfile()}
    known = git(clones[0], "ls-files").splitlines()
    assert "bin/fjd" in known and "fjd/requirements.txt" in known
    assert files == set(
        known + [f"share/man/{page}" for page in PAGES])


@pytest.mark.slow
def test_nothing_of_the_maker_is_in_it(packed):
    """Neither a date but the commit's, nor an owner, nor a umask."""
    for member in packed.getmembers():
        assert (member.mtime, member.uid, member.gid) == (DATE, 0, 0)
        assert (member.uname, member.gname) == ("", "")
        assert member.mode in (0o644, 0o755)
    assert packed.getnames() == sorted(
        packed.getnames(), key=lambda name: name.split("/"))
    name, = [name for name in packed.getnames() if name.endswith("/fjd.7")]
    assert b' 7 "2001-09-09" "fjd ' in packed.extractfile(name).read()


@pytest.mark.slow
def test_wheels_are_those_of_the_requirements_each_with_its_licence(packed):
    top = packed.getnames()[0]
    with open(os.path.join(ROOT, "fjd", "requirements.txt")) as file:
        hashes = re.findall("sha256:([0-9a-f]{64})", file.read())
    for wheel, words in zip(WHEELS, WORDS):
        content = packed.extractfile(f"{top}/wheels/{wheel}").read()
        hashes.remove(hashlib.sha256(content).hexdigest())
        licence = packed.extractfile(f"{top}/wheels/{wheel}.LICENSE").read()
        assert words in licence
    assert hashes == []


@pytest.mark.slow
def test_it_installs_without_network(clones, tmp_path, home):
    run(["tar", "-xzf", tarball(clones[0]), "-C", str(tmp_path)])
    script, = tmp_path.glob("fjd-*/INSTALL")
    result = run(["sh", str(script), "--user"],
                 env=dict(os.environ, PIP_NO_INDEX="1", PIP_FIND_LINKS=""))
    assert (result.returncode, result.stderr) == (0, "")
    assert "Missing" not in result.stdout
    local = home / ".local"
    for page in PAGES:
        assert (local / "share" / "man" / page).exists()
    pages = local / "lib" / "fjd" / "fjd" / "pages"
    assert sorted(os.listdir(str(pages))) == sorted(
        os.listdir(os.path.join(ROOT, "fjd", "pages")))
    assert run([str(local / "bin" / "fjd"), "--version"]).returncode == 0


def test_what_is_not_committed_is_not_packed(tmp_path):
    clone = new_clone(tmp_path / "clone")
    (clone / "LICENSE").write_text("None.\n")
    (clone / "new").write_text("")
    result = dist(clone)
    assert (result.returncode, result.stderr) == (
        1, "make dist: 2 files are changed or not known to git;"
           " see git status\n",
    )
    assert not (clone / "dist").exists()


def test_only_a_clone_can_be_packed(tmp_path):
    result = dist(copy_of_project(tmp_path / "copy"))
    assert (result.returncode, result.stderr) == (
        1, "make dist: this is no clone: there is no .git\n",
    )
