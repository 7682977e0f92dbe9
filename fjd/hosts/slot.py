"""The slot of a worker: 1..N, unlike that of any other of its project here.

A worker binds an abstract Unix socket (unix(7)) with the lowest number that is
free.  The kernel frees the number when the worker is dead, however it ends,
and keeps it while the worker is only stopped.  Jobs do not inherit it.  Where
there are no such sockets, each slot is 1.
"""
import errno
import os
from binascii import crc32
# The same as in socket, which takes 4 ms to import.
from _socket import AF_UNIX, SOCK_STREAM, socket
from itertools import count
from typing import Any, List

from fjd.proc import pid_namespace

SLOT = "FJD_SLOT"
HELD: List[Any] = []  # the socket, which is closed with this process


def take(root: str) -> None:
    """Set FJD_SLOT to a slot of the project with that root."""
    os.environ[SLOT] = str(bind(root))


def new_socket() -> Any:
    return socket(AF_UNIX, SOCK_STREAM)


def bind(root: str, new_socket: Any = new_socket) -> int:
    """Return the lowest free slot, which is ours until we are dead."""
    try:
        own = new_socket()
        HELD[:] = [own]
        return next(n for n in count(1) if is_bound(own, name_of(root, n)))
    except OSError:
        HELD.clear()
        return 1


def is_bound(own: Any, name: bytes) -> bool:
    """Return whether the name was free and is bound; OSError if none can be.
    """
    try:
        own.bind(name)
    except OSError as error:
        if error.errno != errno.EADDRINUSE:
            raise
        return False
    return True


def name_of(root: str, number: int) -> bytes:
    """Return the name of a slot: of this user, pid namespace and project.

    It may have 108 bytes, so the path has to become a number.
    """
    place = crc32(os.fsencode(os.path.realpath(root)))
    return os.fsencode(
        f"\0fjd-{os.geteuid()}-{pid_namespace()}-{place:08x}-{number}")
