"""Putting an array: its list, then what is missing of its ranges.

A list is streamed: of a million lines, only a block is in memory.  While a put
is under way, the file arrays/.<array>.<stamp>.put is its record (members.py),
so that a second put of the same list does not put the same ranges.
"""
import os
import re
import sys
import time
from itertools import chain, islice
from typing import Any, Callable, Iterable, Iterator, List, NamedTuple, Tuple

from fjd import files, ini, output
from fjd.arrays import list_of
from fjd.errors import BadJob, BadUsage, Busy
from fjd.jobfile import (
    BOM, Job, job_of_task, parse, read_job, SECTIONS, value,
)
from fjd.ledger import CLEANED, escape, read_entries
from fjd.members import BEAT, myself, read_member
from fjd.names import (
    CONTROL, LONGEST_ARRAY_NAME, new_token, printable, Range, Stamps,
)
from fjd.newjob import checked_name, LONGEST_WORD
from fjd.project import Project
from fjd.verbs.arrayfind import parts_of, STAMP, Target
from fjd.verbs.newarray import (
    BLOCK, Common, draft_of, is_same, link, put_range, ranges,
)
from fjd.verbs.overview import server_time

MOST = 999_999_999  # tasks of an array, by the grammar of names
LONG = LONGEST_WORD // 8  # bytes of a line that are checked with the command
TOGETHER = 4096  # lines written at a time
PUT = ".put"  # the suffix of a put's record
NEWLINE = re.compile(b"\n")
SHARED = ("nice", "timeout", "retries")  # keys of a job file for its tasks
Interval = Tuple[int, int]  # the first and the last of some tasks


class Put(NamedTuple):
    """How many tasks of an array were put, how many were there before, and
    how many there are.
    """

    array: str
    tasks: int
    before: int
    all: int

    def __str__(self) -> str:
        text = f"{printable(self.array)}: {counted(self.tasks)}"
        if self.before:
            text += f"; {self.before} of {self.all} were put before"
        return text


def counted(tasks: int) -> str:
    return f"{tasks} task{'' if tasks == 1 else 's'}"


# What a person gives

def put_words(project: Project, options: Any, directory: str) -> int:
    """Put the array of a command line; return the exit status."""
    if options.array and options.list is not None:
        raise BadUsage("put: give either --array or --list")
    command = " ".join(options.words)
    name = options.name or default_name()
    if options.array:
        if not command.strip():
            raise BadUsage("put: --array needs a command")
        lines = numbers(options.array)
    else:
        if options.words and "{}" not in command:
            raise BadUsage(
                "put: the command has no {}, which stands for the line",
                f"try: fjd put --list {printable(options.list)} --name NAME"
                " './simulate {}'")
        lines = typed_list(options.list, bool(options.words))
    try:
        common = checked(Common(command if options.words else "", directory))
        put_array(project, name, common, lines, options.chunk, output.show)
    except BadJob as error:
        output.complain(f'"{printable(name)}": not put: {error}')
        return BadUsage.exit_code
    return 0


def put_file(
    project: Project, path: str, name: str, directory: str, chunk: int,
) -> bool:
    """Put the array that a job file describes; False if it describes none.

    BadJob: it is bad.
    """
    keys = keys_of_array(path)
    if not keys:
        return False
    command = keys.get("executable") or ""
    place = os.path.expanduser(keys.get("directory") or "")
    place = os.path.join(directory, place) if place else directory
    if "array" in keys and "list" in keys:
        raise BadJob("it has both array and list: one is wanted")
    for key in SHARED:
        value(keys, key, "0")
    common = checked(Common(command, place, tuple(
        (key, keys[key]) for key in SHARED if keys.get(key))))
    if "array" in keys:
        match = re.fullmatch("1-([1-9][0-9]{0,8})", keys["array"] or "")
        if not match:
            raise BadJob(f"array: 1-N, not {keys['array']!r}")
        if not command:
            raise BadJob("an array needs 'executable'; only a list may do"
                         " without")
        lines = numbers(int(match.group(1)))
    else:
        if command and "{}" not in command:
            raise BadJob("executable: it has no {}, which stands for the line")
        listed = os.path.expanduser(keys["list"] or "")
        here = os.path.dirname(os.path.abspath(path))
        lines = file_lines(os.path.join(here, listed), bool(command))
    put_array(project, name, common, lines, chunk, output.show)
    return True


