"""Sticky accounts through the whole decider, seeded: what is claimed of the engine holds there."""

from __future__ import annotations

import pytest
import scipy.stats

from tests.simulation.accounts_world import World
from tests.simulation.decider_by_account import decided
from tradecanary.schemas.decisions import DecisionKind


def test_healthy_canaries_stay() -> None:
    """A/A at alpha .05: false rollbacks within the 99.9 % bound of Binomial(20, .05).

    That is 5 of 20. Judged order by order it would be about 10 (statistics.md 5.8).
    """
    worlds = (
        World(300, 1_000, orders=8_000, before=8_000, alpha=0.05),
        World(300, 5_000, orders=8_000, before=4_000, alpha=0.05),
    )
    ends = [decided(world, seed).kind for world in worlds for seed in range(10)]

    assert set(ends) <= {DecisionKind.START, DecisionKind.HOLD, DecisionKind.ROLL_BACK}
    assert ends.count(DecisionKind.ROLL_BACK) <= scipy.stats.binom.ppf(0.999, 20, 0.05)


@pytest.mark.parametrize("weight_bp", [1_000, 5_000])
def test_half_a_basis_point_is_found(weight_bp: int) -> None:
    """+0.5 bp with 300 accounts and their past at alpha .01: table 24/25 and 25/25."""
    world = World(300, weight_bp, orders=16_000, before=16_000, harm_bp=0.5)
    ends = [decided(world, seed) for seed in range(6)]
    found = [end for end in ends if end.kind is DecisionKind.ROLL_BACK]

    assert len(found) >= 5
    assert all(end.reason.startswith("slippage is ") for end in found)
