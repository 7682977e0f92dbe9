"""Packages of others, and their byte code."""
import importlib.util
import os
import py_compile
import sys

import pytest

from fjd.bytecode import optional


@pytest.fixture
def place(tmp_path, monkeypatch):
    monkeypatch.setattr(sys, "path", [str(tmp_path)] + sys.path)
    monkeypatch.setattr(sys, "dont_write_bytecode", False)
    before = set(sys.modules)
    yield tmp_path
    for name in set(sys.modules) - before:
        del sys.modules[name]


def test_none_is_written(place):
    (place / "their1.py").write_text("x = 1\n")
    assert optional("their1").x == 1
    assert not (place / "__pycache__").exists()
    assert not sys.dont_write_bytecode


@pytest.mark.parametrize("size", [0, 5, 20, 40])
def test_cut_one_is_not_believed(place, size):
    package = place / f"their{size}"
    package.mkdir()
    (package / "__init__.py").write_text("")
    (package / "module.py").write_text("x = [1, 2]\n")
    source = str(package / "module.py")
    path = importlib.util.cache_from_source(source)
    py_compile.compile(source)
    os.truncate(path, size)
    assert optional(f"their{size}.module").x == [1, 2]
    assert os.path.getsize(path) == size
    assert sys.implementation.cache_tag


@pytest.mark.parametrize("text, error", [
    (None, ImportError), ("import nowhere_to_be_found", ImportError),
    ("raise ValueError(5)", ValueError),
])
def test_error_of_a_package_is_its_own(place, text, error):
    if text:
        (place / "their2.py").write_text(text)
    with pytest.raises(error):
        optional("their2")
    assert sys.implementation.cache_tag and not sys.dont_write_bytecode
