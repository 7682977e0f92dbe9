"""What a command prints, and what it asks a person."""
import os
import sys
from functools import lru_cache
from typing import Any, Callable

from fjd import files
from fjd.names import printable
from fjd.project import Project
from fjd.terminal import Terminal

YES = ("y", "yes")


def teller(role: str, quiet: bool = False, stream: str = "stdout") \
        -> Callable[[str], None]:
    """Return a function that prints a line of progress, such as
    [fjd-dispatcher] text.
    """
    def say(text: str) -> None:
        if not quiet:
            write_line(f"[{role}] {text}", stream)
    return say


def keep_last_words(project: Project, worker: str) -> None:
    """Point stderr of a hired worker at its screenlog."""
    log = files.open_own(project.worker_log(worker))
    os.dup2(log, sys.stderr.fileno())
    os.close(log)


def worker_teller(
    project: Project, worker: str, terminal: Terminal, is_hired: bool,
) -> Callable[[str], None]:
    """The same for a worker, in its screenlog as well. Nobody reads the
    stdout of a hired worker unless that is a terminal.
    """
    logs = [files.open_own(project.worker_log(worker))]
    if sys.stdout and not (is_hired or terminal.is_open):
        logs.append(sys.stdout.fileno())

    def say(*texts: str) -> None:
        line = encoded(*texts)
        if terminal.is_open:
            terminal.write(line.replace(b"\n", b"\r\n"))
        for log in logs:
            try:
                os.write(log, line)
            except OSError:
                pass  # The disk is full; what matters is said elsewhere.
    return say


@lru_cache(16)
def encoded(*texts: str) -> bytes:
    """Return a worker's lines; it says the same two over and over."""
    return os.fsencode(
        "".join(f"[fjd-worker] {plain(text)}\n" for text in texts))


def show(line: str, stream: str = "stdout") -> None:
    """Print a line whatever the encoding: with \\xe9 where it has no place.

    CRON: with LANG=C Python 3.6 cannot print what is not ASCII.
    """
    file, line = getattr(sys, stream), plain(line)
    if not file:
        return  # It was closed before we began.
    try:
        file.write(line + "\n")
    except UnicodeEncodeError:
        file.write(line.encode("ascii", "backslashreplace").decode() + "\n")


def plain(text: str) -> str:
    """Return a text that cannot control a terminal; tabs stay."""
    if text.isprintable():
        return text
    return "\t".join(map(printable, text.split("\t")))


def show_bytes(data: bytes, is_more: bool = False) -> None:
    """Print the output of jobs, or names, as they are; at once unless more
    comes.
    """
    if sys.stdout:
        sys.stdout.buffer.write(data)
    if sys.stdout and not is_more:
        sys.stdout.buffer.flush()


def write_line(line: str, stream: str = "stdout") -> None:
    """The same at once; a stream that is gone is harmless."""
    file = getattr(sys, stream)
    try:
        show(line, stream)
        if file:
            file.flush()
    except OSError:
        silence(file)


def complain(message: str, hint: str = "") -> None:
    """Say on stderr what and why, and below it what to do."""
    name = os.path.basename(sys.argv[0])
    write_line(f"{name}: error: {message}", "stderr")
    if hint:
        write_line(f"    {hint}", "stderr")


def silence(stream: Any) -> None:
    """The reader is gone: point the stream at /dev/null so that the flush at
    exit cannot fail.
    """
    try:
        if stream:
            os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())
    except OSError:
        pass  # Too many files are open.


def is_person() -> bool:
    """Whether somebody sits at a terminal, and can be asked."""
    try:
        return sys.stdin.isatty() and sys.stdout.isatty()
    except AttributeError:
        return False  # There is no stdin at all.


def is_agreed(question: str) -> bool:
    """Ask a person; without a terminal the answer is no."""
    try:
        return is_person() and input(f"{question} [y/N] ").lower() in YES
    except (EOFError, KeyboardInterrupt):
        return False  # Nobody wants to answer.


def number_of_workers(number: int, kind: str = "") -> str:
    """Return a number and its noun: 1 worker, 2 pending workers."""
    return f"{number} {kind}worker{'' if number == 1 else 's'}"
