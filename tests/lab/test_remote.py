"""Workers on several hosts: hired over ssh, fired through the shared home."""
import json
import os
import re
import time
from collections import Counter

import pytest

from helpers import finish, jobs_in, ledger, log_of, LONG, PIPE, wait_until
from machines import (
    HOME, ID, Machines, NEEDED, NODES, PASSWORD, PYTHON, read, USER, write,
)
from needs import SESSIONS
from probe import DOTTED, EVERYWHERE, FUNCTION, PIPE as DIES, PROBE

pytestmark = [
    pytest.mark.slow, pytest.mark.xdist_group("remote"),
    pytest.mark.needs(*NEEDED, "cron", "crontab"),
]
alone = pytest.mark.alone

BIN = f"{HOME}/fjd/bin/"
NEAR, FAR = "node1", ["node2", "node3"]
INI = "[control]\nexecutable: {} #\n"
LIMIT = 10  # seconds that ssh tries to reach a host


@pytest.fixture
def machines(tmp_path, from_cron):
    """node1, at which somebody sits, node2 and node3; the others are off."""
    with Machines(str(tmp_path / "machines")) as made:
        made.power_on(NEAR, *FAR)
        yield made


@pytest.fixture
def project(machines):
    return new_project(machines, "default")


def new_project(machines, name):
    from fjd.project import Project
    script = f"umask 077; mkdir -p .fjd/{name}/jobqueue"
    machines.run(NEAR, "sh", "-c", script)
    return Project(os.path.join(machines.home, ".fjd", name))


def save(path, text, mode=0o600):
    """A file of USER's, complete as soon as it is there."""
    draft = os.path.join(os.path.dirname(path), ".draft")
    write(draft, text)
    os.chmod(draft, mode)
    os.chown(draft, ID, ID)
    os.rename(draft, path)


def put(project, name, command):
    save(project.path("jobqueue", name), INI.format(command))


def follow(project, *hosts):
    """Have a remote.conf with a section, "key: value, ...", for each."""
    save(project.path("remote.conf"), "".join(
        f"[host{number}]\n" + host.replace(", ", "\n") + "\n"
        for number, host in enumerate(hosts, 1)
    ))


def fjd(machines, name, *words, node=NEAR, **how):
    result = machines.run(node, BIN + name, *words, **how)
    assert "Traceback" not in result.stderr, result.stderr
    return result


def ok(machines, name, *words, **how):
    result = fjd(machines, name, *words, **how)
    assert (result.returncode, result.stderr) == (0, "")
    return result.stdout.splitlines()


def hired(number, host=None, project="default"):
    return told("Hired", number, host, project)


def fired(number, host=None, project="default"):
    return told("Fired", number, host, project)


def told(what, number, host, project):
    noun = "worker" if number == 1 else "workers"
    line = f'[fjd-recruiter] {what} {number} {noun} in project "{project}".'
    return f"[fjd-recruiter] Host {host}: {line}" if host else line


def workers(project):
    """How many there are on each host."""
    from fjd.names import host_of
    return Counter(map(host_of, project.pods()))


def programs(machines, node):
    """What runs there of USER's, besides what asks for it."""
    listed = machines.run(node, "ps", "-o", "args=", "-u", USER).stdout
    return [line for line in listed.splitlines()
            if not line.startswith(("ps ", "sh -c cd"))]


def hosts_of(project, event):
    """Where that happened to a job, as the ledgers tell."""
    return {row["host"] for row in ledger(project) if row["event"] == event}


def is_at_work(machines, program, node=NEAR):
    return any(line.startswith(program) for line in programs(machines, node))


def audited(machines, project="default"):
    """The summary of an audit that finds nothing wrong."""
    return ok(machines, "fjd", "audit", "--project", project)[-1]


# Hiring and firing

def test_three_hosts_work_for_the_remote_example(machines):
    project = new_project(machines, "remote-example")
    follow(project, "name: localhost, workers: 3", "name: node2, workers: 5",
           "name: node3, workers: 2")
    example = machines.run(NEAR, "fjd/example/run-remote-example.sh")
    assert (example.returncode, example.stderr) == (0, "")
    lines = example.stdout.splitlines()
    assert [line for line in lines if "Found" not in line] == [
        hired(3, project="remote-example"),
        hired(5, "node2", "remote-example"),
        hired(2, "node3", "remote-example"),
        '[fjd-dispatcher] Started on project "remote-example"',
        "[fjd-dispatcher] No (more) jobs.",
        fired(3, project="remote-example"),
        fired(5, "node2", "remote-example"),
        fired(2, "node3", "remote-example"),
        "[fjd-dispatcher] 10 done, 0 failed",
    ]
    assert lines[4] == "[fjd-dispatcher] Found 10 job(s) and 10 worker(s)..."
    assert audited(machines, "remote-example").endswith("0 not accounted for")
    assert hosts_of(project, "done") == {NEAR, *FAR}
    for node in (NEAR, *FAR):
        assert programs(machines, node) == []


