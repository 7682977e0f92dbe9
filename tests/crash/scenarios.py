"""Scenarios that come to all steps of all roles.

Each starts the one command that is tested, and does to the files what others
would do: functions of a Stage.  A step that a kill is to be tried at should
come in the first of its role's scenarios that has it as surely as the code
does.
"""
import os
import signal
import subprocess
import time

from helpers import command, wait_until
from stage import Killed, OFTEN, TELLING

from fjd.hosts import allocations
from fjd.members import myself
from fjd.names import Announcement, Attempt, new_id, Running
from fjd.project import ORDER
from fjd.reclaim import new_reclaimer

HOLD = "while test -e hold; do sleep 0.02; done"
FLAKY = """[control]
retries: 1
executable: echo "$FJD_ATTEMPT" >> runs; test -e x || { touch x; exit 1; } #
"""
LONG = """[control]
executable: echo "$FJD_ATTEMPT" >> runs #
timeout: 1h
"""


# What others have left

def the_dead(stage):
    """All that dead workers may leave, and a dispatcher."""
    one, two, three = stage.puppet(), stage.puppet(), stage.puppet()
    stage.put("job1")
    stage.put("job2")
    stage.give(one)
    stage.begin(one)
    stage.project.files.create(stage.project.given_job(one, ".job2.swp"))
    for worker, text in ((one, "hello\n"), (two, ""), (three, "")):
        draft = stage.project.draft_log(worker, 1)
        stage.project.files.create(draft, text)
    stage.order(one, "drain")
    stage.project.announce(Announcement(one, 1, 1))
    record = stage.project.record("workers", one)[1]
    dispatcher = new_id("lab", time.time(), 1)
    stage.project.enrol("dispatchers", dispatcher, record)
    lost_often(stage, two)
    stage.kill_puppets()


def lost_often(stage, worker):
    """A job that has lost two workers, and now runs in a third."""
    stage.put("job3", place="failed")
    attempt = Attempt("job3", 3, stage.stamps.new())
    stage.project.assign("job3", worker, attempt)
    stage.begin(worker)


def removed_while_given_up(stage):
    """A plan: somebody removes a job that is being given up."""
    lost_often(stage, stage.puppet())
    stage.kill_puppets()
    stage.expected["job3"] = ["failed", ""]
    running = stage.project.path("running", "*")
    return {"remove": ["fail fail move", running]}


# Scenarios of a worker

def works(stage):
    """What prints, fails, cannot be run, and is tried again; it leaves."""
    stage.put("job1", "echo hello")
    stage.put("job2", "exit 1", "failed")
    stage.put("job3", "", "failed", text="nonsense")
    stage.put("job4", text=FLAKY)
    stage.put("job5")
    stage.test("fjd-worker", *OFTEN)
    worker = stage.worker()
    stage.give(worker)
    stage.order(worker, "drain")
    stage.wait_for_end()


def rests(stage):
    """After a job it has nothing to do."""
    stage.put("job1")
    stage.test("fjd-worker", *OFTEN)
    worker = stage.worker()
    stage.give(worker)
    stage.wait(lambda: stage.is_beyond(" sync sync"))
    stage.order(worker, "now")
    stage.wait_for_end()


def is_hired(stage):
    """What it says on stderr has a file, until it has come up."""
    hire(stage)
    stage.test("fjd-worker", *OFTEN)
    stage.order(stage.worker(), "now")
    stage.wait_for_end()


def hire(stage):
    """Start the next worker as a recruiter does."""
    stage.project.claim_session("default.lab.1")
    stage.environ["FJD_SESSION_NAME"] = "process default.lab.1"


def holds_jobs(stage, **plan):
    """A worker that runs a job, and has another one in its pod."""
    stage.put("job1", f"echo hello; {HOLD}")
    stage.test("fjd-worker", *OFTEN, **plan)
    worker = stage.worker()
    stage.give(worker)
    stage.wait(lambda: stage.has_printed(worker))
    stage.put("job2")
    stage.give(worker)
    return worker


