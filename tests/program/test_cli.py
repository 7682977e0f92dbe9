"""Usage, errors and exit codes of each command, as a person meets them."""
import io
import os
import re
import shutil
import signal
import stat
import subprocess
import sys

import pytest

from helpers import command, fjd, LONG, ok, run

from fjd import bytecode
from fjd.errors import BadUsage
from fjd.verbs.put import typed_lines

COMMANDS = ["fjd", "fjd-dispatcher", "fjd-recruiter", "fjd-worker"]
VERBS = {"fjd-recruiter": ["fire"], "fjd": ["audit"]}
RULE = (
    "a name is made of A-Z, a-z, 0-9, _, . and -, begins with a letter, a"
    " digit or _, and has at most 100 characters"
)


@pytest.mark.parametrize("name", COMMANDS)
def test_help_and_version_are_there(name):
    assert ok(name, "--help")[0].startswith(f"usage: {name} [-h]")
    from fjd.revision import version
    assert ok(name, "--version") == [version()]


def test_fire_takes_max_losses_but_does_not_explain_it(home):
    assert "--max-losses" not in "\n".join(ok("fjd-recruiter", "fire", "-h"))
    ok("fjd-recruiter", "hire", "0", "--max-losses", "2")
    ok("fjd-recruiter", "fire", "--max-losses", "2")


@pytest.mark.parametrize("arguments, message", [
    (["fjd-worker", "--foo"], "unrecognized arguments: --foo"),
    (["fjd-worker", "--interval", "0"], "argument --interval: '0' is no"
     " number of seconds above 0, at most 3600"),
    (["fjd-dispatcher", "more"], "unrecognized arguments: more"),
    (["fjd-dispatcher", "--once", "--standby"],
     "--once: not with --keep-running or --standby"),
    (["fjd-dispatcher", "--dead-after", "5"], "argument --dead-after: '5' is"
     " no number of seconds from 20 to 3600"),
    (["fjd-dispatcher", "--max-losses", "0"],
     "argument --max-losses: '0' is no number above 0"),
    (["fjd-recruiter", "hire", "1", "2"],
     "hire: one number, for this machine; HOST:N for others"),
    (["fjd-recruiter", "hire", "-3"], "hire -3: '-3' is no host"),
    (["fjd-recruiter", "hire", "100000"], "hire 100000: '100000' is neither"
     " a number from 0 to 1000 nor auto"),
    (["fjd-recruiter", "hire", "x y"], "hire x y: 'x y' is no host"),
    (["fjd-recruiter", "hire", "a@-x:2"], "hire a@-x:2: 'a@-x' is no host"),
    (["fjd-recruiter", "hire", "a:two"], "hire a:two: 'two' is neither"),
    (["fjd-recruiter", "--session", "byobu", "hire"],
     "argument --session: invalid choice: 'byobu' (choose from "),
    (["fjd-recruiter", "--curdir", "/no such", "hire"],
     "/no such: no such directory"),
])
def test_wrong_usage_is_one_line_and_status_2(arguments, message):
    result = fjd(*arguments)
    prog = re.escape(arguments[0]) + "( hire)?"
    said = re.escape(message)
    assert re.match(f"{prog}: error: {said}", result.stderr)
    assert result.stderr.count("\n") == 1
    assert (result.returncode, result.stdout) == (2, "")


@pytest.mark.parametrize("name", COMMANDS)
@pytest.mark.parametrize("project", ["", "-x", ".x", "a/b", "a b", "..", "é"])
def test_bad_project_name_is_one_line_and_status_2(name, project):
    verb = VERBS.get(name, [])
    result = fjd(name, f"--project={project}", *verb)
    assert result.returncode == 2
    assert result.stderr.startswith(f'{name}: error: project "')
    assert result.stderr.endswith(f": {RULE}\n")
    assert result.stderr.count("\n") == 1
    assert not os.path.exists(os.path.expanduser("~/.fjd"))


def test_missing_verb_is_said():
    result = fjd("fjd-recruiter")
    assert result.returncode == 2 and "hire|fire" in result.stderr


@pytest.mark.parametrize("arguments", [
    ["--project", "p", "--session", "process", "hire", "1"],
    ["hire", "1", "--project", "p", "--session", "process"],
    ["hire", "--project", "p", "1", "--session", "process"],
    ["--session", "process", "hire", "1", "--project=p"],
])
def test_options_stand_before_or_after_the_verb(arguments):
    assert ok("fjd-recruiter", *arguments) == [
        '[fjd-recruiter] Made project "p".',
        '[fjd-recruiter] Hired 1 worker in project "p".',
    ]
    assert ok("fjd-recruiter", "fire", "--project", "p") == [
        '[fjd-recruiter] Fired 1 worker in project "p".',
    ]


