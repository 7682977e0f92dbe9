"""fjd run -S on the command line, and what is hired for it."""
import os
import signal
from argparse import Namespace

import pytest

from helpers import wait_until

from fjd.errors import BadConfig, BadUsage
from fjd.hosts import conf
from fjd.hosts.cluster import SLURM
from fjd.verbs import runhiring, runhosts, table
from fjd.verbs.deserted import OF_RUN
from fjd.verbs.runhiring import RunHiring
from fjd.verbs.runhosts import settle


def settled(*words):
    options = table.parse(table.new_parser(), ["run", *words, "echo"])
    settle(options)
    return options


def conf_of(home, text):
    root = home / ".fjd" / "lab"
    root.mkdir(parents=True)
    (root / "remote.conf").write_text(text)


@pytest.mark.parametrize("words, hosts, workers", [
    (["-S", "node2:4,node3"], ["node2:4", "node3"], None),
    (["-S", "node2", "-S", "ada@node3:1"], ["node2", "ada@node3:1"], None),
    (["--sshlogin", "node2"], ["node2"], None),
    (["-j", "3", "-S", "node2,node3:1"], ["node2:3", "node3:1"], None),
    (["-S", "node2", "-j3", "-S", ":"], ["node2:3", "localhost:3"], None),
    (["-S", "2,node2:1"], ["localhost:2", "node2:1"], None),
    (["-S", "slurm:64"], ["slurm:64"], None),
    (["-S", "slurm,:2", "-j", "9"], ["slurm:9", "localhost:2"], None),
    (["-S", ":"], [], None), (["-S", "localhost:2"], [], 2),
    (["-S", ":", "-j", "3"], [], 3), (["-S", "1,localhost:2"], [], 3),
    (["-j", "3"], [], 3),
])
def test_hosts_are_those_of_hire_and_have_the_number_of_j(
    home, words, hosts, workers,
):
    options = settled(*words)
    assert (options.hosts, options.workers) == (hosts, workers)


@pytest.mark.parametrize("words, why", [
    (["-S", ""], "-S : '' is no host"),
    (["-S", "node2,"], "-S : '' is no host"),
    (["-S", "node2:x"], "-S node2:x: 'x' is neither a number"),
    (["-S", "node2:0"], "-S: 0 workers are too few; a number from 1 to 1000 "),
    (["-S", "slurm:0"], "-S: 0 workers are too few; a number from 1 to 10000"),
    (["-S", "slurm:99999"], "-S slurm:99999: '99999' is no number from 1 to"),
    (["-S", "node2:1001"], "-S node2:1001: '1001' is neither a number from 1"),
    (["-S", "$(touch x):1"], "-S $(touch x):1: a host as ssh takes it is"),
    (["-S", "node2:1,node2"], "-S node2: name: node2 is named twice"),
    (["-S", "8/node2"], "-S 8/node2: write node2:8"),
    (["-S", "2/:"], "-S 2/:: write :2"),
    (["-S", ":x"], "-S localhost:x: 'x' is neither a number"),
    (["-S", ".."], "-S ..: -S conf takes the hosts of the project's"),
    (["-S", "~/hosts"], "-S ~/hosts: -S conf takes the hosts of the"),
    (["-S", "@fast"], "-S @fast: there are no groups; name the hosts"),
    (["-S", "ssh -4 x"], "-S ssh -4 x: a host as ssh takes it is wanted"),
    (["-S", "a\nb"], "-S a\\nb: a host as ssh takes it is wanted"),
    (["-S", "slurm"], "-S slurm: how many?"),
    (["-S", "conf"], "-S conf: it needs --project P"),
    (["-S", "conf,node2"], "-S conf: not beside other hosts"),
    (["-S", "node2", "-S", "conf"], "-S conf: not beside other hosts"),
    (["--project", "lab", "-S", "conf"], "-S conf: {home}/.fjd/lab/remote"),
    (["--project", "lab", "-j2", "-S", "conf"], "-j: not with -S conf"),
    (["-j50%", "-S", "node2"], "-j 50%: with -S a number is wanted"),
    (["-j0", "-S", "node2"], "-j 0: with -S a number is wanted"),
    (["-j-1", "-S", "node2"], "-j -1: with -S a number is wanted"),
    (["-S", "node2", "--env", "A"], "--env: not with -S"),
])
def test_other_words_are_refused_and_nothing_is_made(home, words, why):
    with pytest.raises(BadUsage) as error:
        settled(*words)
    text = str(error.value)
    assert text.startswith("run: " + why.format(home=home))
    assert "\n" not in text
    assert not (home / ".fjd").exists()


