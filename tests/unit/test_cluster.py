"""Sections of remote.conf with a scheduler: what is understood, and what is
refused.
"""
import os

import pytest

from helpers import fjd

from fjd.errors import BadConfig, BadUsage
from fjd.hosts import allocations
from fjd.hosts.arrival import is_open
from fjd.hosts.cluster import (
    Cluster, named_clusters, ONE, seconds_in, words_of,
)
from fjd.hosts.conf import Host, read_clusters, read_hosts
from fjd.members import myself

ALL = "submit: s {n} {script}\npending: p {id}\ncancel: c {id}\n"
WRONG = {
    "": "workers: it is missing",
    "workers: auto": "workers: 'auto' is no number from 0 to 10000",
    "workers: 10001": "workers: '10001' is no number from 0 to 10000",
    "workers: 2\nname: node2": "name: a section with a scheduler names no"
                               " host",
    "workers: 2\nsession: tmux": "session: unknown; keys of a section with a"
    " scheduler are scheduler, workers, options, cpus, idle, python,"
    " directory, submit, pending, cancel",
    "workers: 2\ncpus: 0": "cpus: '0' is no number from 1 to 9999",
    "workers: 2\nidle: -1": "idle: '-1' is no time above 0, as 60 or 10m",
    "workers: 2\nidle: 0m": "idle: '0m' is no time above 0, as 60 or 10m",
    "workers: 2\ndirectory: x": "directory: 'x' is no absolute path",
    "workers: 2\noptions: short": "options: 'short' does not begin with -",
    "workers: 2\noptions: --mem=1 x": "options: 'x' belongs to no option",
    "workers: 2\noptions: -pshort x": "options: 'x' belongs to no option",
    "workers: 2\noptions: --mem '1": "options: \"--mem '1\": no closing"
                                     " quotation",
    "workers: 2\noptions: --array=1-9":
        "options: --array is not possible: use the key workers",
    "workers: 2\noptions: -a 1-9":
        "options: -a is not possible: use the key workers",
    "workers: 2\noptions: --arr 1-9":
        "options: --array is not possible: use the key workers",
    "workers: 2\noptions: --wrap=x":
        "options: --wrap is not possible: fjd sets that itself",
    "workers: 2\noptions: -W": "options: -W is not possible: hire never waits",
    "workers: 2\noptions: -Q":
        "options: -Q is not possible: fjd would not see the id",
    "workers: 2\noptions: -Ha1-5":
        "options: '-Ha1-5': write each option apart",
    "workers: 2\noptions: -H x": "options: 'x' belongs to no option",
    "workers: 2\noptions: -HW": "options: '-HW': write each option apart",
    "workers: 2\noptions: --nodes=2":
        f"options: --nodes is not possible: {ONE}",
    "workers: 2\noptions: -N2": f"options: -N is not possible: {ONE}",
    "workers: 2\noptions: --ntasks 2":
        f"options: --ntasks is not possible: {ONE}",
    "workers: 2\noptions: -n 2-3": f"options: -n is not possible: {ONE}",
    "workers: 2\noptions: -- x":
        "options: -- is not possible: it ends the options",
    "workers: 2\ncpus: 2\noptions: -c2":
        "options: -c: there is the key cpus",
    "workers: 2\nsubmit: x": "submit: 'x' names no {script}",
    "workers: 2\nsubmit: x {script}": "pending: it is missing; all of submit,"
                                      " pending, cancel are needed",
}
SHORT = ("--time=4", "--time 4:59", "-t 0:4:59", "-t4", "--time-min=0-0:4",
         "-t 0-00:04:59", "--tim=1 --time=2")


@pytest.fixture
def conf(project):
    """conf(text): what a remote.conf says."""
    def conf(text, scheduler="slurm"):
        with open(project.path("remote.conf"), "w") as file:
            file.write(f"[a b]\nscheduler: {scheduler}\n{text}\n")
        return read_clusters(project, "here")
    return conf


@pytest.mark.parametrize("text", WRONG)
def test_what_is_wrong_is_told_by_section_and_key(conf, text):
    with pytest.raises(BadConfig) as caught:
        conf(text)
    assert str(caught.value).endswith(f"/remote.conf: [a b] {WRONG[text]}")


@pytest.mark.parametrize("word", [
    "", "PBS", "screen", "tmux", "process", "none", "stay", "p b s", "1x"])
def test_what_is_no_batch_system_is_refused(conf, word):
    with pytest.raises(BadConfig, match="is no name of a batch system"):
        conf(f"workers: 2\n{ALL}", word)


def test_other_systems_need_all_templates(conf):
    with pytest.raises(BadConfig, match="submit: it is missing"):
        conf("workers: 2", "pbs")
    with pytest.raises(BadConfig, match="options: these are for sbatch"):
        conf(f"workers: 2\noptions: -x\n{ALL}", "pbs")
    assert conf(f"workers: 2\n{ALL}", "pbs") == [Cluster(
        "a b", "pbs", 2, submit="s {n} {script}", pending="p {id}",
        cancel="c {id}")]