def test_hiring_again_makes_it_so(machines, project):
    follow(project, "name: localhost, workers: 1", "name: node2, workers: 4",
           "name: node3, workers: 2")
    ok(machines, "fjd-recruiter", "hire")
    for worker in project.pods():
        host, _, pid = re.fullmatch(r"(.*)_(.*)-(.*)", worker).groups()
        if host == "node2":
            machines.run(host, "kill", "-9", pid)
    follow(project, "name: localhost, workers: 3", "name: node2, workers: 2")
    assert ok(machines, "fjd-recruiter", "hire")[:2] == [
        hired(3), hired(2, "node2"),
    ]
    wait_until(lambda: workers(project) == {"node1": 3, "node2": 2})
    follow(project, "name: node2, workers: 1")
    ok(machines, "fjd-recruiter", "hire")
    wait_until(lambda: workers(project) == {"node2": 1})


def test_hosts_on_the_command_line_need_no_file(machines, project):
    lines = ok(machines, "fjd-recruiter", "hire", "node2:4", "ada@node3:2")
    assert lines == [hired(4, "node2"), hired(2, "node3")]
    assert workers(project) == {"node2": 4, "node3": 2}
    lines = ok(machines, "fjd-recruiter", "fire")
    assert lines == [fired(4, "node2"), fired(2, "node3")]


def test_number_on_the_command_line_is_for_this_machine(machines, project):
    follow(project, "name: node2, workers: 2")
    assert ok(machines, "fjd-recruiter", "hire", "3") == [hired(3)]
    assert workers(project) == {"node1": 3}
    ok(machines, "fjd-recruiter", "hire", "--local-only")
    assert set(workers(project)) == {"node1"}


def test_sections_that_mean_one_host_count_together(machines, project):
    follow(project, "name: localhost, workers: 1", "name: node1, workers: 1",
           "name: node2, workers: 1", "name: ada@node2, workers: 2",
           "name: 127.0.0.1, workers: 1")
    assert ok(machines, "fjd-recruiter", "hire") == [
        hired(3), hired(3, "node2"),
    ]
    assert workers(project) == {"node1": 3, "node2": 3}


SSH_CONFIG = """
Host far
    HostName node3
    ProxyJump node2
"""


def test_hosts_may_be_aliases_of_ssh_and_behind_others(machines, project):
    """A worker that follows the file is no stranger, whatever its host is
    called.
    """
    save(machines.home + "/.ssh/config", SSH_CONFIG)
    follow(project, "name: far, workers: 2")
    for _ in range(2):
        assert ok(machines, "fjd-recruiter", "hire") == [hired(2, "far")]
        assert workers(project) == {"node3": 2}
    assert project.orders() == []


def test_fire_needs_no_network(machines, project):
    ok(machines, "fjd-recruiter", "hire", "node2:2", "node3:1")
    machines.cut("node2")
    ok(machines, "fjd-recruiter", "fire")
    assert project.pods() == []


@alone
@pytest.mark.parametrize("session", SESSIONS)
def test_nothing_that_was_started_keeps_ssh_waiting(
    machines, project, session,
):
    follow(project, f"name: node2, workers: 2, session: {session}")
    put(project, "job1", "sleep 1234")
    begun = time.monotonic()
    ok(machines, "fjd-recruiter", "hire")
    ok(machines, "fjd-dispatcher", "--once")
    assert time.monotonic() - begun < LIMIT
    wait_until(lambda: project.running())
    assert programs(machines, NEAR) == []
    wait_until(lambda: not is_at_work(machines, "sshd", "node2"))
    assert is_at_work(machines, "sleep 1234", "node2")
    for worker in project.pods():
        record = project.record("workers", worker)[1]
        assert f"session: {session} default.node2." in record
    ok(machines, "fjd-recruiter", "fire")


