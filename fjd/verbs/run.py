"""Run a command for each argument.

{} is replaced by the argument (appended if absent). With several lists of
arguments, each combination is run once: {1} is the argument from the first
list, {2} the one from the second, and {} is all of them. {#} is the number of
the job.

Without :::, each input line is an argument or, with no COMMAND, a command.
All lines are read before the first job starts.

The words of COMMAND are joined by blanks. Arguments are quoted, so write no
quotes around {}. The exit code is 3 if a job failed.

Examples:
    fjd run -j 4 'gzip -k {}' ::: *.txt
    fjd run 'convert {1} -resize {2} {1}-{2}.png' ::: a.jpg b.jpg ::: 50 100
    fjd run < commands
"""
import argparse
import os
import sys
import time
from contextlib import contextmanager
from typing import Any, Callable, Dict, Iterable, Iterator, Sequence

from fjd import home, newjob, output
from fjd.errors import BadUsage
from fjd.hosts.session import KINDS
from fjd.names import new_token, printable
from fjd.options import flag, nearest, option, positive, QUIET, shared
from fjd.ownership import Survey
from fjd.verbs import template
from fjd.verbs.batch import ListRun
from fjd.verbs.joblist import Listed, listed, not_done
from fjd.verbs.runs import Runs

SECONDS_OF_SILENCE = 1.0  # which a person does not notice
OWN = shared("--project", metavar="P", help="run the jobs in that project,"
             " together with the jobs that wait there (default: a new"
             " project)")
SESSION = option("--session", choices=KINDS, default="",
                 help="where workers live (default: process)")
NUMBER = {"metavar": "N", "type": positive,
          "help": "hire N workers (default: CPUs minus one)"}
OPTIONS = (
    flag("-k", dest="in_order",
         help="print the output of the jobs, in the order of the list"),
    flag("--resume", help="go on with the same command in this directory: run"
         " the jobs that are not done"),
    flag("--dry-run", help="print the commands and run none"),
    option("-j", dest="workers", **NUMBER), OWN, SESSION, QUIET,
    option("words", nargs=argparse.REMAINDER, help=argparse.SUPPRESS),
)
HOW = {"usage": "%(prog)s [options] [COMMAND] [::: ARGUMENT...]..."}


def act(options: Any) -> int:
    words = options.words
    if words[:1] == ["--"]:
        del words[0]
    elif words and words[0].startswith("-"):
        known = [word for names, _ in OPTIONS for word in names]
        raise BadUsage(f"run: there is no option {words[0]}"
                       f"{nearest(words[0], known)}; a command that begins"
                       " like this goes behind --")
    text, lists = template.split(words)
    rows = template.combinations(lists) if lists else read_rows(options)
    if text:
        commands = template.with_braces(text, rows, max(1, len(lists)))
    else:
        commands = map(" ".join, rows)
    directory = home.current_directory()
    options.shell, options.is_local = newjob.SHELL, True
    options.callback = ""
    return run_list(options, text, commands, directory)


def read_rows(options: Any) -> Iterable[Sequence[str]]:
    """Return each line of stdin; --resume on a terminal needs none."""
    if sys.stdin and sys.stdin.isatty():
        if options.resume:
            return []
        output.teller("fjd", stream="stderr")(
            "Reading from the terminal, a job a line, until Ctrl-D.")
    return ((line,) for line in output.typed_lines())


def run_list(
    options: Any, text: str, commands: Iterable[str], directory: str,
) -> int:
    """Run the commands; return 3 if some are not done.

    text: the command as it was typed.
    """
    place = os.path.realpath(directory)
    say = output.teller("fjd", stream="stderr")
    commands = list(filter(str.strip, commands))
    if options.dry_run and not options.resume:
        return print_commands(commands)
    with patience(options) as ready:
        jobs = {job.mark: job for job in listed(commands, place)}
        runs = Runs(home.directory(), text, place, jobs)
        if options.dry_run:
            name = project_to_resume(runs, options)
            return print_commands(left_to_do(jobs, name))
        if not (jobs or options.resume):
            say("Nothing to do.")
            return 0
        with home.awaiting_home():
            name = options.project or own_project(runs, options)
        run = ListRun(home.open_project(name, say), jobs, directory, options)
        status = run.complete(runs, ready)
    if options.callback:
        from fjd.verbs.callback import call_back  # Late: it takes 4 ms.
        call_back(options.callback, name, run.outcome)
    return status


@contextmanager
def patience(options: Any) -> Iterator[Callable[[], None]]:
    """Report after a second that --resume takes long.

    Yield a function to call when the list has been compared.
    """
    if not options.resume:
        yield lambda: None
        return
    from threading import Timer  # Late: it takes a millisecond.
    say = output.teller("fjd", options.quiet, "stderr")
    text = "Checking which jobs of the list are done ..."
    timer = Timer(SECONDS_OF_SILENCE, say, [text])

    def ready() -> None:
        timer.cancel()
        if timer.is_alive():
            timer.join()  # No line of it comes between later ones.

    timer.start()
    try:
        yield ready
    finally:
        ready()


def own_project(runs: Runs, options: Any) -> str:
    """Return the project of the run to continue, or of a new run."""
    say = output.teller("fjd", options.quiet, "stderr")
    token, name = new_token(time.time()), ""
    while not name:
        # RACE: if another run has just begun, look again and find it.
        name = project_to_resume(runs, options)
        if not name:
            Survey(say).claim_home(home.directory())
            earlier, left = runs.unfinished()
            name = runs.begin(token)
            if name and left:
                say(f'{left} job(s) of this list are left in project'
                    f' "{earlier}"; fjd run --resume continues it.')
    return name


def project_to_resume(runs: Runs, options: Any) -> str:
    """Return the project to continue; "" if there is none."""
    if options.project or not options.resume:
        runs.find()
        return options.project if options.resume else ""
    say = output.teller("fjd", options.quiet, "stderr")
    jobs, place = len(runs.asked.marks), printable(runs.asked.directory)
    name, shared = runs.best()
    if name:
        known = f", which has {shared} of {jobs} command(s)" * bool(jobs)
        say(f'Resuming project "{name}"{known}.')
    elif jobs:
        say(f"No job of this list was ever run in {place}: running all.")
    else:
        raise BadUsage(
            f"--resume: this command was never run in {place}",
            "try: the whole command again, with its list: fjd run --resume"
            " COMMAND ::: ARGUMENT...")
    return name


def left_to_do(jobs: Dict[str, Listed], name: str) -> Iterable[str]:
    """Return the commands that would run if that project is continued."""
    left = jobs.keys()
    if name and os.path.isdir(home.named_project(name).root):
        new, failed, _ = not_done(home.named_project(name), jobs)
        left = failed.keys() | {job.mark for job in new}
    return [job.command for mark, job in jobs.items() if mark in left]


def print_commands(commands: Iterable[str]) -> int:
    for command in commands:
        output.show_bytes(os.fsencode(command) + b"\n", is_more=True)
    output.show_bytes(b"")
    return 0
