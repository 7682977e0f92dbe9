"""Putting an array: its list, then what is missing of its ranges.

While a put is under way, the file arrays/.<array>.<stamp>.put is its record
(members.py), so that a second put of the same list does not put the same
ranges.
"""
import os
import re
import time
from itertools import chain, islice
from typing import Callable, Iterable, Iterator, List, NamedTuple, Tuple

from fjd.arrays import list_of
from fjd.errors import BadJob, Busy
from fjd.jobfile import read_job
from fjd.ledger import CLEANED, escape, read_entries
from fjd.members import BEAT, Here, myself, read_member
from fjd.names import new_token, printable, Range, Stamps
from fjd.project import Project
from fjd.verbs.arrayfind import parts_of, Target
from fjd.verbs.arraylines import check_long, checked_array, job_in
from fjd.verbs.newarray import (
    BLOCK, Common, draft_of, is_same, link, put_range, ranges,
)
from fjd.verbs.overview import server_time

MOST = 999_999_999  # tasks of an array, by the grammar of names
PUT = ".put"  # the suffix of a put's record
NEWLINE = re.compile(b"\n")
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
                check_long(self.common, block, number)
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
        if is_being_put(
                self.project, self.array, self.here, now, self.record):
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
        tasks = sum(last - first + 1 for first, last in missing)
        parts = list(clipped(ranges(number, chunk), missing))
        offsets = offsets_of(self.project, self.array, parts)
        text = f"{printable(self.array)}: not all of its tasks were put; the" \
            " same command puts the others"
        try:
            for (first, last), offset in zip(parts, offsets):
                put_range(self.project, self.array, first, last, self.common,
                          offset, self.stamps.new())
                self.beat()
            result = Put(self.array, tasks, number - tasks, number)
            text = str(result)
        finally:
            say(text)
        return result

    def beat(self) -> None:
        """Send a heartbeat, if one is due."""
        now = time.monotonic()
        if now >= self.next_beat:
            self.next_beat = now + BEAT / 2
            self.project.touch("arrays", self.record)


def is_being_put(
    project: Project, array: str, here: Here, now: float, own: str = "",
) -> bool:
    """Return whether another process puts an array.

    now: the file server's time.  own: the record that does not count.
    """
    arrays = project.path("arrays")
    for name in project.files.drafts(arrays, f".{array}."):
        stem = name[:-len(PUT)].rpartition(".")[0]
        if name.endswith(PUT) and name != own and stem == f".{array}" \
                and not read_member(project, "arrays", name).seems_dead(
                    now, here):
            return True
    return False


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
