"""Strategies played in simulated time: orders that are made up, stages that are real.

Aggregation and decision run on a log in memory as they run in production. There is no router: an
order's coin is tossed here, by the weights that the decider wrote, and attestations say so.
"""

from __future__ import annotations

import itertools
import random
from collections.abc import Sequence

from benchmarks import flow
from tests.executions import event
from tradecanary.operator import Operator
from tradecanary.processors.aggregation.fastest import fastest_fold
from tradecanary.processors.decision.policy import Policy
from tradecanary.processors.decision.spec import RolloutSpec
from tradecanary.processors.runtime.aggregation_task import AggregationTask
from tradecanary.processors.runtime.decision_task import DecisionTask
from tradecanary.processors.runtime.memory_log import MemoryLog
from tradecanary.processors.runtime.runner import Runner
from tradecanary.producers.assignment import bounds, coin
from tradecanary.schemas.canonical import canonical_json
from tradecanary.schemas.codec import decode, encode
from tradecanary.schemas.execution import ExecutionEvent
from tradecanary.schemas.routing import (
    BreakerState,
    CommandKind,
    LeaseState,
    RouterStatus,
    RoutingWeights,
    UnitKind,
)
from tradecanary.schemas.topics import EXECUTIONS, ROUTER_STATUS, ROUTING_WEIGHTS
from tradecanary.schemas.units import CANARY, FULL_WEIGHT_BP, STABLE, US_PER_S

_BUILDS = {STABLE: flow.STABLE, CANARY: flow.CANARY}
_HORIZON_US = 2 * US_PER_S


class Played:
    """Strategies that trade, and the stages that count and judge them; `now_us` is its time."""

    def __init__(
        self, strategies: Sequence[str], start_us: int, *, partitions: int = 1, routers: int = 1
    ) -> None:
        """Begin at `start_us`; each router carries its share of the strategies."""
        self.now_us = start_us
        self.rng = random.Random(1)
        self.log = MemoryLog(lambda: self.now_us, executions=partitions)
        aggregation = AggregationTask(slot="0", incarnation=start_us, make_fold=fastest_fold)
        tasks = (aggregation, DecisionTask())
        self._runners = [Runner(task, self.log, lambda: self.now_us) for task in tasks]
        self._weights = self.log.tail((ROUTING_WEIGHTS.name,))
        self._vectors: dict[str, RoutingWeights] = {}
        self._strategies = strategies
        self._routers = routers

    def start(self, policy: Policy) -> None:
        """Command a rollout of every strategy."""
        ids = itertools.count()
        operator = Operator(
            self.log,
            self._append,
            now_us=lambda: self.now_us,
            wait=lambda _: None,
            new_id=lambda: f"start-{next(ids)}",
        )
        for name in self._strategies:
            spec = RolloutSpec(
                rollout=f"{name}-1",
                strategy=name,
                stable=_BUILDS[STABLE],
                canary=_BUILDS[CANARY],
                policy=policy,
                owner="bench",
            )
            operator.command(
                name, CommandKind.START, actor="bench", reason="bench", timeout_s=0,
                arguments=canonical_json(spec.model_dump(mode="json")),
            )  # fmt: skip

    def attest(self) -> None:
        """Say for every strategy that its router follows the weights written last."""
        for number, name in enumerate(self._strategies):
            vector = self._vectors.get(name)
            epoch, revision = (vector.epoch, vector.revision) if vector else (0, 0)
            status = RouterStatus(
                router=f"router-{number % self._routers:02d}", incarnation=1, strategy=name,
                time_us=self.now_us, versions=tuple(_BUILDS.values()), unit=UnitKind.ORDER,
                baseline=_BUILDS[STABLE], order_horizon_us=_HORIZON_US,
                markout_horizon_us=_HORIZON_US, epoch=epoch, revision=revision,
                lease=LeaseState.VALID, breaker=BreakerState.CLOSED, rearm=0, killed=False,
                lapses=0, fallback="", counts=(), withdrawals=(), backlog=0, spooled=0, dropped=0,
            )  # fmt: skip
            self._append(ROUTER_STATUS.name, name.encode(), encode(status))

    def trade(
        self, strategy: str, number: int, at_us: int, partition: int = 0, **changes: object
    ) -> None:
        """Send the outcome of order `number`: filled, routed by the weights, with `changes`."""
        made = self._order(strategy, f"{number:018d}", at_us, changes)
        self._append(EXECUTIONS.name, b"", encode(made), partition)

    def step(self) -> None:
        """Let the stages work once, and obey the weights they wrote."""
        for runner in (self._runners[0], *self._runners):  # twice: one poll may end short
            runner.step()
        for record in self._weights.poll(0):
            vector = decode(RoutingWeights, record.value)
            self._vectors[vector.strategy] = vector

    def _append(self, topic: str, key: bytes, value: bytes, partition: int | None = None) -> None:
        self.log.append(topic, key, value, partition=partition, timestamp_us=self.now_us)

    def _order(
        self, strategy: str, unit: str, at_us: int, changes: dict[str, object]
    ) -> ExecutionEvent:
        variant, weight_bp, revision = self._routed(strategy, unit)
        latency_us = int(self.rng.lognormvariate(6.5, 0.5))
        drawn = {
            "strategy": strategy, "version": _BUILDS[variant], "variant": variant,
            "routing_revision": revision, "weight_bp": weight_bp, "unit": unit, "order_id": unit,
            "avg_price": 187.0 + self.rng.gauss(0, 0.02), "pnl": self.rng.gauss(0, 4),
            "submitted_at": at_us, "event_time": at_us + latency_us, "ack_latency_us": latency_us,
        }  # fmt: skip
        return event(**drawn | changes)

    def _routed(self, strategy: str, unit: str) -> tuple[str, int, int]:
        """Return variant, its weight and the revision: stable before there are weights."""
        vector = self._vectors.get(strategy)
        if vector is None:
            return STABLE, FULL_WEIGHT_BP, 0
        weights = {weight.variant: weight.weight_bp for weight in vector.cells[0].weights}
        u = coin(vector.salt, unit)
        variant = next(name for upper, name in bounds(weights) if u < upper)
        return variant, weights[variant], vector.revision
