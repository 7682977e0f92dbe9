"""What fjd/pages promises: sessions, keys, directories and names."""
import doctest
import os
import re
import stat

import pytest

from helpers import finish, ok, ROOT, run, start
from sessions import blocks, commands_of, is_as_shown, play
from test_readme import COMMANDS, section

PLACE = os.path.join(ROOT, "fjd", "pages")
PAGES = sorted(os.listdir(PLACE))
TOPICS = [page[:-len(".rst")] for page in PAGES]
OTHERS = {  # options of other programs
    "--array", "--clusters", "--cpus-per-task", "--export", "--gpus-per-task",
    "--mem-per-cpu", "--nodes", "--ntasks-per-node", "--parsable",
    "--partition", "--seed", "--signal", "--time", "--user",
}
# A session for which a Slurm is needed (tests/lab/test_slurmpage.py).
ON_SLURM = ("cluster.rst", "Hire from Slurm")


def read(page):
    with open(os.path.join(PLACE, page), encoding="utf-8") as file:
        return file.read()


@pytest.fixture(scope="module")
def readme():
    with open(os.path.join(ROOT, "README.rst"), encoding="utf-8") as file:
        return file.read()


def test_each_page_is_a_topic_of_help_and_no_other_is_named(readme):
    row = section(readme, "The commands").split("``fjd help``")[1]
    assert re.findall("``([a-z]+)``", row.split("\n===")[0]) == TOPICS
    named = set()
    for text in [readme, *map(read, PAGES)]:
        named.update(re.findall(r"``fjd\s+help\s+([a-z]+)``", text))
    assert named == set(TOPICS)


@pytest.mark.parametrize("page", PAGES)
def test_page_begins_with_a_title_and_says_in_a_line_what_it_is(page):
    title, rule, empty, what, more, *_ = read(page).split("\n")
    assert rule == "=" * len(title)
    assert (empty, more) == ("", "")
    assert re.fullmatch(r"[A-Z][^.]*[a-z]\.", what) and len(what) <= 79


@pytest.mark.parametrize("page", PAGES)
def test_no_line_is_too_long_unless_a_command_prints_it(page):
    for line in read(page).splitlines():
        assert len(line) <= 79 or line.startswith("    "), line


@pytest.mark.parametrize("page", [
    page for page in PAGES if page not in ("python.rst", ON_SLURM[0])])
def test_sessions_are_real(page, home):
    commands = commands_of(read(page))
    assert commands or page == "speed.rst"
    for command, printed, shown in play(commands, home):
        assert is_as_shown(printed, shown), f"$ {command}\n{printed}"


def test_only_one_session_needs_slurm():
    page, title = ON_SLURM
    text = section(read(page), title)
    assert commands_of(read(page)) == commands_of(f"{title}\n\n{text}") != []


def test_examples_for_python_are_true(home):
    """Of the two commands that it needs, the second one goes on."""
    hire, dispatch = [
        command.split() for command, _ in commands_of(read("python.rst"))]
    ok(*hire, "--session", "process")
    dispatcher = start(*dispatch)
    try:
        result = doctest.testfile(
            os.path.join(PLACE, "python.rst"), module_relative=False,
            encoding="utf-8", optionflags=doctest.IGNORE_EXCEPTION_DETAIL)
    finally:
        ok("fjd-recruiter", "--project", "seeds", "fire")
        dispatcher.terminate()
        finish(dispatcher)
    assert result.attempted >= 10
    assert result.failed == 0


def test_job_files_can_be_run():
    from fjd.jobfile import parse
    jobs = [block.encode() for block in blocks(read("job.rst"))
            if block.startswith(("[", "#!"))]
    assert len(jobs) == 3
    _, full, script = [
        parse(stat.S_IFREG | 0o700, job, "job") for job in jobs
    ]
    assert (full.niceness, full.timeout, full.retries) == (19, 7200, 2)
    assert full.is_apart
    assert script.timeout == 600 and script.command == "simulate, seed 7"