@pytest.mark.parametrize("words, environ", [
    (["fire", "--project", "exmaple"], {}), (["fire", "--drain"], {}),
    (["--local-only", "fire"], {"FJD_PROJECT": "exmaple"}),
])
def test_nobody_is_fired_in_a_project_that_is_not_there(
    home, monkeypatch, words, environ,
):
    for name, value in environ.items():
        monkeypatch.setenv(name, value)
    result = fjd("fjd-recruiter", *words)
    assert (result.returncode, result.stdout) == (2, "")
    assert result.stderr.endswith(": there is no such project\n")
    assert not os.path.exists(str(home / ".fjd"))


def test_project_comes_from_the_environment_else_is_default(monkeypatch):
    ok("fjd-dispatcher")
    monkeypatch.setenv("FJD_PROJECT", "other")
    ok("fjd-dispatcher")
    assert sorted(os.listdir(os.path.expanduser("~/.fjd"))) == [
        "default", "other",
    ]


def test_fjd_dir_puts_everything_elsewhere(tmp_path, monkeypatch):
    monkeypatch.setenv("FJD_DIR", str(tmp_path / "else where"))
    ok("fjd-dispatcher")
    assert (tmp_path / "else where" / "default" / "jobqueue").is_dir()
    assert not os.path.exists(os.path.expanduser("~/.fjd"))


def test_projects_directory_may_be_a_link(home, tmp_path):
    (tmp_path / "big disk").mkdir()
    (home / ".fjd").symlink_to(tmp_path / "big disk")
    ok("fjd-dispatcher")
    assert (tmp_path / "big disk" / "default" / "jobqueue").is_dir()


def test_project_that_is_open_to_others_is_closed_and_said(home):
    root = home / ".fjd" / "default"
    root.mkdir(parents=True)
    root.chmod(0o775)
    lines = ok("fjd-dispatcher")
    assert lines[0] == (
        f"[fjd-dispatcher] {root} was open to others; now its mode is 0700."
    )
    assert stat.S_IMODE(root.stat().st_mode) == 0o700
    assert not any("open to others" in line for line in ok("fjd-dispatcher"))


def test_new_project_is_the_users_alone_whatever_the_umask(home):
    old = os.umask(0o002)
    try:
        ok("fjd-dispatcher")
    finally:
        os.umask(old)
    root = home / ".fjd" / "default"
    assert stat.S_IMODE(root.stat().st_mode) == 0o700


@pytest.mark.needs("root")
@pytest.mark.parametrize("name, words", [
    ("fjd", ["put", "--name", "a", "true"]), ("fjd-dispatcher", []),
    ("fjd-recruiter", ["fire"]), ("fjd-worker", []),
])
def test_project_of_another_user_is_refused(home, name, words):
    root = home / ".fjd" / "default"
    root.mkdir(parents=True, mode=0o700)
    os.chown(str(root), 12345, 12345)
    result = fjd(name, *words)
    assert result.returncode == 77
    assert result.stderr.splitlines()[0] == (
        f"{name}: error: {root}: belongs to another user (uid 12345,"
        " mode 0700)"
    )
    assert os.listdir(str(root)) == []


@pytest.mark.parametrize("arguments", [
    ["fjd-dispatcher"], ["fjd", "put", "--name", "a", "true"],
    ["fjd", "run", "--project", "default", "true", ":::", "a"],
])
@pytest.mark.parametrize("place", [".fjd", ".fjd/default"])
@pytest.mark.parametrize("is_link", [False, True])
def test_what_is_no_directory_is_said_and_stays(
    home, arguments, place, is_link,
):
    path = home / place
    path.parent.mkdir(exist_ok=True)
    if is_link:
        path.symlink_to("nowhere")
    else:
        path.write_text("")
        path.chmod(0o644)
    before = path.lstat().st_ctime
    result = fjd(*arguments)
    assert (result.returncode, result.stdout) == (2, "")
    assert result.stderr == f"{arguments[0]}: error: {path}: not a directory\n"
    assert path.lstat().st_ctime == before


def test_run_says_that_its_projects_cannot_be_anywhere(home):
    result = fjd("fjd", "run", "true", ":::", "a",
                 env=dict(os.environ, FJD_DIR="/etc/passwd/x"))
    assert (result.returncode, result.stderr) == (
        2, "fjd: error: /etc/passwd/x: not a directory\n")


def test_asking_in_a_place_that_is_no_directory_finds_no_project(home):
    (home / ".fjd").write_text("")
    result = fjd("fjd", "status")
    assert (result.returncode, result.stderr) == (
        2, f"fjd: error: {home}/.fjd/default: there is no such project\n")


def test_directory_that_is_gone_is_said(home):
    (home / "gone").mkdir()
    argv = command("fjd-recruiter", "hire", "1")
    script = 'cd gone; rmdir ../gone; exec "$@"'
    result = run(["sh", "-c", script, "sh"] + argv)
    assert result.returncode == 2
    assert result.stderr == (
        "fjd-recruiter: error: the current directory does not exist any"
        " more\n"
    )


