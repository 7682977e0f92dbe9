"""fjd log and fjd why: what a job printed, and what became of it."""
import os
import subprocess

import pytest

from helpers import command, finish, fjd, ledger, LONG, ok, start

from fjd.errors import FjdError
from fjd.verbs.find import find
from fjd.ledger import Entry, FAILED, Ledger, LOST, RETRIED
from fjd.members import enrol, myself
from fjd.names import Attempt, Running
from fjd.verbs import log
from fjd.verbs.log import show_log
from fjd.verbs.why import named, why

STAMP = "0123456789abcdef0-"


class Actor:
    """A job that goes through the places, by what its worker does."""

    def __init__(self, project):
        self.project = project
        self.worker = enrol(project, "workers", myself())
        project.make_pod(self.worker)
        self.ledger = Ledger(project, self.worker)
        self.written, self.said, self.plan = [], [], []

    def begin(self, n=1, text=b""):
        self.run = Running(Attempt("job1", n, f"{STAMP}{n}").name, self.worker)
        self.project.files.create(self.project.job_file(self.run))
        self.project.files.create(
            self.project.draft_log(self.worker, n), text)
        self.draft = self.project.draft_log(self.worker, n)

    def print(self, text):
        with open(self.draft, "ab") as file:
            file.write(text)

    def end(self, place, how="exit 0"):
        self.ledger.write(Entry(
            place, "job1", self.run.attempt, "lab", self.worker, 1.0, 3.0,
            how))
        os.rename(self.draft, self.project.job_log(self.run.attempt))
        self.project.end(self.run, place)

    def sleep(self, seconds):
        """While somebody waits, the next part of the plan is done."""
        self.plan.pop(0)()

    def log(self, wanted="job1", is_once=True, is_errors=False):
        return show_log(
            self.project, wanted, is_once, self.written.append,
            self.said.append, is_errors)

    @property
    def shown(self):
        return b"".join(self.written)


@pytest.fixture
def actor(project, monkeypatch):
    actor = Actor(project)
    monkeypatch.setattr(log.time, "sleep", actor.sleep)
    return actor


def test_bytes_of_a_job_that_has_ended_come_unchanged(actor):
    actor.begin(text=bytes(range(256)) * 5000)
    actor.end("done")
    assert actor.log() == "done"
    assert actor.shown == bytes(range(256)) * 5000


def test_a_job_that_runs_shows_what_there_is(actor):
    actor.begin(text=b"one\n")
    assert actor.log() == "running"
    assert actor.shown == b"one\n"


def test_a_job_is_followed_to_its_end(actor, project):
    project.files.create(project.waiting_job("job1"))

    def begin():
        os.unlink(project.waiting_job("job1"))
        actor.begin()

    def end():
        actor.print(b"three\n")
        actor.end("failed")
    actor.plan = [
        begin, lambda: actor.print(b"one\n"), lambda: actor.print(b"two\n"),
        end]
    assert actor.log(is_once=False) == "failed"
    assert actor.shown == b"one\ntwo\nthree\n"
    assert actor.said == ["job1 waits."]


def test_what_is_tried_again_is_followed(actor, project):
    """Each attempt's output comes, and what is said is said once."""
    actor.begin(text=b"first\n")
    again = Attempt("job1", 2, f"{STAMP}9").name

    def retry():
        actor.print(b"last words\n")
        os.rename(actor.draft, project.job_log(actor.run.attempt))
        project.requeue(actor.run, again)

    def begin():
        os.unlink(project.waiting_job(again))
        actor.begin(2, b"second\n")
    actor.plan = [retry, lambda: None, begin, lambda: actor.end("done")]
    assert actor.log(is_once=False) == "done"
    assert actor.shown == b"first\nlast words\nsecond\n"
    assert actor.said == ["job1 waits."]


def test_a_log_is_not_asked_for_before_it_is_there(actor, monkeypatch):
    """NFS would go on for half a minute to say that it is not."""
    real = actor.project.files.read
    missed = []

    def read(path, *how):
        try:
            return real(path, *how)
        except FileNotFoundError:
            missed.append(os.path.basename(path))
            raise
    monkeypatch.setattr(actor.project.files, "read", read)
    actor.begin(text=b"one\n")
    actor.plan = [lambda: None, lambda: actor.end("done")]
    actor.log(is_once=False)
    assert not any(name.startswith("job1~") and name.endswith(".log")
                   for name in missed)