def test_conf_is_that_of_the_project_and_is_read_at_once(home):
    conf_of(home, "[a]\nname: node2\nworkers: 1\n")
    words = ["--project", "lab", "-S", "conf"]
    assert settled(*words).hosts == ["conf"]
    conf_of_lab = home / ".fjd" / "lab" / "remote.conf"
    conf_of_lab.write_text("[a]\nname: node2\n")
    with pytest.raises(BadConfig):
        settled(*words)
    # Other hosts do not need it.
    assert settled("--project", "lab", "-S", "x:1").hosts == ["x:1"]


def test_conf_may_have_the_number_of_a_batch_system(home):
    conf_of(home, "[a]\nscheduler: slurm\nworkers: 7\n")
    assert settled("--project", "lab", "-S", "slurm").hosts == ["slurm"]


def test_words_are_those_of_the_package_of_hosts():
    assert runhosts.LOCALHOST == conf.LOCALHOST
    assert runhosts.SLURM == SLURM


# What is hired

class Run:
    """Stands in for a ListRun."""

    def __init__(self, project, hosts, **more):
        self.project = project
        self.options = Namespace(**{
            "hosts": hosts, "session": "", "project": None, "workers": None,
            "is_local": True, **more})
        self.said = []
        self.report = self.said.append


@pytest.mark.parametrize("hosts, more, words", [
    (["a:4", "b"], {}, ["--session", "process", "hire", "a:4", "b"]),
    (["a"], {"session": "screen"}, ["--session", "screen", "hire", "a"]),
    (["conf"], {}, ["hire"]),
    (["conf"], {"session": "tmux"}, ["--session", "tmux", "hire"]),
])
def test_a_recruiter_hires_them(project, hosts, more, words):
    hiring = RunHiring(Run(project, hosts, **more))
    assert hiring.words_to_hire() == ["--project", project.name, *words]
    assert not hiring.is_only_here()


def recruiter(home, script):
    """Let that be fjd-recruiter."""
    path = home / "fjd-recruiter"
    path.write_text(script)
    return str(home / "fjd")


SCRIPT = """\
import os, sys
print("Hired")
assert os.environ["{}"] and os.getsid(0) == os.getpid()
print(sys.argv[0], "warns of something", file=sys.stderr)
print("fjd-recruiter: error: host a: it is\\ta {} host", file=sys.stderr)
sys.exit(3)
"""


def test_what_it_complains_about_is_said_and_repeated_at_the_end(
    home, project, monkeypatch,
):
    script = SCRIPT.format(OF_RUN, "long " * 20)
    monkeypatch.setattr("sys.argv", [recruiter(home, script)])
    run = Run(project, ["a:4"])
    hiring = RunHiring(run)
    hiring.start(0)
    hiring.wait()
    assert not hiring.is_starting()
    hiring.listen()
    assert len(run.said) == 2
    assert run.said[0].endswith("warns of something")
    assert run.said[1].startswith("host a: it is\ta long long")
    line, = hiring.closing()
    assert line.startswith("Not hired: host a: it is\ta long")
    assert len(line) + len("[fjd] ") < 80 and line.endswith("...")
    hiring.listen()
    assert len(run.said) == 2


def test_a_second_recruiter_has_a_pipe_of_its_own(home, project, monkeypatch):
    """Jobs may be left when all workers of the first have died."""
    monkeypatch.setattr("sys.argv", [recruiter(
        home, "import sys; sys.stderr.write('fjd-recruiter: error: x\\n')")])
    before = len(os.listdir("/proc/self/fd"))
    run = Run(project, ["a:4"])
    hiring = RunHiring(run)
    for _ in range(3):
        hiring.start(0)
        hiring.wait()
    hiring.listen()
    assert run.said == hiring.complaints == ["x", "x", "x"]
    assert len(os.listdir("/proc/self/fd")) == before + 1


IGNORES = """\
import signal, sys, time
signal.signal(signal.SIGINT, signal.SIG_{})
print("ready", file=sys.stderr, flush=True)
time.sleep(600)
"""


@pytest.mark.parametrize("how, number", [
    ("DFL", signal.SIGINT), ("IGN", signal.SIGKILL)])
def test_a_recruiter_of_a_run_that_goes_is_ended(
    home, project, monkeypatch, how, number,
):
    monkeypatch.setattr(runhiring, "SECONDS_TO_LEAVE", 0.1 * (how == "IGN")
                        or 600.0)
    monkeypatch.setattr("sys.argv", [recruiter(home, IGNORES.format(how))])
    run = Run(project, ["slurm:2"])
    hiring = RunHiring(run)
    hiring.start(0)
    wait_until(lambda: hiring.listen() or run.said == ["ready"])
    hiring.abandon()
    assert hiring.process.returncode == -number
    assert not hiring.is_starting()
    hiring.abandon()
