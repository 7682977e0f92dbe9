"""The processes of jobs: start, wait, and end with all their children.

A job runs in a session of its own (setsid), so that a key typed in a
worker's terminal does not reach it, with stdin from /dev/null and stdout and
stderr on one log.  Its processes are found by FJD_WORKER and FJD_ATTEMPT in
their environment, even those that called setsid(2) themselves.
"""
import errno
import os
import signal
import sys
import time
from typing import (
    Any, Callable, Dict, Iterable, List, Mapping, NamedTuple, Optional, Set,
    Tuple,
)

from fjd.files import is_ours, named
from fjd.jobfile import Job, NICENESS
from fjd.proc import start_time, stat_of

GRACE = 5.0  # seconds between TERM and KILL
SESSION = "FJD_SESSION_NAME"  # from a recruiter to a worker
WITNESS = "FJD_WITNESS"       # from a recruiter to one on another host
OF_RUN = "FJD_OF_RUN"         # from fjd run to its workers: seconds
ANEW = "FJD_ANEW"             # from a worker that was taken for dead
OWN_VARIABLES = (
    "FJD_JOB", "FJD_TASK", "FJD_ATTEMPT", "FJD_WORKER", SESSION, WITNESS,
)
# Set so that N workers do not start N times as many threads as cores.
THREADS = (
    "OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS",
    "BLIS_NUM_THREADS", "NUMEXPR_NUM_THREADS", "VECLIB_MAXIMUM_THREADS",
)
CPUS_GIVEN = "SLURM_CPUS_PER_TASK"  # sbatch(1)
MOST_OPEN = 1024  # descriptors, where they cannot be listed
# Indices of fields of /proc/PID/stat (proc(5)), from the state on:
SESSION_FIELD, BLOCKED, CAUGHT = 3, 29, 31
ENDS = 1 << signal.SIGTERM - 1 | 1 << signal.SIGHUP - 1
PYTHONS = (signal.SIGPIPE, signal.SIGXFSZ)  # ignored by Python


Logs = Tuple[int, int]  # descriptors, for stdout and stderr


class Ending(NamedTuple):
    """The end of a process: exit status, or minus the signal's number."""

    status: int
    cpu: float = 0.0  # seconds, user and system, children included
    peak: int = 0     # KiB, the largest of its processes
    catches: bool = False  # whether it handles TERM or HUP

    @property
    def text(self) -> str:
        if self.status < 0:
            return f"signal {-self.status}"
        return f"exit {self.status}"


def without_job(environ: Mapping[str, str]) -> Dict[str, str]:
    """Return the environment without the variables that mark a job."""
    return {k: v for k, v in environ.items() if k not in OWN_VARIABLES}


def environment(
    environ: Mapping[str, str], home: str, project: str, worker: str,
) -> Dict[bytes, bytes]:
    """Return the environment common to all jobs of a worker, from its own.

    It is encoded, so that not each start of a job has to do that.
    """
    common = {
        **dict.fromkeys(THREADS, cpus_of(environ)), **without_job(environ),
        "FJD_DIR": home, "FJD_PROJECT": project, "FJD_WORKER": worker,
        "PWD": current_directory(environ),
    }
    return {os.fsencode(k): os.fsencode(v) for k, v in common.items()}


def cpus_of(environ: Mapping[str, str]) -> str:
    """Return how many CPUs a batch system gave to this worker, else 1.

    Workers that were hired in an allocation share its CPUs.
    """
    given = "1" if SESSION in environ else environ.get(CPUS_GIVEN, "1")
    return given if given.isdecimal() else "1"


def current_directory(environ: Mapping[str, str]) -> str:
    """Return the current directory as the shell calls it: by the links that
    led there; "" if it does not exist any more.
    """
    try:
        here = os.getcwd()
    except FileNotFoundError:
        return ""
    place = environ.get("PWD", "")
    if os.path.isabs(place) and os.path.isdir(place):
        return place if os.path.samefile(place, here) else here
    return here


def directory_of(job: Job, here: str) -> str:
    """Return the directory that a job runs in, as PWD (POSIX.1-2017, cd):
    absolute, without . and ..; here: that of the worker.
    """
    place = os.path.join(here, job.directory) if job.directory else here
    if place[:1] == "/" and "/." not in place:
        return place
    has_dots = {os.curdir, os.pardir}.intersection(place.split(os.sep))
    if not os.path.isabs(place):
        return ""  # The worker's own directory is gone.
    return os.path.realpath(place) if has_dots else place


