"""The 2013 form of run, kept for old scripts.

There is no verb on the command line: type fjd --exe COMMAND. New scripts
should use fjd run. bash runs COMMAND, or sh where there is no bash.
Parameters are quoted, so write no quotes around $1.

With --project, and if that project has a remote.conf, workers are hired on
the hosts of remote.conf, unless N is given. The exit code is 3 if a job
failed.

Example:
    fjd --exe 'touch bla$1.txt' --parameters 1,2,3
"""
import argparse
import os
import shutil
from typing import Any, List

from fjd import home
from fjd.jobfile import SHELL
from fjd.options import option, positive, QUIET
from fjd.verbs import template
from fjd.verbs import runoptions
from fjd.verbs.run import run_list
from fjd.verbs.runoptions import NUMBER, OWN, SESSION
from fjd.verbs.source import Source

OPTIONS = (
    option("--exe", metavar="COMMAND", required=True, help="what to run; $1 is"
           " replaced by the parameter (appended if absent)"),
    option("--parameters", metavar="A,B,C", help="run COMMAND for each of"
           " these; a parameter A#B sets $1 to A and $2 to B"),
    option("--repeat", metavar="K", type=positive, default=1,
           help="run all of it K times"),
    option("--instances", dest="repeat", type=positive,
           default=argparse.SUPPRESS, help=argparse.SUPPRESS),
    option("--callback", metavar="COMMAND",
           help="run that when all jobs have ended, with the environment"
           " variables FJD_DONE and FJD_FAILED (numbers) and FJD_PROJECT"),
    option("--curdir", metavar="D",
           help="run COMMAND in that directory (default: this one)"),
    OWN, SESSION, QUIET, option("workers", nargs="?", **NUMBER),
)
HOW = {"prog": "fjd"}
BASH = "/usr/bin/env bash"


def act(options: Any) -> int:
    rows: List[List[str]] = [[]]
    if options.parameters is not None:
        words = options.parameters.split(",")
        rows = [word.strip().split("#") for word in words]
    vars(options).update(runoptions.DEFAULTS, is_local=False)
    options.shell = BASH if shutil.which("bash") else SHELL
    commands = template.with_dollars(options.exe, rows * options.repeat)
    directory = os.path.abspath(options.curdir or home.current_directory())
    home.check_directory(directory)
    return run_list(options, options.exe, Source(commands), directory)
