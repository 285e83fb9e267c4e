"""Exact sums of a variant's orders: partial sums merged, order-free, to the bit."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from tradecanary.schemas.decisions import VariantEvidence
from tradecanary.schemas.execution import ERROR_STATUSES, OrderStatus
from tradecanary.schemas.metrics import MeasureSums, PartialSums

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

    def plus(self, more: MeasureSums) -> MeasureTotal:
        """Return the merged total."""
        histogram = dict(self.histogram)
        for bucket, count in zip(more.buckets, more.bucket_counts, strict=True):
            histogram[bucket] = histogram.get(bucket, 0) + count
        return MeasureTotal(
            self.n + more.n, self.total + more.total, self.total_sq + more.total_sq, histogram
        )


_NOTHING = MeasureTotal()


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

    def plus(self, partial: PartialSums) -> Sums:
        """Return these sums with one group's partial sums added."""
        measures = dict(self.measures)
        for more in partial.measures:
            measures[more.name] = measures.get(more.name, _NOTHING).plus(more)
        return Sums(
            orders=self.orders + partial.orders,
            markouts=self.markouts + partial.markouts,
            statuses=tuple(
                a + b for a, b in zip(self.statuses, partial.status_counts, strict=True)
            ),
            late=self.late + partial.late,
            unbenchmarked=self.unbenchmarked + partial.unbenchmarked,
            unacknowledged=self.unacknowledged + partial.unacknowledged,
            error_accounts=self.error_accounts | partial.error_accounts,
            measures=measures,
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
        """Return the figures that a decision carries."""
        latency, slippage = self.measure("latency_us"), self.measure("slippage_milli_bp")
        pnl = self.measure("pnl_micros")
        return VariantEvidence(
            variant=variant,
            orders=self.orders,
            filled=self.filled,
            errors=self.errors,
            latency_n=latency.n,
            latency_total_us=latency.total,
            slippage_n=slippage.n,
            slippage_total_milli_bp=slippage.total,
            pnl_n=pnl.n,
            pnl_total_micros=pnl.total,
        )


def errors_of(partial: PartialSums) -> int:
    """Return how many orders of the group were REJECTED or TIMED_OUT."""
    return sum(partial.status_counts[index] for index in _ERRORS)


def merged(partials: Iterable[PartialSums]) -> Sums:
    """Return the sums of all `partials`."""
    sums = Sums()
    for partial in partials:
        sums = sums.plus(partial)
    return sums
