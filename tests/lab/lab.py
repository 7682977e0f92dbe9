"""Machines that share a home over NFS, as a script makes them.

FJD_LAB names the script.  Its verbs are up N --home KIND and down, run NODE
COMMAND, kill NODE (power loss), cut and heal NODE (network), and skew NODE
SECONDS (clock).  This machine sees the home as the file server does, without
a cache, and its clock is that of the file times.
"""
import os
import shutil
import subprocess
from importlib.machinery import PathFinder

from helpers import copy_of_project, PIPE, run

from fjd.project import Project


class NoLab(Exception):
    """What went wrong with the script, in its own words."""


class Lab:
    """Some of them; each is driven as by who is logged in there."""

    def __init__(self, script):
        self.script = script

    def up(self, machines=3):
        self.hosts("up", str(machines), "--home", "nfs")
        self.home = self.run("node1", "pwd").stdout.strip()
        assert self.home.startswith("/"), "nobody can log in on node1"
        self.code = self.path("fjd")
        copy_of_project(self.code)
        # The Python over there may lack sh, without which nobody can hire.
        shutil.copy(PathFinder.find_spec("sh").origin, self.code)
        os.mkdir(self.path("started"))
        self.own(self.path("started"), self.code)

    def down(self):
        self.hosts("down")

    def hosts(self, *words):
        try:
            result = run([self.script] + list(words), timeout=300)
        except (OSError, subprocess.TimeoutExpired) as error:
            raise NoLab(str(error))
        if result.returncode:
            raise NoLab(result.stderr.strip())

    def path(self, *parts):
        return os.path.join(self.home, *parts)

    def own(self, *paths):
        """Give what was made from here to the user of the lab."""
        status = os.stat(self.home)
        run(["chown", "-R", f"{status.st_uid}:{status.st_gid}"] + list(paths))

    # What is done on a node

    def run(self, node, *argv, **how):
        return run([self.script, "run", node] + list(argv), **how)

    def fjd(self, node, name, *arguments):
        """The completed process of one of fjd's commands."""
        program = os.path.join(self.code, "bin", name)
        result = self.run(node, program, *arguments, timeout=120)
        assert "Traceback" not in result.stderr, result.stderr
        return result

    def ok(self, node, name, *arguments):
        """The lines that a command prints; it must succeed."""
        result = self.fjd(node, name, *arguments)
        assert (result.returncode, result.stderr) == (0, ""), result
        return result.stdout.splitlines()

    def start(self, node, name, *arguments):
        """A command in the background; end it with finish()."""
        program = os.path.join(self.code, "bin", name)
        return subprocess.Popen(
            [self.script, "run", node, program] + list(arguments),
            stdin=subprocess.DEVNULL, stdout=PIPE, stderr=subprocess.STDOUT,
            encoding="utf-8",
        )

    # What lies in the home

    def project(self, name, workers, jobs):
        """A project; workers: how many on each host; jobs: their seconds.

        No node sees it before it is complete, for NFS remembers long what is
        not there.
        """
        draft = self.path(f".{name}")
        for place in (draft, os.path.join(draft, "jobqueue")):
            os.mkdir(place, 0o700)
        with open(os.path.join(draft, "remote.conf"), "w") as conf:
            for host, number in workers.items():
                conf.write(f"[{host}]\nname: {host}\nworkers: {number}\n")
        for job_name, seconds in jobs.items():
            path = os.path.join(draft, "jobqueue", job_name)
            with open(path, "w") as job:
                job.write(f"{JOB}sleep {seconds:.2f}\n")
            os.chmod(path, 0o700)
        os.makedirs(self.path(".fjd"), exist_ok=True)
        self.own(self.path(".fjd"), draft)
        root = self.path(".fjd", name)
        os.rename(draft, root)
        return Project(root)

    def started(self):
        """When each attempt began, by the clock of the file server."""
        place = self.path("started")
        return {
            name: os.stat(os.path.join(place, name)).st_mtime
            for name in os.listdir(place)
        }


JOB = """\
#!/bin/sh
: >~/started/"$FJD_ATTEMPT"
"""
