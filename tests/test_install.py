"""install.sh and INSTALL: on machines where nothing else can be had."""
import hashlib
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile

import pytest

from helpers import copy_of_project, is_root, PIPE, ROOT, run, wait_until
from test_dist import dist, new_clone, tarball
from test_example import RESULTS

SYSTEM = "/usr/bin:/bin"
PREFIX = os.path.realpath(sys.base_prefix)
PYTHONS = os.path.dirname(PREFIX)
PYTHON = os.path.join(PREFIX, "bin", "python3")
COMMANDS = ["fjd", "fjd-dispatcher", "fjd-recruiter", "fjd-worker"]
with open(os.path.join(ROOT, "fjd", "requirements.txt")) as pins:
    PINS = dict(re.findall(r"(?m)^(\w\S+) --hash=sha256:(\w+)$", pins.read()))


@pytest.fixture(scope="session")
def wheels(tmp_path_factory):
    """What make dist puts beside install.sh, by way of an installation."""
    prefix = tmp_path_factory.mktemp("first")
    environ = dict(os.environ, PATH=f"{os.path.dirname(PYTHON)}:{SYSTEM}")
    result = run([os.path.join(ROOT, "install.sh"), "--prefix", str(prefix)],
                 env=environ, timeout=300)
    assert (result.returncode, result.stderr) == (0, "")
    assert "Missing" not in result.stdout
    return prefix / "lib" / "fjd" / "wheels"


@pytest.fixture
def clone(tmp_path, wheels):
    """All of fjd, in a directory with a space."""
    place = copy_of_project(tmp_path / "a clone")
    shutil.copytree(str(wheels), str(place / "wheels"))
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


def done(result):
    """The lines of a command that must have succeeded."""
    assert (result.returncode, result.stderr) == (0, ""), result
    return result.stdout.splitlines()


def tree(*places):
    """What lies there, each file with its mode and contents."""
    found = {}
    for place in map(str, places):
        for directory, names, files in os.walk(place):
            found[directory] = oct(os.stat(directory).st_mode)
            for name in files:
                path = os.path.join(directory, name)
                with open(path, "rb") as file:
                    content = hashlib.sha256(file.read()).hexdigest()
                found[path] = oct(os.stat(path).st_mode), content
    return found


def version(local, name="fjd-worker"):
    return done(run([str(local / "bin" / name), "--version"]))


# As a user of a machine where little is there


class PlainUser:
    """A user with a home in a place with a space, on a PATH of the system."""

    def __init__(self, directory):
        self.home = os.path.join(directory, "a home")
        os.mkdir(self.home)
        os.chmod(directory, 0o755)
        self.bin = os.path.join(self.home, ".local", "bin")

    def run(self, script, *arguments, path=SYSTEM):
        """Run lines of shell in the home; what they print."""
        argv = [
            f"PATH={path}", "sh", "-euc", f'cd\n{script}', "sh", *arguments,
        ]
        if is_root():
            plain = os.path.join(ROOT, "tests", "plain")
            argv = ["unshare", "--mount", plain, self.home, PYTHONS] + argv
        else:
            argv = ["env", "-i", f"HOME={self.home}"] + argv
        return done(run(argv, timeout=120))


@pytest.fixture
def user(clone):
    directory = tempfile.mkdtemp(prefix="fjd-", dir="/tmp")
    user = PlainUser(directory)
    shutil.copytree(str(clone), os.path.join(user.home, "a clone"))
    os.symlink("a clone", os.path.join(user.home, "link"))
    yield user
    shutil.rmtree(directory)


EXAMPLE = """
    cd "a clone/example"
    python3 create_jobs.py example
    fjd-recruiter --project example hire 4
    fjd-dispatcher --project example
    fjd --project example audit
    ls logfiles
    rm -r logfiles
"""


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
    shutil.rmtree(os.path.join(user.home, ".screen"))
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
@pytest.mark.skipif(
    not (is_root() and shutil.which("debootstrap")),
    reason="only root can make a bare machine, with debootstrap",
)
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


# What it does, step by step


@pytest.mark.parametrize("shell", ["/bin/dash", "/bin/bash"])
def test_twice_is_the_same_as_once(install, local, shell):
    first = done(install(shell=shell))
    once = tree(local)
    assert done(install(shell=shell)) == first
    assert tree(local) == once
    for name in COMMANDS:
        assert version(local, name) == [first[0].split()[2]]


