"""Execution events for laws: good ones, extreme ones, and logs with all that can go wrong."""

from __future__ import annotations

import math
import random
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from typing import Any

from tradecanary.processors.aggregation.folding import Drained, Fold, Tally, empty_snapshot
from tradecanary.processors.runtime.aggregation_task import scanned
from tradecanary.processors.stage import LogRecord
from tradecanary.schemas.codec import HEADER_BYTES, encode
from tradecanary.schemas.execution import ExecutionEvent, Kind, Mode, OrderStatus, Side
from tradecanary.schemas.metrics import AggregationSnapshot, MeasureSums, PartialSums

T0_US = 1_700_000_000_000_000
EXTREMES = (
    0.0, -0.0, 5e-324, -5e-324, 1e-310, 2.2250738585072014e-308, 1.7976931348623157e308,
    -1.7976931348623157e308, math.nan, math.inf, -math.inf, -187.25, 0.5, 1.5, 2.5e-6, -2.5e-6,
    2.0**55, -(2.0**55), math.nextafter(2.0**55, 0), 2.0**55 / 1e6, 2.0**55 / 1e7,
    math.nextafter(2.0**55 / 1e6, 0), math.nextafter(-(2.0**55) / 1e7, 0), 2.0**53 + 2, 1e16,
)  # fmt: skip


_PLAIN = ExecutionEvent(
    source="gateway-1", source_seq=0, kind=Kind.OUTCOME, mode=Mode.LIVE, strategy="momentum",
    version="momentum-1.0.0-9f2c41aa", variant="stable", routing_revision=3, weight_bp=9_500,
    unit="o1", account="A17", region="us", venue="XNAS", symbol="AAPL", order_id="o1",
    side=Side.BUY, status=OrderStatus.FILLED, order_qty=100.0, filled_qty=100.0,
    arrival_mid=187.0, avg_price=187.01, notional=18_700.0, fees=0.3, pnl=1.25,
    submitted_at=T0_US, event_time=T0_US + 1_000, ack_latency_us=900,
)  # fmt: skip


def event(**changes: Any) -> ExecutionEvent:  # noqa: ANN401 - any field
    """Return a good outcome of a filled order, with `changes`."""
    return replace(_PLAIN, **changes)


_ONE_FILLED = tuple(int(status is OrderStatus.FILLED) for status in OrderStatus)


def partial(**changes: Any) -> PartialSums:  # noqa: ANN401 - any field
    """Return the sums of one filled order without measures, with `changes`."""
    plain = PartialSums(
        strategy="momentum", region="us", venue="XNAS", variant="stable",
        version="momentum-1.0.0-9f2c41aa", routing_revision=3, weight_bp=9_500, mode=Mode.LIVE,
        account="", cohort_us=T0_US, orders=1, markouts=0, status_counts=_ONE_FILLED, late=0,
        unbenchmarked=0, unacknowledged=0, error_accounts=0, measures=(),
    )  # fmt: skip
    return replace(plain, **changes)


def random_event(rng: random.Random, source: str, seq: int, time_us: int) -> ExecutionEvent:
    """Return an event out of few groups; one in ten holds an extreme value, maybe a bad one."""

    def number(usual: float) -> float:
        return rng.choice(EXTREMES) if rng.random() < 0.02 else usual

    account = f"A{rng.randrange(5)}"
    canary = rng.random() < 0.3
    mid = rng.choice((187.0, -37.5, 0.0, None)) if rng.random() < 0.1 else 187.0
    avg = None if rng.random() < 0.2 else 187.0 + rng.gauss(0, 0.05)
    return ExecutionEvent(
        source=source,
        source_seq=seq,
        kind=Kind.MARKOUT if rng.random() < 0.1 else Kind.OUTCOME,
        mode=rng.choice((Mode.LIVE,) * 8 + tuple(Mode)),
        strategy=rng.choice(("momentum", "mean-reversion-é", "vwap")),
        version="v-2.0.0-77b0e3d1" if canary else "v-1.0.0-9f2c41aa",
        variant="canary" if canary else "stable",
        routing_revision=rng.choice((0, 1, 7, 1_000)),
        weight_bp=500 if canary else 9_500,
        unit=account if rng.random() < 0.3 else f"o{seq}",
        account=account,
        region="us",
        venue=rng.choice(("XNAS", "ARCX", "東証")),
        symbol="AAPL",
        order_id=f"o{seq}",
        side=rng.choice(list(Side)),
        status=rng.choice(list(OrderStatus)),
        order_qty=number(100.0),
        filled_qty=number(rng.choice((0.0, 50.0, 100.0))),
        arrival_mid=mid if mid is None else number(mid),
        avg_price=avg if avg is None else number(avg),
        notional=number(rng.choice((0.0, 18_700.0, 1e-3))),
        fees=number(0.3),
        pnl=None if rng.random() < 0.1 else number(rng.gauss(0, 30)),
        submitted_at=time_us - rng.randrange(3_000_000),
        event_time=time_us,
        ack_latency_us=None if rng.random() < 0.1 else rng.choice((0, 1, 900, 1_500, 1 << 54)),
    )


