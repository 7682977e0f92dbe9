"""Hiring from batch systems: counted by their lists and by files, submitted
once, cancelled before anybody has to leave.
"""
import errno
import os
import subprocess
import sys
import tempfile
from shlex import quote

import pytest

from fakeslurm import FakeSlurm
from helpers import command, fjd, program

from fjd.errors import NotHired
from fjd.hosts import allocations, enlistment, scheduler
from fjd.hosts.allocations import Waiting
from fjd.hosts.cluster import Cluster
from fjd.hosts.enlistment import Enlistment
from fjd.hosts.farewell import Farewell, systems_in
from fjd.hosts.session import Sessions
from fjd.members import enrol, myself
from fjd.names import new_id, Order
from fjd.project import DRAIN, NOW
from fjd.reclaim import new_reclaimer
from fjd.roles.recruiter import Recruiter

DEAD = myself()._replace(pid=1 << 22, start="1")
TEMPLATES = {
    "submit": "cp {script} script; yes | head -n {n} >waiting; echo id is 7",
    "pending": "[ {id} = 7 ] && cat waiting", "cancel": ">waiting",
}


@pytest.fixture
def slurm(tmp_path, monkeypatch):
    fake = FakeSlurm(tmp_path / "slurm")
    monkeypatch.setenv("PATH", f"{fake.place}:{os.environ['PATH']}")
    return fake


@pytest.fixture
def recruiter(project):
    said = []
    recruiter = Recruiter(
        project, new_reclaimer(project, said.append, 3), said.append)
    recruiter.said = said
    return recruiter


@pytest.fixture
def hire(recruiter, home):
    """hire(number): what the recruiter said."""
    def hire(number, is_again=False, **keys):
        del recruiter.said[:]
        cluster = Cluster("my cluster", workers=number)._replace(**keys)
        Enlistment(recruiter, cluster, str(home), ["--x", "a b"],
                   is_again).hire()
        return recruiter.said
    return hire


@pytest.fixture
def come(project):
    """come(task): a worker that lives there; its id."""
    def come(task, record="my-cluster.1"):
        worker = new_id("node7", 1.0 + come.number, 1)
        come.number += 1
        me = myself()._replace(pid=os.getppid(), start="")
        project.enrol("workers", worker, me.record(f"slurm {task}"))
        project.make_pod(worker)
        project.files.create(project.path("allocations", f"{record}.{worker}"))
        return worker
    come.number = 0
    return come


def claim(project, number=2, me=DEAD):
    """A record that its recruiter did not complete."""
    known = allocations.names(project)
    name = allocations.claim(
        project, "my-cluster", known, me, number, scheduler="slurm",
        section="my cluster", pending="", cancel="")
    return allocations.record(project, name)


def left_of(project):
    """What is left of allocations, but the dot names of what was removed."""
    return project.names("allocations")


def test_hire_submits_and_prints_the_id(slurm, hire, project):
    assert hire(3) == [
        'slurm: submitted 3 workers in project "default" as job 1.']
    assert slurm.states() == {"1_1": "PD", "1_2": "PD", "1_3": "PD"}
    assert allocations.names(project) == ["my-cluster.1"]
    assert allocations.is_expected(project)
    assert allocations.waiting(project) == [Waiting("slurm", 3, ["Priority"])]


def test_options_of_the_section_come_last_and_are_no_shell(slurm, hire):
    hire(1, cpus=2, options=("--mem", "$(touch x); *"))
    check, words = slurm.calls("sbatch")
    assert check == ["--test-only", *words]
    assert words[-4:-1] == ["--cpus-per-task=2", "--mem", "$(touch x); *"]
    assert words[-1].endswith("/allocations/my-cluster.1.sh")
    assert {"--parsable", "--array=1-1", "--signal=B:TERM@90",
            "--no-requeue"} <= set(words)
    assert not os.path.exists("x")


def test_twice_is_once(slurm, hire):
    hire(2)
    slurm.set("R", "1_1")
    assert hire(2) == ['slurm: has 2 workers in project "default", 1 of them'
                       " pending."]
    assert len(slurm.states()) == 2
    hire(2, is_again=True)
    assert len(slurm.states()) == 2


