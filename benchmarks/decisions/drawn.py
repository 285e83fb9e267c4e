"""Flows drawn from the world: which weights, how many orders a look, what is planted, what market.

Seeds: the same scenario, weight and run number give the same orders on any machine.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np

from benchmarks.decisions.block import Block, sums_of
from benchmarks.decisions.flow import Flow
from benchmarks.decisions.orders import SCORED
from benchmarks.decisions.world import Fault, Market, draw, plant
from tradecanary.schemas.units import FULL_WEIGHT_BP

REFERENCE_ORDERS = 20_000
"""Stable's orders before the rollout, on which a judge builds its frozen reference."""
LOOKS_PER_S = 5
ORDER_HORIZON_S = 2
_BLOCK_ORDERS = 20_000


@dataclass(frozen=True, slots=True)
class Phase:
    """A weight of the canary, and for how many rows it holds."""

    weight_bp: int
    rows: int


@dataclass(frozen=True, slots=True)
class Drawn:
    """A flow to draw: rows of `width` orders, `cohort_rows` of them a cohort, a look after each."""

    phases: tuple[Phase, ...]
    width: int
    cohort_rows: int = 1
    maturity_looks: int = 0
    fault: Fault | None = None
    fault_row: int = 0
    market: Callable[[np.random.Generator, int], Market] | None = None
    promotion_ends: bool = False

    def flow(self, seed: np.random.SeedSequence) -> Flow:
        """Return the flow of `seed`."""
        rng = np.random.default_rng(seed)
        reference = sums_of(draw(rng, Market.calm(1), REFERENCE_ORDERS), SCORED)
        return Flow(
            reference,
            self._blocks(rng),
            maturity_looks=self.maturity_looks,
            fault_row=self.fault_row,
            promotion_ends=self.promotion_ends,
        )

    def _blocks(self, rng: np.random.Generator) -> Iterator[Block]:
        rows = sum(phase.rows for phase in self.phases)
        market = self.market(rng, rows) if self.market else Market.calm(rows)
        step = max(1, _BLOCK_ORDERS // (self.width * self.cohort_rows)) * self.cohort_rows
        start = 0
        for number, phase in enumerate(self.phases):
            stop = start + phase.rows
            for first in range(start, stop, step):
                orders = draw(rng, market.rows(first, min(first + step, stop)), self.width)
                canary = rng.random(orders.statuses.shape) < phase.weight_bp / FULL_WEIGHT_BP
                if self.fault is not None:
                    faulty = canary.copy()
                    faulty[: max(0, self.fault_row - first)] = False
                    orders = plant(self.fault, orders, faulty, rng)
                yield Block(
                    orders,
                    canary,
                    phase.weight_bp,
                    phase=number,
                    first_cohort=first // self.cohort_rows,
                    cohort_rows=self.cohort_rows,
                )
            start = stop


def in_batches(
    weight_bp: int,
    canary_orders: int,
    *,
    batch: int = 10,
    good: int = 0,
    fault: Fault | None = None,
) -> Drawn:
    """Return a flow looked at after every `batch` canary orders or so, for `canary_orders`.

    The fault begins after `good` canary orders, which come on top.
    """
    rows = (good + canary_orders) // batch
    return Drawn(
        (Phase(weight_bp, rows),),
        batch * FULL_WEIGHT_BP // weight_bp,
        fault=fault,
        fault_row=good // batch,
    )


def in_time(weight_bp: int, orders_per_s: int, seconds: int, fault: Fault | None = None) -> Drawn:
    """Return a flow of cohorts of a second, looked at every 200 ms, mature after the horizon."""
    return Drawn(
        (Phase(weight_bp, seconds * LOOKS_PER_S),),
        orders_per_s // LOOKS_PER_S,
        cohort_rows=LOOKS_PER_S,
        maturity_looks=ORDER_HORIZON_S * LOOKS_PER_S,
        fault=fault,
    )


def seed_of(name: str, weight_bp: int, run: int) -> np.random.SeedSequence:
    """Return the seed of one run: of the scenario's name, its weight and the run's number."""
    return np.random.SeedSequence([zlib.crc32(name.encode()), weight_bp, run])