def is_fired(stage):
    stage.order(holds_jobs(stage), "now")
    stage.wait_for_end()


def is_signalled(stage):
    holds_jobs(stage)
    stage.tested.terminate()
    stage.wait_for_end()


def is_fired_and_the_disk_is_full(stage):
    worker = holds_jobs(stage, full="give_back write append")
    stage.order(worker, "now")
    stage.wait_for_end()


def finds_its_log_in_use(stage):
    """By what a job has left behind; the next one runs, or cannot."""
    stage.test("fjd-worker", *OFTEN)
    worker = stage.worker()
    for job, text in ("job2", ""), ("job4", "nonsense"):
        stage.put(f"before-{job}", f"({HOLD}) &")
        stage.put(job, text=text, place="failed" if text else "done")
        stage.give(worker)
        stage.wait(lambda: not stage.project.running()
                   and not stage.project.given(worker))
    stage.release()
    stage.order(worker, "now")
    stage.wait_for_end()


def is_robbed_of_its_job(stage):
    """Its user removes the file of the job that runs."""
    stage.put("job0")
    holds_jobs(stage, beat=0.05)
    stage.expected["job1"] = ["done", ""]
    stage.wait(lambda: stage.is_beyond(" sync sync"))
    os.unlink(stage.project.job_file(stage.project.running()[0]))
    stage.wait(lambda: stage.is_beyond("drop keep move"))
    stage.order(stage.worker(), "now")
    stage.wait_for_end()


def is_buried(stage):
    """It finds out by a heartbeat, while its job runs."""
    bury(stage, holds_jobs(stage, beat=0.05))


def is_buried_and_its_job_ends(stage):
    """It finds out when it commits the end of its job."""
    hire(stage)
    bury(stage, holds_jobs(stage, deaf=True), stage.release)


def bury(stage, worker, then=lambda: None):
    """Take a worker for dead that is not; it starts anew."""
    new_reclaimer(stage.project, lambda text: None, 3).bury([worker])
    then()
    stage.wait(lambda: worker not in stage.project.pods() != [])
    stage.order(stage.worker(), "now")
    stage.wait_for_end()


def is_given_half_a_job(stage):
    stage.test("fjd-worker", *OFTEN)
    worker = stage.worker()
    stage.put_half("job1", "failed")
    stage.give(worker)
    stage.wait(lambda: stage.still_writes() or stage.project.waiting())
    stage.order(worker, "now")
    stage.wait_for_end()


def misses_a_directory_and_finds_a_draft(stage):
    """Users remove and leave what they like."""
    stage.put("job1")
    stage.test("fjd-worker", *OFTEN)
    worker = stage.worker()
    os.rmdir(stage.project.path("done"))
    stage.project.files.create(stage.project.given_job(worker, ".job1.swp"))
    stage.give(worker)
    stage.order(worker, "drain")
    stage.wait_for_end()


def buries_its_neighbours(stage):
    the_dead(stage)
    stage.test("fjd-worker", *OFTEN)
    leaves_when_it_is_alone(stage)


def leaves_when_it_is_alone(stage):
    worker = stage.worker()
    stage.wait(lambda: stage.project.pods() == [worker])
    stage.order(worker, "now")
    stage.wait_for_end()


def leaves_as_the_run_that_hired_it_has_died(stage):
    stage.put("job1")
    stage.environ["FJD_OF_RUN"] = "0.1"
    stage.test("fjd-worker", *OFTEN)
    del stage.environ["FJD_OF_RUN"]
    stage.wait_for_end()


def leaves_as_there_is_no_job(stage):
    """It came of an allocation of a batch system."""
    stage.put("job1")
    stage.project.files.make_directory(stage.project.path("allocations"))
    stage.project.files.create(
        stage.project.path("allocations", "slurm.1"), "id: 1\n")
    stage.environ.update(
        FJD_SESSION_NAME="slurm 1", FJD_ALLOCATION="slurm.1")
    stage.test("fjd-worker", *OFTEN, "--idle", "0.3")
    del stage.environ["FJD_SESSION_NAME"], stage.environ["FJD_ALLOCATION"]
    stage.wait_for_end()


