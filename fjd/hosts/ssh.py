"""Running fjd on other hosts, through ssh.

First all hosts are called in parallel, and may not prompt (BatchMode).  Those
that need a person, for a password or an unknown host key, are called again one
by one if there is a terminal: ssh itself reads from that.

The commands are sent as a script on stdin of a plain sh, so that no shell sees
a word of them as part of its command line.  That sh starts the user's login
shell, for its environment, which runs the rest.

A home that is not shared would go unnoticed: each host would wait in its own
home.  So the other side has to see a file that was just created.
"""
import os
import sys
from shlex import quote
from typing import Iterator, List, NamedTuple

from fjd.errors import FjdError
from fjd.home import directory, named_project
from fjd.hosts.conf import Host
from fjd.hosts.external import call, program
from fjd.names import printable
from fjd.process import OF_RUN, WITNESS
from fjd.project import Project

AT_ONCE = 8     # log-ins; sshd(8) drops some above ten (MaxStartups)
SECONDS_TO_CONNECT = 10
SECONDS_TO_RUN = 90  # a command on another host
REFUSED = ("Permission denied", "Host key verification failed")
# Where ssh could not ask for a password, or whether to trust a host key.
TO_ASK = "fjd doctor {0}, at a terminal, or a key without a passphrase"
# Names that only a section with a scheduler makes a batch system.
SYSTEMS = ("slurm", "pbs", "torque", "sge", "lsf", "condor", "htcondor")
SSH_FAILED = "exit 255"  # ssh(1), "Exit status"
OPTIONS = [
    "-T", "-o", "ClearAllForwardings=yes", "-o", "RemoteCommand=none",
    "-o", f"ConnectTimeout={SECONDS_TO_CONNECT}",
    "-o", "ServerAliveInterval=5", "-o", "ServerAliveCountMax=3",
]
REDIRECTED = 'exec "$@" <"$0/in" >"$0/out" 2>"$0/err"'
# csh(1) takes no -l beside -c, and fish(1) is not a sh: only their environment
# is used.  Background processes of login scripts write to files, so sshd(8)
# does not wait for them.
LOGIN = """\
FJD_SCRIPT={script}
export FJD_SCRIPT
run='eval "$FJD_SCRIPT"'
place=$(umask 077 && mktemp -d) || exit
case ${{SHELL:=/bin/sh}} in
*/csh|*/tcsh|*/fish) echo "exec /bin/sh -c '$run'" | "$SHELL" -l ;;
*) "$SHELL" -l -c "$run" </dev/null ;;
esac >"$place/out" 2>"$place/err"
status=$?
cat "$place/out"
cat "$place/err" >&2
rm -r "$place"
exit $status
"""
THERE = """\
unset FJD_SCRIPT
if [ ! -d {directory} ]; then echo {no_directory} >&2; exit 1; fi
cd {directory} || exit
FJD_DIR={home} {witness_key}={witness} {of_run_key}={of_run}
export FJD_DIR {witness_key} {of_run_key}
if [ -e {setup} ]; then
. {setup} || {{ echo "{setup_failed}$?" >&2; exit 1; }}
cd {directory} || exit
fi
for python in {pythons}; do
if "$python" -c {probe} 2>/dev/null; then exec "$python" {command}; fi
done
echo "no Python 3.6 or later, tried: "{pythons} >&2
exit {unavailable}
"""
SETUP = "setup.sh: exit "
PROBE = "import sys; sys.exit(sys.version_info < (3, 6))"


class Errand(NamedTuple):
    """A command of fjd with its arguments, and the host to run it on."""

    host: Host
    directory: str
    command: List[str]


class Answer(NamedTuple):
    """The result of an errand; why: the reason if it failed, else ""."""

    host: Host
    lines: List[str]
    why: str
    is_refused: bool = False

    @property
    def names(self) -> List[str]:
        """Return what a host and its workers call it."""
        pairs = [line.partition(": ") for line in self.lines]
        return [value for key, _, value in pairs if key == "host"]