def test_packages_are_kept_when_they_cannot_be_had_again(
    install, clone, local,
):
    done(install())
    once = tree(local)
    shutil.rmtree(str(clone / "wheels"))
    assert "Missing" not in done(install())[-1]
    assert tree(local) == once


def test_without_packages_it_works_and_says_what_is_missing(
    install, clone, local, home,
):
    shutil.rmtree(str(clone / "wheels"))
    last = done(install())[-1]
    assert last.startswith("Missing: sh==1.14.2 configparser2==4.0.0. ")
    assert str(clone / "wheels") in last
    bare = {"HOME": str(home), "PATH": f"{local}/bin:{SYSTEM}"}
    bare["PYTHONPATH"] = str(home / "nothing")
    hidden = home / "nothing" / "sh.py"
    hidden.parent.mkdir()
    hidden.write_text("raise ImportError\n")
    lines = done(run([str(local / "bin" / "fjd-recruiter"), "hire", "1"],
                     env=bare))
    assert "background processes (the Python package sh is miss" in lines[0]
    done(run([str(local / "bin" / "fjd-recruiter"), "fire"], env=bare))


def test_package_that_was_tampered_with_is_left_out(install, clone, local):
    for archive in (clone / "wheels").iterdir():
        archive.write_bytes(archive.read_bytes() + b" ")
    assert "Missing: sh==" in done(install())[-1]
    assert not (local / "lib" / "fjd" / "sh.py").exists()


def test_archives_lie_beside_what_was_unpacked_from_them(install, local):
    done(install())
    found = (local / "lib" / "fjd" / "wheels").iterdir()
    hashes = {hashlib.sha256(f.read_bytes()).hexdigest() for f in found}
    assert hashes == set(PINS.values())
    assert (local / "lib" / "fjd" / "sh.py").exists()
    backport = local / "lib" / "fjd" / "backports"
    assert os.listdir(str(backport)) == ["configparser2"]


@pytest.fixture
def old(install, clone, local):
    """An older installation: with a module more, and of another version."""
    module = clone / "fjd" / "outdated.py"
    module.write_text("")
    init = clone / "fjd" / "__init__.py"
    text = init.read_text()
    init.write_text(re.sub('__version__ = .*', '__version__ = "0.9"', text))
    done(install())
    module.unlink()
    init.write_text(text)
    done(run([PYTHON, "-m", "compileall", "-q", str(local / "lib" / "fjd")]))
    assert version(local) == ["0.9"]


def test_update_leaves_nothing_of_the_old_one(old, install, local, home):
    done(install())
    assert version(local) != ["0.9"]
    assert [p for p in tree(local) if "outdated" in p] == []
    done(install("--uninstall"))
    assert not local.exists()


def test_update_while_workers_run(old, install, local, home):
    environ = dict(os.environ, PATH=f"{local}/bin:{os.environ['PATH']}")

    def command(name, *arguments):
        return done(run([str(local / "bin" / name), *arguments], env=environ))

    command("fjd-recruiter", "--session", "process", "hire", "2")
    queue = home / ".fjd" / "default" / "jobqueue"
    for number in range(4):
        draft = queue / ".draft"
        draft.write_text(
            "[control]\nexecutable:"
            f" until [ -e '{home}/go' ]; do sleep 0.01; done #\n")
        draft.rename(queue / f"job{number}")
    dispatcher = subprocess.Popen(
        [str(local / "bin" / "fjd-dispatcher")], env=environ, stdout=PIPE,
        stderr=subprocess.STDOUT, encoding="utf-8",
    )
    running = home / ".fjd" / "default" / "running"
    wait_until(lambda: len(os.listdir(str(running))) == 2)
    done(install())
    (home / "go").write_text("")
    printed = dispatcher.communicate(timeout=30)[0].splitlines()
    assert printed[-1] == "[fjd-dispatcher] 4 done, 0 failed"
    assert command("fjd", "audit")[-1].endswith(" 0 not accounted for")


def test_commands_run_all_the_time_while_it_is_updated(install, local):
    done(install())
    script = f"while :; do '{local}/bin/fjd-worker' --version || exit; done"
    process = subprocess.Popen(["sh", "-c", script], stdout=subprocess.DEVNULL,
                               stderr=PIPE, start_new_session=True)
    for _ in range(3):
        done(install())
    assert process.poll() is None
    os.killpg(process.pid, signal.SIGTERM)
    assert process.communicate()[1] == b""


