"""Commits whose outcome nobody knows, and trouble that lasts."""

from collections.abc import Callable

import pytest

from tests.counting import Clock, Counting, copied, fill, new_runner, produced, settle
from tradecanary.processors.runtime.log import Aborted, Doubt, Unavailable
from tradecanary.processors.runtime.memory_log import MemoryLog, MemoryProducer
from tradecanary.processors.runtime.runner import Runner, Stuck


class _Unlucky(MemoryProducer):
    """Its commits end in the errors given, applied or not, as a network may have it."""

    troubles: list[tuple[Exception, bool]]
    waits: Callable[[], None]

    def commit(self) -> None:
        if not self.troubles:
            super().commit()
            return
        error, applied = self.troubles.pop(0)
        self.waits()
        super().commit() if applied else super().abort()
        raise error


class _UnluckyLog(MemoryLog):
    troubles: list[tuple[Exception, bool]]
    producers = 0
    outage_us = 0

    def __init__(self, clock: Clock, executions: int = 3) -> None:
        super().__init__(clock, executions=executions)
        self._moving = clock

    def _wait(self) -> None:
        self._moving.us += self.outage_us

    def producer(self, transactional_id: str) -> MemoryProducer:
        self.producers += 1
        producer = _Unlucky(self._broker, transactional_id)
        producer.troubles = self.troubles
        producer.waits = self._wait
        return producer


@pytest.mark.parametrize("applied", [True, False])
@pytest.mark.parametrize("error", [Doubt("slow"), Aborted("rolled back"), Unavailable("away")])
def test_unknown_outcome_is_read_back_from_the_log(error: Exception, applied: bool) -> None:
    """Applied or not, the state after a doubtful commit is the log's, and nothing counts twice."""
    clock = Clock()
    log = _UnluckyLog(clock, executions=2)
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
    log = _UnluckyLog(clock)
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
    log = _UnluckyLog(clock)
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
