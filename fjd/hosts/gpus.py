"""The GPUs of this host, as a recruiter names them to its workers.

They are those that CUDA_VISIBLE_DEVICES names already, else 0, 1, 2 ...  A
number and a UUID of one GPU are not known to be the same.
"""
import os
from argparse import ArgumentTypeError
from typing import List

from fjd.errors import BadUsage, NotHired, Unavailable
from fjd.hosts.cluster import Cluster
from fjd.hosts.conf import AUTO, check_gpus, checked, Host
from fjd.hosts.external import ask
from fjd.hosts.gpuslot import DEVICE, VISIBLE
from fjd.names import printable
from fjd.options import option

SMI = "nvidia-smi"
SECONDS = 20.0  # for nvidia-smi, which may have to load a driver
HINT = "try: --gpus N (in remote.conf gpus: N), with the number of GPUs"


def number_or_auto(text: str) -> str:
    """Return the value of --gpus; it is as in remote.conf."""
    try:
        return str(checked("gpus", text))
    except ValueError as error:
        raise ArgumentTypeError(str(error))


GPUS = option(
    "--gpus", metavar="N|auto", type=number_or_auto, help="let the"
    " jobs of each worker see one of N GPUs, with auto one of all that there"
    " are; if CUDA_VISIBLE_DEVICES is set, only those that it names are used")


def with_gpus(
    hosts: List[Host], wanted: str, clusters: List[Cluster],
) -> List[Host]:
    """Return the hosts with what hire --gpus wants; "" is as in remote.conf.
    """
    if wanted and clusters:
        raise BadUsage(
            f"hire --gpus: {clusters[0].scheduler} gives GPUs itself: ask for"
            " them with the key options in remote.conf")
    found = [host._replace(gpus=wanted or host.gpus) for host in hosts]
    try:
        for host in found:
            check_gpus(host)
    except ValueError as error:
        raise BadUsage(f"hire --{error}")
    return found


def devices(wanted: str) -> List[str]:
    """Return the names of so many GPUs of this host, or of all.

    NotHired: there are none, or fewer.
    """
    known = named(os.environ[VISIBLE]) if VISIBLE in os.environ else None
    if wanted == AUTO:
        return numbered(count()) if known is None else known
    if known is None:
        return numbered(int(wanted))
    if len(known) < int(wanted):
        raise NotHired(
            f"{wanted} GPUs wanted, {len(known)} found: {VISIBLE} is"
            f" {','.join(known)}")
    return known[:int(wanted)]


def numbered(number: int) -> List[str]:
    return list(map(str, range(number)))


def named(visible: str) -> List[str]:
    """Return the GPUs that CUDA_VISIBLE_DEVICES names, each once."""
    found = list(dict.fromkeys(map(str.strip, visible.split(","))))
    if visible == "NoDevFiles" or not all(map(DEVICE.fullmatch, found)):
        raise NotHired(
            f"no GPU found: {VISIBLE} is {printable(visible) or 'empty'}")
    return found


def count() -> int:
    """Return how many GPUs nvidia-smi lists; NotHired if none."""
    try:
        text, why = ask(SECONDS, SMI, "-L")
    except Unavailable as error:
        # Not its hint: the program comes with a driver.
        raise NotHired(f"no GPU found: {error}", HINT)
    found = sum(line.startswith("GPU ") for line in text.splitlines())
    if why or not found:
        raise NotHired(
            f"no GPU found: {printable(why) or f'{SMI} lists none'}", HINT)
    return found
