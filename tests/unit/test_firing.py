"""Orders to leave: who gets one, and what is said of it."""
import pytest

from fjd.names import new_id, Stamps
from fjd.project import NOW
from fjd.roles.firing import Dismissal, number_of_workers

HERE = "lab1"


@pytest.fixture
def new_worker(project):
    """new_worker(host): the id of a new worker there."""
    def new_worker(host):
        new_worker.count += 1
        worker = new_id(host, float(new_worker.count), 1)
        project.make_pod(worker)
        return worker
    new_worker.count = 0
    return new_worker


def dismissal_of(project, **how):
    return Dismissal(project, Stamps("0" * 17), NOW, **how)


@pytest.mark.parametrize("number, text", [
    (0, "0 workers"), (1, "1 worker"), (2, "2 workers"), (11, "11 workers")])
def test_number_agrees_with_its_noun(number, text):
    assert number_of_workers(number) == text


def test_each_worker_gets_one_order_also_if_it_comes_later(
    project, new_worker,
):
    dismissal = dismissal_of(project)
    first = new_worker("lab1")
    assert dismissal.remaining() == dismissal.remaining() == [first]
    second = new_worker("lab2")
    assert dismissal.remaining() == [first, second]
    assert [order.worker for order in project.orders()] == [first, second]
    project.remove_pod(first)
    assert dismissal.remaining() == [second]
    assert dismissal.ordered == {first, second}


def test_only_those_that_are_meant_get_an_order(project, new_worker):
    spared, meant = new_worker("lab1"), new_worker("lab2")
    dismissal = dismissal_of(project, is_meant=meant.__eq__)
    assert dismissal.remaining() == [meant]
    assert [order.worker for order in project.orders()] == [meant] != [spared]


@pytest.mark.parametrize("hosts, lines", [
    ([], ['Fired 0 workers in project "default".']),
    (["lab2", "lab1", "lab3", "lab3"], [
        'Fired 1 worker in project "default".',
        'Host lab2: [fjd-recruiter] Fired 1 worker in project "default".',
        'Host lab3: [fjd-recruiter] Fired 2 workers in project "default".']),
    (["lab2"], [
        'Host lab2: [fjd-recruiter] Fired 1 worker in project "default".']),
])
def test_summary_has_a_line_for_each_host_and_this_one_first(
    project, new_worker, hosts, lines,
):
    dismissal = dismissal_of(project)
    for host in hosts:
        dismissal.send_order(new_worker(host))
    assert dismissal.summary(HERE) == lines
