"""GPUs: which ones a host has, and which one a worker takes."""
import errno
import os
from argparse import ArgumentTypeError

import pytest

from helpers import Clock, program

from fjd.errors import BadUsage, NotHired, Unavailable
from fjd.hosts import gpuslot
from fjd.hosts.conf import Host
from fjd.hosts.gpus import devices, number_or_auto, with_gpus

LISTING = """\
GPU 0: Tesla K80 (UUID: GPU-d2a3a4c4-63e4-4b0c-9e1b-0c2a2e2f8d0a)
  MIG 1g.5gb Device 0: (UUID: MIG-c2a1)
GPU 1: Tesla K80 (UUID: GPU-c80b9c5e-8b1f-4b7e-8c7e-2f1f0f1d3a5b)
"""


@pytest.fixture(autouse=True)
def nothing_is_visible(monkeypatch):
    for name in ("CUDA_VISIBLE_DEVICES", "SLURM_JOB_ID", *gpuslot.GIVEN):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def smi(tmp_path, monkeypatch):
    """smi(script): a nvidia-smi on PATH."""
    place = tmp_path / "driver"
    place.mkdir()
    monkeypatch.setenv("PATH", f"{place}:{os.environ['PATH']}")
    return lambda script: program(place / "nvidia-smi", script)


def test_those_that_are_visible_are_used(monkeypatch, smi):
    smi("exit 9")
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "2, 3,GPU-d2a3,2")
    assert devices("auto") == ["2", "3", "GPU-d2a3"]
    assert devices("2") == ["2", "3"]
    with pytest.raises(NotHired, match="^4 GPUs wanted, 3 found: CUDA.* is 2"):
        devices("4")


def test_else_they_are_numbered(smi):
    assert devices("3") == ["0", "1", "2"]
    smi(f"[ \"$*\" = -L ] && cat <<'EOF'\n{LISTING}EOF")
    assert devices("auto") == ["0", "1"]


@pytest.mark.parametrize("visible", ["", "-1", "NoDevFiles", "0,,1", "0;rm"])
def test_what_hides_all_or_is_no_name(monkeypatch, visible):
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", visible)
    for wanted in ("1", "auto"):
        with pytest.raises(NotHired, match="no GPU found: CUDA_VISIBLE_DEV"):
            devices(wanted)


@pytest.mark.parametrize("script, why", [
    ("echo No devices were found", "nvidia-smi lists none"),
    ("echo NVIDIA-SMI has failed >&2; exit 9", "NVIDIA-SMI has failed"),
    ("exec sleep 100", "nvidia-smi: no answer within 0.3 seconds"),
])
def test_no_gpu_is_told_in_a_line(monkeypatch, smi, script, why):
    monkeypatch.setattr("fjd.hosts.gpus.SECONDS", 0.3)
    smi(script)
    with pytest.raises(NotHired) as caught:
        devices("auto")
    assert str(caught.value) == f"no GPU found: {why}"


def test_no_nvidia_smi_is_told_in_a_line(monkeypatch, tmp_path):
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(NotHired) as caught:
        devices("auto")
    assert str(caught.value) == \
        "no GPU found: nvidia-smi is not installed"
    assert caught.value.hint.startswith(
        "try: --gpus N (in remote.conf gpus: N)")


@pytest.mark.parametrize("text", ["0", "", "-1", "2.5", "1001", "all"])
def test_no_number_of_gpus(text):
    with pytest.raises(ArgumentTypeError, match="neither a number from 1 to"):
        number_or_auto(text)


def test_the_option_counts_more_than_remote_conf():
    hosts = [Host("a", 2, gpus="4"), Host("b", None), Host("c", 0)]
    assert with_gpus(hosts, "", []) == hosts
    assert [host.gpus for host in with_gpus(hosts, "2", [])] == ["2"] * 3
    assert [host.gpus for host in with_gpus(hosts, "auto", [])] == ["auto"] * 3
    with pytest.raises(BadUsage) as caught:
        with_gpus(hosts, "1", [])
    assert str(caught.value) == "hire --gpus: a should have 2 workers, and" \
        " has only 1 GPU: each worker needs one"


# A worker