def gives_back_what_does_not_fit_into_its_time(stage):
    """And what is behind that."""
    stage.put("job1", text=LONG)
    stage.put("job2")
    stage.test("fjd-worker", *OFTEN, "--until", "30m")
    stage.give(stage.worker())
    stage.wait_for_end()


def gives_up_a_neighbours_job_that_is_removed(stage):
    plan = removed_while_given_up(stage)
    stage.test("fjd-worker", *OFTEN, **plan)
    leaves_when_it_is_alone(stage)


# Scenarios of a worker that has a range of an array

FLAKY_TASK = "test -e again || { touch again; exit 1; }"


def runs_an_array(stage):
    """Its tasks print, fail, are tried again, and cannot be run."""
    stage.put("job1")
    stage.put_array("a", "echo hello", "exit 1", FLAKY_TASK, "'",
                    "echo error >&2", retries="1")
    stage.expect("a", "done", "failed", "done", "failed", "done")
    stage.test("fjd-worker", *OFTEN)
    worker = stage.worker()
    stage.give(worker)
    stage.wait(lambda: stage.project.names("failed") and stage.ended())
    stage.order(worker, "drain")
    stage.wait_for_end()


def runs_an_array_from_a_file_server(stage):
    """Its lines are written together, some while the next task runs."""
    stage.put("job1")
    stage.put_array("a", "true", "sleep 0.4", "true", "exit 1", "true")
    stage.expect("a", "done", "done", "done", "failed", "done")
    stage.test("fjd-worker", *OFTEN, local=False)
    worker = stage.worker()
    stage.give(worker)
    stage.wait(lambda: stage.project.names("failed") and stage.ended())
    stage.order(worker, "now")
    stage.wait_for_end()


def holds_a_range(stage, **plan):
    """A worker that runs the second task of a range."""
    stage.put("job1")
    stage.put_array(
        "a", "echo hello", "echo two; while test -e hold; do sleep 0.02; done",
        "true")
    stage.test("fjd-worker", *OFTEN, **plan)
    worker = stage.worker()
    stage.give(worker)
    stage.wait(lambda: any(":2~" in name for name in stage.runs()))
    return worker


def gives_back_a_range(stage):
    stage.order(holds_a_range(stage), "now")
    stage.wait_for_end()


def drains_in_the_middle_of_a_range(stage):
    worker = holds_a_range(stage)
    stage.order(worker, "drain")
    stage.release()
    stage.wait_for_end()


def gives_back_a_range_that_does_not_fit_into_its_time(stage):
    stage.put("job1")
    stage.put_array("a", "true", "true", timeout="1h")
    stage.test("fjd-worker", *OFTEN, "--until", "30m")
    stage.give(stage.worker())
    stage.wait_for_end()


def is_signalled_in_a_range(stage):
    """Before the line of its first task is written."""
    holds_a_range(stage, local=False)
    stage.tested.terminate()
    stage.wait_for_end()


def has_a_task_cancelled(stage):
    worker = holds_a_range(stage, beat=0.05)
    stage.expect("a", "done", "done cleaned", "done")
    stage.project.files.create(stage.project.path("cancelled", "a=2"))
    stage.wait(lambda: not stage.project.running())
    stage.order(worker, "now")
    stage.wait_for_end()


def is_robbed_of_its_range(stage):
    """Another has declared it dead, and cut its range."""
    bury(stage, holds_a_range(stage, beat=0.05))


def buries_a_neighbour_with_a_range(stage):
    the_dead_with_a_range(stage)
    stage.test("fjd-worker", *OFTEN)
    leaves_when_it_is_alone(stage)