@alone
def test_sixty_four_workers_on_sixteen_hosts_are_hired_quickly(
    machines, project,
):
    machines.power_on(*NODES[3:])
    follow(project, *(f"name: {node}, workers: 4" for node in NODES))
    begun = time.monotonic()
    lines = ok(machines, "fjd-recruiter", "hire")
    took = time.monotonic() - begun
    assert lines == [hired(4)] + [hired(4, node) for node in NODES[1:]]
    assert workers(project) == dict.fromkeys(NODES, 4)
    for number in range(200):
        put(project, f"job{number}", "true")
    ok(machines, "fjd-dispatcher")
    assert len(jobs_in(project, "done")) == 200
    print(f"64 workers hired in {took:.1f} seconds")
    assert took < 60


# What workers on other hosts have

def seen_by_job(machines, project, command):
    """What a job on node2 prints, hired with the words there are."""
    put(project, "seen", f"{{ {command}; }} >{HOME}/seen; true")
    ok(machines, "fjd-dispatcher")
    return read(os.path.join(machines.home, "seen")).splitlines()


def test_workers_have_the_directory_in_which_hire_was_typed(
    machines, project,
):
    place = f"{HOME}/it's \"a\" $HOME\\ `id`; *"
    os.mkdir(machines.home + place[len(HOME):], 0o755)
    ok(machines, "fjd-recruiter", "hire", "node2:1", directory=place)
    lines = seen_by_job(machines, project, 'pwd; echo "$PWD"')
    assert lines == [place, place]


def test_workers_have_the_environment_of_a_login_shell_and_setup(
    machines, project,
):
    save(machines.home + "/.profile", "echo Welcome\nexport MINE='a  b'\n")
    save(project.path("setup.sh"), 'export TOOL="$MINE, set up"\ncd /\n')
    ok(machines, "fjd-recruiter", "hire", "node2:1")
    lines = seen_by_job(machines, project, 'echo "$MINE"; echo "$TOOL"; pwd')
    assert lines == ["a  b", "a  b, set up", HOME]


@pytest.mark.needs("tcsh")
def test_login_shell_may_be_a_c_shell(tmp_path):
    place = tmp_path / "machines"
    with Machines(str(place), shell="/bin/tcsh") as machines:
        machines.power_on(NEAR, "node2")
        project = new_project(machines, "default")
        save(machines.home + "/.login", "setenv MINE 'a  b'\n")
        save(project.path("setup.sh"), 'export TOOL="$MINE, set up"\n')
        ok(machines, "fjd-recruiter", "hire", "node2:1")
        lines = seen_by_job(machines, project, 'echo "$TOOL"; pwd')
        assert lines == ["a  b, set up", HOME]


def test_section_may_name_python_directory_and_session(machines, project):
    script = '#!/bin/sh\n>~/used\nexec python3 "$@"\n'
    save(machines.home + "/my python", script, 0o755)
    os.mkdir(machines.home + "/a place", 0o755)
    follow(project, f"name: node2, workers: 1, python: {HOME}/my python, "
           f"directory: {HOME}/a place, session: process")
    ok(machines, "fjd-recruiter", "hire")
    worker, = project.pods()
    assert "session: process" in project.record("workers", worker)[1]
    assert os.path.exists(machines.home + "/used")
    assert seen_by_job(machines, project, "pwd") == [f"{HOME}/a place"]


def test_auto_is_the_number_of_cpus_there_minus_one(machines, project):
    follow(project, "name: node2, workers: auto")
    ok(machines, "fjd-recruiter", "hire")
    number = max(1, len(os.sched_getaffinity(0)) - 1)
    assert workers(project) == {"node2": number}


# Hosts that fail

@alone
def test_hosts_that_fail_are_named_and_delay_nobody(machines, project):
    known_hosts = machines.home + "/.ssh/known_hosts"
    machines.install_anew("node5")
    others = re.sub("(?m)^node6 .*\n", "", read(known_hosts))
    save(known_hosts, others)
    machines.power_on("node5", "node6", "node8", "node9")
    machines.freeze("node9")
    machines.power_on("node7", options=["DenyUsers ada"])
    machines.cut("node3")
    machines.run("node8", "mount", "-t", "tmpfs", "-o", f"uid={ID},mode=700",
                 "tmpfs", project.root.replace(machines.home, HOME),
                 user="root")
    hosts = [f"node{n}:1" for n in range(2, 10)] + ["nowhere:1", "node1:1"]
    begun = time.monotonic()
    result = fjd(machines, "fjd-recruiter", "hire", *hosts)
    assert time.monotonic() - begun < 1.8 * LIMIT
    assert (result.returncode, result.stdout.splitlines()) == (
        3, [hired(1), hired(1, "node2")],
    )
    errors = result.stderr.splitlines()
    for host, reason in {
        "node3": "timed out", "node4": "timed out",
        "node5": "Host key verification failed",
        "node6": "Host key verification failed",
        "node7": "Permission denied", "node8": "its home is not this one",
        "node9": "timed out", "nowhere": "Could not resolve hostname",
    }.items():
        start = f"fjd-recruiter: error: host {host}: "
        line, = [line for line in errors if line.startswith(start)]
        assert reason in line
    hints = [line.split()[3] for line in errors
             if line.startswith("    try: fjd doctor ")]
    assert hints == ["node5,", "node6,", "node7,"]
    assert len(errors) == 8 + len(hints), errors
    assert read(known_hosts) == others
    assert workers(project) == {"node1": 1, "node2": 1}


