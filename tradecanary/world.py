"""The whole pipeline in one process: services, routers, aggregation and decision on one log.

Time is simulated and moves in steps; the same seed gives the same bytes. The demo and the
simulations stand on it. Everything in it is the real thing but the log and the clock.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

from tradecanary.operator import Operator
from tradecanary.processors.aggregation.oracle import PlainFold
from tradecanary.processors.runtime.aggregation_task import AggregationTask
from tradecanary.processors.runtime.decision_task import DecisionTask
from tradecanary.processors.runtime.memory_log import MemoryLog
from tradecanary.processors.runtime.runner import Runner
from tradecanary.processors.stage import TopicPartition
from tradecanary.producers.clock import Clock
from tradecanary.producers.follower import FOLLOWED
from tradecanary.producers.memory_transport import MemoryTransport
from tradecanary.producers.publisher import ExecutionPublisher
from tradecanary.producers.router import OrderRouter
from tradecanary.producers.simulation.market import Market
from tradecanary.producers.simulation.schedule import Schedule
from tradecanary.producers.simulation.service import ServiceSettings, SimulatedService
from tradecanary.schemas.codec import decode
from tradecanary.schemas.decisions import Decision
from tradecanary.schemas.routing import UnitKind
from tradecanary.schemas.topics import DECISIONS
from tradecanary.schemas.units import US_PER_MS, US_PER_S

STEP_US = 50 * US_PER_MS


@dataclass
class Gateway:
    """One trading service: its router, its time, and what connects it to the log."""

    router: OrderRouter
    schedule: Schedule
    transport: MemoryTransport
    service: SimulatedService
    alive: bool = True

    def step(self, now_us: int) -> None:
        """Read what the decider says, trade up to `now_us`, and write what happened."""
        if self.alive:
            self.schedule.advance(now_us)
        if self.alive:  # it may have crashed while it traded
            self.transport.step()

    def die(self) -> None:
        """Stop at once: nothing is written any more."""
        self.alive = False


@dataclass
class World:
    """A log, an aggregator, a decider, and as many gateways as are added."""

    start_us: int
    executions: int = 2
    control: int = 1
    gateways: dict[str, Gateway] = field(default_factory=dict)
    _decisions_read: dict[int, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Start the two processors on an empty log."""
        self._now_us = self.start_us
        self.log = MemoryLog(self.now_us, executions=self.executions, control=self.control)
        self.aggregation = AggregationTask(slot="0", incarnation=self.start_us, make_fold=PlainFold)
        self.decision = DecisionTask()
        self.runners = [
            Runner(self.aggregation, self.log, self.now_us),
            Runner(self.decision, self.log, self.now_us),
        ]
        ids = itertools.count(1)
        self.operator = Operator(
            self.log,
            self._append,
            now_us=self.now_us,
            wait=self.run_for,
            new_id=lambda: f"command-{next(ids)}",
        )

    def now_us(self) -> int:
        """Return simulated time, microseconds UTC."""
        return self._now_us

    def add_gateway(
        self,
        market: Market,
        *,
        strategy: str,
        versions: dict[str, Any],
        baseline: str,
        settings: ServiceSettings,
        unit: UnitKind = UnitKind.ORDER,
        order_horizon_ms: int = 2_000,
        name: str = "gateway-1",
    ) -> Gateway:
        """Add a trading service that begins to trade now."""
        schedule = Schedule(self._now_us)
        clock = Clock.of(schedule.now_us)
        router: OrderRouter = OrderRouter(
            strategy,
            versions,
            baseline,
            unit=unit,
            order_horizon_ms=order_horizon_ms,
            markout_horizon_ms=settings.markout_horizon_ms,
            clock=clock,
            router_id=name,
        )
        publisher = ExecutionPublisher(name, clock=clock)
        tail = self.log.tail(FOLLOWED)
        transport = MemoryTransport(
            (router,),
            publisher,
            append=self._append_for_gateway,
            poll=partial(tail.poll, 0.0),
            partitions=self.executions,
            clock=clock,
        )
        service = SimulatedService(
            market, router, publisher, schedule, versions.values(), settings, self._crash(name)
        )
        self.gateways[name] = Gateway(router, schedule, transport, service)
        return self.gateways[name]

    def _crash(self, name: str) -> Callable[[], None]:
        def die() -> None:
            self.gateways[name].die()

        return die

    def _append_for_gateway(
        self, topic: str, key: bytes, value: bytes, *, partition: int | None, timestamp_ms: int
    ) -> int:
        self.log.append(
            topic, key, value, partition=partition, timestamp_us=timestamp_ms * US_PER_MS
        )
        return self._now_us // US_PER_MS

    def step(self) -> None:
        """Let 50 ms pass everywhere."""
        self._now_us += STEP_US
        for gateway in self.gateways.values():
            gateway.step(self._now_us)
        for runner in self.runners:
            runner.step()

    def run_for(self, seconds: float) -> None:
        """Let `seconds` pass."""
        self.run_until(lambda: False, seconds)

    def run_until(self, done: Callable[[], bool], seconds: float) -> bool:
        """Step until `done()`, at most `seconds`; return whether it was done."""
        end_us = self._now_us + round(seconds * US_PER_S)
        while self._now_us < end_us:
            if done():
                return True
            self.step()
        return done()

    def _append(self, topic: str, key: bytes, value: bytes, partition: int | None = None) -> None:
        self.log.append(topic, key, value, partition=partition)

    def new_decisions(self) -> Iterator[Decision]:
        """Yield the decisions written since this was last asked."""
        for number in range(self.log.partitions(DECISIONS.name)):
            start = self._decisions_read.get(number, 0)
            for record in self.log.read(TopicPartition(DECISIONS.name, number), start):
                self._decisions_read[number] = record.offset + 1
                yield decode(Decision, record.value)


def settings_for(market: Market, settings: ServiceSettings) -> ServiceSettings:
    """Return the settings with an order size that is small against the market's quotes."""
    quote = market.quote(0)
    return replace(settings, qty=max(1e-4, min(settings.qty, quote.touch_size(1) * 0.02)))
