"""The benchmark's peers and bounds against scipy, and against what is known of them."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats
from scipy.special import log_ndtr

from benchmarks.decisions.cells import bounds
from benchmarks.decisions.columns import WORSE, Column, Columns, first_rows
from benchmarks.decisions.drawn import in_batches, seed_of
from benchmarks.decisions.methods import METHODS
from benchmarks.decisions.peers import (
    ALPHA,
    FIRST_POINTS,
    POWER,
    TUNING,
    fixed_horizon,
    mann_whitney_shift,
    margin,
    planned_orders,
    polled_mann_whitney,
    pooled_sequence,
    sequence_radius,
)
from benchmarks.decisions.world import FAULTS

_FLOW = in_batches(5_000, 3_000).flow(seed_of("peers", 5_000, 1))


@given(st.integers(0, 2**32 - 1), st.integers(20, 60), st.integers(20, 60))
def test_the_shift_is_where_the_mann_whitney_test_turns(seed: int, m: int, n: int) -> None:
    """Just below its lower limit the shift is rejected at 1 %, just above it is not (scipy)."""
    rng = np.random.default_rng(seed)
    canary, baseline = rng.standard_normal(m) + 0.5, rng.standard_normal(n)
    lower, estimate = mann_whitney_shift(canary, baseline, 0.98)

    def p_value(shift: float) -> float:
        found = stats.mannwhitneyu(
            canary - shift, baseline, alternative="greater", method="asymptotic"
        )
        return float(found.pvalue)

    assert p_value(lower - 1e-9) <= 0.01 <= p_value(lower + 1e-9)
    assert lower <= estimate
    assert np.median(np.subtract.outer(canary, baseline)) == pytest.approx(estimate, abs=0.05)


@given(st.floats(1, 1e6), st.integers(100, 1_000_000))
def test_the_sequence_ends_where_its_mixture_says(variance: float, n: int) -> None:
    """At the radius the one-sided normal mixture's e-value is 1 / alpha, within the closed form."""
    rho2 = (-2 * math.log(ALPHA) + math.log(-2 * math.log(ALPHA) + 1)) / TUNING
    radius = float(sequence_radius(np.array([variance]), np.array([float(n)]))[0])
    total, grown = radius * n / math.sqrt(variance), 1 + rho2 * n
    log_e = math.log(2) - 0.5 * math.log(grown) + 0.5 * rho2 * total**2 / grown
    log_e += float(log_ndtr(math.sqrt(rho2) * total / math.sqrt(grown)))

    assert math.exp(log_e) * ALPHA == pytest.approx(1, abs=0.1)


@pytest.mark.parametrize("name", WORSE)
@pytest.mark.parametrize("weight", [0.05, 0.5])
def test_the_plan_has_its_power(name: str, weight: float) -> None:
    """At the planned size a difference of the margin is found in 90 % (normal approximation)."""
    orders = planned_orders(name, _FLOW.reference, weight)
    measure = _FLOW.reference.measure(name)
    if name == "unfilled":
        unfilled = 1 - _FLOW.reference.filled / _FLOW.reference.orders
        variance = unfilled * (1 - unfilled)
    else:
        variance = measure.total_sq / measure.n - (measure.total / measure.n) ** 2
    error = math.sqrt(variance / orders + variance / (orders * (1 - weight) / weight))
    z = stats.norm.isf(ALPHA / len(WORSE))
    power = stats.norm.sf(z - margin(name, _FLOW.reference) / error)

    assert power == pytest.approx(POWER, abs=0.01)


def _row(rows: int, canary_mean: float, canary_sd: float) -> Columns:
    """Return columns in which only the latency differs; ten orders a row and variant."""
    rng = np.random.default_rng(5)
    ten = np.full((rows, 2), 10.0)

    def column(mean: float, sd: float) -> Column:
        stable = rng.standard_normal((rows, 10))
        canary = mean + sd * rng.standard_normal((rows, 10))
        both = np.stack([stable, canary], axis=1)
        return Column(ten, both.sum(2), (both**2).sum(2), ten[:, 0], stable.sum(1))

    measures = {name: column(0.0, 1.0) for name in WORSE}
    measures["latency_us"] = column(canary_mean, canary_sd)
    return Columns(ten[:, 1], measures, 0.5)


def test_a_gross_fault_is_seen_at_the_first_chance() -> None:
    """The sequence speaks from 100 orders on, the polled test at its first 50 points."""
    gross = _row(100, 3.0, 1.0)

    assert 9 == pooled_sequence(gross, _FLOW.reference)
    assert FIRST_POINTS - 1 == polled_mann_whitney(gross, _FLOW.reference)


def test_a_better_canary_is_left_alone() -> None:
    """All are one-sided: a canary that is faster by far is no reason to roll back."""
    better = _row(400, -3.0, 1.0)

    assert pooled_sequence(better, _FLOW.reference) is None
    assert polled_mann_whitney(better, _FLOW.reference) is None


def test_the_fixed_horizon_is_welch_at_the_planned_row() -> None:
    """Its alarm is that of scipy's unequal-variance test, at the first row with enough orders."""
    flow = in_batches(5_000, 3_000, fault=FAULTS[3]).flow(seed_of("peers", 5_000, 2))
    columns, whole = first_rows(flow, 1_000)
    row = fixed_horizon(columns, flow.reference)
    assert whole
    assert row is not None
    planned = planned_orders("slippage_milli_bp", flow.reference, 0.5)
    column = columns.measures["slippage_milli_bp"]
    n, total = column.n[: row + 1].sum(0), column.total[: row + 1].sum(0)
    mean = total / n
    deviation = np.sqrt((column.total_sq[: row + 1].sum(0) - n * mean**2) / (n - 1))
    welch = stats.ttest_ind_from_stats(
        mean[1], deviation[1], n[1], mean[0], deviation[0], n[0], equal_var=False
    )

    assert columns.canary_orders[:row].sum() < planned <= columns.canary_orders[: row + 1].sum()
    assert welch.pvalue / 2 < ALPHA / len(WORSE)


def test_columns_are_the_flow() -> None:
    """Every order is in them once, and a baseline is as large as the canary's share."""
    columns, whole = first_rows(_FLOW, 1_000)
    orders = sum(block.canary.size for block in _FLOW.blocks())
    fills = columns.measures["unfilled"]

    assert whole
    assert orders == int(fills.n.sum())
    assert columns.canary_orders.sum() == fills.n[:, 1].sum()
    assert fills.baseline_n.max() == 10
    assert (fills.baseline_total <= fills.total[:, 0]).all()


@pytest.mark.parametrize("method", METHODS)
def test_every_method_finds_a_gross_fault(method: str) -> None:
    """A canary that slips by half a basis point is rolled back by each within 5,000 orders."""
    found = [
        METHODS[method](
            in_batches(5_000, 5_000, fault=FAULTS[3]).flow(seed_of("all", 5_000, run))
        ).rolled_back_at
        for run in range(3)
    ]

    assert any(orders is not None for orders in found)


@given(st.integers(1, 500), st.data())
def test_bounds_are_exact(runs: int, data: st.DataObject) -> None:
    """One-sided 95 % bounds are the ends of scipy's exact two-sided 90 % interval."""
    events = data.draw(st.integers(0, runs))
    exact = stats.binomtest(events, runs).proportion_ci(0.9, method="exact")

    assert bounds(events, runs) == pytest.approx((exact.low, exact.high), abs=1e-9)
