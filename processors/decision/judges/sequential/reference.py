"""The frozen reference: stable's last orders as bins, scores and margins (statistics.md 2.2).

Frozen before the data it scores, so any bins are valid; few orders only make them blunt. Edges lie
at quantiles, snapped to buckets of the mergeable histogram, so that the aggregation needs no
configuration. A reference is frozen at the start of a rollout and at each phase boundary.
"""

from __future__ import annotations

import hashlib
from bisect import bisect_left
from collections.abc import Mapping
from dataclasses import dataclass, replace
from itertools import accumulate

from tradecanary.processors.decision.judge_settings import Sequential
from tradecanary.processors.decision.judges.sequential.streams import (
    LATENCY,
    MEASURED,
    SLIPPAGE,
    STREAMS,
    Measured,
)
from tradecanary.processors.decision.sums import MeasureTotal, Sums
from tradecanary.schemas.histogram import bucket_of, lower_edge

Q99_ORDERS, Q999_ORDERS = 2_000, 10_000
"""So many measured orders must a reference have before its tails are judged."""
QUANTILES = (1, 5, 10, *range(25, 1000, 25), 990, 995, 999)
"""Where the edges of bins lie, in thousandths of the reference's orders."""
_HALF = 500
_SMALLEST_RATE = 0.005


@dataclass(frozen=True, slots=True)
class MeasureReference:
    """One measure of stable's last orders.

    Bin i holds the buckets in (edges[i - 1], edges[i]]; `counts` are stable's orders in each.
    `q99`, `q999`: position of the edge beyond which (on the bad side) an order lies in the tail.
    `margin` is d1 in the measure's unit (a share of the mean where `relative`); `score_tolerance`
    and `score_margin` are d0 and d1 in mean rank.
    """

    measure: str
    n: int
    mean: float
    variance: float
    edges: tuple[int, ...]
    counts: tuple[int, ...]
    q99: int
    q999: int
    margin: float
    relative: bool
    score_tolerance: float
    score_margin: float

    def bin_of(self, bucket: int) -> int:
        """Return the bin of a histogram's bucket."""
        return bisect_left(self.edges, bucket)


@dataclass(frozen=True, slots=True, weakref_slot=True)
class Reference:
    """Rates of stable's last orders, and the measures that had enough of them."""

    orders: int
    unfilled_rate: float
    error_rate: float
    measures: tuple[MeasureReference | None, ...]

    @property
    def id(self) -> str:
        """Return twelve hex digits that name this reference in every record."""
        return hashlib.sha256(repr(self).encode()).hexdigest()[:12]


def freeze(stable: Sums, settings: Sequential, before: Reference | None = None) -> Reference:
    """Return the reference of `stable`'s orders.

    A measure that lacks orders keeps the reference of the phase before, or stays out (None).
    """
    old = before.measures if before is not None else (None,) * len(MEASURED)
    found = tuple(
        _measure_reference(measured, stable.measure(measured.measure), settings) or known
        for measured, known in zip(MEASURED, old, strict=True)
    )
    orders = max(stable.orders, 1)
    unfilled = (stable.orders - stable.filled) / orders
    return Reference(stable.orders, unfilled, stable.errors / orders, found)


def tolerated_ratio(rate: float, margin_pp: float, tolerance: float) -> float:
    """Return r0, the harmless ratio of bad orders: 1 + d0 / max(reference rate, 0.5 pp)."""
    return 1 + tolerance * margin_pp / 100 / max(rate, _SMALLEST_RATE)


def scores(reference: MeasureReference, bad_sign: int) -> tuple[float, ...]:
    """Return the score of each bin: bad_sign * (mid-rank - 1/2), in [-1/2, 1/2]."""
    ends = tuple(accumulate(reference.counts))
    pairs = zip(ends, reference.counts, strict=True)
    return tuple(bad_sign * ((end - count / 2) / reference.n - 0.5) for end, count in pairs)


def weights_of(reference: Reference) -> tuple[float, ...]:
    """Return the weight of every stream, in the order of STREAMS; absent ones have none."""
    by_name = {m.measure: known for m, known in zip(MEASURED, reference.measures, strict=True)}
    found = []
    for stream in STREAMS:
        known = by_name.get(stream.source)
        absent = stream.source and (known is None or not _is_judged(stream.name, known))
        found.append(0.0 if absent else stream.weight)
    total = sum(found)
    return tuple(weight / total for weight in found)


