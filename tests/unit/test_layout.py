"""Which parts of fjd may import which others."""
import ast
import os
import tokenize

import pytest

from helpers import ROOT

pytestmark = pytest.mark.once
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


def code_lines(path):
    """How many lines are code: no comments, docstrings and blank lines."""
    with open(path, "rb") as file:
        tokens = list(tokenize.tokenize(file.readline))
    with open(path) as file:
        tree = ast.parse(file.read())
    prose = set()
    for node in ast.walk(tree):
        if isinstance(node, (ast.Module, ast.ClassDef, ast.FunctionDef)) \
                and ast.get_docstring(node, clean=False):
            text = node.body[0].value
            last = getattr(text, "end_lineno", text.lineno)  # PY36: 3.8 on
            lines = ast.get_docstring(node, clean=False).count("\n")
            prose.update(range(last - lines, last + 1))
    found = set()
    for token in tokens:
        if token.type in (tokenize.NAME, tokenize.OP, tokenize.NUMBER,
                          tokenize.STRING):
            found.update(range(token.start[0], token.end[0] + 1))
    return len(found - prose)


@pytest.mark.parametrize("directory, most", [
    ("roles", 320), ("hosts", 250), ("verbs", 250), ("", 320),
])
def test_no_module_is_too_long_to_be_read_at_once(directory, most):
    place = os.path.join(PLACE, directory)
    for name in os.listdir(place):
        if name.endswith(".py"):
            assert code_lines(os.path.join(place, name)) <= most, name


# Lines of code in the protocol and the roles together.  What an issue may add:
# 250 for arrays, 80 for fjd run, 60 for places that have workers, 150 for a
# good neighbour, 80 for jobs that wait for jobs.  Whoever takes lines out
# lowers this number.
HEART = 4595


def test_the_heart_stays_small_enough_to_be_read_in_an_afternoon():
    found = [
        os.path.join(PLACE, directory, name)
        for directory in ("", "roles")
        for name in os.listdir(os.path.join(PLACE, directory))
        if name.endswith(".py") and name[:-3] not in EVERYTHING
    ]
    assert HEART - 100 < sum(map(code_lines, found)) <= HEART


def lines_of(command):
    with open(os.path.join(ROOT, "bin", command)) as script:
        return script.read().count("\n")


def test_the_command_fjd_only_finds_the_verb():
    assert lines_of("fjd") <= 40


@pytest.mark.parametrize("role", ROLES)
def test_the_script_of_a_role_is_its_options_and_its_story(role):
    assert lines_of(f"fjd-{role}") <= 100