def run_there(
    project: Project, witness: str, errands: List[Errand], is_terminal: bool,
) -> Iterator[Answer]:
    """Yield the answers in the order of the errands, refused ones last."""
    program("ssh")
    refused = []
    from concurrent.futures import ThreadPoolExecutor  # Takes 5 ms.
    with ThreadPoolExecutor(AT_ONCE) as threads:
        # If we are interrupted, map() cancels the calls not yet begun.
        answers = threads.map(
            lambda errand: ask(errand, script(errand, project, witness)),
            errands)
        for errand, answer in zip(errands, answers):
            if answer.is_refused and is_terminal:
                refused.append(errand)
            else:
                yield answer
    for errand in refused:
        yield ask(errand, script(errand, project, witness), is_batch=False)


def ask(errand: Errand, script: str, is_batch: bool = True) -> Answer:
    """Run an errand, with files for its stdin, stdout and stderr.

    With pipes, a process started there or a shared connection could keep us
    waiting for their end.
    """
    import tempfile  # Late: hiring here needs none.
    with tempfile.TemporaryDirectory(prefix="fjd-") as place:
        with open(f"{place}/in", "w", encoding="utf-8") as file:
            file.write(script)
        why = call(
            "sh", "-c", REDIRECTED, place, "ssh", *OPTIONS,
            "-o", f"BatchMode={'yes' if is_batch else 'no'}", "--",
            errand.host.name, "exec /bin/sh",
            **({"_timeout": SECONDS_TO_RUN} if is_batch else {"_fg": True}),
        )
        lines = lines_of(f"{place}/out")
        complaints = lines_of(f"{place}/err") if why else []
    is_refused = why == SSH_FAILED and any(
        reason in line for line in complaints for reason in REFUSED)
    reason = reason_in(complaints) or why
    return Answer(errand.host, lines, reason, is_refused)


def script(errand: Errand, project: Project, witness: str) -> str:
    """Return the script for a plain sh on the other host."""
    python = errand.host.python
    pythons = [python] if python else [sys.executable, "python3", "python"]
    missing = f"no directory {printable(errand.directory)} there"
    there = THERE.format(
        directory=quote(errand.directory), witness=quote(witness),
        no_directory=quote(missing),
        home=quote(os.path.dirname(project.root)), witness_key=WITNESS,
        of_run_key=OF_RUN, of_run=quote(os.environ.get(OF_RUN, "")),
        setup=quote(project.path("setup.sh")), setup_failed=SETUP,
        pythons=" ".join(map(quote, pythons)), probe=quote(PROBE),
        command=" ".join(map(quote, errand.command)),
        unavailable=os.EX_UNAVAILABLE,
    )
    return LOGIN.format(script=quote(there))


def see_witness(name: str, witness: str) -> None:
    """See that our home is that of a caller on another host."""
    if named_project(name).session_trouble(witness) is None:
        raise FjdError("its home is not this one: what is put into"
                       f" {directory()} here is not seen there")


def lines_of(path: str) -> List[str]:
    if not os.path.exists(path):
        return []  # sh could not start.
    with open(path, encoding="utf-8", errors="replace") as file:
        return [line for line in file.read().splitlines() if line.strip()]


def reason_in(lines: List[str]) -> str:
    """Return why a command failed: its error line, else its last line."""
    errors = [line for line in lines if ": error: " in line]
    if lines and lines[-1].startswith(SETUP):
        errors = ["; ".join(lines[-2:])]
    last = (errors or lines or [""])[-1]
    return printable(last.rpartition(": error: ")[2].strip())


def hint_for(answer: Answer, is_person: bool) -> str:
    """Return what to do where a recruiter could not be started.

    is_person: ssh could ask somebody.
    """
    name = answer.host.name
    if answer.is_refused and not is_person:
        return f"try: {TO_ASK.format(name)}"
    if name.lower() in SYSTEMS:
        return "if a batch system is meant: remote.conf needs a section with" \
            f" scheduler: {name.lower()} (fjd help cluster)"
    return ""
