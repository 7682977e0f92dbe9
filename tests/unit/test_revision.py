"""--version of a checkout says which commit it is at."""
import os
import subprocess

import pytest

from fjd import __version__
from fjd.revision import commit_of, version

pytestmark = pytest.mark.needs("git")


def git(place, *arguments):
    argv = ["git", "-c", "user.name=x", "-c", "user.email=x@x", *arguments]
    said = subprocess.check_output(
        argv, cwd=str(place), stderr=subprocess.DEVNULL)
    return said.decode().strip()


@pytest.fixture
def clone(tmp_path):
    """A repository with two commits."""
    place = tmp_path / "a clone"
    place.mkdir()
    git(place, "init", "-q")
    for text in ("one", "two"):
        git(place, "commit", "-q", "--allow-empty", "-m", text)
    return place


def head(place):
    return git(place, "rev-parse", "HEAD")


def test_commit_follows_the_number(clone):
    assert version(str(clone)) == f"{__version__}+{head(clone)[:7]}"


def test_without_git_there_is_only_the_number(tmp_path):
    assert version(str(tmp_path)) == __version__


def test_commit_of_a_branch_whose_name_is_a_path(clone):
    git(clone, "checkout", "-q", "-b", "fix/a/b")
    assert commit_of(str(clone)) == head(clone)


def test_commit_of_no_branch(clone):
    git(clone, "checkout", "-q", "HEAD^")
    assert commit_of(str(clone)) == head(clone)


def test_packed_branch_is_found_and_a_new_commit_counts_more(clone):
    git(clone, "pack-refs", "--all")
    before = head(clone)
    assert commit_of(str(clone)) == before
    git(clone, "commit", "-q", "--allow-empty", "-m", "three")
    assert commit_of(str(clone)) == head(clone) != before


@pytest.mark.parametrize("is_packed", [False, True])
def test_worktree_has_a_commit_of_its_own(clone, tmp_path, is_packed):
    tree = tmp_path / "tree"
    git(clone, "worktree", "add", "-b", "other", str(tree), "HEAD^")
    if is_packed:
        git(clone, "pack-refs", "--all")
    assert commit_of(str(tree)) == head(tree) != head(clone)


@pytest.mark.parametrize("text", [
    "", "ref: refs/heads/.invalid\n", "not a commit\n",
])
def test_unknown_repository_is_no_error(clone, text):
    (clone / ".git" / "HEAD").write_text(text)
    assert commit_of(str(clone)) == ""


def test_another_repository_in_the_environment_is_ignored(
    clone, tmp_path, monkeypatch,
):
    monkeypatch.setenv("GIT_DIR", str(tmp_path / "nowhere"))
    assert version(str(clone)) != __version__


def test_checkout_of_something_else_above_it_is_ignored(clone):
    place = clone / "fjd"
    place.mkdir()
    assert version(str(place)) == __version__


def test_without_the_program_git_there_is_only_the_number(clone, monkeypatch):
    monkeypatch.setenv("PATH", str(clone))
    assert version(str(clone)) == __version__


def test_git_file_that_leads_nowhere_is_no_error(tmp_path):
    for text in ("", "gitdir: \n", f"gitdir: {tmp_path}/nowhere\n"):
        (tmp_path / ".git").write_text(text)
        assert commit_of(str(tmp_path)) == ""


def test_empty_repository_has_no_commit(tmp_path):
    git(tmp_path, "init", "-q")
    assert os.path.exists(str(tmp_path / ".git"))
    assert commit_of(str(tmp_path)) == ""