def the_dead_with_a_range(stage):
    worker = stage.puppet()
    stage.put_array("a", "true", "true", "true")
    stage.give(worker)
    stage.begin_range(worker)
    draft = stage.project.draft_log(worker, 1, ".out")
    stage.project.files.create(draft, "hello\n")
    stage.kill_puppets()


# Scenarios of a dispatcher

def pairs(stage):
    """A worker gets jobs, and leaves; a job with a bad name fails."""
    for job in ("job1", "-job2", "job3"):
        stage.put(job)
    del stage.expected["-job2"]
    stage.expected["_job2"] = ["failed"]
    stage.start("fjd-worker", *OFTEN)
    wait_until(stage.project.announcements)
    stage.test("fjd-dispatcher", *OFTEN)
    stage.wait_for_end()


def rebalances(stage):
    """An idle worker gets what waits behind the job of a busy one."""
    busy, idle = stage.puppet(), stage.puppet()
    stage.put("job1")
    stage.put("job2")
    stage.give(busy)
    stage.begin(busy)
    stage.project.announce(Announcement(idle, 1, 1))
    stage.test("fjd-dispatcher", *OFTEN)
    stage.wait(lambda: stage.is_beyond("rebalance reassign move"))


def is_given_a_job_back(stage):
    worker = stage.puppet()
    stage.put("job1")
    stage.project.announce(Announcement(worker, 1, 1))
    stage.test("fjd-dispatcher", *OFTEN)
    stage.wait(lambda: stage.project.given(worker))
    run = Running(stage.project.given(worker)[0], worker)
    stage.project.begin(run)
    stage.project.requeue(run, run.attempt)
    stage.wait(lambda: stage.is_beyond("is_unfinished is_young touch"))


def is_taken_for_dead(stage):
    """It finds out by a heartbeat, and enrols anew."""
    stage.put("job1")
    stage.test("fjd-dispatcher", *OFTEN, beat=0.05)
    stage.wait(lambda: stage.is_beyond("change_role strike remove"))
    before = stage.project.names("dispatchers")
    stage.project.strike("dispatchers", before[0])

    def is_back():
        """Also with the text of its record."""
        names = stage.project.names("dispatchers")
        return names not in ([], before) and all(
            stage.project.record("dispatchers", name)[1] for name in names)

    stage.wait(is_back)


def misses_a_directory(stage):
    stage.test("fjd-dispatcher", "--keep-running", *OFTEN)
    stage.wait(lambda: stage.is_beyond("change_role strike remove"))
    os.rmdir(stage.project.path("jobqueue"))
    stage.wait(lambda: stage.is_beyond(
        "turn make_directories make_directory"))


def counts(stage):
    """It writes down twice how many jobs there are, and is stopped."""
    stage.test("fjd-dispatcher", "--keep-running", *OFTEN, beat=0.05)
    stage.wait(lambda: stage.is_beyond("write_down leave_note remove"))
    stage.tested.send_signal(signal.SIGINT)
    stage.wait_for_end()


def buries(stage):
    the_dead(stage)
    stage.test("fjd-dispatcher", *OFTEN, beat=0.05)
    stage.wait(lambda: stage.is_beyond("beat_if_due sync sync"))


def buries_the_dead_with_a_range(stage):
    the_dead_with_a_range(stage)
    stage.put("job1")
    stage.test("fjd-dispatcher", *OFTEN)
    stage.wait(lambda: stage.is_beyond("cut requeue move"))


def makes_passes(stage):
    """One that finds what another has left, and one that leaves more."""
    stage.put("job1")
    stage.puppet()
    stage.start("fjd-dispatcher", "--once").wait()
    stage.test("fjd-dispatcher", "--once")
    stage.wait_for_end()


def gives_up_a_job_that_is_removed(stage):
    stage.test("fjd-dispatcher", *OFTEN, **removed_while_given_up(stage))
    stage.wait_for_end()


# Scenarios of a recruiter

