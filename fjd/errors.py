"""The errors of fjd, one class for each thing a user can do about it.

The exit codes are those of the README's table.  Only command.run() turns an
error into text and status.  An unexpected OSError is os.EX_IOERR.
"""
import os

SOME_FAILED = 3


class FjdError(Exception):
    """A line with the object and the reason, and a hint with the remedy."""

    exit_code = 1

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.hint = hint


class BadUsage(FjdError):
    """A name or number on the command line cannot be used."""

    exit_code = 2


class BadConfig(FjdError):
    """remote.conf cannot be understood."""

    exit_code = os.EX_CONFIG


class NotHired(FjdError):
    """Some workers did not start, or did not leave."""

    exit_code = SOME_FAILED


class Unavailable(FjdError):
    """A required program or package is missing."""

    exit_code = os.EX_UNAVAILABLE


class Busy(FjdError):
    """Another process is doing this already."""

    exit_code = os.EX_TEMPFAIL


class NotYours(FjdError):
    """Others own a directory of fjd, or could change it."""

    exit_code = os.EX_NOPERM


class Hopeless(FjdError):
    """A system error that waiting does not cure."""

    exit_code = os.EX_IOERR


class BadJob(Exception):
    """This job cannot be run; the text is the reason.  Only the job fails.

    written is the time of the file's last write if more may come, else 0.0.
    """

    written = 0.0