def test_what_stopped_halfway_is_finished_by_the_next_one(
    install, local, tmp_path,
):
    """A mv that fails, each time one later, is a full disk or a Ctrl-C."""
    broken = tmp_path / "broken"
    broken.mkdir()
    count = broken / "count"
    fake = broken / "mv"
    fake.write_text(f"""#!/bin/sh
        echo >>'{count}'
        [ "$(wc -l <'{count}')" -ne "$STOP" ] || exit 1
        exec /bin/mv "$@"
    """)
    fake.chmod(0o755)
    path = f"{broken}:{os.path.dirname(PYTHON)}:{SYSTEM}"
    stopped = 0
    while install(PATH=path, STOP=str(stopped + 1)).returncode:
        stopped += 1
        count.unlink()  # How often mv has been called.
        assert not list(local.glob(".fjd.new*"))
        if (local / "lib" / "fjd" / "installed").exists():
            done(install("--uninstall"))
            assert not local.exists()
    assert stopped > 3
    done(install())
    done(install("--uninstall"))
    assert not local.exists()


@pytest.fixture
def killed(install, clone, local, tmp_path):
    """An installation that has been killed halfway, and left a trace."""
    programs = tmp_path / "killing"
    programs.mkdir()
    (programs / "mv").write_text("#!/bin/sh\nkill -9 $PPID\n")
    (programs / "mv").chmod(0o755)
    path = f"{programs}:{os.path.dirname(PYTHON)}:{SYSTEM}"
    assert install(PATH=path).returncode == -signal.SIGKILL
    place, = local.glob(".fjd.new*")
    return place


def test_trace_of_what_was_killed_goes_with_fjd(killed, install, local):
    done(install())
    assert killed.exists()  # That could be one that runs now.
    done(install("--uninstall"))
    assert not local.exists() or os.listdir(str(local)) == []


def test_old_trace_of_what_was_killed_is_removed(killed, install):
    os.utime(str(killed), (0, 0))
    done(install())
    assert not killed.exists()


def test_directory_that_was_made_in_vain_is_removed(install, local):
    (local / "lib" / "fjd").mkdir(parents=True)
    done(install())
    assert len(done(install("--uninstall"))) == 1
    assert not (local / "lib" / "fjd").exists()


def test_nothing_is_left_when_nobody_reads_what_it_prints(clone, home, local):
    reader, writer = os.pipe()
    os.close(reader)
    path = f"{os.path.dirname(PYTHON)}:{SYSTEM}"
    subprocess.run([str(clone / "install.sh"), "--user"], stdout=writer,
                   stderr=PIPE, env={"HOME": str(home), "PATH": path})
    os.close(writer)
    assert list(local.glob(".fjd.new*")) == []


def test_options_for_tar_in_the_environment_do_not_matter(install):
    assert done(install()) == done(install(TAR_OPTIONS="-v --exclude=*.py"))


def test_pip_that_wants_a_virtual_environment_is_enough(
    install, clone, tmp_path,
):
    (clone / "wheels").rename(tmp_path / "elsewhere")
    lines = done(install(PIP_REQUIRE_VIRTUALENV="1",
                         PIP_FIND_LINKS=str(tmp_path / "elsewhere")))
    assert "Getting sh==1.14.2 with pip ..." in lines
    assert "Missing: sh" not in lines[-1]


@pytest.mark.parametrize("name", ["a\nb", "a\\nb", "a'b", 'a"$HOME"`id`', "*"])
def test_prefix_may_have_any_name(install, home, name):
    place = home / name
    assert "Missing" not in "".join(done(install("--prefix", str(place))))
    assert version(place)
    done(install("--prefix", str(place), "--uninstall"))
    assert not place.exists()


def test_prefix_may_end_in_a_slash(install, home, local):
    assert done(install("--prefix", f"{local}/")) == done(install())


@pytest.mark.parametrize("name", ["bin", "lib", "lib/fjd/wheels", "share/man"])
def test_nothing_is_done_if_a_directory_cannot_be_written(
    install, clone, local, name,
):
    """A file, since root may write to all directories."""
    (clone / "share" / "man").mkdir(parents=True)
    (local / name).parent.mkdir(parents=True)
    (local / name).write_text("")
    before = tree(local)
    result = install()
    assert (result.returncode, result.stdout) == (77, "")
    assert result.stderr.splitlines()[0] == (
        f"install.sh: error: {local}/{name}: it may not be written")
    assert tree(local) == before