@pytest.mark.parametrize("options", SHORT)
def test_time_limit_below_five_minutes_is_refused(options):
    with pytest.raises(ValueError, match="is less than 5 minutes"):
        words_of(options)


@pytest.mark.parametrize("options", [
    "--time=5", "-t 1:0:0", "-t 0-1", "--time=UNLIMITED", "-t0", "--time=10:0",
    "--time=1 --time=60",  # the last counts
    "-N1 --nodes=1 -n 1 --ntasks 1 --ntasks-per-node=1 -H -s -pHW",
])
def test_longer_ones_are_not(options):
    assert words_of(options)


@pytest.mark.parametrize("text, seconds", [
    ("5", 300), ("5:30", 330), ("1:02:03", 3723), ("1-2", 93600),
    ("1-2:3", 93780), ("1-2:3:4", 93784), ("INFINITE", None), ("", None),
    ("1:2:3:4", None),
])
def test_time_limits_are_those_of_sbatch(text, seconds):
    assert seconds_in(text) == seconds


def test_all_that_a_section_may_say(conf, project, home):
    found = conf(
        "workers: 64\noptions: --partition=short -A 'my group' --exclusive\n"
        "cpus: 2\nidle: 90\npython: ~/v/python\ndirectory: ~/x\n[c]\n"
        "name: node2\nworkers: 1")
    assert found == [Cluster(
        "a b", "slurm", 64, ("--partition=short", "-A", "my group",
                             "--exclusive"),
        2, 90, f"{home}/v/python", f"{home}/x")]
    assert found[0].label == "a-b"
    assert read_hosts(project, "here") == [Host("node2", 1)]


@pytest.mark.parametrize("text, seconds", [
    ("60", 60), ("10m", 600), ("0.5", 1), ("1.5h", 5400), ("2d", 172800)])
def test_idle_is_a_time(conf, text, seconds):
    assert conf(f"workers: 2\nidle: {text}")[0].idle == seconds


@pytest.mark.parametrize("section, label", [
    ("_short", "short"), ("\xdcbung", "bung"), ("-a.b-", "a-b"),
    ("\u4e2d", "section"), ("...", "section"), ("x" * 99, "x" * 40),
    (" -" + "y" * 99, "y" * 40),
])
def test_worker_of_any_section_is_wanted(project, section, label):
    cluster = Cluster(section)
    assert cluster.label == label
    name = allocations.claim(
        project, cluster.label, [], myself(), 1, scheduler="slurm",
        section=section)
    assert allocations.names(project) == [f"{label}.1"] == [name]
    assert is_open(project, name)
    assert allocations.record(project, name).section == section
    allocations.remove(project, name)
    assert not is_open(project, name)


@pytest.mark.parametrize("name", [
    "", "..", "../x.1", ".a.1", "-a.1", "a.0", "a.1.sh", "a", "a.1\n"])
def test_other_names_mean_no_allocation(project, name):
    os.makedirs(project.path("allocations", "x.1"))
    assert not is_open(project, name)


KNOWN = [Cluster("a", "slurm", 5, cpus=3)]
PBS = [Cluster("b", "pbs", 7)]


@pytest.mark.parametrize("texts, known, expected", [
    (["4", "node2:4"], KNOWN, ([], ["4", "node2:4"])),
    (["slurm"], KNOWN, (KNOWN, [])),
    (["slurm:0", "3"], KNOWN, ([KNOWN[0]._replace(workers=0)], ["3"])),
    (["slurm:64"], [], ([Cluster(workers=64)], [])),
    (["me@slurm:2"], KNOWN, ([], ["me@slurm:2"])),
    (["pbs:2"], KNOWN, ([], ["pbs:2"])),
    (["pbs:2"], PBS, ([PBS[0]._replace(workers=2)], [])),
    (["slurm"], PBS, (PBS, [])),
    (["slurm", "pbs"], KNOWN + PBS, (KNOWN + PBS, [])),
])
def test_words_that_mean_a_section(texts, known, expected):
    assert named_clusters(texts, known) == expected


@pytest.mark.parametrize("texts, known, why", [
    (["slurm"], [], "how many?"), (["slurm:x"], KNOWN, "'x' is no number"),
    (["slurm:"], KNOWN, "'' is no number"),
    (["slurm:10001"], KNOWN, "'10001' is no number"),
    (["slurm:1", "slurm:2"], KNOWN, "slurm is named twice"),
    (["slurm:1"], [*KNOWN, Cluster("c", "slurm", 1)], "sections a, c of"),
])
def test_words_that_may_mean_several_are_refused(texts, known, why):
    with pytest.raises(BadUsage, match=why):
        named_clusters(texts, known)


def test_wrong_section_hires_nobody_unless_it_is_not_needed(conf, project):
    with pytest.raises(BadConfig):
        conf("workers: x")
    for words in ([], ["slurm:1"]):
        assert fjd("fjd-recruiter", "hire", *words).returncode == 78
    assert fjd("fjd-recruiter", "hire", "localhost:0").returncode == 0
    assert fjd("fjd-recruiter", "hire", "slurm").returncode == 78
    assert project.pods() == []
