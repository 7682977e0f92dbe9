"""Whom a fjd run hires, and what its recruiters could not.

On this host it hires by fork.  For other hosts (-S) it starts fjd-recruiter,
whose complaints come through a pipe: they are printed between the output of
jobs, and a host that was not hired is named at the end.
"""
import os
import signal
from typing import Any, List

from fjd.hosts.session import cpus, PROCESS
from fjd.roles.hiring import Hiring
from fjd.verbs.bar import fitting
from fjd.verbs.deserted import of_run
from fjd.verbs.forks import HiringByFork
from fjd.verbs.runhosts import CONF
from fjd.verbs.runlimits import MOST
from fjd.verbs.runoutcome import COLUMNS

ERROR = "fjd-recruiter: error: "
PIECE = 1 << 16  # bytes that a pipe holds
SECONDS_TO_LEAVE = 2.0  # for a recruiter; what it asks may not answer


class RunHiring(HiringByFork):
    """The recruiters of one run."""

    def __init__(self, run: Any) -> None:
        super().__init__(run.project, self.words_to_hire, self.is_only_here)
        self.run = run
        self.options = run.options
        self.reader = -1  # a descriptor: a recruiter complains there
        self.rest = b""   # of a line
        self.complaints: List[str] = []

    def words_to_hire(self) -> List[str]:
        """Return the arguments for fjd-recruiter."""
        session = self.options.session or PROCESS
        words = self.options.hosts
        if words == [CONF] or not words and self.follows_conf():
            words, session = [], self.options.session
        elif not words:
            number = self.number()
            words = [str(number) if number else "--local-only"]
        return ["--project", self.project.name,
                *(["--session", session] if session else []), "hire", *words]

    def number(self) -> Any:
        """Return how many workers to hire here; None: fjd-recruiter knows."""
        number = self.options.workers
        if self.options.project is None:
            number = number or cpus()
        if number == MOST:
            return self.run.growth.number()
        is_new = self.options.project is None
        if is_new and not self.run.supply.source.is_open:
            return min(number, max(1, self.run.left()))
        return number

    def follows_conf(self) -> bool:
        """Return whether fjd exe hires as its project's remote.conf says."""
        options = self.options
        return not (options.workers or options.is_local) \
            and options.project is not None \
            and os.path.exists(self.project.path("remote.conf"))

    def is_only_here(self) -> bool:
        """Return whether to hire only on this host, in processes."""
        is_process = self.options.session in ("", PROCESS)
        return not self.options.hosts and is_process \
            and not self.follows_conf()

    def begin(self, **how: Any) -> Any:
        if not self.options.hosts:
            return super().begin(**how)
        import subprocess  # Late: a fork needs none.
        self.listen()
        if self.reader >= 0:
            os.close(self.reader)
        self.reader, writer = os.pipe()
        os.set_blocking(self.reader, False)
        try:
            return Hiring.begin(
                self, stdin=subprocess.DEVNULL, stderr=writer,
                start_new_session=True, env=of_run(os.environ))
        finally:
            os.close(writer)

    def is_starting(self) -> bool:
        """Return whether a recruiter may still start workers."""
        return bool(self.process) and self.process.poll() is None

    def abandon(self) -> None:
        """End a recruiter for other hosts, before it hires more."""
        if self.options.hosts and self.is_starting():
            import subprocess
            self.process.send_signal(signal.SIGINT)
            try:
                self.process.wait(SECONDS_TO_LEAVE)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()

    def fail(self) -> None:
        self.listen()
        super().fail()

    def listen(self) -> None:
        """Print what the recruiter has complained about since."""
        try:
            data = os.read(self.reader, PIECE) if self.reader >= 0 else b""
        except BlockingIOError:
            return  # Nothing.
        *lines, self.rest = (self.rest + data).split(b"\n")
        for line in lines:
            text = line.decode(errors="replace")
            if text.startswith(ERROR):
                text = text[len(ERROR):]
                self.complaints.append(text)
            self.run.report(text)

    def closing(self) -> List[str]:
        """Return a line for each host that was not hired."""
        self.listen()
        return [fitting(f"Not hired: {text}", COLUMNS)
                for text in self.complaints]