def test_bin_that_is_a_link_is_not_followed(install, local, home):
    """A command looks for lib beside the place where it really is."""
    (home / "bin").mkdir()
    local.mkdir()
    (local / "bin").symlink_to("../bin")
    result = install()
    assert (result.returncode, result.stdout) == (1, "")
    advice = f"    try: --prefix {home.resolve()}"
    assert result.stderr.splitlines()[1] == advice
    assert os.listdir(str(local)) == ["bin"]
    done(install("--prefix", str(home)))
    assert version(local)


@pytest.mark.parametrize("name", ["../mine", "lib/fjd/../../../mine"])
def test_what_lies_outside_is_never_removed(install, local, home, name):
    done(install())
    (home / "mine").write_text("")
    with open(str(local / "lib" / "fjd" / "installed"), "a") as file:
        file.write(name + "\n")
    done(install("--uninstall"))
    assert (home / "mine").exists()
    assert not local.exists()


def test_dry_run_changes_nothing(install, home, local):
    before = tree(home)
    lines = done(install("--dry-run"))
    assert tree(home) == before
    done(install())
    installed = (local / "lib" / "fjd" / "installed").read_text().split()
    files = [name for name in installed if not name.endswith("/")]
    assert lines[1:] == files
    before = tree(home)
    lines = done(install("--uninstall", "--dry-run"))
    assert tree(home) == before
    assert sorted(lines[1:]) == installed


def test_destdir_is_put_before_the_prefix(install, tmp_path, home):
    lines = done(install("--prefix", "/opt/x y", DESTDIR=str(tmp_path / "d")))
    place = tmp_path / "d" / "opt" / "x y"
    assert len(lines) == 1 and str(place) in lines[0]
    assert sorted(os.listdir(str(place / "bin"))) == COMMANDS
    elsewhere = {"DESTDIR": str(tmp_path / "d")}
    done(install("--uninstall", "--prefix=/opt/x y", **elsewhere))
    assert not place.exists()


@pytest.mark.parametrize("uid, place", [(0, "/usr/local"), (1, "~/.local")])
def test_root_installs_for_all(clone, home, tmp_path, uid, place):
    programs = tmp_path / "programs"
    programs.mkdir()
    (programs / "id").write_text(f"#!/bin/sh\necho {uid}\n")
    (programs / "id").chmod(0o755)
    path = f"{programs}:{os.path.dirname(PYTHON)}:{SYSTEM}"
    lines = done(run([str(clone / "install.sh"), "--dry-run"], env={
        "HOME": str(home), "PATH": path,
    }))
    assert f" in {os.path.expanduser(place)}, for Python " in lines[0]


def test_prefix_may_be_relative(install, home):
    done(install("--prefix", "a place"))
    assert version(home / "a place") == version(home / "a place", "fjd")
    done(install("--uninstall", "--prefix", "a place"))
    assert not (home / "a place").exists()


def test_what_was_there_before_stays(install, local):
    (local / "bin").mkdir(parents=True)
    other = local / "bin" / "other"
    other.write_text("")
    done(install())
    mine = local / "lib" / "fjd" / "mine"
    mine.write_text("")
    lines = done(install("--uninstall"))
    assert lines[-1] == (
        f"Left: {local}/lib/fjd, with what is yours.")
    assert sorted(tree(local)) == sorted(map(str, [
        local, local / "bin", other, local / "lib", local / "lib" / "fjd",
        mine,
    ]))


def test_command_of_another_program_is_not_replaced(install, local):
    (local / "bin").mkdir(parents=True)
    (local / "bin" / "fjd").write_text("not ours")
    before = tree(local)
    result = install()
    assert (result.returncode, result.stdout) == (1, "")
    assert result.stderr.splitlines() == [
        f"install.sh: error: {local}/bin/fjd: not from here",
        "    try: removing it, or: pip uninstall fjd",
    ]
    assert tree(local) == before


def test_path_is_only_mentioned_if_it_is_needed(install, local):
    line = f'    export PATH="{local}/bin:$PATH"'
    assert done(install())[1:] == [
        "Add this line to the end of ~/.profile, and type it now:", line,
    ]
    path = f"{local}/bin:{os.path.dirname(PYTHON)}:{SYSTEM}"
    assert len(done(install(PATH=path))) == 1