def hires(stage):
    stage.put("job1")
    stage.test("fjd-recruiter", "--session", "process", "hire", "1")
    stage.wait_for_end()


def hires_elsewhere(stage):
    """As on a host that shares the home: ssh is a program that does it here.
    """
    stage.put("job1")
    stage.fake("ssh", 'exec /bin/sh')
    stage.test("fjd-recruiter", "--session", "process", "hire", "lab2:1")
    stage.wait_for_end()


def hires_fewer(stage):
    stage.put("job1")
    stage.puppet()
    stage.puppet()
    stage.test("fjd-recruiter", "--session", "process", "hire", "1")
    stage.wait_for_end()


def hires_and_stays(stage):
    """Until it is signalled, and its worker has left."""
    stage.put("job1")
    stage.test("fjd-recruiter", "hire", "--stay", "1")
    stage.wait(stage.project.announcements)
    stage.tested.terminate()
    stage.wait_for_end()


def hires_from_slurm(stage):
    """One is there, and recruiters on other hosts have died; two more are
    another array.
    """
    stage.put("job1")
    stage.have_slurm()
    hire_from_slurm(stage, 1)
    project, elsewhere = stage.project, myself()._replace(boot="another")
    for _ in range(2):
        name = allocations.claim(
            project, "slurm", allocations.names(project), elsewhere, 1,
            scheduler="slurm", section="slurm")
        os.utime(project.path("allocations", name), (1, 1))
    stage.test("fjd-recruiter", "hire", f"slurm:{MOST_WORKERS}")
    stage.wait_for_end()


def hires_from_slurm_where_no_links_are(stage):
    stage.have_slurm()
    stage.test("fjd-recruiter", "hire", f"slurm:{MOST_WORKERS}", links=False)
    stage.wait_for_end()


def hires_fewer_from_slurm(stage):
    stage.put("job1")
    stage.have_slurm()
    hire_from_slurm(stage, MOST_WORKERS + 2)
    stage.test("fjd-recruiter", "hire", f"slurm:{MOST_WORKERS}")
    stage.wait_for_end()


def fires_workers_of_slurm(stage):
    stage.put("job1")
    stage.have_slurm()
    hire_from_slurm(stage, MOST_WORKERS)
    stage.test("fjd-recruiter", "fire")
    stage.wait_for_end()


def hire_from_slurm(stage, number):
    words = "fjd-recruiter", "hire", f"slurm:{number}"
    assert stage.start(*words).wait() == 0


def fires(stage):
    stage.project.claim_session("default.lab.1")
    stage.put("job1", HOLD)
    stage.start("fjd-worker", *OFTEN)
    wait_until(stage.project.announcements)
    worker = stage.project.pods()[0]
    stage.give(worker)
    wait_until(stage.runs)
    stage.put("job2")
    stage.give(worker)
    stage.test("fjd-recruiter", "fire")
    stage.wait_for_end()


def fires_the_dead(stage):
    the_dead(stage)
    stage.test("fjd-recruiter", "fire")
    stage.wait_for_end()


def fires_the_dead_with_a_range(stage):
    the_dead_with_a_range(stage)
    stage.put("job1")
    stage.test("fjd-recruiter", "fire")
    stage.wait_for_end()


def fires_whose_job_is_removed(stage):
    stage.test("fjd-recruiter", "fire", **removed_while_given_up(stage))
    stage.wait_for_end()


# Scenarios of fjd

def audits(stage):
    stage.put("job1")
    stage.test("fjd", "audit")
    stage.wait_for_end()


RUN = "fjd", "run", "--project", "default", "-j", "1"


def runs_a_list(stage):
    """One of its tasks has failed, and is tried again; one is new."""
    stage.commands = [f"{TELLING}test -e good", f"{TELLING}echo hello"]
    stage.start(*RUN, ":::", stage.commands[0]).wait()
    resume(stage)
    with open(stage.path("good"), "w"):
        stage.test(*stage.again[0])
    stage.wait_for_end()


