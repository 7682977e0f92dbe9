"""What jobs and tasks are called in messages, and how they are listed."""
from typing import List, Sequence

from fjd.ledger import Entry
from fjd.names import printable
from fjd.verbs.listnames import number_in_list

LONGEST_TITLE = 40
MOST_NAMED = 10  # failed jobs in a summary
FEW = 3  # jobs in a line


def listing(entries: List[Entry], number: int) -> str:
    """Return the first entries, of so many jobs and tasks, in one line."""
    named = entries[:MOST_NAMED]
    names = list(map(described, named))
    more = number - sum(map(weight, named))
    if more > 0:
        names.append(f"and {more} more")
    return ", ".join(names)


def weight(entry: Entry) -> int:
    """Return how many jobs or tasks it is about."""
    first, _, last = entry.task.partition("-")
    return int(last) - int(first) + 1 if last else 1


def described(entry: Entry) -> str:
    return f"{title_of(entry)} ({printable(entry.how)})"


def title_of(entry: Entry) -> str:
    """Return a job's name for people: `12: command` for a listed job."""
    first, _, last = entry.task.partition("-")
    if last:
        array = printable(entry.job.rpartition(":")[0])
        return f"{array}: tasks {first} to {last}"
    number = number_in_list(entry.job)
    if not (entry.command and number):
        return printable(entry.job)
    command = printable(entry.command)
    if len(command) > LONGEST_TITLE:
        command = command[:LONGEST_TITLE - 3] + "..."
    return f"{number}: {command}"


def shortened(names: Sequence[str]) -> str:
    """Return the names of jobs or, of many, how many there are and some."""
    if not names:
        return "0 jobs"
    if len(names) <= FEW:
        return ", ".join(map(printable, names))
    first, second, *_, last = map(printable, names)
    return f"{len(names)} jobs ({first}, {second}, ... {last})"


def word_for(entry: Entry) -> str:
    """Return what to type for a job: its number in a list, or its name."""
    number = number_in_list(entry.job) if entry.task else ""
    return number or pasteable(printable(entry.job))


def pasteable(path: str) -> str:
    """Return a path quoted for a shell; a tilde inside is harmless."""
    from shlex import quote
    plain = path.replace("~", "")
    return path if quote(plain) == plain else quote(path)
