"""A block of orders as the decider would hold them: exact sums by row, variant and cohort.

Vectorised over the block, equal to what `Sums.plus` makes of the aggregator's partial sums.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass, field

import numpy as np

from benchmarks.decisions.orders import MEASURED, STATUSES, Bools, Ints, Orders
from tradecanary.processors.decision.cohorts import Cohort
from tradecanary.processors.decision.sums import MeasureTotal, Sums
from tradecanary.schemas.units import CANARY, COHORT_US, STABLE

VARIANTS = (STABLE, CANARY)
"""The last axis of every array by variant."""

_SHIFT = 46
_BUCKET_BITS = 18
_ZERO = 1 << (_BUCKET_BITS - 1)
_LIMB_BITS = 24


def buckets(values: Ints) -> Ints:
    """Return the histogram bucket of every value: schemas.histogram.bucket_of, vectorised."""
    sizes = np.abs(values).astype(np.float64).view(np.int64) >> _SHIFT
    return np.where(values < 0, -sizes, sizes)


@dataclass(slots=True)
class Block:
    """Orders of one revision in rows, a row a look, and the coin that gave them their variant.

    `cohort_rows` rows in turn make a cohort; the first cohort is number `first_cohort`. Orders that
    are not `counted` are left out of every sum; None: all are counted.
    """

    orders: Orders
    canary: Bools
    weight_bp: int
    phase: int = 0
    first_cohort: int = 0
    cohort_rows: int = 1
    counted: Bools | None = None
    _totals: dict[str, tuple[Ints, Ints]] = field(default_factory=dict, init=False)

    @property
    def rows(self) -> int:
        """How many looks it has."""
        return int(self.canary.shape[0])

    def counts(self) -> Ints:
        """Return the orders by (row, variant, status)."""
        rows = np.arange(self.rows)[:, None] * len(VARIANTS)
        keys = (rows + self.canary) * len(STATUSES) + self.orders.statuses
        most = self.rows * len(VARIANTS) * len(STATUSES)
        counted = keys.ravel() if self.counted is None else keys[self.counted]
        found = np.bincount(counted, minlength=most)
        return found.reshape(self.rows, len(VARIANTS), len(STATUSES))

    def totals(self, name: str) -> tuple[Ints, Ints]:
        """Return count and total of a measure by (row, variant)."""
        if name not in self._totals:
            known = self._known(name)
            n = self._by_variant(np.ones_like(self.canary) if known is None else known)
            self._totals[name] = n, self._by_variant(self._known_values(name))
        return self._totals[name]

    def squares(self, name: str) -> Ints:
        """Return the total of squares by (row, variant). Raises OverflowError beyond 64 bits."""
        values = self._known_values(name)
        if _largest(values) ** 2 * values.shape[1] >= 1 << 63:
            raise OverflowError(f"squares of {name} leave 64 bits; ask exact_squares")
        return self._by_variant(values * values)

    def exact_squares(self, name: str) -> list[list[int]]:
        """Return the exact total of squares by (cohort, variant), however large, by limbs."""
        values = self._known_values(name)
        if _largest(values) ** 2 * values.shape[1] * self.cohort_rows < 1 << 63:
            whole: list[list[int]] = self._by_cohort(self._by_variant(values * values)).tolist()
            return whole
        high, low = values >> _LIMB_BITS, values & ((1 << _LIMB_BITS) - 1)
        parts = (
            self._by_cohort(self._by_variant(product)).tolist()
            for product in (high * high, high * low, low * low)
        )
        return [
            [
                (hh << 2 * _LIMB_BITS) + (hl << (_LIMB_BITS + 1)) + ll
                for hh, hl, ll in zip(*row, strict=True)
            ]
            for row in zip(*parts, strict=True)
        ]

    def cohorts(self, histograms: Collection[str]) -> Iterator[Cohort]:
        """Yield the production's cohorts, one after the other, with histograms of `histograms`."""
        statuses = self.counts()
        statuses = statuses.reshape(-1, self.cohort_rows, *statuses.shape[1:]).sum(axis=1)
        found = {name: self._measure(name, histograms) for name in MEASURED}
        for number, by_variant in enumerate(statuses.tolist()):
            yield Cohort(
                cohort_us=(self.first_cohort + number) * COHORT_US,
                revision=self.phase + 1,
                variants={
                    variant: Sums(
                        orders=sum(counts),
                        statuses=tuple(counts),
                        measures={name: next(totals) for name, totals in found.items()},
                    )
                    for variant, counts in zip(VARIANTS, by_variant, strict=True)
                },
            )

    def _measure(self, name: str, histograms: Collection[str]) -> Iterator[MeasureTotal]:
        """Yield the totals of a measure for every cohort and variant in turn."""
        n, totals = (self._by_cohort(each).ravel().tolist() for each in self.totals(name))
        squares = [square for row in self.exact_squares(name) for square in row]
        keys, counts, ends = (
            self._histograms(name) if name in histograms else ([], [], [0] * (len(n) + 1))
        )
        for index, count in enumerate(n):
            part = slice(ends[index], ends[index + 1])
            histogram = dict(zip(keys[part], counts[part], strict=True))
            yield MeasureTotal(count, totals[index], squares[index], histogram)

    def _histograms(self, name: str) -> tuple[list[int], list[int], list[int]]:
        """Return buckets and their counts of all groups in turn, and where each group begins."""
        groups = self.rows // self.cohort_rows * len(VARIANTS)
        if groups > 1 << (31 - _BUCKET_BITS):
            raise OverflowError(f"a block has {groups} groups; give it fewer rows")
        cohorts = (np.arange(self.rows) // self.cohort_rows)[:, None] * len(VARIANTS)
        place = (cohorts + self.canary).astype(np.int32) << _BUCKET_BITS
        keys = place + (buckets(self.orders.values[name]) + _ZERO).astype(np.int32)
        known = self._known(name)
        found, counts = np.unique(keys if known is None else keys[known], return_counts=True)
        starts = np.arange(groups + 1, dtype=np.int64) << _BUCKET_BITS
        ends = np.searchsorted(found.astype(np.int64), starts)
        own: Ints = (found & ((1 << _BUCKET_BITS) - 1)) - _ZERO
        return own.tolist(), counts.tolist(), ends.tolist()

    def _known(self, name: str) -> Bools | None:
        """Return which orders count and have the measure; None: all."""
        known = self.orders.known.get(name)
        if known is None or self.counted is None:
            return self.counted if known is None else known
        return known & self.counted

    def _known_values(self, name: str) -> Ints:
        known = self._known(name)
        values = self.orders.values[name]
        return values if known is None else np.where(known, values, 0)

    def _by_variant(self, values: Ints | Bools) -> Ints:
        """Return the sums of each row over stable's and over the canary's orders."""
        canary = (values * self.canary).sum(axis=1, dtype=np.int64)
        return np.stack([values.sum(axis=1, dtype=np.int64) - canary, canary], axis=1)

    def _by_cohort(self, by_row: Ints) -> Ints:
        by_cohort: Ints = by_row.reshape(-1, self.cohort_rows, len(VARIANTS)).sum(axis=1)
        return by_cohort


def _largest(values: Ints) -> int:
    """Return the largest size, as an integer without bounds."""
    return max(int(values.max(initial=0)), -int(values.min(initial=0)))


def sums_of(orders: Orders, histograms: Collection[str]) -> Sums:
    """Return the sums of all `orders` together, as of one variant."""
    flat = orders.reshaped(orders.statuses.size)
    block = Block(flat, np.zeros(flat.statuses.shape, dtype=np.bool_), weight_bp=0)
    (cohort,) = block.cohorts(histograms)
    return cohort.variants[STABLE]
