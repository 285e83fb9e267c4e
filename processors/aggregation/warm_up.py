"""`python -m tradecanary.processors.aggregation.warm_up`: compile the fold once, into the cache."""

from __future__ import annotations

from dataclasses import dataclass, replace

from tradecanary.processors.aggregation.fastest import fastest_fold
from tradecanary.processors.aggregation.folding import empty_snapshot
from tradecanary.processors.stage import TopicPartition
from tradecanary.schemas.metrics import PublisherState
from tradecanary.schemas.topics import EXECUTIONS


@dataclass(frozen=True, slots=True)
class _NoRecord:
    """A batch of one null value, which no fold counts."""

    partition: TopicPartition
    values: tuple[bytes | None, ...] = (None,)
    timestamps_ms: tuple[int, ...] = (0,)
    first_offset: int = 0
    last_offset: int = 0

    def offset(self, index: int) -> int:
        return index

    def key(self, index: int) -> bytes | None:
        assert index == 0, index
        return None


def warm_up() -> None:
    """Make the machine code of the compiled fold, if it is not in the cache yet."""
    fold = fastest_fold()
    known = PublisherState("none", 0, (), 0, -1, -1)
    start = empty_snapshot(0, 0, from_start=True)
    fold.restore(replace(start, publishers=(known,)))
    fold.add(0, _NoRecord(TopicPartition(EXECUTIONS.name, 0)), summed=True)


if __name__ == "__main__":
    warm_up()
