"""What people read while the decider goes on."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from typing_extensions import override

from tests.simulation.worlds import STRATEGY, Rollout
from tradecanary.processors.runtime.decision_recovery import recover
from tradecanary.processors.runtime.memory_log import MemoryLog
from tradecanary.processors.stage import LogRecord, TopicPartition
from tradecanary.rollout_view import strategy_view
from tradecanary.schemas.topics import METRICS
from tradecanary.schemas.units import US_PER_S
from tradecanary.states import state_of


def test_status_is_read_while_the_decider_looks() -> None:
    """Looks and manifests that come between two reads of one recovery do not break it."""
    world = Rollout.begin().world

    class Living(MemoryLog):
        def __init__(self) -> None:
            self.__dict__ = world.log.__dict__

        @override
        def read(
            self, partition: TopicPartition, start: int = 0, end: int | None = None
        ) -> Iterator[LogRecord]:
            records = list(super().read(partition, start, end))
            if partition.topic == METRICS.name:
                world.run_for(1.0)
            yield from records

    before = world.decision.states()[0]
    found = recover(Living(), 0).state

    assert before == found
    assert found.look < world.decision.states()[0].look


@pytest.mark.parametrize("wrong_s", [-3_600, 11, 3_600])
def test_a_rollout_looks_the_same_whatever_the_clock_of_who_asks(wrong_s: int) -> None:
    """Running time and guards are as of the last look: routers are not silent by another clock."""
    world = Rollout.begin().world
    world.run_for(5)
    partition, strategy = state_of(world.log, STRATEGY)
    assert strategy is not None
    right, wrong = (
        strategy_view(partition, strategy, world.now_us() + late_s * US_PER_S)["rollout"]
        for late_s in (0, wrong_s)
    )

    assert right == wrong
    assert not any(guard["breached"] for guard in right["guards"])
