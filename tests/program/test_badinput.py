"""What people put into a queue by mistake fails alone, with a reason."""
import os
import socket
import tempfile

import pytest

from helpers import command, jobs_in, ledger, remove, run
from needs import is_root, WITHOUT_RIGHTS

pytestmark = pytest.mark.needs("giving up rights")

INI = "[control]\nexecutable: {}\n"
# name: (how to make it, the reason in the ledger and at the end of the log)
TEXTS = {
    "no-executable": ("[control]\nx: 1\n",
                      "no 'executable' in section [control]"),
    "no-section": ("executable: true\n", "no INI file: File contains no"
                   " section headers."),
    "other-section": ("[other]\nexecutable: true\n", "no section [control]"),
    "empty": ("", "the file is empty"),
    "garbage": (b"\x89PNG\r\n\0\x1a\xff" * 9,
                "it is neither an INI file nor an executable program"),
    "unclosed-quote": (INI.format("echo 'a"),
                       "executable: No closing quotation in: echo 'a"),
    "no-command": (INI.format("no-such-program x"),
                   "command not found: no-such-program"),
    "not-executable": (INI.format("/etc/passwd"),
                       "cannot run /etc/passwd: Permission denied"),
    "no-such-path": (INI.format("./no/such/program"),
                     "command not found: ./no/such/program"),
    "bad-nice": (INI.format("true") + "nice: very\n",
                 "nice: a number from -20 to 19, not 'very'"),
    "continued": ("[control]\nexecutable: true\nkey\n  more\n",
                  "no INI file: "),
    "no-x": ("#!/bin/sh\n",
             "it begins with #! but may not be executed (chmod +x)"),
}
PROGRAMS = {
    "no-interpreter": ("#!/no/such/interpreter -x\n",
                       "interpreter not found: '#!/no/such/interpreter -x'"),
    "crlf": ("#!/bin/sh\r\ntrue\r\n", "interpreter not found: '#!/bin/sh\\r'"),
}
OTHERS = {
    "to-nowhere": "cannot read it: Not a directory",
    "unreadable": "cannot read it: Permission denied",
    "directory": "it is a directory, not a file",
    "dangling": "it is a link that leads nowhere",
    "circle": "cannot read it: Too many levels of symbolic links",
    "fifo": "it is a FIFO, not a file",
    "socket": "cannot read it: No such device or address",
}
# A name that no worker can get: what the job is called, and the reason.
NAMES = {
    "new\nline": ("new_line", "its name holds a control character:"
                  " new\\nline"),
    "\x1b[31mred": ("_[31mred", "its name holds a control character:"
                    " \\x1b[31mred"),
    "-rf": ("_rf", "its name begins with a dash: -rf"),
    "l" * 101: ("l" * 100, "its name is longer than 100 bytes: " + "l" * 101),
    "\u00e9" * 60: ("\u00e9" * 50, "its name is longer than 100 bytes: "),
}
GOOD = [
    "a job", "it's", 'a "b"', "$(touch hacked)", "`touch hacked`",
    "a;touch hacked", "j\u00f6b", "x@y~1.z", "*", "a\\b", "'", "%s", "=",
    b"latin\xe9".decode(errors="surrogateescape"), "l" * 100,
]
LEFT = ["backup~", "#draft#", ".hidden"]
# rename(2) moves a directory only if it may be written to.
LOCKED = "locked directory"


class PlainUser:
    """Runs fjd's commands as somebody with no more rights than their own.

    Root gives up all capabilities, and is then asked for rights like others.
    """

    def __init__(self, directory):
        self.directory = directory
        self.home = os.path.join(directory, "home")
        os.mkdir(self.home)

    def run(self, name, *arguments, **environ):
        return run(
            WITHOUT_RIGHTS * is_root() + command(name, *arguments),
            cwd=self.home, env={
                "HOME": self.home, "PATH": os.environ["PATH"], **environ,
            })


@pytest.fixture(scope="module")
def user():
    """A plain user whose queue is full of it, after everything was run."""
    directory = tempfile.mkdtemp(prefix="fjd-plain-", dir="/tmp")
    user = PlainUser(directory)
    queue = os.path.join(user.home, ".fjd", "default", "jobqueue")
    os.makedirs(queue)
    os.chmod(os.path.dirname(queue), 0o700)
    fill(queue)
    hired = user.run("fjd-recruiter", "--session", "process", "hire", "2")
    assert hired.returncode == 0, hired.stderr
    user.result = user.run("fjd-dispatcher")
    yield user
    user.run("fjd-recruiter", "fire")
    remove(directory)


