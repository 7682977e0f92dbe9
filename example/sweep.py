#!/usr/bin/env python3
"""A parameter sweep: fit an enzyme's rate to measurements.

    sweep.py put PROJECT    put one job for each Hill exponent on the grid
    sweep.py fit JOBFILE    what a job does: the best curve for its exponent
    sweep.py table          all results in one table, the best fit first

The curve is rate = top * c^h / (half^h + c^h), c being the concentration.
For a fixed h, half is sought on a fine grid, and top follows by least
squares.  With h = 1 this is the law of Michaelis and Menten.
"""
import configparser
import glob
import json
import os
import shlex
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
RESULTS = os.path.join(HERE, "results")
FJD_DIR = os.environ.get("FJD_DIR") or os.path.expanduser("~/.fjd")
EXPONENTS = [n / 10 for n in range(5, 17)]
STEPS = 20000
# Concentration (ppm) and rate (counts/min/min) of a reaction of cells treated
# with puromycin: M. A. Treloar, master's thesis, University of Toronto, 1974.
MEASURED = (
    (0.02, 76), (0.02, 47), (0.06, 97), (0.06, 107), (0.11, 123), (0.11, 139),
    (0.22, 159), (0.22, 152), (0.56, 191), (0.56, 201), (1.10, 207),
    (1.10, 200),
)
JOB = """\
[control]
executable: python3 {program} fit
logfile: {result}

[params]
h: {h}
"""


def put(project):
    queue = os.path.join(FJD_DIR, project, "jobqueue")
    os.umask(0o077)  # A project is its user's alone.
    os.makedirs(queue, exist_ok=True)
    for h in EXPONENTS:
        draft = os.path.join(queue, f".hill-{h}")
        with open(draft, "w") as job:
            job.write(JOB.format(
                program=shlex.quote(os.path.abspath(__file__)),
                result=os.path.join(RESULTS, f"hill-{h}.json"), h=h,
            ))
        os.rename(draft, os.path.join(queue, f"hill-{h}"))


def fit(jobfile):
    job = configparser.RawConfigParser()
    job.read(jobfile)
    h = job.getfloat("params", "h")
    error, half, top = min(
        best_top(h, (step + 1) / STEPS) for step in range(STEPS)
    )
    print(f"h = {h}: half = {half:.4f}, top = {top:.1f}, error = {error:.1f}")
    write(job.get("control", "logfile"), json.dumps(
        {"h": h, "half": half, "top": top, "error": error},
    ))


def best_top(h, half):
    """The sum of squares, and the curve that has the smallest for them."""
    shape = [c ** h / (half ** h + c ** h) for c, _ in MEASURED]
    top = sum(s * rate for s, (_, rate) in zip(shape, MEASURED)) \
        / sum(s * s for s in shape)
    error = sum(
        (rate - top * s) ** 2 for s, (_, rate) in zip(shape, MEASURED)
    )
    return error, half, top


def write(path, text):
    """Whole or not at all: a job may be ended, or run twice."""
    os.makedirs(os.path.dirname(path), exist_ok=True)
    draft = f"{path}.{os.getpid()}"
    with open(draft, "w") as file:
        file.write(text)
    os.rename(draft, path)


def table():
    rows = []
    for path in glob.glob(os.path.join(RESULTS, "hill-*.json")):
        with open(path) as file:
            rows.append(json.load(file))
    rows.sort(key=lambda row: row["error"])
    lines = ["   h    half     top   sum of squares"] + [
        "{h:4.1f}  {half:6.4f}  {top:6.1f}  {error:15.1f}".format(**row)
        for row in rows
    ]
    write(os.path.join(RESULTS, "table.txt"), "\n".join(lines) + "\n")
    print("\n".join(lines))


if __name__ == "__main__":
    {"put": put, "fit": fit, "table": table}[sys.argv[1]](*sys.argv[2:])
