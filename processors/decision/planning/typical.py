"""Typical order flow, to plan with when a strategy has no recorded orders.

The world of the study behind the statistics (statistics.md 5): fills 95 %, latency lognormal
(median 5 ms, sigma .6, p99 20 ms), slippage .3 + t(3) bp; P&L 1 + 5 t(2.5) per order of 10,000, so
in bp of notional. Errors one order in a thousand. Values at even quantiles: nothing is drawn.
"""

from __future__ import annotations

from collections import Counter
from functools import cache
from statistics import NormalDist

import numpy as np
import numpy.typing as npt

from tradecanary.processors.decision.sums import MeasureTotal, Sums
from tradecanary.schemas.execution import OrderStatus
from tradecanary.schemas.histogram import bucket_of

ORDERS = 20_000
ORDERS_PER_S = 100.0
"""What the ramp trading-standard asks of a strategy."""
_FILLED, _REJECTED = 19_000, 20
_NOTIONAL = 10_000


@cache
def typical() -> Sums:
    """Return 20,000 typical orders as the sums of one variant."""
    at = (np.arange(ORDERS) + 0.5) / ORDERS
    normal = NormalDist()
    latency = 5_000 * np.exp(0.6 * np.array([normal.inv_cdf(q) for q in at.tolist()]))
    slippage = 300 + 1_000 * student_t((np.arange(_FILLED) + 0.5) / _FILLED, 3.0)
    pnl = 1_000 + 5_000 * student_t(at, 2.5)
    counts = {
        OrderStatus.FILLED: _FILLED,
        OrderStatus.REJECTED: _REJECTED,
        OrderStatus.EXPIRED: ORDERS - _FILLED - _REJECTED,
    }
    notional = ORDERS * _NOTIONAL * 1_000_000
    return Sums(
        orders=ORDERS,
        statuses=tuple(counts.get(status, 0) for status in OrderStatus),
        measures={
            "latency_us": _total(latency),
            "slippage_milli_bp": _total(slippage),
            "pnl_milli_bp": _total(pnl),
            "notional_micros": MeasureTotal(ORDERS, notional),
        },
    )


def student_t(quantiles: npt.NDArray[np.float64], freedom: float) -> npt.NDArray[np.float64]:
    """Return the quantiles of Student's t, by the density's integral over x = sinh(s)."""
    s = np.linspace(-14, 14, 200_001)
    x = np.sinh(s)
    density = (1 + x * x / freedom) ** (-(freedom + 1) / 2) * np.cosh(s)
    below = np.concatenate([[0.0], np.cumsum((density[1:] + density[:-1]) / 2)])
    found: npt.NDArray[np.float64] = np.interp(quantiles, below / below[-1], x)
    return found


def _total(values: npt.NDArray[np.float64]) -> MeasureTotal:
    whole = [round(value) for value in values.tolist()]
    histogram = Counter(bucket_of(value) for value in whole)
    squares = sum(value * value for value in whole)
    return MeasureTotal(len(whole), sum(whole), squares, dict(histogram))