def test_a_job_that_is_removed_while_it_is_followed_is_gone(actor, project):
    project.files.create(project.waiting_job("job1"))
    actor.plan = [lambda: os.unlink(project.waiting_job("job1"))]
    assert actor.log(is_once=False) == ""


def test_an_older_attempt_is_shown_by_its_name(actor, project):
    actor.begin(text=b"first\n")
    first = actor.run
    os.rename(actor.draft, project.job_log(first.attempt))
    os.unlink(project.job_file(first))
    actor.begin(2, b"second\n")
    actor.end("done")
    actor.log()
    assert actor.shown == b"second\n"
    actor.log(first.attempt)
    assert actor.shown == b"second\nfirst\n"


def test_a_job_that_printed_nothing_shows_nothing(actor, project):
    actor.begin()
    os.unlink(actor.draft)
    actor.project.end(actor.run, "done")
    assert actor.log() == "done"
    assert actor.shown == b""


def test_what_waits_is_later_than_what_has_ended(actor, project):
    """A job of that name was put again."""
    actor.begin(n=3)
    actor.end("done")
    for count in (2, 10):
        name = Attempt("job1", 1, f"{STAMP}{count}").name
        project.files.create(project.path("failed", name))
    project.files.create(project.waiting_job("job1"))
    assert [found.name.rpartition("-")[2] for found in find(project, "job1")
            ] == ["2", "3", "10", "job1"]


@pytest.mark.parametrize("ask", [
    lambda actor, job: actor.log(job),
    lambda actor, job: list(why(actor.project, myself(), job)),
])
def test_an_unknown_job_is_said_to_be_none(actor, ask):
    with pytest.raises(FjdError) as error:
        ask(actor, "x\ny")
    assert str(error.value) == "x\\ny: there is no such job"


# Errors that are apart

APART = "[control]\nexecutable: {}\nargument: no\nerrors: apart\n"
BOTH = "echo out; echo err >&2; exit 3"


@pytest.fixture
def ended(project, put):
    """Jobs of one worker that have them apart, and one that has not."""
    put("job1", APART.format(BOTH))
    put("job2", APART.format(BOTH).replace("errors: apart\n", ""))
    put("job3", f"#!/bin/sh\n# fjd: errors=apart\n{BOTH}\n", 0o700)
    put("job4", APART.format("echo out"))
    ok("fjd", "put", "--name", "sim", "--array", "1-2", BOTH + " # {}")
    fjd("fjd-recruiter", "--session", "process", "hire", "1")
    fjd("fjd-dispatcher", "--quiet")
    return project


def test_errors_are_apart_where_a_job_wants_that(ended):
    for name in "job1", "job3":
        note = f"[fjd-worker] {name}: exit 3"
        assert ok("fjd", "log", "--err", name) == ["err"]
        assert ok("fjd", "log", name) == ["out", note, "err"]
        lines = ok("fjd", "why", name)
        at = [lines.index(line) for line in lines if "The last lines" in line]
        first, second = at
        assert lines[first].endswith(".log:") \
            and lines[first + 1:second] == ["    out", f"    {note}"]
        assert lines[second].endswith(".err:") \
            and lines[second + 1:] == ["    err"]
    assert ok("fjd", "log", "--err", "job4") == []
    assert ok("fjd", "log", "job4") == ["out"]
    assert ok("fjd", "log", "--err", "sim:2") == ["err"]
    assert ok("fjd", "log", "sim:2") == ["out", "err"]


def test_errors_that_are_together_are_no_file_of_their_own(ended):
    assert sorted(ok("fjd", "log", "job2")) == [
        "[fjd-worker] job2: exit 3", "err", "out"]
    result = fjd("fjd", "log", "--err", "job2")
    assert (result.returncode, result.stdout) == (2, "")
    assert result.stderr == (
        "fjd: error: job2: its standard error is not apart from its output\n"
        "    try: fjd log job2; the key errors: apart keeps them apart\n")
    logs = ended.names("joblogs")
    assert sum(name.startswith("job2~") for name in logs) == 1
    assert fjd("fjd", "log", "--err", "none").stderr \
        == "fjd: error: none: there is no such job\n"


def test_both_logs_are_there_when_a_worker_has_died(project, put, home):
    put("job1", APART.format(
        "test -e again && exit; echo out; echo err >&2; touch again;"
        " kill -9 $PPID"))
    ok("fjd-recruiter", "--session", "process", "hire", "1")
    dispatcher = start("fjd-dispatcher", "--hire", "--quiet")
    assert "again" not in finish(dispatcher)
    lost, _ = [row for row in ledger(project) if row["job"] == "job1"]
    assert lost["event"] == "lost"
    assert ok("fjd", "log", lost["attempt"]) == ["out", "err"]
    assert ok("fjd", "log", "--err", lost["attempt"]) == ["err"]


