"""What fjd doctor finds on this host, and on others by way of a small ssh."""
import errno
import json
import os
import shlex
import shutil
import signal
import sys

import pytest

from helpers import (
    BIN, command, copy_of_project, fjd, LONG, ok, path_without, program, ROOT,
    run, start, wait_until,
)

from fjd import files
from fjd.hosts import latency
from fjd.ownership import ELSEWHERE
from fjd.project import Project
from fjd.verbs import checks, doctor

CHECKS = [
    "python", "load", "room", "home", "clock", "session", "terminal",
    "limits", "limits", "notification", "byte code",
]
SCREEN = 'while [ "$1" != env ]; do shift; done; exec "$@"'
OF_ANOTHER = len(CHECKS) + 1  # ssh and twice home, without the load
KEYS = ["check", "found", "host", "state", "todo"]


@pytest.fixture(autouse=True)
def screen(tmp_path, monkeypatch):
    """One that needs no terminal."""
    program(tmp_path / "screen", SCREEN)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")


def examined(*arguments):
    """The exit code, and what was found, as (state, host, check)."""
    result = fjd("fjd", "doctor", "--json", *arguments)
    assert result.stderr == ""
    found = json.loads(result.stdout)
    assert all(sorted(finding) == KEYS for finding in found)
    return result.returncode, found


def lines_of(*arguments):
    """The exit code, and the lines without those about the load."""
    result = fjd("fjd", "doctor", *arguments)
    assert result.stderr == ""
    lines = result.stdout.splitlines()
    return result.returncode, [line for line in lines if " load: " not in line]


def said(look):
    """What a look finds, as lines without its check."""
    found = doctor.with_errors(look)
    return [finding._replace(check="it").line for finding in found]


def all_files(directory):
    return sorted(str(path) for path in directory.rglob("*"))


# This host

def test_every_check_is_made_and_nothing_is_left(home, project):
    before = all_files(home)
    status, found = examined()
    assert status == 0
    assert [finding["check"] for finding in found] == CHECKS
    assert {finding["host"] for finding in found} == {"localhost"}
    assert all_files(home) == before


def test_lines_say_the_same(project):
    status, lines = lines_of()
    assert status == 0
    behave = "O_EXCL, append, mkdir, rename and rmdir behave"
    assert f"ok    home: {behave}" in lines
    assert "ok    clock: 0 s off the file server's" in lines


def test_project_is_made_if_it_is_missing(home):
    ok("fjd", "doctor", "--project", "new")
    assert (home / ".fjd" / "new" / "jobqueue").is_dir()


def test_project_that_was_open_to_others_is_a_warning(project):
    os.chmod(project.root, 0o755)
    status, lines = lines_of()
    assert status == 0
    assert lines[1] == (
        f"warn  home: {project.root} was open to others; now its mode is 0700"
    )


@pytest.mark.needs("root")
def test_project_of_another_user_fails_and_ends_the_examination(project):
    os.chown(project.root, 12345, 12345)
    status, lines = lines_of("node2")
    assert (status, lines[1:]) == (1, [
        f"FAIL  home: {project.root}: belongs to another user (uid 12345,"
        f" mode 0700); try: do this as that user; or {ELSEWHERE}",
    ])


def test_project_that_others_may_write_to_fails_and_says_what_to_do(project):
    os.chmod(project.path("jobqueue"), 0o777)
    project.put("job1", b"")
    status, lines = lines_of()
    place = project.path("jobqueue")
    assert (status, lines[1:]) == (1, [
        f"FAIL  home: {place}: others may write to it (uid {os.geteuid()},"
        f" mode 0777); try: ls -lAR '{place}'; if all of it is yours:"
        f" chmod -R go-w '{place}'",
    ])


def test_group_that_may_exchange_the_home_is_a_warning(home, project):
    home.chmod(0o775)
    status, lines = lines_of()
    warning, = [line for line in lines if " its group " in line]
    assert status == 0
    assert warning == (
        f"warn  home: {home}: its group may replace what is in it"
        f" (uid {os.geteuid()}, mode 0775); try: chmod g-w"
        f" '{home}'")


