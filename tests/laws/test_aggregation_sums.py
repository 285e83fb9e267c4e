"""What both folds must give: exact sums, histograms, counts; late, lost and repeated events."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from fractions import Fraction

import pytest

from tests.executions import (
    T0_US,
    added,
    event,
    feed,
    fold_all,
    log_of,
    merged,
    pieces,
    random_event,
    random_log,
)
from tradecanary.processors.aggregation.compiled import CompiledFold
from tradecanary.processors.aggregation.folding import (
    AHEAD_LIMIT_US,
    LATE_US,
    Fold,
    empty_snapshot,
)
from tradecanary.processors.aggregation.oracle import PlainFold
from tradecanary.schemas.codec import encode
from tradecanary.schemas.execution import ExecutionEvent, Kind, Mode, OrderStatus
from tradecanary.schemas.histogram import bucket_of
from tradecanary.schemas.measures import MEASURE_NAMES
from tradecanary.schemas.metrics import PartialSums
from tradecanary.schemas.strategy_set import fnv1a64

MakeFold = Callable[[], Fold]
both = pytest.mark.parametrize("make", [PlainFold, CompiledFold])


def _sums(make: MakeFold, events: list[ExecutionEvent]) -> tuple[PartialSums, ...]:
    drained, bad = fold_all(make(), log_of(map(encode, events)))
    assert not bad
    return drained.partials


@both
def test_sums_are_exact_to_the_last_bit(make: MakeFold) -> None:
    """Totals and squares of values up to 2^55 equal Python's integers, of either sign."""
    rng = random.Random(1)
    top = (1 << 55) - 1
    latencies = [rng.choice((top, 0, 1, rng.randrange(top))) for _ in range(400)]
    profits = [rng.choice((-1, 1)) * rng.choice((2.0**35, rng.random() * 3e10)) for _ in latencies]
    made = [
        event(source_seq=seq, ack_latency_us=ack, pnl=pnl)
        for seq, (ack, pnl) in enumerate(zip(latencies, profits, strict=True))
    ]
    (sums,) = _sums(make, made)
    micros = [round(Fraction(pnl * 1e6)) for pnl in profits]
    for name, values in (("latency_us", latencies), ("pnl_micros", micros)):
        measure = sums.measures[MEASURE_NAMES.index(name)]
        assert measure.n == len(values)
        assert measure.total == sum(values)
        assert measure.total_sq == sum(value * value for value in values)
        histogram = Counter(map(bucket_of, values))
        assert measure.buckets == tuple(sorted(histogram))
        assert measure.bucket_counts == tuple(histogram[each] for each in sorted(histogram))


@both
@pytest.mark.parametrize("seed", range(4))
def test_sums_do_not_depend_on_batching_or_draining(make: MakeFold, seed: int) -> None:
    """However a partition is cut into batches and transactions, merged sums are the same bits."""
    rng = random.Random(seed)
    records = random_log(rng, 600)
    whole, bad = fold_all(make(), records)
    fold = make()
    fold.restore(empty_snapshot(0, 0, from_start=True))
    found, drains = [], []
    for piece in pieces(rng, records):
        found += feed(fold, 0, piece)
        if rng.random() < 0.4:
            drains.append(fold.drain())
    drains.append(fold.drain())
    assert found == bad
    assert merged(sums for each in drains for sums in each.partials) == whole.partials
    assert added(each.tallies[0] for each in drains) == whole.tallies[0]


@both
def test_sums_do_not_depend_on_the_number_of_processes(make: MakeFold) -> None:
    """Partitions folded by one process or each by its own give the same merged sums."""
    rng = random.Random(9)
    logs = [random_log(rng, 300, partition) for partition in range(3)]
    one = make()
    for partition in range(3):
        one.restore(empty_snapshot(partition, 0, from_start=True))
        feed(one, partition, logs[partition])
    apart = [fold_all(make(), records)[0] for records in logs]
    together = one.drain()
    assert merged(sums for each in apart for sums in each.partials) == together.partials
    assert {p: each.tallies[p] for p, each in enumerate(apart)} == together.tallies


@both
@pytest.mark.parametrize("seed", range(4))
def test_a_restart_anywhere_changes_nothing(make: MakeFold, seed: int) -> None:
    """Snapshot, re-scan up to the committed offset, go on: as if there had been no restart."""
    rng = random.Random(seed)
    records = random_log(rng, 600)
    whole, _ = fold_all(make(), records)
    taken, committed = sorted(rng.sample(range(1, 600), 2))
    fold = make()
    before, _ = fold_all(fold, records[:taken])
    snapshot = fold.snapshot(0, records[taken].offset)
    feed(fold, 0, records[taken:committed])
    middle = fold.drain()
    again = make()
    again.restore(snapshot)
    feed(again, 0, records[taken:committed], summed=False)
    after_rescan = again.snapshot(0, 0)
    assert after_rescan == fold.snapshot(0, 0)
    feed(again, 0, records[committed:])
    after = again.drain()
    drains = (before, middle, after)
    assert merged(sums for each in drains for sums in each.partials) == whole.partials
    assert added(each.tallies[0] for each in drains) == whole.tallies[0]


