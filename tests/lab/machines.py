"""Machines for a test: hosts with ssh that share a home, on one Linux.

A machine is a handful of namespaces of the kernel whose init is an sshd; the
script tests/lab/machine makes it one.  It has a host name, an address, process
ids, /tmp, /run and terminals of its own, and sees what is installed on this
host.  On all of them

    /mnt        is the directory of the test, and /mnt/home the home of
                USER, who may log in from each on each without a password
    /usr/local  is a virtual environment of the Python under test

so that python3 is that Python, with the packages that the tests have.  The
machines hang on a switch, a namespace of the network that leads nowhere.
Nothing outside the directory changes, and what runs in a machine ends with
its init, which ends with the process that made it.
"""
import os
import shutil
import signal
import subprocess
import sys

import pytest

from helpers import copy_of_project, PIPE, run, wait_until

NODES = ["node%d" % number for number in range(1, 17)]
USER, ID, HOME, PASSWORD = "ada", 61234, "/mnt/home", "open sesame"
CRYPTED = "$5$fjd$O2kKoXOmkWtm5GfVtvrI1ZEFs952aTEKaCeHr8VWz30"
NEEDED = (
    "root", "ip", "unshare", "nsenter", "setpriv", "sshd", "ssh", "ssh-keygen",
    "namespaces",
)
PACKAGES = os.path.dirname(os.path.dirname(pytest.__file__))
PREFIX = os.path.realpath(sys.base_prefix)
PYTHON = os.path.realpath(sys.executable)
OWN = ["--net", "--uts", "--ipc", "--mount", "--pid"]
TIED = ["setpriv", "--pdeathsig", "KILL"]  # It ends when its parent does.
BOOT = [
    *TIED, "unshare", "--kill-child", *OWN,
    os.path.join(os.path.dirname(os.path.abspath(__file__)), "machine"),
]
SWITCH = [*TIED, "unshare", "--net", "sh", "-ec", """
    ip link add bridge type bridge
    ip link set bridge up
    echo up
    exec sleep infinity
"""]
ACCOUNT = f"{USER}:{CRYPTED}:{ID}:{ID}::{HOME}:%s\n"
CONFIG = "%s\nPasswordAuthentication no\nHostKey /mnt/%s/key\n"


class Machines:
    """The machines of NODES, all off at first, and the home they share."""

    def __init__(self, place, shell="/bin/bash"):
        self.place = place
        self.home = os.path.join(place, "home")
        self.outer = {}  # The parents of their inits.
        furnish(place, shell)
        self.switch = subprocess.Popen(SWITCH, stdout=PIPE)
        assert self.switch.stdout.readline() == b"up\n"

    def __enter__(self):
        return self

    def __exit__(self, *exception):
        for node in list(self.outer):
            self.end(node)
        self.switch.kill()
        self.switch.communicate()
        shutil.rmtree(self.place)

    # Power and network

    def power_on(self, *nodes, options=()):
        """Return when they answer; options are lines for their sshd."""
        for node in nodes:
            self.boot(node, options)
        for node in nodes:
            wait_until(lambda: self.is_up(node))

    def boot(self, node, options):
        # Of two lines for one option the first counts.
        write(self.path(node, "config"), CONFIG % ("\n".join(options), node))
        with open(self.path(node, "log"), "wb") as log:
            self.outer[node] = subprocess.Popen(
                BOOT + [
                    node, str(self.switch.pid), self.place, PACKAGES, PREFIX,
                    PYTHON, shutil.which("sshd"),
                ], stdin=subprocess.DEVNULL, stdout=log, stderr=log,
            )

    def path(self, *parts):
        return os.path.join(self.place, *parts)

    def is_up(self, node):
        text = read(self.path(node, "log"))
        assert self.outer[node].poll() is None, text
        return "Server listening" in text

    def power_off(self, *nodes):
        """All that runs there dies at once, and closes no connection."""
        for node in nodes:
            self.link("del", node)
            self.end(node)

    def end(self, node):
        outer = self.outer.pop(node)
        for init in children(outer.pid):
            os.kill(init, signal.SIGKILL)
        outer.wait(10)

    def cut(self, node):
        """Let no packet through, to it or from it."""
        self.link("set", node, "nomaster")

    def heal(self, node):
        self.link("set", node, "master", "bridge")

    def link(self, *words):
        net = f"--net=/proc/{self.switch.pid}/ns/net"
        subprocess.check_call(["nsenter", net, "ip", "link", *words])

    def freeze(self, node):
        """Let its sshd answer to nobody whom its kernel lets in."""
        for init in children(self.outer[node].pid):
            os.kill(init, signal.SIGSTOP)

    def install_anew(self, node):
        """What is left of a machine when it is: not its key."""
        make_key(self.path(node, "key"))

    # Programs

    def run(self, node, *words, timeout=60, **how):
        """The completed process of somebody who sits at that machine."""
        process = self.start(node, *words, stdout=PIPE, stderr=PIPE, **how)
        try:
            out, err = process.communicate(timeout=timeout)
        except subprocess.TimeoutExpired:
            process.kill()  # What it started there ends with the machine.
            raise
        return subprocess.CompletedProcess(
            words, process.returncode, out, err)

    def start(
        self, node, *words, directory=HOME, user=USER, env=(), terminal=None,
        **how,
    ):
        """The same in the background, with nothing of our environment; or
        on a terminal, so that it can be asked there.
        """
        session = []
        how.setdefault("stdin", subprocess.DEVNULL)
        if terminal is not None:
            session = ["setsid", "--ctty"]
            how.update(stdin=terminal, stdout=terminal, stderr=terminal)
        init, = children(self.outer[node].pid)
        return subprocess.Popen([
            "nsenter", "--target", str(init), *OWN, "setpriv", "--reuid", user,
            "--regid", user, "--init-groups", "--reset-env", *session,
            "env", "--default-signal=INT", *env,
            "sh", "-c", 'cd "$0" && exec "$@"', directory, *words,
        ], encoding="utf-8", **how)


