"""The steps of each role that change files, as the code has them.

A step is a function of Project, JobLog or Ledger, or a function of fjd.files
that a role calls by itself.  It is found by the name it is called on: the
project of self.project.end(run, place) is a Project.  A role takes a step if
the function that calls it is mentioned by main() of its script, is made a verb
there, is the act() of a verb in the table of fjd, is mentioned by a table in
the modules that this imports, or by a function that is mentioned in turn.
"""
import ast
import functools
import os
from collections import namedtuple

from faults import LAYERS, ROOT, operations

# They touch no job: their files are in a directory of their own, or letters,
# or tell an owner and are gone.
ASIDE = ("batchchecks.py", "checks.py", "doctor.py", "latency.py",
         "ownership.py")
ALLOCATIONS = ("allocations.py", "counting.py", "enlistment.py",
               "withdrawal.py")
TABLE = os.path.join("verbs", "table.py")
OWNERS = {"project": "Project", "log": "JobLog", "ledger": "Ledger"}

# A call in the code, and what it may change: {"create", "create/append"}.
Step = namedtuple("Step", "role function step place line operations")


@functools.lru_cache(maxsize=None)
def parsed(*path):
    with open(os.path.join(ROOT, *path)) as file:
        return ast.parse(file.read())


def roles():
    """What the commands in bin/ are called, without fjd-."""
    names = os.listdir(os.path.join(ROOT, "bin"))
    return sorted(name.rpartition("-")[2] for name in names)


def is_others(role, place):
    """Whether a module's steps are tried in another role.

    fjd run is a dispatcher, too, and its forks hire and work: that is tried
    there.  What becomes of allocations is tried with recruiters.
    """
    if role != "recruiter" and place in ALLOCATIONS:
        return True
    return role == "fjd" and any(
        place in modules(other) for other in roles() if other != role)


def script(role):
    name = "fjd" if role == "fjd" else f"fjd-{role}"
    return os.path.join("bin", name)


def functions(tree):
    """The functions of a module or class, and those of its classes:
    {name: [node, ...]}.  What is defined within a function is a part of it.
    """
    found = {}
    for node in tree.body:
        inner = node.body if isinstance(node, ast.ClassDef) else [node]
        for function in inner:
            if isinstance(function, ast.FunctionDef):
                found.setdefault(function.name, []).append(function)
    return found


def calls(node):
    """(owner, name, line) of each owner.name(...) in a function, also of one
    that is handed over to be called.
    """
    for call in ast.walk(node):
        parts = [call.func, *call.args] if isinstance(call, ast.Call) else []
        for part in parts:
            if isinstance(part, ast.Attribute):
                yield owner_of(part), part.attr, call.lineno


def owner_of(part):
    """The name that a function is called on; "" of files that are others than
    fjd.files or those of a project.
    """
    owner = part.value
    name, whose = name_in(owner), name_in(getattr(owner, "value", None))
    is_other = name == "files" and whose not in ("", "self", "project")
    return "" if is_other else name


def name_in(node):
    """The last name of an expression."""
    return getattr(node, "attr", getattr(node, "id", ""))


def operations_of_files():
    """{("files", "create"): {"create", "create/append"},
        ("files", "flush"): {"sync"}, ...}
    """
    changing = operations()
    found = {}
    for function, (node,) in functions(parsed("fjd", "files.py")).items():
        inner = {getattr(part, "id", "") for part in ast.walk(node)}
        is_one = function in changing
        start = f"{function}/" if is_one else ""
        changes = {f"{start}{name}" for name in inner & changing}
        if is_one or changes:
            found["files", function] = changes.union([function] * is_one)
    return found


def methods():
    """{("Project", "end"): [("Project", "commit"), ...], ...} of the layers:
    what each calls.  Those of a class count as those of its base, too.
    """
    found = {}
    for module in layers():
        for owner in module.body:
            if isinstance(owner, ast.ClassDef):
                kind = "".join(map(name_in, owner.bases)) or owner.name
                owners = dict(OWNERS, self=kind)
                for name, (node,) in functions(owner).items():
                    found.setdefault((kind, name), []).extend(
                        (owners.get(o, o), callee)
                        for o, callee, _ in calls(node))
    return found