def test_errors_of_a_job_that_runs_are_followed(project, actor):
    """With both, what was printed before comes as stdout, then stderr."""
    actor.begin(text=b"out\n")
    errors = project.draft_log(actor.worker, 7, ".err")
    project.files.create(errors, b"err\n")
    with open(project.job_file(actor.run), "w") as file:
        file.write(APART.format("true"))
    assert actor.log() == "running"
    assert actor.shown == b"out\nerr\n"
    actor.written.clear()

    def end():
        os.rename(errors, project.job_log(actor.run.attempt, ".err"))
        actor.end("done")
    actor.plan = [end]
    assert actor.log(is_once=False, is_errors=True) == "done"
    assert actor.shown == b"err\n"


# fjd why

def told(project, job="job1"):
    return list(why(project, myself(), job))


def test_a_waiting_job_waits_for_somebody(project):
    project.files.create(project.waiting_job("job1"))
    lines = told(project)
    assert lines[0] == "job1 waits; there are 0 worker(s), and 0 job(s) run"
    assert "fjd-dispatcher --project default" in lines[1]
    assert "fjd-recruiter --project default hire" in lines[2]


def test_where_a_job_is_comes_before_what_keeps_it_there(actor, project):
    """It has failed once, and waits again."""
    name = Attempt("b c", 1, STAMP + "1").name
    project.files.create(project.path("failed", name))
    project.files.create(project.waiting_job("b c"))
    first, second, third = told(project, "b c")
    assert first == f"b c has failed (fjd retry repeats it) [{name}]"
    assert second == "b c waits; there are 1 worker(s), and 0 job(s) run"
    assert third.startswith("no dispatcher is active; to start one: ")


@pytest.mark.parametrize("place, text", [
    ("held", "job1 is held (fjd release lets it go)"),
    ("done", "job1 is done (fjd retry repeats it)"),
    ("failed", "job1 has failed (fjd retry repeats it)"),
])
def test_where_a_job_lies_is_told(project, place, text):
    name = Attempt("job1", 1, STAMP + "1").name
    project.files.create(project.path(place, name))
    assert told(project) == [f"{text} [{name}]"]


def test_who_has_it_and_since_when_is_told(actor, project):
    name = Attempt("job2", 1, STAMP + "1").name
    project.files.create(project.given_job(actor.worker, name))
    host = myself().host
    assert told(project, "job2") == [
        f"job2 was given to a worker on {host}, and has not begun [{name}]"]
    actor.begin(text=b"so far\n")
    lines = told(project)
    assert lines[0].startswith(
        f"job1 runs on {host} [{actor.run.attempt}] since 2")
    assert lines[1].startswith("The last lines of ")
    assert lines[2:] == ["    so far"]


def test_attempts_and_last_lines_are_told(actor, project):
    actor.begin(text=b"".join(b"%d\n" % n for n in range(20)) + b"\x1b[1m\xff")
    actor.end("failed", "signal 11")
    actor.ledger.write(Entry(
        RETRIED, "job1", "job1~1.x-1", "lab", "w", 0.5, 0.7, "exit 127"))
    actor.ledger.write(Entry(FAILED, "job10", "job10~1.x-1", command="job1"))
    where, first, second, log, *last = told(project)
    assert where.startswith("job1 has failed (fjd retry repeats it) [job1~1.")
    assert first.endswith(
        " on lab after 0 s: retried, exit 127 [job1~1.x-1]")
    assert " on lab after 2 s: failed, signal 11, SIGSEGV [job1~" in second
    assert log.endswith(f"job1~1.{STAMP}1.log:")
    assert last == [f"    {n}" for n in range(11, 20)] + ["    ?[1m\\xff"]


@pytest.mark.parametrize("entry, how", [
    (Entry("cleaned", "job1", "x", "lab", "", 5.0, 5.0, reason="cancelled"),
     " on lab: cleaned, cancelled [x]"),
    (Entry(FAILED, "job1", "x", "lab", "w", 5.0, 7.0, "signal 15",
           reason="timeout after 2 s"),
     " on lab after 2 s: failed, timeout after 2 s, signal 15, SIGTERM [x]"),
    (Entry(FAILED, "job1", "x", "lab", "w", 5.0, 5.0, "exit 5"),
     " on lab after 0 s: failed, exit 5 [x]"),
])
def test_what_ended_it_is_told_as_its_worker_knew_it(
    actor, project, entry, how,
):
    actor.ledger.write(entry)
    assert told(project)[1].endswith(how)


