"""Orders whose outcomes arrive when they end: the production's cohorts decide what is evidence.

Two variants with the same outcomes, of which one ends its unfilled orders sooner, are equal; who
counts orders as they end takes that for quality.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterator
from dataclasses import dataclass, replace

import numpy as np
from typing_extensions import override

from benchmarks.decisions.block import VARIANTS, Block
from benchmarks.decisions.drawn import LOOKS_PER_S, Drawn
from benchmarks.decisions.flow import Flow, Look, MatureCohort
from benchmarks.decisions.orders import FILLED
from tradecanary.processors.decision.cohorts import Cohort, Horizons, Stream, add, mature
from tradecanary.processors.decision.sums import Sums
from tradecanary.schemas.execution import Mode
from tradecanary.schemas.metrics import MeasureSums, PartialSums
from tradecanary.schemas.units import CANARY, COHORT_US, STABLE, US_PER_S

_LOOK_US = US_PER_S // LOOKS_PER_S


@dataclass(frozen=True, slots=True)
class Lifetimes:
    """A flow drawn as `drawn`, where what is not filled ends after so many seconds by variant.

    The order horizon is the longer of the two.
    """

    drawn: Drawn
    stable_s: int
    canary_s: int

    def flow(self, seed: np.random.SeedSequence) -> Flow:
        """Return the flow of `seed`."""
        flow = self.drawn.flow(seed)
        return ArrivingFlow(
            flow.reference,
            flow.source,
            fault_row=flow.fault_row,
            promotion_ends=flow.promotion_ends,
            unfilled_looks={
                STABLE: self.stable_s * LOOKS_PER_S,
                CANARY: self.canary_s * LOOKS_PER_S,
            },
        )


@dataclass(slots=True, kw_only=True)
class ArrivingFlow(Flow):
    """A flow in which unfilled orders are heard of `unfilled_looks` later, by variant."""

    unfilled_looks: dict[str, int]

    @override
    def looks(self, histograms: Collection[str] | None) -> Iterator[Look]:
        horizon_us = max(self.unfilled_looks.values()) * _LOOK_US
        horizons = Horizons(order_us=horizon_us, markout_us=0)
        measures = () if histograms is None else tuple(histograms)
        waiting: defaultdict[int, list[PartialSums]] = defaultdict(list)
        pooled = {variant: Sums() for variant in VARIANTS}
        pending: dict[str, Cohort] = {}
        row, folded_us, routed = 0, 0, 0
        for block in self.blocks():
            canary_orders = block.canary.sum(axis=1).tolist()
            parts = self._parts(block, measures)
            for at_risk in canary_orders:
                for delay, partial in next(parts):
                    waiting[row + delay].append(partial)
                arrived = waiting.pop(row, [])
                for variant in VARIANTS:
                    own = [partial for partial in arrived if partial.variant == variant]
                    pooled[variant] = pooled[variant].plus(own)
                pending = add(pending, arrived, horizons, folded_us, measures)
                row, routed = row + 1, routed + at_risk
                folded_us = row * _LOOK_US
                ripe, pending = mature(pending, horizons, folded_us)
                yield Look(
                    tuple(
                        MatureCohort(each.cohort, block.phase, block.weight_bp)
                        for each in ripe
                        if each.stream is Stream.PNL
                    ),
                    pooled[STABLE].evidence(STABLE),
                    pooled[CANARY].evidence(CANARY),
                    routed,
                )

    def _parts(
        self, block: Block, histograms: Collection[str]
    ) -> Iterator[list[tuple[int, PartialSums]]]:
        """Yield for every row its orders as partial sums, each with how many looks later."""
        filled = block.orders.statuses == FILLED
        soon = replace(block, cohort_rows=1, counted=filled).cohorts(histograms)
        late = replace(block, cohort_rows=1, counted=~filled).cohorts(histograms)
        first_row = block.first_cohort * block.cohort_rows
        for number, (ended, ending) in enumerate(zip(soon, late, strict=True)):
            cohort_us = (first_row + number) // block.cohort_rows * COHORT_US
            yield [
                *((0, _partial(cohort_us, block, variant, ended)) for variant in VARIANTS),
                *(
                    (self.unfilled_looks[variant], _partial(cohort_us, block, variant, ending))
                    for variant in VARIANTS
                ),
            ]


def _partial(cohort_us: int, block: Block, variant: str, row: Cohort) -> PartialSums:
    """Return a variant's orders of one row as the aggregator reports them."""
    sums = row.variants[variant]
    return PartialSums(
        strategy="",
        region="",
        venue="",
        variant=variant,
        version=variant,
        routing_revision=row.revision,
        weight_bp=block.weight_bp,
        mode=Mode.LIVE,
        account="",
        cohort_us=cohort_us,
        orders=sums.orders,
        markouts=0,
        status_counts=sums.statuses,
        late=0,
        unbenchmarked=0,
        unacknowledged=0,
        error_accounts=0,
        measures=tuple(
            MeasureSums(
                name,
                total.n,
                total.total,
                total.total_sq,
                tuple(total.histogram),
                tuple(total.histogram.values()),
            )
            for name, total in sums.measures.items()
        ),
    )
