"""What a job prints of what it inherits, and what is the same everywhere."""
import os

FUNCTION, DOTTED = "BASH_FUNC_g%%", "MY.VAR"
PROBE = f"""\
import json, os, resource, signal, stat, sys
pwd, umask = os.environ.get("PWD", ""), os.umask(0)
files = [int(name) for name in os.listdir("/proc/self/fd")]
signals = dict(line.split(":\\t") for line in open("/proc/self/status")
               if line.startswith("Sig"))
print(json.dumps({{
    "environment": {{name: os.environ.get(name) for name in (
        "{FUNCTION}", "{DOTTED}", "OMP_NUM_THREADS", "FJD_PROJECT")}},
    "is in PWD": os.path.isabs(pwd) and os.path.samefile(pwd, "."),
    "PWD": pwd,
    "stdin": os.path.realpath("/proc/self/fd/0"),
    "files": [n for n in files if n > 2
              and os.path.exists("/proc/self/fd/%d" % n)],
    "is its output a file": stat.S_ISREG(os.fstat(1).st_mode),
    "blocked": int(signals["SigBlk"], 16),
    "ignores": [int(signals["SigIgn"], 16) >> n - 1 & 1 for n in (
        signal.SIGTERM, signal.SIGINT, signal.SIGQUIT, signal.SIGHUP)],
    "umask": umask,
    "open files": resource.getrlimit(resource.RLIMIT_NOFILE)[0],
    "file size": resource.getrlimit(resource.RLIMIT_FSIZE)[0],
    "niceness": os.nice(0),
    "leads its session": os.getsid(0) in (os.getpid(), os.getppid()),
}}))
"""
# Python ignores SIGPIPE by itself, so a shell has to say whether it may die.
PIPE = "sh -c 'kill -s PIPE $$'; test $? -gt 128"
EVERYWHERE = {
    "is in PWD": True, "stdin": os.devnull, "files": [],
    "is its output a file": True, "blocked": 0, "ignores": [0, 0, 0, 0],
    "niceness": 9, "leads its session": True,
}
