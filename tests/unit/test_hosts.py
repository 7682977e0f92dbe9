"""remote.conf and hosts on the command line: what is understood, and what
is refused.
"""
import pytest

from helpers import fjd

HERE = "lab1"
WRONG = {
    "workers: 3": "name: it is missing",
    "name: node2": "workers: it is missing",
    "name:\nworkers: 3": "name: '' is no host",
    "name: -oProxyCommand=x\nworkers: 3":
        "name: '-oProxyCommand=x' is no host",
    "name: a b\nworkers: 3": "name: 'a b' is no host",
    "name: $(touch x)\nworkers: 3": "name: '$(touch x)' is no host",
    "name: ada@-oX\nworkers: 3": "name: 'ada@-oX' is no host",
    "name: node2\nworkers:": "workers: '' is neither a number from 0 to 1000"
                             " nor auto",
    "name: node2\nworkers: -1": "workers: '-1' is neither a number from 0 to"
                                " 1000 nor auto",
    "name: node2\nworkers: 1001": "workers: '1001' is neither a number from 0"
                                  " to 1000 nor auto",
    "name: node2\nworkers: 2.5": "workers: '2.5' is neither a number from 0"
                                 " to 1000 nor auto",
    "name: node2\nworkers: 1\nsession: zellij":
        "session: 'zellij' is none of screen, tmux, process",
    "name: node2\nworkers: 1\ndirectory: here":
        "directory: 'here' is no absolute path",
    "name: node2\nworkers: 1\npython: -c": "python: '-c' is no command",
    "name: node2\nworkers: 1\nworker: 2":
        "worker: unknown; keys are name, workers, python, directory, session,"
        " gpus",
    "name: node2\nworkers: 1\ngpus: 0":
        "gpus: '0' is neither a number from 1 to 1000 nor auto",
    "name: node2\nworkers: 2\ngpus: 1":
        "gpus: node2 should have 2 workers, and has only 1 GPU: each worker"
        " needs one",
    "name: node2\nworkers: 2\ngpus: 3\n[other]\nname: node2\nworkers: 2\n"
    "gpus: 3": "gpus: node2 should have 4 workers, and has only 3 GPUs: each"
               " worker needs one",
    "name: node2\nworkers: 1\n[other]\nname: node2\nworkers: auto":
        "name: node2 is named twice, and the two contradict each other",
}


@pytest.fixture
def hosts(project):
    """What a remote.conf says: hosts(text)."""
    from fjd.hosts.conf import read_hosts

    def hosts(text):
        with open(project.path("remote.conf"), "w") as file:
            file.write(text)
        return read_hosts(project, HERE)
    return hosts


@pytest.mark.parametrize("text", WRONG)
def test_wrong_remote_conf_is_told_by_section_and_key(hosts, text):
    from fjd.errors import BadConfig
    with pytest.raises(BadConfig) as caught:
        hosts("[host1]\n" + text + "\n")
    section = "other" if "[other]" in text else "host1"
    assert str(caught.value).endswith(
        f"/remote.conf: [{section}] {WRONG[text]}")


@pytest.mark.parametrize("text", [
    "name: node2\n", "[a]\nname\n", "[a]\n[a]\n", "[a\n", b"\xff[a]\n",
])
def test_what_is_no_ini_file_is_told(project, text):
    from fjd.errors import BadConfig
    from fjd.hosts.conf import read_hosts
    with open(project.path("remote.conf"), "wb") as file:
        file.write(text if isinstance(text, bytes) else text.encode())
    with pytest.raises(BadConfig) as caught:
        read_hosts(project, HERE)
    assert "/remote.conf: " in str(caught.value)
    assert "\n" not in str(caught.value)


def test_wrong_remote_conf_hires_nobody(hosts, project):
    hosts("[a]\nname: localhost\nworkers: 1\n")
    with open(project.path("remote.conf"), "a") as file:
        file.write("[b]\nname: a b\nworkers: 1\n")
    result = fjd("fjd-recruiter", "hire")
    assert (result.returncode, result.stdout) == (78, "")
    path = project.path("remote.conf")
    assert result.stderr == (
        f"fjd-recruiter: error: {path}: [b] name: 'a b' is no host\n"
    )
    assert project.pods() == []


def test_no_file_is_no_hosts(project):
    from fjd.hosts.conf import read_hosts
    assert read_hosts(project, HERE) is None


def test_all_that_a_section_may_say(hosts):
    from fjd.hosts.conf import Host
    assert hosts(
        "[first]\nname = me@node2.example.org\nworkers = 0\n"
        "[a b]\nname: node3\nworkers: auto\npython: /opt/python 3/bin/python3"
        "\ndirectory: /home/a place\nsession: tmux\ngpus: auto\n"
    ) == [
        Host("me@node2.example.org", 0),
        Host("node3", None, "/opt/python 3/bin/python3", "/home/a place",
             "tmux", "auto"),
    ]


def test_sections_of_one_host_count_together(hosts):
    from fjd.hosts.conf import Host
    assert hosts(
        "[a]\nname: lab1\nworkers: 1\n[b]\nname: node2\nworkers: 2\n"
        "[c]\nname: localhost\nworkers: 3\n[d]\nname: node2.example.org\n"
        "workers: 4\n[e]\nname: 127.0.0.1\nworkers: 5\n",
    ) == [Host("localhost", 9), Host("node2", 6)]


@pytest.mark.parametrize("text", [
    "-oProxyCommand=x:2", "a b:2", "$(touch x)", "`x`:1", "a;b", ":2", "",
    "node2:x", "node2:-1", "node2:1001", "ada@:1", "ada@-x:1",
    "a@b@c:1", "node2\n:1",
])
def test_what_is_no_host_on_the_command_line_is_refused(project, text):
    result = fjd("fjd-recruiter", "hire", "--", "localhost:1", text)
    assert result.returncode == 2, result
    assert result.stderr.startswith("fjd-recruiter: error: ")
    assert project.pods() == []