@pytest.mark.parametrize("file, text", [
    (".profile", "exit 0\n"), (".profile", "exec sleep 0\n"),
    (".fjd/default/setup.sh", "exit 0\n"),
    (".fjd/default/setup.sh", "echo broken >&2; false\n"),
])
def test_host_that_did_not_even_begin_to_hire_has_failed(
    machines, project, file, text,
):
    save(os.path.join(machines.home, file), text)
    result = fjd(machines, "fjd-recruiter", "hire", "node2:1")
    assert (result.returncode, result.stdout) == (3, "")
    assert result.stderr.startswith("fjd-recruiter: error: host node2: ")


def test_name_that_is_no_host_is_refused_and_not_executed(machines, project):
    for name in ("-oProxyCommand=touch${IFS}x", "a b", "$(touch x)"):
        result = fjd(machines, "fjd-recruiter", "hire", "--", name + ":2")
        assert result.returncode == 2
        follow(project, f"name: {name}, workers: 2")
        result = fjd(machines, "fjd-recruiter", "hire")
        assert result.returncode == 78
        assert "/remote.conf: [host1] name: " in result.stderr
    assert not os.path.exists(machines.home + "/x")


# A person who is asked

BY_PASSWORD = ["PubkeyAuthentication no", "PasswordAuthentication yes"]
SHARED = """
ControlMaster auto
ControlPath /tmp/%C
ControlPersist 60
"""


class Person:
    """Sits at a terminal, and reads what is said there."""

    def __init__(self, machines, *words):
        self.ours, theirs = os.openpty()
        self.seen = ""
        self.process = machines.start(NEAR, *words, terminal=theirs)
        os.close(theirs)

    def wait_for(self, text, times=1):
        while self.seen.count(text) < times:
            self.read()

    def read(self):
        self.seen += os.read(self.ours, 1000).decode()

    def type(self, text):
        os.write(self.ours, text.encode())

    def finish(self):
        """The exit status, and all lines, when the program has ended."""
        try:
            while True:
                self.read()
        except OSError:
            os.close(self.ours)  # Nobody writes any more.
        return self.process.wait(LONG), self.seen.splitlines()


@pytest.fixture
def by_password(machines):
    """node3, where a key is not enough."""
    machines.power_off("node3")
    machines.power_on("node3", options=BY_PASSWORD)


def test_password_is_asked_once(machines, project, by_password):
    follow(project, "name: node3, workers: 2", "name: node2, workers: 1")
    person = Person(machines, BIN + "fjd-recruiter", "hire")
    person.wait_for("password:")
    person.type(PASSWORD + "\n")
    status, lines = person.finish()
    assert status == 0 and person.seen.count("password:") == 1
    assert [line for line in lines if line[:5] == "[fjd-"] == [
        hired(1, "node2"), hired(2, "node3"),
    ]
    put(project, "job1", "true")
    person = Person(machines, BIN + "fjd-dispatcher")
    status, lines = person.finish()
    assert status == 0 and "password:" not in person.seen
    assert fired(2, "node3") in lines


def test_connection_that_is_shared_asks_once_and_keeps_nobody_waiting(
    machines, project, by_password,
):
    save(machines.home + "/.ssh/config", SHARED)
    person = Person(machines, BIN + "fjd-recruiter", "hire", "node3:1")
    person.wait_for("password:")
    person.type(PASSWORD + "\n")
    assert person.finish()[0] == 0
    lines = ok(machines, "fjd-recruiter", "hire", "node3:3")
    assert lines == [hired(3, "node3")]


