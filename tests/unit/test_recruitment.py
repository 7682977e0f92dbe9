"""Hiring on this host and on others: what their recruiters answer."""
from types import SimpleNamespace

import pytest

from helpers import fjd

from fjd.hosts import allocations, hireoptions
from fjd.hosts.cluster import Cluster
from fjd.hosts.conf import Host
from fjd.hosts.hireoptions import is_here
from fjd.hosts.recruitment import FIRE, HIRE, hosts_to_fire, Recruitment
from fjd.hosts.ssh import Answer
from fjd.members import enrol, myself
from fjd.names import new_id

ME = "[fjd-recruiter] "


class Recruiter:
    """Says what it is told, and orders nobody to leave."""

    def __init__(self, project):
        self.project = project
        self.here = myself()
        self.said, self.drained = [], []
        self.say = self.said.append
        self.drain = self.drained.extend


@pytest.fixture
def recruit(project):
    """recruit(host, ...): a Recruitment on these hosts."""
    def recruit(*hosts, local_only=False):
        return Recruitment(Recruiter(project), SimpleNamespace(
            project="default", max_losses=3, session="", curdir="",
            hosts=hosts, local_only=local_only))
    return recruit


@pytest.fixture
def conf(project):
    with open(project.path("remote.conf"), "w") as file:
        file.write("[a]\nname: node2\nworkers: 1\n")


def test_jobs_that_no_section_asks_for_are_named(project, recruit, conf):
    for section, number in (("slurm", "311"), ("gone", "312"), ("new", "")):
        name = allocations.claim(
            project, section, allocations.names(project), myself(), 2,
            scheduler="slurm", section=section)
        allocations.amend(project, name, "id", number)
    recruitment = recruit()
    recruitment.clusters = [Cluster()]
    recruitment.say_what_no_section_has()
    assert recruitment.recruiter.said == [
        "slurm: job 312 stays, though no section of remote.conf asks for it;"
        " to cancel it: fjd-recruiter --project default fire slurm"]


def test_only_a_whole_hire_of_a_person_names_them(project, recruit, conf):
    for hosts, again, is_told in (
            ([], False, True), ([], True, False), (["node2"], False, False)):
        recruitment = recruit(*hosts)
        recruitment.options.again = again
        told = []
        recruitment.say_what_no_section_has = lambda: told.append(1)
        recruitment.hire_from_clusters()
        assert bool(told) == is_told


@pytest.mark.parametrize("line", [
    'Hired 1 worker in project "p".', 'Hired 2 workers in project "p".',
    'Hired 1 workers in project "p".',  # as an older fjd counts
])
def test_answer_of_a_host_that_has_hired_is_passed_on(recruit, line):
    recruitment = recruit("node2:1")
    recruitment.tell(Answer(Host("me@node2"), ["Welcome!", ME + line], ""))
    assert recruitment.recruiter.said == [f"Host node2: {ME}{line}"]
    assert not recruitment.has_failed


@pytest.mark.parametrize("lines, why, told", [
    (["Welcome!"], "", "no answer; do login scripts or setup.sh end it?"),
    ([ME + 'Made project "p".'], "exit 1", "exit 1"),
    ([ME + 'Hired 1 worker in project "p".'], "exit 1", "exit 1"),
])
def test_host_that_has_not_hired_is_named_with_the_reason(
    recruit, capsys, lines, why, told,
):
    recruitment = recruit("node2:1")
    recruitment.tell(Answer(Host("me@node2"), lines, why))
    assert recruitment.has_failed
    assert capsys.readouterr().err.endswith(
        f": error: host me@node2: {told}\n")


@pytest.mark.parametrize("hosts, local_only, found", [
    ((), False, (["node2"], True)), ((), True, (["localhost"], False)),
    (("3", "node4:2"), False, (["localhost", "node4"], False)),
])
def test_remote_conf_names_all_hosts_unless_others_are_named(
    recruit, conf, hosts, local_only, found,
):
    recruitment = recruit(*hosts, local_only=local_only)
    names = [host.name for host in recruitment.hosts]
    assert (names, recruitment.is_all) == found