@pytest.mark.parametrize("shell, there, file", [
    ("bash", [], ".profile"),
    ("bash", [".profile", ".bash_profile"], ".bash_profile"),
    ("bash", [".profile", ".bash_login"], ".bash_login"),
    ("dash", [".bash_profile"], ".profile"),
    ("zsh", [".profile"], ".zshrc"),
    ("fish", [".profile"], ".config/fish/config.fish"),
    ("tcsh", [".profile"], ".cshrc"),
    ("tcsh", [".cshrc", ".tcshrc"], ".tcshrc"),
])
def test_line_for_the_path_is_one_that_the_shell_reads(
    install, home, local, shell, there, file,
):
    for name in there:
        (home / name).write_text("")
    said, line = done(install(SHELL=f"/bin/{shell}"))[1:]
    assert said == f"Add this line to the end of ~/{file}, and type it now:"
    (home / file).parent.mkdir(parents=True, exist_ok=True)
    (home / file).write_text(line.strip() + "\n")
    environ = {"HOME": str(home), "PATH": SYSTEM}
    options = {"bash": "-lc", "dash": "-lc", "zsh": "-ic"}.get(shell, "-c")
    found = run([shell, options, "command -v fjd || which fjd"], env=environ)
    assert found.stdout.splitlines()[-1:] == [str(local / "bin" / "fjd")]


def test_python_that_was_asked_for_runs_the_commands(install, local):
    done(install("--python", PYTHON, PATH=SYSTEM))
    with open(str(local / "bin" / "fjd")) as file:
        assert file.readline() == f"#!{PYTHON}\n"


def test_commands_take_the_python_of_the_path_otherwise(install, local):
    done(install())
    for name in COMMANDS:
        with open(str(local / "bin" / name)) as file:
            assert file.readline() == "#!/usr/bin/env python3\n"


def test_python_under_another_name_is_found(install, local, tmp_path):
    place = tmp_path / "names"
    place.mkdir()
    (place / "python3").symlink_to("/bin/false")
    (place / "python3.13").symlink_to(PYTHON)
    done(install(PATH=f"{place}:{SYSTEM}"))
    with open(str(local / "bin" / "fjd")) as file:
        assert file.readline() == "#!/usr/bin/env python3.13\n"


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


# INSTALL


@pytest.mark.parametrize("shell", ["bash", "dash", "zsh"])
@pytest.mark.parametrize("python, status", [("python3", 0), ("false", 69)])
def test_shell_that_reads_install_stays_as_it_was(
    clone, home, shell, python, status,
):
    script = f"""
        cd {clone.as_posix().replace(' ', chr(92) + ' ')}
        set -- --user --dry-run --python {python}
        look() {{ set | grep -v -e ^_= -e ^LINENO -e '^?' -e ^BASH_ -e ^FUNC \
            -e ^PIPESTATUS -e ^RANDOM -e ^SECONDS -e ^EPOCH -e '^[!#$]' \
            -e ^funcstack -e ^TTYIDLE -e ^status -e ^pipestatus; pwd; umask; }}
        look >"$HOME/before"
        . ./INSTALL "$@" >"$HOME/out" 2>&1
        echo $?
        look >"$HOME/after"
        cmp "$HOME/before" "$HOME/after" && echo same
    """
    lines = done(run([shell, "-c", script]))
    assert lines == [str(status), "same"], run(["cat", "out"]).stdout


def test_install_runs_from_anywhere_and_by_a_link(clone, home, local):
    link = home / "somewhere"
    link.symlink_to(clone / "INSTALL")
    done(run([str(link), "--user"], env={
        "HOME": str(home), "PATH": f"{os.path.dirname(PYTHON)}:{SYSTEM}"}))
    assert version(local)


def test_install_alone_says_what_it_needs(home, clone):
    shutil.copy(str(clone / "INSTALL"), str(home))
    result = run(["./INSTALL", "--user"], cwd=str(home))
    assert (result.returncode, result.stdout) == (1, "")
    assert result.stderr.splitlines() == [
        "INSTALL: error: it needs the files that come with it",
        "    try: get all of fjd, as a clone or as fjd-VERSION.tar.gz, where"
        " you got INSTALL, and run it there",
    ]
