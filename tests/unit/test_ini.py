"""One parser or the other, and the same result."""
import configparser
import sys

import pytest

from fjd import ini

TEXTS = [
    "", "a = b\n", "#!/bin/sh\necho a\n", "[control\nexecutable = a\n",
    "[control]\nexecutable = python a.py\nnice: 3\n",
    "[control]\r\nexecutable: python a.py\r\n\r\n[model]\r\nx=1\r\n",
    "[control]\nExecutable=a\nexecutable = b\n[control]\nother = c\n",
    "[control]\nexecutable = a\n   b\n\n   c\n# none\n ; none\n   d\n",
    "[control]\nexecutable = date +%s # %(home)s ${home} ; x\n",
    "[control]\nexecutable\nnice =\n",
    "[control]\nexecutable\n  a\n",
    "[control]\nexecutable = a\n[]\n= b\n: c\n",
    "[DEFAULT]\nexecutable = a\nx = 1\n[control]\nx = 2\n[empty]\n",
    "[control] # x\n  executable = a\n  nice = 2\n[control]x\n[ b ]\n[c]]\n",
    "[control]\nex:ecut=able : 'a = \"b\n\t= \xe9\udcff\u2028\x85\x0c\n",
]


def read(text):
    try:
        parser = ini.parse(text)
    except Exception as error:
        return type(error.__context__ or error).__name__
    return [(name, parser.items(name)) for name in parser.sections()]


def test_standard_parser_and_backport_read_alike(monkeypatch):
    if sys.version_info >= (3, 10):
        assert ini.library() is configparser
        return
    from backports import configparser2 as backport
    assert ini.library() is backport
    found = [read(text) for text in TEXTS]
    monkeypatch.setattr(ini, "library", lambda: configparser)
    assert found == [read(text) for text in TEXTS]


@pytest.mark.parametrize("text, items", [
    ("x = %(y)s $y ${y} % # b ; c", [("x", "%(y)s $y ${y} % # b ; c")]),
    ("X = 1\nx = 2\n[a]\ny = 3", [("x", "2"), ("y", "3")]),
    ("x\ny =\nz = a\n  b", [("x", None), ("y", ""), ("z", "a\nb")]),
])
def test_values_are_read_as_they_are(text, items):
    assert ini.parse("[a]\n" + text).items("a") == items


def test_a_header_ends_at_its_first_bracket():
    """Of itself the parser of 3.10 and later would read up to the last."""
    assert ini.parse("[a] # was [b]\n").sections() == ["a"]


@pytest.mark.parametrize("text", ["x = 1", "[a\nx = 1", "[a]\nx\n  continued"])
def test_what_is_no_ini_file_is_an_error(text):
    with pytest.raises(ini.Error):
        ini.parse(text)
