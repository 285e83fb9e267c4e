"""A redraw of `watch` beside 100 rollouts and 50 routers, each of which carries two strategies.

The decider runs in simulated time on a log in memory. Only what a redraw does is measured, in
processor time, as other processes share the cores: taking in what was recorded since the last one,
0.3 s before, and drawing.
"""

from __future__ import annotations

import io
import itertools
import random
import statistics
import time
from collections.abc import Iterator

from rich.console import Console

from tradecanary.cli.watch import picture
from tradecanary.live import Live
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
from tradecanary.schemas.decisions import RolloutStatus
from tradecanary.schemas.execution import ExecutionEvent, Kind, Mode, OrderStatus, Side
from tradecanary.schemas.routing import (
    BreakerState,
    CommandKind,
    LeaseState,
    RouterStatus,
    RoutingWeights,
    UnitKind,
)
from tradecanary.schemas.topics import EXECUTIONS, ROUTER_STATUS, ROUTING_WEIGHTS
from tradecanary.schemas.units import CANARY, STABLE, US_PER_MS, US_PER_S

ROLLOUTS = 100
ROUTERS = 50
_BUILDS = {STABLE: "bench-1.0.0-9f2c41aa", CANARY: "bench-2.0.0-77b0e3d1"}
_NAMES = tuple(f"strategy-{number:03d}" for number in range(ROLLOUTS))
_STEP_US = 50 * US_PER_MS
_REDRAW_US = 300 * US_PER_MS
_ORDERS_PER_S = 100
"""Of each strategy: after 12 s its last 1,000 orders are known, which the judge waits for."""
_WARM_UP_S, _ROLLING_S = 14, 4
_HORIZON_US = 2 * US_PER_S
_POLICY = Policy.model_validate(
    {
        "name": "bench",
        "ramp": [
            {"name": "One", "weight_bp": 2_000, "min_duration_s": 3600},
            {"name": "Full", "weight_bp": 10_000},
        ],
        "judge": {"kind": "sequential", "margins": {"latency_pct": 500, "slippage_bp": 50}},
    }
)


