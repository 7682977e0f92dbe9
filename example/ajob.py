#!/usr/bin/env python3
"""A job: it gets its job file as argument, and writes the log file named
there.
"""
import configparser
import os
import sys
import time


def main():
    job = configparser.RawConfigParser()
    job.read(sys.argv[1])
    logfile = job.get("control", "logfile")
    value = job.get("params", "param1")

    time.sleep(0.3)  # What a real job would compute.

    os.makedirs(os.path.dirname(logfile) or ".", exist_ok=True)
    with open(logfile, "w") as log:
        print(f"param1 was {value}", file=log)


if __name__ == "__main__":
    main()
