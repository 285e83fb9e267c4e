"""What a policy asks for and its orders cannot bring is refused, by field and value."""

from __future__ import annotations

import math

import pytest

from tradecanary.processors.decision.planning.plan import basis, plan
from tradecanary.processors.decision.planning.ramp import least_canary_orders, spans
from tradecanary.processors.decision.planning.typical import typical
from tradecanary.processors.decision.planning.untestable import untestable, waiting
from tradecanary.processors.decision.policy import Policy, preset
from tradecanary.processors.decision.ramps import RAMPS


def _policy(**judge: object) -> Policy:
    ramp = [
        {"name": "Only", "weight_bp": 500, "min_orders": 1},
        {"name": "Full", "weight_bp": 10_000},
    ]
    judge = {"kind": "sequential", **judge}
    return Policy.model_validate({"name": "one", "ramp": ramp, "judge": judge})


@pytest.mark.parametrize("ramp", RAMPS)
def test_presets_can_be_tested(ramp: str) -> None:
    """With typical orders, at the rate that trading-standard asks for."""
    assert [] == list(untestable(basis(preset(ramp), typical(), 100.0)))


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("fill_rate_pp", 0.01),
        ("error_rate_pp", 0.001),
        ("latency_pct", 0.01),
        ("slippage_bp", 0.001),
        ("pnl_bp", 0.001),
        ("tail_ratio", 1.01),
    ],
)
def test_a_margin_too_small_is_refused_by_its_field(field: str, value: float) -> None:
    """One sentence, with the field and its value; the other margins are not blamed."""
    said = list(untestable(basis(_policy(margins={field: value}), typical(), 100.0)))

    assert len(said) == 1
    assert said[0].startswith(f"judge.margins.{field} was {value:g}; ")


def test_orders_beyond_the_time_are_refused() -> None:
    """A sample that the rate does not give within max_duration, and minima that do not fit."""
    slow = basis(_policy(promotion_orders=50_000), typical(), 5.0)
    (said,) = untestable(slow)
    assert said.startswith("judge.promotion_orders was 50000; ")

    long = preset("trading-standard").model_copy(update={"max_duration_s": 600.0})
    assert any(text.startswith("max_duration_s was 600; ") for text in untestable(
        basis(long, typical(), 100.0)))  # fmt: skip


def test_a_rate_below_a_phase_s_minimum_is_refused() -> None:
    """trading-standard asks for 100 orders a second; at that rate it passes."""
    slow = list(untestable(basis(preset("trading-standard"), typical(), 99.0)))

    assert 1 == len(slow)
    assert slow[0].startswith("criteria.min_orders_per_s was 100 in Canary, Early Adopter")


@pytest.mark.parametrize(("guard", "each"), [("max_orders", 1), ("max_notional", 10_000)])
def test_a_guard_used_up_before_the_end_is_refused(guard: str, each: int) -> None:
    """Orders of the watch count, too; typical orders have a notional of 10,000."""
    bare = preset("trading-standard")
    promotion = plan(bare, typical(), 100.0).promotion.canary_orders or 0
    needed = (promotion + bare.watch_s * 100) * each

    def said(limit: float) -> list[str]:
        guards = bare.guards.model_copy(update={guard: limit})
        policy = bare.model_copy(update={"guards": guards})
        return list(untestable(basis(policy, typical(), 100.0)))

    assert [] == said(math.ceil(needed))
    assert [True] == [text.startswith(f"guards.{guard} was ") for text in said(needed * 0.99)]


@pytest.mark.parametrize("ramp", RAMPS)
def test_the_least_orders_of_a_ramp_are_those_at_its_least_rate(ramp: str) -> None:
    """At the rate that the criteria ask for; a ramp without such a minimum has those of phases."""
    policy = preset(ramp)
    rates = [phase.criteria.min_orders_per_s for phase in policy.ramp]
    at_least = spans(policy, max((rate for rate in rates if rate), default=1e-3))

    assert least_canary_orders(policy) == pytest.approx(sum(one.orders for one in at_least))


def test_waiting_is_said_where_the_minima_end_before_the_tests() -> None:
    """Aggressive phases are over before the tests have passed; trading-standard's are not."""
    said = [
        list(waiting(basis(preset(r), typical(), 100.0)))
        for r in ("aggressive", "trading-standard")
    ]

    assert [1, 0] == [len(each) for each in said]
    assert "fill_rate" in said[0][0]
