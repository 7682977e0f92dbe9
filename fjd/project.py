"""A project: its directories, and every step of the protocol in them.

This is the normative list of the files in ~/.fjd/<project>/ (mode 0700).
The grammar of the names is in names.py.

    jobqueue/<job>             waits; users put files here, a file is a job
    held/<attempt>             waits until a person releases it
    queueorder                 names of waiting jobs that go first
                               (queueorder.py); written whole, advisory
    workerqueue/<worker>.<k>.<want>
                               "I am free and want so many jobs"; made and
                               removed by its worker, or removed at its burial
    jobpods/<worker>/<attempt> given to that worker, not begun; a worker
                               without a pod has left or was declared dead
    running/<attempt>@<worker> begun; if it is missing before the job ended,
                               the worker was declared dead
    done/<attempt>             ended with exit status 0
    failed/<attempt>           ended otherwise, could not be run, or was lost
                               too often
    arrays/<array>             the tasks of an array, one a line (arrays.py);
                               put whole, never written again
    arrays/<array>+<stamp>     the numbers of tasks that a person retries
    cancelled/<array>=<task>   a person cancels that task
    cancelled/<attempt>        a range that a person cancelled
    allocations/<section>.<k>  workers that were asked for from a batch system
                               (hosts/allocations.py), and files beside it;
                               made when it is needed.  Missing: its workers
                               leave as soon as they start
    workers/<worker>           its record (members.py); its mtime is its last
                               heartbeat.  Missing: the worker is dead
    dispatchers/<dispatcher>   the same for dispatchers; advisory: losing it
                               loses no job
    dispatchers/<dispatcher>.<stamp>.seen
                               its note for its successor (handover.py)
    dispatchers/<dispatcher>.<stamp>.counts
                               the number of jobs in each state (handover.py)
    dispatchers/<number>.claim the fjd run that puts jobs here (claim.py)
    list                       the command of a fjd run (earlier.py);
                               written whole
    orders/<worker>.<stamp>.<order>
                               drain: run the jobs in your pod, then leave;
                               now: give everything back and leave
    joblogs/<attempt>.out, .err
                               what the tasks of a range printed
    joblogs/<attempt>.err      the stderr of a job that has it apart
    joblogs/<attempt>.log      the output of the job, then why it failed; a
                               dot name of the worker while it runs, which
                               stays for the next job if it is empty
    screenlogs/<worker>.log    the output of the worker
    screenlogs/<section>.<k>.<task>.out
                               the output of a worker of Slurm, also before it
                               is one
    screenlogs/<session>.err   the stderr of a worker that starts; the worker
                               removes it when it has announced itself
    ledger/<who>.tsv           a line for each attempt that ended or went
                               back (ledger.py); one file a writer, and
                               <who>~0002.tsv ... if a file may not grow

Invariants: a job is one file in exactly one place, and its place is its
state.  Every step is one rename.  An attempt is accepted if and only if it
lies, or once lay, in done/ or failed/; only the worker that ran it puts it
there.  A new stamp at every move into a pod fences: the holder of an old name
holds nothing.  Each path is used only once, except jobqueue/<job>, so a
request that a network repeats late is harmless.  No step trusts the answer to
its own rename: begin and end ask again by open().
"""
import errno
import os
from typing import Any, Iterator, List, Optional, Tuple

from fjd import files
from fjd.names import (
    Announcement, Attempt, is_editor_copy, is_member, Order, Running,
)

DIRECTORIES = (
    "jobqueue", "held", "workerqueue", "jobpods", "running", "done", "failed",
    "workers", "dispatchers", "orders", "joblogs", "screenlogs", "ledger",
    "arrays", "cancelled",
)
ENDED = ("done", "failed")
ALLOCATIONS = "allocations"
RUNNING = "running"
STATES = {  # where jobs lie, in the order in which they move
    "jobqueue": "waiting", "held": "held", "jobpods": "given",
    RUNNING: "running", "done": "done", "failed": "failed",
}
ORDER = "queueorder"
LIST = "list"
YOUNG = 1.0  # seconds after a write in which another may follow
DRAIN = "drain"
NOW = "now"
# The suffixes of dispatchers' notes.
SEEN, COUNTS, CLAIM = ".seen", ".counts", ".claim"


