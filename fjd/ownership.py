"""Ownership: places that others can change are not trusted.

A place is home(), a project, or a directory of a project.  It belongs to this
user, and only this user may write to it.  Everything on its path, from / on
and along every link, belongs to this user or to root, so that nobody else can
replace it.
"""
import errno
import os
import stat
import time
from typing import Any, Callable, Dict, Iterator, List, Set, Tuple

from fjd import files
from fjd.errors import BadUsage, NotYours
from fjd.names import new_token, printable
from fjd.project import DIRECTORIES

ROOT = 0
OPEN = stat.S_IWGRP | stat.S_IWOTH
NOT_CLOSED = stat.S_IRWXG | stat.S_IRWXO
MOST_LINKS = 40  # in one survey; the kernel follows as many on one path
OVERFLOW = "/proc/sys/kernel/overflowuid"
NOBODY = 65534  # the default content of OVERFLOW
MAY_NOT = (errno.EACCES, errno.EPERM, errno.EROFS)
ELSEWHERE = "export FJD_DIR=DIRECTORY, a directory of your own"


class Survey:
    """One look at places, and at everything on their paths."""

    def __init__(self, say: Callable[[str], None]) -> None:
        self.say = say
        self.above: Dict[str, os.stat_result] = {}
        self.ours: Set[Tuple[int, int]] = set()  # devices, our uids there
        self.links = 0

    def claim_home(self, home: str) -> None:
        """Make sure that home is ours alone; create it if it is missing."""
        try:
            self.claim(home)
        except (FileNotFoundError, NotADirectoryError):
            make(home)
            self.above.clear()  # RACE: others may have made a part of it.
            self.claim(home)

    def claim_project(self, root: str) -> int:
        """Do the same for a project; return the uid of our files there."""
        owner = self.claim(root, NOT_CLOSED)
        for name in os.listdir(root):
            path = os.path.join(root, name)
            try:
                if name in DIRECTORIES:
                    self.claim(path)
                else:
                    self.see(path)  # For example setup.sh and remote.conf.
            except FileNotFoundError:
                continue  # RACE: it was a draft.
        return owner

    def claim(self, place: str, bits: int = OPEN) -> int:
        """Do the same for one place; return the uid of our files there.

        The place is closed if its mode has one of these bits, except if others
        could have put something into it.
        """
        status = self.reach(place)
        if not stat.S_ISDIR(status.st_mode):
            raise BadUsage(f"{place}: not a directory")
        if not self.is_ours(place, status):
            raise foreign(place, status)
        if status.st_mode & OPEN and is_filled(place, status):
            # RACE: another command of ours may have just closed it.
            if os.stat(place).st_mode & OPEN:
                raise open_to_others(place, status)
        elif status.st_mode & bits:
            self.close(place, status)
        return status.st_uid

    def close(self, place: str, status: os.stat_result) -> None:
        os.chmod(place, stat.S_IRWXU)
        if status.st_mode & OPEN and is_too_late(place, status):
            os.chmod(place, stat.S_IMODE(status.st_mode))
            raise open_to_others(place, status)
        self.say(f"{place} was open to others; now its mode is 0700.")

    def reach(self, path: str) -> os.stat_result:
        """Make sure that nobody else can replace a path; return its status."""
        above = os.path.dirname(path)
        is_shared = above != path and bool(self.enter(above).st_mode & OPEN)
        status = self.see(path, is_shared)
        if not stat.S_ISLNK(status.st_mode):
            return status
        self.links += 1
        if self.links > MOST_LINKS:
            raise OSError(errno.ELOOP, os.strerror(errno.ELOOP), path)
        return self.reach(os.path.join(above, os.readlink(path)))

    def see(self, path: str, is_shared: bool = False) -> os.stat_result:
        """Make sure that a path is ours or root's; return its lstat."""
        status = os.lstat(path)
        if not self.is_trusted(path, status, is_shared):
            raise foreign(path, status)
        return status

    def enter(self, path: str) -> os.stat_result:
        """Do the same for a directory on the path, and for its entries."""
        if path not in self.above:
            status = self.reach(path)
            if status.st_mode & stat.S_IWOTH and not is_sticky(status):
                raise refusal(
                    path, status, "others may replace what is in it",
                    f"chmod o-w {shown(path)}, or {ELSEWHERE}")
            self.above[path] = status
        return self.above[path]

    def is_trusted(
        self, path: str, status: os.stat_result, is_shared: bool,
    ) -> bool:
        """Return whether a path is ours or root's.

        In a user namespace root may be unknown, but where others may make
        files, an unknown owner may be anybody.
        """
        if status.st_uid in (ROOT, os.geteuid()):
            return True
        is_unknown = not is_shared and status.st_uid == unknown_uid()
        return is_unknown or self.is_ours(path, status)

    def is_ours(self, path: str, status: os.stat_result) -> bool:
        """Return whether a path is ours; over NFS or sshfs our uid may differ.
        """
        key = (status.st_dev, status.st_uid)
        if status.st_uid == os.geteuid() or key in self.ours:
            return True
        is_directory = stat.S_ISDIR(status.st_mode)
        if new_uid(path if is_directory else os.path.dirname(path)) == key[1]:
            self.ours.add(key)
        return key in self.ours


