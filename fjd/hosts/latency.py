"""How long a file takes to another host and back, through a shared home.

Who was called from another host writes a letter, an empty file in
screenlogs/; the caller takes each letter away.  Both look by listing, as
workers and dispatcher do, so that what caches keep is seen.
"""
import os
import threading
import time
from contextlib import contextmanager
from math import inf
from typing import Iterator

from fjd.members import myself
from fjd.names import new_token
from fjd.project import Project

PATIENCE = 70.0
LOOK = 0.05  # seconds between two looks


@contextmanager
def answering(project: Project) -> Iterator[str]:
    """A witness; the letters of those who see it are answered meanwhile."""
    witness = f"doctor-{new_token(time.time())}"
    is_over = threading.Event()
    thread = threading.Thread(target=answer, args=(project, witness, is_over))
    thread.start()
    try:
        project.claim_session(witness)
        yield witness
    finally:
        is_over.set()
        thread.join()
        take(project, witness)


def answer(project: Project, witness: str, is_over: threading.Event) -> None:
    while not is_over.wait(LOOK):
        try:
            take(project, f"{witness}-")
        except OSError:
            pass  # If it stays, who waits for the answer says so.


def take(project: Project, start: str) -> None:
    """Remove the witness, or the letters to it, that begin so."""
    for name in project.names("screenlogs"):
        if name.startswith(start):
            project.open_session(name.rpartition(".err")[0])


def measure(project: Project, witness: str) -> float:
    """Seconds until our letter is seen to be taken; inf after PATIENCE."""
    letter = f"{witness}-{myself().host}-{os.getpid()}"
    begun = time.monotonic()
    project.claim_session(letter)
    while f"{letter}.err" in project.names("screenlogs"):
        if time.monotonic() > begun + PATIENCE:
            project.open_session(letter)
            return inf
        time.sleep(LOOK)
    return time.monotonic() - begun