def fill(queue):
    def put(name, text, mode=0o600):
        path = os.path.join(queue, name)
        with open(path, "wb") as file:
            file.write(text if isinstance(text, bytes) else text.encode())
        os.chmod(path, mode)

    for name, (text, _) in TEXTS.items():
        put(name, text)
    for name, (text, _) in PROGRAMS.items():
        put(name, text, 0o700)
    for name in GOOD + LEFT + list(NAMES):
        put(name, INI.format("test -e"))
    put("unreadable", INI.format("true"), 0)
    os.mkdir(os.path.join(queue, "directory"))
    os.mkdir(os.path.join(queue, LOCKED), 0o555)
    os.symlink("/etc/passwd/x", os.path.join(queue, "to-nowhere"))
    os.symlink("nowhere", os.path.join(queue, "dangling"))
    os.symlink("../../../there", os.path.join(queue, "circle"))
    os.symlink("back", os.path.join(queue, "../../../there"))
    os.symlink("there", os.path.join(queue, "../../../back"))
    os.mkfifo(os.path.join(queue, "fifo"))
    before = os.getcwd()
    os.chdir(queue)  # A socket's path must be short.
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind("socket")
    os.chdir(before)


@pytest.fixture(scope="module")
def project(user):
    from fjd.project import Project
    return Project(os.path.join(user.home, ".fjd", "default"))


REASONS = dict(
    [(name, reason) for name, (_, reason) in TEXTS.items()]
    + [(name, reason) for name, (_, reason) in PROGRAMS.items()]
    + list(OTHERS.items()) + list(NAMES.values())
)


def test_dispatcher_ends_and_tells(user):
    assert (user.result.returncode, user.result.stderr) == (3, "")
    summary = f"{len(GOOD)} done, {len(REASONS)} failed, 1 left: "
    assert summary in user.result.stdout
    assert f"and {len(REASONS) - 10} more\n" in user.result.stdout


def test_what_cannot_be_moved_is_said_and_holds_up_nobody(user, project):
    printed = user.result.stdout
    assert printed.count(f"{LOCKED}: left where it is, a directory that") == 1
    assert printed.endswith(
        f"1 job(s) are left in {project.root}: start me again.\n",
    )


def test_each_is_in_one_place(user, project):
    assert jobs_in(project, "done") == sorted(GOOD)
    assert jobs_in(project, "failed") == sorted(REASONS)
    assert sorted(os.listdir(project.path("jobqueue"))) == sorted(
        LEFT + [LOCKED])
    assert project.running() == []


@pytest.mark.parametrize("job", sorted(REASONS))
def test_it_fails_with_the_reason_in_ledger_and_log(project, job):
    rows = [row for row in ledger(project) if row["job"] == job]
    ended = [row for row in rows if row["event"] == "failed"]
    assert len(ended) == 1
    reason = ended[0]["reason"].replace("\\\\", "\\")
    assert reason.startswith(REASONS[job])
    path = project.job_log(ended[0]["attempt"])
    with open(path, encoding="utf-8", errors="surrogateescape") as log:
        last = log.read().splitlines()[-1]
    assert f"{job}: {REASONS[job]}" in last


def test_no_shell_ever_saw_a_name(user):
    assert not os.path.exists(os.path.join(user.home, "hacked"))


def test_only_what_may_be_half_written_was_given_back(project):
    given_back = {
        row["job"] for row in ledger(project) if row["event"] == "given-back"
    }
    assert given_back <= set(REASONS)


def test_a_project_that_may_not_be_looked_at_is_not_said_to_be_none(user):
    closed = os.path.join(user.directory, "closed")
    os.makedirs(os.path.join(closed, "default"))
    os.chmod(closed, 0)
    result = user.run("fjd", "status", FJD_DIR=closed)
    assert (result.returncode, result.stderr) == (
        77, f"fjd: error: {closed}/default: Permission denied\n")


def test_commands_say_when_the_home_may_not_be_written(user):
    os.mkdir(os.path.join(user.directory, "locked"), 0o555)
    result = user.run(
        "fjd-dispatcher", FJD_DIR=os.path.join(user.directory, "locked", "x"),
    )
    assert result.returncode == 77
    assert result.stderr.endswith("/locked/x: Permission denied\n")
    assert result.stderr.count("\n") == 1