@both
def test_events_add_up_by_status_and_kind(make: MakeFold) -> None:
    """Orders are outcomes; a mark-out adds its P&L and counts no order, no latency, no status."""
    rng = random.Random(2)
    made = [random_event(rng, "gw", seq, T0_US + seq) for seq in range(500)]
    drained, bad = fold_all(make(), log_of(map(encode, made)))
    kept = [each for seq, each in enumerate(made) if seq not in {offset for offset, _ in bad}]
    outcomes = [each for each in kept if each.kind is Kind.OUTCOME]
    statuses = [sums.status_counts for sums in drained.partials]
    expected = Counter(each.status for each in outcomes)
    assert [sum(column) for column in zip(*statuses, strict=True)] == [
        expected[status] for status in OrderStatus
    ]
    assert sum(sums.orders for sums in drained.partials) == len(outcomes)
    assert sum(sums.markouts for sums in drained.partials) == len(kept) - len(outcomes)
    acks = sum(each.ack_latency_us is None for each in outcomes)
    assert sum(sums.unacknowledged for sums in drained.partials) == acks
    unbenchmarked = sum(
        each.filled_qty > 0 and (not each.arrival_mid or each.avg_price is None)
        for each in outcomes
    )
    assert sum(sums.unbenchmarked for sums in drained.partials) == unbenchmarked
    pnls = sum(each.pnl is not None for each in kept)
    assert sum(sums.measures[3].n for sums in drained.partials) == pnls


@both
def test_the_account_is_a_key_only_where_it_is_the_unit(make: MakeFold) -> None:
    """Accounts of strategies routed by account have sums of their own; others share theirs."""
    by_account = [event(source_seq=s, unit=f"A{s % 3}", account=f"A{s % 3}") for s in range(9)]
    by_order = [event(source_seq=9 + s, account=f"A{s % 3}") for s in range(9)]
    sums = _sums(make, by_account + by_order)
    assert [(each.account, each.orders) for each in sums] == [
        ("", 9),
        ("A0", 3),
        ("A1", 3),
        ("A2", 3),
    ]


@both
def test_cohorts_are_half_open_seconds_of_submission(make: MakeFold) -> None:
    """The window is by submitted_at: the last microsecond belongs to it, the next one does not."""
    times = (T0_US, T0_US + 999_999, T0_US + 1_000_000)
    made = [
        event(source_seq=seq, submitted_at=time, event_time=T0_US + 2_000_000)
        for seq, time in enumerate(times)
    ]
    sums = _sums(make, made)
    assert [(each.cohort_us, each.orders) for each in sums] == [(T0_US, 2), (T0_US + 1_000_000, 1)]


@both
def test_accounts_in_error_are_hashed_bits(make: MakeFold) -> None:
    """error_accounts is the OR of 1 << (fnv1a64 mod 63) over rejected and timed-out outcomes."""
    assert fnv1a64(b"foobar") == 0x85944171F73967E8
    statuses = [OrderStatus.REJECTED, OrderStatus.TIMED_OUT, OrderStatus.FILLED]
    made = [
        event(source_seq=seq, account=f"acc-é-{seq}", status=status)
        for seq, status in enumerate(statuses)
    ]
    markout = replace(made[0], kind=Kind.MARKOUT, source_seq=3, account="other")
    (sums,) = _sums(make, [*made, markout])
    expected = 0
    for name in ("acc-é-0", "acc-é-1"):
        expected |= 1 << (fnv1a64(name.encode()) % 63)
    assert sums.error_accounts == expected


@both
def test_late_is_behind_the_newest_live_event_when_read(make: MakeFold) -> None:
    """Exactly 5 s behind is not late; SHADOW and REPLAY do not move the newest LIVE time."""
    ages_us = [0, LATE_US, LATE_US + 1]
    base = T0_US + 100_000_000
    made = [
        event(source_seq=seq, submitted_at=T0_US, event_time=base - age)
        for seq, age in enumerate(ages_us)
    ]
    ahead = event(source_seq=3, mode=Mode.REPLAY, event_time=base + 50_000_000, submitted_at=T0_US)
    after = replace(made[1], source_seq=4)
    values = log_of(map(encode, [*made, ahead, after]), timestamp_ms=(base + 60_000_000) // 1_000)
    drained, bad = fold_all(make(), values)
    assert not bad
    assert sum(sums.late for sums in drained.partials) == 1
    assert drained.publishers[0].live_max_event_time_us == base


@both
def test_an_event_from_the_future_is_bad(make: MakeFold) -> None:
    """event_time up to 5 s ahead of the append time is taken, one microsecond more is not."""
    times = [T0_US + AHEAD_LIMIT_US, T0_US + AHEAD_LIMIT_US + 1]
    values = [encode(event(source_seq=seq, event_time=time)) for seq, time in enumerate(times)]
    drained, bad = fold_all(make(), log_of(values, timestamp_ms=T0_US // 1_000))
    assert bad == [(1, "event_time is 5000001 us ahead of the append time, allowed is 5 s")]
    assert drained.tallies[0].events == 1
