#!/usr/bin/env python3
"""Put ten jobs into the queue of a project (default: default).

A job is a file, so this needs nothing of fjd.  Each is written under a name
with a dot, which fjd does not look at, and renamed once it is complete.
"""
import os
import shlex
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
FJD_DIR = os.environ.get("FJD_DIR") or os.path.expanduser("~/.fjd")
JOB = """\
[control]
executable: python3 {program}
logfile: {logfile}

[params]
param1: value{number}
"""


def main():
    project = (sys.argv[1:] or [os.environ.get("FJD_PROJECT") or "default"])[0]
    queue = os.path.join(FJD_DIR, project, "jobqueue")
    os.umask(0o077)  # A project is its user's alone.
    os.makedirs(queue, exist_ok=True)
    for number in range(10):
        put(queue, f"job{number}", JOB.format(
            program=shlex.quote(os.path.join(HERE, "ajob.py")),
            logfile=os.path.join(HERE, "logfiles", f"job{number}.dat"),
            number=number,
        ))


def put(queue, name, text):
    draft = os.path.join(queue, "." + name)
    with open(draft, "w") as file:
        file.write(text)
    os.rename(draft, os.path.join(queue, name))


if __name__ == "__main__":
    main()
