"""Orders as the sums that a judge folds, for laws and simulations of the judge `sequential`."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from tradecanary.processors.decision.cohorts import Cohort, Ripe, Stream
from tradecanary.processors.decision.judge_settings import Sequential
from tradecanary.processors.decision.judges.judge import Terms
from tradecanary.processors.decision.judges.sequential.fold import fold
from tradecanary.processors.decision.judges.sequential.reference import Reference, freeze
from tradecanary.processors.decision.judges.sequential.state import SequentialState, start
from tradecanary.processors.decision.sums import MeasureTotal, Sums
from tradecanary.schemas.execution import OrderStatus
from tradecanary.schemas.histogram import bucket_of

_STATUSES = tuple(OrderStatus)
_NAMES = ("latency_us", "slippage_milli_bp", "pnl_milli_bp")


def total(values: Sequence[int]) -> MeasureTotal:
    """Return the exact sums of integer values."""
    return MeasureTotal(
        len(values),
        sum(values),
        sum(value * value for value in values),
        dict(Counter(bucket_of(value) for value in values)),
    )


@dataclass(frozen=True, slots=True)
class World:
    """Orders of one variant: lognormal latency, normal slippage and P&L, unfilled ones."""

    unfilled: float = 0.05
    latency: float = 5_000.0
    slippage: float = 300.0
    pnl: float = 1_000.0
    errors: float = 0.0

    def sums(self, orders: int, rng: np.random.Generator) -> Sums:
        """Return the sums of so many orders."""
        statuses = [0] * len(_STATUSES)
        bad = int(rng.binomial(orders, self.unfilled))
        rejected = int(rng.binomial(bad, self.errors)) if self.errors else 0
        statuses[_STATUSES.index(OrderStatus.FILLED)] = orders - bad
        statuses[_STATUSES.index(OrderStatus.REJECTED)] = rejected
        statuses[_STATUSES.index(OrderStatus.CANCELED)] = bad - rejected
        drawn = (
            self.latency * np.exp(0.6 * rng.standard_normal(orders)),
            self.slippage + 1_500 * rng.standard_normal(orders - bad),
            self.pnl + 5_000 * rng.standard_normal(orders),
        )
        measures = {
            name: total([round(value) for value in values.tolist()])
            for name, values in zip(_NAMES, drawn, strict=True)
        }
        return Sums(orders=orders, statuses=tuple(statuses), measures=measures)


STABLE_WORLD = World()


def frozen(settings: Sequential, seed: int = 7, orders: int = 12_000) -> Reference:
    """Return the reference of that many orders of the stable world."""
    return freeze(STABLE_WORLD.sums(orders, np.random.default_rng(seed)), settings)


def cohort(number: int, canary: Sums, stable: Sums, revision: int = 1) -> Cohort:
    """Return one cohort with both variants' sums."""
    return Cohort(number * 1_000_000, revision, variants={"canary": canary, "stable": stable})


def drawn(canary: World, seed: int, cohorts: int, canary_bp: int, size: int = 200) -> list[Cohort]:
    """Return cohorts of `size` orders, each routed by a coin of `canary_bp`."""
    rng = np.random.default_rng(seed)
    found = []
    for number in range(cohorts):
        routed = int(rng.binomial(size, canary_bp / 10_000))
        sums = canary.sums(routed, rng), STABLE_WORLD.sums(size - routed, rng)
        found.append(cohort(number, *sums))
    return found


def taken(
    state: SequentialState, settings: Sequential, cohorts: Sequence[Cohort], terms: Terms
) -> SequentialState:
    """Return the state after one look at which all `cohorts` were mature in both streams."""
    ripe = [
        (Ripe(stream, each), terms) for each in cohorts for stream in (Stream.ORDERS, Stream.PNL)
    ]
    return fold(state, settings, ripe)


def looked(
    canary: World, settings: Sequential, seed: int, canary_bp: int, orders: int
) -> SequentialState:
    """Return the state when the judge found harm, or after so many canary orders; looks often."""
    reference = frozen(settings)
    terms = Terms(0, canary_bp, reference)
    state = start(settings, reference)
    rng = np.random.default_rng(seed)
    size = 10 * 10_000 // canary_bp
    number = 0
    while state.canary_orders < orders and not state.harm:
        each = drawn(canary, int(rng.integers(1 << 40)), 1, canary_bp, size)
        state = taken(state, settings, each, terms)
        number += 1
    return state
