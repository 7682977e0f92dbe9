"""One parser or the other, and the same result."""
import configparser
import sys

import pytest
from hypothesis import given, strategies as st

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
        return type(error).__name__
    return [(name, parser.items(name)) for name in parser.sections()]


def test_standard_parser_and_backport_read_alike(monkeypatch):
    if sys.version_info >= (3, 10):
        assert ini.configparser is configparser
        return
    from backports import configparser2 as backport
    assert ini.configparser is backport
    found = [read(text) for text in TEXTS]
    monkeypatch.setattr(ini, "configparser", configparser)
    monkeypatch.setattr(ini, "Error", configparser.Error)
    assert found == [read(text) for text in TEXTS]


@pytest.mark.parametrize("text, items", [
    ("x = %(y)s $y ${y} % # b ; c", [("x", "%(y)s $y ${y} % # b ; c")]),
    ("X = 1\nx = 2\n[a]\ny = 3", [("x", "2"), ("y", "3")]),
    ("x\ny =\nz = a\n  b", [("x", None), ("y", ""), ("z", "a\nb")]),
])
def test_values_are_read_as_they_are(text, items):
    assert ini.parse("[a]\n" + text).items("a") == items


LINES = st.sampled_from([
    "[control]", "[a-b_1]", "[DEFAULT]", "[]", "[a] x", "[a]]", "", " ",
    "executable: /bin/true", "executable = a b", "Nice:3", "nice =", "x",
    "x y: z", "x: y: z = a", "x =  a  ", "\tx: y", "# x: y", "; x", "x: # y",
    "x: caf\xe9", "x: a\tb", "x\xa0: y", "\xe9: y", "x: y\r", "x: \x1c",
])


@given(st.one_of(
    st.lists(LINES).map("\n".join),
    st.text(st.sampled_from("[]a:= #;\t\n\r\x0c\xe9"), max_size=30),
))
def test_plain_lines_are_read_as_the_parser_reads_them(text):
    plain = ini.plain_sections(text)
    if plain is not None:
        assert [(name, list(plain[name].items())) for name in plain] \
            == read(text)


def test_most_jobs_have_plain_lines():
    text = "[control]\nexecutable: a.py\nnice=3\n\n[params]\nX: 1 # 2\n"
    assert ini.plain_sections(text) == {
        "control": {"executable": "a.py", "nice": "3"},
        "params": {"x": "1 # 2"},
    }
    assert ini.plain_sections("[a]\nx: y\n  z\n") is None


def test_a_header_ends_at_its_first_bracket():
    """Of itself the parser of 3.10 and later would read up to the last."""
    assert ini.parse("[a] # was [b]\n").sections() == ["a"]


@pytest.mark.parametrize("text", ["x = 1", "[a\nx = 1", "[a]\nx\n  continued"])
def test_what_is_no_ini_file_is_an_error(text):
    with pytest.raises(ini.Error):
        ini.parse(text)