def children(pid):
    return list(map(int, read(f"/proc/{pid}/task/{pid}/children").split()))


# What machines have in common, and the key of each

def furnish(place, shell):
    for name in ("packages", "etc", "local/bin", "home/.ssh", *NODES):
        os.makedirs(os.path.join(place, name))
    os.chmod(place, 0o755)
    for node in NODES:
        make_key(os.path.join(place, node, "key"))
    make_accounts(os.path.join(place, "etc"), shell)
    make_environment(os.path.join(place, "local"))
    home = os.path.join(place, "home")
    make_log_in(os.path.join(home, ".ssh"), place)
    copy_of_project(os.path.join(home, "fjd"))
    run(["chown", "-R", f"{ID}:{ID}", home])


def make_key(path):
    if os.path.exists(path):
        os.remove(path)
    run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", path])


def make_accounts(etc, shell):
    accounts = read("/etc/passwd") + ACCOUNT % shell
    write(os.path.join(etc, "passwd"), accounts)
    group = f"{USER}:x:{ID}:\n"
    write(os.path.join(etc, "group"), read("/etc/group") + group)
    names = [f"198.18.90.{node[4:]} {node}\n" for node in NODES]
    write(os.path.join(etc, "hosts"), "127.0.0.1 localhost\n" + "".join(names))


def make_environment(local):
    """A virtual environment (PEP 405)."""
    os.symlink(PYTHON, os.path.join(local, "bin", "python3"))
    home = os.path.dirname(PYTHON)
    write(os.path.join(local, "pyvenv.cfg"), f"home = {home}\n")
    library = os.path.join(local, "lib", "python%d.%d" % sys.version_info[:2])
    os.makedirs(library)
    os.symlink("/mnt/packages", os.path.join(library, "site-packages"))


def make_log_in(directory, place):
    """A key that opens the doors of all machines, and theirs are known."""
    os.chmod(directory, 0o700)
    own = os.path.join(directory, "id_ed25519")
    make_key(own)
    shutil.copy(own + ".pub", os.path.join(directory, "authorized_keys"))
    keys = [read(os.path.join(place, node, "key.pub")) for node in NODES]
    known = "".join(f"{node} {key}" for node, key in zip(NODES, keys))
    write(os.path.join(directory, "known_hosts"), known)


def read(path):
    with open(path) as file:
        return file.read()


def write(path, text):
    with open(path, "w") as file:
        file.write(text)