def test_file_in_the_place_of_the_project_fails(home):
    (home / ".fjd").write_text("")
    status, lines = lines_of()
    assert (status, lines[1:]) == (
        1, [f"FAIL  home: {home}/.fjd: not a directory"],
    )


def test_load_is_held_against_the_cpus(monkeypatch):
    monkeypatch.setattr(os, "cpu_count", lambda: 4)
    monkeypatch.setattr(os, "getloadavg", lambda: (4.0, 0, 0))
    assert said(checks.look_at_load()) == ["ok    it: 4.0 on 4 CPUs"]
    monkeypatch.setattr(os, "getloadavg", lambda: (4.1, 0, 0))
    assert said(checks.look_at_load()) == [
        "warn  it: 4.1 on 4 CPUs; try: fewer workers",
    ]
    monkeypatch.delattr(os, "getloadavg")
    assert said(checks.look_at_load()) == []


# The home

@pytest.fixture
def disk(tmp_path, monkeypatch):
    """disk(options): the projects are on a small disk of its own."""
    disk = tmp_path / "disk"

    def mount(options):
        disk.mkdir()
        words = ["mount", "-t", "tmpfs", "-o", f"mode=700,{options}",
                 "tmpfs", str(disk)]
        assert run(words).returncode == 0
        monkeypatch.setenv("FJD_DIR", str(disk))
        ok("fjd-dispatcher")
        return disk
    yield mount
    wait_until(lambda: run(["umount", str(disk)]).returncode == 0)


@pytest.mark.needs("mount")
@pytest.mark.parametrize("options", ["size=256K", "nr_inodes=40"])
def test_little_room_is_a_warning_and_none_a_failure(disk, options):
    place = disk(options)
    status, lines = lines_of()
    assert status == 0
    assert lines[1].startswith("warn  room: ")
    assert lines[1].endswith(f" files; {checks.TIDY}")
    with pytest.raises(OSError):
        for number in range(100):
            (place / f"filler{number}").write_bytes(b"x" * 4096)
    before = all_files(place)
    status, lines = lines_of()
    assert status == 1
    assert lines[1].startswith("FAIL  room: ")
    assert lines[1].endswith(f" files; {checks.TIDY}")
    assert lines[2].startswith(f"FAIL  home: {place}/.doctor-")
    assert lines[2].endswith(": No space left on device")
    assert all_files(place) == before


def test_room_of_a_file_system_that_counts_no_files(monkeypatch, home):
    real = os.statvfs(str(home))

    class Uncounted:
        f_bavail, f_frsize, f_files, f_favail = 10**6, 4096, 0, 0

    assert real.f_files
    monkeypatch.setattr(os, "statvfs", lambda path: Uncounted)
    assert said(checks.look_at_room(str(home))) == ["ok    it: 4096 MB"]


@pytest.mark.parametrize("name, replaced, wrong", [
    ("create", lambda path, text="": not open(path, "a").close(), "O_EXCL"),
    ("append", lambda path, descriptor, line: None, "append"),
    ("make_directory", lambda path: not os.makedirs(path, exist_ok=True),
     "mkdir"),
    ("move", lambda source, target: not os.link(source, target), "rename"),
    ("move", lambda source, target: False, "rename"),
])
def test_calls_that_do_not_what_they_should_are_named(
    home, monkeypatch, name, replaced, wrong,
):
    monkeypatch.setattr(files, name, replaced)
    line, = said(checks.look_at_files(str(home)))
    assert line.startswith(f"FAIL  it: {wrong}")
    assert line.endswith(f": not as POSIX demands; {checks.ELSEWHERE}")
    assert os.listdir(str(home)) == []


@pytest.mark.parametrize("off", [-3600, 3600])
def test_clock_that_is_off_is_a_warning(home, monkeypatch, off):
    real = checks.time.time
    monkeypatch.setattr(checks.time, "time", lambda: real() + off)
    assert said(checks.look_at_clock(str(home))) == [
        "warn  it: 3600 s off the file server's; try: timedatectl set-ntp"
        " true, or times in the ledger look odd",
    ]