def test_without_remote_conf_it_is_this_host(recruit):
    recruitment = recruit()
    assert recruitment.hosts == [Host("localhost")]
    assert not recruitment.is_all


@pytest.mark.parametrize("is_all, has_failed, expected", [
    (True, False, ["node3"]), (True, True, []), (False, False, [])])
def test_workers_of_no_host_leave_if_all_hosts_are_known(
    project, recruit, conf, is_all, has_failed, expected,
):
    workers = {host: new_id(host, 1.0, 1) for host in ("node2", "node3")}
    for worker in workers.values():
        project.make_pod(worker)
    recruitment = recruit()
    recruitment.names = ["node2.example.org"]
    recruitment.is_all, recruitment.has_failed = is_all, has_failed
    recruitment.drain_strangers()
    recruiter = recruitment.recruiter
    assert recruiter.drained == [workers[host] for host in expected]
    assert recruiter.said == [
        f"Host {host}: its workers leave after their job."
        for host in expected]


@pytest.mark.parametrize("named, local_only, found", [
    ([], False, []), ([], True, ["here"]),
    (["localhost", "me@node2"], False, ["here", "node2"]),
])
def test_hosts_to_fire_are_as_their_workers_know_them(
    named, local_only, found,
):
    options = SimpleNamespace(hosts=named, local_only=local_only)
    assert hosts_to_fire(options, "here") == found


def test_workers_of_a_batch_system_are_no_strangers(project, recruit, conf):
    workers = [enrol(project, "workers", myself()._replace(host="node3"), kind)
               for kind in ("slurm 1_1", "none")]
    for worker in workers:
        project.make_pod(worker)
    recruitment = recruit()
    recruitment.names = ["node2"]
    recruitment.drain_strangers()
    assert recruitment.recruiter.drained == workers[1:]


def test_file_with_batch_systems_alone_names_no_host(recruit, project):
    with open(project.path("remote.conf"), "w") as file:
        file.write("[a]\nscheduler: slurm\nworkers: 3\n")
    recruitment = recruit()
    assert (recruitment.hosts, recruitment.is_all) == ([], True)
    assert recruitment.clusters == [Cluster("a", workers=3)]


def test_help_of_a_verb_begins_with_its_summary():
    listing = fjd("fjd-recruiter", "--help").stdout
    for verb, text in (("hire", HIRE), ("fire", FIRE)):
        summary = text.split(".\n")[0]
        line = summary[0].lower() + summary[1:]
        assert f"\n    {verb}      {line}\n" in listing


@pytest.mark.parametrize("words", [
    ["hire", "slurm:2"], ["hire", "2", "node2:1"], ["hire", "me@node2"],
    ["fire", "slurm"], ["fire", "localhost", "node2"],
])
def test_only_here_and_elsewhere_contradict_each_other(project, words):
    result = fjd("fjd-recruiter", "--local-only", *words)
    assert result.returncode == 2
    assert f"{words[0]} --local-only: {words[-1]} is not on this machine" \
        in result.stderr
    assert project.names_if_any("allocations") == []


@pytest.mark.parametrize("text, expected", [
    ("3", True), ("localhost", True), ("me@localhost:2", True),
    ("127.0.0.1", True), (myself().host, True), (f"{myself().host}:2", True),
    ("slurm", False), ("node2:3", False), ("", False),
])
def test_names_of_this_machine(text, expected):
    assert is_here(text) == expected


def test_slurm_is_never_this_machine(monkeypatch):
    monkeypatch.setattr(
        hireoptions, "myself", lambda: SimpleNamespace(host="slurm"))
    assert not is_here("slurm:2")
    assert is_here("me@slurm:2")
