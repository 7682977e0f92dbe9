"""Add jobs to the queue; they run in this directory.

Each FILE is a job file, and a copy of it is added. With --name, the words are
a command for the shell. With neither, each line of standard input is such a
command; empty lines and lines that begin with # are skipped.

--array and --list put an array: many tasks, which share a command. {} in the
command is replaced by the number of the task or by a line of the list, quoted
for the shell. Without a command, each line of the list is a command. Task 17
of the array sim is called sim:17 (fjd help arrays).

A job file with the key directory runs there instead. A job never replaces
another one of the same name. The names of the new jobs are printed or, of more
than three, their number and some names. The exit code is 2 if something was
refused.

Examples:
    fjd put job1 job2
    fjd put --name job7 'fit 7 > out7'
    fjd put < commands
    fjd put --array 1-1000 --name sim './simulate {}'
    fjd put --list params.txt --name sim './simulate {}'
"""
import argparse
import os
import re
import shlex
import sys
import time
from functools import partial
from typing import Any, Callable, Iterator, List, Tuple

from fjd import files, home, output
from fjd.errors import BadJob, BadUsage
from fjd.names import LONGEST_JOB_NAME, new_token, printable, Stamps
from fjd.newjob import checked_name, JobFile, of_command
from fjd.options import option, positive, PROJECT
from fjd.project import Project
from fjd.verbs import shells
from fjd.verbs.jobcopy import of_file
from fjd.verbs.titles import shortened


def interval(text: str) -> int:
    """Return N of the option --array 1-N."""
    match = re.fullmatch("([0-9]{1,9})-([0-9]{1,9})", text)
    first, last = map(int, match.groups()) if match else (0, 0)
    if not 0 < first <= last:
        raise argparse.ArgumentTypeError(
            f"{text!r} is not 1-N, such as 1-1000, with N up to 999999999")
    if first > 1:
        raise argparse.ArgumentTypeError(
            f"{text!r} does not begin at 1; try: seq {first} {last} | fjd put"
            " --list - --name NAME 'COMMAND {}'")
    return last


Wanted = Iterator[Tuple[str, str, Callable[[str, str], JobFile]]]
OPTIONS = (
    PROJECT,
    option("words", metavar="FILE", nargs="*",
           help="a job file or, with --name, a word of the command"),
    option("--name", metavar="N", help="add a command, as job N, or"
           " an array of that name"),
    option("--array", metavar="1-N", type=interval,
           help="add the tasks 1 to N of an array"),
    option("--list", metavar="LIST", help="add a task of an array for each"
           " line of that file (-: standard input)"),
    option("--chunk", metavar="N", type=positive, help="put N tasks of an"
           " array into each range, which one worker runs (default: a"
           " thousandth of all; the last thousand tasks singly)", default=0),
    shells.OPTION,
)
MUCH = 4096  # bytes that show the kind of a file
ARRAY_KEY = rb"(?im)^[ \t]*(?:#[ \t]*fjd:[ \t]*)?(?:array|list)[ \t]*[:=]"
NO_LIST = rb"\A#!|^[ \t]*\[|\0"


def act(options: Any) -> int:
    project = home.open_project(options.project, output.teller("fjd"))
    here = home.current_directory()
    if options.array or options.list is not None:
        from fjd.verbs.putarray import put_words  # Late: few need it.
        return put_words(project, options, here)
    if options.chunk and options.name is not None:
        raise BadUsage("put: --chunk is for arrays: give --array or --list")
    put: List[str] = []
    refused: List[str] = []
    try:
        for word, name, error in put_each(project, options, here, put):
            refused.append(word)
            what = word if options.name is None else f'"{name}"'
            output.complain(f"{printable(what)}: not put: {error}")
    finally:
        if put:
            output.show(shortened(put))
    if refused and not put and options.words and options.name is None:
        for line in hint(options):
            output.write_line(f"    {line}", "stderr")
    return BadUsage.exit_code if refused else 0


