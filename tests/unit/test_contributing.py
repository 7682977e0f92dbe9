"""CONTRIBUTING.rst names what there is."""
import importlib
import inspect
import os
import re

import pytest

from helpers import ROOT

PACKAGES = ("fjd", "fjd/roles", "fjd/hosts")
DOCUMENT = os.path.join(ROOT, "CONTRIBUTING.rst")


@pytest.fixture(scope="module")
def text():
    with open(DOCUMENT, encoding="utf-8") as file:
        return file.read()


def modules(package):
    return sorted(
        name[:-len(".py")] for name in os.listdir(os.path.join(ROOT, package))
        if name.endswith(".py") and name != "__init__.py")


@pytest.mark.parametrize("package", PACKAGES)
def test_every_module_is_on_the_map(text, package):
    item = re.split(rf"\n``{package}/(?:\*\.py)?``.*\n", text)[1]
    item = re.split(r"\n(?=\S)", item)[0]
    named = set(re.findall("``([a-z]+)``", item)) - {"sh"}
    assert sorted(named) == modules(package)


def things():
    """All classes and functions of fjd: {name: thing}."""
    found = {}
    for package in PACKAGES:
        for name in modules(package):
            if name == "bytecode":
                continue
            module = importlib.import_module(
                f"{package.replace('/', '.')}.{name}")
            found[name] = module
            found.update(inspect.getmembers(module, inspect.isclass))
    return found


def test_every_function_on_the_way_of_a_job_exists(text):
    known = things()
    names = re.findall(r"``([A-Za-z]+)\.([A-Za-z_]+)``", text)
    names = [pair for pair in names if pair[1] not in ("py", "rst")]
    assert len(names) >= 20
    for owner, name in names:
        assert hasattr(known[owner], name), f"{owner}.{name}"


def test_every_file_exists(text):
    paths = re.findall(r"``((?:fjd|tests)/[a-zA-Z_/.]*[a-z/])``", text)
    assert len(paths) >= 10
    for path in paths:
        assert "VERB" in path or os.path.exists(os.path.join(ROOT, path)), path
