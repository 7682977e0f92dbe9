"""The few file operations that the protocol is made of.

Each is about one system call wide, so that the file server, not fjd, decides
between hosts that race for a file.  No code outside this module renames,
creates, touches or removes a file of a project.  The roles get these functions
through Project.files, so that a simulated file system can replace this module.

A stale NFS handle (ESTALE, EREMOTEIO) is tried again here, by path; if it
stays stale, the file counts as gone.  Any other OSError goes to the caller.
"""
import errno
import fcntl
import os
import stat
from functools import lru_cache
from typing import Any, Callable, Iterator, List, Tuple, Union

# Classes of errno.  Passing: the machine or the server is short of something
# for a while.  Final: waiting does not cure it, so the process leaves.  Any
# other, on reading or starting a job, is the fault of that job; any other
# operation is tried again.
PASSING = (
    errno.EAGAIN, errno.ENOMEM, errno.ENFILE, errno.EIO, errno.ENODEV,
    errno.ETIMEDOUT, errno.ENOTCONN, errno.EHOSTDOWN, errno.ETXTBSY,
)
FINAL = (errno.EMFILE, errno.EFBIG, errno.ECHILD, errno.EXDEV)
# The errors of link(2) on a file system without hard links.
NO_LINKS = (errno.EPERM, errno.ENOTSUP, errno.EOPNOTSUPP, errno.EMLINK,
            errno.ENOSYS)
HINTS = {
    errno.EAGAIN: "try: fewer processes, or a higher limit (ulimit -u)",
    errno.ENOMEM: "try: fewer processes, or higher limits (ulimit -v, -u)",
    errno.EMFILE: "try: a higher limit (ulimit -n)",
    errno.ENFILE: "try: fewer processes on this machine",
    errno.EFBIG: "try: a higher limit (ulimit -f)",
    errno.EXDEV: "try: all directories of a project on one file system",
}
STALE = (errno.ESTALE, getattr(errno, "EREMOTEIO", errno.ESTALE))
GONE = STALE + (errno.ENOENT,)  # errors of an open file that was removed
LOCAL = ("btrfs", "ext2", "ext3", "ext4", "tmpfs", "xfs", "zfs")
TRIES = 4
# Bytes and inodes: with less free space, a disk is or recently was full.
LEAST_BYTES, LEAST_INODES = 1 << 20, 16


def is_ours(error: OSError) -> bool:
    """Return whether the error is the fault of this process or its host, and
    not of the requested file or program.
    """
    return error.errno in PASSING + FINAL


def by_path(call: Callable, path: str, *arguments: Any) -> Any:
    """Return call's result; try again while the server reports ESTALE."""
    for _ in range(TRIES):
        try:
            return call(path, *arguments)
        except OSError as error:
            # NFS: another host replaced the file between two calls.
            if error.errno not in STALE:
                raise
    raise FileNotFoundError(errno.ENOENT, "stale file handle", path)


def named(path: str, call: Callable, *arguments: Any) -> Any:
    """Add the path to an error from an open file."""
    try:
        return call(*arguments)
    except OSError as error:
        error.filename = error.filename or path
        raise


def names(directory: str) -> List[str]:
    """Return the files in a directory, unordered, without drafts (.*)."""
    return [name for name in listing(directory) if name[0] != "."]


def drafts(directory: str, start: str) -> List[str]:
    """Return the dot names in a directory that begin with start."""
    return [name for name in listing(directory) if name.startswith(start)]


def each_name(directory: str) -> Iterator[str]:
    """Yield the same as names(), which needs 100 MB for a million.

    NFS: if the directory becomes stale halfway, ESTALE is raised.
    """
    refresh(directory)
    with by_path(os.scandir, directory) as entries:
        for entry in entries:
            if entry.name[0] != ".":
                yield entry.name


def listing(directory: str) -> List[str]:
    """Return all names that the server has now."""
    refresh(directory)
    return by_path(os.listdir, directory)


