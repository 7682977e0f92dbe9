"""What a test needs that a machine may lack: pytest.mark.needs("zsh", "root").

Each word is a program, or one of OTHERS.  A test is skipped where any of its
needs is missing; one block at the end counts these tests by what they need.
With --all-needs they fail instead: for a machine that has everything.
"""
import functools
import os
import pty
import shutil
import subprocess
from collections import Counter

import pytest

from refusing import CALLS, refusal

MISSING = "not tried here: "
NAMESPACES = """
    ip link add type bridge
    mount -t overlay -o lowerdir=/etc:/usr overlay /mnt
"""
WITHOUT_RIGHTS = ["setpriv", "--bounding-set=-all", "--inh-caps=-all"]
# It can read all, so also the Python and the fjd under test.
OTHER_UID = 12345
AS_OTHER_USER = [
    "setpriv", f"--reuid={OTHER_UID}", f"--regid={OTHER_UID}",
    "--clear-groups", "--inh-caps=+dac_read_search",
    "--ambient-caps=+dac_read_search",
]
IN_USER_NAMESPACE = ["unshare", "--user", "--map-root-user"]
SESSIONS = [
    pytest.param("screen", marks=pytest.mark.needs("screen", "a terminal")),
    pytest.param("tmux", marks=pytest.mark.needs("tmux", "a terminal")),
    "process",
]


def is_root():
    return os.geteuid() == 0


def can_run(*argv):
    return subprocess.call(
        argv, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    ) == 0


def has_terminals():
    try:
        for descriptor in pty.openpty():
            os.close(descriptor)
    except OSError:  # As in a chroot without /dev/pts.
        return False
    return True


def can_refuse():
    try:
        return CALLS and not subprocess.call("true", preexec_fn=refusal([]))
    except subprocess.SubprocessError:
        return False


def has_slurm():
    """Whether FJD_SLURM is a script that starts one, or "running"."""
    script = os.environ.get("FJD_SLURM", "")
    if script == "running":
        return shutil.which("scontrol") and can_run("scontrol", "ping")
    return is_root() and os.access(script, os.X_OK)


OTHERS = {
    "root": is_root,
    # In a container root may be without CAP_SYS_ADMIN.
    "giving up rights": lambda: not is_root() or can_run(
        *WITHOUT_RIGHTS, "true"),
    "another user": lambda: is_root() and can_run(*AS_OTHER_USER, "true"),
    "user namespaces": lambda: can_run(*IN_USER_NAMESPACE, "true"),
    "mount": lambda: is_root() and can_run(
        "unshare", "--mount", "mount", "-t", "tmpfs", "tmpfs", "/mnt"),
    "namespaces": lambda: is_root() and can_run(
        "unshare", "--fork", "--net", "--uts", "--ipc", "--mount", "--pid",
        "sh", "-ec", NAMESPACES),
    "a terminal": has_terminals,
    "seccomp": can_refuse,
    "FJD_LAB": lambda: os.access(os.environ.get("FJD_LAB", ""), os.X_OK),
    "FJD_SLURM": has_slurm,
}


@functools.lru_cache(maxsize=None)
def is_there(need):
    return bool(OTHERS.get(need, lambda: shutil.which(need))())


def check(item):
    """Skip a test, or let it fail, if one of its needs is missing."""
    needs = [need for mark in item.iter_markers("needs") for need in mark.args]
    missing = [need for need in dict.fromkeys(needs) if not is_there(need)]
    if missing:
        stop = pytest.fail if item.config.option.all_needs else pytest.skip
        stop(MISSING + ", ".join(missing))


def told(reports):
    """The line that counts tests by what they would need; "" for none."""
    reasons = [report.longrepr[2] for report in reports]
    missing = Counter(
        need for reason in reasons if MISSING in reason
        for need in reason.partition(MISSING)[2].split(", "))
    counts = [f"{need} ({number} test{'s' * (number > 1)})"
              for need, number in sorted(missing.items())]
    return f"Not tried here: {', '.join(counts)}" if counts else ""