class Busy:
    """Strategies that trade with a rollout each, and a decider that judges them all."""

    def __init__(self) -> None:
        """Trade stable until the judge has its references, then start and run every rollout."""
        self.now_us = 1_767_623_400 * US_PER_S
        self._rng = random.Random(1)
        self._orders = itertools.count()
        self.log = MemoryLog(lambda: self.now_us, executions=1)
        aggregation = AggregationTask(slot="0", incarnation=1, make_fold=fastest_fold)
        tasks = (aggregation, DecisionTask())
        self._runners = [Runner(task, self.log, lambda: self.now_us) for task in tasks]
        self._weights = self.log.tail((ROUTING_WEIGHTS.name,))
        self._vectors: dict[str, RoutingWeights] = {}
        self._steps = 0
        self.run(_WARM_UP_S * US_PER_S, 4 * _STEP_US)
        self._start()
        self.run(_ROLLING_S * US_PER_S, 4 * _STEP_US)

    def run(self, for_us: int, step_us: int = _STEP_US) -> None:
        """Let time pass in steps."""
        end_us = self.now_us + for_us
        while self.now_us < end_us:
            before_us, self.now_us = self.now_us, self.now_us + step_us
            if before_us // US_PER_S != self.now_us // US_PER_S:
                self._attest()
            self._trade(before_us)
            for runner in (self._runners[0], *self._runners):  # twice: one poll may end short
                runner.step()
            for record in self._weights.poll(0):
                vector = decode(RoutingWeights, record.value)
                self._vectors[vector.strategy] = vector

    def _append(self, topic: str, key: bytes, value: bytes, partition: int | None = None) -> None:
        self.log.append(topic, key, value, partition=partition, timestamp_us=self.now_us)

    def _start(self) -> None:
        ids = itertools.count()
        operator = Operator(
            self.log,
            self._append,
            now_us=lambda: self.now_us,
            wait=lambda _: None,
            new_id=lambda: f"start-{next(ids)}",
        )
        for name in _NAMES:
            spec = RolloutSpec(
                rollout=f"{name}-1",
                strategy=name,
                stable=_BUILDS[STABLE],
                canary=_BUILDS[CANARY],
                policy=_POLICY,
                owner="bench",
            )
            operator.command(
                name, CommandKind.START, actor="bench", reason="bench", timeout_s=0,
                arguments=canonical_json(spec.model_dump(mode="json")),
            )  # fmt: skip

    def _attest(self) -> None:
        for number, name in enumerate(_NAMES):
            vector = self._vectors.get(name)
            epoch, revision = (vector.epoch, vector.revision) if vector else (0, 0)
            status = RouterStatus(
                router=f"router-{number % ROUTERS:02d}", incarnation=1, strategy=name,
                time_us=self.now_us, versions=tuple(_BUILDS.values()), unit=UnitKind.ORDER,
                baseline=_BUILDS[STABLE], order_horizon_us=_HORIZON_US,
                markout_horizon_us=_HORIZON_US, epoch=epoch, revision=revision,
                lease=LeaseState.VALID, breaker=BreakerState.CLOSED, rearm=0, killed=False,
                lapses=0, fallback="", counts=(), withdrawals=(), backlog=0, spooled=0, dropped=0,
            )  # fmt: skip
            self._append(ROUTER_STATUS.name, name.encode(), encode(status))

    def _trade(self, since_us: int) -> None:
        for at_us in range(since_us, self.now_us, US_PER_S // _ORDERS_PER_S):
            for name in _NAMES:
                self._append(EXECUTIONS.name, b"", encode(self._order(name, at_us)), 0)

    def _order(self, strategy: str, at_us: int) -> ExecutionEvent:
        rng, number = self._rng, next(self._orders)
        variant, weight_bp, revision = self._route(strategy, str(number))
        latency_us = int(rng.lognormvariate(6.5, 0.5))
        return ExecutionEvent(
            source="bench", source_seq=number, kind=Kind.OUTCOME, mode=Mode.LIVE,
            strategy=strategy, version=_BUILDS[variant], variant=variant,
            routing_revision=revision, weight_bp=weight_bp, unit=str(number),
            account=f"A{number % 200:05d}", region="us", venue="XNAS", symbol="AAPL",
            order_id=str(number), side=Side.BUY, status=OrderStatus.FILLED, order_qty=100.0,
            filled_qty=100.0, arrival_mid=187.0, avg_price=187.0 + rng.gauss(0, 0.02),
            notional=18_700.0, fees=0.3, pnl=rng.gauss(0, 4), submitted_at=at_us,
            event_time=at_us + latency_us, ack_latency_us=latency_us,
        )  # fmt: skip

    def _route(self, strategy: str, unit: str) -> tuple[str, int, int]:
        vector = self._vectors.get(strategy)
        if vector is None:
            return STABLE, 10_000, 0
        weights = {weight.variant: weight.weight_bp for weight in vector.cells[0].weights}
        u = coin(vector.salt, unit)
        variant = next(name for upper, name in bounds(weights) if u < upper)
        return variant, weights[variant], vector.revision


def measure(redraws: int) -> Iterator[dict[str, float]]:
    """Yield empty results while it works, then what a redraw takes: of all, and of one in full."""
    busy = Busy()
    yield {}
    live = Live(busy.log)
    live.refresh()
    running = sum(
        one.rollout is not None and one.rollout.status is RolloutStatus.ACTIVE
        for state in live.states
        for one in state.strategies.values()
    )
    if running != ROLLOUTS:
        raise RuntimeError(f"{ROLLOUTS} rollouts were to run, found {running}")
    console = Console(file=io.StringIO(), force_terminal=True, width=160, height=120)
    found: dict[str, list[float]] = {"take_in": [], "all": [], "one": []}
    for _ in range(redraws):
        busy.run(_REDRAW_US)
        began = time.process_time()
        live.refresh()
        taken = time.process_time()
        found["take_in"].append((taken - began) * 1e3)
        for name, strategy in (("all", None), ("one", _NAMES[0])):
            drawing = time.process_time()
            console.print(picture(live, strategy, busy.now_us, console.height))
            found[name].append((taken - began + time.process_time() - drawing) * 1e3)
        yield {}
    yield {
        "watch_redraw_ms": statistics.median(found["all"]),
        "watch_redraw_most_ms": max(found["all"]),
        "watch_redraw_one_ms": statistics.median(found["one"]),
        "watch_take_in_ms": statistics.median(found["take_in"]),
    }
