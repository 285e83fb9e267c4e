"""Laws of the planner: its limits are the published formulas, and more harm is found sooner."""

from __future__ import annotations

import math
from collections import Counter

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from tradecanary.processors.decision.judges.sequential.bets import tables
from tradecanary.processors.decision.judges.sequential.streams import INDEX, MEASURED, SLIPPAGE
from tradecanary.processors.decision.planning.effects import FILL, Effect, Kind, canary_orders
from tradecanary.processors.decision.planning.growth import SLACK, harm, pairing
from tradecanary.processors.decision.planning.plan import Basis, CannotPlan, Fate, basis, plan
from tradecanary.processors.decision.planning.ramp import (
    after,
    reached,
)
from tradecanary.processors.decision.planning.typical import student_t, typical
from tradecanary.processors.decision.policy import Policy, preset
from tradecanary.processors.decision.ramps import RAMPS
from tradecanary.processors.decision.sums import MeasureTotal, Sums
from tradecanary.schemas.execution import OrderStatus
from tradecanary.schemas.histogram import bucket_of

_SLIPPAGE = MEASURED.index(SLIPPAGE)
_WEIGHTS_BP = st.sampled_from([100, 500, 2_500, 5_000, 7_500])


def _policy(weight_bp: int, **judge: object) -> Policy:
    ramp = [
        {"name": "Only", "weight_bp": weight_bp, "min_orders": 1},
        {"name": "Full", "weight_bp": 10_000},
    ]
    judge = {"kind": "sequential", **judge}
    return Policy.model_validate({"name": "one", "ramp": ramp, "judge": judge})


def _orders_until(base: Basis, effect: Effect, stream: str) -> float:
    canary = canary_orders(effect, base.reference, base.stable)
    found = harm(base.state, base.settings, base.reference, base.arms(canary))
    point = reached(base.ramp, base.orders_per_s, found[INDEX[stream]])
    assert point is not None
    return point.orders


def _nats(base: Basis, stream: str) -> float:
    weight = base.state.terms[INDEX[stream]].weight / 2
    return -math.log(base.settings.alpha) - math.log(weight) + SLACK


@settings(max_examples=20)
@given(weight_bp=_WEIGHTS_BP, times=st.floats(0.3, 1.0))
def test_small_shifts_take_what_the_score_formula_says(weight_bp: int, times: float) -> None:
    """2 (log 1/alpha + log 1/w + 1.5) v / (theta^2 (1 - pi)), v = var(h) / (dE h / d theta)^2."""
    base = basis(_policy(weight_bp, tolerance=0), typical(), 100.0)
    effect = Effect("slippage", _SLIPPAGE, kind=Kind.SHIFT, size=times / 2, unit="bp", times=times,
                    money_bp=None)  # fmt: skip
    bins = tables(base.reference, base.settings, weight_bp).measures[_SLIPPAGE]
    known = base.reference.measures[_SLIPPAGE]
    values = canary_orders(effect, base.reference, base.stable).values[_SLIPPAGE]
    assert bins is not None
    assert known is not None
    assert values is not None
    shares = np.array(known.counts) / known.n
    height = bins.powers[:, 2]
    variance = float(shares @ height**2) - float(shares @ height) ** 2
    moved = float(values.shares @ height[np.searchsorted(bins.edges, values.buckets)])
    formula = 2 * _nats(base, "slippage_rank") * variance / moved**2 / (1 - weight_bp / 10_000)

    planned = _orders_until(base, effect, "slippage_rank") * values.coverage

    assert planned == pytest.approx(formula, rel=0.25)


@settings(max_examples=20)
@given(weight_bp=_WEIGHTS_BP, worse_pp=st.floats(1.0, 10.0))
def test_rates_take_their_information(weight_bp: int, worse_pp: float) -> None:
    """(log 1/alpha + log 1/w + 1.5) / [KL(p_c, p) + (1 - pi) / pi * KL(p_s, p)], at least.

    The bets see bad orders only, so they cannot be better, and they are hardly worse.
    """
    base = basis(_policy(weight_bp, tolerance=0), typical(), 100.0)
    effect = Effect(FILL, -1, kind=Kind.SHIFT, size=worse_pp, unit="pp", times=1, money_bp=None)
    share, stable = weight_bp / 10_000, base.reference.unfilled_rate
    canary = stable + worse_pp / 100
    pooled = share * canary + (1 - share) * stable
    per_order = _kl(canary, pooled) + (1 - share) / share * _kl(stable, pooled)
    formula = _nats(base, "fill_rate") / per_order

    planned = _orders_until(base, effect, "fill_rate")

    assert 0.99 * formula <= planned <= 1.3 * formula


def _kl(p: float, q: float) -> float:
    return p * math.log(p / q) + (1 - p) * math.log((1 - p) / (1 - q))


@pytest.mark.parametrize("ramp", RAMPS)
def test_more_harm_is_found_sooner_and_costs_what_it_says(ramp: str) -> None:
    """Along each ladder canary orders fall; money is orders times the change of the mean."""
    made = plan(preset(ramp), typical(), 100.0)
    ladders: dict[str, list[float]] = {}
    for planned in made.effects:
        assert planned.canary_orders is not None
        ladders.setdefault(planned.effect.name, []).append(planned.canary_orders)
        if planned.effect.name == "slippage":
            cost = planned.effect.size * 0.95 / 10_000 * 10_000
            assert planned.loss == pytest.approx(cost * planned.canary_orders)

    assert all(ladder == sorted(ladder, reverse=True) for ladder in ladders.values())
    assert len(ladders) == 11


