"""Sessions that workers live in: screen, tmux, or a background process.

Neither the user's .screenrc nor .tmux.conf is read, for what they start
would keep a session alive without its worker.
"""
import os
import signal
import subprocess
import sys
from typing import Any, Callable, Dict, List

from fjd.errors import Unavailable
from fjd.hosts.external import call, program
from fjd.names import is_project
from fjd.process import kill, SESSION, without_job

SCREEN, TMUX, PROCESS = "screen", "tmux", "process"
KINDS = (SCREEN, TMUX, PROCESS)
SOCKETS = "try: another --session, or export SCREENDIR=/tmp/screen-$USER"
SECONDS = 20  # for screen or tmux to start
# What ld.so(8), "Secure-execution mode", takes out of the environment when
# screen is installed setgid, as on some systems.
STRIPPED = (
    "LD_LIBRARY_PATH", "LD_PRELOAD", "LD_AUDIT", "LD_ORIGIN_PATH", "TMPDIR",
    "LOCPATH", "NLSPATH", "TZDIR", "MALLOC_ARENA_MAX", "GCONV_PATH",
)
# A server of tmux for each (-L): a shared one keeps the environment of whoever
# started it, not that of this hire.  The directory is the one it is started
# in: that of -c would be expanded, so that #(command) in its name runs it.
STARTS = {
    SCREEN: ("-c", "/dev/null", "-dmS", "{0}", "env"),
    TMUX: ("-f", "/dev/null", "-L", "{0}", "new-session", "-d", "-s", "{0}",
           "--", "env"),
}
# Like `exec "$@" 2>>"$0"`, but no shell: sh(1) may drop variables whose names
# are not its own, such as those that bash(1) exports functions in.
INTO_LOG = """\
import sys
sys.path = list(filter(None, sys.path))  # not the current directory
import os, signal
log, program = sys.argv[1:3]
os.dup2(os.open(log, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600), 2)
for number in signal.SIGPIPE, signal.SIGXFSZ:
    signal.signal(number, signal.SIG_DFL)
try:
    os.execvp(program, sys.argv[2:])
except OSError as error:
    sys.exit(f"{program}: {error.strerror}")
"""
ENDS = {
    SCREEN: ("-S", "{0}", "-X", "quit"), TMUX: ("-L", "{0}", "kill-server"),
}


class Sessions:
    """Starts sessions of the best kind there is, or of the one asked for."""

    def __init__(self, wanted: str, say: Callable[[str], None]) -> None:
        self.kinds = [wanted] if wanted else list(KINDS)
        self.say = say
        self.lacking: Dict[str, str] = {}  # why not, and what to do

    def start(
        self, name: str, argv: List[str], log: str, environ: Dict[str, str],
        directory: str,
    ) -> None:
        """Unavailable, if there is no kind that can be had.

        What argv itself says on stderr, say why it cannot start, goes to log.
        """
        argv = [sys.executable, "-S", "-c", INTO_LOG, log, *argv]
        while True:
            kind = self.kinds[0]
            known = {**without_job(environ), SESSION: f"{kind} {name}"}
            try:
                return start(kind, name, argv, known, directory)
            except Unavailable as error:
                if len(self.kinds) == 1:
                    raise
                self.fall_back(error)

    def end(self, session: str, pid: int, number: int) -> None:
        """End a worker and its session, which a record names."""
        kind, _, name = session.partition(" ")
        if kind in ENDS and is_project(name):
            try:
                manage(kind, *(word.format(name) for word in ENDS[kind]))
            except Unavailable:
                pass  # It has no session any more.
        kill([pid], number)
        kill([pid], signal.SIGCONT)  # A stopped one would not hear it.

    def fall_back(self, why: Unavailable) -> None:
        self.kinds.pop(0)
        self.lacking[str(why)] = why.hint
        if self.kinds == [PROCESS]:
            reasons = "; ".join(self.lacking)
            self.say(f"Workers run as background processes ({reasons}).")


def manage(name: str, *arguments: str, **how: Any) -> None:
    """Call screen or tmux; Unavailable says why that did not work."""
    why = call(name, *arguments, _timeout=SECONDS, **how)
    if why:
        raise Unavailable(f"{name}: {why}", SOCKETS)


def check_terminals() -> None:
    """See that there is a terminal for a session: screen would not say so."""
    try:
        for descriptor in os.openpty():
            os.close(descriptor)
    except OSError as error:
        why = os.strerror(error.errno) if error.errno else str(error)
        raise Unavailable(
            f"no terminal for a session: {why}",
            "try: mount -t devpts devpts /dev/pts (as root)")


def start(
    kind: str, name: str, argv: List[str], environ: Dict[str, str],
    directory: str,
) -> None:
    if kind == PROCESS:
        null = subprocess.DEVNULL
        subprocess.Popen(
            argv, env=environ, cwd=directory, start_new_session=True,
            stdin=null, stdout=null, stderr=null)
        return
    program(kind)
    check_terminals()
    words = [word.format(name) for word in STARTS[kind]]
    kept = [f"{key}={environ[key]}" for key in STRIPPED if key in environ]
    manage(kind, *words, *kept, *argv, _env=environ, _cwd=directory)
