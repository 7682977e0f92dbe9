"""Sessions that workers live in: screen, tmux, or a background process.

The user's .screenrc and .tmux.conf are not read, because programs that they
start would keep a session alive without its worker.
"""
import os
import signal
import sys
from typing import Any, Callable, Dict, List

from fjd.errors import Unavailable
from fjd.hosts.external import call, program
from fjd.names import is_project
from fjd.process import kill, SESSION, unblock, without_job

SCREEN, TMUX, PROCESS = "screen", "tmux", "process"
KINDS = (SCREEN, TMUX, PROCESS)
SOCKETS = {  # remedies for a session that does not start
    SCREEN: "try: another --session, or export SCREENDIR=/tmp/screen-$USER",
    TMUX: "try: another --session, or export TMUX_TMPDIR=/tmp",
}
SECONDS = 20  # for screen or tmux to start
# Variables that ld.so(8), "Secure-execution mode", removes when screen is
# installed setgid, as on some systems.
STRIPPED = (
    "LD_LIBRARY_PATH", "LD_PRELOAD", "LD_AUDIT", "LD_ORIGIN_PATH", "TMPDIR",
    "LOCPATH", "NLSPATH", "TZDIR", "MALLOC_ARENA_MAX", "GCONV_PATH",
)
# Each session has its own server of tmux (-L): a shared one keeps the
# environment of its first start, not that of this hire.  The session's
# directory is that of the start: with -c it would be expanded, and #(command)
# in its name would be run.
STARTS = {
    SCREEN: ("-c", "/dev/null", "-dmS", "{0}", "env"),
    TMUX: ("-f", "/dev/null", "-L", "{0}", "new-session", "-d", "-s", "{0}",
           "--", "env"),
}
# Like `exec "$@" 2>>"$0"`, but without a shell: sh(1) may drop variables whose
# names it does not allow, such as those of functions exported by bash(1).
INTO_LOG = """\
import sys
sys.path = list(filter(None, sys.path))  # not the current directory
import os, signal
log, program = sys.argv[1:3]
os.dup2(os.open(log, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600), 2)
for number in signal.SIGPIPE, signal.SIGXFSZ:
    signal.signal(number, signal.SIG_DFL)
signal.pthread_sigmask(signal.SIG_SETMASK, [])
try:
    os.execvp(program, sys.argv[2:])
except OSError as error:
    sys.exit(f"{program}: {error.strerror}")
"""
ENDS = {
    SCREEN: ("-S", "{0}", "-X", "quit"), TMUX: ("-L", "{0}", "kill-server"),
}


def available() -> int:
    """Return how many CPUs this process may use."""
    try:
        return len(os.sched_getaffinity(0))
    except AttributeError:  # No Linux.
        return os.cpu_count() or 1


def cpus() -> int:
    """Return how many workers this machine has by default."""
    return max(1, available() - 1)


def shell() -> str:
    """Return the shell that reads setup.sh on this machine."""
    import shutil
    return shutil.which("bash") or "/bin/sh"


class Sessions:
    """Starts sessions of the best available kind, or of the wanted one."""

    def __init__(self, wanted: str, say: Callable[[str], None]) -> None:
        self.kinds = [wanted] if wanted else list(KINDS)
        self.say = say
        self.lacking: Dict[str, str] = {}  # {reason: remedy}

    def start(
        self, name: str, argv: List[str], log: str, environ: Dict[str, str],
        directory: str,
    ) -> Any:
        """Start a session; Unavailable if no kind is available.

        The stderr of argv goes to log, for instance why it cannot start.
        Return its process, if it is a child of ours, else None.
        """
        argv = [sys.executable, "-S", "-c", INTO_LOG, log, *argv]
        while True:
            kind = self.kinds[0]
            known = {**without_job(environ), SESSION: self.title(kind, name)}
            try:
                return start(kind, name, argv, known, directory)
            except Unavailable as error:
                if len(self.kinds) == 1:
                    raise
                self.fall_back(error)

    def title(self, kind: str, name: str) -> str:
        """Return what the record of a worker says of its session."""
        return f"{kind} {name}"

    def end(self, session: str, pid: int, number: int) -> None:
        """End a worker and its session, as named in its record."""
        kind, _, name = session.partition(" ")
        if kind in ENDS and is_project(name):
            quit_session(kind, name)
        kill([pid], number)
        kill([pid], signal.SIGCONT)  # A stopped one would not end.

    def fall_back(self, why: Unavailable) -> None:
        self.kinds.pop(0)
        self.lacking[str(why)] = why.hint
        if self.kinds == [PROCESS]:
            reasons = "; ".join(self.lacking)
            self.say(f"Workers run as background processes ({reasons}).")


def manage(name: str, *arguments: str, **how: Any) -> None:
    """Call screen or tmux; Unavailable says why that failed."""
    why = call(name, *arguments, _timeout=SECONDS, **how)
    if why:
        raise Unavailable(f"{name}: {why}", SOCKETS[name])


def quit_session(kind: str, name: str) -> None:
    try:
        manage(kind, *(word.format(name) for word in ENDS[kind]))
    except Unavailable:
        pass  # The session has ended.


def check_terminals() -> None:
    """Raise Unavailable if no terminal is left: screen would not say so."""
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
) -> Any:
    """Start a session; return its process, if it is a child of ours."""
    if kind == PROCESS:
        import subprocess  # Late: screen and tmux are started by sh.
        null = subprocess.DEVNULL
        return subprocess.Popen(
            argv, env=environ, cwd=directory, start_new_session=True,
            stdin=null, stdout=null, stderr=null)
    program(kind)
    check_terminals()
    words = [word.format(name) for word in STARTS[kind]]
    kept = [f"{key}={environ[key]}" for key in STRIPPED if key in environ]
    # A session that blocked what hire --stay waits for would not end.
    manage(kind, *words, *kept, *argv, _env=environ, _cwd=directory,
           _preexec_fn=unblock)
    return None
