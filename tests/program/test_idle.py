"""What waiting costs: strace counts the file operations of idle workers."""
import re
import subprocess

import pytest

from helpers import fjd, ok, wait_until

from fjd.members import read_member

pytestmark = [
    pytest.mark.slow, pytest.mark.alone, pytest.mark.needs("strace"),
]

WORKERS = 8
SECONDS = 20
MOST = 11  # operations a second, of all workers together
CALLS = "open,openat,rename,renameat,renameat2,utimensat,unlink,mkdir,rmdir"


@pytest.fixture
def workers(project):
    """The pids of idle workers that have come to rest."""
    ok("fjd-recruiter", "--session", "process", "hire", str(WORKERS))
    names = project.names("workers")
    begun = {name: project.record("workers", name)[0] for name in names}
    wait_until(lambda: all(
        project.record("workers", name)[0] > begun[name] for name in names))
    members = [read_member(project, "workers", name) for name in names]
    yield [str(member.identity.pid) for member in members]
    fjd("fjd-recruiter", "fire")


def test_idle_workers_make_few_file_operations(workers, tmp_path):
    """An open is a file or a listing; a touch is an open and a write."""
    trace = tmp_path / "trace"
    strace = subprocess.Popen(
        ["timeout", str(SECONDS), "strace", "-f", "-qq", "-e",
         f"trace={CALLS}", "-o", str(trace)]
        + [word for pid in workers for word in ("-p", pid)],
        stderr=subprocess.PIPE, encoding="utf-8",
    )
    assert strace.communicate()[1] == ""
    lines = trace.read_text().splitlines()
    begun = [line for line in lines if "resumed>" not in line]
    listings = [line for line in begun if "O_DIRECTORY" in line]
    print(f"{len(begun) / SECONDS} a second, {len(listings)} listings")
    assert len(listings) > SECONDS * WORKERS * 0.8, lines[-20:]
    assert len(begun) <= SECONDS * MOST, sorted(
        re.sub(r"^\d+ +", "", line) for line in begun)
