"""Exact sums of a variant's orders: partial sums merged, order-free, to the bit."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, field

from tradecanary.schemas.decisions import VariantEvidence
from tradecanary.schemas.execution import ERROR_STATUSES, OrderStatus
from tradecanary.schemas.metrics import MeasureSums, PartialSums

_MOST = (1 << 63) - 1
_STATUSES = tuple(OrderStatus)
_FILLED = _STATUSES.index(OrderStatus.FILLED)
_ERRORS = tuple(_STATUSES.index(status) for status in _STATUSES if status in ERROR_STATUSES)


@dataclass(frozen=True, slots=True)
class MeasureTotal:
    """Count, total, total of squares and sparse histogram of one measure."""

    n: int = 0
    total: int = 0
    total_sq: int = 0
    histogram: dict[int, int] = field(default_factory=dict)

    def plus(self, more: Collection[MeasureSums], *, histogram_too: bool) -> MeasureTotal:
        """Return the merged total; the histogram is copied once, however much is added."""
        n, total, total_sq, histogram = self.n, self.total, self.total_sq, self.histogram
        for sums in more:
            n += sums.n
            total += sums.total
            total_sq += sums.total_sq
        if histogram_too:
            histogram = dict(histogram)
            for sums in more:
                for bucket, count in zip(sums.buckets, sums.bucket_counts, strict=True):
                    histogram[bucket] = histogram.get(bucket, 0) + count
        return MeasureTotal(n, total, total_sq, histogram)

    def merged(self, other: MeasureTotal) -> MeasureTotal:
        """Return both totals as one, histograms too."""
        histogram = dict(self.histogram)
        for bucket, count in other.histogram.items():
            histogram[bucket] = histogram.get(bucket, 0) + count
        return MeasureTotal(
            self.n + other.n, self.total + other.total, self.total_sq + other.total_sq, histogram
        )


_NOTHING = MeasureTotal()
POOLED_HISTOGRAMS = ("latency_us",)
"""Measures whose histograms are kept since the start of a rollout and of a phase: for the p99."""


@dataclass(frozen=True, slots=True)
class Sums:
    """What a set of orders did."""

    orders: int = 0
    markouts: int = 0
    statuses: tuple[int, ...] = (0,) * len(_STATUSES)
    late: int = 0
    unbenchmarked: int = 0
    unacknowledged: int = 0
    error_accounts: int = 0
    measures: dict[str, MeasureTotal] = field(default_factory=dict)

    def plus(self, partials: Collection[PartialSums], histograms: Collection[str] = ()) -> Sums:
        """Return these sums with groups' partial sums added.

        `histograms` names the measures whose histograms are kept: they cost more than all else.
        """
        if not partials:
            return self
        statuses, accounts = list(self.statuses), self.error_accounts
        by_name: dict[str, list[MeasureSums]] = {}
        for partial in partials:
            accounts |= partial.error_accounts
            for index, count in enumerate(partial.status_counts):
                statuses[index] += count
            for measure in partial.measures:
                by_name.setdefault(measure.name, []).append(measure)
        added = {
            name: self.measure(name).plus(more, histogram_too=name in histograms)
            for name, more in by_name.items()
        }
        return Sums(
            orders=self.orders + sum(partial.orders for partial in partials),
            markouts=self.markouts + sum(partial.markouts for partial in partials),
            statuses=tuple(statuses),
            late=self.late + sum(partial.late for partial in partials),
            unbenchmarked=self.unbenchmarked + sum(partial.unbenchmarked for partial in partials),
            unacknowledged=self.unacknowledged
            + sum(partial.unacknowledged for partial in partials),
            error_accounts=accounts,
            measures=self.measures | added,
        )

    def merged(self, other: Sums) -> Sums:
        """Return both sets of orders as one, histograms too."""
        names = {**self.measures, **other.measures}
        return Sums(
            orders=self.orders + other.orders,
            markouts=self.markouts + other.markouts,
            statuses=tuple(a + b for a, b in zip(self.statuses, other.statuses, strict=True)),
            late=self.late + other.late,
            unbenchmarked=self.unbenchmarked + other.unbenchmarked,
            unacknowledged=self.unacknowledged + other.unacknowledged,
            error_accounts=self.error_accounts | other.error_accounts,
            measures={name: self.measure(name).merged(other.measure(name)) for name in names},
        )

    @property
    def filled(self) -> int:
        """Orders FILLED within the horizon."""
        return self.statuses[_FILLED]

    @property
    def errors(self) -> int:
        """Orders REJECTED or TIMED_OUT."""
        return sum(self.statuses[index] for index in _ERRORS)

    def measure(self, name: str) -> MeasureTotal:
        """Return the totals of the measure called `name` (empty when nothing was measured)."""
        return self.measures.get(name, _NOTHING)

    def evidence(self, variant: str) -> VariantEvidence:
        """Return the figures that a decision carries; totals beyond 64 bits are cut there."""
        latency, slippage = self.measure("latency_us"), self.measure("slippage_milli_bp")
        pnl = self.measure("pnl_micros")
        return VariantEvidence(
            variant=variant,
            orders=self.orders,
            filled=self.filled,
            errors=self.errors,
            latency_n=latency.n,
            latency_total_us=_long(latency.total),
            slippage_n=slippage.n,
            slippage_total_milli_bp=_long(slippage.total),
            pnl_n=pnl.n,
            pnl_total_micros=_long(pnl.total),
        )


def _long(total: int) -> int:
    return max(-_MOST, min(total, _MOST))


def shape_problem(partial: PartialSums) -> str:
    """Return what makes a group impossible to add up, or an empty text."""
    if len(partial.status_counts) != len(_STATUSES):
        return f"status_counts were {len(partial.status_counts)}, must be {len(_STATUSES)}"
    for measure in partial.measures:
        if len(measure.buckets) != len(measure.bucket_counts):
            return (
                f"{measure.name} had {len(measure.buckets)} buckets and "
                f"{len(measure.bucket_counts)} counts, must be as many"
            )
    return ""


def filled_of(partial: PartialSums) -> int:
    """Return how many orders of the group were FILLED."""
    return partial.status_counts[_FILLED]


def errors_of(partial: PartialSums) -> int:
    """Return how many orders of the group were REJECTED or TIMED_OUT."""
    return sum(partial.status_counts[index] for index in _ERRORS)
