"""Byte code that is not whole stops nobody, and is not left by fjd."""
import glob
import importlib.util
import os
import resource
import sys

import pytest

from helpers import run
from installing import COMMANDS, done, PYTHON, SYSTEM, tree

pytestmark = pytest.mark.slow

FILES = {  # how much of each file is left
    "half": lambda data: data[:len(data) // 2],
    "its header": lambda data: data[:20],
    "nothing": lambda data: b"",
}


@pytest.fixture(autouse=True)
def byte_code_is_wanted(monkeypatch):
    monkeypatch.delenv("PYTHONDONTWRITEBYTECODE", raising=False)


def short():
    """No file may be longer than 4 KiB."""
    resource.setrlimit(resource.RLIMIT_FSIZE, (4096, 4096))


def byte_code(place):
    """What there is of the Python that runs the commands, drafts as well."""
    name = f"*.{sys.implementation.cache_tag}.pyc*"
    pattern = os.path.join(str(place), "**", "__pycache__", name)
    return sorted(glob.glob(pattern, recursive=True))


def sources(place):
    pattern = os.path.join(str(place), "fjd", "**", "*.py")
    return sorted(glob.glob(pattern, recursive=True))


def bad(place):
    """Files that this Python could not load, if it had written them."""
    found = []
    for path in byte_code(place):
        try:
            loader = importlib.machinery.SourcelessFileLoader("x", path)
            loader.get_code("x")
        except (EOFError, ImportError, TypeError, ValueError):
            found.append(path)
    return found


def versions(place, **how):
    """Start each command: they say the same."""
    said = {
        tuple(done(run([PYTHON, str(place / "bin" / name), "--version"],
                       **how)))
        for name in COMMANDS
    }
    assert len(said) == 1


def cut(place, how):
    for path in byte_code(place):
        with open(path, "rb") as file:
            data = file.read()
        with open(path, "wb") as file:
            file.write(FILES[how](data))


@pytest.fixture
def installed(install, local):
    done(install("--python", PYTHON))
    return local


def test_without_room_a_clone_writes_what_fits_whole(clone):
    versions(clone, preexec_fn=short)
    assert byte_code(clone) and not bad(clone)
    assert all(os.path.getsize(path) <= 4096 for path in byte_code(clone))
    versions(clone)
    assert len(byte_code(clone)) > len(sources(clone)) // 3


@pytest.mark.parametrize("umask", [0o000, 0o002, 0o077])
def test_only_its_owner_may_change_what_is_written(clone, umask):
    versions(clone, preexec_fn=lambda: os.umask(umask))
    places = {os.path.dirname(path) for path in byte_code(clone)}
    assert places
    for path in byte_code(clone) + list(places):
        mode = os.stat(path).st_mode & 0o777
        assert not mode & (umask | 0o022) and mode & 0o600 == 0o600


@pytest.mark.parametrize("how", FILES)
def test_clone_with_bad_byte_code_mends_it(clone, how):
    versions(clone)
    before = byte_code(clone)
    cut(clone, how)
    for _ in range(2):
        versions(clone)
    assert byte_code(clone) == before and not bad(clone)


@pytest.mark.parametrize("how", ["half", "its header"])
def test_verb_with_bad_byte_code_of_its_own_works(clone, how, home):
    """What is imported late is read no less carefully."""
    argv = [PYTHON, str(clone / "bin" / "fjd"), "run", "-j1", "--session",
            "process", "true", ":::"]
    for _ in range(2):
        result = run(argv + ["1"])
        assert result.returncode == 0 and "1 done, 0 failed" in result.stderr
        cut(clone, how)


@pytest.mark.parametrize("how", ["half", "its header"])
def test_installed_commands_remove_bad_byte_code(installed, how):
    before = byte_code(installed)
    cut(installed, how)
    versions(installed)
    assert len(byte_code(installed)) < len(before)
    assert not [path for path in bad(installed) if "/command." in path]


def test_install_writes_all_byte_code(installed):
    code = byte_code(installed)
    assert len(code) >= len(sources(installed / "lib" / "fjd"))
    assert not bad(installed)
    assert not [path for path in code if not path.endswith(".pyc")]


def test_installed_commands_write_no_byte_code(installed, home):
    """And their jobs do as they like."""
    for path in byte_code(installed):
        os.unlink(path)
    versions(installed)
    assert not byte_code(installed)
    run([PYTHON, str(installed / "bin" / "fjd"), "run", "-j1", "--session",
         "process", "env; true", ":::", "1"])
    logs = glob.glob(str(home / ".fjd" / "run-*" / "joblogs" / "*"))
    with open(logs[0]) as log:
        assert "PYTHONDONTWRITEBYTECODE" not in log.read()


@pytest.fixture
def hire(installed, home):
    """hire(): of a Python that install.sh has not seen."""
    for path in byte_code(installed):
        os.unlink(path)

    def hire(*words, **how):
        recruiter = [PYTHON, str(installed / "bin" / "fjd-recruiter")]
        done(run(recruiter + ["--session", "process", "hire", "1"], **how))
        done(run(recruiter + ["fire"]))
    return hire


def test_first_hire_of_a_python_writes_its_byte_code(installed, hire):
    hire()
    before = tree(installed)
    assert len(byte_code(installed)) >= len(sources(installed / "lib/fjd"))
    assert not bad(installed)
    hire()
    assert tree(installed) == before


def test_first_hire_without_room_leaves_nothing_bad(installed, hire):
    hire(preexec_fn=short)
    assert byte_code(installed) and not bad(installed)
    assert not [p for p in byte_code(installed) if not p.endswith(".pyc")]


def test_hire_writes_no_byte_code_for_whom_wants_none(
    installed, hire, monkeypatch,
):
    monkeypatch.setenv("PYTHONDONTWRITEBYTECODE", "1")
    hire()
    assert not byte_code(installed)


def test_byte_code_goes_with_fjd(install, local, home):
    before = tree(home)
    done(install())
    code = byte_code(local)
    os.rename(code[0], code[0] + ".1234")  # It was being written.
    done(install("--uninstall"))
    assert tree(home) == before


def test_python_that_cannot_compile_is_no_harm(install, local, tmp_path):
    """An old one, and one that is broken."""
    for name in "python3.9", "python3.8":
        path = tmp_path / name
        path.write_text("#!/bin/sh\nexit 1\n")
        path.chmod(0o755)
    done(install(PATH=f"{tmp_path}:{os.path.dirname(PYTHON)}:{SYSTEM}"))
    assert byte_code(local)