class Processes:
    """Starts the jobs of one worker, and returns how they end.

    On Linux niceness belongs to a thread (setpriority(2), "C library/kernel
    differences"), and a plain user cannot lower it again.  So the worker's
    thread has the niceness of most jobs.  Another thread keeps the original
    one, and starts a thread for each job with a niceness of its own.
    """

    def __init__(self) -> None:
        self.child = 0  # a pid
        self.catches = self.is_astray = False
        self.home: Optional[int] = None  # our directory's descriptor
        self.is_first = os.getpid() == 1
        self.keeper: Any = None

    def prepare(self) -> None:
        """Set up the threads; call this once, before the first start()."""
        keep_descriptors()
        self.keeper = Helper()
        os.nice(max(0, NICENESS - os.nice(0)))

    def start_anew(self) -> None:
        """Replace this process by a new one of the same program.

        This is done by the thread that has the original niceness.
        """
        # It may be on its way, and would kill the new process.
        signal.signal(signal.SIGIO, signal.SIG_IGN)
        argv = [sys.executable] + sys.argv
        os.environ[ANEW] = "yes"
        named(argv[0], self.keeper.call, os.execv, argv[0], argv)

    def start(
        self, job: Job, environ: Dict[bytes, bytes], logs: Logs,
    ) -> None:
        """Start a job; OSError if chdir(2) or execve(2) fails.

        We go to its directory and come back, if we can: a child that does it
        takes longer to start (measured).
        """
        self.catches = False
        if job.directory and self.is_home():
            os.chdir(job.directory)
            try:
                self.child = self.spawn(job, environ, logs)
            finally:
                self.is_astray = not self.is_home()
            return
        if self.is_astray and not os.path.isabs(job.directory):
            # RACE: since the last look it may not be entered any more.
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))
        self.child = self.spawn(job, environ, logs, job.directory)

    def is_home(self) -> bool:
        """Come back to our directory; False if it may not be entered."""
        try:
            if self.home is None:
                flags = getattr(os, "O_PATH", os.O_RDONLY)
                self.home = os.open(os.curdir, flags)
            os.fchdir(self.home)
        except OSError:
            return False
        return True

    def spawn(
        self, job: Job, environ: Dict[bytes, bytes], logs: Logs,
        place: str = "",
    ) -> int:
        """Start a job, at its niceness."""
        if job.niceness == NICENESS:
            return spawn(job, environ, logs, place)
        try:
            return self.keeper.call(
                at_niceness, job.niceness, job, environ, logs, place)
        except RuntimeError as error:  # No thread can be started now.
            raise BlockingIOError(errno.EAGAIN, str(error))

    def poll(self) -> Optional[Ending]:
        """Return how the job ended, once; None while it runs."""
        assert self.child
        # A zombie shows it, too, but some undo it before they end (Python).
        self.catches |= catches_ends(self.child)
        pid, status, usage = os.wait4(self.child, os.WNOHANG)
        if not pid:
            return None
        code = os.WEXITSTATUS(status)
        if os.WIFSIGNALED(status):
            code = -os.WTERMSIG(status)
        self.child = 0
        seconds = usage.ru_utime + usage.ru_stime
        return Ending(code, seconds, usage.ru_maxrss, self.catches)

    def reap_orphans(self) -> None:
        """Wait for ended processes that are no job: process 1, as a worker
        is in a container, gets those that lost their parent.
        """
        ended = self.is_first
        while ended:
            try:
                how = os.WEXITED | os.WNOHANG | os.WNOWAIT
                found = os.waitid(os.P_ALL, 0, how)
            except ChildProcessError:
                return
            ended = bool(found) and found.si_pid != self.child
            if ended:
                os.waitpid(found.si_pid, 0)

    def end_trees(
        self, attempts: Set[str], logs: Iterable[str] = (),
        grace: float = GRACE,
    ) -> None:
        """End the remaining processes of attempts here: TERM, grace, KILL.

        Processes that print into one of the logs are included.  Those that
        cannot be killed (state D) are left after twice the grace.
        """
        leader = self.child or -1
        begun = time.monotonic()
        told: Set[int] = set()
        paths = set(map(os.path.realpath, logs))
        while True:
            pids = members(attempts, leader, paths)
            if self.has_leader() and leader not in pids:
                pids.add(-leader)  # kill(2): its process group
            waited = time.monotonic() - begun
            if not pids or waited > 2 * grace:
                break
            if waited > grace:
                kill(oldest_first(pids), signal.SIGKILL)
            else:
                kill(oldest_first(pids - told), signal.SIGTERM)
                told |= pids
            time.sleep(0.02)

    def has_leader(self) -> bool:
        """Return whether the first process of the job is still alive.

        /proc may be hidden.  It also shows a process as a zombie when its
        first thread has ended and others go on.
        """
        if not self.child or not hasattr(os, "waitid"):
            return False
        how = os.WEXITED | os.WNOHANG | os.WNOWAIT
        return os.waitid(os.P_PID, self.child, how) is None


class Helper:
    """A thread that makes calls; concurrent.futures takes 9 ms to import."""

    def __init__(self) -> None:
        from queue import Queue  # Late: most commands run no job.
        from threading import Thread
        self.calls, self.results = Queue(), Queue()
        Thread(target=self.serve, daemon=True).start()

    def serve(self) -> None:
        for call, arguments in iter(self.calls.get, None):
            try:
                self.results.put((call(*arguments), None))
            except Exception as error:
                self.results.put((None, error))

    def call(self, call: Callable, *arguments: Any) -> Any:
        self.calls.put((call, arguments))
        result, error = self.results.get()
        if error:
            raise error
        return result


