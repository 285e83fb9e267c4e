"""The bets are fair: under the null no order adds evidence on average, whatever its law."""

from __future__ import annotations

import gc
import math
from dataclasses import replace
from itertools import pairwise
from weakref import ref

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.judged import frozen, total
from tradecanary.processors.decision.judge_settings import Margins, Sequential
from tradecanary.processors.decision.judges.sequential import streams
from tradecanary.processors.decision.judges.sequential.bets import (
    GRID,
    HARM_RATIOS,
    HEALTH_RATIOS,
    NANO,
    Group,
    log_e,
    tables,
)
from tradecanary.processors.decision.judges.sequential.reference import (
    MeasureReference,
    Reference,
    freeze,
    scores,
    tolerated_ratio,
    weights_of,
)
from tradecanary.processors.decision.judges.sequential.streams import BETS, MEASURED
from tradecanary.processors.decision.sums import Sums
from tradecanary.schemas.execution import OrderStatus
from tradecanary.schemas.histogram import bucket_of

_FILLED = tuple(OrderStatus).index(OrderStatus.FILLED)
_TINY = 1e-6  # floats; increments are rounded down, never up

weights_bp = st.integers(1, 9_999)
values = st.lists(
    st.integers(-(1 << 50), 1 << 50) | st.integers(-50, 50) | st.just(7), min_size=1, max_size=40
)


