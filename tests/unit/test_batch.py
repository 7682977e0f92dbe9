"""A list of jobs that is stopped."""
from math import inf

import pytest

from fjd.verbs.batch import ListRun
from fjd.wakeup import LEAVE


@pytest.mark.parametrize("deadline, signals, ends", [
    (inf, set(), False), (0.0, set(), True),
    (inf, {min(LEAVE)}, True),
])
def test_workers_that_are_told_to_leave_are_not_waited_for_for_ever(
    deadline, signals, ends,
):
    """As where the disk has no room for the order."""
    run = ListRun.__new__(ListRun)
    run.deadline, run.is_stopping = deadline, True
    if ends:
        with pytest.raises(KeyboardInterrupt):
            run.heed(signals)
    else:
        run.heed(signals)
