"""A rollout in the in-memory world, from a few figures: what the simulations have in common."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import Any

from tradecanary.processors.decision.policy import Policy
from tradecanary.processors.decision.spec import RolloutSpec
from tradecanary.processors.decision.transitions import ENDED
from tradecanary.producers.simulation.faults import parse_fault
from tradecanary.producers.simulation.market import Market
from tradecanary.producers.simulation.service import ServiceSettings
from tradecanary.producers.simulation.synthetic import synthetic_market
from tradecanary.router_sim import strategies
from tradecanary.schemas.canonical import canonical_json
from tradecanary.schemas.decisions import Decision
from tradecanary.schemas.routing import CommandKind, UnitKind
from tradecanary.schemas.units import US_PER_S
from tradecanary.world import World, settings_for

STRATEGY = "momentum"
START_US = 1_767_623_400 * US_PER_S
STABLE_BUILD, CANARY_BUILD = strategies()
_CRITERIA = {"max_error_rate_pct": 3, "max_p99_latency_ms": 25}
QUICK: dict[str, Any] = {
    "name": "quick",
    "ramp": [
        {
            "name": "One",
            "weight_bp": 1000,
            "min_duration_s": 5,
            "min_orders": 100,
            "criteria": _CRITERIA,
        },
        {
            "name": "Two",
            "weight_bp": 5000,
            "min_duration_s": 5,
            "min_orders": 300,
            "criteria": _CRITERIA,
        },
        {"name": "Full", "weight_bp": 10_000},
    ],
    "judge": {"kind": "thresholds", "min_orders": 300, "fill_rate_pp": 5},
    "guards": {"loss_budget": 300},
    "watch_s": 4,
}
"""Short phases, with minima that the noise of 200 orders/s can bear."""


@cache
def market() -> Market:
    """Return the synthetic market of all simulations."""
    return synthetic_market(1, 4 * 3600 * US_PER_S)


@dataclass
class Rollout:
    """A world with one strategy traded by gateways, and the decisions made so far."""

    world: World
    decisions: list[Decision]

    @classmethod
    def begin(
        cls,
        fault: str | None = None,
        *,
        gateways: int = 1,
        faulty: int | None = None,
        unit: UnitKind = UnitKind.ORDER,
        orders_per_s: float = 200.0,
        policy: dict[str, Any] | None = None,
        warm_up_s: float = 2,
    ) -> Rollout:
        """Start a rollout in a new world; the fault is planted at the first `faulty` gateways.

        At all of them, unless told otherwise.
        """
        world = World(START_US)
        planted = gateways if faulty is None else faulty
        for number in range(gateways):
            settings = ServiceSettings(
                orders_per_s=orders_per_s / gateways,
                seed=3 + number,
                fault=parse_fault(fault) if fault and number < planted else None,
                accounts=200,
            )
            world.add_gateway(
                market(),
                strategy=STRATEGY,
                versions=dict(strategies()),
                baseline=STABLE_BUILD,
                settings=settings_for(market(), settings),
                unit=unit,
                name=f"gateway-{number + 1}",
            )
        world.run_for(warm_up_s)
        spec = RolloutSpec(
            rollout="r1",
            strategy=STRATEGY,
            stable=STABLE_BUILD,
            canary=CANARY_BUILD,
            policy=Policy.model_validate(policy or QUICK),
            unit=unit.value,
        )
        world.operator.command(
            STRATEGY,
            CommandKind.START,
            actor="ana",
            reason="simulation",
            arguments=canonical_json(spec.model_dump(mode="json")),
        )
        return cls(world, [])

    def run(self, seconds: float = 120.0) -> Decision:
        """Run until the rollout has ended, and return its last decision."""

        def ended() -> bool:
            self.decisions += self.world.new_decisions()
            return bool(self.decisions) and self.decisions[-1].status in ENDED

        assert self.world.run_until(ended, seconds), [d.reason for d in self.decisions]
        return self.decisions[-1]