def _reference(rule: Sequential, drawn: list[int]) -> Reference:
    """A reference whose measures took each of `drawn` equally often."""
    many = total(drawn * (1_000 // len(drawn) + 1))
    statuses = [0] * len(OrderStatus)
    statuses[_FILLED] = many.n
    measures = {measured.measure: many for measured in MEASURED}
    return freeze(Sums(orders=many.n, statuses=tuple(statuses), measures=measures), rule)


def _grown(group: Group, row: int) -> np.ndarray[tuple[int, ...], np.dtype[np.float64]]:
    """The factors of one order's evidence: (arm, count, bet)."""
    place = group.rows.tolist().index(row)
    lines = group.table.reshape(2, -1, len(group.rows), BETS)[:, :, place, : GRID[row]]
    return np.asarray(np.exp(lines / NANO))


@settings(max_examples=60)
@given(values, weights_bp, st.sampled_from([0.0, 0.1, 0.5]))
def test_ranks_and_tails_are_fair_bin_by_bin(drawn: list[int], bp: int, tolerance: float) -> None:
    """An order that would have done the same under either version adds nothing on average."""
    rule = Sequential(tolerance=tolerance)
    known = tables(_reference(rule, drawn), rule, bp)
    share = bp / 10_000
    for index, bins in enumerate(known.measures):
        assert bins is not None
        for kind in (streams.RANK, streams.Q99, streams.Q999):
            factors = _grown(bins.group, streams.rollback_row(index, kind))
            mean = share * factors[0] + (1 - share) * factors[1]
            assert np.all(mean <= 1 + _TINY)
            assert np.all(np.isfinite(factors))


@settings(max_examples=60)
@given(values, weights_bp, st.data())
def test_promotion_is_fair_against_any_harm_of_the_margin(
    drawn: list[int], bp: int, data: st.DataObject
) -> None:
    """Whatever both laws: with a mean score worse by the margin, no evidence on average."""
    rule = Sequential()
    reference = _reference(rule, drawn)
    index = data.draw(st.integers(0, len(MEASURED) - 1))
    known, bins = reference.measures[index], tables(reference, rule, bp).measures[index]
    assert known is not None
    assert bins is not None
    height = np.array(scores(known, MEASURED[index].bad_sign))
    laws = st.lists(st.integers(0, 9), min_size=len(height), max_size=len(height)).filter(any)
    of_canary, of_stable = (np.array(data.draw(laws), float) for _ in range(2))
    of_canary, of_stable = of_canary / of_canary.sum(), of_stable / of_stable.sum()
    if of_canary @ height - of_stable @ height < known.score_margin:
        return  # less harm than the margin: nothing is promised
    factors = _grown(bins.group, streams.promotion_row(index, streams.PROMOTE_RANK))
    share = bp / 10_000
    mean = share * (of_canary @ factors[0]) + (1 - share) * (of_stable @ factors[1])
    assert np.all(mean <= 1 + _TINY)


@given(weights_bp, st.sampled_from([0.0, 0.1]), st.floats(0.1, 20))
def test_rates_are_fair_at_the_harmless_ratio(bp: int, tolerance: float, margin_pp: float) -> None:
    """A bad order, the canary's with the probability of the null, adds nothing on average."""
    rule = Sequential(tolerance=tolerance, margins=Margins(fill_rate_pp=margin_pp))
    reference = _reference(rule, [1, 2, 3])
    group = tables(reference, rule, bp).statuses
    ratio = tolerated_ratio(reference.unfilled_rate, margin_pp, tolerance)
    share = bp * ratio / (bp * ratio + 10_000 - bp)
    factors = _grown(group, streams.FILL)[:, 0]
    assert np.all(share * factors[0] + (1 - share) * factors[1] <= 1 + _TINY)
    good = _grown(group, streams.FILL)[:, 1]
    assert np.all(good == 1)  # good orders cancel


@given(weights_bp, st.floats(0, 1), st.floats(0, 1))
def test_rates_promote_nobody_at_the_margin(bp: int, stable: float, worse: float) -> None:
    """With unfilled orders at stable's rate and the margin, promotion gains nothing on average."""
    rule = Sequential()
    margin = rule.margins.fill_rate_pp / 100
    canary = stable + margin + worse * max(0.0, 1 - stable - margin)
    if canary > 1:
        return
    group = tables(_reference(rule, [1, 2, 3]), rule, bp).statuses
    factors = _grown(group, streams.PROMOTE_FILL)
    share = bp / 10_000
    mean = share * (canary * factors[0, 0] + (1 - canary) * factors[0, 1])
    mean = mean + (1 - share) * (stable * factors[1, 0] + (1 - stable) * factors[1, 1])
    assert np.all(mean <= 1 + _TINY)


def test_rates_are_the_study_s_formula() -> None:
    """statistics.md 2.1: logE += a log(q(r)/q(r0)) + b log((1 - q(r))/(1 - q(r0)))."""
    rule = Sequential()
    known = frozen(rule)
    group = tables(known, rule, 500).statuses
    null = tolerated_ratio(known.unfilled_rate, 1.0, 0.1)

    def of_canary(ratio: float) -> float:
        return 0.05 * ratio / (0.05 * ratio + 0.95)

    increments = group.increments(np.array([3, 0, 0, 0, 5, 0, 0, 0]))
    row = increments[group.rows.tolist().index(streams.FILL)] / NANO
    for found, ratio in zip(row, HARM_RATIOS.tolist(), strict=True):
        bet, fair = of_canary(null * ratio), of_canary(null)
        expected = 3 * math.log(bet / fair) + 5 * math.log((1 - bet) / (1 - fair))
        assert found == pytest.approx(expected, abs=1e-6)


def test_log_e_averages_over_the_bets_of_its_row() -> None:
    """Rows of tails for promotion have four bets, all others six."""
    totals = np.zeros((streams.ROWS, BETS), np.int64)
    assert np.allclose(log_e(totals), 0)
    short = streams.promotion_row(0, streams.PROMOTE_Q99)
    assert GRID[short] == len(HEALTH_RATIOS)
    totals[short, 0] = 4 * NANO
    assert log_e(totals)[short] == pytest.approx(math.log((math.e**4 + 3) / 4))
    totals[:, 0] = 9_000_000 * NANO
    assert np.all(np.isfinite(log_e(totals)))


@settings(max_examples=60)
@given(values)
def test_bins_hold_every_bucket_once_and_scores_centre_on_stable(drawn: list[int]) -> None:
    """Scores lie in [-1/2, 1/2], fall or rise with the bin, and average to zero over stable."""
    reference = _reference(Sequential(), drawn)
    for measured, known in zip(MEASURED, reference.measures, strict=True):
        assert known is not None
        height = scores(known, measured.bad_sign)
        assert sum(known.counts) == known.n
        assert sorted(set(known.edges)) == list(known.edges)
        assert all(-0.5 <= value <= 0.5 for value in height)
        ordered = [value * measured.bad_sign for value in height]
        assert all(low <= high for low, high in pairwise(ordered))
        assert math.isclose(
            sum(n * value for n, value in zip(known.counts, height, strict=True)), 0, abs_tol=1e-6
        )
        places = [known.bin_of(bucket_of(value)) for value in sorted(drawn)]
        assert places == sorted(places)


@given(values)
def test_margins_in_ranks_are_ordered(drawn: list[int]) -> None:
    """What is harmless is never more than what is unacceptable, and neither helps the canary."""
    for known in _reference(Sequential(), drawn).measures:
        assert isinstance(known, MeasureReference)
        assert 0 <= known.score_tolerance <= known.score_margin + 1e-12


def test_weights_of_absent_streams_go_to_the_others() -> None:
    """They sum to 1, and what the reference lacks has none."""
    rule = Sequential()
    full = weights_of(frozen(rule))
    assert math.isclose(sum(full), 1)
    assert all(full)
    statuses = [0] * len(OrderStatus)
    statuses[_FILLED] = 1_500
    only = freeze(
        Sums(
            orders=1_500,
            statuses=tuple(statuses),
            measures={"latency_us": total(list(range(1_500)))},
        ),
        rule,
    )
    weights = dict(zip((s.name for s in streams.STREAMS), weights_of(only), strict=True))
    assert math.isclose(sum(weights.values()), 1)
    assert {name for name, weight in weights.items() if weight} == {
        "fill_rate", "error_rate", "latency_rank", "latency_mean"
    }  # fmt: skip
    assert math.isclose(weights["latency_rank"] / weights["error_rate"], 3)


def test_tables_are_made_once_and_go_with_their_reference() -> None:
    """A decider that lives for months keeps those of the rollouts that run, and no others."""
    rule = Sequential()
    first, second = _reference(rule, [1, 2, 3]), _reference(rule, [4, 5, 6])
    assert tables(first, rule, 500) is tables(replace(first), rule, 500)
    of_first = ref(tables(first, rule, 500).statuses.table)
    of_second = ref(tables(second, rule, 500).statuses.table)

    del first
    gc.collect()

    assert of_first() is None
    assert of_second() is not None
