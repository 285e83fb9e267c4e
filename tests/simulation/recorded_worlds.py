"""Worlds that were lived through, as records for backtests, and policies to try on them."""

from __future__ import annotations

from functools import cache

from tests.simulation.worlds import QUICK, Rollout
from tradecanary.processors.decision.policy import Policy
from tradecanary.schemas.routing import UnitKind

RAN = Policy.model_validate(QUICK)
_LATENCY = {"kind": "thresholds", "min_orders": 30, "fill_rate_pp": 30, "slippage_bp": 10}
EARLY = Policy.model_validate(
    {
        "name": "early",
        "ramp": [
            {"name": "One", "weight_bp": 500, "min_duration_s": 2, "min_orders": 30},
            {"name": "Two", "weight_bp": 1_000, "min_duration_s": 1, "min_orders": 40},
            {"name": "Full", "weight_bp": 10_000},
        ],
        "judge": _LATENCY | {"latency_pct": 60, "pnl_ratio": -1e9},
    }
)
_MORE = EARLY.ramp[1].model_copy(update={"weight_bp": 9_000})
DEMANDING = EARLY.model_copy(
    update={"name": "demanding", "ramp": (EARLY.ramp[0], _MORE, EARLY.ramp[2])}
)


@cache
def world(fault: str | None, unit: UnitKind = UnitKind.ORDER) -> Rollout:
    """Return a rollout that has ended, with its topics."""
    rollout = Rollout.begin(fault, gateways=2, unit=unit)
    rollout.run()
    return rollout