def put_each(
    project: Project, options: Any, here: str, put: List[str],
) -> Iterator[Tuple[str, str, BadJob]]:
    """Put what is wanted, and add the names of the jobs to put; yield the
    word, the name and the reason of what is refused.
    """
    stamps = Stamps(new_token(time.time()))
    arrays = project.names_if_any("arrays")
    for word, name, make in wanted_jobs(options):
        try:
            if make is of_file \
                    and put_if_array(project, word, here, options.chunk):
                continue
            if name in arrays:
                raise BadJob("there is an array of that name")
            job, file = checked_name(name), make(word, here)
        except BadJob as error:
            yield word, name, error
            continue
        file.put(project, job, stamps.new())
        put.append(job)
        if not file.has_directory:
            output.teller("fjd", stream="stderr")(
                f"{printable(job)}: it cannot record this directory, and runs"
                " in that of its worker")


def put_if_array(
    project: Project, path: str, here: str, chunk: int,
) -> bool:
    """Put the array that a job file describes; False if it describes none."""
    try:
        data = files.read(path)[1] if os.path.isfile(path) else b""
    except OSError:
        return False
    if not re.search(ARRAY_KEY, data):
        return False
    from fjd.verbs.putarray import put_file  # Late: few need it.
    name = os.path.basename(os.path.abspath(path))
    return put_file(project, path, name, here, chunk)


def wanted_jobs(options: Any) -> Wanted:
    """Yield the word or command given, the job's name, and the function that
    makes its file.
    """
    make = partial(of_command, shell=shells.chosen(options.shell))
    if options.name is not None:
        yield " ".join(options.words), options.name, make
        return
    for path in options.words:
        yield path, os.path.basename(os.path.abspath(path)), of_file
    now = time.time()
    stem = time.strftime("%Y%m%d-%H%M%S", time.localtime(now))
    for n, command in enumerate([] if options.words else commands(), 1):
        yield command, f"{stem}.{int(now % 1 * 1000):03}-{n}", make


def commands() -> Iterator[str]:
    if not sys.stdin or sys.stdin.isatty():
        raise BadUsage("nothing to put: name files, or let commands come on"
                       " standard input (fjd put < commands)")
    return (line.rstrip("\r") for line in typed_lines()
            if line.strip() and line.strip()[0] != "#")


def typed_lines() -> Iterator[str]:
    """Yield the lines of standard input, each as soon as it is complete."""
    for line in sys.stdin.buffer if sys.stdin else []:
        if b"\0" in line:
            raise BadUsage("standard input: NUL bytes; one item a line is"
                           " wanted")
        yield os.fsdecode(line).rstrip("\n")


def hint(options: Any) -> List[str]:
    """Return what may have been meant instead, and the line to type."""
    first, *others = options.words
    usual = options.project == home.default_project()
    start = "fjd put" if usual else f"fjd put --project {options.project}"
    command = " ".join(options.words)
    if not any(map(os.path.lexists, options.words)):
        name, word = name_for(command), shlex.quote(command)
        lines = ["To add a command, type:", f"{start} --name {name} {word}"]
        if not command.strip() or command[0] == "-":
            return []  # Put refuses it, or takes it for an option.
    elif not others and is_list(first):
        lines = ["To add each line of it as a command, type:",
                 f"{start} < {shlex.quote(first)}"]
    else:
        return []
    return lines if printable(lines[1]) == lines[1] else []


def name_for(command: str) -> str:
    """Return a job name made from the program's name in a command."""
    program = os.path.basename((command.split() or [""])[0])
    name = re.sub("[^A-Za-z0-9_.-]", "", program).lstrip(".-")
    return name[:LONGEST_JOB_NAME] or "job1"


def is_list(path: str) -> bool:
    """Return whether a file looks like a list of commands, not a job file."""
    try:
        data = files.read(path, MUCH)[1] if os.path.isfile(path) else b""
    except OSError:
        return False
    return bool(data.strip()) and not re.search(NO_LIST, data, re.M)