class Project:
    """The directories of one project under root, an absolute path."""

    def __init__(self, root: str, files: Any = files) -> None:
        self.root = root
        self.name = os.path.basename(root)
        self.files = files
        self.owner = os.geteuid()  # the uid of our files there

    def path(self, *parts: str) -> str:
        return "/".join((self.root,) + parts)

    def make_directories(self) -> None:
        for directory in DIRECTORIES:
            self.files.make_directory(self.path(directory))

    @property
    def home(self) -> str:
        """The directory that holds all projects."""
        return os.path.dirname(self.root)

    def is_missing(self) -> bool:
        """Return whether the project is removed, or its home unavailable."""
        try:
            self.files.names(self.root)
        except OSError as error:
            return isinstance(error, FileNotFoundError)
        return False

    def device(self) -> int:
        """Return the device number of its home; 0 if that is unavailable."""
        try:
            return int(self.files.device(self.home))
        except OSError:
            return 0

    def is_gone(self, device: int) -> bool:
        """Return whether the user has removed the project: its home, on that
        device, exists and holds other entries.
        """
        try:
            others = self.files.names(self.home)
        except OSError:
            return False
        is_home = bool(others) and self.device() == device
        return is_home and self.name not in others

    def check_home(self) -> None:
        """Raise OSError if the whole project is missing.

        Call this before a missing file counts as removed.
        """
        if self.is_missing():
            raise OSError(errno.ENODEV, os.strerror(errno.ENOENT), self.root)

    def is_in_use(self) -> bool:
        """Return whether jobs wait, or a dispatcher may be active."""
        return bool(self.members("dispatchers") or self.waiting())

    # Listings

    def names(self, *directory: str) -> List[str]:
        return sorted(self.files.names(self.path(*directory)))

    def items(self, directory: str, kind: Any) -> List[Any]:
        """Return the names that follow a grammar; others are not ours."""
        found = []
        for name in self.names(directory):
            try:
                found.append(kind.parse(name))
            except ValueError:
                continue
        return sorted(found)

    def waiting(self, place: str = "jobqueue") -> List[str]:
        """Return the names in the queue (or in held), unordered."""
        names = self.files.names(self.path(place))
        return [  # The first condition is for speed: a million names.
            name for name in names
            if name[-1] not in "~#" or not is_editor_copy(name)
        ]

    def each_name(self, place: str) -> Iterator[str]:
        """Yield the names in a directory, unordered, in little memory."""
        yield from self.files.each_name(self.path(place))

    def names_if_any(self, directory: str) -> List[str]:
        """Return the names in a directory that older projects do not have."""
        try:
            return self.names(directory)
        except FileNotFoundError:
            self.check_home()
            return []

    def count(self, place: str) -> int:
        return len(self.files.names(self.path(place)))

    def has_given_out(self) -> bool:
        """Return whether a job is in a pod, or runs; a guess, as jobs move."""
        return bool(
            self.running() or any(map(self.given, self.pods()))
            # RACE: a job may have moved from a pod, or back.
            or self.running()
        )

    def announcements(self) -> List[Announcement]:
        """Return the latest announcement of each free worker."""
        found = self.items("workerqueue", Announcement)
        return list({latest.worker: latest for latest in found}.values())

    def pods(self) -> List[str]:
        """Return the workers that may be given jobs."""
        return [name for name in self.names("jobpods") if is_member(name)]

    def given(self, worker: str) -> Optional[List[str]]:
        """Return the attempts in a worker's pod; None if it has no pod."""
        try:
            return self.names("jobpods", worker)
        except (FileNotFoundError, NotADirectoryError):
            self.check_home()
            return None

    def running(self) -> List[Running]:
        """Return all attempts that have begun and not ended."""
        return self.items("running", Running)

    def runs_of(self, worker: str) -> List[Running]:
        return [run for run in self.running() if run.worker == worker]

    def orders(self) -> List[Order]:
        return self.items("orders", Order)

    def orders_for(self, worker: str) -> List[Order]:
        return [order for order in self.orders() if order.worker == worker]

    # Members: kind is "workers" or "dispatchers"

    def members(self, kind: str) -> List[str]:
        return [name for name in self.names(kind) if is_member(name)]

    def dispatchers(self) -> List[str]:
        """Return the dispatchers that are enrolled or have left counts."""
        names = self.names("dispatchers")
        left = {n.rsplit(".", 2)[0] for n in names if n.endswith(COUNTS)}
        return sorted(filter(is_member, left.union(names)))

    def enrol(self, kind: str, member: str, record: str) -> bool:
        """Create a member's record; False if the id is taken."""
        return self.files.create(self.path(kind, member), record)

    def record(self, kind: str, member: str) -> Optional[Tuple[float, str]]:
        """Return a member's last heartbeat, in the server's seconds, and its
        record; None if there is no such member.
        """
        try:
            status, text = self.files.read(self.path(kind, member))
        except FileNotFoundError:
            self.check_home()
            return None
        return status.st_mtime, text.decode(errors="replace")

    def touch(self, kind: str, member: str) -> None:
        """Send a heartbeat; FileNotFoundError: we were declared dead."""
        try:
            self.files.touch(self.path(kind, member))
        except FileNotFoundError:
            self.check_home()
            raise

    def beat(self, kind: str, member: str) -> float:
        """Send a heartbeat; return the server's time, in its seconds."""
        self.touch(kind, member)
        return self.files.status(self.path(kind, member)).st_mtime

    def is_young(self, kind: str, member: str, written: float) -> bool:
        """Return whether a write was recent; a heartbeat gets the server's
        time.
        """
        return abs(self.beat(kind, member) - written) <= YOUNG

    def is_unfinished(self, run: Running, written: float) -> bool:
        """Return whether a job file may still be written, or was since it was
        read, which may take a while.
        """
        return self.is_young("workers", run.worker, written) \
            or self.files.status(self.job_file(run)).st_mtime != written

    def notes(self, ending: str) -> List[str]:
        """Return the names of dispatchers' notes; record() reads one."""
        names = self.names("dispatchers")
        return [name for name in names if name.endswith(ending)]

    def claims(self) -> List[int]:
        """Return the numbers of the claims, the latest last."""
        found = (name[:-len(CLAIM)] for name in self.notes(CLAIM))
        return sorted(int(number) for number in found if number.isdecimal())

    def amend(self, kind: str, member: str, line: str) -> None:
        """Add a line to our own record."""
        path = self.path(kind, member)
        descriptor = self.files.open_own(path)
        try:
            self.files.append(path, descriptor, os.fsencode(line))
        finally:
            self.files.close(descriptor)

    def leave_note(self, name: str, text: str, before: List[str]) -> None:
        """Write a note, and remove those before it.

        A note that is too large (ulimit -f) is left out: it is advisory.
        """
        try:
            is_whole = self.files.create(self.path("dispatchers", name), text)
        except OSError as error:
            if error.errno != errno.EFBIG:
                raise
            return
        # NFS: a request that is repeated finds the file that it made, empty.
        for old in before if is_whole else []:
            self.files.remove(self.path("dispatchers", old))

    def strike(self, kind: str, member: str) -> None:
        """Remove a member's record.

        A dispatcher's counts go first, as they also list it.
        """
        for name in self.notes(COUNTS) if kind == "dispatchers" else []:
            if name.startswith(f"{member}."):
                self.files.remove(self.path(kind, name))
        self.files.remove(self.path(kind, member))

    def server_time(self, who: str) -> float:
        """Return the file server's time, from a new file; who: a new id."""
        draft = self.path("dispatchers", f".{who}")
        self.files.create(draft, "\n")
        try:
            return self.files.status(draft).st_mtime
        finally:
            self.files.remove(draft)

    # Steps of a person

    def put(self, name: str, data: bytes, is_program: bool = False) -> None:
        """Add a new job to the queue; its name must never have been used."""
        draft = self.waiting_job(f".{name}")
        self.draft(draft, data, 0o700 if is_program else 0o600)
        self.shift(draft, self.waiting_job(name))

    def draft(self, path: str, data: Any, mode: int = 0o600) -> None:
        """Create a file, whose name must never have been used, to move it.

        NFS: a request that is repeated finds the file that it made, empty.
        """
        if not self.files.create(path, data, mode):
            raise FileExistsError(
                errno.EEXIST, os.strerror(errno.EEXIST), path)

    def discard(self, path: str) -> bool:
        """Remove a file, or an empty directory; False if it was missing or
        not empty.
        """
        try:
            return bool(self.files.remove(path))
        except IsADirectoryError:
            return bool(self.files.remove_directory(path))

    def wake_workers(self, stamp: str) -> None:
        """Let workers of this host look at once, as they watch orders/."""
        draft = self.path("orders", f".{stamp}")
        self.files.create(draft)
        self.files.remove(draft)

    def whole(self, name: str) -> bytes:
        """Return the content of queueorder or list; b"" if it is missing.

        NFS: a failed look-up is cached, so the directory is listed first.
        """
        is_there = name in self.files.names(self.root)
        return self.files.read(self.path(name))[1] if is_there else b""

    def replace(self, name: str, text: str, stamp: str) -> None:
        """Write queueorder or list."""
        draft = self.path(f".{name}.{stamp}")
        self.draft(draft, text)
        self.files.move(draft, self.path(name))

    # Steps of a worker

    def make_pod(self, worker: str) -> None:
        self.files.make_directory(self.path("jobpods", worker))

    def remove_pod(self, worker: str) -> bool:
        """Remove a pod; False if a job came meanwhile.  Drafts are removed."""
        pod = self.path("jobpods", worker)
        if self.files.remove_directory(pod):
            return True
        for name in self.files.drafts(pod, "."):
            self.files.remove(os.path.join(pod, name))
        return self.files.remove_directory(pod)

    def announce(self, announcement: Announcement) -> None:
        self.files.create(self.path("workerqueue", announcement.name))

    def withdraw(self, announcement: Announcement) -> None:
        self.files.remove(self.path("workerqueue", announcement.name))

    def begin(self, run: Running) -> None:
        """Take an attempt out of the pod; if it can be opened, it is ours."""
        given = self.given_job(run.worker, run.attempt)
        self.shift(given, self.job_file(run))

    def given_job(self, worker: str, attempt: str) -> str:
        return f"{self.root}/jobpods/{worker}/{attempt}"

    def job_file(self, run: Running) -> str:
        return f"{self.root}/running/{run.attempt}@{run.worker}"

    def begun(self, run: Running) -> float:
        """Return when a file came into running/, in the server's seconds.

        0.0 if that is unknown: it is gone, or sshfs, which has no ctime.
        """
        path = self.job_file(run)
        try:
            is_known = not self.files.is_fuse(os.path.dirname(path))
            return self.files.status(path).st_ctime if is_known else 0.0
        except OSError:
            return 0.0

    def is_there(self, path: str) -> bool:
        """Return whether a job file exists; OSError: its project does not."""
        if self.files.is_there(path):
            return True
        self.check_home()
        return False

    def is_running(self, run: Running) -> bool:
        return self.is_there(self.job_file(run))

    def end(self, run: Running, place: str) -> bool:
        """Move to done/ or failed/; False if others were given the job."""
        return self.commit(self.job_file(run), self.path(place, run.attempt))

    def commit(self, source: str, target: str) -> bool:
        # NFS: a move that reports failure may have happened.
        return self.shift(source, target) or self.is_there(target)

    def shift(self, source: str, target: str) -> bool:
        """Move a job into a directory; OSError if that is missing."""
        is_moved = self.files.move(source, target)
        if not is_moved and self.files.is_there(source):
            # The user has removed the directory, which is made again.
            raise FileNotFoundError(
                errno.ENOENT, os.strerror(errno.ENOENT), target)
        return is_moved

    def is_accepted(self, attempt: str) -> bool:
        return any(
            self.is_there(self.path(place, attempt))
            for place in ENDED
        )

    def requeue(self, run: Running, attempt: str) -> None:
        """Put a begun job, given back or lost, into the queue again."""
        self.shift(self.job_file(run), self.waiting_job(attempt))

    def give_back_unbegun(self, worker: str, name: str) -> None:
        self.shift(self.given_job(worker, name), self.waiting_job(name))

    # Steps of a dispatcher

    def assign(self, name: str, worker: str, attempt: Attempt) -> bool:
        """Move a job from the queue into a pod; False: list both again."""
        return self.files.move(
            self.waiting_job(name), self.given_job(worker, attempt.name),
        )

    def reassign(
        self, old: str, source: str, target: str, attempt: Attempt,
    ) -> bool:
        """Move a job from one pod into another, under a new stamp."""
        return self.files.move(
            self.given_job(source, old), self.given_job(target, attempt.name),
        )

    def waiting_job(self, name: str) -> str:
        return self.path("jobqueue", name)

    def is_directory(self, name: str) -> bool:
        return self.files.is_directory(self.waiting_job(name))

    def fail(self, source: str, attempt: str) -> bool:
        """Move a job to failed/, unrun; False if another process did this."""
        return self.commit(source, self.path("failed", attempt))

    # Orders, logs, ledgers

    def send_order(self, order: Order) -> None:
        self.files.create(self.path("orders", order.name))

    def drop_orders(self, worker: str) -> None:
        for order in self.orders_for(worker):
            self.files.remove(self.path("orders", order.name))

    def draft_log(self, worker: str, k: int, kind: str = ".log") -> str:
        """Return the path of a worker's k-th log while its job runs."""
        return self.path("joblogs", f".{worker}.{k}{kind}")

    def draft_logs(self, worker: str) -> List[str]:
        names = self.files.drafts(self.path("joblogs"), f".{worker}.")
        return [self.path("joblogs", name) for name in names]

    def keep_draft_logs(self, worker: str, attempt: str) -> None:
        """Name a dead worker's log after the attempt that it ran.

        An empty log is removed, and that of a job which its user removed.
        """
        for draft in self.draft_logs(worker):
            if attempt and self.files.size(draft):
                kind = os.path.splitext(draft)[1]
                self.files.move(draft, self.job_log(attempt, kind))
            else:
                self.files.remove(draft)

    def write_log(self, attempt: Attempt, reason: str) -> None:
        """Write the log of an attempt that was not run."""
        line = f"[fjd] {attempt.job}: {reason}\n"
        self.files.create(self.job_log(attempt.name), line)

    def job_log(self, attempt: str, kind: str = ".log") -> str:
        return self.path("joblogs", attempt + kind)

    def worker_log(self, worker: str) -> str:
        return self.path("screenlogs", f"{worker}.log")

    def session_log(self, session: str) -> str:
        """Return the log's path; session is a name, or `kind name`."""
        return self.path("screenlogs", f"{session.rpartition(' ')[2]}.err")

    def claim_session(self, session: str) -> bool:
        """Create a session's log; False if the name is in use.

        It is not empty: on a full disk the worker could not report an error.
        """
        return self.files.create(self.session_log(session), "\n")

    def forget_session(self, session: str) -> None:
        """Remove a session's log, as its worker has started."""
        self.files.remove(self.session_log(session))

    def session_trouble(self, session: str) -> Optional[str]:
        """Return why a worker did not start, in a line; None if it did."""
        try:
            _, text = self.files.read(self.session_log(session))
        except FileNotFoundError:
            return None
        lines = text.decode(errors="replace").splitlines()
        # What is indented explains an error, or is all there is.
        errors = [line for line in lines if line and line.strip() == line]
        return (errors or [line.strip() for line in lines] or [""])[-1]

    def forget_sessions(self) -> None:
        """Remove the logs left by recruiters that were killed in hire."""
        for name in self.names("screenlogs"):
            if name.endswith(".err"):
                self.files.remove(self.path("screenlogs", name))

    def ledgers_of(self, writer: str) -> List[str]:
        """Return all files of one writer's ledger."""
        return [self.path("ledger", name) for name in self.names("ledger")
                if name.startswith((f"{writer}.tsv", f"{writer}~"))]

    def ledger_file(self, writer: str, part: int = 1) -> str:
        more = f"~{part:04}" if part > 1 else ""  # It sorts later.
        return self.path("ledger", f"{writer}{more}.tsv")

    def ledger_files(self) -> List[str]:
        return [self.path("ledger", name) for name in self.names("ledger")]
