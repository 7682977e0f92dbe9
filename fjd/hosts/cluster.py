"""The batch systems that workers are hired from: sections of remote.conf.

A section with the key scheduler names no host:

    scheduler   slurm, or another word if all three templates are given
    workers     a number
    options     what sbatch is given, as a shell would split it
    cpus        optional: CPUs of each worker
    idle        optional: the time after which a worker without work leaves,
                60 or 10m
    python, directory
                as for a host
    submit, pending, cancel
                templates: commands for sh, with {n}, {script} and {id}

On the command line, slurm means the only such section, or the defaults.
"""
import math
import os
import re
import shlex
from typing import Any, Dict, Iterable, List, NamedTuple, Optional, Tuple

from fjd.errors import BadUsage
from fjd.hosts.session import KINDS
from fjd.jobfile import KEYS, UNITS
from fjd.members import STAY
from fjd.names import printable

SCHEDULER, SLURM = "scheduler", "slurm"
IDLE = 60  # seconds
TEMPLATES = ("submit", "pending", "cancel")
MOST = 10000  # workers
NUMBER = "[0-9]{1,4}|10000"
PATTERNS = {  # of values, and what is wrong with others
    SCHEDULER: (rf"(?!({'|'.join(KINDS)}|{STAY}|none|host)$)"
                "[a-z][a-z0-9_-]{0,30}", "is no name of a batch system"),
    "workers": (NUMBER, f"is no number from 0 to {MOST}"),
    "options": ("(-.*)?", "does not begin with -"),
    "cpus": ("[1-9][0-9]{0,3}", "is no number from 1 to 9999"),
    "idle": (KEYS["timeout"][0], "is no time above 0, as 60 or 10m"),
    "python": ("[^-].*", "is no command"),
    "directory": ("[~/].*", "is no absolute path"),
    "submit": (".*[{]script[}].*", "names no {script}"),
    "pending": (".*[{]id[}].*", "names no {id}"),
    "cancel": (".*[{]id[}].*", "names no {id}"),
}
NUMBERS = ("workers", "cpus")
LEAST_MINUTES = 5  # of a time limit
HAS_LIMIT = ("--time", "--time-min", "-t")
# Options of sbatch that a section may not have, and why.
OWN = "fjd sets that itself"
NO_ID = "fjd would not see the id"
ELSEWHERE = "fjd asks only this cluster"
ONE = "a worker is one task on one node; use the keys workers and cpus"
REFUSED = {
    "--array": "use the key workers", "-a": "use the key workers",
    "--wait": "hire never waits", "-W": "hire never waits",
    "--wrap": OWN, "--signal": OWN, "--job-name": OWN, "-J": OWN,
    "--output": "it goes to screenlogs/", "-o": "it goes to screenlogs/",
    "--error": "it goes to screenlogs/", "-e": "it goes to screenlogs/",
    "--requeue": "a worker is not started again; its jobs are",
    "--test-only": "it submits nothing", "--parsable": OWN,
    "--quiet": NO_ID, "-Q": NO_ID, "--help": NO_ID, "-h": NO_ID,
    "--usage": NO_ID, "--version": NO_ID, "-V": NO_ID,
    "--nodes": ONE, "-N": ONE, "--ntasks": ONE, "-n": ONE,
    "--clusters": ELSEWHERE, "-M": ELSEWHERE, "--": "it ends the options",
}
CPUS = ("--cpus-per-task", "-c")
# Options of sbatch without a value, which others may follow, as in -Hs.
FLAG = "-[EHIOQVWXhksv]"


class Cluster(NamedTuple):
    """A section with a scheduler; section: its name in remote.conf."""

    section: str = SLURM
    scheduler: str = SLURM
    workers: Optional[int] = None
    options: Tuple[str, ...] = ()
    cpus: int = 0  # 0: what the options say, else 1
    idle: int = IDLE
    python: str = ""
    directory: str = ""
    submit: str = ""
    pending: str = ""
    cancel: str = ""

    @property
    def label(self) -> str:
        """The part of the names of its allocations."""
        text = re.sub("[^A-Za-z0-9-]", "-", self.section).strip("-")
        return text[:40] or "section"  # as arrival.NAME wants it


def cluster_in(name: str, section: Any) -> Cluster:
    """Return the cluster of a section; ValueError says what is bad."""
    found: Dict[str, Any] = {}
    for key in section:
        if key not in PATTERNS:
            raise ValueError(unknown(key))
        try:
            found[key] = checked(key, section[key] or "")
        except ValueError as error:
            raise ValueError(f"{key}: {error}")
    if "workers" not in found:
        raise ValueError("workers: it is missing")
    check_together(found)
    return Cluster(section=name, **found)


def unknown(key: str) -> str:
    if key == "name":
        return "name: a section with a scheduler names no host"
    if key == "gpus":
        return "gpus: the scheduler gives them: options: --gpus-per-task=1"
    return f"{printable(key)}: unknown; keys of a section with a scheduler" \
        f" are {', '.join(PATTERNS)}"


def check_together(found: Dict[str, Any]) -> None:
    """ValueError: these keys do not fit together."""
    check_templates(found)
    given = options_in(found.get("options", ()))
    for option in CPUS:
        if "cpus" in found and option in given:
            raise ValueError(f"options: {option}: there is the key cpus")


def checked(key: str, text: str) -> Any:
    """Return the value of a key; ValueError has the reason if it is bad."""
    pattern, why = PATTERNS[key]
    if not re.fullmatch(pattern, text, re.A | re.S):
        raise ValueError(f"{text!r} {why}")
    if key == "options":
        return words_of(text)
    if key == "idle":
        return idle_in(text)
    if key in ("python", "directory"):
        return os.path.expanduser(text)
    return int(text) if key in NUMBERS else text


