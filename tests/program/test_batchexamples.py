"""The examples for batch systems that nobody here has: they are well-formed,
and do what fjd expects with programs that print what the manuals say.
"""
import os

import pytest

from helpers import ROOT, fjd, ok, program, run

from fjd.hosts.cluster import TEMPLATES
from fjd.hosts.conf import read_clusters
from fjd.hosts.scheduler import filled

PLACE = os.path.join(ROOT, "example", "batch")
NAMES = sorted(os.listdir(PLACE))
# What the programs print: at a submission, and of 12 with two that wait.
PRINTED = {
    "pbs": {
        "qsub": "echo '12[].host'",
        "qstat": "cat <<'END'\n"
        "Job id            Name             User      Time Use S Queue\n"
        "----------------  ---------------- --------  -------- - -----\n"
        "12[].host         fjd              me               0 B workq\n"
        "12[1].host        fjd              me        00:00:00 R workq\n"
        "12[2].host        fjd              me               0 Q workq\n"
        "12[3].host        fjd              me               0 Q workq\n"
        "END",
        "qdel": "true"},
    "sge": {
        "qsub": "echo 12.1-4:1",
        "qstat": "cat <<'END'\n"
        "job-ID  prior   name  user  state submit/start at  queue\n"
        "--------------------------------------------------------\n"
        "     12 0.55500 fjd   me    qw    11/27/2026 11:00:00   1 2\n"
        "     12 0.55500 fjd   me    qw    11/27/2026 11:00:00   1 3\n"
        "    123 0.55500 other me    qw    11/27/2026 11:00:00   1\n"
        "END",
        "qdel": "true"},
    "lsf": {
        "bsub": "echo 'Job <12> is submitted to queue <normal>.'",
        "bjobs": "cat <<'END'\n"
        "JOBID USER STAT QUEUE  FROM_HOST EXEC_HOST JOB_NAME SUBMIT_TIME\n"
        "12    me   RUN  normal hostA     hostB     fjd[1]   Nov 27 11:00\n"
        "12    me   PEND normal hostA               fjd[2]   Nov 27 11:00\n"
        "12    me   PEND normal hostA               fjd[3]   Nov 27 11:00\n"
        "END",
        "bkill": "true"},
    "htcondor": {
        "condor_submit": "cat >submitted; echo '12.0 - 12.3'",
        "condor_q": "printf '2\\n1\\n1\\n'", "condor_rm": "true"},
}
# What they print of a job that is not there.
GONE = {
    "pbs": ("qstat", "echo 'qstat: Unknown Job Id 99' >&2; exit 153"),
    "sge": ("qstat", "true"),
    "lsf": ("bjobs", "echo 'Job <99> is not found' >&2; exit 255"),
    "htcondor": ("condor_q", "true"),
}


@pytest.fixture
def fakes(home, first_on_path):
    """fakes(program=script ...): these programs; all note their options."""
    def fakes(programs):
        for name, script in programs.items():
            note = f"printf '%s\\n' {name} \"$@\" >>'{home}/called'\n"
            program(first_on_path / name, note + script)
    return fakes


def called(home):
    return (home / "called").read_text().split("\n")


def use(project, name):
    """Let the project have the example as its remote.conf; its section."""
    with open(os.path.join(PLACE, f"{name}.conf")) as file, \
            open(project.path("remote.conf"), "w") as conf:
        conf.write(file.read())
    cluster, = read_clusters(project, "here")
    return cluster


def sh(template, **values):
    return run(["sh", "-c", filled(template, **values)])


def test_there_is_one_for_each_system():
    assert NAMES == sorted(f"{name}.conf" for name in PRINTED)


@pytest.mark.parametrize("name", sorted(PRINTED))
def test_example_is_well_formed_and_said_to_be_untried(project, name):
    cluster = use(project, name)
    assert (cluster.section, cluster.scheduler) == (name, name)
    with open(os.path.join(PLACE, f"{name}.conf")) as file:
        text = file.read()
    assert "\n# UNTRIED: " in text
    assert max(map(len, text.splitlines())) < 80
    for key in TEMPLATES:
        script = filled(getattr(cluster, key), n="4", id="12[].host",
                        script="/a b/x'y.sh")
        result = run(["sh", "-n", "-c", script])
        assert (result.returncode, result.stderr) == (0, "")


@pytest.mark.parametrize("name", sorted(PRINTED))
@pytest.mark.parametrize("number", ["1", "4"])
def test_the_last_word_printed_is_the_id(project, home, fakes, name, number):
    fakes(PRINTED[name])
    script = "/a b/x'y.sh"
    result = sh(use(project, name).submit, n=number, script=script)
    assert (result.returncode, result.stderr) == (0, "")
    expected = "12[].host" if name == "pbs" else "12"
    assert result.stdout.split()[-1] == expected
    if name == "htcondor":
        lines = (home / "submitted").read_text().splitlines()
        assert lines[0] == f"executable={script}"
        assert lines[-1] == f"queue {number}"
    else:
        assert script in called(home)
    if name == "pbs":
        assert ("-J" in called(home)) == (number == "4")


@pytest.mark.parametrize("name", sorted(PRINTED))
def test_pending_prints_a_line_for_each_that_waits(project, fakes, name):
    fakes(PRINTED[name])
    ident = "12[].host" if name == "pbs" else "12"
    result = sh(use(project, name).pending, id=ident)
    # A user of a container may have no name for id(1).
    errors = [line for line in result.stderr.splitlines()
              if not line.startswith("id: ")]
    assert (result.returncode, errors) == (0, [])
    assert len(result.stdout.splitlines()) == 2


@pytest.mark.parametrize("name", sorted(PRINTED))
def test_of_a_job_that_is_gone_it_prints_nothing(project, fakes, name):
    asked, script = GONE[name]
    fakes({**PRINTED[name], asked: script})
    use(project, name)
    result = fjd("fjd", "doctor", name)
    line, = [line for line in result.stdout.splitlines()
             if "pending: " in line]
    assert line.startswith("ok ") and "prints 0 line(s)" in line


@pytest.mark.parametrize("name", sorted(PRINTED))
def test_a_system_that_does_not_answer_is_no_system_without_jobs(
    project, fakes, name,
):
    """Otherwise workers would be submitted again and again."""
    fakes({**PRINTED[name], GONE[name][0]: "echo 'no server' >&2; exit 1"})
    use(project, name)
    result = fjd("fjd", "doctor", name)
    assert result.returncode == 1
    line, = [line for line in result.stdout.splitlines()
             if "pending: " in line]
    assert line.startswith("FAIL") and "no server" in line


@pytest.mark.parametrize("name", sorted(PRINTED))
def test_hire_and_status_use_it(project, home, fakes, name):
    fakes(PRINTED[name])
    use(project, name)
    lines = ok("fjd-recruiter", "hire", f"{name}:3")
    assert lines[-1].startswith(f"[fjd-recruiter] {name}: submitted 3 workers")
    assert f"{name}: 0 busy, 0 idle; 2 pending" in ok("fjd", "status")
