"""Market regimes that befall both variants alike: what is no fault must roll nothing back."""

from __future__ import annotations

import numpy as np

from benchmarks.decisions.orders import Floats
from benchmarks.decisions.world import UNFILLED, Market

AUTOCORRELATION = 0.8
_LATENCY_PER_UNIT = 0.2
_SLIPPAGE_PER_UNIT_MILLI_BP = 500.0
_PNL_PER_UNIT_MILLI_BP = -1_000.0
_UNFILLED_PER_UNIT = 0.01
_FEWEST_UNFILLED = 0.005
_MOST_UNFILLED = 0.5
_RAMP_UNITS = 2.0
"""How far the market drifts during the ramp: latency x1.5, slippage +1 bp, P&L -$2."""


def volatility_doubles(_: np.random.Generator, rows: int) -> Market:
    """Return a market whose slippage and P&L double half-way, while it gets half as slow again."""
    late = np.arange(rows) >= rows // 2
    calm = Market.calm(rows)
    return Market(
        np.where(late, 2 * UNFILLED, UNFILLED),
        np.where(late, 1.5, 1.0),
        np.where(late, 2.0, 1.0),
        calm.slippage_milli_bp,
        calm.pnl_milli_bp,
    )


def autocorrelated(rng: np.random.Generator, rows: int) -> Market:
    """Return a market whose level is an AR(1) of .8 from row to row, with unit deviation."""
    return _at_level(_ar1(rng, rows))


def drifts(rng: np.random.Generator, rows: int) -> Market:
    """Return a market that drifts to the worse all the way, with autocorrelated noise on it."""
    return _at_level(np.linspace(0.0, _RAMP_UNITS, rows) + 0.5 * _ar1(rng, rows))


def _ar1(rng: np.random.Generator, rows: int) -> Floats:
    """Return a stationary AR(1) of mean 0 and deviation 1."""
    shocks = rng.standard_normal(rows)
    shocks[1:] *= np.sqrt(1 - AUTOCORRELATION**2)
    level = np.empty(rows)
    now = 0.0
    for row, shock in enumerate(shocks.tolist()):
        now = AUTOCORRELATION * now + shock if row else shock
        level[row] = now
    return level


def _at_level(level: Floats) -> Market:
    """Return the market in which everything gets worse with `level`, by the units above."""
    return Market(
        np.clip(UNFILLED + _UNFILLED_PER_UNIT * level, _FEWEST_UNFILLED, _MOST_UNFILLED),
        np.exp(_LATENCY_PER_UNIT * level),
        np.ones(level.size),
        _SLIPPAGE_PER_UNIT_MILLI_BP * level,
        _PNL_PER_UNIT_MILLI_BP * level,
    )
