"""The world of statistics.md 2.7, seeded: healthy canaries stay, +0.5 bp is found as in its table.

`python -m benchmarks.accounts` runs the whole table.
"""

from __future__ import annotations

import pytest
import scipy.stats

from tests.simulation.accounts_world import World


def test_healthy_canaries_stay() -> None:
    """A/A at alpha .05: false rollbacks of 80 runs within the 99.9 % bound of Binomial(80, .05).

    That is 11. Judged order by order it would be about 40 (statistics.md 2.7).
    """
    worlds = (
        World(300, 1_000, orders=8_000, before=16_000, alpha=0.05),
        World(300, 5_000, orders=8_000, alpha=0.05),
    )
    false = sum(world.run(seed) > 0 for world in worlds for seed in range(40))

    assert false <= scipy.stats.binom.ppf(0.999, 80, 0.05)


@pytest.mark.parametrize(
    ("weight_bp", "before", "fewest", "most_orders"),
    [
        pytest.param(1_000, 128_000, 23, 400, id="10 %, with a past: table 24/25 (186)"),
        pytest.param(5_000, 128_000, 25, 650, id="50 %, with a past: table 25/25 (488)"),
        pytest.param(5_000, 0, 22, 1_500, id="50 %, no past: table 24/25 (606)"),
    ],
)
def test_half_a_basis_point_is_found(
    weight_bp: int, before: int, fewest: int, most_orders: int
) -> None:
    """+0.5 bp with 300 accounts at alpha .01: found about as often and as soon as in the table."""
    world = World(300, weight_bp, orders=32_000, before=before, harm_bp=0.5)
    found = [orders for orders in map(world.run, range(25)) if orders]

    assert len(found) >= fewest
    assert sum(found) / len(found) <= most_orders
