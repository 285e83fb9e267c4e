"""What people read while the decider goes on."""

from __future__ import annotations

from collections.abc import Iterator

from typing_extensions import override

from tests.simulation.worlds import Rollout
from tradecanary.processors.runtime.decision_recovery import recover
from tradecanary.processors.runtime.memory_log import MemoryLog
from tradecanary.processors.stage import LogRecord, TopicPartition
from tradecanary.schemas.topics import METRICS


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
