"""What folds events into sums, behind one interface: plain (`oracle`) or compiled (`kernel`).

Both give the same answers to the bit. A fold is a mutable accumulator: it holds the sums since the
last drain and, per partition, what duplicate detection remembers. It reads no clock.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

from tradecanary.processors.stage import Batch
from tradecanary.schemas.metrics import AggregationSnapshot, PartialSums, PublisherProgress
from tradecanary.schemas.units import US_PER_S

AHEAD_LIMIT_US = 5 * US_PER_S
"""An event_time further ahead of the append time than this makes a bad record."""
LATE_US = 5 * US_PER_S
"""An event further behind the partition's newest LIVE event_time than this is late."""
MAX_HOLES = 64
SOURCE_LIFE_US = 86_400 * US_PER_S
"""A source not heard for this much of its partition's event time is forgotten."""
MAX_PAUSE_US = 3_600 * US_PER_S
"""A jump of the partition's event time counts as at most this much, or every source that is quiet
over a weekend would be forgotten on Monday and its whole past counted as missing."""


@dataclass(frozen=True, slots=True)
class BadRecord:
    """A record of a batch that breaks the contract, and why."""

    index: int
    reason: str


@dataclass(frozen=True, slots=True)
class Tally:
    """What was counted on one partition since the last drain."""

    events: int
    duplicates: int
    missing: int


@dataclass(frozen=True, slots=True)
class Drained:
    """All that was summed since the last drain; publishers and partials in the order of keys."""

    tallies: Mapping[int, Tally]
    publishers: tuple[PublisherProgress, ...]
    partials: tuple[PartialSums, ...]


class Fold(Protocol):
    """Folds batches of `executions` into sums."""

    def restore(self, snapshot: AggregationSnapshot) -> None:
        """Take on the snapshot's partition with what was remembered of it."""

    def add(self, partition: int, batch: Batch, *, summed: bool) -> tuple[BadRecord, ...]:
        """Fold a batch of a restored partition; return its bad records, which are not counted.

        Without `summed` only what duplicate detection remembers is rebuilt.
        """

    def drain(self) -> Drained:
        """Return what was summed since the last drain, for all partitions; start anew."""

    def snapshot(self, partition: int, next_offset: int) -> AggregationSnapshot:
        """Return what is remembered of `partition`; forget sources whose life is over."""


def empty_snapshot(partition: int, next_offset: int, *, from_start: bool) -> AggregationSnapshot:
    """Return the snapshot of a partition of which nothing was read yet.

    `from_start` says that reading begins with the partition's first record: then a source whose
    first number is s lost s events, until one is forgotten: it may be that one, returned.
    Otherwise a source's first number is taken as its beginning.
    """
    return AggregationSnapshot(
        partition=partition,
        next_offset=next_offset,
        from_start=from_start,
        max_event_time_us=-1,
        publishers=(),
    )
