"""The command of --callback."""
import os
import signal
import subprocess

from fjd.errors import FjdError
from fjd.verbs.summary import Outcome


def call_back(command: str, name: str, outcome: Outcome) -> None:
    """Run a command with the outcome in FJD_*; FjdError if it fails."""
    environ = dict(
        os.environ, FJD_PROJECT=name, FJD_DONE=str(outcome.done),
        FJD_FAILED=str(outcome.number_failed))
    signal.pthread_sigmask(signal.SIG_SETMASK, [])  # The command inherits it.
    if subprocess.call(["/bin/sh", "-c", command], env=environ):
        raise FjdError(f"the callback has failed: {command}")
