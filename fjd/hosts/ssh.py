"""Running fjd on other hosts, through ssh.

First all hosts are asked side by side, and none may ask back (BatchMode).
Those that want a person, for a password or an unknown host key, are asked
again one after another if there is a terminal: ssh itself reads from that.

What is to be done there comes as a script on stdin of a plain sh, so that no
shell sees a word of it as part of its command line.  That sh starts the
user's login shell, for its environment, and lets it run the rest.

A home that is not shared would be noticed by nobody: each would wait in a
home of its own.  So the other side has to see a file that was just made.
"""
import os
import sys
import tempfile
from shlex import quote
from typing import Iterator, List, NamedTuple

from fjd.hosts.conf import Host
from fjd.hosts.external import call, program
from fjd.names import printable
from fjd.process import WITNESS
from fjd.project import Project

AT_ONCE = 8     # log-ins; sshd(8) drops some of more than ten (MaxStartups)
CONNECT = 10    # seconds
PATIENCE = 90   # seconds for a command on another host
REFUSED = ("Permission denied", "Host key verification failed")
SSH_FAILED = "exit 255"  # ssh(1), "Exit status"
OPTIONS = [
    "-T", "-o", "ClearAllForwardings=yes", "-o", "RemoteCommand=none",
    "-o", f"ConnectTimeout={CONNECT}",
    "-o", "ServerAliveInterval=5", "-o", "ServerAliveCountMax=3",
]
REDIRECTED = 'exec "$@" <"$0/in" >"$0/out" 2>"$0/err"'
# csh(1) takes no -l beside -c, and fish(1) is no sh: these lend their
# environment only.  What login scripts leave in the background has files
# open, and does not keep sshd(8) waiting.
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
cd {directory} || exit
FJD_DIR={home} {witness_key}={witness}
export FJD_DIR {witness_key}
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
    """What is to be run where: a command of fjd, and its arguments."""

    host: Host
    directory: str
    command: List[str]


class Answer(NamedTuple):
    """What came of an errand; why: what went wrong, "" if nothing did."""

    host: Host
    lines: List[str]
    why: str
    is_refused: bool = False


def run_there(
    project: Project, witness: str, errands: List[Errand], is_terminal: bool,
) -> Iterator[Answer]:
    """The answers, in the order of the errands; the refused ones last."""
    program("ssh")
    refused = []
    from concurrent.futures import ThreadPoolExecutor  # 5 ms: if needed.
    with ThreadPoolExecutor(AT_ONCE) as threads:
        # If we are interrupted, map() cancels what has not begun.
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
    """Run one, with files for its stdin, stdout and stderr.

    So nothing that was started there, nor a connection that is shared, can
    keep us waiting for the end of a pipe.
    """
    with tempfile.TemporaryDirectory(prefix="fjd-") as place:
        with open(f"{place}/in", "w", encoding="utf-8") as file:
            file.write(script)
        why = call(
            "sh", "-c", REDIRECTED, place, "ssh", *OPTIONS,
            "-o", f"BatchMode={'yes' if is_batch else 'no'}", "--",
            errand.host.name, "exec /bin/sh",
            **({"_timeout": PATIENCE} if is_batch else {"_fg": True}),
        )
        lines = lines_of(f"{place}/out")
        complaints = lines_of(f"{place}/err") if why else []
    is_refused = why == SSH_FAILED and any(
        reason in line for line in complaints for reason in REFUSED)
    reason = reason_in(complaints) or why
    return Answer(errand.host, lines, reason, is_refused)


def script(errand: Errand, project: Project, witness: str) -> str:
    """What a plain sh there is to read."""
    python = errand.host.python
    pythons = [python] if python else [sys.executable, "python3", "python"]
    there = THERE.format(
        directory=quote(errand.directory), witness=quote(witness),
        home=quote(os.path.dirname(project.root)), witness_key=WITNESS,
        setup=quote(project.path("setup.sh")), setup_failed=SETUP,
        pythons=" ".join(map(quote, pythons)), probe=quote(PROBE),
        command=" ".join(map(quote, errand.command)),
        unavailable=os.EX_UNAVAILABLE,
    )
    return LOGIN.format(script=quote(there))


def lines_of(path: str) -> List[str]:
    if not os.path.exists(path):
        return []  # sh could not even begin.
    with open(path, encoding="utf-8", errors="replace") as file:
        return [line for line in file.read().splitlines() if line.strip()]


def reason_in(lines: List[str]) -> str:
    """Why a command failed: what it calls an error, else its last line."""
    errors = [line for line in lines if ": error: " in line]
    if lines and lines[-1].startswith(SETUP):
        errors = ["; ".join(lines[-2:])]
    last = (errors or lines or [""])[-1]
    return printable(last.rpartition(": error: ")[2].strip())
