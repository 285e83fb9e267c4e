"""The planner against the production judge: means of seeded rollouts lie near the plan."""

from __future__ import annotations

from functools import cache, partial
from statistics import fmean

import pytest

from benchmarks.decisions.drawn import in_batches, seed_of
from benchmarks.decisions.judging import Outcome, canary_orders_until
from benchmarks.decisions.sequential import adapter
from benchmarks.decisions.world import FAULTS, Effect, Fault
from tradecanary.processors.decision.judge_settings import Sequential
from tradecanary.processors.decision.planning.plan import Plan, plan
from tradecanary.processors.decision.policy import Policy

_RUNS = 30
_MOST = 20_000
_WITHIN = 0.35
_FILL, _LATENCY, _TAIL, _SLIPPAGE, _, _ = FAULTS
_SLOW = Fault("latency x1.4", Effect.SCALE, "latency_us", 1.4)
_judged = partial(canary_orders_until, adapter(Sequential()))


@cache
def _plan(weight_bp: int) -> Plan:
    """Return the plan for one phase, made on the orders before one of the rollouts."""
    ramp = [
        {"name": "Only", "weight_bp": weight_bp, "min_orders": 1},
        {"name": "Full", "weight_bp": 10_000},
    ]
    policy = Policy.model_validate({"name": "one", "ramp": ramp})
    reference = in_batches(weight_bp, 10).flow(seed_of("plan", weight_bp, 0)).reference
    return plan(policy, reference, 10 * 10_000 / weight_bp)


def _played(weight_bp: int, fault: Fault | None, run: int) -> Outcome:
    drawn = in_batches(weight_bp, _MOST, fault=fault)
    flow = drawn.flow(seed_of("plan", weight_bp, run))
    flow.promotion_ends = fault is None
    return _judged(flow)


@pytest.mark.parametrize(
    ("weight_bp", "fault", "name", "times"),
    [
        (500, _SLIPPAGE, "slippage", 1),
        (5_000, _SLIPPAGE, "slippage", 1),
        (500, _LATENCY, "latency", 1),
        (5_000, _SLOW, "latency", 2),
        (500, _FILL, "fill rate", 5),
        (500, _TAIL, "latency far", 2),
    ],
    ids=lambda value: value.name if isinstance(value, Fault) else str(value),
)
def test_the_mean_of_canary_orders_is_as_planned(
    weight_bp: int, fault: Fault, name: str, times: float
) -> None:
    """Within 35 %: the standard error of the mean of 30 runs is about 10 % itself."""
    effects = _plan(weight_bp).effects
    (planned,) = (e for e in effects if e.effect.name == name and e.effect.times == times)

    found = [_played(weight_bp, fault, run).rolled_back_at or _MOST for run in range(_RUNS)]

    assert planned.canary_orders == pytest.approx(fmean(found), rel=_WITHIN)


def test_an_equal_canary_is_promoted_about_when_planned() -> None:
    """All non-inferiority tests have passed, within 35 % of the planned mean."""
    planned = _plan(500).promotion.canary_orders
    found = [_played(500, None, run) for run in range(8)]

    assert [None] * 8 == [outcome.rolled_back_at for outcome in found]
    assert planned == pytest.approx(
        fmean(outcome.promoted_at or _MOST for outcome in found), rel=_WITHIN
    )
