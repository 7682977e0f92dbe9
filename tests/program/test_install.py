"""install.sh and INSTALL: on machines where nothing else can be had."""
import os
import re
import shutil
import tempfile

import pytest

from helpers import remove, ROOT, run
from installing import (
    COMMANDS, done, PREFIX, PYTHON, SYSTEM, tree, version, without_byte_code,
)
from needs import is_root
from test_dist import dist, new_clone, tarball
from test_example import RESULTS

needs = pytest.mark.needs
PYTHONS = os.path.dirname(PREFIX)
# Root tries it as a plain user, too.
GRACE = pytest.param(True, marks=[pytest.mark.slow, needs("mount")])


# As a user of a machine where little is there


class User:
    """A user with a home in a place with a space, on a PATH of the system."""

    def __init__(self, directory, is_grace):
        self.is_grace = is_grace
        self.home = os.path.join(directory, "a home")
        os.mkdir(self.home)
        os.chmod(directory, 0o755)
        self.bin = os.path.join(self.home, ".local", "bin")

    def run(self, script, *arguments, path=SYSTEM):
        """Run lines of shell in the home; what they print."""
        argv = [
            f"PATH={path}", "sh", "-euc", f'cd\n{script}', "sh", *arguments,
        ]
        if self.is_grace:
            plain = os.path.join(ROOT, "tests", "plain")
            argv = ["unshare", "--mount", plain, self.home, PYTHONS] + argv
        else:
            argv = ["env", "-i", f"HOME={self.home}"] + argv
        return done(run(argv, timeout=120))


@pytest.fixture
def user(clone, is_grace):
    directory = tempfile.mkdtemp(prefix="fjd-", dir="/tmp")
    user = User(directory, is_grace)
    shutil.copytree(str(clone), os.path.join(user.home, "a clone"))
    os.symlink("a clone", os.path.join(user.home, "link"))
    yield user
    remove(directory)


EXAMPLE = """
    cd "a clone/example"
    python3 create_jobs.py example
    fjd-recruiter --project example hire 4
    fjd-dispatcher --project example
    fjd --project example audit
    ls logfiles
    rm -r logfiles
"""


@pytest.mark.parametrize("is_grace", [False, GRACE])
def test_install_example_and_uninstall_leave_nothing(user):
    before = tree(user.home)
    lines = user.run('link/INSTALL --user --python "$1"', PYTHON)
    assert lines[0].startswith("Installed fjd ")
    assert lines[-1].strip() == f'export PATH="{user.bin}:$PATH"'
    lines = user.run(EXAMPLE, path=f"{user.bin}:{SYSTEM}")
    assert '[fjd-recruiter] Hired 4 workers in project "example".' in lines
    assert "[fjd-dispatcher] 10 done, 0 failed" in lines
    assert lines[-10:] == RESULTS
    lines = user.run("link/INSTALL --uninstall --user")
    assert lines[-1].startswith(f"Left: {user.home}/.fjd")
    shutil.rmtree(os.path.join(user.home, ".fjd"))
    shutil.rmtree(os.path.join(user.home, ".screen"), ignore_errors=True)
    assert tree(user.home) == before


def all_pythons():
    """Each Python 3.6 or later of this host that stands beside this one."""
    for name in sorted(os.listdir(PYTHONS)):
        python = os.path.join(PYTHONS, name, "bin", "python3")
        if os.path.exists(python):
            yield os.path.realpath(python)


@needs("screen", "a terminal")
@pytest.mark.parametrize("is_grace", [GRACE if is_root() else False])
@pytest.mark.slow
def test_one_installation_serves_every_python_in_turn(user):
    before = tree(user.home)
    user.run('"a clone/install.sh" --user')
    for number, python in enumerate(all_pythons()):
        lines = user.run("""
            mkdir bin
            ln -s "$1" bin/python3
            PATH=~/bin:~/.local/bin:$PATH
            fjd-recruiter hire 1
            printf '[control]\nexecutable: true\n' >.fjd/default/jobqueue/job
            fjd-dispatcher
            python3 -c 'import sys; sys.path.insert(0, sys.argv[1]); import sh
print(sh.__file__)' ~/.local/lib/fjd
            rm -r bin
        """, python)
        assert "[fjd-dispatcher] 1 done, 0 failed" in lines
        assert lines[-1] == f"{user.home}/.local/lib/fjd/sh.py"
        assert "background" not in lines[0]
    assert number >= 0
    user.run('"a clone/install.sh" --user --uninstall')
    shutil.rmtree(os.path.join(user.home, ".fjd"))
    shutil.rmtree(os.path.join(user.home, ".screen"), ignore_errors=True)
    assert tree(user.home) == before