def idle_in(text: str) -> int:
    """Return whole seconds, at least one."""
    seconds = float(text.rstrip("smhd")) * UNITS.get(text[-1], 1)
    if not seconds:
        raise ValueError(f"{text!r} {PATTERNS['idle'][1]}")
    return math.ceil(seconds)


def check_templates(found: Dict[str, Any]) -> None:
    """ValueError: a system that fjd does not know needs its templates."""
    given = [key for key in TEMPLATES if key in found]
    if found[SCHEDULER] == SLURM and not given:
        return
    for key in TEMPLATES:
        if key not in given:
            raise ValueError(f"{key}: it is missing; all of"
                             f" {', '.join(TEMPLATES)} are needed")
    if found[SCHEDULER] != SLURM and found.get("options"):
        raise ValueError("options: these are for sbatch; write them into"
                         " submit")


def words_of(text: str) -> Tuple[str, ...]:
    """Return the words of the options; ValueError says what is bad."""
    try:
        words = tuple(shlex.split(text))
    except ValueError as error:
        raise ValueError(f"{text!r}: {str(error).lower()}")
    check_words(words)
    for option, value in options_in(words).items():
        if option in REFUSED and (REFUSED[option], value) != (ONE, "1"):
            raise ValueError(f"{option} is not possible: {REFUSED[option]}")
        if option in HAS_LIMIT:
            check_limit(option, value)
    return words


def check_words(words: Iterable[str]) -> None:
    """ValueError: sbatch would read them in another way than fjd."""
    may_follow = False
    for word in words:
        # Otherwise sbatch would take it for the script.
        if not word.startswith("-") and not may_follow:
            raise ValueError(f"{word!r} belongs to no option")
        if re.match(f"{FLAG}.", word):
            raise ValueError(f"{word!r}: write each option apart")
        may_follow = is_open(word)


def is_open(word: str) -> bool:
    """Return whether the next word may be an option's value."""
    if word.startswith("--"):
        return "=" not in word
    return len(word) == 2 and not re.match(FLAG, word)


def options_in(words: Iterable[str]) -> Dict[str, str]:
    """Return the options with their values, as getopt_long(3) reads them."""
    found: Dict[str, str] = {}
    last = ""
    for word in words:
        if not word.startswith("-"):
            found[last] = word
            continue
        if word.startswith("--"):
            last, _, value = word.partition("=")
            last = spelled(last)
        else:
            last, value = word[:2], word[2:]
        found[last] = value
    return found


def spelled(option: str) -> str:
    """Return an option that may be abbreviated in full, if we care for it."""
    known = [name for name in (*REFUSED, *HAS_LIMIT, *CPUS)
             if name.startswith("--")]
    if option in known or len(option) < 4:
        return option
    near = [name for name in known if name.startswith(option)]
    return near[0] if len(near) == 1 else option


def check_limit(option: str, text: str) -> None:
    seconds = seconds_in(text)
    if seconds is not None and 0 < seconds < 60 * LEAST_MINUTES:
        raise ValueError(
            f"{option}: {text!r} is less than {LEAST_MINUTES} minutes, too"
            " short for a worker: it is told to leave 90 to 150 seconds"
            " before the end")


def seconds_in(text: str) -> Optional[int]:
    """Return a time limit of sbatch(1), in seconds; None: it is none."""
    if not re.fullmatch("([0-9]+-)?[0-9]+(:[0-9]+){0,2}", text):
        return None
    days, dash, rest = text.rpartition("-")
    numbers = [int(number) for number in rest.split(":")]
    if dash:  # days-hours[:minutes[:seconds]]
        numbers = (numbers + [0, 0])[:3]
    elif len(numbers) < 3:  # minutes[:seconds]
        numbers = ([0] + numbers + [0])[:3]
    hours, minutes, seconds = numbers
    return int(days or 0) * 86400 + hours * 3600 + minutes * 60 + seconds


def named_clusters(
    texts: List[str], known: List[Cluster],
) -> Tuple[List[Cluster], List[str]]:
    """Return the clusters that words such as slurm:64 mean, and the others.

    known: the sections of remote.conf.
    """
    clusters: List[Cluster] = []
    others = []
    for text in texts:
        word, colon, number = text.partition(":")
        if not is_system(word, known):
            others.append(text)
            continue
        if any(word in (c.scheduler, SLURM) for c in clusters):
            raise BadUsage(f"hire {printable(text)}: {word} is named twice")
        found = the_only(word, known)
        if colon:
            if not re.fullmatch(NUMBER, number):
                raise BadUsage(f"hire {printable(text)}: {number!r}"
                               f" {PATTERNS['workers'][1]}")
            found = found._replace(workers=int(number))
        if found.workers is None:
            raise BadUsage(f"hire {word}: how many? No section of remote.conf"
                           f" says so; try: hire {word}:4")
        clusters.append(found)
    return clusters, others


def is_system(word: str, known: Iterable[Cluster]) -> bool:
    return word == SLURM or word in [c.scheduler for c in known]


def the_only(word: str, known: List[Cluster]) -> Cluster:
    """Return the section that a word means; BadUsage if it may be several."""
    found = [c for c in known if c.scheduler == word] or known
    if len(found) > 1:
        names = ", ".join(printable(c.section) for c in found)
        raise BadUsage(
            f"hire {word}: which of the sections {names} of remote.conf?",
            "try: hire without arguments, for all of them")
    return found[0] if found else Cluster()
