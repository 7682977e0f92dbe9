"""What can go wrong, one class for each thing a user can do about it.

The exit codes are those of the README's table; command.run() alone turns an
error into text and status.  An OSError that nobody expected is os.EX_IOERR.
"""
import os

SOME_FAILED = 3


class FjdError(Exception):
    """One line that says what and why, and a hint that says what to do."""

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
    """Some workers did not come up, or did not leave."""

    exit_code = SOME_FAILED


class Unavailable(FjdError):
    """A program or package that was asked for is not there."""

    exit_code = os.EX_UNAVAILABLE


class Busy(FjdError):
    """Somebody else is at it."""

    exit_code = os.EX_TEMPFAIL


class NotYours(FjdError):
    """Others own a place of fjd's, or could change it."""

    exit_code = os.EX_NOPERM


class Hopeless(FjdError):
    """An error of the system that waiting does not cure."""

    exit_code = os.EX_IOERR


class BadJob(Exception):
    """This job cannot be run; the text says why.  Only the job fails.

    written is when the file was last written to, if more may come, or 0.0.
    """

    written = 0.0