def has_tail(reference: MeasureReference, bad_sign: int) -> bool:
    """Return whether stable itself has orders in the tail: else no ratio can be shown to be low."""
    beyond = reference.counts[: reference.q99 + 1]
    return sum(beyond if bad_sign < 0 else reference.counts[reference.q99 + 1 :]) > 0


def has_far_tail(reference: MeasureReference) -> bool:
    """Return whether orders beyond the last thousandth are judged too."""
    return reference.n >= Q999_ORDERS


def shortcomings(reference: Reference) -> str:
    """Return what a small reference costs, or an empty text."""
    said = []
    for measured, known in zip(MEASURED, reference.measures, strict=True):
        if known is None:
            said.append(f"{measured.name} is not judged")
        elif known.n < Q99_ORDERS:
            said.append(f"tails of {measured.name} are not judged")
        elif known.n < Q999_ORDERS:
            said.append(f"{measured.name} beyond the last thousandth is not judged")
    return "; ".join(said)


def _is_judged(name: str, known: MeasureReference) -> bool:
    if name.endswith("_tail"):
        return known.n >= Q99_ORDERS
    if name.endswith("_mean"):
        return known.variance > 0 and known.margin > 0
    return True


def _measure_reference(
    measured: Measured, total: MeasureTotal, settings: Sequential
) -> MeasureReference | None:
    if total.n < settings.reference_orders // 2:  # not every order fills, or has a P&L yet
        return None
    buckets = sorted(total.histogram)
    at = _quantiles(total.histogram, buckets)
    edges = tuple(sorted({_edge(at, part) for part in QUANTILES}))
    counts = [0] * (len(edges) + 1)
    for bucket in buckets:
        counts[bisect_left(edges, bucket)] += total.histogram[bucket]
    mean = total.total / total.n
    bad_99, bad_999 = (990, 999) if measured.bad_sign > 0 else (10, 1)
    spread = middle(at[900]) - middle(at[100])
    margin = _margin(measured, settings, mean, spread)
    bare = MeasureReference(
        measure=measured.measure,
        n=total.n,
        mean=mean,
        variance=max(0.0, (total.n * total.total_sq - total.total**2) / total.n**2),
        edges=edges,
        counts=tuple(counts),
        q99=bisect_left(edges, _edge(at, bad_99)),
        q999=bisect_left(edges, _edge(at, bad_999)),
        margin=margin,
        relative=measured is LATENCY,
        score_tolerance=0.0,
        score_margin=0.0,
    )
    tolerance = _score_shift(bare, measured, total.histogram, settings.tolerance)
    full = _score_shift(bare, measured, total.histogram, 1.0)
    return replace(bare, score_tolerance=tolerance, score_margin=full)


def _quantiles(histogram: Mapping[int, int], buckets: list[int]) -> dict[int, int]:
    """Return the bucket of each quantile of QUANTILES, in per mille (as `quantile_bucket`)."""
    ends = list(accumulate(histogram[bucket] for bucket in buckets))
    n = ends[-1]
    ranks = {part: min(n - 1, n * part // 1000) for part in QUANTILES}
    return {part: buckets[bisect_left(ends, rank + 1)] for part, rank in ranks.items()}


def _edge(at: Mapping[int, int], part: int) -> int:
    """The last bucket of a bin: the quantile's own, below the median the one before it."""
    return at[part] if part >= _HALF else at[part] - 1


def middle(bucket: int) -> float:
    """Return the middle of a bucket, in the measure's unit."""
    away = bucket + 1 if bucket > 0 else bucket - 1
    return (lower_edge(bucket) + lower_edge(away)) / 2 if bucket else 0.0


def _margin(measured: Measured, settings: Sequential, mean: float, spread: float) -> float:
    margins = settings.margins
    if measured is LATENCY:
        return margins.latency_pct / 100
    if measured is SLIPPAGE:
        return margins.slippage_bp * measured.scale
    if margins.pnl_bp is not None:
        return margins.pnl_bp * measured.scale
    return max(abs(mean) / 2, spread / 20)


def _score_shift(
    reference: MeasureReference, measured: Measured, histogram: Mapping[int, int], share: float
) -> float:
    """Mean over the reference of h(x + d) - h(x), for d = `share` of the margin (2.2)."""
    by_bin = scores(reference, measured.bad_sign)
    shift = reference.margin * share
    moved = 0.0
    for bucket, count in histogram.items():
        x = middle(bucket)
        worse = x * (1 + shift) if reference.relative else x + measured.bad_sign * shift
        there = by_bin[reference.bin_of(bucket_of(round(worse)))]
        moved += count * (there - by_bin[reference.bin_of(bucket)])
    return max(0.0, moved / reference.n)
