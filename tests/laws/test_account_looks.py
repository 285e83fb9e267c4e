"""Looks at accounts: alpha is spent once, and what cannot be shown is said beforehand."""

from __future__ import annotations

from fractions import Fraction
from math import comb, pi

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tradecanary.processors.decision.judges.accounts import looks
from tradecanary.processors.decision.judges.accounts.looks import Looks
from tradecanary.processors.decision.judges.accounts.settings import WEIGHTS, MeasureRule, Settings


@given(st.integers(1, 10**6), st.integers(0, 10**12))
def test_the_next_look_is_the_first_doubling_ahead(first: int, orders: int) -> None:
    """The next count is first * 2^j, above the orders; half of it is not, or it is the first."""
    due = looks.doubled(first, orders)

    assert due > orders
    assert due == first or due // 2 <= orders
    assert 0 == due % first
    assert 1 == (due // first).bit_count()


def test_levels_and_weights_spend_all_and_no_more() -> None:
    """Over looks the levels sum to the rate, over measures the weights to one."""
    spent = sum(looks.level(0.01, number) for number in range(1, 100_001))

    assert 0.01 * 6 / pi**2 / 25 == pytest.approx(looks.level(0.01, 5))
    assert 0.0099999 < spent < 0.01
    assert 1 == sum(Fraction(str(weight)) for weight in WEIGHTS.values())


@given(st.integers(1, 40), st.integers(1, 10**5), st.floats(1e-4, 0.2))
def test_relabellings_reach_the_level_at_a_bounded_cost(
    number: int, accounts: int, alpha: float
) -> None:
    """P is at least 4,000 and reaches the level, or costs what one look may cost."""
    at = looks.level(alpha, number)
    count = looks.permutations(at, accounts)
    most = max(4_000, min(262_143, (1 << 27) // accounts))

    assert 4_000 <= count <= most
    assert 1 / (count + 1) <= at / 4 * (1 + 1e-9) or count == most


@given(st.integers(1, 60), st.data())
def test_the_smallest_p_is_that_of_one_choice(accounts: int, data: st.DataObject) -> None:
    """No p is below one over the number of choices, nor below one over the draws."""
    canaries = data.draw(st.integers(0, accounts))
    choices = comb(accounts, canaries)
    found = looks.smallest_p(accounts, canaries, 4_000)

    assert (
        max(1 / min(choices, comb(accounts, min(canaries, accounts - canaries, 20))), 1 / 4_001)
        == found
    )
    assert found == max(1 / choices, 1 / 4_001)


@pytest.mark.parametrize(
    ("accounts", "weight_bp", "fewest"),
    [
        pytest.param(300, 1_000, 0, id="the table's"),
        pytest.param(100, 100, 200, id="one canary of a hundred"),
        pytest.param(12, 5_000, 20, id="enough choices, too few accounts"),
        pytest.param(20, 1_000, 30, id="twenty at 10 %"),
        pytest.param(20, 5_000, 0, id="twenty at 50 %"),
        pytest.param(0, 5_000, 20, id="none"),
    ],
)
def test_too_few_accounts_are_named_with_what_would_do(
    accounts: int, weight_bp: int, fewest: int
) -> None:
    """The text names accounts, weight and the number that is enough; one less is not."""
    text = looks.enough_accounts(accounts, weight_bp, 0.01)

    if not fewest:
        assert not text
        return
    assert text.startswith(f"{accounts} accounts at {weight_bp / 100:g} %: ")
    assert text.endswith(f"at least {fewest} accounts are needed at this weight")
    assert not looks.enough_accounts(fewest, weight_bp, 0.01)
    assert looks.enough_accounts(fewest - 1, weight_bp, 0.01)


def test_a_weight_without_control_is_never_enough() -> None:
    """At 0 % and 100 % no number of accounts shows anything, and the text says so."""
    for weight_bp in (0, 10_000):
        assert "no number of accounts would do" in looks.enough_accounts(500, weight_bp, 0.01)


def test_a_pass_outlives_phases_and_looks_are_counted_through() -> None:
    """A new phase starts its orders anew, not its looks: alpha is spent once a rollout."""
    state = Looks(next_orders=1_000).taken(1_000, 5_000, ["errors"])
    again = state.restarted(500).taken(500, 600, [])

    assert Looks(1, 8_000, ("errors",)) == state
    assert Looks(2, 1_000, ("errors",)) == again


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({"alpha": 0.0}, "alpha was 0.0"),
        ({"beta": 1.0}, "beta was 1.0"),
        ({"measures": ()}, "measures was"),
        ({"first_orders": 0}, "first_orders was 0"),
        (
            {"measures": tuple(MeasureRule(measure=m, margin=1, weight=0.6) for m in "ab")},
            "weights of the measures sum to 1.2",
        ),
    ],
)
def test_settings_without_a_promise_are_refused(changes: dict[str, object], named: str) -> None:
    """The error names the field and the value."""
    usual: dict[str, object] = {"measures": (MeasureRule(measure="a", margin=1, weight=1),)}
    with pytest.raises(ValueError, match=named):
        Settings(**(usual | changes))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "changes", [{"margin": 0.0}, {"tolerance": 1.0}, {"weight": 0.0}, {"worse": 0}]
)
def test_a_measure_without_a_test_is_refused(changes: dict[str, float]) -> None:
    """The error names the measure and the field."""
    (field,) = changes
    with pytest.raises(ValueError, match=f"slippage: .*{field}"):
        MeasureRule(**({"measure": "slippage", "margin": 1.0, "weight": 1.0} | changes))  # type: ignore[arg-type]