def resume(stage):
    """Somebody will type that in the end."""
    stage.again = [(*RUN, "--resume", ":::", *stage.commands)]


def runs_a_list_that_comes_bit_by_bit(stage):
    stage.put("job1")
    stage.commands = [f"{TELLING}echo {word}" for word in ("one", "two")]
    resume(stage)
    stage.test(*RUN, stdin=subprocess.PIPE)
    try:
        for number, line in enumerate(stage.commands, 1):
            stage.tested.stdin.write(f"{line}\n".encode())
            stage.tested.stdin.flush()
            stage.wait(lambda: len(stage.ends()) == number)
        stage.tested.stdin.close()
    except BrokenPipeError:
        raise Killed
    stage.wait_for_end()


def goes_on_with_tasks_that_have_no_file(stage):
    stage.put_array("list-1", "true", "echo hello", "true", chunk=1,
                    missing=(2, 3))
    stage.tasks = {}
    stage.commands = [f"{TELLING}{text}"
                      for text in ("true", "echo hello", "true")]
    resume(stage)
    stage.test(*stage.again[0])
    stage.wait_for_end()


def halts_before_a_job_begins(stage):
    """It lies in the pod of a worker that does nothing."""
    stage.commands = [f"{TELLING}test -e good", f"{TELLING}test -e good #"]
    resume(stage)
    puppet = stage.puppet()
    stage.project.announce(Announcement(puppet, 1, 1))
    stage.test(*RUN[:-1], "2", "--halt", "soon,fail=1", ":::",
               *stage.commands)
    try:
        stage.wait(lambda: stage.is_beyond(" give_back_unbegun move"))
        stage.kill_puppets()
        stage.wait_for_end()
    finally:
        open(stage.path("good"), "w").close()


def runs_a_list_in_a_project_of_its_own(stage):
    stage.put("job1")
    stage.test("fjd", "run", "true", ":::", "a")
    stage.wait_for_end()


def goes_on_with_a_list_that_has_grown(stage):
    stage.put("job1")
    stage.start("fjd", "run", "true", ":::", "a").wait()
    stage.test("fjd", "run", "--resume", "true", ":::", "a", "b")
    stage.wait_for_end()


def finds_no_room_for_a_list(stage):
    stage.put("job1")
    stage.test("fjd", "run", "true", ":::", "a", full="begin move move")
    stage.wait_for_end()


def removes_finished_runs(stage):
    """One lies elsewhere."""
    stage.put("job1")
    stage.start("fjd", "run", "true", ":::", "a").wait()
    run, = [n for n in os.listdir(stage.place) if n.startswith("run-")]
    os.rename(stage.path(run), stage.path("elsewhere"))
    os.symlink(stage.path("elsewhere"), stage.path(run))
    stage.test("fjd", "runs", "--clean")
    stage.wait_for_end()


def asks(stage):
    """About everything, while nothing goes on."""
    stage.put("job1")
    stage.test("fjd", "status")
    stage.wait_for_end()


def puts(stage):
    stage.put("job1")
    waits = stage.project.waiting_job("job1")
    os.rename(waits, stage.path("job1"))
    stage.expected["job1"].append("")
    stage.test("fjd", "put", "job1")
    stage.wait_for_end()


def puts_an_array(stage):
    stage.put("job1")
    put(stage, "--array", "1-3", "--chunk", "2", f"{TELLING}true {{}}")
    stage.expect("a", "done", "done", "done")
    stage.test(*stage.again[-1])
    stage.wait_for_end()


def put(stage, *words):
    """Somebody will put the array a in the end, too."""
    stage.again.append(("fjd", "put", "--name", "a", *words))


def puts_what_is_missing_of_a_list(stage):
    stage.put("job1")
    put_list(stage)
    stage.start(*stage.again[-1]).wait()
    for name in stage.project.waiting():
        if name.startswith("a=2."):
            os.unlink(stage.project.waiting_job(name))
    stage.test(*stage.again[-1])
    stage.wait_for_end()


