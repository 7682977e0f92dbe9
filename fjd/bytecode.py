"""Byte code: read if it is whole, written whole or not at all.

On a full disk, or where files may not grow (ulimit -f), Python leaves cut
files, and cannot start with them again.  So each command runs the text of
this module before it imports anything of fjd, and use() what it defines.

An installed tree, which many machines may share, writes none while it runs:
install.sh does that for each Python that it finds, and hire for others.
"""
import os
import sys
# That is what importlib.machinery has, which takes 3 ms to import.
from _frozen_importlib_external import (
    cache_from_source, FileFinder, SourceFileLoader,
)

PACKAGES = ("fjd", "backports")


class Loader(SourceFileLoader):
    """Python's own, but for files that are not whole."""

    def get_code(self, fullname):
        try:
            return super().get_code(fullname)
        except (EOFError, TypeError, ValueError):  # What marshal raises.
            remove(cache_from_source(self.path))
            return self.source_to_code(self.get_data(self.path), self.path)

    def set_data(self, path, data, *, _mode=0o666):
        """Write byte code; without room Python does without.

        Whatever the umask, only its owner may change it.
        """
        draft = f"{path}.{os.getpid()}"
        try:
            os.makedirs(os.path.dirname(path), 0o755, exist_ok=True)
            flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL
            with open(os.open(draft, flags, _mode & 0o644), "wb") as file:
                file.write(data)
            os.replace(draft, path)
        except FileExistsError:
            pass  # RACE: a process of another host is at it.
        except OSError:
            remove(draft)


def remove(path):
    try:
        os.unlink(path)
    except OSError:
        pass  # It is not there, or not ours.


def use(place, is_installed):
    """Import fjd from there, and what was installed beside it."""
    find = FileFinder.path_hook((Loader, [".py"]))
    ours = tuple(os.path.join(place, name, "") for name in PACKAGES)

    def hook(path):
        if path != place and not os.path.join(path, "").startswith(ours):
            raise ImportError
        return find(path)
    sys.path_hooks.insert(0, hook)
    sys.path.insert(0, place)
    sys.dont_write_bytecode |= is_installed


def optional(name):
    """Import a package that is not part of fjd, though its byte code be cut.

    None is written, for others installed it.  ImportError if it is missing.
    """
    before, sys.dont_write_bytecode = sys.dont_write_bytecode, True
    tag = sys.implementation.cache_tag
    try:
        __import__(name)
    except (EOFError, TypeError, ValueError):  # What marshal raises.
        sys.implementation.cache_tag = None  # PEP 3147: no byte code is read.
        __import__(name)
    finally:
        sys.implementation.cache_tag = tag
        sys.dont_write_bytecode = before
    return sys.modules[name]


def write_all(place):
    """Write all that is not there, and remove what is not whole."""
    before, sys.dont_write_bytecode = sys.dont_write_bytecode, False
    for directory, _, names in os.walk(place):
        for name in names:
            if name.endswith(".py"):
                write(os.path.join(directory, name))
    sys.dont_write_bytecode = before


def write(path):
    try:
        for _ in range(2):  # The second time it is read.
            Loader(path, path).get_code(path)
    except SyntaxError:
        pass  # It is for another Python.


def write_missing():
    """Write that of this Python, if it has none and wants some."""
    place = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
    is_wanted = "PYTHONDONTWRITEBYTECODE" not in os.environ
    if is_wanted and is_stale(os.path.join(place, "fjd", "command.py")):
        write_all(place)


def is_stale(path):
    """Whether a source file is newer than its byte code."""
    try:
        written = os.stat(cache_from_source(path)).st_mtime
        return os.stat(path).st_mtime > written
    except OSError:
        return True