def keep_descriptors() -> None:
    """Do not leak inherited file descriptors into jobs; stdin is empty."""
    null = os.open(os.devnull, os.O_RDONLY)
    os.dup2(null, 0)
    if null:
        os.close(null)
    try:
        descriptors = list(map(int, os.listdir("/proc/self/fd")))
    except OSError:
        descriptors = list(range(MOST_OPEN))  # Not Linux.
    for descriptor in descriptors:
        try:
            os.set_inheritable(descriptor, descriptor <= 2)
        except OSError:
            pass  # It was open for the listing, or is not open.


def spawn(
    job: Job, environ: Dict[bytes, bytes], logs: Logs, place: str = "",
) -> int:
    """Start a job that prints into logs, with our stdin; return its pid.

    place: its directory, or "" for ours.  OSError if it cannot start.
    """
    try:
        if not place:
            return os.posix_spawnp(
                job.argv[0], job.argv, environ, setsid=True,
                setsigdef=PYTHONS, setsigmask=[], file_actions=[
                    (os.POSIX_SPAWN_DUP2, logs[0], 1),
                    (os.POSIX_SPAWN_DUP2, logs[1], 2)])
    except (AttributeError, NotImplementedError):
        pass  # PY36: os has it from 3.8 on; setsid needs glibc 2.26.
    import subprocess  # Late: it takes 4 ms, and most commands run no job.
    child = subprocess.Popen(
        job.argv, env=environ, stdout=logs[0], stderr=logs[1],
        start_new_session=True, cwd=place or None, preexec_fn=unblock)
    child.returncode = 0  # poll() waits for it.
    return child.pid


def unblock() -> None:
    """Block no signal any more: the worker blocks those it waits for."""
    signal.pthread_sigmask(signal.SIG_SETMASK, [])


def at_niceness(nice: int, *how: Any) -> int:
    """Spawn from a thread of that niceness, or of the nearest allowed."""
    helper = Helper()
    try:
        helper.call(os.setpriority, os.PRIO_PROCESS, 0, nice)
    except OSError:
        pass  # Only root may go below the niceness of hire.
    try:
        return int(helper.call(spawn, *how))
    finally:
        helper.calls.put(None)  # It ends.


def catches_ends(pid: int) -> bool:
    """Return whether a process handles TERM or HUP, or ended blocking them.

    A shell blocks all signals for moments, so only a zombie's mask counts.
    """
    fields = stat_of(pid)
    if len(fields) <= CAUGHT:
        return False
    blocked = int(fields[BLOCKED]) if fields[0] == "Z" else 0
    return bool((blocked | int(fields[CAUGHT])) & ENDS)


def members(
    attempts: Set[str], leader: int, logs: Set[str],
) -> Set[int]:
    """Return the live processes of attempts: by environment, session or log.

    A process that is being started still has its worker's environment
    (execve(2) of a file on a slow server may take a while), but already has
    its stdout.  One without both (env -i) shares the session of others.
    """
    marks = {os.fsencode(f"FJD_ATTEMPT={attempt}") for attempt in attempts}
    tasks = tuple(mark + b":" for mark in marks)  # of a range (arrays.py)
    try:
        pids = [int(name) for name in os.listdir("/proc") if name.isdigit()]
    except FileNotFoundError:
        pids = []  # Not Linux.
    sessions, found = {leader}, set()
    session_of = {}
    for pid in pids:
        fields = stat_of(pid)
        if fields[0] in "ZX":
            continue  # RACE: it has ended.
        session_of[pid] = int(fields[SESSION_FIELD])
        environ = environ_of(pid)
        if marks & environ or any(v.startswith(tasks) for v in environ):
            sessions.add(session_of[pid])
        elif not outputs_of(pid).isdisjoint(logs):
            found.add(pid)
    sessions.discard(os.getsid(0))
    return found.union(
        pid for pid, session in session_of.items() if session in sessions)


def environ_of(pid: int) -> Set[bytes]:
    """Return the variables of a process; none if they may not be read, as
    for a program that its own user may not read (ptrace(2), "dumpable").
    """
    try:
        with open(f"/proc/{pid}/environ", "rb") as file:
            return set(file.read().split(b"\0"))
    except OSError as error:
        if is_ours(error):
            raise
        return set()


def outputs_of(pid: int) -> Set[str]:
    """Return the paths of the files that a process prints into."""
    paths = set()
    for descriptor in (1, 2):
        try:
            paths.add(os.readlink(f"/proc/{pid}/fd/{descriptor}"))
        except OSError:
            pass  # It is closed, or another user's.
    return paths


def oldest_first(pids: Iterable[int]) -> List[int]:
    """Sort parents before children, at whose end a shell would go on."""
    return sorted(pids, key=lambda pid: (int(start_time(pid) or 0), pid))


def kill(pids: Iterable[int], number: int) -> None:
    for pid in pids:
        try:
            os.kill(pid, number)
        except (ProcessLookupError, PermissionError):
            pass  # RACE: it has ended.
