"""`make plots`: the pictures of docs/statistics.md, from seeded orders through the judge itself.

Writes docs/statistics-rollouts.png and docs/statistics-weights.png; about three minutes of one
core. Seeds are fixed: the same code gives the same figures.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from statistics import fmean

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from tests.simulation.orders_world import Harm, OrdersWorld
from tradecanary.processors.decision.judge_settings import Sequential
from tradecanary.processors.decision.judges.sequential import verdict
from tradecanary.processors.decision.judges.sequential.evidence import MICRO
from tradecanary.processors.decision.planning.plan import plan
from tradecanary.processors.decision.planning.typical import typical
from tradecanary.processors.decision.policy import Policy

DOCS = Path(__file__).parents[1] / "docs"
SEED = 1
RUNS = 60
WEIGHT_BP = 500
STREAM = "slippage_mean"
SETTINGS = Sequential()
GOOD, BAD, LINE = "#1b7837", "#b2182b", "#555555"
MOST_PROMOTION = 12_000
HARMS = (
    ("slippage +0.5 bp", Harm(slippage_bp=0.5), ("slippage", 0.5)),
    ("latency +20 %", Harm(latency_pct=20), ("latency", 20)),
    ("2 % of orders 30 ms late", Harm(beyond=0.02), None),
    ("fills 95 % → 90 %", Harm(unfilled_pp=5), ("fill rate", 5)),
)
"""What is planted, and the effect of the plan that it is; a far tail is on no ladder."""


@dataclass(frozen=True, slots=True)
class Path1:
    """One rollout as drawn, look by look; the interval where there is one."""

    orders: list[int]
    e_values: list[float]
    shown: list[tuple[int, float, float, float]]
    ended: str


def path(harm: Harm) -> Path1:
    """Play one rollout at 5 % until it is rolled back or could be promoted."""
    orders, e_values, shown = [0], [1.0], []
    for state in OrdersWorld(WEIGHT_BP, harm).states(SEED):
        orders.append(state.canary_orders)
        e_values.append(2.718281828 ** (state.log_e_micro_nats / MICRO))
        for each in verdict.streams(state):
            if each.stream == STREAM:
                shown.append((state.canary_orders, each.effect, each.low, each.high))
        if state.harm:
            return Path1(orders, e_values, shown, "rolled back")
        if verdict.judge(state, SETTINGS).promotable:
            return Path1(orders, e_values, shown, "all tests passed")
        if state.canary_orders > MOST_PROMOTION:
            break
    raise AssertionError(f"no end within {MOST_PROMOTION} canary orders")