@settings(max_examples=4)
@given(weight_bp=st.sampled_from([500, 2_500]), orders_per_s=st.floats(1.0, 500.0))
def test_a_lower_weight_needs_fewer_canary_orders_and_more_time(
    weight_bp: int, orders_per_s: float
) -> None:
    """Capital at risk grows as 1 / (1 - pi); wall-clock time falls."""
    low, high = (
        plan(_policy(bp), typical(), orders_per_s).effects for bp in (weight_bp, 2 * weight_bp)
    )
    for small, large in zip(low, high, strict=True):
        assert small.canary_orders is not None
        assert large.canary_orders is not None
        assert small.seconds is not None
        assert large.seconds is not None
        assert small.canary_orders <= large.canary_orders
        assert small.seconds >= large.seconds


@settings(max_examples=30)
@given(seconds=st.floats(0, 1e6), orders_per_s=st.floats(0.1, 1e4))
def test_orders_and_time_of_a_ramp_agree(seconds: float, orders_per_s: float) -> None:
    """The orders of so many seconds are reached after so many seconds."""
    ramp = basis(preset("trading-standard"), typical(), orders_per_s).ramp
    orders = after(ramp, orders_per_s, seconds)
    point = reached(ramp, orders_per_s, lambda _: 0.0, orders)

    assert point is not None
    assert point.seconds == pytest.approx(seconds, rel=1e-6, abs=1e-3)


@given(st.floats(0.01, 20.0))
def test_pairing_is_the_mean_over_poisson_seconds(orders_per_s: float) -> None:
    """E[n n' / (n + n')] by the distribution of the orders of a second."""
    n = np.arange(1, 200)
    expected = float(stats.poisson.pmf(n, orders_per_s) @ (n - 1)) / orders_per_s

    assert pairing(orders_per_s) == pytest.approx(expected, rel=1e-6, abs=1e-9)


@pytest.mark.parametrize("freedom", [2.5, 3.0])
def test_typical_quantiles_are_those_of_student(freedom: float) -> None:
    """The oracle is scipy's."""
    at = (np.arange(20_000) + 0.5) / 20_000

    assert student_t(at, freedom) == pytest.approx(stats.t.ppf(at, freedom), rel=1e-4, abs=1e-4)


def test_what_is_not_measured_is_named_and_not_planned() -> None:
    """Without P&L and with few orders: no P&L row, no tails, and a sentence for each."""
    known = typical()
    latency = known.measure("latency_us")
    few = Sums(known.orders, 0, known.statuses, measures={"latency_us": latency})
    made = plan(preset("aggressive"), few, 100.0)

    assert {"fill rate", "error rate", "latency", "latency tail", "latency far"} == {
        planned.effect.name for planned in made.effects
    }
    assert any("slippage is not judged; pnl is not judged" in text for text in made.cannot)


def test_few_accounts_can_show_nothing() -> None:
    """The unit account with 15 accounts: every phase is named with how many are needed."""
    made = plan(preset("aggressive"), typical(), 100.0, accounts=15)

    assert 2 == sum("15 accounts at" in text for text in made.cannot)


def test_harm_below_the_margin_may_be_promoted_first() -> None:
    """Fills half a margin worse pass the tests before they are caught; the margin itself is not."""
    made = plan(preset("aggressive"), typical(), 100.0)
    fills = {e.effect.times: e.fate for e in made.effects if e.effect.name == FILL}

    assert {0.5: Fate.PROMOTED, 1: Fate.CAUGHT, 2: Fate.CAUGHT, 5: Fate.CAUGHT} == fills


def test_thresholds_cannot_be_planned() -> None:
    """That judge bounds no error rate, and the refusal says so."""
    policy = Policy.model_validate(
        {"name": "t", "ramp": "aggressive", "judge": {"kind": "thresholds"}}
    )
    with pytest.raises(CannotPlan, match=r"judge\.kind was thresholds"):
        plan(policy, typical(), 100.0)


_COUNTS = st.integers(0, 3_000)
_HISTOGRAMS = st.dictionaries(st.integers(-20_000, 20_000), _COUNTS, max_size=6)


@settings(max_examples=30)
@given(
    orders=st.integers(1, 30_000),
    filled=st.floats(0, 1),
    histograms=st.fixed_dictionaries(
        dict.fromkeys(("latency_us", "slippage_milli_bp", "pnl_milli_bp"), _HISTOGRAMS)
    ),
    orders_per_s=st.floats(0.01, 1e5),
)
def test_any_flow_has_a_plan(
    orders: int, filled: float, histograms: dict[str, dict[int, int]], orders_per_s: float
) -> None:
    """Whatever was recorded: finite figures that rise with the phases, and no error."""
    counts = {OrderStatus.FILLED: round(orders * filled)}
    counts[OrderStatus.REJECTED] = orders - counts[OrderStatus.FILLED]
    measures = {name: _total(histogram) for name, histogram in histograms.items()}
    statuses = tuple(counts.get(status, 0) for status in OrderStatus)
    made = plan(preset("steps"), Sums(orders, 0, statuses, measures=measures), orders_per_s, 50)

    ends = [phase.canary_orders for phase in made.phases]
    figures = [e.canary_orders for e in made.effects if e.canary_orders is not None]
    assert ends == sorted(ends)
    assert all(math.isfinite(figure) and figure > 0 for figure in [*ends, *figures])
    assert len(made.cannot) >= 3


def _total(histogram: dict[int, int]) -> MeasureTotal:
    """Return the totals of orders that each have the value of their histogram's key."""
    found: Counter[int] = Counter()
    for value, count in histogram.items():
        found[bucket_of(value)] += count
    return MeasureTotal(
        sum(histogram.values()),
        sum(value * count for value, count in histogram.items()),
        sum(value * value * count for value, count in histogram.items()),
        {bucket: count for bucket, count in found.items() if count},
    )
