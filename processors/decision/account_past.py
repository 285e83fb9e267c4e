"""What each account's orders did under stable before a rollout: an account is its own control.

Two generations of totals, as in `history`: when the newer is full it becomes the older, so old
behaviour fades. Where the strategy is not routed by account nothing names one, and all is empty.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, field, replace

from tradecanary.processors.decision import keyed
from tradecanary.processors.decision.account_totals import (
    AccountTotals,
    Book,
    merge,
    of_partials,
)
from tradecanary.processors.decision.history import GENERATION_ORDERS, of_stable
from tradecanary.processors.decision.keyed import Keyed
from tradecanary.schemas.metrics import PartialSums

MOST_ACCOUNTS = 10_000
"""Accounts of a generation; those seen later in it have no past there."""
ORDERS_AN_ACCOUNT = 200
"""A generation is full when its accounts sent so many orders on average: ten times those needed."""


@dataclass(frozen=True, slots=True)
class Past:
    """Totals by account of one version as the stable variant; `orders`: of the newer generation."""

    version: str = ""
    orders: int = 0
    newer: Keyed[AccountTotals] = field(default_factory=dict)
    older: Keyed[AccountTotals] = field(default_factory=dict)

    def of(self, version: str) -> Past:
        """Return the past under `version`: empty when another one was stable last."""
        return self if version == self.version else Past(version)

    def book(self) -> Book:
        """Return both generations merged."""
        return merge(dict(keyed.items(generation)) for generation in (self.older, self.newer))


def take_in(past: Past, partials: Collection[PartialSums], baseline: str) -> Past:
    """Return the past with a look's LIVE groups taken in.

    `baseline`: the version that is stable (empty: not known yet, the one seen last).
    """
    for version, group in of_stable(partials, baseline):
        past = _grown(past, version, of_partials(group))
    return past


def _grown(past: Past, version: str, book: Book) -> Past:
    if not book:
        return past
    past = past.of(version)
    room = MOST_ACCOUNTS - keyed.count(past.newer)
    changes: dict[str, AccountTotals] = {}
    orders = past.orders
    for account, totals in sorted(book.items()):
        known = keyed.get(past.newer, account)
        if known is None:
            if not room:
                continue
            room -= 1
        changes[account] = totals if known is None else known.plus(totals)
        orders += totals.orders
    past = replace(past, orders=orders, newer=keyed.put(past.newer, changes))
    if orders < max(GENERATION_ORDERS, ORDERS_AN_ACCOUNT * keyed.count(past.newer)):
        return past
    return Past(version, newer={}, older=past.newer)
