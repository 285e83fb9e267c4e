"""Lives of the alerting stage on a log in memory, for tests: written, run, and ended."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator

import pytest
from prometheus_client import CollectorRegistry

from tests.alerted import (
    T0_US,
    WAIT_S,
    Receiver,
    alerts_of,
    decision,
    rolled_back,
    routes_to,
)
from tests.counting import Clock
from tradecanary.processors.alerting.routes import Routes
from tradecanary.processors.runtime.alert_courier import Courier
from tradecanary.processors.runtime.alert_http import AlertHttp, BackOff, Finished
from tradecanary.processors.runtime.alerting_task import (
    AlertingTask,
)
from tradecanary.processors.runtime.memory_log import MemoryLog
from tradecanary.processors.runtime.runner import CrashPoint, Runner, go_on
from tradecanary.processors.runtime.telemetry import Telemetry
from tradecanary.processors.stage import TopicPartition
from tradecanary.schemas.alerts import (
    AlertDelivery,
    AlertingSnapshot,
    DeliveryOutcome,
    PendingDelivery,
)
from tradecanary.schemas.codec import decode, encode
from tradecanary.schemas.decisions import Decision, DecisionKind
from tradecanary.schemas.topics import ALERTING_STATE, ALERTS, DECISIONS

SENT, GIVEN_UP = DeliveryOutcome
FAST = BackOff(first_s=0.01, most_s=0.05)


def everything_to(receiver: Receiver, settings: str = "deadline_s: 20") -> Routes:
    """Return routes that tell a webhook everything."""
    return routes_to(risk=f"{{kind: webhook, url: '{receiver.url('/hook')}', {settings}}}")


def pending(number: int = 1, sender: str = "risk") -> PendingDelivery:
    """Return the delivery of the alert of a roll-back."""
    (alert,) = alerts_of(rolled_back(number))
    return PendingDelivery(sender, alert, 7, T0_US)


def delivered(
    routes: Routes,
    problems: list[str],
    *,
    stopping: threading.Event | None = None,
    now_us: int = T0_US,
    again: bool = False,
) -> Finished | None:
    """Deliver one alert to the only sender of `routes`; return how it ended."""
    ((name, sender),) = routes.senders.items()
    http = AlertHttp(
        sender, stopping=stopping or threading.Event(), failed=problems.append, back_off=FAST
    )
    return http.deliver(pending(sender=name), again=again, now_us=now_us)


class Life:
    """One life of the stage: runner, task and courier."""

    def __init__(
        self,
        log: MemoryLog,
        clock: Clock,
        routes: Routes,
        crash_point: Callable[[CrashPoint], None] = go_on,
        slot: str = "0",
    ) -> None:
        self.log = log
        self.courier = Courier(routes, clock, lambda _, __: None, FAST)
        self.task = AlertingTask(routes, self.courier, commit_interval_us=0)
        self.registry = CollectorRegistry()
        telemetry = Telemetry(
            "alerting", self.registry, lambda _, **__: None, waiting=self.task.waiting
        )
        self.runner = Runner(
            self.task, log, clock, slot=slot, crash_point=crash_point, watcher=telemetry
        )

    def run(self) -> None:
        """Step until all decisions are read, and nothing is pending any more."""
        for _ in range(10):
            for _ in range(6):
                self.runner.step()
            if not pending_of(self.log):
                return
            self.courier.wait(WAIT_S)
        pytest.fail(f"still pending: {pending_of(self.log)}")

    def waiting(self) -> dict[str, float]:
        """Return what Prometheus is told of deliveries still to be made, by strategy."""
        return {
            sample.labels["strategy"]: sample.value
            for family in self.registry.collect()
            for sample in family.samples
            if sample.name == "tradecanary_alerts_pending"
        }

    def die(self) -> None:
        """End its threads as its death does: what they bring back, nobody hears."""
        self.courier.stop(WAIT_S)


def write(log: MemoryLog, clock: Clock, *decisions: Decision) -> None:
    """Append decisions, as of now."""
    for one in decisions:
        key = one.strategy.encode()
        log.append(DECISIONS.name, key, encode(one), timestamp_us=clock.us)


def read(log: MemoryLog, topic: str) -> Iterator[bytes]:
    """Yield all values of a topic."""
    for partition in range(log.partitions(topic)):
        for record in log.read(TopicPartition(topic, partition)):
            assert record.value is not None
            yield record.value


def written_of(log: MemoryLog) -> list[AlertDelivery]:
    """Return what was written of deliveries that ended."""
    return [decode(AlertDelivery, value) for value in read(log, ALERTS.name)]


def pending_of(log: MemoryLog) -> list[str]:
    """Return the names of the deliveries that are still to be made."""
    newest = {}
    for value in read(log, ALERTING_STATE.name):
        snapshot = decode(AlertingSnapshot, value)
        newest[snapshot.strategy] = snapshot
    return [one.id for snapshot in newest.values() for one in snapshot.pending]


DECISIONS_MADE = [
    decision(number, kind, strategy=strategy)
    for strategy in ("momentum", "basket", "btc")
    for number, kind in enumerate(
        (DecisionKind.START, DecisionKind.INCREASE, DecisionKind.HALT, DecisionKind.RESUME), 1
    )
]
ARRIVE = len(DECISIONS_MADE) + 3  # each halt is resolved by its resume


def name_of(body: dict[str, object]) -> tuple[object, ...]:
    """Return what makes an alert the same for a webhook."""
    return body["key"], body["action"], body["number"]
