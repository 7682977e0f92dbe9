"""A Slurm of four small programs, for tests that run everywhere.

It runs nothing: a test says which of its tasks run, by FakeSlurm.  As the real
one (22.05, measured) it cancels all pending tasks of an array with one of
them, if scancel gets a filter and the task is not held.
"""
import fcntl
import json
import os
import re
import sys
import time

HEADS = {"%i": "JOBID", "%t": "ST", "%j": "NAME", "%A": "JOBID",
         "%F": "ARRAY_JOB_ID", "%r": "REASON"}
PROGRAMS = ("sbatch", "squeue", "scancel", "scontrol")


class FakeSlurm:
    """Its programs in a directory for PATH, and its state beside them."""

    def __init__(self, place):
        from helpers import program  # The programs themselves need none.
        self.place = place
        place.mkdir()
        self.write({"last": 0, "tasks": {}, "most": 1001})
        for name in PROGRAMS:
            program(place / name, f'exec "{sys.executable}" -S "{__file__}"'
                                  f' "{place}" {name} "$@"')

    def read(self):
        return json.loads((self.place / "state").read_text())

    def write(self, state):
        (self.place / "state").write_text(json.dumps(state))

    def states(self):
        """{task: its state}, such as {"1_2": "PD"}."""
        tasks = self.read()["tasks"]
        return {name: task["state"] for name, task in tasks.items()}

    def set(self, state, *names):
        """Let tasks have a state; "": they have ended."""
        found = self.read()
        for name in names:
            found["tasks"][name]["state"] = state
            if not state:
                del found["tasks"][name]
        self.write(found)

    def let(self, **keys):
        self.write({**self.read(), **keys})

    def calls(self, name):
        """The command lines of one program."""
        path = self.place / "calls"
        lines = path.read_text().splitlines() if path.exists() else []
        found = [json.loads(line) for line in lines]
        return [words[1:] for words in found if words[0] == name]


def main(place, name, words):
    with open(os.path.join(place, "calls"), "a") as calls:
        fcntl.flock(calls, fcntl.LOCK_EX)
        calls.write(json.dumps([name, *words]) + "\n")
        calls.flush()
        path = os.path.join(place, "state")
        with open(path) as file:
            state = json.load(file)
        if name in state.get("hang", []):
            time.sleep(60)
        if name in state.get("fail", {}):
            sys.exit(state["fail"][name])
        globals()[name](state, words)
        with open(path, "w") as file:
            json.dump(state, file)


def value_of(words, *options):
    for k, word in enumerate(words):
        for option in options:
            if word == option:
                return words[k + 1]
            if word.startswith(option + "="):
                return word.partition("=")[2]
    return ""


def sbatch(state, words):
    if "--test-only" in words:
        print("sbatch: Job 9 to start at some time", file=sys.stderr)
        return
    state["last"] += 1
    number, name = state["last"], value_of(words, "--job-name")
    last = int(re.fullmatch("1-([0-9]+)", value_of(words, "--array"))[1])
    for k in range(1, last + 1):
        state["tasks"][f"{number}_{k}"] = {
            "state": "PD", "name": name, "number": str(number)}
    print(number)


def squeue(state, words):
    ids, names = value_of(words, "-j").split(","), value_of(words, "-n")
    tasks = [(name, task) for name, task in state["tasks"].items()
             if name.partition("_")[0] in ids or task["name"] == names]
    known = {name.partition("_")[0] for name in state["tasks"]}
    form = value_of(words, "-o")
    if state.get("says") is not None:
        print(state["says"])
        return
    if not names and len(ids) == 1 and ids[0] not in known:
        sys.exit("slurm_load_jobs error: Invalid job id specified")
    if "-h" not in words:
        print(re.sub("%.", lambda m: HEADS[m[0]], form))
    for name, task in tasks:
        reason = "JobHeldUser" if task.get("is_held") else "Priority"
        values = {
            "%i": name, "%t": task["state"], "%j": task["name"],
            "%A": task["number"], "%F": name.partition("_")[0],
            "%r": reason if task["state"] == "PD" else "None"}
        print(re.sub("%.", lambda m: values[m[0]], form))


def scancel(state, words):
    only, job = value_of(words, "-t"), value_of(words, "--name")
    tasks = state["tasks"]
    for wanted in [word for word in words if re.fullmatch("[0-9_]+", word)]:
        array = wanted.partition("_")[0]
        held = [name for name in (wanted,)
                if name in tasks and tasks[name]["number"] != array]
        for name in held or [n for n in tasks if n.startswith(f"{array}_")]:
            is_meant = not only or tasks[name]["state"] == "PD"
            if is_meant and tasks[name]["name"] == job:
                del tasks[name]


def scontrol(state, words):
    if words[:1] == ["show"]:
        print(f"MaxArraySize            = {state['most']}")
        return
    for k, name in enumerate(words[1].split(",")):
        if state["tasks"].get(name, {}).get("state") == "PD":
            state["tasks"][name]["is_held"] = words[0] == "hold"
            if words[0] == "hold" and not state.get("holds_together"):
                state["tasks"][name]["number"] = f"90{k}"


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], sys.argv[3:])