def put_list(stage):
    with open(stage.path("words"), "w") as file:
        file.write("one\ntwo\nthree\n")
    put(stage, "--list", "words", f"{TELLING}echo {{}}")
    stage.expect("a", "done", "done", "done")


def puts_a_list_where_files_have_one_name(stage):
    """Killed in between, it leaves a list that is empty."""
    stage.put("job1")
    stage.again = [("fjd", "clean", "--done", "--failed")]
    put_list(stage)
    stage.test(*stage.again[-1], links=False)
    stage.wait_for_end()


def holds(stage):
    """What waits, and what lies in a pod; stage.recover() releases it."""
    stage.put("job1")
    stage.put_array("a", "true", "true")
    stage.give(stage.puppet())
    stage.put("job2")
    stage.put_array("b", "true", "true")
    stage.test("fjd", "hold", "job1", "job2", "a", "b")
    stage.wait_for_end()


def releases(stage):
    stage.put("job1")
    held = Attempt("job1", 1, stage.stamps.new()).name
    waits = stage.project.waiting_job("job1")
    stage.project.commit(waits, stage.project.path("held", held))
    stage.put_array("a", "true", "true")
    stage.start("fjd", "hold", "a").wait()
    stage.test("fjd", "release", "--all")
    stage.wait_for_end()


def cancels(stage):
    """What waits, a directory among them, and what runs."""
    stage.put("job1")
    worker = stage.puppet()
    stage.give(worker)
    stage.begin(worker)
    stage.put("job2")
    os.mkdir(stage.project.waiting_job("job3"))
    stage.expected.update(
        job1=["done", ""], job2=["done", ""], job3=["failed", ""])
    stage.test("fjd", "cancel", "job1", "job2", "job3")
    stage.wait_for_end()


def cancels_arrays(stage):
    """One that runs, one that waits, and tasks of others."""
    for array in "a", "b":
        stage.put_array(array, "true", "true", "true")
        worker = stage.puppet()
        stage.give(worker)
        stage.begin_range(worker)
    stage.put("job1")
    for array in "c", "d":
        stage.put_array(array, "true", "true")
    stage.expect("a", "done", "done cancelled", "done cancelled")
    stage.expect("b", "done", "done cleaned", "done")
    stage.expect("c", "done cancelled", "done cancelled")
    stage.expect("d", "done", "done cleaned")
    stage.test("fjd", "cancel", "a", "b:2", "c", "d:2")
    stage.wait_for_end()


def run_all(stage):
    """With a worker and a dispatcher that nobody tests."""
    worker = stage.start("fjd-worker", *OFTEN)
    wait_until(lambda: stage.workers_of(worker))
    stage.start("fjd-dispatcher", *OFTEN).wait()
    worker.wait()


def retries(stage):
    stage.put("job1", "test -e again || { touch again; exit 1; }")
    run_all(stage)
    stage.expected["job1"].append("failed")
    stage.test("fjd", "retry", "--failed")
    stage.wait_for_end()


def some_have_failed(stage):
    """And some were cancelled, before these failed."""
    stage.put("job1")
    stage.put_array("a", "true", FLAKY_TASK, "true")
    stage.put_array("b", "true", "true", "true")
    stage.start("fjd", "cancel", "a:3", "b:2").wait()
    stage.start("fjd", "cancel", "b").wait()
    run_all(stage)


def retries_arrays(stage):
    some_have_failed(stage)
    stage.expect("a", "done", "done failed", "cleaned")
    stage.expect("b", *["done cancelled"] * 3)
    stage.test("fjd", "retry", "a", "b")
    stage.wait_for_end()


def retries_what_another_does(stage):
    """The other is faster."""
    some_have_failed(stage)
    stage.expect("a", "done", "done failed", "cleaned")
    stage.expect("b", *["done cancelled"] * 3)
    others = command("fjd", "retry", "a", "b")
    stage.test("fjd", "retry", "a", "b",
               others=["write_numbers shift move", others])
    stage.wait_for_end()