def test_at_the_same_moment_is_once(slurm, project):
    argv = command("fjd-recruiter", "hire", "slurm:3")
    hires = [subprocess.Popen(argv) for _ in range(5)]
    assert [hire.wait() for hire in hires] == [0] * 5
    assert len(slurm.states()) == 3
    assert len(allocations.names(project)) == 1


def test_more_than_an_array_holds_are_several(slurm, hire, project):
    slurm.let(most=5)
    hire(10)
    assert sorted(slurm.states())[:5] == ["1_1", "1_2", "1_3", "1_4", "2_1"]
    assert len(slurm.states()) == 10
    assert allocations.names(project) == [
        "my-cluster.1", "my-cluster.2", "my-cluster.3"]


def test_what_has_ended_is_submitted_again(slurm, hire, come, project):
    hire(2)
    come("1_1")
    slurm.set("", "1_1")
    slurm.set("CG", "1_2")
    assert "submitted 2 workers" in hire(2)[0]
    slurm.set("", "1_2")
    hire(2)
    assert allocations.names(project) == ["my-cluster.2"]


def test_those_who_have_an_order_to_leave_do_not_count(
    slurm, hire, come, project,
):
    hire(2)
    slurm.set("R", "1_1", "1_2")
    worker = come("1_1")
    come("1_2")
    project.send_order(Order(worker, "0" * 17 + "-1", DRAIN))
    assert "submitted 1 worker " in hire(2)[0]


def test_surplus_ones_that_wait_are_cancelled_alone(slurm, hire):
    hire(4)
    slurm.set("R", "1_1")
    assert hire(2) == ["slurm: cancelled 2 pending workers."]
    assert slurm.states() == {"1_1": "R", "1_2": "PD"}


def test_tasks_that_cannot_be_cancelled_alone_are_let_go(slurm, hire):
    hire(3)
    slurm.let(holds_together=True)
    assert "2 workers too many" in hire(1)[0]
    tasks = slurm.read()["tasks"].values()
    assert [task.get("is_held") for task in tasks] == [None, False, False]


@pytest.mark.parametrize("script, why", [
    ("echo oh dear >&2; exit 1", "oh dear"),
    ("kill -INT $(cat pid); exec sleep 60", None),
    ("echo", "squeue printed no list"),
])
def test_reduction_that_fails_releases_what_it_held(
    slurm, hire, monkeypatch, script, why,
):
    hire(3)
    with open("pid", "w") as file:
        file.write(str(os.getpid()))
    hold = scheduler.Slurm.apart

    def apart(*how):
        os.rename(slurm.place / "squeue", slurm.place / "true-squeue")
        program(slurm.place / "squeue", script)
        return hold(*how)

    monkeypatch.setattr(scheduler.Slurm, "apart", apart)
    with pytest.raises(NotHired if why else KeyboardInterrupt, match=why):
        hire(1)
    tasks = slurm.read()["tasks"].values()
    assert [task.get("is_held") for task in tasks] == [None, False, False]


def test_reduction_that_was_killed_is_mended_by_the_next_look(
    slurm, hire, monkeypatch,
):
    hire(3)
    monkeypatch.setattr(scheduler.Slurm, "release", lambda *how: None)
    slurm.let(holds_together=True)
    hire(1)
    assert [t.get("is_held") for t in slurm.read()["tasks"].values()] \
        == [None, True, True]
    state = slurm.read()
    state["tasks"]["1_1"]["is_held"] = True  # a person's
    slurm.write(state)
    monkeypatch.undo()
    monkeypatch.setenv("PATH", f"{slurm.place}:{os.environ['PATH']}")
    hire(3)
    assert [t.get("is_held") for t in slurm.read()["tasks"].values()] \
        == [True, False, False]


@pytest.mark.parametrize("says", [
    "", "Welcome", "1_1|PD|Priority|x", "JOBID|ST|REASON|NAME\nGood bye"])
def test_only_a_list_proves_that_a_submission_is_over(
    slurm, hire, recruiter, project, says, capsys,
):
    hire(2)
    slurm.let(says=says)
    with pytest.raises(NotHired, match="squeue printed no (list|task)"):
        hire(2)
    assert len(slurm.states()) == 2
    with pytest.raises(NotHired):
        fire(recruiter)
    assert "squeue printed no " in capsys.readouterr().err
    assert allocations.names(project) == ["my-cluster.1"]


