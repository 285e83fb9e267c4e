"""Exact integer sums per account: merged in any order they are equal to the bit."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from tradecanary.processors.decision.sums import Sums

UNFILLED = "unfilled"
"""Measure: 1 for an order that was not FILLED within the horizon, else 0."""
ERRORS = "errors"
"""Measure: 1 for an order REJECTED or TIMED_OUT, else 0."""


@dataclass(frozen=True, slots=True)
class Moments:
    """Count, total and total of squares of one measure; Python integers, so without a limit."""

    n: int = 0
    total: int = 0
    total_sq: int = 0

    def plus(self, more: Moments) -> Moments:
        """Return the merged moments.

        >>> Moments(1, 3, 9).plus(Moments(2, 4, 10))
        Moments(n=3, total=7, total_sq=19)
        """
        return Moments(self.n + more.n, self.total + more.total, self.total_sq + more.total_sq)


_NOTHING = Moments()


@dataclass(frozen=True, slots=True)
class AccountTotals:
    """What one account's orders did; `measures` by the names of schemas/measures.py."""

    orders: int = 0
    unfilled: int = 0
    errors: int = 0
    measures: Mapping[str, Moments] = field(default_factory=dict)

    def plus(self, more: AccountTotals) -> AccountTotals:
        """Return the merged totals."""
        merged = dict(self.measures)
        for name, moments in more.measures.items():
            merged[name] = merged.get(name, _NOTHING).plus(moments)
        return AccountTotals(
            orders=self.orders + more.orders,
            unfilled=self.unfilled + more.unfilled,
            errors=self.errors + more.errors,
            measures=merged,
        )

    def moments(self, measure: str) -> Moments:
        """Return the moments of `measure`, UNFILLED and ERRORS too; empty if never measured."""
        if measure == UNFILLED:
            return Moments(self.orders, self.unfilled, self.unfilled)
        if measure == ERRORS:
            return Moments(self.orders, self.errors, self.errors)
        return self.measures.get(measure, _NOTHING)


Book = Mapping[str, AccountTotals]
"""Totals by account."""


def of_sums(sums: Sums) -> AccountTotals:
    """Return the totals of one account's `sums`; histograms are left out."""
    return AccountTotals(
        orders=sums.orders,
        unfilled=sums.orders - sums.filled,
        errors=sums.errors,
        measures={
            name: Moments(measure.n, measure.total, measure.total_sq)
            for name, measure in sums.measures.items()
        },
    )


def merge(books: Iterable[Book]) -> dict[str, AccountTotals]:
    """Return the totals of all `books`, each account's added up."""
    merged: dict[str, AccountTotals] = {}
    for book in books:
        for account, totals in book.items():
            known = merged.get(account)
            merged[account] = totals if known is None else known.plus(totals)
    return merged