def layers():
    for module in LAYERS:
        for path in module, os.path.join("roles", module):
            if os.path.exists(os.path.join(ROOT, "fjd", path)):
                yield parsed("fjd", path)


@functools.lru_cache(maxsize=None)
def operations_of_steps():
    """{("Project", "end"): {"move"}, ...}, without those that only read."""
    found, inner = operations_of_files(), methods()

    def collect(step):
        if step not in found:
            found[step] = set().union(*map(collect, inner.get(step, [])))
        return found[step]

    for step in inner:
        collect(step)
    return {step: changes for step, changes in found.items() if changes}


@functools.lru_cache(maxsize=None)
def imported(tree):
    """The modules of fjd that a module imports."""
    return list(imports(tree))


def imports(tree):
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom):
            if node.module == "fjd":
                yield from (f"{alias.name}.py" for alias in node.names)
            elif node.module.startswith("fjd."):
                path = node.module[4:].replace(".", os.sep)
                yield f"{path}.py"
                for alias in node.names:  # Of a package, a module.
                    yield os.path.join(path, f"{alias.name}.py")


@functools.lru_cache(maxsize=None)
def modules(role):
    """{file name: tree} of a role's script and all that it imports."""
    path = script(role)
    found = {os.path.basename(path): parsed(path)}
    todo = set(imported(found[os.path.basename(path)]))
    done = set()
    while todo - done:
        path = (todo - done).pop()
        done.add(path)
        if os.path.exists(os.path.join(ROOT, "fjd", path)):
            tree = parsed("fjd", path)
            found[os.path.basename(path)] = tree
            todo |= set(imported(tree))
        if path == TABLE:
            todo |= set(verbs(tree))
    return found


def verbs(tree):
    """The modules of the verbs in the table, which main() imports by name."""
    for node in tree.body:
        if isinstance(node, ast.Assign) and node.targets[0].id == "GROUPS":
            for group in ast.literal_eval(node.value).values():
                for name in group:
                    yield os.path.join("verbs", f"{name}.py")


def all_modules():
    """The paths of all that is fjd's, except files.py, and of those that
    touch no project: bytecode.py, and records.py, which writes for its user.
    """
    return sorted(
        os.path.relpath(os.path.join(place, name), ROOT)
        for top in ("bin", "fjd")
        for place, _, names in os.walk(os.path.join(ROOT, top))
        for name in names
        if name not in ("files.py", "bytecode.py", "records.py")
        and "__" not in os.path.join(place, name)
        and not name.endswith((".txt", ".rst"))
    )


def mentioned(node):
    return {
        name_in(part) for part in ast.walk(node)
        if isinstance(part, (ast.Attribute, ast.Name))
    }


def reached(trees):
    """[(file name, function)] of what main() of a script comes to."""
    known = {}
    for place, tree in trees.items():
        for name, nodes in functions(tree).items():
            known.setdefault(name, []).extend((place, n) for n in nodes)
    tables = [node for tree in trees.values() for node in tree.body
              if isinstance(node, (ast.Assign, ast.AnnAssign, ast.For))]
    verbs = {name for name, nodes in known.items() for _, node in nodes
             if any(isinstance(d, ast.Call) for d in node.decorator_list)}
    found, done = [], set()
    todo = {"main", "__init__"}.union(verbs, *map(mentioned, tables))
    while todo:
        done |= todo
        new = [item for name in todo for item in known.get(name, [])]
        found += new
        todo = set().union(*(mentioned(node) for _, node in new)) - done
    return found


def steps_of(role):
    """All steps of a role, in the order of the code."""
    changing = operations_of_steps()
    found = []
    for place, function in reached(modules(role)):
        if place in LAYERS + ASIDE + ("files.py",) or is_others(role, place):
            continue
        for owner, name, line in calls(function):
            key = (OWNERS.get(owner, owner), name)
            if key in changing:
                found.append(Step(
                    role, function.name, name, place, line,
                    frozenset(changing[key]),
                ))
    return sorted(found)


def name_of(step):
    """worker-commit-end.311"""
    return f"{step.role}-{step.function}-{step.step}.{step.line}"