def test_lines_before_the_list_are_none_of_it(slurm, hire):
    hire(2)
    slurm.let(says="CLUSTER: a\nJOBID|ST|REASON|NAME")
    assert "submitted 2 workers" in hire(2)[0]


def test_living_ones_leave_when_none_waits_any_more(
    slurm, hire, come, project,
):
    hire(4)
    slurm.set("R", "1_1", "1_2", "1_3")
    first, second = come("1_1"), come("1_2")
    assert hire(1) == [
        "slurm: cancelled 1 pending worker.",
        "slurm: 2 workers leave after the job."]
    assert {order.worker for order in project.orders()} == {first, second}
    assert hire(0)[-1] == "slurm: 1 worker too many, about to start: hire" \
        " again to let them leave."


def test_id_that_is_used_again_by_others_is_not_ours(slurm, hire, recruiter):
    hire(1)
    state = slurm.read()
    state["tasks"]["1_1"]["name"] = "of-others"
    slurm.write(state)
    assert "submitted 1 worker " in hire(1)[0]
    fire(recruiter)
    assert slurm.states() == {"1_1": "PD"}


def test_recruiter_that_died_before_it_submitted_is_forgotten(
    slurm, hire, project,
):
    claim(project)
    assert "submitted 1 worker " in hire(1)[0]
    assert list(slurm.states()) == ["1_1"]
    assert len(allocations.names(project)) == 1


def test_submission_whose_recruiter_died_is_found_by_its_name(
    slurm, hire, project,
):
    record = claim(project)
    subprocess.check_call([
        "sbatch", "--array=1-2", f"--job-name={record.job}"])
    assert "has 2 workers" in hire(2)[0]
    assert allocations.record(project, record.name).id == "1"


def test_submission_that_goes_on_counts(slurm, hire, project):
    claim(project, 2, myself())
    assert "has 2 workers" in hire(2)[0]
    assert slurm.states() == {}


def test_record_that_is_being_written_lets_others_wait(
    slurm, hire, project, recruiter,
):
    os.mkdir(project.path("allocations"))
    path = project.path("allocations", "my-cluster.1")
    project.files.create(path)
    waits = []

    def wait(seconds):
        """Meanwhile the other one writes it."""
        waits.append(seconds)
        os.remove(path)
        claim(project, 2, myself())

    recruiter.wait = wait
    assert "has 2 workers" in hire(2)[0]
    assert len(waits) == 1
    assert slurm.states() == {}


def test_name_is_never_used_again(slurm, hire, project, recruiter):
    for number in (1, 2, 3):
        hire(1)
        assert allocations.names(project) == [f"my-cluster.{number}"]
        fire(recruiter)
    left = os.listdir(project.path("allocations"))
    assert sorted(left) == [".my-cluster.2", ".my-cluster.3"]


def test_hire_whose_record_was_fired_cancels_what_it_submitted(
    slurm, hire, project, recruiter, monkeypatch,
):
    """Meanwhile another one hires, too."""
    submit = scheduler.Slurm.submit

    def slow(system, cluster, record, script):
        monkeypatch.undo()
        monkeypatch.setenv("PATH", f"{slurm.place}:{os.environ['PATH']}")
        fire(recruiter)
        hire(2)
        return submit(system, cluster, record, script)

    monkeypatch.setattr(scheduler.Slurm, "submit", slow)
    with pytest.raises(NotHired, match="job 2 was fired meanwhile"):
        hire(2)
    assert slurm.states() == {"1_1": "PD", "1_2": "PD"}
    name, = allocations.names(project)
    assert allocations.record(project, name).id == "1"


def test_fire_learns_an_id_that_comes_at_the_last_moment(
    slurm, project, recruiter, monkeypatch,
):
    record = claim(project, 2, myself())
    remove = allocations.remove

    def late(project, name):
        subprocess.check_call([
            "sbatch", "--array=1-2", f"--job-name={record.job}"])
        allocations.amend(project, name, "id", "1")
        return remove(project, name)

    monkeypatch.setattr(allocations, "remove", late)
    fire(recruiter)
    assert slurm.states() == {}


