"""How long a file takes to another host and back, through a shared home.

Who was called from another host writes a letter, an empty file in
screenlogs/; the caller answers each letter with a second one.  Both look by
listing, as workers and dispatcher do, so that what caches keep is seen.
"""
import os
import threading
import time
from contextlib import contextmanager
from math import inf
from typing import Iterator, List

from fjd.liveness import myself
from fjd.names import new_token
from fjd.project import Project

BACK = ".back"  # ends the name of an answer
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
        for letter in letters(project, witness):
            project.open_session(letter)


def answer(project: Project, witness: str, is_over: threading.Event) -> None:
    while not is_over.wait(LOOK):
        try:
            for letter in letters(project, f"{witness}."):
                if not letter.endswith(BACK):
                    project.claim_session(letter + BACK)
        except OSError:
            pass  # If it stays, who waits for the answer says so.


def letters(project: Project, start: str) -> List[str]:
    """Witnesses, letters and answers that begin so."""
    names = project.names("screenlogs")
    sessions = [name.rpartition(".err")[0] for name in names]
    return [session for session in sessions if session.startswith(start)]


def measure(project: Project, witness: str) -> float:
    """Seconds until the answer to our letter is seen; inf after PATIENCE."""
    letter = f"{witness}.{myself().host}-{os.getpid()}"
    begun = time.monotonic()
    try:
        project.claim_session(letter)
        while letter + BACK not in letters(project, letter):
            if time.monotonic() > begun + PATIENCE:
                return inf
            time.sleep(LOOK)
        return time.monotonic() - begun
    finally:
        for name in (letter, letter + BACK):
            project.open_session(name)
