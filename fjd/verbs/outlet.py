"""Writing to stdout and stderr without waiting for a slow reader.

The open file may be shared with other processes, so it never gets O_NONBLOCK.
A pipe, a terminal or a socket is given bytes only when select(2) says that it
takes some, and at most PIPE_BUF at a time: then write(2) does not wait.
"""
import errno
import os
import select
import stat
from typing import Any, Optional, Tuple

from fjd.errors import FjdError

LARGE = 1 << 18  # bytes written at a time to a file


class Unwritable(FjdError):
    """A stream cannot be written to; the output of jobs would be lost."""

    exit_code = os.EX_IOERR


class Outlet:
    """The descriptor of a stream; None if it was closed before we began."""

    def __init__(self, file: Any, name: str) -> None:
        self.name = name
        self.descriptor: Optional[int] = None
        self.is_terminal = self.is_regular = False
        self.identity: Tuple[int, int] = (0, 0)
        if file:
            file.flush()
            self.descriptor = file.fileno()
            status = os.fstat(self.descriptor)
            self.identity = (status.st_dev, status.st_ino)
            self.is_regular = stat.S_ISREG(status.st_mode)
            self.is_terminal = os.isatty(self.descriptor)

    def write(self, data: Any, seconds: float) -> int:
        """Write some bytes; return how many: 0 if there is no room for so
        many seconds.

        BrokenPipeError: nobody reads them.
        """
        if self.descriptor is None:
            return len(data)
        try:
            if self.is_regular:
                return os.write(self.descriptor, data[:LARGE])
            _, room, _ = select.select([], [self.descriptor], [], seconds)
            return os.write(self.descriptor, data[:select.PIPE_BUF]) \
                if room else 0
        except BrokenPipeError:
            raise
        except BlockingIOError:
            return 0  # Another process has set O_NONBLOCK.
        except OSError as error:
            if not (self.is_terminal and error.errno == errno.EIO):
                raise Unwritable(f"{self.name}: {error.strerror}")
            self.descriptor = None  # The terminal was closed.
            return len(data)
