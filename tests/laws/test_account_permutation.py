"""Relabelling accounts: exact, the same whatever the order, and one set answers every question."""

from __future__ import annotations

from itertools import combinations
from typing import Any

import numpy as np
import pytest
import scipy.stats
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from typing_extensions import override

from tradecanary.processors.decision.judges.accounts import permutation
from tradecanary.processors.decision.judges.accounts.permutation import Crossings, generator
from tradecanary.processors.decision.judges.accounts.scores import Scores

_Floats = NDArray[np.float64]


def _difference(values: _Floats, weights: _Floats, canary: NDArray[np.bool_]) -> float:
    canary_mean = np.average(values[canary], weights=weights[canary])
    return float(canary_mean - np.average(values[~canary], weights=weights[~canary]))


def _crossings(
    values: _Floats, weights: _Floats, canary: NDArray[np.bool_], count: int, salt: str = "s"
) -> Crossings:
    (found,) = permutation.crossings([Scores(values, weights)], canary, count, generator(salt, 1))
    return found


def _case(seed: int, accounts: int, canaries: int) -> tuple[_Floats, _Floats, NDArray[np.bool_]]:
    random = np.random.default_rng(seed)
    canary = random.permutation(accounts) < canaries
    return random.standard_t(2, accounts) + 0.8 * canary, random.lognormal(0, 1, accounts), canary


@pytest.mark.parametrize(("alternative", "shift"), [("greater", 0.0), ("less", 2.0)])
@pytest.mark.parametrize("seed", [1, 2, 3])
def test_scipy_agrees(seed: int, alternative: str, shift: float) -> None:
    """All 220 relabellings of scipy's exact test and our 20,000 draws give the same p (5 sigma)."""
    values, weights, canary = _case(seed, 12, 3)
    places = np.arange(12)
    shifted = values - shift * canary

    def statistic(chosen: NDArray[np.int64], _rest: NDArray[np.int64]) -> float:
        return _difference(shifted, weights, np.isin(places, chosen))

    exact = scipy.stats.permutation_test(
        (places[canary], places[~canary]),
        statistic,
        alternative=alternative,
        n_resamples=np.inf,
        vectorized=False,
    ).pvalue
    found = _crossings(values, weights, canary, 20_000)
    p = found.p_harm(shift) if alternative == "greater" else found.p_inferior(shift)

    assert _difference(values, weights, canary) == pytest.approx(found.effect)
    assert abs(p - exact) < 5 * (exact * (1 - exact) / 20_000) ** 0.5 + 1e-4


@given(
    st.lists(st.integers(0, 3), min_size=2, max_size=12),
    st.integers(1, 11),
    st.sampled_from([0, 1, 3]),
)
def test_ties_count_against_either_claim(scores: list[int], canaries: int, shift: int) -> None:
    """Scores in steps of 0.1 tie in integers, where floats differ in the last digit."""
    steps = np.array(scores)
    canary = np.arange(len(steps)) < min(canaries, len(steps) - 1)
    values = (steps + shift * canary) * 0.1
    found = _crossings(values, np.ones(len(steps)), canary, 60)
    drawn = permutation._relabellings(60, len(steps), int(canary.sum()), generator("s", 1)) > 0
    sums = np.array([steps[row].sum() for row in drawn])
    observed = steps[canary].sum()

    assert (1 + np.sum(sums >= observed)) / 61 == found.p_harm(shift * 0.1)
    assert (1 + np.sum(sums <= observed)) / 61 == found.p_inferior(shift * 0.1)


@given(
    seed=st.integers(0, 1 << 32),
    accounts=st.integers(2, 12),
    share=st.floats(0.05, 0.95),
    shift=st.floats(-3, 3),
)
def test_a_crossing_is_where_the_shifted_relabelling_ties(
    seed: int, accounts: int, share: float, shift: float
) -> None:
    """Counting crossings below d is what relabelling scores less d on the canary counts."""
    canaries = min(accounts - 1, max(1, round(accounts * share)))
    values, weights, canary = _case(seed, accounts, canaries)
    found = _crossings(values, weights, canary, 60)
    drawn = permutation._relabellings(60, accounts, canaries, generator("s", 1)) > 0
    shifted = values - shift * canary
    observed = _difference(shifted, weights, canary)
    differences = np.array([_difference(shifted, weights, row) for row in drawn])

    assert (1 + np.sum(differences >= observed - 1e-7)) / 61 >= found.p_harm(shift)
    assert (1 + np.sum(differences >= observed + 1e-7)) / 61 <= found.p_harm(shift)
    assert (1 + np.sum(differences <= observed + 1e-7)) / 61 >= found.p_inferior(shift)
    assert (1 + np.sum(differences <= observed - 1e-7)) / 61 <= found.p_inferior(shift)


@given(seed=st.integers(0, 1 << 32), canaries=st.integers(0, 15), level=st.floats(1e-3, 0.4))
def test_the_interval_holds_what_is_not_refuted(seed: int, canaries: int, level: float) -> None:
    """Below `low` harm is proven, above `high` inferiority refuted, in between neither."""
    values, weights, canary = _case(seed, 15, canaries)
    found = _crossings(values, weights, canary, 199)
    low, high = found.interval(level)

    assert not found.p_harm(low + 1e-6) <= level or np.isinf(low)
    assert not found.p_inferior(high - 1e-6) <= level or np.isinf(high)
    if np.isfinite(low):
        assert found.p_harm(low - 1e-6) <= level + 1e-9
    if np.isfinite(high):
        assert found.p_inferior(high + 1e-6) <= level + 1e-9