class Socket:
    """What the kernel does with abstract names: one socket each."""

    bound = set()
    error = errno.EADDRINUSE

    def bind(self, name):
        if name in self.bound:
            raise OSError(self.error, os.strerror(self.error))
        self.bound.add(name)


@pytest.fixture
def kernel(monkeypatch):
    monkeypatch.setattr(Socket, "bound", set())
    monkeypatch.setattr(gpuslot, "HELD", [])


def test_each_takes_the_first_that_is_free(kernel):
    found = [gpuslot.bind(["2", "3"], Socket) for _ in range(3)]
    assert found == ["2", "3", ""]
    Socket.bound.remove(gpuslot.name_of("2"))
    assert gpuslot.bind(["3", "2"], Socket) == "2"


def test_names_fit_and_tell_users_apart(monkeypatch):
    name = gpuslot.name_of("MIG-" + "x" * 60)
    assert len(name) <= 108
    monkeypatch.setattr(os, "geteuid", lambda: 2**32 - 2)
    assert gpuslot.name_of("MIG-" + "x" * 60) != name


@pytest.mark.parametrize("variable", gpuslot.GIVEN)
def test_jobs_of_slurm_may_each_see_another_gpu_as_the_first(
    monkeypatch, variable,
):
    """If Slurm gave it; else the numbers are those of the host."""
    outside = gpuslot.name_of("0")
    for job in ("7", "8"):
        monkeypatch.setenv("SLURM_JOB_ID", job)
        assert gpuslot.name_of("0") == outside
    monkeypatch.setenv(variable, "1")
    inside = gpuslot.name_of("0")
    monkeypatch.setenv("SLURM_JOB_ID", "7" * 19)
    other = gpuslot.name_of("0")
    assert len({outside, inside, other}) == 3 and len(other) <= 108
    unique = gpuslot.name_of("GPU-1")
    monkeypatch.delenv("SLURM_JOB_ID")
    assert gpuslot.name_of("GPU-1") == unique


@pytest.fixture
def taking(kernel, monkeypatch):
    """What a worker takes, of this kernel: taking(wanted, clock)."""
    real = gpuslot.bind
    monkeypatch.setattr(
        gpuslot, "bind", lambda wanted: real(wanted, Socket))
    return gpuslot.take


def test_without_gpus_the_variable_stays_as_it_is(taking, monkeypatch):
    taking(None)
    assert "CUDA_VISIBLE_DEVICES" not in os.environ
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "7,8")
    taking(None)
    assert os.environ["CUDA_VISIBLE_DEVICES"] == "7,8"
    taking(["8"])
    assert os.environ["CUDA_VISIBLE_DEVICES"] == "8"


def test_one_that_gets_free_soon_is_awaited(taking, monkeypatch):
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
    clock = Clock()
    sleep = clock.sleep

    def until_another_is_dead(seconds):
        sleep(seconds)
        if clock.now > 1001.0:
            Socket.bound.clear()

    clock.sleep = until_another_is_dead
    taking(["0"], clock)
    taking(["0"], clock)
    assert os.environ["CUDA_VISIBLE_DEVICES"] == "0" and clock.now < 1002.0


def test_one_that_does_not_get_free_is_told(taking, monkeypatch):
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "0,1")
    clock = Clock()
    taking(["0", "1"], clock)
    taking(["0", "1"], clock)
    with pytest.raises(Unavailable, match="no free GPU: .* have 0,1$"):
        taking(["0", "1"], clock)
    assert 1000.0 + gpuslot.PATIENCE <= clock.now < 1006.0


def test_where_there_are_no_such_sockets_it_is_told(taking, monkeypatch):
    monkeypatch.setattr(Socket, "error", errno.EINVAL)
    Socket.bound.add(gpuslot.name_of("0"))
    with pytest.raises(Unavailable, match="shared out here: Invalid arg"):
        taking(["0"], Clock())


@pytest.mark.parametrize("text", ["", ",", "0,", "-1", "a b", "x" * 65, "$x"])
def test_what_is_the_name_of_no_gpu(text):
    with pytest.raises(ArgumentTypeError, match="is the name of no GPU"):
        gpuslot.names(text)
    assert gpuslot.names("0,GPU-1,MIG-GPU-1/1/0") == [
        "0", "GPU-1", "MIG-GPU-1/1/0"]
