"""What of the flow was lost, bad or not numbered, and which strategies it may concern.

A publisher's losses count for every strategy that it serves. Two things are nobody's, and so count
for all: bad records, whose strategy nobody could read, and what an aggregation of before lost
without saying of which publisher.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from tradecanary.schemas.metrics import MetricsBatch, PartialSums, PublisherProgress
from tradecanary.schemas.strategy_set import may_hold


@dataclass(frozen=True, slots=True)
class FlowCounts:
    """Counts of one strategy: its events, and what may be missing among them.

    `foreign`: events of its publishers without sequence numbers, whose losses nobody sees.
    """

    events: int = 0
    missing: int = 0
    bad: int = 0
    foreign: int = 0

    def plus(self, more: FlowCounts) -> FlowCounts:
        """Return both counted together."""
        return FlowCounts(
            self.events + more.events,
            self.missing + more.missing,
            self.bad + more.bad,
            self.foreign + more.foreign,
        )


@dataclass(frozen=True, slots=True)
class Losses:
    """What one look's manifests say is lost: by publisher, or nobody's (`missing`, `bad`)."""

    publishers: tuple[PublisherProgress, ...]
    missing: int
    bad: int

    def of(self, strategy: str, partials: Iterable[PartialSums]) -> FlowCounts:
        """Return the counts of `strategy`, whose sums of the look are `partials`, of any mode."""
        mine = [one for one in self.publishers if may_hold(one.strategies, strategy)]
        return FlowCounts(
            events=sum(partial.orders + partial.markouts for partial in partials),
            missing=self.missing + sum(one.missing for one in mine),
            bad=self.bad,
            foreign=sum(one.events for one in mine if one.top_seq < 0),
        )


def of_manifests(manifests: Iterable[MetricsBatch]) -> Losses:
    """Return what the manifests of one look say is lost."""
    missing = bad = 0
    publishers: list[PublisherProgress] = []
    for manifest in manifests:
        missing += sum(part.missing for part in manifest.ranges)
        missing -= sum(one.missing for one in manifest.publishers)
        bad += sum(part.bad for part in manifest.ranges)
        publishers += [one for one in manifest.publishers if one.missing or one.top_seq < 0]
    return Losses(tuple(publishers), missing, bad)
