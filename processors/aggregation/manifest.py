"""Cuts what one transaction says into MetricsBatch parts for every metrics partition.

The ranges and the publishers go to all metrics partitions, a strategy's partial sums only to its
own. A part is at most 512 KiB: sizes are estimated from above, without encoding twice.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from tradecanary.processors.stage import Emit
from tradecanary.schemas.metrics import (
    MetricsBatch,
    PartialSums,
    PublisherProgress,
    SourceRange,
)
from tradecanary.schemas.partitioning import partition_of
from tradecanary.schemas.topics import METRICS

PART_BYTES = 512 << 10
_VARINT = 10
_UTF8 = 4
_RANGE_BYTES = 10 * _VARINT
_BUCKET_BYTES = 3 + 5  # 19 bits of bucket and 34 of count, zigzag
_MEASURE_BYTES = 128  # name, n, two sums of at most 20 bytes, lengths
_PARTIAL_BYTES = 24 * _VARINT


@dataclass(frozen=True, slots=True)
class Transaction:
    """Which transaction of which aggregator process."""

    slot: str
    incarnation: int
    number: int


def _publisher_bytes(publisher: PublisherProgress) -> int:
    return _UTF8 * len(publisher.source) + 7 * _VARINT


def _partial_bytes(sums: PartialSums) -> int:
    texts = (sums.strategy, sums.region, sums.venue, sums.variant, sums.version, sums.account)
    return (
        _PARTIAL_BYTES
        + _UTF8 * sum(map(len, texts))
        + sum(_MEASURE_BYTES + _BUCKET_BYTES * len(each.buckets) for each in sums.measures)
    )


Packed = tuple[list[PublisherProgress], list[PartialSums]]


def _packed(
    room: int, publishers: Sequence[PublisherProgress], partials: Sequence[PartialSums]
) -> Iterator[Packed]:
    """Yield the parts' contents; `room` is what the first part has left beside its ranges."""
    packed: Packed = ([], [])
    for publisher in publishers:
        size = _publisher_bytes(publisher)
        if size > room:
            yield packed
            packed, room = ([], []), PART_BYTES
        packed[0].append(publisher)
        room -= size
    for sums in partials:
        size = _partial_bytes(sums)
        if size > room:
            yield packed
            packed, room = ([], []), PART_BYTES
        packed[1].append(sums)
        room -= size
    yield packed


def manifest(
    transaction: Transaction,
    metrics_partitions: int,
    ranges: tuple[SourceRange, ...],
    publishers: Sequence[PublisherProgress],
    partials: Sequence[PartialSums],
) -> tuple[Emit, ...]:
    """Return the parts for every metrics partition, each numbered from 0 of its own count.

    Ranges are in part 0; publishers too, unless they fill it: then they go on in the next parts.
    """
    mine: list[list[PartialSums]] = [[] for _ in range(metrics_partitions)]
    for sums in partials:
        mine[partition_of(sums.strategy.encode(), metrics_partitions)].append(sums)
    key = transaction.slot.encode()
    room = PART_BYTES - _RANGE_BYTES * len(ranges)
    emits = []
    for partition in range(metrics_partitions):
        packed = list(_packed(room, publishers, mine[partition]))
        for part, (some_publishers, some_partials) in enumerate(packed):
            batch = MetricsBatch(
                slot=transaction.slot,
                incarnation=transaction.incarnation,
                transaction=transaction.number,
                part=part,
                parts=len(packed),
                ranges=() if part else ranges,
                publishers=tuple(some_publishers),
                partials=tuple(some_partials),
            )
            emits.append(Emit(METRICS.name, key, batch, partition))
    return tuple(emits)
