"""Duplicates and losses by the numbers of publishers, the same in both folds."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.executions import T0_US, event, feed, fold_all, log_of
from tradecanary.processors.aggregation.compiled import CompiledFold
from tradecanary.processors.aggregation.folding import (
    MAX_HOLES,
    SOURCE_LIFE_US,
    Fold,
    Tally,
    empty_snapshot,
)
from tradecanary.processors.aggregation.oracle import PlainFold
from tradecanary.schemas.codec import encode
from tradecanary.schemas.execution import ExecutionEvent
from tradecanary.schemas.metrics import AggregationSnapshot
from tradecanary.schemas.strategy_set import only

MakeFold = Callable[[], Fold]
both = pytest.mark.parametrize("make", [PlainFold, CompiledFold])
HOUR_US = 3_600_000_000


def _counted(
    make: MakeFold, seqs: list[int], *, from_start: bool = True
) -> tuple[Tally, AggregationSnapshot]:
    """Return the tally and the snapshot after one source sent these numbers."""
    fold = make()
    values = [encode(event(source_seq=seq)) for seq in seqs]
    start = empty_snapshot(0, 0, from_start=from_start)
    drained, bad = fold_all(fold, log_of(values), start)
    assert not bad
    return drained.tallies[0], fold.snapshot(0, len(values))


@both
def test_a_filled_hole_counts_and_lowers_missing(make: MakeFold) -> None:
    """A number that was missing is an event when it comes, and a duplicate the second time."""
    tally, snapshot = _counted(make, [0, 3, 1, 1, 2, 0, 4])
    assert tally == Tally(events=5, duplicates=2, missing=0)
    assert (snapshot.publishers[0].next_seq, snapshot.publishers[0].holes) == (5, ())
    assert _counted(make, [0, 3])[0] == Tally(events=2, duplicates=0, missing=2)


@both
def test_only_the_newest_holes_are_kept(make: MakeFold) -> None:
    """Of more than 64 holes the oldest are given up: they stay missing, latecomers are repeats."""
    tally, snapshot = _counted(make, [0, 101, 36, 37, 100, 300])
    assert snapshot.publishers[0].holes == tuple(range(300 - MAX_HOLES, 300))
    assert tally == Tally(events=5, duplicates=1, missing=100 - 2 + 198)


@both
def test_the_first_number_of_a_source(make: MakeFold) -> None:
    """Read from the start, a first number s says s events are missing; else it is the beginning."""
    assert _counted(make, [5, 6])[0] == Tally(events=2, duplicates=0, missing=5)
    late, snapshot = _counted(make, [5, 6, 4], from_start=False)
    assert late == Tally(events=2, duplicates=1, missing=0)
    assert not snapshot.from_start


@both
def test_foreign_events_are_never_repeats(make: MakeFold) -> None:
    """Number -1 counts each time and loses nothing, also beside numbered events of that source."""
    tally, snapshot = _counted(make, [-1, -1, 0, -1, 2, -1])
    assert tally == Tally(events=6, duplicates=0, missing=1)
    assert snapshot.publishers[0].next_seq == 3
    assert _counted(make, [-1, -1])[1].publishers[0].next_seq == -1


def _heard(source: str, seq: int, time_us: int) -> ExecutionEvent:
    return event(source=source, source_seq=seq, submitted_at=T0_US, event_time=time_us)


@both
def test_a_source_is_forgotten_after_a_day_of_events(make: MakeFold) -> None:
    """After 24 h of the partition's event time without it, a source begins anew."""
    day = [_heard("busy", hour, T0_US + hour * HOUR_US) for hour in range(26)]
    quiet = [_heard("quiet", 0, T0_US), *day]
    timestamp_ms = (T0_US + 2 * SOURCE_LIFE_US) // 1_000
    for last, expected in ((24, 1), (25, 0)):
        made = [*quiet[: last + 2], _heard("quiet", 0, T0_US + last * HOUR_US)]
        fold = make()
        drained, bad = fold_all(fold, log_of(map(encode, made), timestamp_ms))
        assert not bad
        assert drained.tallies[0].duplicates == expected, last
    fold = make()
    fold_all(fold, log_of(map(encode, quiet), timestamp_ms))
    assert [each.source for each in fold.snapshot(0, 0).publishers] == ["busy"]
    again = make()
    again.restore(fold.snapshot(0, 0))
    more = [_heard("quiet", 0, T0_US), _heard("busy", 25, T0_US), _heard("busy", 26, T0_US)]
    for each in (fold, again):
        feed(each, 0, log_of(map(encode, more), timestamp_ms))
    assert fold.drain().tallies[0] == again.drain().tallies[0] == Tally(2, 1, 0)
    assert fold.snapshot(0, 0) == again.snapshot(0, 0)


