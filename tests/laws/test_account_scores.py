"""Totals and scores of accounts: exact, order-free, and blind to who is canary."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction
from random import Random

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from tests.executions import partial
from tradecanary.processors.decision.account_totals import (
    ERRORS,
    PNL,
    UNFILLED,
    AccountTotals,
    Moments,
    merge,
    of_partials,
)
from tradecanary.processors.decision.judges.accounts.scores import (
    FEWEST_ACCOUNTS,
    FEWEST_ORDERS,
    scores,
    variances,
)
from tradecanary.schemas.execution import OrderStatus
from tradecanary.schemas.metrics import MeasureSums

SLIPPAGE = "slippage_milli_bp"
_VALUES = st.lists(st.integers(-(1 << 55), 1 << 55), max_size=6)
_BOOKS = st.lists(st.dictionaries(st.sampled_from("abc"), _VALUES), max_size=5)


def moments(values: list[int]) -> Moments:
    """Return the exact moments of `values`."""
    return Moments(len(values), sum(values), sum(value * value for value in values))


def totals(values: list[int]) -> AccountTotals:
    """Return an account that had these slippages, and nothing else."""
    return AccountTotals(orders=len(values), measures={SLIPPAGE: moments(values)})


@given(_BOOKS, st.randoms(use_true_random=False))
def test_totals_merge_in_any_order(values: list[dict[str, list[int]]], random: Random) -> None:
    """However orders were batched and whichever came first, the sums are equal to the bit."""
    books = [{name: totals(some) for name, some in each.items()} for each in values]
    shuffled = list(books)
    random.shuffle(shuffled)
    at_once = {
        name: totals([value for each in values for value in each.get(name, [])])
        for name in {name for each in values for name in each}
    }

    assert at_once == merge(books) == merge(shuffled) == merge([merge(books[:2]), merge(books[2:])])


def test_totals_of_partial_sums() -> None:
    """Unfilled is all that was not FILLED, errors are REJECTED and TIMED_OUT; P&L comes apart."""
    counts = {status: index + 1 for index, status in enumerate(OrderStatus)}
    orders = sum(counts.values())
    pnl = MeasureSums(PNL, 2, -4, 10, (), ())
    group = partial(
        account="a",
        orders=orders,
        status_counts=tuple(counts.values()),
        measures=(MeasureSums(SLIPPAGE, 3, 5, 11, (7,), (3,)), pnl),
    )
    found = of_partials([group, replace(group, account=""), group])["a"]
    unfilled = 2 * (orders - counts[OrderStatus.FILLED])
    errors = 2 * (counts[OrderStatus.REJECTED] + counts[OrderStatus.TIMED_OUT])

    assert Moments(6, 10, 22) == found.moments(SLIPPAGE)
    assert Moments(2 * orders, unfilled, unfilled) == found.moments(UNFILLED)
    assert Moments(2 * orders, errors, errors) == found.moments(ERRORS)
    assert Moments() == found.moments("latency_us")
    assert found == found.without_pnl().plus(found.only_pnl())
    assert (0, Moments(4, -8, 20)) == (found.only_pnl().orders, found.only_pnl().moments(PNL))


def test_variances_are_those_of_the_one_way_layout() -> None:
    """Equal sizes: s2 is the mean of the variances, tau2 the variance of the means less s2 / n."""
    values = np.random.default_rng(5).integers(-900, 900, (30, 25)) + 500 * np.arange(30)[:, None]
    found = variances(moments(row) for row in values.tolist())
    within = values.var(axis=1, ddof=1).mean()

    assert found is not None
    assert within == pytest.approx(found.within)
    assert values.mean(axis=1).var(ddof=1) - within / 25 == pytest.approx(found.between)


@given(st.lists(st.lists(st.integers(-(1 << 55), 1 << 55), min_size=1, max_size=5), max_size=8))
@example([[1], [2]])
@example([[7, 7], [7]])
def test_variances_never_are_negative_and_order_free(values: list[list[int]]) -> None:
    """Both are >= 0, the same for accounts in any order; None where nothing varied."""
    found = variances(moments(each) for each in values)

    assert found == variances(moments(each) for each in reversed(values))
    varied = len(values) > 1 and any(len(set(each)) > 1 for each in values)
    assert varied == (found is not None)
    if found is not None:
        assert found.within > 0
        assert found.between >= 0


def _book(accounts: int, orders: int, seed: int) -> dict[str, AccountTotals]:
    random = np.random.default_rng(seed)
    usual = random.normal(0, 700, accounts)
    return {
        f"a{index}": totals(np.rint(random.normal(mean, 1_000, orders)).astype(int).tolist())
        for index, mean in enumerate(usual)
    }


def test_an_account_with_a_past_is_compared_with_itself() -> None:
    """Score and weight are those of statistics.md 2.7, to the last digit that floats have."""
    before = _book(FEWEST_ACCOUNTS, FEWEST_ORDERS, 1)
    now = {"a0": totals([10, 20]), "new": totals([10, 20, 60, 10]), "short": totals([40])}
    before_too = {**before, "short": totals([5] * (FEWEST_ORDERS - 1))}
    known = variances(each.moments(SLIPPAGE) for each in before.values())
    found = scores(["a0", "new", "short"], now, before_too, SLIPPAGE)
    assert known is not None
    past = before["a0"].moments(SLIPPAGE)
    usual = np.mean([each.moments(SLIPPAGE).total / FEWEST_ORDERS for each in before.values()])
    weights = 1 / np.array(
        [
            known.within / 2 + known.within / past.n,
            known.within / 4 + known.between,
            known.within + known.between,
        ]
    )

    assert float(Fraction(15) - Fraction(past.total, past.n)) == found.values[0]
    assert [25 - usual, 40 - usual] == pytest.approx(found.values[1:].tolist())
    assert (weights / weights.max()).tolist() == pytest.approx(found.weights.tolist())


def test_too_few_accounts_with_a_past_leave_the_variances_to_the_phase() -> None:
    """One account short of a reference, s2 and tau2 are those of the phase, both variants."""
    before, now = _book(FEWEST_ACCOUNTS - 1, FEWEST_ORDERS, 1), _book(50, 7, 2)
    known = variances(each.moments(SLIPPAGE) for each in now.values())
    found = scores(list(now), now, before, SLIPPAGE)
    assert known is not None
    with_past = known.within / 7 + known.within / FEWEST_ORDERS
    without = known.within / 7 + known.between

    assert with_past / without == pytest.approx(found.weights[49] / found.weights[0])


def test_accounts_that_never_varied_weigh_the_same() -> None:
    """Without any variance there is nothing to weigh by; without an order, there is no weight."""
    now = {"a": totals([5] * 9), "b": totals([5]), "silent": AccountTotals()}
    found = scores(["a", "b", "silent", "unknown"], now, {}, SLIPPAGE)

    assert [1.0, 1.0, 0.0, 0.0] == found.weights.tolist()
    assert [5.0, 5.0, 0.0, 0.0] == found.values.tolist()


def test_huge_sums_stay_exact() -> None:
    """A billion orders at the largest value, less a past one unit smaller, score exactly one."""
    n, most = 10**9, 1 << 55
    now = {"a": AccountTotals(n, measures={SLIPPAGE: Moments(n, n * most, n * most * most)})}
    past = n * (most - 1)
    before = {"a": AccountTotals(n, measures={SLIPPAGE: Moments(n, past, past * (most - 1))})}

    assert [1.0] == scores(["a"], now, before, SLIPPAGE).values.tolist()
