"""Exact integer sums per account: merged in any order they are equal to the bit."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace

from tradecanary.processors.decision.sums import errors_of, filled_of
from tradecanary.schemas.metrics import PartialSums

PNL = "pnl_milli_bp"
KEPT = frozenset({"latency_us", "slippage_milli_bp", PNL})
"""The measures that are kept by account: those that are judged."""
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

    def without_pnl(self) -> AccountTotals:
        """Return all but the P&L: what is known of orders at the order horizon."""
        measures = {name: moments for name, moments in self.measures.items() if name != PNL}
        return replace(self, measures=measures)

    @property
    def has_pnl(self) -> bool:
        """Whether the P&L of any order is known."""
        return PNL in self.measures

    def only_pnl(self) -> AccountTotals:
        """Return the P&L and nothing else, no orders either."""
        return AccountTotals(measures={PNL: self.measures[PNL]} if PNL in self.measures else {})

    def moments(self, measure: str) -> Moments:
        """Return the moments of `measure`, UNFILLED and ERRORS too; empty if never measured."""
        if measure == UNFILLED:
            return Moments(self.orders, self.unfilled, self.unfilled)
        if measure == ERRORS:
            return Moments(self.orders, self.errors, self.errors)
        return self.measures.get(measure, _NOTHING)


_NO_ORDERS = AccountTotals()
Book = Mapping[str, AccountTotals]
"""Totals by account."""


def of_partials(partials: Iterable[PartialSums]) -> dict[str, AccountTotals]:
    """Return the totals by account of the groups that name one; histograms are left out."""
    found: dict[str, AccountTotals] = {}
    for partial in partials:
        if partial.account:
            known = found.get(partial.account, _NO_ORDERS)
            found[partial.account] = known.plus(_of_partial(partial))
    return found


def _of_partial(partial: PartialSums) -> AccountTotals:
    return AccountTotals(
        orders=partial.orders,
        unfilled=partial.orders - filled_of(partial),
        errors=errors_of(partial),
        measures={
            measure.name: Moments(measure.n, measure.total, measure.total_sq)
            for measure in partial.measures
            if measure.n and measure.name in KEPT
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
