"""install.sh, step by step: whatever is there before it or in its way."""
import hashlib
import os
import re
import shutil
import signal
import subprocess

import pytest

from helpers import LONG, PIPE, ROOT, run, wait_until
from installing import (
    COMMANDS, done, PYTHON, SYSTEM, tree, version, without_byte_code,
)

pytestmark = pytest.mark.slow
needs, once = pytest.mark.needs, pytest.mark.once
with open(os.path.join(ROOT, "fjd", "requirements.txt")) as pins:
    PINS = dict(re.findall(r"(?m)^(\w\S+) --hash=sha256:(\w+)$", pins.read()))


def test_packages_are_kept_when_they_cannot_be_had_again(
    install, clone, local,
):
    done(install())
    once = without_byte_code(local)
    shutil.rmtree(str(clone / "wheels"))
    assert "Missing" not in done(install())[-1]
    assert without_byte_code(local) == once


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
    found = (local / "lib" / "fjd" / "wheels").glob("*[!E]")
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
    printed = dispatcher.communicate(timeout=LONG)[0].splitlines()
    assert printed[-1] == "[fjd-dispatcher] 4 done, 0 failed"
    assert command("fjd", "audit")[-1].endswith(" 0 not accounted for")


@once
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


@once
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


@once
def test_trace_of_what_was_killed_goes_with_fjd(killed, install, local):
    done(install())
    assert killed.exists()  # That could be one that runs now.
    done(install("--uninstall"))
    assert not local.exists() or os.listdir(str(local)) == []


@once
def test_old_trace_of_what_was_killed_is_removed(killed, install):
    os.utime(str(killed), (0, 0))
    done(install())
    assert not killed.exists()


@once
def test_directory_that_was_made_in_vain_is_removed(install, local):
    (local / "lib" / "fjd").mkdir(parents=True)
    done(install())
    assert len(done(install("--uninstall"))) == 1
    assert not (local / "lib" / "fjd").exists()


@once
def test_nothing_is_left_when_nobody_reads_what_it_prints(clone, home, local):
    reader, writer = os.pipe()
    os.close(reader)
    path = f"{os.path.dirname(PYTHON)}:{SYSTEM}"
    subprocess.run([str(clone / "install.sh"), "--user"], stdout=writer,
                   stderr=PIPE, env={"HOME": str(home), "PATH": path})
    os.close(writer)
    assert list(local.glob(".fjd.new*")) == []


@once
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


@once
def test_prefix_may_end_in_a_slash(install, home, local):
    assert done(install("--prefix", f"{local}/")) == done(install())


@once
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


@once
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


@once
@pytest.mark.parametrize("name", ["../mine", "lib/fjd/../../../mine"])
def test_what_lies_outside_is_never_removed(install, local, home, name):
    done(install())
    (home / "mine").write_text("")
    with open(str(local / "lib" / "fjd" / "installed"), "a") as file:
        file.write(name + "\n")
    done(install("--uninstall"))
    assert (home / "mine").exists()
    assert not local.exists()


@once
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


@once
def test_destdir_is_put_before_the_prefix(install, tmp_path, home):
    lines = done(install("--prefix", "/opt/x y", DESTDIR=str(tmp_path / "d")))
    place = tmp_path / "d" / "opt" / "x y"
    assert len(lines) == 1 and str(place) in lines[0]
    assert sorted(os.listdir(str(place / "bin"))) == COMMANDS
    elsewhere = {"DESTDIR": str(tmp_path / "d")}
    done(install("--uninstall", "--prefix=/opt/x y", **elsewhere))
    assert not place.exists()


@once
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


@once
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


@once
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


@once
def test_path_is_only_mentioned_if_it_is_needed(install, local):
    line = f'    export PATH="{local}/bin:$PATH"'
    assert done(install())[1:] == [
        "Add this line to the end of ~/.profile, and type it now:", line,
    ]
    path = f"{local}/bin:{os.path.dirname(PYTHON)}:{SYSTEM}"
    assert len(done(install(PATH=path))) == 1


@once
@pytest.mark.parametrize("shell, there, file", [
    ("bash", [], ".profile"),
    ("bash", [".profile", ".bash_profile"], ".bash_profile"),
    ("bash", [".profile", ".bash_login"], ".bash_login"),
    ("dash", [".bash_profile"], ".profile"),
    pytest.param("zsh", [".profile"], ".zshrc", marks=needs("zsh")),
    pytest.param("fish", [".profile"], ".config/fish/config.fish",
                 marks=needs("fish")),
    pytest.param("tcsh", [".profile"], ".cshrc", marks=needs("tcsh")),
    pytest.param("tcsh", [".cshrc", ".tcshrc"], ".tcshrc",
                 marks=needs("tcsh")),
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


# INSTALL


@once
@pytest.mark.parametrize("shell", [
    "bash", "dash", pytest.param("zsh", marks=needs("zsh")),
])
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


@pytest.mark.parametrize("script, word", [
    ("INSTALL", "--prefx=/usr"), ("install.sh", "user"),
])
def test_an_error_names_the_script_that_was_typed(clone, script, word):
    result = run([str(clone / script), word])
    assert (result.returncode, result.stdout) == (2, "")
    assert result.stderr == (
        f"{script}: error: {word}: no such option (see --help)\n")
    usage = run([str(clone / script), "--help"]).stdout
    assert usage.startswith(f"usage: ./{script} [--user | ")


def test_install_alone_says_what_it_needs(home, clone):
    shutil.copy(str(clone / "INSTALL"), str(home))
    result = run(["./INSTALL", "--user"], cwd=str(home))
    assert (result.returncode, result.stdout) == (1, "")
    assert result.stderr.splitlines() == [
        "INSTALL: error: it needs the files that come with it",
        "    try: get all of fjd, as a clone or as fjd-VERSION.tar.gz, where"
        " you got INSTALL, and run it there",
    ]
