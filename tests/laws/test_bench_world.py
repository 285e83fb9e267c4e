"""The benchmark's world is that of statistics.md 5, its faults have the size they name."""

from __future__ import annotations

import numpy as np
import pytest

from benchmarks.decisions.drawn import in_batches, seed_of
from benchmarks.decisions.orders import FILLED, Orders
from benchmarks.decisions.regimes import AUTOCORRELATION, autocorrelated, drifts, volatility_doubles
from benchmarks.decisions.run import answers
from benchmarks.decisions.scenarios import synthetic
from benchmarks.decisions.world import FAULTS, MARGINS, Fault, Market, draw, plant

N = 200_000
P95_OF_T3, P95_OF_T2_5 = 2.3534, 2.5582
"""Upper 5 % points of Student's distribution (2.5 degrees: between those of 2 and 3)."""


def _drawn(seed: int = 1) -> Orders:
    return draw(np.random.default_rng(seed), Market.calm(1), N)


def test_the_world_has_the_moments_of_the_study() -> None:
    """Fills, latency, slippage and P&L have the centres and widths of their distributions."""
    orders = _drawn()
    log_latency = np.log(orders.values["latency_us"] / 1_000)
    slippage = orders.values["slippage_milli_bp"] / 1_000
    pnl = orders.values["pnl_milli_bp"] / 1_000

    assert np.mean(orders.statuses == FILLED) == pytest.approx(0.95, abs=0.002)
    assert np.mean(log_latency) == pytest.approx(np.log(5), abs=0.005)
    assert np.std(log_latency) == pytest.approx(0.6, abs=0.005)
    assert np.median(slippage) == pytest.approx(0.3, abs=0.01)
    assert np.quantile(slippage, 0.95) - 0.3 == pytest.approx(P95_OF_T3, rel=0.02)
    assert np.median(pnl) == pytest.approx(1.0, abs=0.05)
    assert (np.quantile(pnl, 0.95) - 1.0) / 5 == pytest.approx(P95_OF_T2_5, rel=0.03)
    assert (orders.values["pnl_micros"] == orders.values["pnl_milli_bp"] * 1_000).all()


def _moved(fault: Fault) -> tuple[Orders, Orders, Orders]:
    """Return healthy orders and what the fault makes of the first and of the other half."""
    orders = _drawn()
    canary = np.zeros(orders.statuses.shape, dtype=np.bool_)
    canary[:, : N // 2] = True
    changed = plant(fault, orders, canary, np.random.default_rng(2))

    def half(columns: Orders, part: slice) -> Orders:
        return Orders(
            columns.statuses[:, part],
            {name: values[:, part] for name, values in columns.values.items()},
        )

    first, second = slice(0, N // 2), slice(N // 2, N)
    assert (half(orders, second).statuses == half(changed, second).statuses).all()
    for name, values in half(orders, second).values.items():
        assert (values == half(changed, second).values[name]).all()
    return orders, half(orders, first), half(changed, first)


@pytest.mark.parametrize("fault", {fault.name: fault for fault in (*FAULTS, *MARGINS)}.values())
def test_a_fault_changes_its_measure_of_the_canary_only(fault: Fault) -> None:
    """What it names moves by what it says; all other measures, and stable, stay as they were."""
    _, before, after = _moved(fault)
    touched = {name for name in before.values if (before.values[name] != after.values[name]).any()}
    if not fault.measure:
        lost = np.mean((before.statuses == FILLED) & (after.statuses != FILLED))
        assert not touched
        assert lost == pytest.approx(fault.share * 0.95, abs=0.003)
        return
    assert fault.measure in touched
    assert touched <= {fault.measure, "pnl_micros"}
    difference = after.values[fault.measure] - before.values[fault.measure]
    assert np.mean(difference != 0) == pytest.approx(fault.share, abs=0.002)
    if fault.size > 1 and fault.measure == "latency_us" and fault.share == 1:
        ratio = after.values[fault.measure].sum() / before.values[fault.measure].sum()
        assert ratio == pytest.approx(fault.size, rel=1e-4)
    else:
        assert {0, round(fault.size)} >= set(np.unique(difference).tolist())


def test_the_tail_fault_triples_the_tail() -> None:
    """The third fault of 5.9 brings 3 % of the orders beyond the p99 of 20 ms, and few else."""
    _, before, after = _moved(FAULTS[2])
    p99 = np.quantile(before.values["latency_us"], 0.99)

    assert p99 == pytest.approx(20_000, rel=0.03)
    assert np.mean(after.values["latency_us"] > p99) == pytest.approx(0.03, abs=0.002)


def test_a_late_fault_leaves_the_good_orders_alone() -> None:
    """Up to its row the flow is that of a healthy canary with the same seed."""
    seed = seed_of("law", 5_000, 1)
    fault = FAULTS[3]
    late = in_batches(5_000, 100, good=100, fault=fault).flow(seed)
    healthy = in_batches(5_000, 100, good=100).flow(seed)
    (ill,), (well,) = late.blocks(), healthy.blocks()
    more = ill.orders.values[fault.measure] - well.orders.values[fault.measure]

    assert late.fault_row == 10
    assert not more[:10].any()
    assert (more[10:] == 500 * well.canary[10:]).all()
    assert late.canary_orders_before(10) == int(well.canary[:10].sum())


def test_a_seed_is_a_run() -> None:
    """The same scenario, weight and run give the same answers; another run gives other orders."""
    scenario = next(each for each in synthetic() if each.column == FAULTS[3].name)
    first, again = answers(scenario, 0), answers(scenario, 0)
    draws = {
        int(next(scenario.source.flow(seed_of(*key)).blocks()).orders.values["latency_us"].sum())
        for key in (("a", 500, 0), ("a", 500, 1), ("a", 5_000, 0), ("b", 500, 0))
    }

    assert first == again
    assert 4 == len(draws)


def test_scenarios_have_seeds_of_their_own() -> None:
    """No two cells of the tables share name and weight."""
    names = [(scenario.name, scenario.weight_bp) for scenario in synthetic()]

    assert len(names) == len(set(names))


def test_regimes_are_what_they_are_called() -> None:
    """Volatility doubles, AR(1) has its correlation and deviation, the ramp's market drifts."""
    rng = np.random.default_rng(3)
    rows = 20_000
    level = autocorrelated(rng, rows).slippage_milli_bp / 500
    drift = drifts(rng, rows).slippage_milli_bp / 500
    volatility = volatility_doubles(rng, rows).volatility

    assert np.corrcoef(level[1:], level[:-1])[0, 1] == pytest.approx(AUTOCORRELATION, abs=0.02)
    assert np.std(level) == pytest.approx(1, abs=0.05)
    assert drift[-1000:].mean() - drift[:1000].mean() == pytest.approx(2, abs=0.3)
    assert 2 == volatility[-1] / volatility[0]
