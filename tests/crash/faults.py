"""Run one of fjd's commands, with a fault: faults.py PLAN COMMAND ...

Every function of fjd.files that changes something is wrapped, and each call
of one makes two points, before and after it.  A point is five words, such as

    before worker.py:277 commit end move

That is the line and the function of a role's code that takes a step, the
step, and the function of fjd.files (create/append is the append that create
calls).  If it calls fjd.files by itself, that function is the step.  PLAN is a
JSON object:

    trace   a file to which all points are appended
    kill    the first point like that kills this process
    full    the first point that ends so finds the disk full
    remove  [point, pattern]: the first point that ends so removes files
    others  [point, argv]: at the first point that ends so, others run that
    links   false: the file system has no hard links
    local   false: a file server keeps it
    beat    seconds between two heartbeats
    deaf    true: no notice of the kernel comes, as when another host acts
"""
import ast
import errno
import functools
import glob
import json
import os
import runpy
import signal
import subprocess
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))
# The modules whose functions are steps.
LAYERS = (
    "project.py", "joblog.py", "rangelog.py", "ledger.py", "taskledger.py",
)
# What changes nothing; whatever else of the module os is used, does.
HARMLESS = {
    "O_NOCTTY", "O_NONBLOCK", "O_RDONLY", "close", "fsencode", "fstat",
    "listdir", "lstat", "major", "minor", "open", "path", "pread", "scandir",
    "stat", "stat_result", "statvfs", "strerror",
    "utime",  # of a directory, for its listing
}


def operations():
    """The functions of fjd.files that change something."""
    with open(os.path.join(ROOT, "fjd", "files.py")) as file:
        module = ast.parse(file.read())
    functions = [f for f in module.body if isinstance(f, ast.FunctionDef)]
    return {f.name for f in functions if used_of_os(f) - HARMLESS}


def used_of_os(function):
    return {
        node.attr for node in ast.walk(function)
        if isinstance(node, ast.Attribute)
        and getattr(node.value, "id", "") == "os"
    }


class Faults:
    """What happens at which call, in this process."""

    def __init__(self, plan):
        self.plan = plan
        self.pid = os.getpid()
        self.inside = []  # the operations that are going on

    def watched(self, operation, function):
        """That function of fjd.files, with what is to happen there."""
        @functools.wraps(function)
        def watched(*arguments, **how):
            self.inside.append(operation)
            key = self.key(sys._getframe(1))
            try:
                self.reach(f"before {key}")
                result = function(*arguments, **how)
                self.reach(f"after {key}")
                return result
            finally:
                self.inside.pop()
        return watched

    def key(self, frame):
        """The key of a call that a frame makes."""
        operation, step = "/".join(self.inside), self.inside[0]
        while place(frame) in ("files.py", "faults.py") + LAYERS:
            if place(frame) != "faults.py":
                step = frame.f_code.co_name
            frame = frame.f_back
        caller = f"{place(frame)}:{frame.f_lineno} {frame.f_code.co_name}"
        return f"{caller} {step} {operation}"

    def reach(self, point):
        if os.getpid() != self.pid:
            return  # It is a child, which is not the one that is tested.
        if point == self.plan.get("kill"):
            os.kill(os.getpid(), signal.SIGKILL)
        if "trace" in self.plan:
            with open(self.plan["trace"], "a") as file:
                file.write(point + "\n")
        if point.endswith(self.plan.get("full", "\n")):
            del self.plan["full"]
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        if point.endswith(self.plan.get("remove", "\n")[0]):
            for path in glob.glob(self.plan.pop("remove")[1]):
                os.unlink(path)
        if point.endswith(self.plan.get("others", "\n")[0]):
            subprocess.call(self.plan.pop("others")[1])


def no_links(source, target):
    raise OSError(errno.EPERM, os.strerror(errno.EPERM))


def place(frame):
    return os.path.basename(frame.f_code.co_filename)


def main():
    plan = json.loads(sys.argv[1])
    sys.argv = sys.argv[2:]
    sys.path.insert(0, ROOT)
    from fjd import files, members, wakeup
    faults = Faults(plan)
    if not plan.get("links", True):
        files.link = functools.wraps(files.link)(no_links)
    if not plan.get("local", True):
        files.is_local = lambda directory: False
    for name in operations():
        setattr(files, name, faults.watched(name, getattr(files, name)))
    members.BEAT = plan.get("beat", members.BEAT)
    if plan.get("deaf"):
        wakeup.Alarm.watch = lambda self, *directories, **how: None
    runpy.run_path(sys.argv[0], run_name="__main__")


if __name__ == "__main__":
    main()
