"""The names of the jobs and tasks of fjd run."""
import re

LISTED = re.compile("[0-9]+-[0-9a-f]{16}")  # a job
LIST = re.compile("list-([1-9][0-9]{0,8})")  # an array


def number_in_list(job: str) -> str:
    """Return the number of a job or task in the list of its fjd run; "" if
    it is in none.
    """
    if LISTED.fullmatch(job):
        return job.partition("-")[0]
    array, _, task = job.partition(":")
    found = LIST.fullmatch(array) if task.isdecimal() else None
    return str(int(found.group(1)) + int(task) - 1) if found else ""


def mark_of(job: str) -> str:
    """Return the part of a name by which fjd run knows a job of its list."""
    return job.rpartition("-")[2]
