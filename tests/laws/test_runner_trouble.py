"""Commits whose outcome nobody knows, and trouble that lasts."""

import pytest

from tests.counting import Clock, Counting, copied, fill, new_runner, produced, settle
from tests.unlucky import UnluckyLog
from tradecanary.processors.runtime.log import Aborted, Doubt, Unavailable
from tradecanary.processors.runtime.runner import Runner, Stuck


@pytest.mark.parametrize("applied", [True, False])
@pytest.mark.parametrize("error", [Doubt("slow"), Aborted("rolled back"), Unavailable("away")])
def test_unknown_outcome_is_read_back_from_the_log(error: Exception, applied: bool) -> None:
    """Applied or not, the state after a doubtful commit is the log's, and nothing counts twice."""
    clock = Clock()
    log = UnluckyLog(clock, executions=2)
    log.troubles = [(error, applied), (error, not applied)]
    fill(log, 30)
    task = Counting()
    settle(new_runner(log, clock, task))

    assert [] == log.troubles
    assert 3 == task.recoveries
    assert (1 if isinstance(error, Aborted) else 3) == log.producers, "doubt rebuilds it"
    assert produced(log) == copied(log)


def test_lasting_trouble_ends_the_process() -> None:
    """When no transaction succeeds within the deadline, the runner gives up."""
    clock = Clock()
    log = UnluckyLog(clock)
    log.troubles = [(Unavailable("away"), False)] * 1000
    fill(log, 10)
    runner = new_runner(log, clock, deadline_us=3_000_000)
    started_us = clock.us
    with pytest.raises(Stuck, match="no transaction succeeded for 3 s, last: away"):
        _step_through(clock, runner)

    assert clock.us - started_us < 4_000_000


def test_slow_failures_are_lasting_trouble() -> None:
    """A step that fails only after longer than the deadline is no quiet time in between."""
    clock = Clock()
    log = UnluckyLog(clock)
    log.troubles = [(Unavailable("away"), False)] * 1000
    log.outage_us = 4_000_000
    fill(log, 10)
    runner = new_runner(log, clock, deadline_us=3_000_000)
    with pytest.raises(Stuck, match="last: away"):
        _step_through(clock, runner)

    assert len(log.troubles) == 998, "the second failure was the last"


def _step_through(clock: Clock, runner: Runner) -> None:
    for _ in range(1000):
        clock.us += 10_000
        runner.step()