def cleans_arrays(stage):
    """With what commands that were killed have left."""
    stage.put("job1")
    stage.expected.update(job1=["done", ""])
    stage.put_array("a", "echo hello", "exit 1")
    stage.put_array("b", "true")
    run_all(stage)
    for array in "a", "gone":
        for path in f"arrays/{array}+{stage.stamps.new()}", \
                f"cancelled/{array}=1":
            stage.project.files.create(stage.project.path(path))
    draft = stage.project.path("arrays", ".a.draft")
    stage.project.files.create(draft)
    os.utime(draft, (1, 1))
    stage.expect("a", "done -", "failed -")
    stage.expect("b", "done -")
    stage.removes = "fjd", "clean", "--done", "--failed"
    stage.test(*stage.removes)
    stage.wait_for_end()


def cleans(stage):
    """What was done, a directory that failed, and a log that is left."""
    stage.put("job1", "echo hello")
    os.mkdir(stage.project.waiting_job("job2"))
    run_all(stage)
    stage.expected.update(job1=["done", ""], job2=["failed", ""])
    old = Attempt("old", 1, stage.stamps.new())
    stage.project.write_log(old, "it was cancelled")
    stage.test("fjd", "clean", "--done", "--failed")
    stage.wait_for_end()


def reorders(stage):
    stage.put("job1")
    stage.test("fjd", "reorder", "--by", "cat")
    stage.wait_for_end()


def goes_back_to_the_natural_order(stage):
    stage.put("job1")
    stage.project.replace(ORDER, "job1\n", stage.stamps.new())
    stage.test("fjd", "reorder", "--reset")
    stage.wait_for_end()


MOST_WORKERS = 3  # of Slurm, in the end
SCENARIOS = {
    "worker": [
        works, rests, is_hired, is_fired, is_signalled,
        is_fired_and_the_disk_is_full, finds_its_log_in_use,
        is_robbed_of_its_job, is_buried, is_buried_and_its_job_ends,
        is_given_half_a_job, misses_a_directory_and_finds_a_draft,
        buries_its_neighbours,
        gives_up_a_neighbours_job_that_is_removed,
        leaves_as_the_run_that_hired_it_has_died,
        leaves_as_there_is_no_job, gives_back_what_does_not_fit_into_its_time,
        runs_an_array, runs_an_array_from_a_file_server, gives_back_a_range,
        drains_in_the_middle_of_a_range,
        gives_back_a_range_that_does_not_fit_into_its_time,
        is_signalled_in_a_range,
        has_a_task_cancelled, is_robbed_of_its_range,
        buries_a_neighbour_with_a_range,
    ],
    "dispatcher": [
        buries, buries_the_dead_with_a_range, pairs, rebalances,
        is_given_a_job_back, is_taken_for_dead, misses_a_directory,
        gives_up_a_job_that_is_removed, makes_passes, counts,
    ],
    "recruiter": [
        fires_the_dead, fires_the_dead_with_a_range, fires,
        fires_whose_job_is_removed, hires_fewer, hires, hires_elsewhere,
        hires_and_stays, hires_from_slurm,
        hires_from_slurm_where_no_links_are, hires_fewer_from_slurm,
        fires_workers_of_slurm,
    ],
    "fjd": [
        audits, runs_a_list, runs_a_list_that_comes_bit_by_bit,
        goes_on_with_tasks_that_have_no_file,
        runs_a_list_in_a_project_of_its_own,
        goes_on_with_a_list_that_has_grown, finds_no_room_for_a_list,
        halts_before_a_job_begins, removes_finished_runs, asks,
        puts, puts_an_array, puts_what_is_missing_of_a_list,
        puts_a_list_where_files_have_one_name, holds, releases, cancels,
        cancels_arrays, retries, retries_arrays, retries_what_another_does,
        cleans, cleans_arrays, reorders, goes_back_to_the_natural_order,
    ],
}
