"""Orders through the production judge, second by second: the world of statistics.md section 5.

One strategy, one coin an order. Fills 95 %, latency lognormal (median 5 ms, sigma .6), slippage
.3 + t(3) bp, P&L 1 + 5 t(2.5) bp of notional. Cohorts hold about ten canary orders.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tradecanary.processors.decision.cohorts import Cohort, Ripe, Stream
from tradecanary.processors.decision.judge_settings import Sequential
from tradecanary.processors.decision.judges.sequential.fold import fold
from tradecanary.processors.decision.judges.sequential.reference import Reference, freeze
from tradecanary.processors.decision.judges.sequential.state import SequentialState, start
from tradecanary.processors.decision.planning.typical import typical
from tradecanary.processors.decision.sums import MeasureTotal, Sums
from tradecanary.schemas.execution import OrderStatus
from tradecanary.schemas.histogram import bucket_of
from tradecanary.schemas.units import CANARY, COHORT_US, FULL_WEIGHT_BP, STABLE

_Doubles = NDArray[np.float64]
_CANARY_A_COHORT = 10
_DEFAULTS = Sequential()


@dataclass(frozen=True, slots=True)
class Harm:
    """How the canary is worse than stable: nothing by default.

    `beyond`: share of its orders that are acknowledged 30 ms later.
    """

    unfilled_pp: float = 0.0
    latency_pct: float = 0.0
    slippage_bp: float = 0.0
    pnl_bp: float = 0.0
    beyond: float = 0.0


@dataclass(frozen=True, slots=True)
class OrdersWorld:
    """One rollout in one phase; the same seed gives the same orders."""

    weight_bp: int
    harm: Harm = Harm()
    settings: Sequential = _DEFAULTS

    @property
    def reference(self) -> Reference:
        """What stable's orders before the rollout were frozen to."""
        return freeze(typical(), self.settings)

    def states(self, seed: int) -> Iterator[SequentialState]:
        """Yield the judge's state after every cohort, without end."""
        random = np.random.default_rng([seed, self.weight_bp])
        reference = self.reference
        state = start(self.settings, reference)
        share = self.weight_bp / FULL_WEIGHT_BP
        at_us = 0
        while True:
            canary = random.random(round(_CANARY_A_COHORT / share)) < share
            arms = {
                CANARY: self._sums(int(canary.sum()), random, self.harm),
                STABLE: self._sums(int((~canary).sum()), random, Harm()),
            }
            for stream in (Stream.ORDERS, Stream.PNL):
                ripe = Ripe(stream, Cohort(at_us, 1, variants=arms))
                state = fold(state, self.settings, ripe, 0, self.weight_bp, reference)
            at_us += COHORT_US
            yield state

    def found(self, seed: int, most: int = 40_000) -> int:
        """Return the canary orders until harm is found, `most` when it is not."""
        for state in self.states(seed):
            if state.harm or state.canary_orders >= most:
                return state.canary_orders
        raise AssertionError("orders never end")

    @staticmethod
    def _sums(n: int, random: np.random.Generator, harm: Harm) -> Sums:
        filled = random.random(n) < 0.95 - harm.unfilled_pp / 100
        late_us = 30_000 * (random.random(n) < harm.beyond)
        latency = random.lognormal(np.log(5_000), 0.6, n) * (1 + harm.latency_pct / 100) + late_us
        slippage = 1_000 * (0.3 + harm.slippage_bp + random.standard_t(3, n))
        pnl = 1_000 * (1 - harm.pnl_bp + 5 * random.standard_t(2.5, n))
        done = int(filled.sum())
        counts = {OrderStatus.FILLED: done, OrderStatus.EXPIRED: n - done}
        return Sums(
            orders=n,
            statuses=tuple(counts.get(status, 0) for status in OrderStatus),
            measures={
                "latency_us": _total(latency),
                "slippage_milli_bp": _total(slippage[filled]),
                "pnl_milli_bp": _total(pnl),
            },
        )


def _total(values: _Doubles) -> MeasureTotal:
    whole = np.rint(values).astype(np.int64).tolist()
    squares = sum(value * value for value in whole)
    histogram = Counter(bucket_of(value) for value in whole)
    return MeasureTotal(len(whole), sum(whole), squares, dict(histogram))