def test_a_loss_that_two_have_seen_is_told_once(actor, project):
    for name in ("job1~1.x-1", "job1~2.x-2"):
        for writer in ("neighbour", "dispatcher"):
            Ledger(project, writer).write(Entry(
                LOST, "job1", name, "lab", "w", 5.0, 5.0, reason="no sign"))
    _, first, second = told(project)
    assert first.endswith(" on lab: lost, no sign [job1~1.x-1]")
    assert second.endswith(" on lab: lost, no sign [job1~2.x-2]")


def lay(project, job):
    name = Attempt(job, 1, f"{STAMP}1").name
    project.files.create(project.path("failed", name))
    Ledger(project, "w").write(Entry(FAILED, job, name, status="exit 7"))
    project.files.create(project.job_log(name), f"This is {job}.\n")


def test_a_job_of_a_list_is_found_by_its_number(actor, project):
    job = "2-" + "e" * 16
    lay(project, job)
    lay(project, "12-" + "f" * 16)
    lay(project, "2-e")
    assert [found.attempt.job for found in find(project, "2")] == [job]
    actor.log("2")
    assert actor.shown == f"This is {job}.\n".encode()
    lines = told(project, "2")
    assert lines[0].startswith(f"{job} has failed")
    assert "exit 7" in lines[1] and lines[-1] == f"    This is {job}."
    lay(project, "2")
    assert [found.attempt.job for found in find(project, "2")] == ["2"]


def test_two_jobs_of_one_name_are_told_apart(project):
    names = [Attempt("job1", 1, f"{STAMP}{k}").name for k in (1, 2)]
    for name in names:
        project.files.create(project.path("failed", name))
    for line, name in zip(told(project), names):
        assert line.endswith(f"[{name}]")
    project.files.create(project.waiting_job("job1"))
    project.files.create(project.waiting_job(names[0]))
    assert sum("no dispatcher" in line for line in told(project)) == 1


def test_what_is_gone_is_told_from_the_ledgers(actor, project):
    actor.begin(text=b"x\n")
    actor.end("done")
    os.unlink(project.path("done", actor.run.attempt))
    assert told(project)[0] == "job1 does not exist any more"
    assert "done, exit 0" in told(project)[1]


@pytest.mark.parametrize("status, text", [
    ("-", ""), ("exit 0", "exit 0"), ("exit 3", "exit 3"),
    ("exit 126", "exit 126"), ("signal 9", "signal 9, SIGKILL"),
    ("exit 139", "exit 139, SIGSEGV"),
    ("exit 255", "exit 255"), ("signal 63", "signal 63"),
    ("signal 10", "signal 10, SIGUSR1"),
])
def test_status_is_told_in_words(status, text):
    assert named(status) == text


# The real commands

def test_output_comes_live_and_the_exit_code_says_how_it_ended(
    project, put, home,
):
    job = "a job's \u00e9"
    put(job, "#!/bin/sh\necho begun\nuntil test -e go; do sleep 0.05; done\n"
             "printf '\\377end'; exit 1\n", 0o700)
    worker, dispatcher = start("fjd-worker"), start("fjd-dispatcher")
    log = subprocess.Popen(
        command("fjd", "log", "-f", job), stdout=subprocess.PIPE,
        stderr=subprocess.PIPE)
    assert log.stdout.readline() == b"begun\n"
    assert f" runs on {myself().host} [" in ok("fjd", "why", job)[0]
    assert ok("fjd", "log", job) == ["begun"]
    (home / "go").touch()
    rest, said = log.communicate(timeout=LONG)
    assert log.returncode == 3
    assert rest.startswith(b"\xffend\n[fjd-worker] ")
    assert all(line.startswith(b"[fjd] a job's \xc3\xa9 wa")
               for line in said.splitlines())
    finish(dispatcher)
    finish(worker)
    assert fjd("fjd", "log", job).returncode == 0
    ascii = dict(os.environ, PYTHONIOENCODING="ascii")
    lines = ok("fjd", "why", job, env=ascii)
    assert lines[0].startswith("a job's \\xe9 has failed")


def test_an_unknown_job_is_an_error_of_one_line(project):
    result = fjd("fjd", "log", "nosuch")
    assert result.returncode == 2
    assert result.stderr == "fjd: error: nosuch: there is no such job\n"
    assert fjd("fjd", "why", "nosuch").returncode == 2