def test_wrong_password_is_refused(machines, project, by_password):
    person = Person(machines, BIN + "fjd-recruiter", "hire", "node3:1")
    for times in (1, 2, 3):
        person.wait_for("password:", times)
        person.type("sesame\n")
    status, lines = person.finish()
    assert status == 3 and "host node3: " in lines[-1]
    assert "Permission denied" in lines[-1]


def test_hire_that_is_interrupted_leaves_nothing_behind(machines, project):
    machines.cut("node3")
    person = Person(
        machines, BIN + "fjd-recruiter", "hire", "node3:1", "node1:1")
    person.wait_for(hired(1))
    wait_until(lambda: is_at_work(machines, "ssh -T"))
    person.type("\x03")
    status, lines = person.finish()
    assert (status, "^C" in lines[-1]) == (130, True), lines
    assert machines.run(NEAR, "ls", "-A", "/tmp").stdout == ""
    assert not is_at_work(machines, "ssh -T")


def test_nobody_is_asked_without_a_terminal(machines, project, by_password):
    result = fjd(machines, "fjd-recruiter", "hire", "node3:1", "node2:1")
    assert (result.returncode, result.stdout) == (3, hired(1, "node2") + "\n")
    assert result.stderr.startswith("fjd-recruiter: error: host node3: ")
    assert "Permission denied" in result.stderr


def test_unknown_host_is_accepted_by_a_person_alone(machines, project):
    known_hosts = machines.home + "/.ssh/known_hosts"
    save(known_hosts, "")
    person = Person(machines, BIN + "fjd-recruiter", "hire", "node2:1")
    person.wait_for("(yes/no")
    person.type("yes\n")
    assert person.finish()[0] == 0
    assert workers(project) == {"node2": 1}
    assert read(known_hosts) != ""


# When something happens

def test_hosts_that_lose_power_or_sleep_lose_no_job(machines, project):
    """One is never seen again, the other awakes when it is too late."""
    for number in range(200):
        put(project, f"job{number}", "sleep 0.05")
    ok(machines, "fjd-recruiter", "hire", "node1:2", "node2:2", "node3:2")
    dispatcher = machines.start(
        NEAR, BIN + "fjd-dispatcher", "--dead-after", "20", stdout=PIPE,
    )
    wait_until(lambda: len(jobs_in(project, "done")) > 60)
    machines.power_off("node3")
    machines.run("node2", "sh", "-c", "kill -STOP -1")
    wait_until(lambda: hosts_of(project, "lost") == set(FAR), 60)
    lines = finish(dispatcher).splitlines()
    machines.run("node2", "sh", "-c", "kill -CONT -1")
    assert lines[-1] == "[fjd-dispatcher] 200 done, 0 failed"
    assert dispatcher.returncode == 0
    assert len(set(jobs_in(project, "done"))) == 200
    assert audited(machines) == (
        "0 waiting, 0 held, 0 given out, 0 running, 200 done, 0 failed:"
        " 0 not accounted for"
    )
    wait_until(lambda: programs(machines, "node2") == [])
    assert hosts_of(project, "superseded") == {"node2"}


def test_home_that_may_not_be_read_for_a_while_loses_nothing(
    machines, project,
):
    ok(machines, "fjd-recruiter", "hire", "node2:2")
    for name in ("job1", "job2", "job3"):
        put(project, name, f"echo $FJD_JOB >>{HOME}/said; sleep 1")
    dispatcher = machines.start(NEAR, BIN + "fjd-dispatcher", stdout=PIPE)
    wait_until(lambda: len(project.running()) == 2)
    logs = [project.worker_log(worker) for worker in project.pods()]
    os.chmod(project.root, 0)
    wait_until(lambda: all("Permission denied" in read(log) for log in logs))
    wait_until(lambda: dispatcher.stdout.readline().endswith(
        "Permission denied; trying again.\n"))
    os.chmod(project.root, 0o700)
    lines = finish(dispatcher).splitlines()
    assert dispatcher.returncode == 0
    assert lines[-1] == "[fjd-dispatcher] 3 done, 0 failed"
    said = read(machines.home + "/said").split()
    assert sorted(said) == ["job1", "job2", "job3"]
    audited(machines)


# Dispatchers that hire

