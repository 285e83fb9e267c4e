"""The judge `sequential`: exact sums, late orders, looks, extremes, what survives a snapshot."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import TypeAdapter
from scipy.special import log_ndtr

from tests.judged import STABLE_WORLD, World, cohort, drawn, frozen, looked, taken, total
from tradecanary.processors.decision.cohorts import Ripe, Stream
from tradecanary.processors.decision.judge_settings import Sequential
from tradecanary.processors.decision.judges.judge import Terms, Verdict
from tradecanary.processors.decision.judges.sequential.fold import fold
from tradecanary.processors.decision.judges.sequential.means import (
    _log_scaled_ndtr,
    half_width,
    log_half_normal,
)
from tradecanary.processors.decision.judges.sequential.reference import freeze
from tradecanary.processors.decision.judges.sequential.state import (
    KEPT_RESTARTS,
    SequentialState,
    start,
)
from tradecanary.processors.decision.judges.sequential.verdict import judge, streams
from tradecanary.processors.decision.sums import Sums
from tradecanary.schemas.execution import OrderStatus

RULE = Sequential()
REFERENCE = frozen(RULE)
TERMS = Terms(0, 1_000, REFERENCE)
BEGUN = start(RULE, REFERENCE)
COHORTS = drawn(World(latency=5_500), seed=3, cohorts=12, canary_bp=1_000)


@settings(max_examples=30)
@given(st.permutations(COHORTS), st.integers(1, 12))
def test_exact_sums_do_not_depend_on_order_or_batching(order: list, size: int) -> None:  # type: ignore[type-arg]
    """Folded in any order and any batches, the totals of all bets are equal to the bit."""
    state = BEGUN
    for at in range(0, len(order), size):
        state = taken(state, RULE, order[at : at + size], TERMS)
    assert state.totals == taken(BEGUN, RULE, COHORTS, TERMS).totals
    assert state.canary_orders == sum(each.orders("canary") for each in COHORTS)


def test_late_orders_count_in_the_exact_bets_only() -> None:
    """What comes after its cohort was folded adds the same bets, and opens no closed window."""
    early, last = COHORTS[:-1], COHORTS[-1]
    on_time = taken(BEGUN, RULE, COHORTS, TERMS)
    state = taken(BEGUN, RULE, early, TERMS)
    late = fold(
        state, RULE, [(Ripe(s, last), TERMS) for s in (Stream.LATE_ORDERS, Stream.LATE_PNL)]
    )
    assert late.totals == on_time.totals
    assert late.canary_orders == on_time.canary_orders
    assert late.means == state.means


def test_late_outcomes_keep_the_coin_and_bins_of_their_revision() -> None:
    """An order of the first phase counts the same, however much later it is reported."""
    second = Terms(1, 5_000, frozen(RULE, seed=8))
    more = drawn(STABLE_WORLD, seed=4, cohorts=4, canary_bp=5_000, size=20)
    first = [(Ripe(Stream.ORDERS, each), TERMS) for each in COHORTS]
    then = [(Ripe(Stream.ORDERS, each), second) for each in more]
    in_turn = fold(fold(BEGUN, RULE, first), RULE, then)
    held_back = fold(fold(fold(BEGUN, RULE, first[:6]), RULE, then), RULE, first[6:])
    assert in_turn.totals == held_back.totals
    assert in_turn.phase == held_back.phase == 1
    assert in_turn.restarted == held_back.restarted == 1  # the phase boundary


def test_without_control_there_is_no_evidence() -> None:
    """Orders at weight 0 or 10000 change nothing."""
    for bp in (0, 10_000):
        assert taken(BEGUN, RULE, COHORTS, Terms(0, bp, REFERENCE)) is BEGUN


@settings(max_examples=15)
@given(st.integers(0, 1 << 20), st.sampled_from([1, 2, 3, 5]))
def test_more_looks_never_hide_harm(seed: int, batch: int) -> None:
    """Harm found at the end of a batch is found when the batch is split, at the latest there."""
    cohorts = drawn(World(latency=9_000), seed, cohorts=10, canary_bp=1_000)
    whole = split = BEGUN
    for at in range(0, len(cohorts), batch):
        whole = taken(whole, RULE, cohorts[at : at + batch], TERMS)
        for each in cohorts[at : at + batch]:
            split = taken(split, RULE, [each], TERMS)
        assert split.harm or not whole.harm


def test_harm_stays_and_names_the_measure() -> None:
    """The verdict carries measure, value and limit, and good orders do not take it back."""
    state = taken(BEGUN, RULE, drawn(World(latency=9_000), 5, cohorts=20, canary_bp=1_000), TERMS)
    found = judge(state, RULE)
    assert found.verdict is Verdict.HARMFUL
    assert found.reason.startswith("latency ")
    assert "above stable's" in found.reason
    assert "(limit 100)" in found.reason
    good = taken(state, RULE, drawn(STABLE_WORLD, 6, cohorts=200, canary_bp=1_000), TERMS)
    assert judge(good, RULE).reason == found.reason


@pytest.mark.parametrize("baseline", [-3_000.0, 0.0, 3_000.0])
def test_harm_on_a_losing_baseline_is_found_as_fast(baseline: float) -> None:
    """Price improvement or cost, a losing strategy or a winning one: ranks do not mind the sign."""
    rule = Sequential()
    world = World(slippage=baseline)
    reference = freeze(world.sums(12_000, np.random.default_rng(1)), rule)
    terms = Terms(0, 5_000, reference)
    state = start(rule, reference)
    rng = np.random.default_rng(2)
    while not state.harm and state.canary_orders < 5_000:
        worse = replace(world, slippage=baseline + 1_000).sums(10, rng)
        state = taken(state, rule, [cohort(0, worse, world.sums(10, rng))], terms)
    assert 50 < state.canary_orders < 250
    assert "slippage" in state.harm


def test_healthy_canaries_are_promoted_after_the_minimum_and_not_before() -> None:
    """All tests pass for an equal canary; a larger minimum never promotes earlier."""
    promoted = {}
    for minimum in (1_000, 4_000):
        rule = Sequential(promotion_orders=minimum)
        terms, state = Terms(0, 2_500, frozen(rule)), start(rule, frozen(rule))
        for each in drawn(STABLE_WORLD, 11, cohorts=100, canary_bp=2_500, size=600):
            state = taken(state, rule, [each], terms)
            if judge(state, rule).promotable:
                promoted[minimum] = state.canary_orders
                break
    assert 1_000 <= promoted[1_000] <= promoted[4_000]
    assert promoted[4_000] >= 4_000


def test_a_canary_at_the_margin_is_not_promoted() -> None:
    """A latency worse by 20 % passes neither by rank nor by mean."""
    state = BEGUN
    for each in drawn(World(latency=6_000), 12, cohorts=60, canary_bp=1_000, size=1_000):
        state = taken(state, RULE, [each], TERMS)
    assert not {"latency_rank", "latency_mean"} & set(state.passed)


def test_restarts_are_kept_to_a_few_and_find_late_harm() -> None:
    """The state does not grow with the orders; a fault that begins late is found all the same."""
    rule = Sequential(restart_orders=100)
    state = BEGUN
    for each in drawn(STABLE_WORLD, 13, cohorts=40, canary_bp=5_000, size=200):
        state = taken(state, rule, [each], Terms(0, 5_000, REFERENCE))
    assert state.restarted > KEPT_RESTARTS == len(state.restarts)
    assert not state.harm
    before = state.canary_orders
    for each in drawn(World(latency=7_500), 14, cohorts=40, canary_bp=5_000, size=200):
        state = taken(state, rule, [each], Terms(0, 5_000, REFERENCE))
    assert state.harm
    assert state.canary_orders > before


_EXTREMES = {
    "nothing": Sums(),
    "one order": Sums(orders=1, statuses=(1,) + (0,) * (len(OrderStatus) - 1)),
    "all equal": STABLE_WORLD.sums(0, np.random.default_rng(0)).merged(
        Sums(
            orders=500,
            statuses=(500,) + (0,) * (len(OrderStatus) - 1),
            measures={n: total([7] * 500) for n in ("latency_us", "slippage_milli_bp")},
        )
    ),
    "largest values": Sums(
        orders=3,
        statuses=(3,) + (0,) * (len(OrderStatus) - 1),
        measures={"pnl_milli_bp": total([-(1 << 55), 1 << 55, 0]), "latency_us": total([1 << 54])},
    ),
}


@pytest.mark.parametrize("canary", _EXTREMES)
@pytest.mark.parametrize("stable", _EXTREMES)
def test_extremes_give_finite_answers(canary: str, stable: str) -> None:
    """Zero counts, one order, equal values, the largest ones: finite figures, never a raise."""
    state = taken(BEGUN, RULE, [cohort(0, _EXTREMES[canary], _EXTREMES[stable])], TERMS)
    for each in streams(state):
        shown = (each.effect, each.low, each.high, each.margin)
        assert all(math.isfinite(value) for value in shown)
        assert -(1 << 63) <= each.log_e_micro_nats < 1 << 63
    assert judge(state, RULE).reason


def test_a_thousand_million_orders_are_finite() -> None:
    """Totals of 10^9 orders fit their integers, and the verdict is still right."""
    one = STABLE_WORLD.sums(10_000, np.random.default_rng(5))
    many = Sums(
        orders=one.orders * 50_000,
        statuses=tuple(count * 50_000 for count in one.statuses),
        measures={
            name: replace(
                known,
                n=known.n * 50_000,
                total=known.total * 50_000,
                total_sq=known.total_sq * 50_000,
                histogram={bucket: n * 50_000 for bucket, n in known.histogram.items()},
            )
            for name, known in one.measures.items()
        },
    )
    state = taken(BEGUN, RULE, [cohort(0, many, many)], Terms(0, 5_000, REFERENCE))
    assert state.canary_orders == 500_000_000
    assert not state.harm
    assert judge(state, RULE).verdict is Verdict.HEALTHY
    assert all(math.isfinite(each.low) for each in streams(state))


def test_the_state_survives_a_snapshot() -> None:
    """Written as JSON and read again it is the same value, and goes on the same."""
    state = taken(BEGUN, RULE, COHORTS, TERMS)
    adapter = TypeAdapter(SequentialState)
    back = adapter.validate_json(adapter.dump_json(state))
    assert back == state
    assert taken(back, RULE, COHORTS, TERMS) == taken(state, RULE, COHORTS, TERMS)


@given(st.floats(-1e8, 30))
def test_the_tail_of_the_normal_is_scipy_s(x: float) -> None:
    """x^2 / 2 + log ndtr(x), where scipy's own sum does not cancel."""
    found = _log_scaled_ndtr(x)
    assert math.isfinite(found)
    if x > -1e3:
        assert found == pytest.approx(x * x / 2 + log_ndtr(x), rel=1e-7, abs=1e-6)


