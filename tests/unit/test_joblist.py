"""A list of fjd run: its jobs count by where they lie."""
from fjd.ledger import CLEANED, DONE, FAILED
from fjd.verbs.joblist import AskedList, listed
from test_account import attempt, make, summary  # noqa: F401


def asked(*commands, **more):
    return AskedList({job.mark: job for job in listed(commands, "/")}, **more)


def names_of(question):
    return [job.job for job in question.jobs.values()]


def test_a_list_is_counted_by_where_its_jobs_lie(
    project, record, summary,  # noqa: F811
):
    question = asked("x", "y", "z", "u", "v")
    done, failed, lost, waits, _ = names_of(question)
    record(DONE, attempt(1, done))
    record(FAILED, attempt(1, failed), status="exit 1", command="y")
    make(project, DONE, attempt(1, done))
    for name in (failed, lost):
        make(project, FAILED, attempt(1, name))
    make(project, "jobqueue", attempt(1, waits))
    assert summary(question, left=1) == (
        "1 done, 2 failed, 1 vanished, 1 left: 2: y (exit 1), 3: z (record"
        " lost), 5: v (vanished)")


def test_a_job_that_ended_twice_counts_once(
    project, record, summary,  # noqa: F811
):
    """Somebody had it repeated, or it is of an earlier list."""
    question = asked("x")
    name, = names_of(question)
    for count in (1, 2):
        record(DONE, attempt(count, name))
        make(project, DONE, attempt(count, name))
    record(FAILED, attempt(3, name), status="exit 1")
    make(project, FAILED, attempt(3, name))
    assert summary(question) == "1 done, 0 failed"
    earlier = {attempt(1, name), attempt(2, name)}
    assert summary(asked("x", earlier=earlier)).startswith(
        "0 done, 1 failed")


def test_a_done_job_that_waits_again_is_left(
    project, record, summary,  # noqa: F811
):
    question = asked("x")
    name, = names_of(question)
    record(DONE, attempt(1, name))
    make(project, "jobqueue", attempt(2, name))
    question.done = set(question.jobs)
    assert summary(question, left=1) == "0 done, 0 failed, 1 left"


def test_jobs_of_others_count_too(
    project, record, summary,  # noqa: F811
):
    question = asked("x")
    name, = names_of(question)
    record(DONE, attempt(1, name))
    make(project, DONE, attempt(1, name))
    record(DONE, attempt(2, "b"))
    record(FAILED, attempt(3, "c"), status="exit 1")
    assert summary(question, [attempt(4, "d")]) == (
        "2 done, 1 failed, 1 vanished: c (exit 1), d (vanished)")


def test_a_job_that_lies_nowhere_counts_as_the_ledgers_say(
    project, record, summary,  # noqa: F811
):
    """Somebody has removed what had ended, or cancelled it."""
    question = asked("x", "y", "z", "u")
    done, failed, cancelled, _ = names_of(question)
    record(DONE, attempt(1, done))
    record(FAILED, attempt(1, failed), status="exit 1")
    for name in (done, failed, cancelled):
        record(CLEANED, attempt(1, name))
    assert summary(question) == (
        "1 done, 1 failed, 1 cancelled, 1 vanished: 2: y (exit 1), 3: z"
        " (cancelled), 4: u (vanished)")


def test_a_job_done_before_the_list_began_may_have_been_removed(
    summary,  # noqa: F811
):
    question = asked("x", "y")
    question.done = {next(iter(question.jobs))}
    assert summary(question) == "1 done, 0 failed, 1 vanished: 2: y (vanished)"


def test_a_listed_job_that_is_owed_is_counted_by_its_place(
    project, summary,  # noqa: F811
):
    question = asked("x")
    name, = names_of(question)
    make(project, FAILED, attempt(1, name))
    assert summary(question, [attempt(1, name)]) == (
        "0 done, 1 failed: 1: x (record lost)")
