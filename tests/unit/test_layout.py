"""Which parts of fjd may import which others."""
import ast
import os

from helpers import ROOT

PLACE = os.path.join(ROOT, "fjd")
ALLOWED = {  # by their directory in fjd/; "" is the protocol
    "": {""},
    "roles": {"", "roles"},
    "hosts": {"", "hosts"},
    "verbs": {"", "roles", "hosts", "verbs"},
}
ROLES = ("worker", "dispatcher", "recruiter")
EVERYTHING = ("api",)  # what Python programs import
# What commands are made of, on top of the protocol.
OF_COMMANDS = ("command", "home", "options", "output")


def modules():
    """(directory, name, imported modules) of each."""
    for place, _, names in os.walk(PLACE):
        for name in sorted(names):
            if name.endswith(".py"):
                directory = os.path.relpath(place, PLACE).lstrip(".")
                with open(os.path.join(place, name)) as file:
                    tree = ast.parse(file.read())
                yield directory, name[:-3], set(imports(tree))


def imports(tree):
    """(directory, name) of each module of fjd that is imported."""
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom):
            for alias in node.names:
                words = f"{node.module}.{alias.name}".split(".")
                if words[0] == "fjd" and words[1] in ALLOWED:
                    yield words[1], words[2]
                elif words[0] == "fjd":
                    yield "", words[1]


def test_nothing_imports_what_is_built_on_it():
    bad = [
        (directory, name, other)
        for directory, name, others in modules() for other in others
        if name not in EVERYTHING + ("__init__",)
        and (other[0] not in ALLOWED[directory] or other[1] in EVERYTHING)
    ]
    assert bad == []


def test_the_protocol_imports_nothing_that_commands_are_made_of():
    for directory, name, others in modules():
        if not directory and name not in OF_COMMANDS + EVERYTHING:
            assert not {("", other) for other in OF_COMMANDS} & others, name


def test_no_role_imports_another():
    found = {name: others for _, name, others in modules() if name in ROLES}
    assert sorted(found) == sorted(ROLES)
    for name, others in found.items():
        assert not {("roles", other) for other in ROLES} & others, name


def test_only_one_module_imports_sh():
    for directory, name, _ in modules():
        path = os.path.join(PLACE, directory, f"{name}.py")
        with open(path) as file:
            is_there = "(\"sh\")" in file.read()
        assert is_there == (name == "external")