# Sessions

CANNOT = "Cannot make directory '/run/screen': Permission denied"


@pytest.fixture
def programs(tmp_path, monkeypatch):
    """programs(name=script, ...): of screen and tmux only these are there."""
    def programs(**scripts):
        directory = tmp_path / "programs"
        path = path_without("screen", "tmux", directory=directory)
        for name, script in scripts.items():
            program(directory / name, script)
        monkeypatch.setenv("PATH", path)
        return directory
    return programs


def session_lines():
    return [line for line in lines_of()[1] if " session: " in line]


def test_sessions_that_are_not_installed_are_a_warning(programs):
    programs()
    assert session_lines() == [
        "warn  session: workers live in process (screen is not"
        " installed; tmux is not installed); try: apt-get install screen (as"
        " root)",
    ]


def test_package_that_is_missing_is_a_warning(programs, tmp_path):
    bare = str(programs() / "python3")
    clone = copy_of_project(tmp_path / "clone")
    shutil.rmtree(str(clone / "wheels"))
    result = run([bare, str(clone / "bin" / "fjd"), "doctor"])
    assert (result.returncode, result.stderr) == (0, "")
    assert "\nwarn  session: workers live in process (the Python package" \
        " sh is missing); try: apt-get install python3-sh (as root), or " \
        in result.stdout


@pytest.mark.needs("a terminal")
def test_package_comes_out_of_its_wheel(programs):
    bare = str(programs(screen=SCREEN) / "python3")
    result = run([bare, os.path.join(BIN, "fjd"), "doctor"])
    assert (result.returncode, result.stderr) == (0, "")
    assert "ok    session: workers live in screen" \
        in result.stdout.splitlines()


@pytest.mark.needs("a terminal")
def test_screen_without_a_place_for_its_sockets_is_a_warning(programs):
    programs(screen=f'echo "{CANNOT}"; exit 1')
    assert session_lines() == [
        f"warn  session: workers live in process (screen: {CANNOT};"
        f" tmux is not installed); {checks.SOCKETS['screen']}",
    ]


@pytest.mark.needs("a terminal")
def test_tmux_does_as_well(programs):
    words = 'while [ "$1" != -- ]; do shift; done; shift; exec "$@"'
    programs(screen=f'echo "{CANNOT}"; exit 1', tmux=words)
    assert session_lines() == [
        f"ok    session: workers live in tmux (screen: {CANNOT})",
    ]


@pytest.mark.needs("a terminal")
def test_session_that_does_nothing_is_found_out(home, programs, monkeypatch):
    programs(screen="exit 0")
    monkeypatch.setattr(checks, "SECONDS_TO_RUN", 0.1)
    line, = said(checks.look_at_sessions(str(home)))
    assert "(screen: nothing is run in its session; tmux is not" in line


# What is better known before jobs run

@pytest.mark.parametrize("words, said", [
    ("-n 256", "ok    limits: 256 files may be open"),
    ("-n 90", "warn  limits: 90 files may be open; try: ulimit -n 256, or"
     " more"),
    ("-f 300", "warn  limits: files may have 300 KiB, also the logs of jobs;"
     " try: ulimit -f unlimited, before you start workers"),
    ("-f unlimited", "ok    limits: files may have any size"),
])
def test_limits_are_held_against_what_is_needed(project, words, said):
    doctor = " ".join(map(shlex.quote, command("fjd", "doctor")))
    result = run(["bash", "-c", f"ulimit {words} && {doctor}"])
    assert (result.returncode, result.stderr) == (0, "")
    assert said in result.stdout.splitlines()


def test_lack_of_terminals_is_a_warning(monkeypatch):
    def refuse():
        raise OSError(errno.ENOENT, "out of pty devices")

    assert said(checks.look_at_terminals())[0][:5] in ("ok   ", "warn ")
    monkeypatch.setattr(os, "openpty", refuse)
    assert said(checks.look_at_terminals()) == [
        "warn  it: none can be had: out of pty devices; try: fjd-recruiter"
        " --session process hire",
    ]