def keys_of_array(path: str) -> dict:
    """Return the keys of a job file that describes an array, else none."""
    _, data = files.read(path)
    data = data[len(BOM):] if data.startswith(BOM) else data
    try:
        found = ini.sections(os.fsdecode(data))
    except ini.Error:
        return {}
    keys = next((found[name] for name in SECTIONS if name in found), {})
    return keys if "array" in keys or "list" in keys else {}


def default_name() -> str:
    now = time.time()
    stem = time.strftime("%Y%m%d-%H%M%S", time.localtime(now))
    return f"{stem}.{int(now % 1 * 1000):03}"


def checked_array(name: str) -> str:
    """Return the name of an array; BadJob if it is bad."""
    array = checked_name(name)
    if len(os.fsencode(array)) > LONGEST_ARRAY_NAME:
        raise BadJob("its name is longer than"
                     f" {LONGEST_ARRAY_NAME} bytes")
    if ":" in array or "=" in array:
        raise BadJob("the name of an array may not contain : or =")
    if STAMP.search(array):
        raise BadJob("its name ends with a stamp of fjd")
    return array


def checked(common: Common) -> Common:
    """Return what tasks share; BadJob if a range cannot record it."""
    texts = [common.directory, common.command, *dict(common.keys).values()]
    if any(map(CONTROL.search, texts)):
        raise BadJob("the command or the directory holds a control character;"
                     " put the command into a script")
    job = job_in(common)
    if (job.command, job.directory) != (common.command, common.directory):
        raise BadJob("the command or the directory begins or ends with a"
                     " blank, or has many in a row; put the command into a"
                     " script")
    return common


def job_in(common: Common) -> Job:
    """Return what a worker reads in the file of a range."""
    from stat import S_IFREG
    return parse(S_IFREG, os.fsencode(common.text(0)), "")


# Lines

def numbers(last: int) -> Iterator[bytes]:
    """Yield the lines 1 to last, some at a time."""
    for first in range(1, last + 1, TOGETHER):
        block = range(first, min(first + TOGETHER, last + 1))
        yield "".join(map("%d\n".__mod__, block)).encode()


def typed_list(path: str, has_command: bool) -> Iterator[bytes]:
    """Yield the wanted lines of a file, or of standard input for -."""
    if path != "-":
        return file_lines(path, has_command)
    if not sys.stdin or sys.stdin.isatty():
        raise BadUsage("put: --list - reads the list from standard input,"
                       " which is a terminal")
    return wanted(sys.stdin.buffer, has_command)


def file_lines(path: str, has_command: bool) -> Iterator[bytes]:
    try:
        with open(path, "rb") as file:
            yield from wanted(file, has_command)
    except OSError as error:
        if error.filename != path:
            raise  # It is about another file: one of ours.
        raise BadJob(f"{printable(path)}: {error.strerror}")


def wanted(lines: Iterable[bytes], has_command: bool) -> Iterator[bytes]:
    """Yield the lines that are tasks, some at a time.

    Without a command also those that begin with # are none.
    """
    found: List[bytes] = []
    for number, line in enumerate(lines, 1):
        text = line.strip()
        if not text or not has_command and text[:1] == b"#":
            continue
        if b"\0" in line:
            raise BadJob(f"line {number} of the list holds a NUL byte")
        found.append(line.rstrip(b"\r\n") + b"\n")
        if len(found) == TOGETHER:
            yield b"".join(found)
            found = []
    yield b"".join(found)


