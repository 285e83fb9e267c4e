"""Thinning gives the canary exactly the wanted probability, and never moves a unit out."""

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.recorded import flow, policy, record_of
from tradecanary.backtesting import kernel as at
from tradecanary.backtesting.feed import coins
from tradecanary.backtesting.record import Refused
from tradecanary.backtesting.routed import routed
from tradecanary.backtesting.thinning import is_served, keep_bound
from tradecanary.producers.assignment import assign, coin
from tradecanary.schemas.units import CANARY, FULL_WEIGHT_BP, STABLE

SPAN = 1 << 64
_WEIGHTS = st.integers(1, FULL_WEIGHT_BP - 1)
_PAIRS = st.tuples(_WEIGHTS, _WEIGHTS).map(lambda pair: (min(pair), max(pair)))


@given(_PAIRS)
def test_a_kept_order_is_the_canarys_with_the_wanted_probability(pair: tuple[int, int]) -> None:
    """In exact fractions: no smaller bound gives the canary the wanted share of what is kept."""
    wanted, recorded = pair
    w = Fraction(recorded, FULL_WEIGHT_BP)

    def share(kept: int) -> Fraction:
        """Return the canary's share when so many of 2^64 coins keep its orders."""
        canary = w * Fraction(kept, SPAN)
        return canary / (canary + 1 - w)

    bound = keep_bound(wanted, recorded)
    assert share(bound - 1) < Fraction(wanted, FULL_WEIGHT_BP) <= share(bound)


@given(_PAIRS, st.integers(0, SPAN - 1), st.data())
def test_raising_the_weight_moves_no_unit_out(
    pair: tuple[int, int], t: int, data: st.DataObject
) -> None:
    """What is kept at a weight is kept at any larger one that the record serves; all at its own."""
    wanted, recorded = pair
    more = data.draw(st.integers(wanted, recorded))

    assert t >= keep_bound(wanted, recorded) or t < keep_bound(more, recorded)
    assert t < keep_bound(recorded, recorded)


@pytest.mark.parametrize(
    ("wanted", "recorded", "served"),
    [
        (1, 1, True),
        (500, 9_999, True),
        (0, 0, False),  # a record without canary
        (500, 0, False),
        (0, 500, False),  # a policy that gives it nothing
        (501, 500, False),  # more than recorded
        (500, FULL_WEIGHT_BP, False),  # no stable to compare with
        (FULL_WEIGHT_BP, FULL_WEIGHT_BP, False),
    ],
)
def test_what_cannot_be_served(wanted: int, recorded: int, served: bool) -> None:
    """More than recorded, no canary at all, and no stable to compare with are never served."""
    assert served is is_served(wanted, recorded)


@pytest.mark.parametrize(("wanted", "recorded"), [(100, 500), (1_000, 5_000), (4_000, 9_000)])
def test_the_second_coin_is_independent_of_the_first(wanted: int, recorded: int) -> None:
    """Of 200,000 units the canary's share among the kept lies within 4.5 standard errors of v.

    So it does in each half of the recorded coin's canaries: were the coins related, one half would
    be kept more often than the other.
    """
    weights = {CANARY: recorded, STABLE: FULL_WEIGHT_BP - recorded}
    bound, canary, stable = keep_bound(wanted, recorded), [0, 0], 0
    half = recorded * SPAN // FULL_WEIGHT_BP // 2
    for number in range(200_000):
        unit = f"A17-{number:06d}"
        if assign("recorded", unit, weights) == STABLE:
            stable += 1
        elif coin("backtest", unit) < bound:
            canary[coin("recorded", unit) < half] += 1
    kept, v = sum(canary), wanted / FULL_WEIGHT_BP
    n = kept + stable

    assert abs(kept / n - v) < 4.5 * (v * (1 - v) / n) ** 0.5
    assert abs(canary[0] - canary[1]) < 4.5 * kept**0.5


def test_all_policies_toss_the_same_coin_and_stable_orders_none() -> None:
    """The coin of an order is that of its unit under the backtest's salt."""
    record = record_of(flow(seconds=2))
    way = routed(record, None, None)
    tossed = coins(record, way, "salt")
    units = list(record.units(np.arange(len(tossed))))
    for index, (found, unit) in enumerate(zip(tossed.tolist(), units, strict=True)):
        key = record.keys[record.columns[index, at.KEY]]
        assert found == (coin("salt", unit) if key.variant == CANARY else 0)


def test_a_policy_that_asks_for_more_is_refused_with_what_there_is() -> None:
    """The refusal names the phase, the weights of the record, and the largest that it serves."""
    record = record_of(flow([(0, 0), (2, 500), (4, 2_500)], seconds=6))
    way = routed(record, None, None)
    way.check(policy((500, 0, 0), (2_500, 0, 0)))

    assert (500, 2_500) == way.weights_bp()
    with pytest.raises(Refused, match=r"50 % canary in phase 'Step 5000'.*at most 25 %.*5 % \("):
        way.check(policy((500, 0, 0), (5_000, 0, 0)))