class Visit:
    """The file operations of root, who only reads another user's project."""

    def __getattr__(self, name: str) -> Any:
        return getattr(files, name)

    def names(self, directory: str) -> List[str]:
        try:
            return files.names(directory)
        except FileNotFoundError:
            return []  # The user's commands make it when needed.

    def each_name(self, directory: str) -> Iterator[str]:
        return iter(self.names(directory))

    def create(self, path: str, *_: Any) -> bool:
        raise PermissionError(errno.EPERM, os.strerror(errno.EPERM), path)


def make(place: str) -> None:
    """Make a directory and its missing parents, all closed to others."""
    above = os.path.dirname(place)
    if not os.path.lexists(above):
        make(above)
    try:
        files.make_directory(place)
    except (FileNotFoundError, NotADirectoryError):
        pass  # A parent is not a directory.
    check_place(place)


def check_place(place: str) -> None:
    """Raise BadUsage if a place is a file, or a link that leads nowhere."""
    if not os.path.isdir(place):
        raise BadUsage(f"{place}: not a directory")


def is_sticky(status: os.stat_result) -> bool:
    """Return whether others may remove only their own files, as in /tmp."""
    return bool(status.st_mode & stat.S_ISVTX)


def is_filled(place: str, status: os.stat_result) -> bool:
    """Return whether an open directory is sticky or has entries."""
    return is_sticky(status) or bool(os.listdir(place))


def is_too_late(place: str, before: os.stat_result) -> bool:
    """Return whether others have put something there, or it stays open."""
    owners = {entry.stat(follow_symlinks=False).st_uid
              for entry in os.scandir(place)}
    is_open = os.stat(place).st_mode & OPEN
    return bool(is_open or owners - {before.st_uid})


def new_uid(directory: str) -> int:
    """Return the uid of our new files there; -1 if we may not make any."""
    path = os.path.join(directory, f".owner-{new_token(time.time())}")
    try:
        file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except OSError as error:
        if error.errno in MAY_NOT:
            return -1
        raise
    try:
        # RACE: by descriptor, because others may have replaced the path.
        return os.fstat(file).st_uid
    finally:
        os.close(file)
        files.remove(path)


def unknown_uid() -> int:
    """Return the uid that a user namespace shows for unknown users."""
    try:
        with open(OVERFLOW) as file:
            return int(file.read())
    except OSError:
        return NOBODY  # /proc may be hidden.


# Reasons why a place is refused, and remedies

def foreign(path: str, status: os.stat_result) -> NotYours:
    todo = "do this as that user"
    if os.geteuid() != ROOT:
        todo = f"if it should be yours, as root: chown -Rh {os.geteuid()}" \
               f" {shown(path)}"
    is_link = stat.S_ISLNK(status.st_mode)
    why = "is another user's link" if is_link \
        else "belongs to another user"
    return refusal(path, status, why, f"{todo}; or {ELSEWHERE}")


def open_to_others(place: str, status: os.stat_result) -> NotYours:
    todo = ELSEWHERE
    if not is_sticky(status):
        todo = f"ls -lAR {shown(place)}; if all of it is yours:" \
               f" chmod -R go-w {shown(place)}"
    return refusal(place, status, "others may write to it", todo)


def refusal(
    path: str, status: os.stat_result, why: str, todo: str,
) -> NotYours:
    mode = stat.S_IMODE(status.st_mode)
    return NotYours(
        f"{printable(path)}: {why} (uid {status.st_uid}, mode {mode:04o})",
        f"try: {todo}")


def shown(path: str) -> str:
    """Return a path quoted for a shell."""
    from shlex import quote  # Late: errors are rare.
    return quote(printable(path))