BARE = """
    mount -t proc proc "$1/proc"
    mount --rbind /dev "$1/dev"
    exec chroot --userspec=61235:61235 "$1" \\
        env -i HOME=/home PATH=/usr/bin:/bin sh -euc "$2"
"""


@pytest.fixture
def root(tmp_path):
    """Of another system; too large to be kept."""
    yield tmp_path / "root"
    shutil.rmtree(str(tmp_path / "root"))


@pytest.mark.slow
@pytest.mark.once
@needs("mount", "debootstrap")
def test_tarball_is_enough_on_a_bare_machine_without_network(tmp_path, root):
    """A Debian of the smallest kind, as a plain user; there is no pip."""
    clone = new_clone(tmp_path / "clone")
    assert dist(clone).returncode == 0
    suite, = re.findall(
        "^VERSION_CODENAME=(.*)", open("/etc/os-release").read(), re.M)
    made = run(["debootstrap", "--variant=minbase", "--include=python3",
                suite, str(root)], timeout=400)
    assert made.returncode == 0, made.stdout
    shutil.copy(tarball(clone), str(root / "home"))
    os.chown(str(root / "home"), 61235, 61235)
    lines = done(run([
        "unshare", "--mount", "--net", "--pid", "--fork", "--kill-child",
        "sh", "-ec", BARE, "sh", str(root), """
            cd
            for module in pip ensurepip; do
                if python3 -c "import $module" 2>/dev/null; then exit 1; fi
            done
            tar -xzf fjd-*.tar.gz
            mv fjd-*/ 'a clone'
            'a clone/INSTALL' --user
            PATH=~/.local/bin:$PATH
        """ + f"({EXAMPLE})" + """
            'a clone/INSTALL' --user --uninstall
            ls -A
        """,
    ]))
    assert lines[0].startswith("Installed fjd ")
    assert "[fjd-recruiter] Workers run as background processes (screen is" \
        " not installed; tmux is not installed)." in lines
    assert "[fjd-dispatcher] 10 done, 0 failed" in lines
    assert lines[-3:] == [
        ".fjd", "a clone", os.path.basename(tarball(clone)),
    ]


# What it does


@pytest.mark.parametrize("shell", ["/bin/dash", "/bin/bash"])
def test_twice_is_the_same_as_once(install, local, shell):
    first = done(install(shell=shell))
    once = without_byte_code(local)
    assert done(install(shell=shell)) == first
    assert without_byte_code(local) == once
    for name in COMMANDS:
        assert version(local, name) == [first[0].split()[2]]


@pytest.mark.parametrize("arguments, variables, code, said", [
    (["--nonsense"], {}, 2, "--nonsense: no such option (see --help)"),
    (["--prefix"], {}, 2, "--prefix: it needs a value (see --help)"),
    (["--python", "/bin/false"], {}, 69,
     "/bin/false: no complete Python 3.6 or later"),
    (["--prefix", "/dev/null/x"], {}, 77,
     "mkdir: cannot create directory '/dev/null': Not a directory"),
    (["--uninstall"], {}, 1, "{local}: fjd is not installed there"),
])
def test_error_is_a_line(install, local, arguments, variables, code, said):
    result = install(*arguments, LC_ALL="C", **variables)
    assert (result.returncode, result.stdout) == (code, "")
    first = result.stderr.splitlines()[0]
    assert first == f"install.sh: error: {said.format(local=local)}"
    assert len(result.stderr.splitlines()) <= 2


def test_help_is_a_screen(install):
    lines = done(install("--help"))
    assert lines[0].startswith("usage: ./install.sh [--user | --prefix DIR]")
    assert len(lines) <= 24
