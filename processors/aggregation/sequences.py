"""Duplicates and losses on one partition, by the numbers of its publishers.

Per source the next expected number and at most 64 holes are kept. Everything here depends on the
records' order in the partition only, so any restart finds the same duplicates.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from tradecanary.processors.aggregation.folding import (
    MAX_HOLES,
    MAX_PAUSE_US,
    SOURCE_LIFE_US,
)
from tradecanary.schemas.execution import FOREIGN_SEQ
from tradecanary.schemas.metrics import AggregationSnapshot, PublisherState

UNNUMBERED = -1
"""`next_seq` of a source that sent no number yet."""


@dataclass(slots=True)
class Publisher:
    """What is remembered of one source: heard_us is the partition's clock when last heard."""

    heard_us: int
    next_seq: int = UNNUMBERED
    holes: list[int] = field(default_factory=list)
    events: int = 0
    live_max_us: int = -1
    strategies: int = 0

    def take(self, seq: int, begins_at_zero: Callable[[], bool]) -> int | None:
        """Return by how much `seq` changes the count of missing events, None for a duplicate."""
        if seq == FOREIGN_SEQ:
            return 0
        if self.next_seq == UNNUMBERED:
            self.next_seq = 0 if begins_at_zero() else seq
        gap = seq - self.next_seq
        if gap >= 0:
            first = max(self.next_seq, seq - MAX_HOLES)
            self.holes = [*self.holes, *range(first, seq)][-MAX_HOLES:]
            self.next_seq = seq + 1
            return gap
        if seq in self.holes:
            self.holes.remove(seq)
            return -1
        return None


@dataclass(slots=True)
class PartitionMemory:
    """What is remembered of one partition, and its tally since the last drain.

    clock_us follows the newest LIVE event_time, jumps shortened: it decides a source's life.
    from_start: every source that was ever here is known, because reading began with the first
    record and none was forgotten since.
    """

    from_start: bool
    max_us: int
    clock_us: int
    publishers: dict[str, Publisher]
    events: int = 0
    duplicates: int = 0
    missing: int = 0

    def publisher(self, source: str) -> Publisher:
        """Return what is remembered of `source`; nothing when its life is over."""
        known = self.publishers.get(source)
        if known is not None and self.is_over(known):
            self.from_start, known = False, None
        if known is None:
            known = self.publishers[source] = Publisher(self.clock_us)
        return known

    def is_over(self, known: Publisher) -> bool:
        """Return whether the source was not heard for its life: it is forgotten."""
        return self.clock_us - known.heard_us > SOURCE_LIFE_US

    def begins_at_zero(self) -> bool:
        """Return whether a source without a number so far is new, so that it begins at 0.

        Once any source was forgotten it may be one that returns: its past is not missing.
        """
        if self.from_start and any(map(self.is_over, self.publishers.values())):
            self.from_start = False
        return self.from_start

    def advance(self, event_time_us: int) -> None:
        """Take in the event_time of a LIVE event."""
        step = event_time_us - self.max_us
        if step > 0:
            self.clock_us += min(step, MAX_PAUSE_US)
            self.max_us = event_time_us


def restored(snapshot: AggregationSnapshot) -> PartitionMemory:
    """Return the memory that `snapshot` was taken of; only differences to the clock matter."""
    return PartitionMemory(
        from_start=snapshot.from_start,
        max_us=snapshot.max_event_time_us,
        clock_us=snapshot.max_event_time_us,
        publishers={
            state.source: Publisher(
                heard_us=state.last_event_time_us,
                next_seq=state.next_seq,
                holes=list(state.holes),
                events=state.events,
                live_max_us=state.live_max_event_time_us,
                strategies=state.strategies,
            )
            for state in snapshot.publishers
        },
    )


def snapshot_of(partition: int, next_offset: int, memory: PartitionMemory) -> AggregationSnapshot:
    """Return the snapshot of `memory`, without the sources whose life is over."""
    behind_us = memory.max_us - memory.clock_us
    return AggregationSnapshot(
        partition=partition,
        next_offset=next_offset,
        from_start=memory.begins_at_zero(),
        max_event_time_us=memory.max_us,
        publishers=tuple(
            PublisherState(
                source=source,
                next_seq=known.next_seq,
                holes=tuple(known.holes),
                events=known.events,
                live_max_event_time_us=known.live_max_us,
                last_event_time_us=known.heard_us + behind_us,
                strategies=known.strategies,
            )
            for source, known in sorted(memory.publishers.items())
            if not memory.is_over(known)
        ),
    )