def test_dispatcher_that_hires_leaves_no_worker_behind(machines, project):
    """Also when a job has ended before the last of them is there."""
    follow(project, "name: localhost, workers: 2", "name: node2, workers: 4",
           "name: node3, workers: 4")
    put(project, "job1", "true")
    lines = ok(machines, "fjd-dispatcher", "--hire")
    assert lines[-1] == "[fjd-dispatcher] 1 done, 0 failed"
    assert project.pods() == []
    assert ok(machines, "fjd-dispatcher", "--hire", "--quiet") == []


def test_two_hosts_may_have_a_dispatcher_that_hires(machines, project):
    """As from one crontab on both."""
    follow(project, *(f"name: {node}, workers: 2" for node in (NEAR, *FAR)))
    for number in range(60):
        put(project, f"job{number}", "sleep 0.1")
    both = [
        machines.start(node, BIN + "fjd-dispatcher", "--hire", "--quiet",
                       stdout=PIPE) for node in FAR
    ]
    assert [finish(one) for one in both] == ["", ""]
    assert len(jobs_in(project, "done")) == 60
    assert project.pods() == []
    audited(machines)


# From cron

CRON = f"""
    mount --bind /dev/null /etc/crontab
    mount -t tmpfs tmpfs /etc/cron.d
    mount -t tmpfs tmpfs /var/spool/cron
    mkdir -m 1730 /var/spool/cron/crontabs
    chgrp crontab /var/spool/cron/crontabs
    crontab -u {USER} crontab
    exec cron -f
"""
CRONTAB = f"""\
PATH=/usr/local/bin:/usr/bin:/bin
* * * * * {BIN}fjd-dispatcher --hire --quiet >>mail 2>&1
"""


@pytest.fixture(scope="module")
def from_cron(tmp_path_factory):
    """A machine with a cron, which begins its work with the next minute."""
    place = tmp_path_factory.mktemp("cron") / "machines"
    with Machines(str(place)) as machines:
        machines.power_on(NEAR)
        project = new_project(machines, "default")
        for number in range(20):
            put(project, f"job{number}", "true")
        put(project, "job20", "exit 4;")
        save(os.path.join(machines.home, "crontab"), CRONTAB)
        cron = machines.start(NEAR, "sh", "-ec", CRON, user="root")
        yield machines, project, cron


def test_line_in_a_crontab_runs_what_was_put(from_cron):
    """The fixture comes before all other tests, so that they run while cron
    sleeps.
    """
    machines, project, cron = from_cron
    wait_until(lambda: len(jobs_in(project, "done")) == 20, 90)
    assert cron.poll() is None
    wait_until(lambda: programs(machines, NEAR) == [])
    assert jobs_in(project, "failed") == ["job20"]
    line, = read(machines.home + "/mail").splitlines()
    assert line.startswith("[fjd-dispatcher] Failed: job20 (exit 4), see ")


# What jobs inherit there; tests/program/test_contract.py has all other ways.

def test_jobs_on_another_host_inherit_what_its_login_shell_has(
    machines, project,
):
    far, place = FAR[0], f"{HOME}/place"
    machines.run(NEAR, "sh", "-c", "mkdir real && ln -s real place")
    text = f"#!{PYTHON}\n# fjd: directory={place}\n{PROBE}"
    probe = os.path.join(machines.home, "probe")
    save(probe, text, 0o700)
    save(project.path("jobqueue", "script"), text, 0o700)
    for name, command in [
        ("plain", f"{HOME}/probe"), ("sh", f"{HOME}/probe && true"),
        ("zpipe", DIES),
    ]:
        save(project.path("jobqueue", name), "[control]\nargument: no\n"
             f"directory: {place}\nexecutable: {command}\n")
    hire = f"umask 027; ulimit -n 200; trap '' PIPE; {BIN}fjd-recruiter" \
        f" --session process hire {far}:1"
    assert machines.run(NEAR, "bash", "-c", hire).returncode == 0
    ok(machines, "fjd-dispatcher")
    assert len(jobs_in(project, "done")) == 4
    said = machines.run(NEAR, "ssh", far, "umask; ulimit -n; ulimit -f").stdout
    umask, open_files, size = said.split()
    for kind in ("plain", "sh", "script"):
        found = json.loads(log_of(project, kind))
        environment = found.pop("environment")
        assert (kind, environment) == (kind, {
            FUNCTION: None, DOTTED: None, "OMP_NUM_THREADS": "1",
            "FJD_PROJECT": "default"})
        assert (kind, found) == (kind, {
            **EVERYWHERE, "PWD": place, "umask": int(umask, 8),
            "open files": int(open_files),
            "file size": -1 if size == "unlimited" else int(size) << 10})