def escaped(values: Iterable[Any]) -> Iterator[bytes]:
    """Yield the lines of any values, which may hold newlines."""
    left = iter(values)
    while True:
        block = [f"{escape(str(text))}\n" for text in islice(left, TOGETHER)]
        if not block:
            return
        data = os.fsencode("".join(block))
        if b"\0" in data:
            raise BadJob("a value holds a NUL byte")
        yield data


# The put

def put_array(
    project: Project, name: str, common: Common, lines: Iterator[bytes],
    chunk: int = 0,
    say: Callable[[str], None] = lambda line: None,
) -> Put:
    """Put an array, or what is missing of it; BadJob: it cannot be put.

    Busy: another process is putting it.
    """
    array = checked_array(name)
    return Putting(project, array, common).put(lines, chunk, say)


class Putting:
    """A put of one array."""

    def __init__(self, project: Project, array: str, common: Common) -> None:
        self.project = project
        self.array = array
        self.common = common
        self.here = myself()
        self.stamps = Stamps(new_token(time.time()))
        self.stamp = self.stamps.new()
        self.record = f".{array}.{self.stamp}{PUT}"
        self.next_beat = 0.0

    def put(
        self, lines: Iterator[bytes], chunk: int, say: Callable[[str], None],
    ) -> Put:
        draft = draft_of(self.project, self.array, self.stamp)
        self.project.enrol("arrays", self.record, self.here.record("none"))
        try:
            number = self.write_list(draft, lines)
            missing = self.missing(draft, number)
            return self.put_ranges(number, chunk, missing, say)
        finally:
            self.project.discard(draft)
            self.project.discard(self.project.path("arrays", self.record))

    def write_list(self, draft: str, lines: Iterator[bytes]) -> int:
        """Write a draft of the list; return the number of its lines."""
        number = 0
        descriptor = self.project.files.open_own(draft)
        try:
            for block in lines:
                self.check(block, number)
                number += block.count(b"\n")
                self.project.files.append(draft, descriptor, block)
                self.beat()
            self.project.files.sync(draft, descriptor)
        finally:
            self.project.files.close(descriptor)
        if not number:
            raise BadJob("the list is empty")
        if number > MOST:
            raise BadJob(f"the list has more than {MOST} lines")
        return number

    def check(self, block: bytes, before: int) -> None:
        """Refuse a line that is too long for the argument of a program."""
        if len(block) < LONG:
            return
        for number, line in enumerate(block.split(b"\n"), before + 1):
            if len(line) < LONG:
                continue
            job = job_of_task(job_in(self.common), os.fsdecode(line))
            if max(map(len, map(os.fsencode, job.argv))) >= LONGEST_WORD:
                raise BadJob(f"the command of task {number} is longer than"
                             f" {LONGEST_WORD} bytes")

    def missing(self, draft: str, number: int) -> List[Interval]:
        """Name the list; return the tasks that no range holds, in order."""
        project, array = self.project, self.array
        path = list_of(project, array)
        if not project.files.is_there(path) and was_used(project, array):
            raise BadJob("the ledger has records of an earlier array of that"
                         " name; choose another name")
        # RACE: only the put that names the list knows that no range is there.
        if link(project, draft, path):
            return [(1, number)]
        if not is_same(project, draft, path):
            raise BadJob("there is an array of that name with another list")
        self.check_others()
        found = intervals(project, array, self.check_common)
        return list(gaps(found, number))

    def check_others(self) -> None:
        """Raise Busy if another process puts this array."""
        now = server_time(self.project, self.here)
        for path in self.project.files.drafts(
                self.project.path("arrays"), f".{self.array}."):
            stem, _, stamp = path[1:].rpartition(".")[0].rpartition(".")
            is_other = path.endswith(PUT) and path != self.record
            if stem != self.array or not stamp or not is_other:
                continue
            if not read_member(self.project, "arrays", path).seems_dead(
                    now, self.here):
                raise Busy(f"{printable(self.array)}: another fjd put puts it")

    def check_common(self, path: str) -> None:
        """Raise BadJob if a range has another command."""
        try:
            job = read_job(self.project.files, path)
        except FileNotFoundError:
            return  # RACE: it has moved.
        assert job.tasks
        wanted = job_in(self.common)
        found = job._replace(tasks=job.tasks._replace(offset=0), written=0.0)
        if found != wanted:
            raise BadJob(
                "there is an array of that name and list with another command,"
                f" directory or key (command: {printable(found.command)})")

    def put_ranges(
        self, number: int, chunk: int, missing: List[Interval],
        say: Callable[[str], None],
    ) -> Put:
        """Put the ranges of missing tasks; report how many at the end."""
        tasks, all_missing = 0, sum(b - a + 1 for a, b in missing)
        before = number - all_missing
        parts = list(clipped(ranges(number, chunk), missing))
        offsets = offsets_of(self.project, self.array, parts)
        try:
            for (first, last), offset in zip(parts, offsets):
                put_range(self.project, self.array, first, last, self.common,
                          offset, self.stamps.new())
                tasks += last - first + 1
                self.beat()
        finally:
            result = Put(self.array, tasks, before, number)
            say(str(result))
            if tasks < all_missing:
                say("The same command puts the others.")
        return result

    def beat(self) -> None:
        """Send a heartbeat, if one is due."""
        now = time.monotonic()
        if now >= self.next_beat:
            self.next_beat = now + BEAT / 2
            self.project.touch("arrays", self.record)


