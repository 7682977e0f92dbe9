"""The GPU of a worker, which no other worker of its user here has.

The recruiter names the GPUs of its host (gpus.py).  A worker binds a socket of
the first that is free, as for its slot (slot.py): so a GPU is free again when
its worker is dead, however it ended.  The projects of a user share them.

Where Slurm hides other jobs' GPUs, each job sees its first one as 0.
"""
import os
import re
import time
from argparse import ArgumentTypeError, SUPPRESS
from typing import Any, List, Optional

from fjd.errors import Unavailable
from fjd.hosts import slot
from fjd.hosts.arrival import SLURM_JOB
from fjd.options import option
from fjd.proc import pid_namespace

VISIBLE = "CUDA_VISIBLE_DEVICES"
# 0, GPU-8932f937-d72c-4106-c12f-20bd9faed9f6, MIG-GPU-8932f937-.../1/0
DEVICE = re.compile("[A-Za-z0-9][A-Za-z0-9:._/-]{0,63}")
# slurm(1): set in a job that was given GPUs.
GIVEN = ("SLURM_JOB_GPUS", "SLURM_STEP_GPUS", "SLURM_GPUS_ON_NODE")
PATIENCE = 5.0  # seconds, as another worker may just end or start anew
HELD: List[Any] = []  # the socket, which is closed with this process


def names(text: str) -> List[str]:
    """Return the GPUs that a recruiter names to a worker."""
    found = text.split(",")
    for name in found:
        if not DEVICE.fullmatch(name):
            raise ArgumentTypeError(f"{name!r} is the name of no GPU")
    return found


NAMES = option("--gpus", metavar="LIST", type=names, help=SUPPRESS)


def take(wanted: Optional[List[str]], clock: Any = time) -> None:
    """Let our jobs see a free one of these GPUs; Unavailable if none is."""
    if not wanted:
        return
    deadline = clock.monotonic() + PATIENCE
    while True:
        try:
            device = bind(wanted)
        except OSError as error:
            raise Unavailable(
                f"GPUs cannot be shared out here: {error.strerror}")
        if device:
            os.environ[VISIBLE] = device
            return
        if clock.monotonic() >= deadline:
            raise Unavailable(
                "no free GPU: other workers of yours on this host have"
                f" {','.join(wanted)}")
        clock.sleep(0.1)


def bind(wanted: List[str], new_socket: Any = slot.new_socket) -> str:
    """Return the first free GPU, which is ours until we are dead, or ""."""
    own = new_socket()
    HELD[:] = [own]
    free = (name for name in wanted if slot.is_bound(own, name_of(name)))
    return next(free, "")


def name_of(device: str) -> bytes:
    """Return the name of a GPU's socket: of this user and pid namespace, and
    of the job of Slurm that a number belongs to.
    """
    if device.isdigit() and any(name in os.environ for name in GIVEN):
        device += f"-{os.environ.get(SLURM_JOB, '')[:19]}"
    return os.fsencode(f"\0fjd-gpu-{os.geteuid()}-{pid_namespace()}-{device}")
