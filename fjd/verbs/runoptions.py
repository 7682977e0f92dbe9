"""The options of fjd run."""
import argparse
from typing import Any, Dict

from fjd.hosts.session import KINDS
from fjd.options import flag, option, positive, shared
from fjd.verbs import halt, refused, runhosts, runlimits, shells

OWN = shared("--project", metavar="P", help="run in project P, with what"
             " waits there (default: new)")
SESSION = option("--session", choices=KINDS, default="", metavar="S",
                 help="where workers live: screen, tmux, process (default)")
NUMBER = {"metavar": "N", "type": positive,
          "help": "hire N workers (default: CPUs minus one)"}
QUIET = flag("--quiet", help="print only what failed jobs print, and a line"
             " each")
JOBS = {"dest": "workers", "nargs": "?", "action": runlimits.Workers}
HIDDEN = {"default": argparse.SUPPRESS, "help": argparse.SUPPRESS}
WORDS = option("words", nargs=argparse.REMAINDER, help=argparse.SUPPRESS)
# From habit: names that other programs have for options of ours.
SYNONYMS = (
    option("--jobs", "-P", "--max-procs", **JOBS, **HIDDEN),
    flag("--keep-order", "--keeporder", dest="in_order", **HIDDEN),
    flag("--dryrun", dest="dry_run", **HIDDEN),
    flag("--resume-failed", dest="resume", **HIDDEN),
    option("--arg-file", dest="files", action="append", **HIDDEN),
    option("-N", "--max-args", "--max-replace-args", dest="per_job",
           type=positive, **HIDDEN),
    option("-C", "--col-sep", dest="colsep", **HIDDEN),
    option("--halt-on-error", dest="halt", type=halt.parse, **HIDDEN),
    option("--sshlogin", dest="hosts", action=runhosts.Hosts, **HIDDEN),
)
OPTIONS = (
    option("-j", metavar="N", **JOBS, help="N workers, N%% of the CPUs, or 0:"
           " one a job (default: CPUs-1)"),
    option("-S", dest="hosts", metavar="HOSTS", action=runhosts.Hosts,
           default=[],
           help="work on these hosts: -S node2:4,node3 (as hire does)"),
    flag("-k", dest="in_order",
         help="print the output of the jobs in the order of the list"),
    flag("--tag", help="put the argument before each line of output"),
    QUIET,
    flag("--silent", help="print what jobs print, and of fjd only failures"),
    flag("--resume", help="go on with the same command: run what is not done"),
    flag("--dry-run", help="print the commands and run none"),
    option("-a", dest="files", metavar="FILE", action="append", default=[],
           help="read arguments from a file, one a line, as :::: does"),
    option("-n", dest="per_job", metavar="N", type=positive,
           help="give N arguments to each job"),
    flag("-0", "--null", dest="is_null",
         help="arguments end with NUL bytes, as of find -print0"),
    option("--colsep", metavar="REGEX",
           help="split each line into columns {1}, {2} ..."),
    option("--header", metavar=":", choices=[":"],
           help="the first line, or argument, names the columns: {name}"),
    shells.OPTION,
    option("--results", metavar="DIR", help="write what they print to"
           " DIR/<argument>/stdout, stderr"),
    option("--joblog", metavar="FILE",
           help="write a table of ended jobs, as GNU parallel does"),
    option("--halt", metavar="WHEN", type=halt.parse,
           help="end early: now,fail=1 ends running jobs, soon,fail=10%%"
           " waits"),
    option("--retries", metavar="N", type=runlimits.of_key("retries"),
           help="run a failed job again, up to N times"),
    option("--timeout", metavar="T", type=runlimits.of_key("timeout"),
           help="end a job that takes longer: seconds, or 10m, 2h, 1d"),
    option("--delay", metavar="T", type=runlimits.seconds,
           help="wait so long between two starts"),
    option("--nice", metavar="N", type=runlimits.of_key("nice"),
           help="the niceness of jobs (default: 9)"),
    OWN, SESSION, *SYNONYMS, *refused.others(), WORDS,
)
# What fjd exe has not.
DEFAULTS: Dict[str, Any] = {
    "in_order": False, "tag": False, "silent": False, "resume": False,
    "dry_run": False,
    "files": [], "per_job": None, "is_null": False, "colsep": None,
    "header": None, "shell": None, "results": None, "joblog": None,
    "halt": None, "retries": None, "timeout": None, "delay": None,
    "nice": None, "hosts": [], "jobs": "",
}
