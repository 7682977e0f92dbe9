"""A clone, and what it installs."""
import os

import pytest

from helpers import copy_of_project, run
from installing import PYTHON, SYSTEM


@pytest.fixture
def clone(tmp_path):
    """All of fjd, in a directory with a space."""
    return copy_of_project(tmp_path / "a clone")


@pytest.fixture
def first_on_path(home, monkeypatch):
    """A new directory, whose programs are found before all others."""
    place = home / "fakes"
    place.mkdir()
    path = os.pathsep.join([str(place), os.environ["PATH"]])
    monkeypatch.setenv("PATH", path)
    return place


@pytest.fixture
def local(home):
    return home / ".local"


@pytest.fixture
def install(clone, home):
    """install(argument ..., shell=, variable=value ...), without network.

    Into ~/.local, also if it is root who runs the tests.
    """
    def install(*arguments, shell="/bin/sh", **variables):
        environ = {
            "HOME": str(home), "PIP_NO_INDEX": "1", "PIP_FIND_LINKS": "",
            "PATH": f"{os.path.dirname(PYTHON)}:{SYSTEM}", **variables,
        }
        return run([shell, str(clone / "install.sh"), "--user", *arguments],
                   cwd=str(home), env=environ)
    return install
