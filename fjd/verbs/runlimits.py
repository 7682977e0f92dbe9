"""Options of fjd run that limit its jobs: how many, how long, how nice.

Each value is checked when the command line is read, before anything is made.
"""
import argparse
import re
from argparse import ArgumentTypeError
from typing import Any, Callable, Tuple

from fjd.hosts.session import available
from fjd.jobfile import KEYS, UNITS
from fjd.newjob import JobFile

MOST = 250  # workers of -j 0
NUMBER = re.compile("[0-9]{1,9}")
SHARE = re.compile("([0-9]{1,9})%")
BESIDE = re.compile("[+-][0-9]{1,9}")
OF_JOBS = ("retries", "timeout", "nice")  # also keys of a job file
Keys = Tuple[Tuple[str, str], ...]


class Workers(argparse.Action):
    """-j: sets how many workers to hire.

    nargs is "?" so that -j -2 comes here, too: for argparse, -2 is another
    option.
    """

    def __call__(
        self, parser: Any, namespace: Any, value: Any, option: Any = None,
    ) -> None:
        try:
            namespace.workers = number_of_workers(value or "")
            namespace.jobs = value
        except ValueError as error:
            parser.error(f"{option} {value or ''}".rstrip() + f": {error}")


def number_of_workers(text: str) -> int:
    """Return how many workers -j means; ValueError says what to write.

    0 is as many as there are jobs: MOST, and fewer if the list is short.
    """
    share = SHARE.fullmatch(text)
    if share:
        return max(1, available() * int(share.group(1)) // 100)
    if BESIDE.fullmatch(text):
        return max(1, available() + int(text))
    if not NUMBER.fullmatch(text):
        raise ValueError(
            "a number is wanted: -j4, -j75% of the CPUs, -j+0 for all CPUs,"
            " -j-1 for all but one (the default), or -j0 for one a job")
    return int(text) or MOST


def typed(number: int) -> str:
    """Return what to type behind -j for so many workers."""
    return "0" if number == MOST else str(number)


def of_key(key: str) -> Callable[[str], str]:
    """Return the type of an option whose value is that of a job file's key.
    """
    pattern, wanted = KEYS[key]

    def checked(text: str) -> str:
        if not re.fullmatch(pattern, text):
            raise ArgumentTypeError(f"{wanted}, not {text!r}")
        return text

    return checked


def seconds(text: str) -> float:
    """Return the seconds that a text such as 0.1, 2 or 1m means."""
    of_key("timeout")(text)
    return float(text.rstrip("smhd")) * UNITS.get(text[-1], 1)


def keys_of(options: Any) -> Keys:
    """Return what the jobs of a run have in common, as in a job file."""
    given = ((key, getattr(options, key)) for key in OF_JOBS)
    return tuple((key, value) for key, value in given if value is not None)


def with_keys(file: JobFile, keys: Keys) -> JobFile:
    """Return the job file with these keys."""
    first, _, rest = file.data.partition(b"\n")
    if file.is_program:
        lines = "".join(f"# fjd: {key}={value}\n" for key, value in keys)
    else:
        lines = "".join(f"{key}: {value}\n" for key, value in keys)
    return file._replace(data=first + b"\n" + lines.encode() + rest)
