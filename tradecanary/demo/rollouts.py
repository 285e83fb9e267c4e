"""The demo's two rollouts: a healthy canary that is promoted, a slow one that is taken back."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from tradecanary.processors.decision.policy import Policy
from tradecanary.processors.decision.ramps import RAMPS
from tradecanary.processors.decision.spec import RolloutSpec
from tradecanary.producers.simulation.faults import parse_fault
from tradecanary.producers.simulation.service import ServiceSettings
from tradecanary.producers.simulation.synthetic import synthetic_market
from tradecanary.producers.strategies.momentum_v1 import MomentumV1
from tradecanary.producers.strategies.momentum_v2 import MomentumV2
from tradecanary.schemas.canonical import canonical_json
from tradecanary.schemas.decisions import Decision, RolloutStatus
from tradecanary.schemas.routing import CommandKind
from tradecanary.schemas.units import US_PER_S
from tradecanary.world import World, settings_for

STRATEGY = "momentum"
_EPOCH_US = 1_767_623_400 * US_PER_S
"""2026-01-05 14:30 UTC: the demo's clock is simulated, so that its bytes never change."""
_LIMIT_S = 900.0
_WARM_UP_S = 75
"""Of stable's flow before a start: a reference of more than 10,000 orders leaves nothing out."""


@dataclass(frozen=True, slots=True)
class Planned:
    """One of the demo's rollouts."""

    name: str
    says: str
    fault: str | None


PLANNED = (
    Planned("healthy", "a canary that trades as well as stable", None),
    Planned("slow", "a canary whose orders are acknowledged half as late again", "slow:1.5"),
)


def policy() -> Policy:
    """Return the demo's policy: ramp `aggressive` with the judge `sequential` at its defaults."""
    phases = [dict(phase) for phase in RAMPS["aggressive"]]
    return Policy.model_validate(
        {
            "name": "demo",
            "ramp": phases,
            "guards": {"loss_budget": 5000},
            "watch_s": 20,
        }
    )


def play(planned: Planned, seed: int) -> Iterator[Decision]:
    """Yield the decisions of one rollout as they are made; the same seed gives the same bytes."""
    stable, canary = MomentumV1(), MomentumV2()
    versions = {str(stable.version): stable, str(canary.version): canary}
    market = synthetic_market(seed, 4 * 3600 * US_PER_S)
    fault = parse_fault(planned.fault) if planned.fault else None
    settings = ServiceSettings(orders_per_s=160.0, seed=seed, fault=fault)
    world = World(_EPOCH_US)
    world.add_gateway(
        market,
        strategy=STRATEGY,
        versions=versions,
        baseline=str(stable.version),
        settings=settings_for(market, settings),
    )
    world.run_for(_WARM_UP_S)
    spec = RolloutSpec(
        rollout=f"demo-{planned.name}",
        strategy=STRATEGY,
        stable=str(stable.version),
        canary=str(canary.version),
        policy=policy(),
    )
    world.operator.command(
        STRATEGY,
        CommandKind.START,
        actor="demo",
        reason=planned.says,
        arguments=canonical_json(spec.model_dump(mode="json")),
    )
    ended = {RolloutStatus.PROMOTED, RolloutStatus.ROLLED_BACK}
    deadline_us = world.now_us() + round(_LIMIT_S * US_PER_S)
    last: Decision | None = None
    while world.now_us() < deadline_us and not (last and last.status in ended and last.number > 1):
        for last in world.new_decisions():
            yield last
        world.step()
