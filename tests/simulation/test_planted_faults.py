"""Whole rollouts in simulated time: what is planted is found, and named."""

from __future__ import annotations

import pytest

from tests.simulation.worlds import Rollout
from tradecanary.schemas.decisions import RolloutStatus
from tradecanary.schemas.routing import UnitKind
from tradecanary.schemas.units import CANARY

_NAMED = {
    "slow:3": "latency",
    "rejecting:20": "error rate",
    "slipping:2": "slippage",
    "losing:100": "loss budget",
    "tail_heavy:60": "p99 latency",
    "unfilled:20": "fill rate",
    "silent": "silent",
    "hanging": "error burst",
}


@pytest.mark.parametrize("unit", list(UnitKind))
def test_a_healthy_canary_is_promoted(unit: UnitKind) -> None:
    """A canary that trades as well as stable climbs the ramp and becomes the baseline."""
    rollout = Rollout.begin(unit=unit, gateways=2)
    last = rollout.run()

    assert last.status is RolloutStatus.PROMOTED
    assert ["HOLD", "START", "INCREASE", "PROMOTE", "FINISH"] == [
        decision.kind.value for decision in rollout.decisions
    ]


@pytest.mark.parametrize(("fault", "named"), _NAMED.items())
def test_a_planted_fault_is_rolled_back_by_name(fault: str, named: str) -> None:
    """Each fault ends ROLLED_BACK with a reason that names its measure or guard."""
    last = Rollout.begin(fault, gateways=2).run()

    assert (last.status, True) == (RolloutStatus.ROLLED_BACK, named in last.reason), last.reason


def test_orders_that_vanish_with_a_crashed_gateway_are_missed() -> None:
    """A gateway that dies with open canary orders is noticed by what it had routed."""
    last = Rollout.begin("crashing:20", gateways=2, faulty=1).run()

    assert (last.status, True) == (RolloutStatus.ROLLED_BACK, "vanished" in last.reason)


def test_routers_follow_a_rollback_to_zero() -> None:
    """After the rollback's revision is followed, no router gives the canary an order."""
    rollout = Rollout.begin("slow:3", gateways=2)
    last = rollout.run()
    rollout.world.run_for(2)
    for gateway in rollout.world.gateways.values():
        before = gateway.router.status()
        assert before.revision == last.after.revision
    canary = [
        sum(c.routed for c in gateway.router.status().counts if c.variant == CANARY)
        for gateway in rollout.world.gateways.values()
    ]
    rollout.world.run_for(5)
    later = [
        sum(c.routed for c in gateway.router.status().counts if c.variant == CANARY)
        for gateway in rollout.world.gateways.values()
    ]

    assert canary == later


def test_routers_without_a_decider_go_to_the_baseline() -> None:
    """When no decider renews, every router serves stable under revision 0 within the lease."""
    rollout = Rollout.begin(gateways=2)
    rollout.world.run_for(3)
    del rollout.world.runners[1]
    rollout.world.run_for(11)

    for gateway in rollout.world.gateways.values():
        route = gateway.router.route("o1", "A1", "us", "XNYS")
        assert (0, "stable") == (route.revision, route.variant)
        assert "lapsed" in gateway.router.status().fallback
