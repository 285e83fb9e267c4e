"""Evidence by cohort: orders are compared with orders sent at the same time, at the same age.

A cohort is mature when the watermark has passed its end by the maturity of the stream: then its
every order must have been reported (DESIGN 5, "Evidence is by cohort").
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from tradecanary.processors.decision.sums import Sums
from tradecanary.schemas.metrics import PartialSums
from tradecanary.schemas.units import COHORT_US


@dataclass(frozen=True, slots=True)
class CohortKey:
    """A cohort's orders under one vector: the coin's probability is that of the revision."""

    cohort_us: int
    revision: int

    def text(self) -> str:
        """Return the key as text, for a snapshot."""
        return f"{self.cohort_us}/{self.revision}"


@dataclass(frozen=True, slots=True)
class Cohort:
    """Both variants' sums of one cohort under one revision."""

    cohort_us: int
    revision: int
    variants: dict[str, Sums] = field(default_factory=dict)

    def orders(self, variant: str) -> int:
        """Return the orders of `variant` reported so far."""
        sums = self.variants.get(variant)
        return sums.orders if sums else 0


Pending = Mapping[str, Cohort]


def add(pending: Pending, partial: PartialSums) -> dict[str, Cohort]:
    """Return the pending cohorts with one group added."""
    key = CohortKey(partial.cohort_us, partial.routing_revision).text()
    cohort = pending.get(key) or Cohort(partial.cohort_us, partial.routing_revision)
    sums = cohort.variants.get(partial.variant, Sums()).plus(partial)
    variants = cohort.variants | {partial.variant: sums}
    return dict(pending) | {key: Cohort(cohort.cohort_us, cohort.revision, variants)}


def mature(
    pending: Pending, watermark_us: int, maturity_us: int
) -> tuple[tuple[Cohort, ...], dict[str, Cohort]]:
    """Return the cohorts that are mature, oldest first, and those still pending."""
    ripe = {
        key: cohort
        for key, cohort in pending.items()
        if watermark_us >= cohort.cohort_us + COHORT_US + maturity_us
    }
    ordered = sorted(ripe.values(), key=lambda cohort: (cohort.cohort_us, cohort.revision))
    return tuple(ordered), {key: c for key, c in pending.items() if key not in ripe}
