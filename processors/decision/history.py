"""Stable's last orders, whether or not a rollout runs: what the canary will be measured against.

Two generations of mergeable sums: when the newer is full it becomes the older. Together they are
the last 10,000 to 20,000 orders (statistics.md 2.2, "Reference").
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, field, replace

from tradecanary.processors.decision.sums import Sums
from tradecanary.schemas.metrics import PartialSums
from tradecanary.schemas.units import STABLE

GENERATION_ORDERS = 10_000
HISTOGRAMS = ("latency_us", "slippage_milli_bp", "pnl_milli_bp")


@dataclass(frozen=True, slots=True)
class History:
    """The last orders of one version as the stable variant, revision 0 too."""

    version: str = ""
    newer: Sums = field(default_factory=Sums)
    older: Sums = field(default_factory=Sums)

    @property
    def orders(self) -> int:
        """Orders in both generations."""
        return self.newer.orders + self.older.orders

    def of(self, version: str) -> History:
        """Return the history of `version`: empty when another one was stable last."""
        return self if version == self.version else History(version)

    def sums(self) -> Sums:
        """Return both generations merged."""
        return self.older.merged(self.newer)


def take_in(history: History, partials: Collection[PartialSums], baseline: str) -> History:
    """Return the history with a look's LIVE groups taken in.

    `baseline`: the version that is stable (empty: not known yet, the one seen last).
    """
    for version, group in of_stable(partials, baseline):
        history = history.of(version)
        history = replace(history, newer=history.newer.plus(group, HISTOGRAMS))
        if history.newer.orders >= GENERATION_ORDERS:
            history = History(version, newer=Sums(), older=history.newer)
    return history


def of_stable(
    partials: Collection[PartialSums], baseline: str
) -> list[tuple[str, list[PartialSums]]]:
    """Return the groups of the stable variant by version, only `baseline`'s if one is known."""
    groups: dict[str, list[PartialSums]] = {}
    for partial in partials:
        if partial.variant == STABLE and baseline in {"", partial.version}:
            groups.setdefault(partial.version, []).append(partial)
    return sorted(groups.items())
