"""Options of GNU parallel and xargs that fjd run does not have.

Each is refused with what to write instead, or, where it asks for what fjd run
does anyway, accepted without an effect.
"""
import argparse
from argparse import SUPPRESS
from typing import Any, Tuple

from fjd.errors import BadUsage
from fjd.options import option, Option

ONE_BY_ONE = "a line is one argument; -n N gives N of them to each job"
HOSTS = "-S node2:4,node3 names the hosts, -S conf those of remote.conf"
LOAD = "there is no such limit; -j N says how many jobs run at a time"
SHARED = "all hosts share a home, so there is nothing to transfer"
BRACES = "there are {}, {.}, {/}, {//}, {/.}, also {1/.}, and {#} and {%}"
BACKGROUND = "fjd put COMMAND puts a job that workers run in the background"
REFUSED = {  # names of an option, and what to do instead
    "--sshloginfile --slf": HOSTS,
    "--onall --nonall": "each job runs once; ssh HOST COMMAND in a shell loop",
    "--pipe --pipepart --pipe-part --spreadstdin --block":
        "jobs read no part of standard input; cut it into files with split(1)",
    "-u --ungroup --line-buffer --linebuffer --line-buffered --lb":
        "output is passed on when a job ends; fjd log -f JOB follows it",
    "-I --replace": "write {} for the argument",
    "-L -l --max-lines": ONE_BY_ONE,
    "-X -m --xargs -s --max-chars": "-n N gives N arguments to each job",
    "-d --delimiter":
        "arguments are lines, or end with a NUL byte (-0); see tr(1)",
    "-t -v --verbose": "--dry-run prints the commands",
    "-p --interactive": "fjd run asks nothing; --dry-run prints the commands",
    "--retry-failed": "--resume runs the same list again where it is not done",
    "--shuf": "shuffle the list with shuf(1), which prints it to a pipe",
    "--tmux --tmuxpane": "--session tmux; fjd log prints what a job printed",
    "--wd --workdir": "jobs run in this directory; use cd",
    "--transfer --transferfile --tf --return --cleanup --trc --basefile --bf":
        SHARED,
    "--semaphore --fg --bg --id --wait": BACKGROUND,
    "--load --memfree --memsuspend --noswap --limit": LOAD,
    "--plus --rpl --parens -U": BRACES,
    "--trim": "an argument is the whole line; cut its blanks with sed(1)",
    "--number-of-cores --number-of-cpus --number-of-threads":
        "nproc(1) prints it",
    "--citation --bibtex": "fjd asks for no citation",
    "--link --xapply": "write :::+ instead of the second :::",
    "--csv": "--colsep , splits lines; quotes have no meaning in them",
    "--tagstring --tag-string": "--tag puts the argument before each line",
    "--files": "--results DIR writes the output of jobs to files",
    "--process-slot-var": "{%} in the command is the slot",
    "-J --profile": "there are no profiles; an alias does the same",
    "-E -e --eof": "the list ends with its file; cut it with sed '/EOF/,$d'",
}
# Values that mean what fjd run does anyway.
NEWLINE = ("\n", "\\n")
USUAL = {"-I": ["{}"], "-d": NEWLINE, "--delimiter": NEWLINE}
IGNORED = (
    "-r", "--no-run-if-empty", "--group", "-q", "--quote", "-i", "--bar",
    "--eta", "--progress", "--plain", "--gnu", "--will-cite", "--no-notice",
)


class Refusal(argparse.Action):
    """Refuses an option, unless its value is the usual one."""

    def __call__(
        self, parser: Any, namespace: Any, value: Any, name: Any = None,
    ) -> None:
        if name not in USUAL or value not in USUAL[name]:
            raise BadUsage(f"run: {name}: {REFUSED[self.dest]}")


def others() -> Tuple[Option, ...]:
    """Return these options, which are not in --help."""
    how = {"default": SUPPRESS, "help": SUPPRESS}
    return (
        *(option(*names.split(), dest=names, nargs="?", action=Refusal, **how)
          for names in REFUSED),
        option(*IGNORED, dest="ignored", action="store_true", **how),
        option("--env", **how),
    )
