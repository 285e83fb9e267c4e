"""From the compiled fold's tables to PartialSums: limbs to Python's integers, keys to text."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from tradecanary.processors.aggregation import kernel_groups as at
from tradecanary.processors.aggregation.compiled_tables import FREE
from tradecanary.processors.aggregation.kernel_decode import MEASURE_COUNT, STATUS_COUNT
from tradecanary.processors.aggregation.kernel_groups import Groups
from tradecanary.schemas.execution import Mode
from tradecanary.schemas.measures import MEASURE_NAMES
from tradecanary.schemas.metrics import MeasureSums, PartialSums
from tradecanary.schemas.strict import read_varint
from tradecanary.schemas.units import COHORT_US

Key = tuple[str, str, str, str, str, int, int, Mode, str, int]
_MODES = tuple(Mode)
_Histogram = tuple[list[int], list[int]]


def _text(data: bytes, start: int) -> tuple[str, int]:
    length, start = read_varint(data, start)
    return data[start : start + length].decode(), start + length


def _key(group: Sequence[int], keys: bytes) -> Key:
    start = group[at.G_AT]
    strategy, start = _text(keys, start)
    version, start = _text(keys, start)
    variant, start = _text(keys, start)
    revision, start = read_varint(keys, start)
    weight_bp, start = read_varint(keys, start)
    region, start = _text(keys, start)
    venue, start = _text(keys, start)
    account = keys[start : start + group[at.G_ACCOUNT]].decode()
    cohort_us = group[at.G_COHORT] * COHORT_US
    mode = _MODES[group[at.G_MODE]]
    return strategy, region, venue, variant, version, revision, weight_bp, mode, account, cohort_us


def _histograms(groups: Groups) -> dict[int, _Histogram]:
    """Return buckets in rising order and their counts, by row * MEASURE_COUNT + measure."""
    taken = groups.buckets[groups.buckets[:, 0] != FREE]
    taken = taken[np.argsort(taken[:, 0])]
    places, counts = taken[:, 0], taken[:, 1].tolist()
    owners = places >> at.BUCKET_BITS
    buckets = ((places & ((1 << at.BUCKET_BITS) - 1)) - at.BUCKET_ZERO).tolist()
    found, starts = np.unique(owners, return_index=True)
    ends = [*starts.tolist(), len(buckets)][1:]
    return {
        owner: (buckets[start:end], counts[start:end])
        for owner, start, end in zip(found.tolist(), starts.tolist(), ends, strict=True)
    }


def _measures(
    group: Sequence[int], row: int, histograms: dict[int, _Histogram]
) -> tuple[MeasureSums, ...]:
    measures = []
    for measure, name in enumerate(MEASURE_NAMES):
        start = at.G_SUMS + at.SUM_COLUMNS * measure
        n, a, b, aa_high, aa, ab_high, ab, bb_high, bb = group[start : start + at.SUM_COLUMNS]
        buckets, counts = histograms.get(row * MEASURE_COUNT + measure, ((), ()))
        squares = ((aa_high << 32) + aa) << 48
        squares += ((ab_high << 32) + ab) << 25
        squares += (bb_high << 32) + bb
        total = (a << 24) + b
        measures.append(MeasureSums(name, n, total, squares, tuple(buckets), tuple(counts)))
    return tuple(measures)


def _merged_measure(one: MeasureSums, two: MeasureSums) -> MeasureSums:
    counts = dict(zip(one.buckets, one.bucket_counts, strict=True))
    for bucket, count in zip(two.buckets, two.bucket_counts, strict=True):
        counts[bucket] = counts.get(bucket, 0) + count
    buckets = tuple(sorted(counts))
    return MeasureSums(
        name=one.name,
        n=one.n + two.n,
        total=one.total + two.total,
        total_sq=one.total_sq + two.total_sq,
        buckets=buckets,
        bucket_counts=tuple(counts[bucket] for bucket in buckets),
    )


def _merged(key: Key, one: PartialSums, two: PartialSums) -> PartialSums:
    """Return the sums of both: the same key, once written with longer varints."""
    return PartialSums(
        *key,
        orders=one.orders + two.orders,
        markouts=one.markouts + two.markouts,
        status_counts=tuple(map(sum, zip(one.status_counts, two.status_counts, strict=True))),
        late=one.late + two.late,
        unbenchmarked=one.unbenchmarked + two.unbenchmarked,
        unacknowledged=one.unacknowledged + two.unacknowledged,
        error_accounts=one.error_accounts | two.error_accounts,
        measures=tuple(map(_merged_measure, one.measures, two.measures)),
    )


def partials_of(groups: Groups) -> tuple[PartialSums, ...]:
    """Return the sums of every group, in the order of their keys."""
    keys = groups.keys[: groups.used[at.BYTES]].tobytes()
    histograms = _histograms(groups)
    found: dict[Key, PartialSums] = {}
    for row, group in enumerate(groups.rows[: groups.used[at.COUNT]].tolist()):
        key = _key(group, keys)
        statuses = tuple(group[at.G_STATUSES : at.G_STATUSES + STATUS_COUNT])
        sums = PartialSums(
            *key,
            orders=sum(statuses),
            markouts=group[at.G_MARKOUTS],
            status_counts=statuses,
            late=group[at.G_LATE],
            unbenchmarked=group[at.G_NO_BENCHMARK],
            unacknowledged=group[at.G_NO_ACK],
            error_accounts=group[at.G_ERRORS],
            measures=_measures(group, row, histograms),
        )
        found[key] = _merged(key, found[key], sums) if key in found else sums
    return tuple(found[key] for key in sorted(found))