@pytest.mark.parametrize("name", ["fjd-dispatcher", "fjd-recruiter"])
def test_stdout_that_takes_nothing_is_no_harm(name, project):
    argv = command(name, *(["fire"] if name == "fjd-recruiter" else []))
    with open("/dev/full", "w") as full:
        result = subprocess.run(argv, stdout=full, stderr=subprocess.PIPE)
    assert (result.returncode, result.stderr) == (0, b"")
    closed = run(["sh", "-c", 'exec "$@" >&-', "sh"] + argv)
    assert (closed.returncode, closed.stderr) == (0, "")


def test_no_home_is_said():
    environ = {"PATH": os.environ["PATH"], "HOME": "~"}
    result = run(command("fjd-dispatcher"), env=environ)
    assert result.returncode == 1
    assert "no home directory" in result.stderr


@pytest.mark.parametrize("name", COMMANDS)
def test_commands_run_through_a_link_in_another_directory(tmp_path, name):
    link = tmp_path / name
    link.symlink_to(command(name)[1])
    result = run([command(name)[0], str(link), "--version"])
    assert (result.returncode, result.stderr) == (0, "")


def test_commands_run_from_an_installed_tree(tmp_path):
    """PREFIX/bin/fjd-worker finds PREFIX/lib/fjd/fjd."""
    from helpers import copy_of_project
    clone = copy_of_project(tmp_path / "clone")
    prefix = tmp_path / "pre fix"
    (prefix / "lib" / "fjd").mkdir(parents=True)
    (clone / "bin").rename(prefix / "bin")
    (clone / "fjd").rename(prefix / "lib" / "fjd" / "fjd")
    program = str(prefix / "bin" / "fjd-worker")
    result = run([command("")[0], program, "--version"])
    assert (result.returncode, result.stderr) == (0, "")


@pytest.mark.parametrize("unbuffered", ["", "1"])
@pytest.mark.parametrize("arguments", [
    ["--help"], ["--version"], ["audit"],
])
def test_who_reads_no_more_is_no_harm(project, arguments, unbuffered):
    """As in fjd audit | head -0."""
    reader, writer = os.pipe()
    os.close(reader)
    process = subprocess.Popen(
        command("fjd", *arguments), stdout=writer, stderr=subprocess.PIPE,
        env=dict(os.environ, PYTHONUNBUFFERED=unbuffered),
    )
    os.close(writer)
    assert process.communicate(timeout=LONG)[1] == b""
    # argparse itself forgives that, from Python 3.11 on.
    ends = [128 + signal.SIGPIPE] + [0] * (arguments != ["audit"])
    assert process.returncode in ends


def test_results_that_cannot_be_written_are_an_error(project):
    with open("/dev/full", "w") as full:
        process = subprocess.Popen(
            command("fjd", "audit"), stdout=full, stderr=subprocess.PIPE)
    assert process.communicate(timeout=LONG)[1] == (
        b"fjd: error: standard output: No space left on device\n"
    )
    assert process.returncode == 74


def test_who_types_nothing_more_sees_what_there_is():
    result = fjd("fjd")
    assert (result.returncode, result.stderr) == (2, "")
    assert result.stdout == fjd("fjd", "--help").stdout


@pytest.mark.parametrize("name", COMMANDS)
def test_ctrl_c_while_modules_are_imported_is_quiet(name, tmp_path):
    """The first of them is held up until the signal has come."""
    script = "import os, signal; os.kill(os.getpid(), signal.SIGINT)"
    (tmp_path / "bin").mkdir()
    shutil.copy(command(name)[1], str(tmp_path / "bin"))
    (tmp_path / "fjd").mkdir()
    shutil.copy(bytecode.__file__, str(tmp_path / "fjd"))
    (tmp_path / "fjd" / "__init__.py").write_text("")
    (tmp_path / "fjd" / "command.py").write_text(script)
    result = run([command(name)[0], str(tmp_path / "bin" / name)])
    assert (result.returncode, result.stderr) == (-signal.SIGINT, "")


def test_a_project_that_is_not_there_is_not_made_by_asking(home):
    result = fjd("fjd", "audit", "--project", "nosuch")
    assert (result.returncode, result.stderr) == (
        2, f"fjd: error: {home}/.fjd/nosuch: there is no such project\n",
    )
    assert not os.path.exists(".fjd")


@pytest.mark.parametrize("data, items", [
    (b"", []), (b"a", ["a"]), (b"a\nb\n", ["a", "b"]),
    (b"a\n\nb", ["a", "", "b"]), (b" a \r\n", [" a \r"]),
    (b"\xff\n", ["\udcff"]),
])
def test_an_item_a_line(data, items, monkeypatch):
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(data)))
    assert list(typed_lines()) == items


def test_items_that_end_with_nul_are_refused(monkeypatch):
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(b"a\0b\0")))
    with pytest.raises(BadUsage):
        list(typed_lines())