@pytest.mark.parametrize("written, variables, state, todo", [
    (1, {}, "ok", ""), (0, {}, "warn", "-m compileall -q "),
    (0, {"PYTHONDONTWRITEBYTECODE": "1"}, "warn",
     "try: unset PYTHONDONTWRITEBYTECODE"),
])
def test_byte_code_that_is_missing_is_a_warning(
    monkeypatch, written, variables, state, todo,
):
    monkeypatch.delenv("PYTHONDONTWRITEBYTECODE", raising=False)
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(checks.compiled, "is_stale", lambda path: not written)
    finding, = checks.look_at_byte_code()
    assert finding.state == state and todo in finding.todo


@pytest.mark.parametrize("is_told", [True, False])
def test_kernel_that_reports_no_files_is_a_warning(
    tmp_path, monkeypatch, is_told,
):
    """In a process of its own: the signal would stay caught."""
    code = f"""
import sys
sys.path.insert(0, {ROOT!r})
from fjd.verbs import checks
if not {is_told}:
    checks.Alarm.watch = lambda self, place: None
    checks.NOTICED = 0.01
print(*checks.look_at_notification({str(tmp_path)!r}))
"""
    before = os.listdir(str(tmp_path))
    result = run([sys.executable, "-c", code])
    assert result.stderr == "" and os.listdir(str(tmp_path)) == before
    state = "ok" if is_told else "warn"
    assert result.stdout.startswith(f"Finding(state='{state}', ")


# Other hosts

SSH = """
# The host is called as it behaves.
while [ "$1" != -- ]; do shift; done
SHELL=/bin/sh
export SHELL
case $2 in
    away) sed "s/link to home/another home/g" | sh -c "$3" ;;
    locked) echo "ada@locked: Permission denied (publickey)." >&2; exit 255 ;;
    chatty)
        printf 'Welcome to [chatty]. '
        sh -c "$3"
        status=$?
        printf 'Bye.\\n'
        exit $status ;;
    mute) echo "[]" ;;
    slow) touch "$HOME/called"; cat "$HOME/gate" ;;
    *) exec sh -c "$3" ;;
esac
"""


@pytest.fixture
def ssh(home, tmp_path, monkeypatch):
    directory = tmp_path / "ssh"
    directory.mkdir()
    program(directory / "ssh", SSH)
    monkeypatch.setenv("PATH", f"{directory}:{os.environ['PATH']}")


@pytest.fixture(autouse=True)
def nothing_stays(home):
    yield
    names = [path.name for path in home.rglob("*")]
    assert [name for name in names if "doctor" in name] == []


def about(host, lines):
    """What is said of a host, without the load."""
    return [line for line in lines if line[6:].startswith(f"{host}: ")]


def test_host_that_shares_the_home_is_examined(ssh):
    status, lines = lines_of("ada@near")
    lines = about("near", lines)
    assert status == 0 and len(lines) == OF_ANOTHER
    assert lines[0] == "ok    near: ssh: no password is asked for"
    assert lines[1].startswith("ok    near: python: 3.")
    assert lines[2].startswith(
        "ok    near: home: shared; a file went there and back in ")


def test_home_that_is_not_shared_fails_and_is_left_alone(ssh, home):
    other = home.parent / "another home"
    other.mkdir()
    status, lines = lines_of("away")
    assert status == 1
    assert about("away", lines)[2:] == [
        "FAIL  away: home: its home is not this one: what is put into"
        f" {other}/.fjd here is not seen there",
    ]
    assert os.listdir(str(other)) == []


def test_host_that_cannot_be_asked_fails_and_others_are_asked(ssh):
    status, lines = lines_of("locked", "mute", "near")
    assert status == 3
    assert about("locked", lines) == [
        "FAIL  locked: ssh: ada@locked: Permission denied (publickey); try:"
        " ssh locked, or put a key into ~/.ssh/authorized_keys",
    ]
    assert about("mute", lines) == [
        "FAIL  mute: ssh: no answer; try: ssh mute",
    ]
    assert len(about("near", lines)) == OF_ANOTHER