def mutated(rng: random.Random, value: bytes) -> bytes:
    """Return `value` damaged somewhere, mostly behind its header."""
    at = rng.randrange(HEADER_BYTES if rng.random() < 0.95 else 0, len(value))
    match rng.randrange(6):
        case 0:
            return value[:at]
        case 1:
            return value + rng.randbytes(rng.randrange(1, 4))
        case 2:
            return value[:at] + rng.randbytes(1) + value[at:]
        case 3:
            return value[:at] + value[at + 1 :]
        case 4:  # a longer way to write the same varint, if there is one at this place
            tail = b"\x80" * rng.randrange(10) + rng.choice((b"\x00", b"\x01", b"\x7f"))
            return value[:at] + bytes([value[at] | 0x80]) + tail + value[at + 1 :]
        case _:
            return value[:at] + bytes([value[at] ^ (1 << rng.randrange(8))]) + value[at + 1 :]


def random_log(rng: random.Random, count: int, partition: int = 0) -> list[LogRecord]:
    """Return a partition with repeats, losses, late and foreign events, damage, nulls and holes."""
    records, offset, time_us = [], 0, T0_US
    seqs = dict.fromkeys(("gw-1", "gw-2", "gw-ü"), 0)
    for _ in range(count):
        offset += 1 if rng.random() < 0.95 else rng.randrange(1, 9)
        time_us += rng.randrange(40_000) if rng.random() < 0.999 else 3_600_000_000
        source = rng.choice(list(seqs))
        seq = seqs[source]
        if rng.random() < 0.05:
            seq += rng.choice((1, 2, 5, 70, 200))
        if rng.random() < 0.1:
            seq = max(0, seq - rng.randrange(1, 100))
        seqs[source] = max(seqs[source], seq + 1)
        late_us = rng.randrange(9_000_000) if rng.random() < 0.05 else 0
        made = random_event(rng, source, seq if rng.random() < 0.97 else -1, time_us - late_us)
        value: bytes | None = encode(made)
        if rng.random() < 0.03:
            value = None if rng.random() < 0.2 else mutated(rng, value or b"")
        timestamp_ms = time_us // 1_000 - (rng.randrange(9_000) if rng.random() < 0.02 else 0)
        records.append(LogRecord("executions", partition, offset, timestamp_ms, b"k", value))
    return records


def log_of(values: Iterable[bytes | None], timestamp_ms: int = T0_US // 1_000) -> list[LogRecord]:
    """Return these values at offsets 0, 1, ... of partition 0."""
    return [
        LogRecord("executions", 0, offset, timestamp_ms, None, value)
        for offset, value in enumerate(values)
    ]


Bad = tuple[int, str]
"""Offset and reason of a bad record."""


def pieces(rng: random.Random, records: Sequence[LogRecord]) -> Iterator[Sequence[LogRecord]]:
    """Yield `records` cut at random places."""
    at = 0
    while at < len(records):
        size = rng.choice((1, 3, 50, 400))
        yield records[at : at + size]
        at += size


def feed(
    fold: Fold, partition: int, records: Sequence[LogRecord], *, summed: bool = True
) -> list[Bad]:
    """Fold the records as one batch; return the bad ones."""
    found = []
    for batch in scanned(records, limit=1 << 30):
        bad = sorted(fold.add(partition, batch, summed=summed), key=lambda each: each.index)
        found += [(batch.offset(each.index), each.reason) for each in bad]
    return found


def fold_all(
    fold: Fold, records: Sequence[LogRecord], start: AggregationSnapshot | None = None
) -> tuple[Drained, list[Bad]]:
    """Fold one partition from its start (or from a snapshot) as one batch."""
    first = start or empty_snapshot(records[0].partition, 0, from_start=True)
    fold.restore(first)
    bad = feed(fold, first.partition, records)
    return fold.drain(), bad


def _group(sums: PartialSums) -> tuple[Any, ...]:
    return (
        sums.strategy, sums.region, sums.venue, sums.variant, sums.version, sums.routing_revision,
        sums.weight_bp, sums.mode, sums.account, sums.cohort_us,
    )  # fmt: skip


def _measure(sums: Sequence[MeasureSums]) -> MeasureSums:
    counts: dict[int, int] = {}
    for each in sums:
        for bucket, count in zip(each.buckets, each.bucket_counts, strict=True):
            counts[bucket] = counts.get(bucket, 0) + count
    return MeasureSums(
        name=sums[0].name,
        n=sum(each.n for each in sums),
        total=sum(each.total for each in sums),
        total_sq=sum(each.total_sq for each in sums),
        buckets=tuple(sorted(counts)),
        bucket_counts=tuple(counts[bucket] for bucket in sorted(counts)),
    )


def merged(partials: Iterable[PartialSums]) -> tuple[PartialSums, ...]:
    """Return the sums of each group added up, in the order of keys."""
    groups: dict[tuple[Any, ...], list[PartialSums]] = {}
    for sums in partials:
        groups.setdefault(_group(sums), []).append(sums)
    result = []
    for key in sorted(groups):
        parts = groups[key]
        accounts = 0
        for part in parts:
            accounts |= part.error_accounts
        result.append(
            replace(
                parts[0],
                orders=sum(part.orders for part in parts),
                markouts=sum(part.markouts for part in parts),
                status_counts=tuple(
                    map(sum, zip(*(part.status_counts for part in parts), strict=True))
                ),
                late=sum(part.late for part in parts),
                unbenchmarked=sum(part.unbenchmarked for part in parts),
                unacknowledged=sum(part.unacknowledged for part in parts),
                error_accounts=accounts,
                measures=tuple(map(_measure, zip(*(part.measures for part in parts), strict=True))),
            )
        )
    return tuple(result)


def added(tallies: Iterable[Tally]) -> Tally:
    """Return the sum of tallies."""
    each = list(tallies)
    return Tally(
        events=sum(tally.events for tally in each),
        duplicates=sum(tally.duplicates for tally in each),
        missing=sum(tally.missing for tally in each),
    )
