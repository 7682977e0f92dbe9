"""What README.rst promises: its session, options, directories and codes."""
import os
import re

import pytest

from helpers import ROOT, command, fjd, ok, run

# What a recruiter tells those whom it starts.
INTERNAL = ["FJD_ANEW", "FJD_OF_RUN", "FJD_SESSION_NAME", "FJD_SCRIPT",
            "FJD_ALLOCATION", "FJD_WITNESS"]
COMMANDS = ["fjd", "fjd-dispatcher", "fjd-recruiter", "fjd-worker"]


@pytest.fixture(scope="module")
def readme():
    with open(os.path.join(ROOT, "README.rst"), encoding="utf-8") as file:
        return file.read()


def section(readme, title):
    return readme.split(f"\n{title}\n")[1].split("\n\n\n")[0]


def test_every_verb_is_there_and_every_option_there_is_one(readme):
    """That no option is forgotten is test_manual.py's affair."""
    commands = section(readme, "The commands")
    options = set()
    for name in COMMANDS:
        help_text = "\n".join(ok(name, "--help"))
        for verb in re.findall(r"^    ([a-z]+)  ", help_text, re.M):
            assert re.search(f"^``.*{name} {verb}", commands, re.M)
            help_text += "\n".join(ok(name, verb, "--help"))
        options.update(re.findall(r"--[a-z-]+", help_text))
    told = commands + section(readme, "From cron")
    assert set(re.findall(r"--[a-z][a-z-]+", told)) <= options


def test_every_directory_is_there(readme):
    from fjd.project import ALLOCATIONS, DIRECTORIES, LIST, ORDER
    table = section(readme, "Files on disk").split("\n===")[1]
    told = re.findall(r"^``([a-z]+)`` ", table, re.M)
    assert sorted(told) == sorted(DIRECTORIES + (ALLOCATIONS, LIST, ORDER))


def test_every_directory_is_in_the_protocol_too():
    from fjd import project
    for directory in project.DIRECTORIES:
        assert f"\n    {directory}/" in project.__doc__


def test_every_column_and_event_of_the_ledger_is_where_readme_says(readme):
    from fjd import ledger
    assert "``fjd results --help`` explains the" in readme
    text = fjd("fjd", "results", "--help").stdout
    words = list(ledger.Entry._fields) + [
        ledger.DONE, ledger.FAILED, ledger.LOST, ledger.GIVEN_BACK,
        ledger.SUPERSEDED, ledger.RETRIED, ledger.CLEANED,
    ]
    for word in words:
        assert word in re.sub(r"-\s+", "-", text), word
        assert word in ledger.__doc__, word


def test_every_exit_code_is_there(readme):
    from fjd import errors
    codes = {0, 1, 2, 130, 141, errors.SOME_FAILED, os.EX_IOERR} | {
        kind.exit_code for kind in vars(errors).values()
        if isinstance(kind, type) and issubclass(kind, errors.FjdError)
    }
    told = re.findall(r"^([0-9]+) +[a-z`]", section(
        readme, "Exit codes"), re.M)
    assert sorted(map(int, told)) == sorted(codes)


def test_every_variable_is_there_or_in_a_page(readme):
    texts, used = [readme], set()
    for path in files_in("bin", "fjd"):
        with open(path, encoding="utf-8") as file:
            text = file.read()
        used.update(re.findall("FJD_[A-Z]+(?:_[A-Z]+)*", text))
        if path.endswith(".rst"):
            texts.append(text)
    told = re.findall("``(FJD_[A-Z_]+)``", "\n".join(texts))
    assert used - set(INTERNAL) == set(told)


def files_in(*folders):
    for folder in folders:
        for place, names, files in os.walk(os.path.join(ROOT, folder)):
            if "__pycache__" in names:
                names.remove("__pycache__")
            for name in files:
                yield os.path.join(place, name)


@pytest.mark.slow
def test_lines_of_the_first_session_are_those_of_make_example(readme):
    """Numbers of a second `Found` are the machine's own."""
    session = readme.split("::\n\n")[1].split("\n\n\n")[0]
    result = run([os.path.join(ROOT, "example", "run-example.sh"), "example"])
    printed = result.stdout.splitlines() + result.stderr.splitlines()
    told = re.findall(r"^    (\[fjd-.*)$", session, re.M)
    assert len(told) >= 7
    for line in told:
        if "Found 2 " not in line:
            assert line in printed


def test_session_with_your_own_program_is_real(readme, home, monkeypatch):
    """Every command of it is run; every line it shows is printed."""
    text = section(readme, "Run your own program").split("::\n\n")[1]
    lines = [line[4:] for line in text.splitlines() if line[:4] == "    "]
    script = "\n".join(
        re.sub("^[$>] ", "", line) for line in lines if line[:2] in "$ > "
    )
    told = [line for line in lines if line[:2] not in ("$ ", "> ")]
    monkeypatch.setenv("FJD_DIR", "")
    result = run(["sh", "-c", script], cwd=str(home))
    printed = result.stdout + result.stderr
    ok("fjd-recruiter", "fire")
    for line in told:
        if "Found 2 " not in line:
            assert line.split("/home/you")[0].rstrip("'") in printed
    assert "[fjd-worker] job4: exit 2\n" in printed


def test_session_in_place_of_xargs_is_real(readme, home, monkeypatch):
    """But for hashes, and for how many jobs and workers are found when."""
    for name in ("MAKELEVEL", "MAKEFLAGS", "MFLAGS"):  # of make test
        monkeypatch.delenv(name, raising=False)
    text = section(readme, "In place of xargs").split("::\n\n")[1]
    typed, *told = text.split("\n\n")[0].replace("    ", "").splitlines()
    for name in ("one", "two", "three 3"):
        (home / name).mkdir()
        recipe = "false" if name == "two" else "true"
        (home / name / "Makefile").write_text(f"all:\n\t{recipe}\n")

    def plain(lines):
        lines = [line for line in lines if "] Found " not in line]
        text = re.sub("[0-9a-f]{10,}(-[0-9]+)?", "HASH", "\n".join(lines))
        return re.sub("(?m) /.*/.fjd| '/.*/.fjd|'$", "", text)

    words = typed.replace("$ fjd", " ".join(command("fjd")))
    result = run(["sh", "-c", words], cwd=str(home))
    assert result.returncode == 3
    assert plain(result.stderr.splitlines()) == plain(told)
    assert "] Found " in result.stderr
    (home / "two" / "Makefile").write_text("all:\n\techo ok > ok\n")
    again = run(["sh", "-c", words.replace(" run ", " run --resume ")],
                cwd=str(home))
    assert again.stderr.splitlines()[-1] == "[fjd] 3 done, 0 failed"


def test_installation_shows_this_version(readme):
    from fjd import __version__
    assert f"    Installed fjd {__version__} in " in readme


def test_length_is_bearable(readme):
    assert readme.count("\n") < 350