@both
def test_a_weekend_does_not_make_sources_forgotten(make: MakeFold) -> None:
    """A jump of event time counts as an hour at most: Monday's first event loses nobody's past."""
    friday, monday = T0_US, T0_US + 60 * HOUR_US
    made = [
        _heard("one", 0, friday),
        _heard("two", 0, friday),
        _heard("one", 1, monday),
        _heard("two", 1, monday),
    ]
    drained, _ = fold_all(make(), log_of(map(encode, made), timestamp_ms=monday // 1_000))
    assert drained.tallies[0] == Tally(events=4, duplicates=0, missing=0)


@both
@pytest.mark.parametrize("snapshots", [(), (6,), (24, 26), (3, 25, 26)])
def test_a_forgotten_source_that_returns_has_lost_nothing(
    make: MakeFold, snapshots: tuple[int, ...]
) -> None:
    """Its past was counted before: wherever a restart lay, its next number is its beginning.

    Before any source was forgotten a new one begins at 0, and what is missing before it is lost.
    """
    timestamp_ms = (T0_US + 2 * SOURCE_LIFE_US) // 1_000
    made = [_heard("weekly", seq, T0_US) for seq in range(50)]
    made += [_heard("busy", hour, T0_US + hour * HOUR_US) for hour in range(24)]
    made += [_heard("new", 7, T0_US + 23 * HOUR_US)]
    made += [_heard("busy", hour, T0_US + hour * HOUR_US) for hour in range(24, 27)]
    made += [_heard("weekly", 50, T0_US + 26 * HOUR_US), _heard("newer", 9, T0_US + 26 * HOUR_US)]
    fold, missing = make(), 0
    fold.restore(empty_snapshot(0, 0, from_start=True))
    for at, one in enumerate(made):
        feed(fold, 0, log_of([encode(one)], timestamp_ms))
        if at - 49 in snapshots:
            missing += fold.drain().tallies[0].missing
            snapshot, fold = fold.snapshot(0, at + 1), make()
            fold.restore(snapshot)

    assert 7 == missing + fold.drain().tallies[0].missing
    assert not fold.snapshot(0, len(made)).from_start


@both
def test_a_publisher_s_losses_and_strategies_are_told(make: MakeFold) -> None:
    """Losses are its own; strategies are remembered over drains, snapshots and re-scans."""

    def sent(source: str, seq: int, strategy: str) -> ExecutionEvent:
        return event(source=source, source_seq=seq, strategy=strategy)

    first = [sent("a", 0, "x"), sent("a", 1, "y"), sent("b", 3, "y"), sent("b", 0, "y")]
    second = [sent("a", 9, "x"), sent("b", 4, "z")]
    fold, again = make(), make()
    drained, _ = fold_all(fold, log_of(map(encode, first)), empty_snapshot(0, 0, from_start=True))
    told = [(one.source, one.missing, one.strategies) for one in drained.publishers]
    assert told == [("a", 0, only("x") | only("y")), ("b", 2, only("y"))]
    assert drained.tallies[0].missing == 2

    again.restore(empty_snapshot(0, 0, from_start=True))
    feed(again, 0, log_of(map(encode, first)), summed=False)
    restored = make()
    restored.restore(fold.snapshot(0, 4))
    for each in (fold, again, restored):
        feed(each, 0, log_of(map(encode, second)))
        told = [(one.source, one.missing, one.strategies) for one in each.drain().publishers]
        assert told == [("a", 7, only("x") | only("y")), ("b", 0, only("y") | only("z"))]