@given(seed=st.integers(0, 1 << 32), scale=st.sampled_from([1e-12, 1.0, 2.0**55]))
def test_the_order_of_accounts_changes_no_bit_of_the_effect(seed: int, scale: float) -> None:
    """Sums are exact, so the effect is the same float for accounts in any order."""
    values, weights, canary = _case(seed, 40, 11)
    order = np.random.default_rng(seed).permutation(40)
    one = _crossings(values * scale, weights, canary, 1)
    other = _crossings(values[order] * scale, weights[order], canary[order], 1)

    assert one.effect == other.effect


def test_every_choice_is_drawn_equally_often() -> None:
    """The 10 pairs of 5 accounts in 20,000 draws: chi-squared below its 99.9 % point of 27.9."""
    drawn = permutation._relabellings(20_000, 5, 2, generator("s", 1)) > 0
    counts = [int(np.all(drawn[:, list(pair)], axis=1).sum()) for pair in combinations(range(5), 2)]

    assert 20_000 == sum(counts)
    assert sum((count - 2_000) ** 2 / 2_000 for count in counts) < 27.9


class _Tying(np.random.Generator):
    """Random numbers that all tie, as two of 2^32 sometimes do."""

    @override
    def integers(self, *_: Any, **asked: Any) -> Any:
        return np.zeros(asked["size"], dtype=np.uint32)


def test_ties_of_random_numbers_favour_nobody() -> None:
    """A row whose numbers tie is drawn anew: as many canaries, all accounts equally often."""
    drawn = permutation._relabellings(4_000, 8, 3, _Tying(np.random.PCG64(1)))

    assert {3.0} == set(drawn.sum(axis=1))
    assert np.all(np.abs(drawn.mean(axis=0) - 3 / 8) < 5 * (3 / 8 * 5 / 8 / 4_000) ** 0.5)


@pytest.mark.parametrize("canaries", [4, 20])
def test_p_is_super_uniform_under_the_null(canaries: int) -> None:
    """Whatever the scores, a coin anew gives P(p <= a) <= a, within 4 sigma of 2,000 coins.

    Heavy tails, unequal weights and scores that depend on the weights change nothing.
    """
    random = np.random.default_rng(canaries)
    weights = random.lognormal(0, 1.5, 40)
    values = random.standard_t(1.5, 40) * weights
    harm, inferior = [], []
    for index in range(2_000):
        canary = random.permutation(40) < canaries
        found = _crossings(values, weights, canary, 99, f"salt-{index}")
        harm.append(found.p_harm(0.0))
        shifted = _crossings(values + 3.0 * canary, weights, canary, 99, f"salt-{index}")
        inferior.append(shifted.p_inferior(3.0))
    for level in (0.01, 0.05, 0.1, 0.25, 0.5, 0.9):
        slack = 4 * (level * (1 - level) / 2_000) ** 0.5
        for found_p in (harm, inferior):
            assert abs(np.mean(np.array(found_p) <= level) - level) < slack


@pytest.mark.parametrize(
    ("values", "weights", "canary"),
    [
        pytest.param([], [], [], id="no account"),
        pytest.param([3.0], [1.0], [True], id="one account"),
        pytest.param([3.0, 9.0], [1.0, 1.0], [True, True], id="no control"),
        pytest.param([3.0, 9.0], [1.0, 1.0], [False, False], id="no canary"),
        pytest.param([3.0, 9.0, 1.0], [0.0, 1.0, 1.0], [True, False, False], id="no score"),
    ],
)
def test_without_two_sides_nothing_is_shown(
    values: list[float], weights: list[float], canary: list[bool]
) -> None:
    """Both p are 1, the effect unknown and the interval everything."""
    found = _crossings(np.array(values), np.array(weights), np.array(canary, dtype=bool), 50)

    assert np.isnan(found.effect)
    assert (1.0, 1.0) == (found.p_harm(0.0), found.p_inferior(1.0))
    assert (-np.inf, np.inf) == found.interval(0.05)


def test_equal_scores_prove_no_harm() -> None:
    """All relabellings tie at no effect: p of harm is 1, that of any margin the smallest."""
    canary = np.arange(40) < 20
    found = _crossings(np.full(40, 0.1), np.linspace(0.1, 1, 40), canary, 999)

    assert (0.0, 1.0, 1 / 1_000) == (found.effect, found.p_harm(0.0), found.p_inferior(0.5))


def test_a_weight_that_dwarfs_all_others_is_survived() -> None:
    """One account with a billion orders among single ones: figures stay finite."""
    weights = np.array([1.0, *[1e-9] * 29])
    canary = np.arange(30) < 15
    found = _crossings(np.linspace(-(2.0**55), 2.0**55, 30), weights, canary, 999)

    assert np.isfinite(found.effect)
    assert found.p_harm(0.0) > 0.05


def test_looks_and_rollouts_draw_differently_and_replays_alike() -> None:
    """The same salt and look give the same relabellings, another of either gives others."""
    case = _case(4, 30, 10)
    again = _crossings(*case, 20, "s").values.tolist()

    assert again == _crossings(*case, 20, "s").values.tolist()
    assert again != _crossings(*case, 20, "t").values.tolist()
    assert generator("s", 1).integers(1 << 60) != generator("s", 2).integers(1 << 60)
