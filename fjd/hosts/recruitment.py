"""Hiring on the hosts of a project: on this one, and on others through ssh.

On another host fjd-recruiter hires as it does here, for that host alone.  Its
lines are passed on.  Before them it prints what that host and its workers call
it, as lines `host: NAME`.
"""
import os
import re
import sys
from typing import Any, Iterator, List, Tuple

from fjd import command, home, output
from fjd.errors import BadConfig, BadUsage, NotHired
from fjd.hosts import compiled, gpus, session
from fjd.hosts.cluster import Cluster, named_clusters, SLURM
from fjd.hosts.conf import (
    AUTO, Host, LOCALHOST, parse_hosts, read_clusters, read_conf, why_too_few,
)
from fjd.hosts.ssh import Answer, Errand, hint_for, run_there
from fjd.members import read_member
from fjd.names import host_of, is_on
from fjd.project import DRAIN, NOW, Project

RECRUITER = "fjd-recruiter"
# The trap is gone when the worker runs.  Its line is indented: an error that
# setup.sh has printed says more (Project.session_trouble).
SOURCE = """trap 'echo "    $0 ended with status $?" >&2' EXIT
here=$PWD; . "$0" && cd "$here" && exec "$@\""""
NO_NAME = re.compile("^[0-9]|[^A-Za-z0-9_]")  # to a shell
# What hire --help and fire --help say.
HIRE = """\
Make sure that exactly N workers run on each host.

Workers that were started by hand count. Missing workers are started, and
surplus ones leave after their job. The command ends when all workers run.
It never waits for a batch system: workers that wait there count, too, and
surplus ones are cancelled first. The exit code is 3 if a host is unreachable,
workers did not start, or a batch system refused them.

Without arguments, hire on all hosts of the project's remote.conf or, if
there is no such file, on this machine.

Examples:
    fjd-recruiter hire 4
    fjd-recruiter hire 3 node2:4 node3
    fjd-recruiter hire slurm:64
"""
FIRE = """\
Tell workers to leave at once.

Without HOST, all workers of the project leave, and those that wait in a
batch system are cancelled. Jobs that run are ended with all processes they
started, and wait in the queue again. Workers on this machine or in a batch
system that have not left after 30 seconds are ended. With slurm as HOST, only
the workers of Slurm are meant.
"""


