"""This host and its processes, as the kernel shows them in /proc (proc(5))."""
import os
from typing import List

from fjd.files import is_ours

MOST = 4096  # bytes of /proc/PID/stat, which has some 300
START = 19  # index of the start time in /proc/PID/stat, from the state on


def boot_id() -> str:
    """Return the boot id of the running kernel; "" if it is hidden."""
    try:
        with open("/proc/sys/kernel/random/boot_id") as file:
            return file.read().strip()
    except OSError:
        return ""  # /proc may be mounted with subset=pid.


def pid_namespace() -> str:
    """Return the inode of our pid namespace; "" if it is hidden."""
    try:
        return str(os.stat("/proc/self/ns/pid").st_ino)
    except OSError:
        return ""


def start_time(pid: int) -> str:
    """Return a process's start in ticks after boot; "" if it has ended."""
    fields = stat_of(pid)
    return "" if fields[0] in "ZX" else fields[START]


def stat_of(pid: int) -> List[str]:
    """Return the fields of proc(5), from the state on; X if it is gone."""
    try:
        file = os.open(f"/proc/{pid}/stat", os.O_RDONLY)
        try:
            return fields_of(os.read(file, MOST))
        finally:
            os.close(file)
    except OSError as error:
        if is_ours(error):
            raise
        return ["X"]


def fields_of(stat: bytes) -> List[str]:
    # The name, in parentheses, may hold anything.
    return stat.rpartition(b")")[2].decode().split()


def is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        pass  # It is alive, and another user's.
    return True
