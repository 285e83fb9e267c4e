"""The planner against the production judge: means of seeded rollouts lie near the plan."""

from __future__ import annotations

from statistics import fmean

import pytest

from tests.simulation.orders_world import Harm, OrdersWorld
from tradecanary.processors.decision.planning.plan import Plan, plan
from tradecanary.processors.decision.planning.typical import typical
from tradecanary.processors.decision.policy import Policy

_RUNS = 30
_WITHIN = 0.35


def _plan(weight_bp: int) -> Plan:
    ramp = [
        {"name": "Only", "weight_bp": weight_bp, "min_orders": 1},
        {"name": "Full", "weight_bp": 10_000},
    ]
    policy = Policy.model_validate({"name": "one", "ramp": ramp})
    return plan(policy, typical(), 10 * 10_000 / weight_bp)


@pytest.mark.parametrize(
    ("weight_bp", "harm", "name", "times"),
    [
        (500, Harm(slippage_bp=0.5), "slippage", 1),
        (5_000, Harm(slippage_bp=0.5), "slippage", 1),
        (500, Harm(latency_pct=20), "latency", 1),
        (5_000, Harm(latency_pct=40), "latency", 2),
        (500, Harm(unfilled_pp=5), "fill rate", 5),
    ],
)
def test_the_mean_of_canary_orders_is_as_planned(
    weight_bp: int, harm: Harm, name: str, times: float
) -> None:
    """Within 35 %: the standard error of the mean of 30 runs is about 10 % itself."""
    effects = _plan(weight_bp).effects
    (planned,) = (e for e in effects if e.effect.name == name and e.effect.times == times)
    world = OrdersWorld(weight_bp, harm)

    found = fmean(world.found(seed) for seed in range(_RUNS))

    assert planned.canary_orders == pytest.approx(found, rel=_WITHIN)


def test_an_equal_canary_is_promoted_about_when_planned() -> None:
    """All non-inferiority tests pass, and harm is never found, within 35 % of the planned mean."""
    planned = _plan(500).promotion.canary_orders
    found = []
    for seed in range(6):
        for state in OrdersWorld(500).states(seed):
            assert not state.harm
            if state.canary_orders >= 3_000 and len(state.passed) == 11:
                found.append(state.canary_orders)
                break

    assert planned == pytest.approx(fmean(found), rel=_WITHIN)