class Recruitment:
    """One fjd-recruiter hire, by its options; the recruiter hires here, in
    sessions of that class.
    """

    def __init__(
        self, recruiter: Any, options: Any, sessions: Any = session.Sessions,
    ) -> None:
        self.recruiter = recruiter
        self.sessions = sessions
        self.project = recruiter.project
        self.options = options
        self.directory = os.path.abspath(
            options.curdir or home.current_directory())
        self.clusters: List[Cluster] = []
        hosts, self.is_all = self.wanted_hosts()
        self.gpus = getattr(options, "gpus", None) or ""
        self.hosts = gpus.with_gpus(hosts, self.gpus, self.clusters)
        self.names: List[str] = []  # of these hosts, also by their workers
        self.has_failed = False
        self.is_person = output.is_person()

    def wanted_hosts(self) -> Tuple[List[Host], bool]:
        """Return the hosts, and whether no others should have workers."""
        here = self.recruiter.here.host
        words = self.options.hosts
        if words:
            self.clusters, words = named_clusters(
                words, self.known_clusters(here))
            return parse_hosts(words, here), False
        found = None
        if not self.options.local_only:
            found = read_conf(self.project, here)
        if found is None:
            return [Host(LOCALHOST)], False
        self.clusters = found[1]
        return found[0], True

    def known_clusters(self, here: str) -> List[Cluster]:
        """Return the clusters of remote.conf that typed words may name."""
        words = [text.partition(":")[0] for text in self.options.hosts]
        if all(word.isdigit() or word == LOCALHOST for word in words):
            return []
        try:
            return read_clusters(self.project, here)
        except BadConfig:
            if SLURM in words:
                raise
            return []  # These hosts do not need it.

    def hire(self) -> None:
        try:
            self.hire_here()
            self.hire_from_clusters()
            self.hire_elsewhere()
        except KeyboardInterrupt:
            self.say_what_was_started()
            raise
        self.drain_strangers()

    def say_what_was_started(self) -> None:
        number = output.number_of_workers(len(self.recruiter.started))
        others = [h.address for h in self.hosts if h.name != LOCALHOST]
        others += [cluster.scheduler for cluster in self.clusters]
        more = f", and perhaps some on {', '.join(others)}" if others else ""
        self.recruiter.say(
            f"Stopped. Started here: {number}{more}. To end them:"
            f" {RECRUITER} --project {self.project.name} fire")

    def hire_here(self) -> None:
        for host in self.hosts:
            if host.name == LOCALHOST:
                try:
                    self.start_workers(host)
                except NotHired as error:
                    self.fail(error)
                self.names += self.recruiter.host_names()

    def start_workers(self, host: Host) -> None:
        """Hire on this host; NotHired says why that failed."""
        place = host.directory or self.directory
        home.check_directory(place)
        devices = gpus.devices(host.gpus) if host.gpus else []
        number = self.number_of(host, len(devices))
        compiled.write_missing()
        kind = self.options.session or host.session
        argv = with_setup(self.project) + [
            host.python or sys.executable, command.beside("fjd-worker"),
            *self.common_arguments(),
            *(["--gpus", ",".join(devices)] if devices else []),
        ]
        environ = dict(os.environ, PWD=place, FJD_DIR=home.directory())
        self.begin(
            number, self.sessions(kind, self.recruiter.say), argv, environ,
            place)

    def begin(self, *how: Any) -> None:
        """Let the recruiter hire; how: as its hire() takes it."""
        self.recruiter.hire(*how)

    def fail(self, error: NotHired) -> None:
        output.complain(str(error), error.hint)
        self.has_failed = True

    def number_of(self, host: Host, devices: int) -> int:
        """Return how many workers a host has that has so many GPUs, or 0."""
        if host.workers is None:
            return devices or session.cpus()
        why = why_too_few(host, devices) if host.gpus else ""
        if why and self.gpus:
            raise BadUsage(f"hire --{why}")
        if why:
            raise BadConfig(f"{self.project.path('remote.conf')}: {why}")
        return host.workers

    def hire_from_clusters(self) -> None:
        """Hire from batch systems; if that fails, say why."""
        if self.clusters:
            from fjd.hosts.enlistment import Enlistment  # Late: few need it.
        is_again = getattr(self.options, "again", False)
        for cluster in self.clusters:
            try:
                Enlistment(
                    self.recruiter, cluster, self.directory,
                    self.common_arguments(), is_again).hire()
            except NotHired as error:
                output.complain(f"{cluster.scheduler}: {error}", error.hint)
                self.has_failed = True
        if self.is_all and not is_again:
            self.say_what_no_section_has()

    def say_what_no_section_has(self) -> None:
        """Say which workers may still come of no section of remote.conf."""
        from fjd.hosts.allocations import records  # Late: few have any.
        sections = [(c.scheduler, c.section) for c in self.clusters]
        for record in records(self.project):
            kind = record.scheduler, record.section
            if record.id and record.outstanding and kind not in sections:
                self.recruiter.say(
                    f"{record.scheduler}: job {record.id} stays, though no"
                    f" section of remote.conf asks for it; to cancel it:"
                    f" {RECRUITER} --project {self.project.name} fire"
                    f" {record.scheduler}")

    def common_arguments(self) -> List[str]:
        return ["--project", self.options.project,
                "--max-losses", str(self.options.max_losses)]

    def hire_elsewhere(self) -> None:
        for answer in self.answers():
            self.names += [answer.host.address] + answer.names
            self.tell(answer)

    def answers(self) -> Iterator[Answer]:
        """Yield what the recruiters on other hosts answer."""
        others = [host for host in self.hosts if host.name != LOCALHOST]
        if not others:
            return
        witness = f"hire-{self.recruiter.stamps.new()}"
        self.project.claim_session(witness)
        try:
            yield from run_there(
                self.project, witness, list(map(self.errand, others)),
                self.is_person)
        finally:
            self.project.forget_session(witness)

    def errand(self, host: Host) -> Errand:
        """Return the command that hires on another host."""
        kind = self.options.session or host.session
        number = AUTO if host.workers is None else host.workers
        return Errand(host, host.directory or self.directory, [
            command.beside(RECRUITER), *self.common_arguments(),
            *(["--session", kind] if kind else []), "hire",
            *(["--gpus", host.gpus] if host.gpus else []),
            f"{LOCALHOST}:{number}",
        ])

    def tell(self, answer: Answer) -> None:
        """Pass on what a recruiter said; if it did not hire, say why."""
        start = f"[{RECRUITER}] "
        lines = [line for line in answer.lines if line.startswith(start)]
        for line in lines:
            self.recruiter.say(f"Host {answer.host.address}: {line}")
        has_hired = any(line.startswith(f"{start}Hired ") for line in lines)
        if answer.why or not has_hired:
            why = answer.why \
                or "no answer; do login scripts or setup.sh end it?"
            output.complain(
                f"host {answer.host.name}: {why}",
                hint_for(answer, self.is_person))
            self.has_failed = True

    def drain_strangers(self) -> None:
        """Order the workers of all other hosts to leave after their jobs, if
        all hosts are known.
        """
        # A host that did not answer may have another name than we know.
        if self.has_failed or not self.is_all:
            return
        leaving = {order.worker for order in self.project.orders()}
        strangers = [
            worker for worker in self.project.pods()
            if worker not in leaving and not is_on(worker, self.names)
            and not read_member(self.project, "workers", worker).is_allocated
        ]
        self.recruiter.drain(strangers)
        for host in sorted(set(map(host_of, strangers))):
            self.recruiter.say(
                f"Host {host}: its workers leave after their job.")


def fire(recruiter: Any, options: Any) -> None:
    """Do what fjd-recruiter fire does."""
    from fjd.hosts.farewell import Farewell, systems_in
    systems, options.hosts = systems_in(recruiter.project, options.hosts)
    hosts = hosts_to_fire(options, recruiter.here.host)
    sessions = session.Sessions(options.session, recruiter.say)
    Farewell(recruiter, DRAIN if options.drain else NOW).fire(
        hosts, systems, sessions)


def hosts_to_fire(options: Any, here: str) -> List[str]:
    wanted = [LOCALHOST] if options.local_only else options.hosts
    names = [host.rpartition("@")[2] for host in wanted]
    return [here if name == LOCALHOST else name for name in names]


def with_setup(project: Project) -> List[str]:
    """Return what runs a command after the project's setup.sh, if it has one.
    """
    setup = project.path("setup.sh")
    if not os.path.exists(setup):
        return []
    shell = session.shell()
    # Another shell drops what bash exports functions in, and the like.
    names = [] if "bash" in shell else filter(NO_NAME.search, os.environ)
    return [
        shell, "-c", SOURCE, setup,
        "env", "--", *(f"{name}={os.environ[name]}" for name in names),
    ]
