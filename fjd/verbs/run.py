"""Run a command for each argument.

Examples:
    fjd run gzip -k ::: *.txt
    fjd run -j 4 'sort {} | uniq >{.}.out' ::: *.txt
    fjd run 'convert {1} -resize {2} {1/.}-{2}.png' ::: a.jpg b.jpg ::: 50 100
    find . -name '*.log' -print0 | fjd run -0 -n 20 gzip
    fjd run < commands

{} is the argument (appended if absent), {.} the same without its extension,
{/} its last part, {//} its directory, {/.} both. {2} is the argument from the
second list, or column ({2/} ...); with several lists, each combination is run
once. {#} is the number of the job, {%} the slot of its worker (1 to N).

A COMMAND of one word is a line for the shell. Arguments are quoted, so write
no quotes around {}. Several words are a program and its arguments: no shell.

Lists: ::: ARGUMENTS, :::: FILES; :::+ and ::::+ go along with the list before.
Without one, each input line is an argument or, with no COMMAND, a command, and
starts when it comes. Exit code 3: jobs failed. More: fjd help parallel.
"""
import os
import time
from argparse import SUPPRESS
from collections import deque
from contextlib import contextmanager
from typing import Any, Callable, Iterable, Iterator, List, Optional, Tuple

from fjd import home, output
from fjd.errors import BadUsage
from fjd.jobfile import NONE as NO_SHELL
from fjd.names import new_token, printable
from fjd.options import nearest
from fjd.ownership import Survey
from fjd.verbs import manyruns, records, shells
from fjd.verbs.arguments import typed_commands
from fjd.verbs.arraystate import BAD, NONE
from fjd.verbs.batch import ListRun
from fjd.verbs.earlier import compared, Runs
from fjd.verbs.halt import first_of
from fjd.verbs.joblist import Comparison, Request
from fjd.verbs.runhosts import settle
from fjd.verbs.runoptions import OPTIONS
from fjd.verbs.source import Source

SECONDS_OF_SILENCE = 1.0  # which a person does not notice
HOW = {"usage": "%(prog)s [options] [COMMAND] [::: ARGUMENT...]..."}


def act(options: Any) -> int:
    words = options.words
    if words[:1] == ["--"]:
        del words[0]
    elif words and words[0].startswith("-"):
        known = [word for names, how in OPTIONS for word in names
                 if how.get("help") != SUPPRESS]
        raise BadUsage(f"run: there is no option {words[0]}"
                       f"{nearest(words[0], known)}; a command that begins"
                       " like this goes behind --")
    settle(options)
    directory = home.current_directory()
    shell = shells.chosen(options.shell)
    template, source = typed_commands(options, words)
    options.shell = shell if template.is_line else NO_SHELL
    options.is_local, options.callback = True, ""
    return run_list(options, " ".join(template.words), source, directory)


def run_list(
    options: Any, text: str, source: Source, directory: str,
) -> int:
    """Run the commands; return 3 if some are not done.

    text: the command as it was typed.
    """
    place = os.path.realpath(directory)
    if options.dry_run and not options.resume:
        return print_commands(commands_of(source))
    records.check(options)
    options.only_failures = options.quiet  # only their output is printed
    options.quiet = options.quiet or options.silent
    if options.tag or options.results:
        source.arguments = deque()
    runs = Runs(home.directory(), text, place)
    if options.resume:
        return resume(options, runs, source, directory)
    come = first_of(source, options.halt)
    if not come:
        output.teller("fjd", stream="stderr")("Nothing to do.")
        return 0
    with home.awaiting_home():
        name = options.project or new_project(runs, come, options)
    return run_in(name, come, source, directory, options)


def run_in(
    name: str, come: List[str], source: Source, directory: str, options: Any,
    known: Optional[Comparison] = None,
    ready: Callable[[], None] = lambda: None,
) -> int:
    """Run the commands in that project."""
    say = output.teller("fjd", stream="stderr")
    project = home.open_project(name, say)
    run = ListRun(project, come, source, directory, options)
    status = run.complete(known, ready)
    if options.callback:
        from fjd.verbs.callback import call_back  # Late: it takes 4 ms.
        call_back(options.callback, name, run.outcome)
    return status


def resume(
    options: Any, runs: Runs, source: Source, directory: str,
) -> int:
    """Go on with an earlier run: read the list, and run what is not done."""
    with patience(options) as ready:
        request = Request(runs.asked.directory)
        while source.is_open:
            request.add(source.first())
        name, known = run_to_resume(options, runs, request)
        if options.dry_run:
            return print_commands(left_to_do(request, known))
        while not known:
            name, known = begin(options, name, runs, request)
        return run_in(name, [], source, directory, options, known, ready)


def begin(
    options: Any, name: str, runs: Runs, request: Request,
) -> Tuple[str, Optional[Comparison]]:
    """Return the project of a run that begins, and what it has: nothing, if
    no other run takes it first.
    """
    say = output.teller("fjd", options.quiet, "stderr")
    with home.awaiting_home():
        Survey(say).claim_home(home.directory())
        name = name or runs.begin(new_token(time.time()))
    if not name:
        # RACE: another run has just begun.
        return runs.best(request, needs_keys(options))
    project = home.open_project(name, say)
    return name, compared(project, request, needs_keys(options))


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


def new_project(runs: Runs, come: List[str], options: Any) -> str:
    """Return the project of a new run, which begins with these commands."""
    say = output.teller("fjd", options.quiet, "stderr")
    token, name = new_token(time.time()), ""
    for line in [] if options.quiet else manyruns.told(runs.home):
        say(line)
    while not name:
        # RACE: if another run has just begun, look again and find it.
        runs.find()
        Survey(say).claim_home(home.directory())
        earlier, left = runs.unfinished(come)
        name = runs.begin(token)
        if name and left:
            some = "1 job is" if left == 1 else f"{left} jobs are"
            say(f"Run before, as {earlier}: {some} left of it; --resume goes"
                " on")
    return name


def run_to_resume(
    options: Any, runs: Runs, request: Request,
) -> Tuple[str, Optional[Comparison]]:
    """Return the project to continue, and what it has; "" if there is none.
    """
    if options.project:
        project = home.named_project(options.project)
        is_there = os.path.isdir(project.root)
        known = compared(project, request, needs_keys(options)) \
            if is_there else None
        return options.project, known
    say = output.teller("fjd", options.quiet, "stderr")
    jobs, place = len(request), printable(runs.asked.directory)
    name, known = runs.best(request, needs_keys(options))
    if known:
        has = f", which has {known.shared} of {jobs} command(s)" * bool(jobs)
        say(f'Resuming project "{name}"{has}.')
    elif jobs:
        say(f"No run in {place} has a job of this list: running all.")
    else:
        raise BadUsage(
            f"--resume: this command was never run in {place}",
            "try: the whole command again, with its list: fjd run --resume"
            " COMMAND ::: ARGUMENT...")
    return name, known


def needs_keys(options: Any) -> bool:
    """Return whether to know which job each command of the list is."""
    return bool(options.in_order or options.tag or options.results)


def left_to_do(
    request: Request, known: Optional[Comparison],
) -> Iterator[str]:
    """Yield the commands that would run if that is known of them."""
    for place, command in enumerate(request.commands):
        if not known or known.states[place] in (NONE, BAD):
            yield command


def commands_of(source: Source) -> Iterator[str]:
    while source.is_open:
        yield from source.first()


def print_commands(commands: Iterable[str]) -> int:
    for command in commands:
        output.show_bytes(os.fsencode(command) + b"\n", is_more=True)
    output.show_bytes(b"")
    return 0