def refresh(directory: str) -> None:
    """Let the next listing be what the server has now."""
    if is_fuse(directory):
        # sshfs would show a listing some seconds old, except of a directory
        # that was just changed from here (measured).
        by_path(os.utime, directory)


def is_fuse(directory: str) -> bool:
    """Return whether a directory is on FUSE, as with sshfs."""
    return by_path(file_system, directory).startswith("fuse")


def is_local(directory: str) -> bool:
    """Return whether no file server keeps what is written there."""
    return by_path(file_system, directory) in LOCAL


@lru_cache(1024)
def file_system(directory: str) -> str:
    """Return the type of its file system; "" if that is unknown."""
    return type_of(os.stat(directory).st_dev)


@lru_cache()
def type_of(device: int) -> str:
    """Return the type of a file system, by proc(5), "mountinfo"."""
    number = f"{os.major(device)}:{os.minor(device)}"
    try:
        with open("/proc/self/mountinfo") as file:
            mounts = [line.split() for line in file]
    except FileNotFoundError:
        return ""  # Not Linux.
    found = [fields[fields.index("-") + 1] for fields in mounts
             if fields[2] == number]
    return found[-1] if found else ""


def move(source: str, target: str) -> bool:
    """Rename; False if the source or the target's directory is missing.

    NFS: False may also mean that it happened and the answer was lost, so
    callers take it only as a hint; target is a name never used before.
    """
    try:
        by_path(os.rename, source, target)
    except FileNotFoundError:
        # RACE: another process moved it, or removed the directory.
        return False
    return True


def read(
    path: str, limit: int = -1, offset: int = 0,
) -> Tuple[os.stat_result, bytes]:
    """Return the result of fstat, and the bytes from offset on.

    A directory has b"".  NFS: open and fstat ask the server; stat and exists
    may answer from a cache (nfs(5), "Data and metadata coherence").
    """
    return by_path(read_once, path, limit, offset)


def read_once(
    path: str, limit: int, offset: int,
) -> Tuple[os.stat_result, bytes]:
    descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_NOCTTY)
    try:
        status = os.fstat(descriptor)
        if not stat.S_ISREG(status.st_mode):
            return status, b""
        size = status.st_size if limit < 0 else limit
        return status, os.pread(descriptor, size, offset)
    finally:
        os.close(descriptor)


def is_there(path: str) -> bool:
    """Return whether a file or link exists; opening it asks the server."""
    try:
        read(path, 0)
    except FileNotFoundError:
        return is_link(path)
    except OSError as error:
        if is_ours(error):
            raise
        # It exists but cannot be opened: a socket, not readable ...
    return True


def is_link(path: str) -> bool:
    try:
        return stat.S_ISLNK(by_path(os.lstat, path).st_mode)
    except FileNotFoundError:
        return False


def create(
    path: str, text: Union[str, bytes] = "", mode: int = 0o600,
) -> bool:
    """Create a file; False if it exists."""
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL
    try:
        descriptor = by_path(os.open, path, flags, mode)
    except FileExistsError:
        return False
    try:
        try:
            append(path, descriptor, os.fsencode(text))
        finally:
            os.close(descriptor)  # NFS: at the latest, a full disk shows here.
    except OSError:
        os.unlink(path)
        raise
    return True


def touch(path: str) -> None:
    """Set the mtime of our own file to the server's time.

    NFS: this writes its last byte, a newline, again; utime(None) would set
    the client's time on sshfs (measured).
    """
    descriptor = by_path(os.open, path, os.O_WRONLY)
    try:
        last = max(0, length(descriptor) - 1)
        named(path, os.pwrite, descriptor, b"\n", last)
    finally:
        os.close(descriptor)


def size(path: str) -> int:
    """Return the bytes in a file; 0 if it is gone."""
    try:
        return status(path).st_size
    except FileNotFoundError:
        return 0


def status(path: str) -> os.stat_result:
    """Return fstat; st_mtime is the server's time of the last write."""
    return read(path, 0)[0]


