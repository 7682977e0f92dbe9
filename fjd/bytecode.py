"""Byte code: read if it is complete, written completely or not at all.

On a full disk, or where files may not grow (ulimit -f), Python leaves
truncated files, and cannot start with them again.  So each command runs the
text of this module, and its use(), before it imports anything of fjd.

An installed tree, which many machines may share, writes no byte code while it
runs: install.sh writes it for each Python that it finds, and hire for others.
"""
import os
import sys
# The same objects as in importlib.machinery, which takes 3 ms to import.
from _frozen_importlib_external import (
    cache_from_source, FileFinder, SourceFileLoader,
)

PACKAGES = ("fjd", "backports")


class Loader(SourceFileLoader):
    """Python's own loader, except that it tolerates truncated byte code."""

    def get_code(self, fullname):
        try:
            return super().get_code(fullname)
        except (EOFError, TypeError, ValueError):  # Raised by marshal.
            remove(cache_from_source(self.path))
            return self.source_to_code(self.get_data(self.path), self.path)

    def set_data(self, path, data, *, _mode=0o666):
        """Write byte code, or nothing if there is no room.

        Only its owner may change it, whatever the umask.
        """
        draft = f"{path}.{os.getpid()}"
        try:
            os.makedirs(os.path.dirname(path), 0o755, exist_ok=True)
            flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL
            with open(os.open(draft, flags, _mode & 0o644), "wb") as file:
                file.write(data)
            os.replace(draft, path)
        except FileExistsError:
            pass  # RACE: a process of another host is writing it.
        except OSError:
            remove(draft)


def remove(path):
    try:
        os.unlink(path)
    except OSError:
        pass  # It is missing, or not ours.


def use(place, is_installed):
    """Make fjd importable from place, and the packages beside it."""
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
    """Import a package that is not part of fjd, even if its byte code is cut.

    No byte code is written, as others installed it.  ImportError if missing.
    """
    before, sys.dont_write_bytecode = sys.dont_write_bytecode, True
    tag = sys.implementation.cache_tag
    try:
        __import__(name)
    except (EOFError, TypeError, ValueError):  # Raised by marshal.
        sys.implementation.cache_tag = None  # PEP 3147: no byte code is read.
        __import__(name)
    finally:
        sys.implementation.cache_tag = tag
        sys.dont_write_bytecode = before
    return sys.modules[name]