@pytest.mark.parametrize("code", [errno.EPERM, errno.ENOSPC])
def test_record_where_no_file_can_have_two_names(
    project, monkeypatch, code,
):
    def link(source, target):
        assert "asked: 2" in open(source).read()
        raise OSError(code, "no links")

    monkeypatch.setattr(project.files, "link", link)
    if code == errno.EPERM:
        assert claim(project).asked == 2
    else:
        with pytest.raises(OSError):
            claim(project)
    assert not project.files.drafts(project.path("allocations"), ".")


def test_empty_record_is_not_for_ever(slurm, hire, project, monkeypatch):
    os.mkdir(project.path("allocations"))
    project.files.create(project.path("allocations", "my-cluster.1"))
    monkeypatch.setattr("fjd.hosts.withdrawal.CLAIMED", -1.0)
    assert "submitted 2 workers" in hire(2)[0]


def test_refusal_is_told_and_leaves_nothing(slurm, hire, project):
    slurm.let(fail={"sbatch": "sbatch: error: invalid partition"})
    with pytest.raises(NotHired, match="invalid partition"):
        hire(1)
    assert left_of(project) == []


@pytest.mark.parametrize("names", [
    ("SBATCH_TIMELIMIT", "SLURM_CLUSTERS", "SBATCH_CLUSTERS"),
    ("SQUEUE_STATES", "SBATCH_ARRAY_INX"),
])
def test_the_environment_does_not_change_what_is_submitted(
    slurm, hire, monkeypatch, names,
):
    for name in names:
        monkeypatch.setenv(name, "1")
    real = slurm.place / "true-sbatch"
    os.rename(slurm.place / "sbatch", real)
    program(slurm.place / "sbatch", f'env >seen; exec "{real}" "$@"')
    hire(1)
    with open("seen") as file:
        seen = file.read()
    assert "PATH=" in seen
    assert not any(f"{name}=" in seen for name in names)


def test_without_a_temporary_directory_it_is_told(
    slurm, hire, project, monkeypatch,
):
    hire(1)
    for name in ("gettempdir", "mkdtemp"):
        def fail(*args, **keys):
            raise FileNotFoundError(2, "No usable temporary directory found")
        monkeypatch.setattr(tempfile, name, fail)
    with pytest.raises(NotHired, match="no temporary directory for what s"):
        hire(2)
    waiting, = allocations.waiting(project)
    assert "No usable temporary directory" in waiting.trouble


