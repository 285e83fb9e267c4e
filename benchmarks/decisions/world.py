"""The world of statistics.md section 5, in the integers of our measures, and its faults as data.

Fills are Bernoulli(.95); latency is lognormal with median 5 ms and sigma .6; slippage is
.3 + t(3) bp; P&L is 1 + 5 t(2.5) bp of a notional of 10,000 dollars, so that 1 bp is 1 dollar. The
four are independent. What is not filled within the horizon ended with a remainder: so its slippage
and its P&L count, as in the study.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import assert_never

import numpy as np

from benchmarks.decisions.orders import FILLED, NOT_ALL_FILLED, Bools, Floats, Orders

UNFILLED = 0.05
LATENCY_MEDIAN_US = 5_000.0
LATENCY_SIGMA = 0.6
SLIPPAGE_MILLI_BP = 300.0
SLIPPAGE_SCALE_MILLI_BP = 1_000.0
SLIPPAGE_DF = 3.0
PNL_MILLI_BP = 1_000.0
PNL_SCALE_MILLI_BP = 5_000.0
PNL_DF = 2.5
MICROS_PER_MILLI_BP = 1_000
"""Of a notional of 10,000 dollars."""


class Effect(StrEnum):
    """How a fault changes the orders it befalls."""

    UNFILLED = "unfilled"
    SHIFT = "shift"
    SCALE = "scale"


@dataclass(frozen=True, slots=True)
class Fault:
    """A planted fault: `share` of the canary's orders suffer `effect` of `size` in `measure`.

    `size` is in the measure's unit for SHIFT and a factor for SCALE; UNFILLED has none.
    """

    name: str
    effect: Effect
    measure: str = ""
    size: float = 0.0
    share: float = 1.0


FAULTS = (
    Fault("fill -5 pp", Effect.UNFILLED, share=0.05 / (1 - UNFILLED)),
    Fault("latency x1.2", Effect.SCALE, "latency_us", 1.2),
    Fault("2 % +30 ms", Effect.SHIFT, "latency_us", 30_000, 0.02),
    Fault("slippage +0.5 bp", Effect.SHIFT, "slippage_milli_bp", 500),
    Fault("P&L -$1", Effect.SHIFT, "pnl_milli_bp", -1_000),
    Fault("1 % lose $200", Effect.SHIFT, "pnl_milli_bp", -200_000, 0.01),
)
"""The faults of statistics.md 5.9. The third doubles the p99: 3 % of the orders, not 1 %,
take longer than the reference's p99 of 20 ms, which rises to 35 ms."""

_MEAN_LATENCY_US = LATENCY_MEDIAN_US * float(np.exp(LATENCY_SIGMA**2 / 2))

MARGINS = (
    Fault("fill -1 pp", Effect.UNFILLED, share=0.01 / (1 - UNFILLED)),
    Fault("latency x1.2", Effect.SCALE, "latency_us", 1.2),
    Fault("1 % slower, mean x1.2", Effect.SHIFT, "latency_us", 0.2 * _MEAN_LATENCY_US / 0.01, 0.01),
    Fault("slippage +0.5 bp", Effect.SHIFT, "slippage_milli_bp", 500),
    Fault("1 % slip, mean +0.5 bp", Effect.SHIFT, "slippage_milli_bp", 50_000, 0.01),
)
"""Canaries exactly as bad as the margin that promotion must exclude (statistics.md 5.5)."""


@dataclass(frozen=True, slots=True)
class Market:
    """What the market does to both variants alike, one element a row of orders.

    Latency is multiplied; slippage and P&L are multiplied by `volatility`, then shifted.
    """

    unfilled: Floats
    latency: Floats
    volatility: Floats
    slippage_milli_bp: Floats
    pnl_milli_bp: Floats

    @classmethod
    def calm(cls, rows: int) -> Market:
        """Return the market in which nothing changes."""
        one, nothing = np.ones(rows), np.zeros(rows)
        return cls(np.full(rows, UNFILLED), one, one, nothing, nothing)

    def rows(self, first: int, stop: int) -> Market:
        """Return the rows from `first` up to `stop`."""
        return Market(
            self.unfilled[first:stop],
            self.latency[first:stop],
            self.volatility[first:stop],
            self.slippage_milli_bp[first:stop],
            self.pnl_milli_bp[first:stop],
        )


def draw(rng: np.random.Generator, market: Market, width: int) -> Orders:
    """Return `width` healthy orders for each row of `market`."""
    shape = market.unfilled.size, width
    unfilled = rng.random(shape) < market.unfilled[:, None]
    latency = LATENCY_MEDIAN_US * np.exp(LATENCY_SIGMA * rng.standard_normal(shape))
    slippage = SLIPPAGE_MILLI_BP + SLIPPAGE_SCALE_MILLI_BP * rng.standard_t(SLIPPAGE_DF, shape)
    pnl = PNL_MILLI_BP + PNL_SCALE_MILLI_BP * rng.standard_t(PNL_DF, shape)
    volatility = market.volatility[:, None]
    pnl_milli_bp = np.rint(pnl * volatility + market.pnl_milli_bp[:, None]).astype(np.int64)
    return Orders(
        np.where(unfilled, NOT_ALL_FILLED, FILLED).astype(np.int8),
        {
            "latency_us": np.rint(latency * market.latency[:, None]).astype(np.int64),
            "slippage_milli_bp": np.rint(
                slippage * volatility + market.slippage_milli_bp[:, None]
            ).astype(np.int64),
            "pnl_milli_bp": pnl_milli_bp,
            "pnl_micros": pnl_milli_bp * MICROS_PER_MILLI_BP,
        },
    )


def plant(fault: Fault, orders: Orders, canary: Bools, rng: np.random.Generator) -> Orders:
    """Return the orders with the fault planted where `canary`."""
    hit = canary if fault.share >= 1 else canary & (rng.random(canary.shape) < fault.share)
    match fault.effect:
        case Effect.UNFILLED:
            return Orders(np.where(hit, NOT_ALL_FILLED, orders.statuses), orders.values)
        case Effect.SHIFT:
            changed = orders.values[fault.measure] + hit * round(fault.size)
        case Effect.SCALE:
            healthy = orders.values[fault.measure]
            changed = np.where(hit, np.rint(healthy * fault.size).astype(np.int64), healthy)
        case _:
            assert_never(fault.effect)
    values = {**orders.values, fault.measure: changed}
    values["pnl_micros"] = values["pnl_milli_bp"] * MICROS_PER_MILLI_BP
    return Orders(orders.statuses, values)
