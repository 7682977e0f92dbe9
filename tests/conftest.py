"""Every test has a home of its own, with a space and a link in its path."""
import os
import signal
import sys
import tempfile

import pytest

pytest.register_assert_rewrite("helpers")

import needs  # noqa: E402 - after register_assert_rewrite
from helpers import BIN, ROOT, remove  # noqa: E402

REAL_PROJECTS = os.path.expanduser("~/.fjd")

sys.path.insert(0, ROOT)


def pytest_addoption(parser):
    parser.addoption(
        "--all-needs", action="store_true",
        help="let tests fail that are skipped for what is missing here")


@pytest.hookimpl(tryfirst=True)
def pytest_configure(config):
    """Temporary directories are removed at the end, in whatever state."""
    if config.option.basetemp is None:
        config.option.basetemp = tempfile.mkdtemp(prefix="fjd-", dir="/tmp")
        config.add_cleanup(lambda: remove(config.option.basetemp))


def pytest_sessionstart():
    """Heed signals as on a terminal, also under nohup(1) or a shell's &; let
    none but us write to what tests make.
    """
    os.umask(0o022)
    for number in (signal.SIGHUP, signal.SIGQUIT):
        signal.signal(number, signal.SIG_DFL)
    signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item):
    needs.check(item)


def pytest_terminal_summary(terminalreporter):
    line = needs.told(terminalreporter.stats.get("skipped", []))
    if line:
        terminalreporter.section("what this machine lacks")
        terminalreporter.write_line(line)


def listing(directory):
    return sorted(os.walk(directory))


@pytest.fixture(scope="session", autouse=True)
def real_home_stays_as_it_is():
    before = listing(REAL_PROJECTS)
    yield
    after = listing(REAL_PROJECTS)
    assert after == before, f"{REAL_PROJECTS} changed: by a test, or by you?"


@pytest.fixture
def sockets():
    """A directory for the sockets of sessions; their paths must be short."""
    directory = tempfile.mkdtemp(prefix="fjd-", dir="/tmp")
    yield directory
    remove(directory)


@pytest.fixture(autouse=True)
def home(sockets, tmp_path, monkeypatch):
    """An empty home; the interpreter under test is the python3 on PATH."""
    real = tmp_path / "a home"
    real.mkdir()
    link = tmp_path / "link to home"
    link.symlink_to(real)
    for name in list(os.environ):
        if name.startswith(("FJD_", "SLURM_")):
            monkeypatch.delenv(name)
    monkeypatch.setenv("HOME", str(link))
    path = [BIN, os.path.dirname(sys.executable), os.environ["PATH"]]
    monkeypatch.setenv("PATH", os.pathsep.join(path))
    monkeypatch.chdir(link)
    monkeypatch.setenv("SCREENDIR", sockets)
    monkeypatch.setenv("TMUX_TMPDIR", sockets)
    return link


@pytest.fixture
def project(home):
    """An empty project, default, as the commands would make it."""
    from fjd.project import Project

    root = home / ".fjd" / "default"
    root.mkdir(mode=0o700, parents=True)
    project = Project(str(root))
    project.make_directories()
    return project


@pytest.fixture
def put(project):
    """put(name, text, mode) puts a job into the queue of project."""
    def put(name, text, mode=0o600):
        draft = project.path("jobqueue", ".draft")
        with open(draft, "wb") as file:
            file.write(text if isinstance(text, bytes) else text.encode())
        os.chmod(draft, mode)
        os.rename(draft, project.path("jobqueue", name))
    return put
