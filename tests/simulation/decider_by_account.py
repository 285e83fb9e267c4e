"""The world of sticky accounts through the decider: cohort by cohort, by real coins, to a decision.

The laws of orders are those of `accounts_world`; a second brings 2,000 of them.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray
from typing_extensions import override

from tests.executions import partial
from tests.simulation.accounts_world import SLIPPAGE, World
from tests.stories.flow import Flow
from tests.stories.teller import CANARY_BUILD, STABLE_BUILD, STRATEGY, Teller
from tradecanary.producers.assignment import assign
from tradecanary.schemas.canonical import canonical_json
from tradecanary.schemas.decisions import Decision, DecisionKind, Vector
from tradecanary.schemas.execution import OrderStatus
from tradecanary.schemas.histogram import bucket_of
from tradecanary.schemas.metrics import MeasureSums, PartialSums
from tradecanary.schemas.routing import CommandKind
from tradecanary.schemas.units import CANARY, FULL_WEIGHT_BP, STABLE

ORDERS_PER_S = 2_000


@dataclass
class AccountFlow(Flow):
    """Manifests of a world's orders: one group an account and second."""

    world: World = field(default_factory=lambda: World(300, 1_000))
    seed: int = 0

    def __post_init__(self) -> None:
        """Draw the accounts."""
        self.random = np.random.default_rng([self.seed, self.world.accounts, self.world.weight_bp])
        self.rates = self.random.lognormal(0.0, 1.0, self.world.accounts)
        self.usual = 0.3 + 0.7 * self.random.standard_normal(self.world.accounts)

    @override
    def _partials(
        self, vector: Vector | None, cohort_us: int, _: list[str]
    ) -> tuple[PartialSums, ...]:
        weights = {w.variant: w for w in vector.cells[0].weights} if vector else {}
        shares = {name: w.weight_bp for name, w in weights.items()} or {STABLE: FULL_WEIGHT_BP}
        names = [f"account-{index}" for index in range(self.world.accounts)]
        salt = vector.salt if vector else ""
        variants = [assign(salt, name, shares) for name in names]
        harmed = self.world.harm_bp * np.array([variant == CANARY for variant in variants])
        means = self.usual + harmed
        senders, values = World.orders_of(ORDERS_PER_S, self.rates, means, self.random)
        found = []
        for index in np.unique(senders).tolist():
            variant = variants[index]
            own = values[senders == index]
            build = weights[variant].version if variant in weights else STABLE_BUILD
            one = partial(
                variant=variant,
                version=build,
                routing_revision=vector.revision if vector else 0,
                weight_bp=shares[variant],
                account=names[index],
                cohort_us=cohort_us,
                orders=len(own),
                status_counts=_filled(len(own)),
                measures=(_slippage(own),),
            )
            found.append(one)
        return tuple(found)


def _filled(orders: int) -> tuple[int, ...]:
    return tuple(orders * (status is OrderStatus.FILLED) for status in OrderStatus)


def _slippage(values: NDArray[np.int64]) -> MeasureSums:
    counts = sorted(Counter(map(bucket_of, values.tolist())).items())
    return MeasureSums(
        SLIPPAGE,
        len(values),
        int(values.sum()),
        int((values * values).sum()),
        tuple(bucket for bucket, _ in counts),
        tuple(count for _, count in counts),
    )


def decided(world: World, seed: int) -> Decision:
    """Return the last decision of a rollout of this world, by when its orders are judged."""
    teller = Teller(flow=AccountFlow(world=world, seed=seed))
    teller.router(["g1", "unit=account"])
    teller.run([f"{world.before // ORDERS_PER_S}s"])
    ramp = [
        {"name": "One", "weight_bp": world.weight_bp, "min_duration_s": 10_000},
        {"name": "Full", "weight_bp": FULL_WEIGHT_BP},
    ]
    spec = {
        "rollout": f"rollout-{seed}",
        "strategy": STRATEGY,
        "stable": STABLE_BUILD,
        "canary": CANARY_BUILD,
        "unit": "account",
        "policy": {
            "name": "sticky",
            "ramp": ramp,
            "judge": {"kind": "sequential", "alpha": world.alpha, "tolerance": 0},
        },
    }
    teller.send(teller.command(CommandKind.START, canonical_json(spec)))
    for _ in range(world.orders // ORDERS_PER_S + 4):  # 4 s: until the last cohort is mature
        teller.run(["1s"])
        if teller.decisions[-1].kind is DecisionKind.ROLL_BACK:
            break
    return teller.decisions[-1]
