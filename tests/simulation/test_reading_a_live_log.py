"""Whoever reads the topics while the decider works sees a state that was, never half of one."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from tests.simulation.worlds import Rollout
from tests.tape import audited
from tradecanary.backtesting.live import folded
from tradecanary.processors.runtime.decision_recovery import recover
from tradecanary.processors.runtime.memory_log import MemoryLog
from tradecanary.processors.stage import LogRecord, TopicPartition
from tradecanary.schemas.topics import COMMANDS


class _Moving:
    """The world's log; whenever its commands are read, the world goes on for a while."""

    def __init__(self, rollout: Rollout) -> None:
        self._world = rollout.world
        self._log: MemoryLog = rollout.world.log

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401 - whatever the log has
        return getattr(self._log, name)

    def read(
        self, partition: TopicPartition, start: int = 0, end: int | None = None
    ) -> Iterator[LogRecord]:
        """Yield what the log has; let time pass when it comes to the commands."""
        if partition.topic == COMMANDS.name:
            self._world.run_for(1)
        yield from self._log.read(partition, start, end)


def test_a_state_can_be_recovered_from_topics_that_grow() -> None:
    """Looks that came after the manifests were read are left for the next time."""
    rollout = Rollout.begin()
    rollout.world.run_for(3)
    before = recover(rollout.world.log, 0).state
    found: Any = _Moving(rollout)

    assert before == recover(found, 0).state
    assert before.look < recover(rollout.world.log, 0).state.look


def test_a_backtest_takes_what_had_been_looked_at_when_it_began() -> None:
    """The decider goes on meanwhile; nothing is missed that a look names."""
    rollout = Rollout.begin()
    rollout.world.run_for(3)
    looks = rollout.world.decision.states()[0].look
    found: Any = _Moving(rollout)

    assert looks == sum(1 for _ in folded(found, 0))


def test_an_audit_of_a_pipeline_that_goes_on_is_clean() -> None:
    """What is decided and routed while it reads is left for the next time, and found by it."""
    rollout = Rollout.begin()
    rollout.world.run_for(3)
    found: Any = _Moving(rollout)
    while_it_ran, told = audited(found)
    after, told_then = audited(rollout.world.log)

    assert [] == told == told_then
    assert while_it_ran.looks < after.looks
    assert while_it_ran.orders is not None
    assert after.orders is not None
    assert 0 < while_it_ran.orders.orders < after.orders.orders