@pytest.mark.parametrize("more", [
    {}, {"PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}])
def test_section_with_an_umlaut_in_a_c_locale(slurm, project, more):
    with open(project.path("remote.conf"), "w", encoding="utf-8") as file:
        file.write("[\xdcbung]\nscheduler: slurm\nworkers: 1\n"
                   "options: --comment=\xfc\npython: /\xfc/python\n")
    environ = {**os.environ, "LC_ALL": "C", **more}
    for number in (1, 0):
        result = fjd("fjd-recruiter", "hire", f"slurm:{number}", env=environ)
        assert (result.returncode, result.stderr) == (0, "")
    record, = allocations.records(project)
    assert record.section == "\xdcbung"
    with open(project.path("allocations", "bung.1.sh"), "rb") as file:
        assert "/\xfc/python".encode() in file.read()


def test_system_that_hangs_gets_nothing(slurm, hire, monkeypatch):
    monkeypatch.setattr(scheduler, "SECONDS", 0.5)
    slurm.let(hang=["squeue"])
    with pytest.raises(NotHired, match="squeue: no answer within 0.5 s"):
        hire(1)
    assert slurm.read()["last"] == 0


def test_other_hosts_are_hired_when_a_system_is_missing(
    slurm, project, monkeypatch,
):
    for name in ("sbatch", "squeue"):
        program(slurm.place / name, "echo oh dear >&2; exit 1")
    with open(project.path("remote.conf"), "w") as file:
        file.write("[a]\nname: localhost\nworkers: 1\n"
                   "[b]\nscheduler: slurm\nworkers: 2\n")
    result = fjd("fjd-recruiter", "hire", "--session", "process")
    assert result.returncode == 3
    assert "Hired 1 worker in project" in result.stdout
    assert result.stderr == "fjd-recruiter: error: slurm: oh dear\n"
    assert fjd("fjd-recruiter", "fire").returncode == 0


def test_dispatcher_stops_after_three_submissions_in_vain(
    slurm, hire, project,
):
    for number in (1, 2, 3):
        hire(1, is_again=True)
        slurm.set("", f"{number}_1")
    with pytest.raises(NotHired) as caught:
        hire(1, is_again=True)
    assert str(caught.value).startswith("3 submissions brought no worker; ")
    assert "my-cluster.3." in str(caught.value)
    assert not allocations.is_expected(project)
    assert slurm.read()["last"] == 3
    hire(1)  # A person begins again.
    assert allocations.names(project) == ["my-cluster.4"]
    hire(1, is_again=True)
    assert slurm.read()["last"] == 4


def test_submission_that_brought_a_worker_is_none_in_vain(
    slurm, hire, come, project,
):
    for number in (1, 2, 3, 4):
        hire(1, is_again=True)
        come(f"{number}_1")
        slurm.set("", f"{number}_1")
        project.strike("workers", project.members("workers")[-1])
    assert slurm.read()["last"] == 4


def fire(recruiter, word=NOW, systems=()):
    del recruiter.said[:]
    Farewell(recruiter, word).fire(
        [], set(systems), Sessions("", recruiter.said.append))
    return recruiter.said


def test_fire_cancels_what_waits_and_removes_the_records(
    slurm, hire, recruiter, project,
):
    hire(2)
    assert fire(recruiter) == [
        "slurm: cancelled 2 pending workers.",
        'Fired 0 workers in project "default".']
    assert slurm.states() == {}
    assert left_of(project) == []


@pytest.mark.parametrize("word, left", [(NOW, {}), (DRAIN, {"1_1": "R"})])
def test_fire_ends_what_does_not_come_up_but_drain_does_not(
    slurm, hire, recruiter, monkeypatch, word, left, capsys,
):
    for name in ("SECONDS_TO_TELL", "SECONDS_TO_LEAVE"):
        monkeypatch.setattr(f"fjd.hosts.farewell.{name}", 0.0)
    hire(1)
    slurm.set("R", "1_1")
    if left:
        with pytest.raises(NotHired):
            fire(recruiter, word)
        assert "job 1 has not ended" in capsys.readouterr().err
    else:
        said = fire(recruiter, word)
        assert said[-1] == "slurm: waiting for job 1 to end."
    assert slurm.states() == left


def test_fire_of_a_host_leaves_what_waits_alone(slurm, hire, project):
    hire(1)
    assert fjd("fjd-recruiter", "fire", "node9").returncode == 0
    assert fjd("fjd-recruiter", "fire", "--local-only").returncode == 0
    assert slurm.states() == {"1_1": "PD"}
    assert fjd("fjd-recruiter", "fire", "slurm").returncode == 0
    assert slurm.states() == {}


def test_fire_that_cannot_ask_keeps_the_records(
    slurm, hire, recruiter, project, capsys,
):
    hire(1)
    slurm.let(fail={"squeue": "slurm_load_jobs error: Unable to contact"})
    with pytest.raises(NotHired):
        fire(recruiter)
    assert "slurm: slurm_load_jobs error: Unable" in capsys.readouterr().err
    assert allocations.names(project) == ["my-cluster.1"]


def test_dispatcher_that_ends_cancels_what_waits_and_lets_others_leave(
    slurm, hire, come, project,
):
    hire(3)
    slurm.set("R", "1_1")
    come("1_1")
    said = []
    allocations.cancel_waiting(project, said.append)
    assert said == ["slurm: cancelled 2 pending workers."]
    assert slurm.states() == {"1_1": "R"}
    assert left_of(project) == []
    slurm.let(fail={"squeue": "it is not asked"})
    allocations.cancel_waiting(project, said.append)
    assert len(said) == 1


def test_system_that_does_not_answer_is_named(slurm, hire, project):
    hire(1)
    slurm.let(fail={"squeue": "slurm_load_jobs error: Unable to contact"})
    trouble = "slurm_load_jobs error: Unable to contact"
    assert allocations.waiting(project) == [Waiting("slurm", trouble=trouble)]
    said = []
    allocations.cancel_waiting(project, said.append)
    assert said == [f"slurm: pending workers are not cancelled: {trouble}"]


@pytest.mark.parametrize("words, expected", [
    (["slurm"], ({"slurm"}, [])), (["node2"], (set(), ["node2"])),
    (["me@slurm"], (set(), ["me@slurm"])),
    (["node2", "slurm"], ({"slurm"}, ["node2"])),
    (["pbs"], (set(), ["pbs"])),
])
def test_slurm_is_no_host_unless_a_user_is_named(project, words, expected):
    assert systems_in(project, words) == expected


def test_recruiter_counts_no_worker_of_a_batch_system(recruiter, project):
    for session in ("slurm 1_1", "none", "stay default.vm.1"):
        enrol(project, "workers", myself(), session)
    sessions = [recruiter.member(w).session for w in recruiter.staying()]
    assert sessions == ["none"]


# Other systems

def test_fire_slurm_leaves_other_systems_alone(
    slurm, hire, recruiter, project,
):
    hire(2, scheduler="pbs", **TEMPLATES)
    assert systems_in(project, ["slurm"]) == ({"slurm"}, [])
    assert systems_in(project, ["pbs", "x"]) == ({"pbs"}, ["x"])
    fire(recruiter, NOW, {"slurm"})
    assert os.path.getsize("waiting")
    assert allocations.names(project) == ["my-cluster.1"]


def test_fire_that_fails_says_once_which_record_is_in_the_way(
    hire, recruiter, project, capsys,
):
    hire(1, scheduler="pbs", **{
        **TEMPLATES, "pending": "nosuch {id}", "cancel": "nosuch {id}"})
    path = project.path("allocations", "my-cluster.1")
    with pytest.raises(NotHired):
        fire(recruiter)
    told = capsys.readouterr().err
    assert told.count("pbs: pending: ") == 1
    assert f"if no job of it is left: rm {quote(path)}\n" in told
    os.remove(path)
    fire(recruiter)
    hire(1, scheduler="pbs", **TEMPLATES)
    assert allocations.names(project) == ["my-cluster.2"]


@pytest.mark.parametrize("is_left", [True, False])
def test_what_began_while_it_was_cancelled_is_not_counted(
    slurm, hire, recruiter, come, project, monkeypatch, is_left,
):
    """The second one has come, and perhaps has left already."""
    hire(2)
    cancel = scheduler.Slurm.cancel_pending

    def late(system, records):
        if records:
            come("1_2")
            slurm.set("R" if is_left else "", "1_2")
            cancel(system, records)

    monkeypatch.setattr(scheduler.Slurm, "cancel_pending", late)
    said = []
    allocations.cancel_waiting(project, said.append)
    assert said == ["slurm: cancelled 1 pending worker."]


def test_templates_are_run_by_sh_with_what_is_known(hire, project, come):
    said = hire(2, scheduler="pbs", **TEMPLATES)
    assert said == [
        'pbs: submitted 2 workers in project "default" as job 7.']
    with open("script") as file:
        assert file.read().startswith("#!")
    assert "has 2 workers" in hire(2, scheduler="pbs", **TEMPLATES)[0]
    assert allocations.waiting(project) == [Waiting("pbs", 2)]


def test_worker_between_waiting_and_coming_counts(
    hire, project, come, monkeypatch,
):
    how = {"scheduler": "pbs", **TEMPLATES}
    hire(2, **how)
    with open("waiting", "w"):
        pass
    assert "has 2 workers" in hire(2, **how)[0]
    come("x")
    assert hire(2, **how) == ['pbs: has 2 workers in project "default", 0 of'
                              " them pending."]
    monkeypatch.setattr("fjd.hosts.counting.STARTING", -1.0)
    assert "submitted 1 worker " in hire(2, **how)[0]


def test_surplus_is_cancelled_only_if_all_of_a_submission_waits(
    hire, come, project,
):
    how = {"scheduler": "pbs", **TEMPLATES}
    hire(2, **how)
    assert "about to start" in hire(1, **how)[0]
    assert hire(0, **how) == ["pbs: cancelled 2 pending workers."]


def test_fire_cancels_by_the_template(hire, recruiter, project):
    hire(2, scheduler="pbs", **TEMPLATES)
    assert fire(recruiter)[0] == "pbs: cancelled 2 pending workers."
    assert os.path.getsize("waiting") == 0
    assert left_of(project) == []


def test_fire_cancels_what_waits_beside_living_workers_when_they_have_left(
    hire, recruiter, project, come,
):
    hire(3, scheduler="pbs", **TEMPLATES)
    worker = come("x")
    with open("waiting", "w") as file:
        file.write("1\n2\n")
    recruiter.wait = lambda seconds: project.remove_pod(worker)
    said = fire(recruiter)
    assert said[-1] == 'Host node7: [fjd-recruiter] Fired 1 worker in' \
        ' project "default".'
    assert os.path.getsize("waiting") == 0


@pytest.mark.parametrize("submit, why", [
    ("true {script}", "submit: it printed no id"),
    ("echo -rf #{script}", "submit: it printed no id"),
    ("echo no licence >&2; false {script}", "submit: no licence"),
])
def test_template_that_fails_is_told(hire, project, submit, why):
    with pytest.raises(NotHired, match=why):
        hire(1, scheduler="pbs", **{**TEMPLATES, "submit": submit})
    assert left_of(project) == []


def test_only_known_braces_are_filled_and_quoted():
    assert scheduler.filled(
        "a ${x} {id} {other} {} {n}", id="1[].it's", n="2"
    ) == "a ${x} '1[].it'\"'\"'s' {other} {} 2"


# The script

@pytest.mark.parametrize("end, expected", [
    ("1827395355", ["--until", "1827395355"]),
    ("NONE", []), ("N/A", []), ("", []), ("2027-11-27T10:49:15", []),
])
def test_script_begins_the_worker_with_all_that_it_needs(
    slurm, hire, project, home, end, expected,
):
    with open(project.path("setup.sh"), "w") as file:
        file.write("export SETUP='a  b' TZ=Asia/Tokyo; cd /; set -u\n"
                   "end=5 task=5 python=no limit=no threads=5\n")
    python = home / "my python"
    program(python, 'case $1 in -c) exit 0; esac; printf "%s\\n" "$@" "$PWD"'
            ' "$SETUP" "$FJD_SESSION_NAME" "$FJD_ALLOCATION" "$FJD_DIR"'
            ' "$OMP_NUM_THREADS" "$name"')
    hire(1, cpus=3, idle=7, python=str(python))
    program(slurm.place / "squeue",
            f'[ "$5$SLURM_TIME_FORMAT" = 5_2%s ] && echo "{end}"')
    script = project.path("allocations", "my-cluster.1.sh")
    out = subprocess.check_output([script], encoding="utf-8", env={
        "PATH": os.environ["PATH"], "SLURM_JOB_ID": "9",
        "SLURM_ARRAY_JOB_ID": "5", "SLURM_ARRAY_TASK_ID": "2",
        "FJD_DIR": "/of/others", "OMP_NUM_THREADS": "99",
        "name": "the user's"})
    worker, *lines = out.splitlines()
    assert worker.endswith("/fjd-worker")
    assert lines == [
        "--x", "a b", "--idle", "7", *expected, str(home), "a  b",
        "slurm 5_2", "my-cluster.1", os.path.dirname(project.root), "3",
        "the user's"]


def test_setup_that_fails_ends_the_script_with_the_reason(
    slurm, hire, project,
):
    with open(project.path("setup.sh"), "w") as file:
        file.write("echo oh dear >&2\nfalse\n")
    hire(1)
    result = subprocess.run(
        [project.path("allocations", "my-cluster.1.sh")],
        stderr=subprocess.PIPE, encoding="utf-8",
        env={"PATH": os.environ["PATH"], "SLURM_JOB_END_TIME": "9"})
    assert (result.returncode, result.stderr) == (
        1, "oh dear\nsetup.sh: exit 1\n")


def test_script_needs_no_slurm_for_others(hire, project, home):
    python = home / "python"
    program(python, 'case $1 in -c) exit 0; esac; echo "$@"'
            ' "$FJD_SESSION_NAME"')
    hire(1, scheduler="pbs", python=str(python), **TEMPLATES)
    out = subprocess.check_output(
        ["sh", "script"], encoding="utf-8",
        env={"PATH": os.path.dirname(sys.executable) + ":/usr/bin:/bin"})
    assert out.endswith(" --x a b --idle 60 pbs my-cluster.1\n")
    assert enlistment.FAILURES == 3
