"""Evidence by cohort: orders are compared with orders sent at the same time, at the same age.

A cohort's orders are mature when the watermark has passed its end by the order horizon: then its
every order must have been reported; its P&L when the watermark has passed it by the mark-out
horizon. What comes later was folded without it: late.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field, replace
from enum import Enum

from tradecanary.processors.decision.account_totals import Book, merge, of_partials
from tradecanary.processors.decision.sums import Sums
from tradecanary.schemas.metrics import PartialSums
from tradecanary.schemas.units import COHORT_US


class Stream(Enum):
    """What of a cohort is mature: its orders with all but P&L, or its P&L; late: after it was."""

    ORDERS = "orders"
    PNL = "pnl"
    LATE_ORDERS = "late orders"
    LATE_PNL = "late pnl"


@dataclass(frozen=True, slots=True)
class Horizons:
    """The age at which orders are scored, and the one at which their P&L is known."""

    order_us: int
    markout_us: int

    def orders_ripe_at_us(self, cohort_us: int) -> int:
        """Return the watermark at which the cohort's orders are mature."""
        return cohort_us + COHORT_US + self.order_us

    def pnl_ripe_at_us(self, cohort_us: int) -> int:
        """Return the watermark at which the cohort's P&L is mature: never before its orders."""
        return cohort_us + COHORT_US + max(self.order_us, self.markout_us)


@dataclass(frozen=True, slots=True)
class Cohort:
    """Both variants' sums of one cohort under one revision; `folded`: its orders were mature.

    `accounts`: totals by variant and account, where the account is the unit.
    """

    cohort_us: int
    revision: int
    folded: bool = False
    variants: dict[str, Sums] = field(default_factory=dict)
    accounts: dict[str, Book] = field(default_factory=dict)

    @property
    def key(self) -> str:
        """The coin's probability is that of the revision: it is part of the key."""
        return f"{self.cohort_us}/{self.revision}"

    def orders(self, variant: str) -> int:
        """Return the orders of `variant` reported so far."""
        sums = self.variants.get(variant)
        return sums.orders if sums else 0

    def plus(self, partials: Iterable[PartialSums], histograms: Collection[str]) -> Cohort:
        """Return the cohort with groups added, which are all its own."""
        groups: dict[str, list[PartialSums]] = {}
        for partial in partials:
            groups.setdefault(partial.variant, []).append(partial)
        variants, accounts = dict(self.variants), dict(self.accounts)
        for variant, group in groups.items():
            variants[variant] = variants.get(variant, Sums()).plus(group, histograms)
            book = of_partials(group)
            if book:
                accounts[variant] = merge((accounts.get(variant, {}), book))
        return replace(self, variants=variants, accounts=accounts)


@dataclass(frozen=True, slots=True)
class Ripe:
    """A cohort of which one stream is mature."""

    stream: Stream
    cohort: Cohort


Pending = Mapping[str, Cohort]


def add(
    pending: Pending,
    partials: Iterable[PartialSums],
    horizons: Horizons,
    folded_us: int,
    histograms: Collection[str] = (),
) -> dict[str, Cohort]:
    """Return the pending cohorts with groups added; a cohort folded before takes no more.

    `folded_us`: the watermark up to which cohorts were folded. `histograms`: of which measures.
    """
    groups: dict[str, list[PartialSums]] = {}
    found = dict(pending)
    for partial in partials:
        at_us = partial.cohort_us
        if folded_us >= horizons.pnl_ripe_at_us(at_us):
            continue
        folded = folded_us >= horizons.orders_ripe_at_us(at_us)
        cohort = Cohort(at_us, partial.routing_revision, folded)
        found.setdefault(cohort.key, cohort)
        groups.setdefault(cohort.key, []).append(partial)
    for key, group in groups.items():
        found[key] = found[key].plus(group, histograms)
    return found


def late(
    partials: Iterable[PartialSums],
    horizons: Horizons,
    folded_us: int,
    histograms: Collection[str],
) -> tuple[Ripe, ...]:
    """Return what came after its cohort was folded: nothing is dropped for lateness."""
    groups: dict[tuple[int, int], list[PartialSums]] = {}
    for partial in partials:
        if folded_us >= horizons.orders_ripe_at_us(partial.cohort_us):
            groups.setdefault((partial.cohort_us, partial.routing_revision), []).append(partial)
    found: list[Ripe] = []
    for (at_us, revision), group in sorted(groups.items()):
        cohort = Cohort(at_us, revision, folded=True).plus(group, histograms)
        found.append(Ripe(Stream.LATE_ORDERS, cohort))
        if folded_us >= horizons.pnl_ripe_at_us(at_us):
            found.append(Ripe(Stream.LATE_PNL, cohort))
    return tuple(found)


def mature(
    pending: Pending, horizons: Horizons, watermark_us: int
) -> tuple[tuple[Ripe, ...], dict[str, Cohort]]:
    """Return what became mature, oldest cohort first and orders before P&L, and the pending."""
    ripe: list[Ripe] = []
    rest: dict[str, Cohort] = {}
    for cohort in sorted(pending.values(), key=lambda cohort: (cohort.cohort_us, cohort.revision)):
        if watermark_us >= horizons.orders_ripe_at_us(cohort.cohort_us) and not cohort.folded:
            ripe.append(Ripe(Stream.ORDERS, cohort))
        if watermark_us >= horizons.pnl_ripe_at_us(cohort.cohort_us):
            ripe.append(Ripe(Stream.PNL, cohort))
        else:
            folded = watermark_us >= horizons.orders_ripe_at_us(cohort.cohort_us)
            rest[cohort.key] = cohort if folded == cohort.folded else replace(cohort, folded=folded)
    return tuple(ripe), rest
