"""The rules that arrays keep, for fjd audit.

The files of an array hold each task once.  Each task that has ended, by the
name of its range, has one accepted line.  A name says how many have failed,
and a range that has ended lies in done/ exactly if that is none.
"""
import re
from collections import Counter
from typing import Dict, Iterator, List, Set

from fjd.arrays import list_of
from fjd.ledger import DONE, FAILED
from fjd.names import Attempt, is_range_name, printable, STAMP
from fjd.project import ENDED, Project, STATES
from fjd.verbs.acceptance import (
    Chapter, EVENT, NUMBERS, Place, spans, UNLIKE,
)
from fjd.verbs.counted import CANCELLED, Numbers, title
from fjd.verbs.taskbook import Book

PART = 1 << 20  # bytes of a list read at a time
AGAIN = re.compile(rf".+\+{STAMP}", re.S)  # the list of tasks to run again


def findings(book: Book, dead: Set[str]) -> Set[str]:
    """Return a line for each broken rule.  dead: workers."""
    found: Set[str] = set()
    arrays: Dict[str, List[Chapter]] = {array: [] for array in book.arrays}
    for chapter in book.chapters.values():
        if chapter.array in arrays:
            arrays[chapter.array].append(chapter)
            found.update(of_chapter(book, chapter, dead))
    found.update(odd_names(book))
    for array, chapters in arrays.items():
        if not AGAIN.fullmatch(array):
            number = length(book.project, array)
            found.update(of_array(array, number, chapters))
    return found


def of_array(
    array: str, number: int, chapters: List[Chapter],
) -> Iterator[str]:
    """Yield what is wrong with the ranges of an array of so many tasks."""
    held = sorted((chapter.first, chapter.last) for chapter in chapters
                  if chapter.files or chapter.is_cleaned)
    expected = 1
    for first, last in [*held, (number + 1, number)]:
        if first > expected:
            has = "has" if first - 1 == expected else "have"
            yield f"{titled(array, expected, first - 1)} {has} no file; fjd" \
                " cancel is the way to remove tasks"
        elif first < expected and first <= last:
            both = titled(array, first, min(last, expected - 1))
            yield f"{both}: there are two files"
        if last > number:
            yield f"{titled(array, first, last)}: the list has {number} lines"
        expected = max(expected, last + 1)


def of_chapter(
    book: Book, chapter: Chapter, dead: Set[str],
) -> Iterator[str]:
    """Yield what is wrong with a range."""
    files = chapter.files
    if len(files) > 1:
        files = [file for file in files if book.project.files.is_there(
            book.project.path(file.file))] or files[:1]
    if len(files) > 1:
        yield f"{titled(*chapter.key)}: lies in" \
            f" {' and in '.join(printable(file.file) for file in files)}"
    for file in files[:1]:
        name = printable(file.file)
        if file.worker in dead and file.place == "jobpods":
            yield f"{name}: lies in the pod of {file.worker}, which is dead"
        for why in of_name(book, chapter, file):
            yield f"{name}: {why}"
    if any(kind & UNLIKE for kind in set(chapter.kinds)):
        tasks = [task for task, kind in enumerate(
            chapter.kinds, chapter.first) if kind & UNLIKE]
        yield f"{titled(chapter.array, tasks[0], tasks[0])}: lines of one" \
            f" attempt disagree, also of {len(tasks) - 1} other tasks"


def of_name(book: Book, chapter: Chapter, file: Place) -> Iterator[str]:
    """Yield what is wrong with the name of a range, or with its place."""
    part = file.part
    if book.tasks(part) is None:
        yield f"there is no list arrays/{part.array}+{part.stamp}"
        return
    to_do = book.to_do(part)
    if file.place in ENDED and to_do:
        why = printable(chapter.reason) or "they have not ended"
        yield f"{len(to_do)} of its tasks did not run: {why}"
    elif file.place in ENDED and (file.place == DONE) == (part.failed > 0):
        yield f"it lies there, and {part.failed} of its tasks have failed"
    failed = number_failed(chapter, set(to_do))
    lost = len(silent(book, chapter, file))
    if not failed <= part.failed <= failed + lost:
        yield f"{part.failed} of its tasks have failed, it says, and the" \
            f" ledgers say {failed}"


def number_failed(chapter: Chapter, to_do: Set[int]) -> int:
    """Return how many of the tasks that have ended failed, by their lines."""
    if not to_do:
        return sum(chapter.kinds.count(kind) for kind in set(chapter.kinds)
                   if kind & EVENT == NUMBERS[FAILED])
    return sum(kind & EVENT == NUMBERS[FAILED] and task not in to_do
               for task, kind in enumerate(chapter.kinds, chapter.first))


def silent(book: Book, chapter: Chapter, file: Place) -> List[int]:
    """Return the tasks that have ended, and have no line."""
    if 0 not in chapter.kinds:
        return []
    to_do = set(book.to_do(file.part))
    return [task for task, kind in enumerate(chapter.kinds, chapter.first)
            if not kind and task not in to_do]


def lost_records(book: Book) -> List[str]:
    """Return the names of the tasks that have ended, and have no line."""
    return [
        titled(chapter.array, first, last)
        for _, chapter in sorted(book.chapters.items()) if chapter.file
        for first, last in spans(silent(book, chapter, chapter.file))
    ]


def odd_names(book: Book) -> Iterator[str]:
    """Yield the files whose names are nearly those of ranges."""
    for place in [*STATES, CANCELLED] if book.arrays else []:
        for name, _ in book.names(place):
            job = Attempt.parse(name).job if "=" in name else ""
            if is_range_name(job) and not book.parse(name) \
                    and job.rpartition("=")[0] in book.arrays:
                yield f"{place}/{printable(name)}: the numbers in its name" \
                    " do not fit"


def numbers(book: Book) -> Dict[str, int]:
    """Return the number of tasks in each state."""
    found: Dict[str, int] = Counter()
    counted = Numbers(book.project)
    marks = counted.marks()
    for chapter in book.chapters.values():
        file = chapter.file
        if file:
            counted.add(found, file.place, file.part,
                        marks.get(chapter.array, []))
    return found


def length(project: Project, array: str) -> int:
    """Return the number of lines in the list of an array."""
    path, number, offset = list_of(project, array), 0, 0
    while True:
        try:
            _, data = project.files.read(path, PART, offset)
        except FileNotFoundError:
            return 0  # RACE: fjd clean has removed it, its ranges before.
        number += data.count(b"\n")
        offset += len(data)
        if len(data) < PART:
            return number


def titled(array: str, first: int, last: int) -> str:
    return title(printable(array), first, last)