@given(st.floats(1e-3, 1e9), st.floats(1e-4, 10), st.sampled_from([0.05, 0.01]))
def test_the_interval_inverts_the_test(variance: float, rho: float, alpha: float) -> None:
    """At the radius the e-value is 1 / alpha at least, and not far beyond (statistics.md 2.3)."""
    e = math.exp(log_half_normal(half_width(variance, rho, alpha), variance, rho))
    assert 1 <= e * alpha <= 2.5


@pytest.mark.parametrize("canary_bp", [500, 5_000])
def test_equal_canaries_are_left_alone(canary_bp: int) -> None:
    """12 seeds, 600 canary orders, a look each 10: at a rate of alpha two fall in 0.6 % of cases.

    `make bench-decisions` measures the rate; here a gross mistake would show.
    """
    rule = Sequential(tolerance=0)
    fallen = sum(
        bool(looked(STABLE_WORLD, rule, seed, canary_bp, orders=600).harm) for seed in range(12)
    )
    assert fallen <= 1


def test_evidence_on_average_is_at_most_one_when_it_stops() -> None:
    """Mean e-value when stopped at 3, or after 300 orders: at most 1 and 3 standard errors."""
    rule = Sequential(tolerance=0)
    reference = frozen(rule)
    terms = Terms(0, 5_000, reference)
    stopped = []
    for seed in range(200):
        state = start(rule, reference)
        for each in drawn(STABLE_WORLD, 50_000 + seed, cohorts=15, canary_bp=5_000, size=40):
            state = taken(state, rule, [each], terms)
            if state.log_e_micro_nats > 1_098_612:
                break
        stopped.append(math.exp(state.log_e_micro_nats / 1e6))
    error = float(np.std(stopped)) / math.sqrt(len(stopped))
    assert float(np.mean(stopped)) <= 1 + 3 * error