def was_used(project: Project, array: str) -> bool:
    """Return whether a ledger mentions a range of an array.

    Names on disk are used once: late lines and files of an earlier array of
    that name would be taken for those of the new one.
    """
    mark = os.fsencode(f"\t{escape(array)}=")
    for path in project.ledger_files():
        offset, data = 0, b"some"
        while data:
            data = project.files.read(path, BLOCK, offset)[1]
            if re.search(re.escape(mark) + rb"[0-9]+\.[0-9]+-[0-9]", data):
                return True
            offset += BLOCK - 512 if len(data) == BLOCK else len(data)
    return False


def intervals(
    project: Project, array: str, check: Callable[[str], None],
) -> List[Interval]:
    """Return the tasks that the ranges of an array hold, or held until they
    were cleaned; check() is called with the path of one.
    """
    found = {}
    # RACE: one listing may miss a range that is given back meanwhile.
    for _ in range(2):
        for part in parts_of(project, [Target(array)]):
            _, first, last = part.range.key
            found[first, last] = part.found.path(project)
    for path in list(found.values())[:1]:
        check(path)
    start = f"{CLEANED}\t{escape(array)}="
    for entry in read_entries(project, project.ledger_files(),
                              lambda line: line.startswith(start)):
        try:
            part = Range.parse(entry.job)
        except ValueError:
            continue
        found[part.first, part.last] = ""
    return sorted(found)


def gaps(found: Iterable[Interval], number: int) -> Iterator[Interval]:
    """Yield what these intervals leave of 1 to number."""
    next_one = 1
    for first, last in chain(found, [(number + 1, number + 1)]):
        if first > next_one:
            yield next_one, first - 1
        next_one = max(next_one, last + 1)


def clipped(
    parts: Iterator[Interval], missing: List[Interval],
) -> Iterator[Interval]:
    """Yield what of the parts lies in missing intervals; both in order."""
    left = iter(missing)
    gap = next(left, None)
    for first, last in parts:
        while gap and gap[0] <= last:
            if gap[1] >= first:
                yield max(first, gap[0]), min(last, gap[1])
            if gap[1] > last:
                break
            gap = next(left, None)


def offsets_of(
    project: Project, array: str, parts: Iterable[Interval],
) -> Iterator[int]:
    """Yield where the line of the first task of each part begins."""
    begins = line_begins(project, list_of(project, array))
    before = 0
    for first, _ in parts:
        yield next(islice(begins, first - before - 1, None))
        before = first


def line_begins(project: Project, path: str) -> Iterator[int]:
    yield 0
    offset, data = 0, b"some"
    while data:
        data = project.files.read(path, BLOCK, offset)[1]
        for newline in NEWLINE.finditer(data):
            yield offset + newline.end()
        offset += len(data)
