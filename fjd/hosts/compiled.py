"""The writing of byte code (bytecode.py) for an installed tree.

install.sh calls this for each Python that it finds, and hire for others.
"""
import os
import sys

from fjd import bytecode


def write_all(place: str) -> None:
    """Write all missing byte code, and replace truncated files."""
    before, sys.dont_write_bytecode = sys.dont_write_bytecode, False
    for directory, _, names in os.walk(place):
        for name in names:
            if name.endswith(".py"):
                write(os.path.join(directory, name))
    sys.dont_write_bytecode = before


def write(path: str) -> None:
    try:
        for _ in range(2):  # The second call reads the file back.
            bytecode.Loader(path, path).get_code(path)
    except SyntaxError:
        pass  # Its syntax is that of another Python.


def write_missing() -> None:
    """Write the byte code of this Python if it is missing and wanted."""
    fjd = os.path.dirname(os.path.abspath(bytecode.__file__))
    is_wanted = "PYTHONDONTWRITEBYTECODE" not in os.environ
    if is_wanted and is_stale(os.path.join(fjd, "command.py")):
        write_all(os.path.dirname(fjd))


def is_stale(path: str) -> bool:
    """Return whether a source file is newer than its byte code."""
    try:
        written = os.stat(bytecode.cache_from_source(path)).st_mtime
        return os.stat(path).st_mtime > written
    except OSError:
        return True
