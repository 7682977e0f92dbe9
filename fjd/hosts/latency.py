"""The time a file takes to another host and back, through a shared home.

The called host writes a letter, an empty file in screenlogs/; the caller
removes each letter.  Both look by listing, as workers and dispatcher do, so
that the delay of caches is included.
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

MOST_SECONDS = 70.0
LOOK = 0.05  # seconds between two listings


@contextmanager
def answering(project: Project) -> Iterator[str]:
    """Yield a witness; letters of hosts that see it are answered meanwhile."""
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
        remove_letters(project, witness)


def answer(project: Project, witness: str, is_over: threading.Event) -> None:
    while not is_over.wait(LOOK):
        try:
            remove_letters(project, f"{witness}-")
        except OSError:
            pass  # If the letter stays, its writer reports that.


def remove_letters(project: Project, start: str) -> None:
    """Remove the witness, or letters to it, whose names begin with start."""
    for name in project.names("screenlogs"):
        if name.startswith(start):
            project.forget_session(name.rpartition(".err")[0])


def measure(project: Project, witness: str) -> float:
    """Return the seconds until our letter is gone; inf after MOST_SECONDS."""
    letter = f"{witness}-{myself().host}-{os.getpid()}"
    begun = time.monotonic()
    project.claim_session(letter)
    while f"{letter}.err" in project.names("screenlogs"):
        if time.monotonic() > begun + MOST_SECONDS:
            project.forget_session(letter)
            return inf
        time.sleep(LOOK)
    return time.monotonic() - begun