def test_remote_conf_can_be_read(project):
    from fjd.hosts.conf import read_hosts
    conf, = [block for block in blocks(read("machines.rst"))
             if block.startswith("[host1]")]
    with open(project.path("remote.conf"), "w") as file:
        file.write(conf)
    assert [(host.name, host.workers) for host in read_hosts(project, "x")] \
        == [("localhost", 3), ("node2", 5)]


def test_sections_for_batch_systems_can_be_read(project):
    from fjd.hosts.conf import read_clusters
    found = [block for block in blocks(read("cluster.rst"))
             if block.startswith("[")]
    with open(project.path("remote.conf"), "w") as file:
        file.write("\n\n".join(found))
    slurm, other = read_clusters(project, "x")
    assert (slurm.scheduler, slurm.workers, slurm.cpus) == ("slurm", 64, 1)
    assert other.submit and other.pending and other.cancel


def test_options_of_slurm_that_are_refused_are_listed():
    from fjd.hosts.cluster import OWN, REFUSED
    text = section(read("cluster.rst"), "A section for Slurm")
    listed = re.findall("``(--[a-z-]+)``", text.partition("itself or")[2]
                        .partition(". Without")[0])
    assert len(listed) > 9 and REFUSED.keys() >= set(listed)
    own = {option for option, why in REFUSED.items() if why == OWN}
    assert own - set(listed) == {"-J"}


@pytest.mark.parametrize("number", [0, 1])
def test_batch_scripts_are_scripts(number):
    found = [block for block in blocks(read("cluster.rst"))
             if block.startswith("#!/bin/sh")]
    assert len(found) == 2
    result = run(["sh", "-n", "-c", found[number]])
    assert (result.returncode, result.stderr) == (0, "")


def terms(text):
    return re.findall("^``(.*?)``$", text, re.M)


def test_every_key_is_there(readme):
    from fjd import jobfile
    from fjd.hosts import cluster, conf
    of_ranges = {"offset", "escaped"}  # fjd writes them
    keys = {*jobfile.KEYS, "executable", "shell", "directory", "array",
            "list"}
    keys -= of_ranges
    assert set(terms(section(read("job.rst"), "Keys"))) == keys
    rows = section(readme, "Job files").split("\n===")[1]
    assert set(re.findall("^``([a-z]+)`` ", rows, re.M)) == keys
    assert set(terms(section(read("machines.rst"), "Name the machines"))) \
        == set(conf.KEYS)
    told = section(read("cluster.rst"), "A section for Slurm")
    words = re.findall("^``[a-z`, ]*(?:and ``[a-z]+``)?$", told, re.M)
    assert set(re.findall("``([a-z]+)``", "\n".join(words))) \
        == set(cluster.PATTERNS)


def test_every_directory_is_there():
    from fjd.project import ALLOCATIONS, DIRECTORIES, LIST, ORDER
    told = re.findall(
        "^``([a-z]+)[/`]", section(read("protocol.rst"), "Directories"), re.M)
    told += re.findall("and ``([a-z]+)/<attempt>``\n", read("protocol.rst"))
    assert sorted(told) == sorted([*DIRECTORIES, ALLOCATIONS, LIST, ORDER])


def test_every_attribute_for_python_is_there():
    from fjd import api, ledger
    for name in ledger.Entry._fields + api.Job._fields:
        assert f"``{name}``" in read("python.rst")
    for name in vars(api.Project):
        if callable(getattr(api.Project, name)) and name[0] != "_":
            assert name == "is_busy" or f"``{name}(" in read("python.rst")


def test_no_option_is_told_of_that_does_not_exist():
    options = set(OTHERS)
    for name in COMMANDS:
        help_text = "\n".join(ok(name, "--help"))
        for verb in re.findall(r"^    ([a-z]+)  ", help_text, re.M):
            help_text += "\n".join(ok(name, verb, "--help"))
        options.update(re.findall(r"--[a-z-]+", help_text))
    for page in PAGES:
        text = read(page)
        if page == "parallel.rst":  # In a table are those of others.
            text = re.sub("(?m)^``(parallel|xargs).*``$", "", text)
        told = set(re.findall(r"(?<!\S)(?:``)?(--[a-z][a-z-]+)", text))
        assert told <= options | {"--joblog"}, page
