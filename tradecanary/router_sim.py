"""A simulated trading service on a real Kafka: the real router, publisher and transport.

Its clock stands at whatever the venue does and never runs ahead of the host's, so latencies are
those of the venue's model, not of this loop.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tradecanary.producers.clock import Clock
from tradecanary.producers.kafka_transport import connect
from tradecanary.producers.publisher import ExecutionPublisher
from tradecanary.producers.router import OrderRouter
from tradecanary.producers.simulation.disturbed import DisturbedPublisher
from tradecanary.producers.simulation.market import Market
from tradecanary.producers.simulation.market_files import load_market
from tradecanary.producers.simulation.schedule import Schedule
from tradecanary.producers.simulation.service import ServiceSettings, SimulatedService
from tradecanary.producers.simulation.stream_faults import StreamFault
from tradecanary.producers.simulation.synthetic import synthetic_market
from tradecanary.producers.strategies.interface import TradingStrategy
from tradecanary.producers.strategies.momentum_v1 import MomentumV1
from tradecanary.producers.strategies.momentum_v2 import MomentumV2
from tradecanary.schemas.units import US_PER_S
from tradecanary.world import settings_for

_MARKET_HOURS = 4
_PAUSE_S = 0.002
_MOST_BEHIND_US = 500_000
_CRASHED = 137


@dataclass(frozen=True, slots=True)
class SimSettings:
    """What the simulated gateway is: strategy, market, faults, and how Kafka is reached."""

    strategy: str = "momentum"
    gateway: str = "gateway-1"
    unit: str = "order"
    order_horizon_ms: int = 2_000
    market_data: Path | None = None
    instrument: str = "us-share"
    service: ServiceSettings = field(default_factory=ServiceSettings)
    stream_fault: StreamFault | None = None
    bootstrap_servers: str = "localhost:9092"
    kafka: dict[str, str] = field(default_factory=dict)
    topic_prefix: str = ""


def strategies() -> dict[str, TradingStrategy]:
    """Return the two momentum versions by build id, stable first."""
    both: tuple[TradingStrategy, ...] = (MomentumV1(), MomentumV2())
    return {str(one.version): one for one in both}


def market_of(settings: SimSettings) -> Market:
    """Return the recorded market, or a synthetic one without `market_data`."""
    if settings.market_data is None:
        return synthetic_market(settings.service.seed, _MARKET_HOURS * 3600 * US_PER_S)
    return load_market(settings.market_data, settings.instrument)


def run(
    settings: SimSettings,
    stopping: Callable[[float], bool],
    say: Callable[[dict[str, Any]], None],
) -> None:
    """Trade until `stopping(pause)` says so; `say` gets the service's counts every 5 s."""
    market, versions = market_of(settings), strategies()
    schedule = Schedule(_now_us())
    clock = clock_of(schedule)
    router = OrderRouter(
        settings.strategy,
        versions,
        next(iter(versions)),
        unit=settings.unit,
        order_horizon_ms=settings.order_horizon_ms,
        markout_horizon_ms=settings.service.markout_horizon_ms,
        clock=clock,
        router_id=settings.gateway,
    )
    publisher = _publisher(settings, clock)
    with connect(
        router,
        publisher,
        bootstrap_servers=settings.bootstrap_servers,
        kafka=settings.kafka,
        topic_prefix=settings.topic_prefix,
    ):
        schedule.advance(_now_us())  # connecting took a while: trade from now on
        service = SimulatedService(
            market,
            router,
            publisher,
            schedule,
            versions.values(),
            settings_for(market, settings.service),
            on_crash=_crash,
        )
        said_us = schedule.now_us()
        while not stopping(_PAUSE_S):
            schedule.advance(_now_us())
            if schedule.now_us() - said_us >= 5 * US_PER_S:
                said_us = schedule.now_us()
                say(_counts(service, router))
        service.stop()
        schedule.advance(_now_us() + settings.order_horizon_ms * 1000)
        say(_counts(service, router))


def clock_of(schedule: Schedule) -> Clock:
    """Return the schedule's time, but never more than 0.5 s behind the host's.

    A loop that falls behind must not hold up the leases: the router would learn from its status
    messages that records come seconds late, and believe none of them any more.
    """
    return Clock.of(lambda: max(schedule.now_us(), _now_us() - _MOST_BEHIND_US))


def _publisher(settings: SimSettings, clock: Clock) -> ExecutionPublisher:
    if settings.stream_fault is None:
        return ExecutionPublisher(settings.gateway, clock=clock)
    fault, seed = settings.stream_fault, settings.service.seed
    return DisturbedPublisher(settings.gateway, fault, seed, clock=clock)


def _counts(service: SimulatedService, router: OrderRouter) -> dict[str, Any]:
    status = router.status()
    counts = service.counts
    return {
        "orders": counts.orders,
        "canary_orders": counts.canary_orders,
        "by_status": dict(sorted(counts.by_status.items())),
        "revision": status.revision,
        "lease": status.lease.value,
        "fallback": status.fallback,
    }


def _crash() -> None:
    os._exit(_CRASHED)


def _now_us() -> int:
    return time.time_ns() // 1000