def remove(path: str) -> bool:
    """Unlink; False if it is gone."""
    try:
        by_path(os.unlink, path)
    except FileNotFoundError:
        return False  # RACE: a process that buries a worker also does.
    return True


def is_directory(path: str) -> bool:
    return os.path.isdir(path)


def make_directory(path: str) -> bool:
    """Make a directory for this user only; False if it exists."""
    try:
        by_path(os.mkdir, path, 0o700)
    except FileExistsError:
        return False
    return True


def remove_directory(path: str) -> bool:
    """Remove an empty directory; False if it is not empty.  Never a tree."""
    try:
        by_path(os.rmdir, path)
    except FileNotFoundError:
        pass  # RACE: another process did it, or our first try.
    except OSError as error:
        if error.errno not in (errno.ENOTEMPTY, errno.EEXIST):
            raise
        return False
    return True


def open_log(path: str) -> int:
    """Return the descriptor of a new file, to append to and to read back."""
    flags = os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_APPEND
    return by_path(os.open, path, flags, 0o600)


def open_output(path: str) -> int:
    """Return another descriptor of a log, to append to."""
    return by_path(os.open, path, os.O_WRONLY | os.O_APPEND)


def open_own(path: str) -> int:
    """Return the descriptor of a file that only this process appends to."""
    flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND
    return by_path(os.open, path, flags, 0o600)


def is_reusable(descriptor: int) -> bool:
    """Return whether an open file is there, is empty, and nobody else has it
    open (fcntl(2), F_SETLEASE); False if that is unknown, as on NFS.
    """
    status = os.fstat(descriptor)
    if status.st_size or not status.st_nlink:
        return False
    try:
        fcntl.fcntl(descriptor, fcntl.F_SETLEASE, fcntl.F_WRLCK)
        fcntl.fcntl(descriptor, fcntl.F_SETLEASE, fcntl.F_UNLCK)
    except (OSError, AttributeError):
        return False
    return True


def length(descriptor: int) -> int:
    """Return the bytes in an open file."""
    return os.fstat(descriptor).st_size


def has_whole_lines(descriptor: int) -> bool:
    """Return whether the next write begins a line."""
    last = length(descriptor) - 1
    return last < 0 or os.pread(descriptor, 1, last) == b"\n"


def has_room(directory: str) -> bool:
    """Return whether a file system has free space; True if that is unknown."""
    try:
        disk = os.statvfs(directory)
    except OSError:
        return True
    # Some do not know their size (sshfs), or have no inodes (btrfs).
    return (
        disk.f_bavail * disk.f_frsize >= LEAST_BYTES or not disk.f_blocks
    ) and (disk.f_favail >= LEAST_INODES or not disk.f_files)


def sync(path: str, descriptor: int) -> None:
    """Flush an open file, so that a power loss loses no byte of it."""
    named(path, os.fsync, descriptor)


def flush(path: str) -> None:
    """Flush a file that another process wrote, if it exists."""
    try:
        descriptor = by_path(os.open, path, os.O_RDONLY)
    except FileNotFoundError:
        return
    try:
        sync(path, descriptor)
    finally:
        os.close(descriptor)


def link(source: str, target: str) -> bool:
    """Give a file a second name; False if that name exists."""
    try:
        by_path(os.link, source, target)
    except FileExistsError:
        return False
    return True


def close(descriptor: int) -> None:
    os.close(descriptor)


def append(path: str, descriptor: int, line: bytes) -> None:
    """Write a whole line, or nothing and raise (ENOSPC, EFBIG)."""
    sent = 0
    try:
        while sent < len(line):  # A second write raises the reason.
            sent += os.write(descriptor, line[sent:])
    except OSError as error:
        error.filename = error.filename or path
        if sent:
            os.ftruncate(descriptor, length(descriptor) - sent)
        raise


def device(path: str) -> int:
    """Return the device number of the path's file system."""
    return by_path(os.stat, path).st_dev
