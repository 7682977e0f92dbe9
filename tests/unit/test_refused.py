"""Options of GNU parallel and xargs that fjd run does not have."""
import pytest

from fjd.errors import BadUsage
from fjd.options import new_parser
from fjd.verbs import exe, refused, table
from fjd.verbs.runoptions import DEFAULTS, OPTIONS

NAMES = [(name, row) for row in refused.REFUSED for name in row.split()]


def parse(*words):
    return table.parse(table.new_parser(), ["run", *words])


@pytest.mark.parametrize("name, row", NAMES)
def test_each_is_refused_with_what_to_write(home, name, row):
    for words in ([name], [name, "x"], ["-kj4", name, "x", ":::", "a"]):
        with pytest.raises(BadUsage) as error:
            parse(*words)
        assert str(error.value) == f"run: {name}: {refused.REFUSED[row]}"
        assert len(f"fjd: error: {error.value}") < 110
        assert error.value.exit_code == 2
    assert not (home / ".fjd").exists()


def test_the_table_can_be_read_at_once():
    assert len(refused.REFUSED) <= 30


def test_no_name_is_used_twice():
    new_parser("", *OPTIONS)  # Else it raises an error.
    names = [word for words, _ in OPTIONS for word in words]
    assert len(names) == len(set(names))


@pytest.mark.parametrize("words", [
    ["-I", "{}"], ["-I{}"], ["-d", "\n"], ["-d", "\\n"], ["--delimiter=\\n"],
    ["--env", "HOME"], ["-rq"], ["-kr"], *([name] for name in refused.IGNORED),
])
def test_what_fjd_does_anyway_is_accepted(words):
    options = parse(*words, "echo", ":::", "a")
    assert options.words == ["echo", ":::", "a"]


@pytest.mark.parametrize("words, key, value", [
    (["-j4"], "workers", 4), (["-kj4"], "workers", 4),
    (["-P", "3"], "workers", 3), (["--jobs=2"], "workers", 2),
    (["--max-procs", "1"], "workers", 1), (["-j0"], "workers", 250),
    (["-n1"], "per_job", 1), (["-N", "2"], "per_job", 2),
    (["--max-args", "5"], "per_job", 5), (["-kj4"], "in_order", True),
    (["--keep-order"], "in_order", True), (["--dryrun"], "dry_run", True),
    (["--resume-failed"], "resume", True), (["-C", ","], "colsep", ","),
    (["--arg-file", "f"], "files", ["f"]), (["--delay", "1m"], "delay", 60),
])
def test_names_that_people_know_are_accepted(words, key, value):
    options = parse(*words, "echo", ":::", "a")
    assert getattr(options, key) == value
    assert options.words == ["echo", ":::", "a"]


def test_the_2013_form_has_a_value_for_each_option_of_run():
    """It runs by the same code."""
    own = {how["dest"] for words, how in exe.OPTIONS if "dest" in how}
    assert set(vars(parse("echo"))) - {"act", "verb", "words"} \
        <= {*DEFAULTS, "project", "session", "quiet", "max_losses", "workers",
            "is_named"}
    assert not own & set(DEFAULTS)


def test_options_of_the_command_are_not_looked_at():
    words = ["sort", "-u", "--pipe", "-S", "-I", ":::", "a"]
    assert parse("-k", *words).words == words


@pytest.mark.parametrize("words", [["-j", "-2"], ["-j2x"], ["-j", "++2"],
                                   ["-j"], ["--jobs", "x"], ["-P1.5"]])
def test_another_number_of_workers_is_refused(words, capsys):
    with pytest.raises(SystemExit) as end:
        parse(*words)
    said = capsys.readouterr().err
    assert end.value.code == 2 and said.count("\n") == 1
    assert ": a number is wanted: -j4, -j75% of the CPUs" in said
