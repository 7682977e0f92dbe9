"""What fjd run writes into files of its user while jobs end: --results DIR and
--joblog FILE.

--results makes DIR/<argument> with the files stdout, stderr and status.  In
<argument>, a slash, an unprintable character and a dot at its begin are
replaced by _, and it has at most 200 bytes.  If the list has the same name
again, the number of the later job follows: name-17.  Each directory is written
under a dot name and then renamed, so it is there as a whole or not at all.
"""
import os
import time
from collections import deque
from typing import Any, Deque, Dict, Iterator, Optional, Set

from fjd.errors import BadUsage
from fjd.ledger import Entry
from fjd.verbs.copying import BLOCK
from fjd.verbs.listnames import number_in_list
from fjd.verbs.outlet import Unwritable
from fjd.verbs.printed import Printed
from fjd.verbs.results import codes, JOBLOG, line_of_joblog

LONGEST = 200  # bytes of a name
FILES = ("stdout", "stderr")


def check(options: Any) -> None:
    """BadUsage if what the options name cannot be written."""
    try:
        if options.joblog:
            open(options.joblog, "ab").close()
        if options.results:
            os.makedirs(options.results, exist_ok=True)
    except OSError as error:
        name = "--joblog" if error.filename == options.joblog \
            else "--results"
        raise BadUsage(f"{name}: {error.filename}: {error.strerror}")
    if options.results and not os.access(options.results, os.W_OK):
        raise BadUsage(f"--results: {options.results}: you may not write"
                       " there")


def file_name(argument: str, number: str, used: Set[str]) -> str:
    """Return a name for a directory that is not in used, and add it there.

    number: of the job.
    """
    text = "".join(c if c.isprintable() and c != "/" else "_"
                   for c in argument) or "_"
    text = "_" + text[1:] if text[0] == "." else text
    name, suffix = cut(text, LONGEST), ""
    while name in used:
        suffix += f"-{number}"
        name = cut(text, LONGEST - len(suffix)) + suffix
    used.add(name)
    return name


def cut(text: str, size: int) -> str:
    """Return as much of a text as has at most so many bytes."""
    return os.fsencode(text)[:size].decode(errors="ignore")


class Records:
    """The files that a run writes of each end."""

    def __init__(self, printed: Printed, options: Any) -> None:
        self.printed = printed
        self.directory = options.results
        self.used: Set[str] = set()
        self.names: Dict[str, str] = {}
        self.waiting: Deque[Entry] = deque()
        self.current: Optional[Iterator[bool]] = None
        self.ends = 0
        self.joblog: Any = None
        if options.joblog:
            mode = "ab" if options.resume else "wb"
            self.joblog = self.safely(
                open, options.joblog, mode, buffering=0)
            if not os.fstat(self.joblog.fileno()).st_size:
                self.append(JOBLOG)

    @property
    def is_wanted(self) -> bool:
        return bool(self.directory or self.joblog)

    def safely(self, call: Any, *arguments: Any, **how: Any) -> Any:
        """Return call's result; Unwritable says which file cannot be written.
        """
        try:
            return call(*arguments, **how)
        except OSError as error:
            name = error.filename or self.joblog and self.joblog.name
            raise Unwritable(f"{name}: {error.strerror}")

    def expect(self, job: str, argument: str) -> None:
        """Choose the name for a job's directory, in the order of the list."""
        if self.directory:
            self.names[job] = file_name(
                argument, number_in_list(job), self.used)

    def add(self, entry: Entry) -> None:
        """Record an end: at once in the table; its output is to follow."""
        self.ends += 1
        if self.joblog:
            number = number_in_list(entry.job) or str(self.ends)
            self.append(line_of_joblog(number, entry))
        if self.directory:
            self.waiting.append(entry)

    def append(self, line: str) -> None:
        self.safely(self.joblog.write, os.fsencode(line))

    def write(self, until: float) -> bool:
        """Write output until that time (monotonic); return whether all of it
        is written.  After an OSError, call this again.
        """
        while self.waiting and time.monotonic() < until:
            if not self.current:
                self.current = self.files_of(self.waiting[0])
            try:
                is_written = next(self.current, True)
            except OSError:
                self.current = None
                raise
            if is_written:
                self.current = None
                self.waiting.popleft()
        return not self.waiting

    def files_of(self, entry: Entry) -> Iterator[bool]:
        """Write the directory of a job; yield False after each piece."""
        name = self.names.get(entry.job)
        if not name:
            name = file_name(entry.command or entry.job,
                             number_in_list(entry.job), self.used)
        draft = os.path.join(self.directory, f".{name}.{os.getpid()}")
        remove_tree(draft)
        self.safely(os.mkdir, draft)
        for is_errors, kind in enumerate(FILES):
            path = os.path.join(draft, kind)
            with self.safely(open, path, "wb", buffering=0) as file:
                for data in self.pieces(entry, bool(is_errors)):
                    self.write_all(file, data)
                    yield False
        code, signal = codes(entry)
        with self.safely(open, os.path.join(draft, "status"), "wb") as file:
            self.write_all(file, b"%d\n" % (signal + 128 if signal else code))
        self.safely(replace, draft, os.path.join(self.directory, name))

    def write_all(self, file: Any, data: bytes) -> None:
        view = memoryview(data)
        try:
            while view:
                view = view[file.write(view):]
            file.flush()
        except OSError as error:
            raise Unwritable(f"{file.name}: {error.strerror}")

    def pieces(self, entry: Entry, is_errors: bool) -> Iterator[bytes]:
        for part in self.printed.parts(entry):
            at = part.begin
            while part.is_errors == is_errors and at < part.end:
                size = min(BLOCK, part.end - at)
                data = self.printed.read(entry, part.kind, at, size)
                yield data
                at = at + size if data else part.end


def replace(draft: str, path: str) -> None:
    """Give a directory its name; one of an earlier run is removed."""
    try:
        os.rename(draft, path)
    except OSError:
        if not os.path.isdir(path) or os.path.islink(path):
            raise
        before = draft + ".before"
        os.rename(path, before)
        os.rename(draft, path)
        remove_tree(before)


def remove_tree(place: str) -> None:
    from shutil import rmtree  # Late: it takes 4 ms.
    rmtree(place, ignore_errors=True)