def test_login_scripts_may_print(ssh):
    status, lines = lines_of("chatty")
    assert status == 0 and len(about("chatty", lines)) == OF_ANOTHER


def test_hosts_come_from_remote_conf(ssh, project):
    here = os.uname().nodename
    with open(project.path("remote.conf"), "w") as file:
        for name in ("near", "other", here, "localhost"):
            file.write(f"[{name}]\nname: {name}\nworkers: 1\n")
        file.write("[picky]\nname: picky\nworkers: 1\npython: /no/python\n")
    status, found = examined()
    assert {finding["host"] for finding in found} == {
        "localhost", "near", "other", "picky",
    }
    failure, = [finding for finding in found if finding["state"] == "FAIL"]
    assert (failure["host"], failure["check"]) == ("picky", "ssh")
    assert failure["found"] == "no Python 3.6 or later, tried: /no/python"
    assert "remote.conf" in failure["todo"] and status == 3
    status, found = examined("near")
    assert status == 0
    assert {finding["host"] for finding in found} == {"localhost", "near"}
    assert examined("ada@picky")[0] == 3
    assert examined(here, "127.0.0.1")[0] == 0


@pytest.mark.parametrize("text, why", [
    ("[near]\nname: near\n", "[near] workers: it is missing"),
    ("# none yet\n", "no section in it names a host"),
])
def test_wrong_remote_conf_is_said(project, text, why):
    with open(project.path("remote.conf"), "w") as file:
        file.write(text)
    status, lines = lines_of()
    assert (status, lines[-1]) == (
        78, f"FAIL  remote.conf: {file.name}: {why}")


@pytest.mark.parametrize("name", ["a b", "-x", "near:4", "a@-x"])
def test_name_that_is_no_host_is_wrong_usage(name):
    result = fjd("fjd", "doctor", "--", name)
    assert (result.returncode, result.stdout) == (2, "")
    assert f"argument HOST: {name!r} is no host" in result.stderr


def test_without_ssh_others_cannot_be_asked(tmp_path, monkeypatch):
    path = path_without("ssh", directory=tmp_path / "programs")
    monkeypatch.setenv("PATH", path)
    status, lines = lines_of("near")
    assert status == 3
    assert lines[-1] == (
        "FAIL  hosts: ssh is not installed; try: apt-get install ssh (as root)"
    )


def test_interrupted_doctor_leaves_nothing(ssh, home, project):
    os.mkfifo(str(home / "gate"))
    process = start("fjd", "doctor", "slow")
    wait_until((home / "called").exists)
    assert len(os.listdir(project.path("screenlogs"))) == 1
    process.send_signal(signal.SIGINT)
    (home / "gate").write_text("")
    process.communicate(timeout=LONG)
    assert process.returncode == 128 + signal.SIGINT
    assert os.listdir(project.path("screenlogs")) == []


def test_file_that_does_not_come_back_fails(project, monkeypatch):
    """Nobody answers."""
    project.claim_session("doctor-1")
    monkeypatch.setattr(latency, "MOST_SECONDS", 0.2)
    line, = said(checks.look_at_project(project, "doctor-1"))
    assert line == (
        f"FAIL  it: no file went there and back in 0 s; {checks.CACHES}"
    )
    project.forget_session("doctor-1")


def test_file_that_comes_late_is_a_warning(project, monkeypatch):
    monkeypatch.setattr(checks, "LATE", 0.0)
    with latency.answering(project) as witness:
        line, = said(checks.look_at_project(project, witness))
    assert line.startswith("warn  it: shared; a file went there and back in ")
    assert line.endswith(f" s; {checks.CACHES}")


def test_many_letters_are_each_answered(project):
    other = Project(project.root)
    with latency.answering(project) as witness:
        for _ in range(20):
            assert latency.measure(other, witness) < 5
            assert project.names("screenlogs") == [f"{witness}.err"]
    assert project.names("screenlogs") == []


def test_files_of_the_same_time_are_left_alone(project):
    project.claim_session("default.node1.1")
    with latency.answering(project):
        pass
    assert project.names("screenlogs") == ["default.node1.1.err"]
