"""The plain fold: fastavro, dictionaries, Python's integers. Slow, short, and always right.

It is the specification that the compiled fold is held to, reads what older contracts wrote, and
is all that a demo without numba needs.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from tradecanary.processors.aggregation.folding import (
    AHEAD_LIMIT_US,
    LATE_US,
    BadRecord,
    Drained,
    Tally,
)
from tradecanary.processors.aggregation.sequences import PartitionMemory, restored, snapshot_of
from tradecanary.processors.stage import Batch
from tradecanary.schemas.codec import ContractViolation, Reader
from tradecanary.schemas.execution import (
    ERROR_STATUSES,
    ExecutionEvent,
    Kind,
    Mode,
    OrderStatus,
    range_problem,
)
from tradecanary.schemas.histogram import bucket_of
from tradecanary.schemas.measures import MEASURE_NAMES, scaled_values
from tradecanary.schemas.metrics import (
    AggregationSnapshot,
    MeasureSums,
    PartialSums,
    PublisherProgress,
)
from tradecanary.schemas.strategy_set import fnv1a64, only
from tradecanary.schemas.units import COHORT_US, US_PER_MS

Values = tuple[int | None, ...]
GroupKey = tuple[str, str, str, str, str, int, int, Mode, str, int]
"""strategy, region, venue, variant, version, revision, weight_bp, mode, account, cohort_us."""
ERROR_BITS = 63
_STATUS_INDEX = {status: index for index, status in enumerate(OrderStatus)}
_SLIPPAGE = MEASURE_NAMES.index("slippage_milli_bp")


class EventReader:
    """Reads an ExecutionEvent and holds it to everything the contract asks of its values."""

    def __init__(self, older: tuple[Mapping[str, Any], ...] = ()) -> None:
        """Prepare to read what any release wrote; `older` are schemas that only tests have."""
        self._reader = Reader(ExecutionEvent, older)

    def read(self, value: bytes | None, timestamp_ms: int) -> tuple[ExecutionEvent, Values]:
        """Return the event and its scaled values; raise ContractViolation with the reason."""
        event: ExecutionEvent = self._reader.decode(value)
        problem = range_problem(event)
        if problem is not None:
            raise ContractViolation(problem)
        values = scaled_values(event)
        if values is None:
            raise ContractViolation("a scaled measure lies outside +-2^55")
        ahead_us = event.event_time - timestamp_ms * US_PER_MS
        if ahead_us > AHEAD_LIMIT_US:
            text = f"event_time is {ahead_us} us ahead of the append time, allowed is 5 s"
            raise ContractViolation(text)
        return event, values


@dataclass(slots=True)
class _Measured:
    """Exact sums of one measure within one group."""

    n: int = 0
    total: int = 0
    total_sq: int = 0
    histogram: Counter[int] = field(default_factory=Counter)

    def add(self, value: int) -> None:
        self.n += 1
        self.total += value
        self.total_sq += value * value
        self.histogram[bucket_of(value)] += 1


@dataclass(slots=True)
class _Group:
    """Sums of one group."""

    markouts: int = 0
    statuses: list[int] = field(default_factory=lambda: [0] * len(OrderStatus))
    late: int = 0
    unbenchmarked: int = 0
    unacknowledged: int = 0
    error_accounts: int = 0
    measures: tuple[_Measured, ...] = field(
        default_factory=lambda: tuple(_Measured() for _ in MEASURE_NAMES)
    )

    def add(self, event: ExecutionEvent, values: Values, *, late: bool) -> None:
        self.late += late
        for measured, value in zip(self.measures, values, strict=True):
            if value is not None:
                measured.add(value)
        if event.kind is Kind.MARKOUT:
            self.markouts += 1
            return
        self.statuses[_STATUS_INDEX[event.status]] += 1
        self.unbenchmarked += event.filled_qty > 0 and values[_SLIPPAGE] is None
        self.unacknowledged += event.ack_latency_us is None
        if event.status in ERROR_STATUSES:
            self.error_accounts |= 1 << (fnv1a64(event.account.encode()) % ERROR_BITS)


def _key_of(event: ExecutionEvent) -> GroupKey:
    return (
        event.strategy,
        event.region,
        event.venue,
        event.variant,
        event.version,
        event.routing_revision,
        event.weight_bp,
        event.mode,
        event.account if event.unit == event.account else "",
        event.submitted_at // COHORT_US * COHORT_US,
    )


def _partial(key: GroupKey, group: _Group) -> PartialSums:
    measures = []
    for name, measured in zip(MEASURE_NAMES, group.measures, strict=True):
        items = sorted(measured.histogram.items())
        measures.append(
            MeasureSums(
                name=name,
                n=measured.n,
                total=measured.total,
                total_sq=measured.total_sq,
                buckets=tuple(bucket for bucket, _ in items),
                bucket_counts=tuple(count for _, count in items),
            )
        )
    return PartialSums(
        *key,
        orders=sum(group.statuses),
        markouts=group.markouts,
        status_counts=tuple(group.statuses),
        late=group.late,
        unbenchmarked=group.unbenchmarked,
        unacknowledged=group.unacknowledged,
        error_accounts=group.error_accounts,
        measures=tuple(measures),
    )


class PlainFold:
    """The `Fold` that decodes every record through the codec."""

    def __init__(self) -> None:
        """Start empty."""
        self._reader = EventReader()
        self._memories: dict[int, PartitionMemory] = {}
        self._groups: dict[GroupKey, _Group] = {}
        self._heard: dict[tuple[int, str], tuple[int, int]] = {}

    def restore(self, snapshot: AggregationSnapshot) -> None:
        """Take on the snapshot's partition."""
        self._memories[snapshot.partition] = restored(snapshot)

    def add(self, partition: int, batch: Batch, *, summed: bool) -> tuple[BadRecord, ...]:
        """Fold a batch; return its bad records."""
        bad = []
        for index, (value, at_ms) in enumerate(zip(batch.values, batch.timestamps_ms, strict=True)):
            try:
                event, values = self._reader.read(value, at_ms)
            except ContractViolation as broken:
                bad.append(BadRecord(index, str(broken)))
            else:
                self._fold(partition, event, values, summed=summed)
        return tuple(bad)

    def _fold(self, partition: int, event: ExecutionEvent, values: Values, *, summed: bool) -> None:
        memory = self._memories[partition]
        publisher = memory.publisher(event.source)
        missing = publisher.take(event.source_seq, memory.begins_at_zero)
        if missing is None:
            memory.duplicates += summed
            return
        late = event.event_time < memory.max_us - LATE_US
        if event.mode is Mode.LIVE:
            memory.advance(event.event_time)
            publisher.live_max_us = max(publisher.live_max_us, event.event_time)
        publisher.heard_us = memory.clock_us
        publisher.events += 1
        publisher.strategies |= only(event.strategy)
        if not summed:
            return
        memory.events += 1
        memory.missing += missing
        name = (partition, event.source)
        heard, lost = self._heard.get(name, (0, 0))
        self._heard[name] = heard + 1, lost + missing
        key = _key_of(event)
        group = self._groups.get(key)
        if group is None:
            group = self._groups[key] = _Group()
        group.add(event, values, late=late)

    def drain(self) -> Drained:
        """Return what was summed since the last drain; start anew."""
        tallies = {}
        for partition, memory in self._memories.items():
            tallies[partition] = Tally(memory.events, memory.duplicates, memory.missing)
            memory.events = memory.duplicates = memory.missing = 0
        publishers = []
        for (partition, source), (events, missing) in sorted(self._heard.items()):
            known = self._memories[partition].publishers[source]
            top = max(known.next_seq - 1, -1)
            publishers.append(
                PublisherProgress(
                    partition, source, events, top, known.live_max_us, missing, known.strategies
                )
            )
        partials = tuple(_partial(key, self._groups[key]) for key in sorted(self._groups))
        self._heard, self._groups = {}, {}
        return Drained(tallies, tuple(publishers), partials)

    def snapshot(self, partition: int, next_offset: int) -> AggregationSnapshot:
        """Return what is remembered of `partition`; forget sources whose life is over."""
        snapshot = snapshot_of(partition, next_offset, self._memories[partition])
        kept = {state.source for state in snapshot.publishers}
        publishers = self._memories[partition].publishers
        for source in publishers.keys() - kept:
            del publishers[source]
        return snapshot
