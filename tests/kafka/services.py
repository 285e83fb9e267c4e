"""Trading services in one process: real routers, one real publisher, simulated venues.

Arguments: where Kafka is, the topic prefix, and a JSON list of services (see `Service`). Each
second one JSON line tells what the routers do; SIGTERM ends in good order. A canary that crashes
takes the process with it.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import threading
import time
from dataclasses import dataclass
from types import FrameType
from typing import Any

from tradecanary.producers.kafka_transport import connect
from tradecanary.producers.publisher import ExecutionPublisher
from tradecanary.producers.router import OrderRouter
from tradecanary.producers.simulation.faults import parse_fault
from tradecanary.producers.simulation.schedule import Schedule
from tradecanary.producers.simulation.service import ServiceSettings, SimulatedService
from tradecanary.producers.simulation.synthetic import synthetic_market
from tradecanary.router_sim import clock_of, strategies
from tradecanary.schemas.routing import UnitKind
from tradecanary.schemas.units import US_PER_S
from tradecanary.world import settings_for

STABLE, CANARY = tuple(strategies())
_MARKET_S = 600
_PAUSE_S = 0.005


@dataclass(frozen=True)
class Service:
    """One strategy's service: how fast it trades and what is wrong with its canary."""

    strategy: str
    fault: str = ""
    rate: float = 60.0
    seed: int = 1
    order_horizon_ms: int = 500
    unit: str = UnitKind.ORDER.value


def _settings(service: Service) -> ServiceSettings:
    return ServiceSettings(
        orders_per_s=service.rate,
        markout_horizon_ms=200,
        seed=service.seed,
        fault=parse_fault(service.fault) if service.fault else None,
    )


def _now_us() -> int:
    return time.time_ns() // 1000


def _die() -> None:
    os._exit(137)


def _line(routers: list[OrderRouter]) -> dict[str, Any]:
    return {
        router.strategy: {
            "ignored": router.ignored,
            "why": router.last_ignored,
            "fallback": router.status().fallback,
            "killed": router.status().killed,
        }
        for router in routers
    }


def main(servers: str, prefix: str, wanted: list[Service], name: str = "gateway") -> None:
    """Trade until SIGTERM."""
    stop = threading.Event()

    def on_signal(_: int, __: FrameType | None) -> None:
        stop.set()

    signal.signal(signal.SIGTERM, on_signal)
    market = synthetic_market(1, _MARKET_S * US_PER_S)
    schedule = Schedule(_now_us())
    clock = clock_of(schedule)
    routers = [
        OrderRouter(
            one.strategy,
            strategies(),
            STABLE,
            unit=UnitKind(one.unit),
            order_horizon_ms=one.order_horizon_ms,
            markout_horizon_ms=200,
            clock=clock,
            router_id=name,
        )
        for one in wanted
    ]
    publisher = ExecutionPublisher(name, clock=clock)
    with connect(routers, publisher, bootstrap_servers=servers, topic_prefix=prefix):
        schedule.advance(_now_us())
        services = [
            SimulatedService(
                market,
                router,
                publisher,
                schedule,
                strategies().values(),
                settings_for(market, _settings(one)),
                on_crash=_die,
            )
            for router, one in zip(routers, wanted, strict=True)
        ]
        said_us = 0
        while not stop.wait(_PAUSE_S):
            schedule.advance(_now_us())
            if schedule.now_us() - said_us >= US_PER_S:
                said_us = schedule.now_us()
                sys.stdout.write(json.dumps(_line(routers)) + "\n")
                sys.stdout.flush()
        for service in services:
            service.stop()
        horizon_us = max(one.order_horizon_ms for one in wanted) * 1000
        schedule.advance(_now_us() + horizon_us)


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], [Service(**one) for one in json.loads(sys.argv[3])])
