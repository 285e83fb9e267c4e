"""Telemetry counts what was committed, and nothing that was not."""

from prometheus_client import CollectorRegistry

from tests.alerted import alerts_of, rolled_back
from tests.counting import Counting
from tradecanary.processors.runtime.log import Aborted
from tradecanary.processors.runtime.memory_log import MemoryLog
from tradecanary.processors.runtime.runner import Runner
from tradecanary.processors.runtime.telemetry import AttemptFigures, Telemetry
from tradecanary.processors.stage import Emit
from tradecanary.schemas.alerts import (
    AlertDelivery,
    AlertingSnapshot,
    DeliveryOutcome,
    PendingDelivery,
)
from tradecanary.schemas.metrics import MetricsBatch, PublisherProgress, SourceRange
from tradecanary.schemas.routing import CellWeights, RoutingWeights, UnitKind, VariantWeight
from tradecanary.schemas.topics import ALERTING_STATE, ALERTS, EXECUTIONS, METRICS, ROUTING_WEIGHTS

NOW_US = 1_700_000_010_000_000


class _Told:
    """What was said, and the figures."""

    def __init__(self) -> None:
        self.lines: list[dict[str, object]] = []
        self.registry = CollectorRegistry()
        self.telemetry = Telemetry("counting", self.registry, self._say)

    def _say(self, event: str, **facts: object) -> None:
        self.lines.append({"event": event, **facts})

    def figure(self, name: str, **labels: str) -> float | None:
        return self.registry.get_sample_value(f"tradecanary_{name}", labels)


def test_a_runner_tells_what_it_does() -> None:
    """Records, transactions and recoveries are counted; each recovery is a line."""
    told = _Told()
    log = MemoryLog(lambda: NOW_US)
    for number in range(5):
        log.append(EXECUTIONS.name, b"k", b"%d" % number)
    runner = Runner(Counting(), log, lambda: NOW_US, watcher=told.telemetry)
    runner.run(lambda: False, max_steps=3)

    assert 5 == told.figure("records_read_total", topic="executions")
    assert 0 == told.figure("read_lag_seconds", topic="executions", partition="0")
    assert 1 == told.figure("commit_seconds_count")
    assert 1 == told.figure("partitions_owned")
    assert [
        {"event": "recovered", "task": "counting", "owned": ["executions/0"], "took_ms": 0}
    ] == told.lines


def test_what_is_no_longer_owned_is_forgotten() -> None:
    """A partition that went to another member shows no lag here."""
    told = _Told()
    log = MemoryLog(lambda: NOW_US)
    runner = Runner(Counting(), log, lambda: NOW_US, watcher=told.telemetry)
    runner.run(lambda: False, max_steps=3)
    assert 0 == told.figure("read_lag_seconds", topic="executions", partition="0")
    told.telemetry.recovered(frozenset(), 1_000, NOW_US)

    assert told.figure("read_lag_seconds", topic="executions", partition="0") is None


def test_failures_are_counted_by_kind() -> None:
    """A failed transaction is a figure and a line with the reason."""
    told = _Told()
    told.telemetry.failed(Aborted("evicted"), NOW_US)

    assert 1 == told.figure("failures_total", kind="Aborted")
    assert "evicted" == told.lines[-1]["problem"]


def test_a_manifest_is_counted_once() -> None:
    """It goes to every metrics partition; the counts are taken from the first."""
    told = _Told()
    batch = MetricsBatch(
        slot="0",
        incarnation=1,
        transaction=1,
        part=0,
        parts=1,
        ranges=(SourceRange(0, 0, 10, 7, 2, 3, 1, 0, caught_up=True),),
        publishers=(PublisherProgress(0, "gateway-7", 7, 8, NOW_US - 1_500_000),),
        partials=(),
    )
    effects = [Emit(METRICS.name, b"", batch, partition) for partition in range(3)]
    told.telemetry.committed(effects, 20_000, NOW_US)

    assert 7 == told.figure("events_total")
    assert 2 == told.figure("duplicates_total")
    assert 3 == told.figure("missing_total")
    assert 1 == told.figure("bad_total")
    assert 1.5 == told.figure("watermark_delay_seconds")


def test_alerts_are_counted_by_sender_and_outcome() -> None:
    """Each written delivery is a figure and a line; a failed attempt is told at once."""
    told = _Told()
    (alert,) = alerts_of(rolled_back(1))
    delivery = AlertDelivery("desk", alert, DeliveryOutcome.GIVEN_UP, 3, NOW_US, "HTTP 500")
    pending = (PendingDelivery("desk", alert, 1, NOW_US),) * 2
    snapshot = AlertingSnapshot(0, "momentum", 1, (), pending)
    effects = [
        Emit(ALERTS.name, b"momentum", delivery),
        Emit(ALERTING_STATE.name, b"momentum", snapshot),
    ]
    told.telemetry.committed(effects, 1, NOW_US)
    attempts = AttemptFigures(told.registry, told._say)
    attempts.failed("desk", "HTTP 500")

    assert 1 == told.figure("alerts_total", sender="desk", outcome="given_up")
    assert 2 == told.figure("alerts_pending", strategy="momentum")
    assert 1 == told.figure("alert_attempts_failed_total", sender="desk")
    assert ["alert", "alert not delivered"] == [line["event"] for line in told.lines]
    assert (alert.key, 3) == (told.lines[0]["key"], told.lines[0]["attempts"])


def test_weights_are_those_last_issued() -> None:
    """The gauge follows the committed vector."""
    told = _Told()
    cell = CellWeights("*", "*", (VariantWeight("canary", "momentum-2", 500),))
    vector = RoutingWeights(
        "momentum", 3, 7, "r1", (cell,), "momentum-1", "salt", UnitKind.ORDER, 10_000, 0, "", ""
    )
    told.telemetry.committed([Emit(ROUTING_WEIGHTS.name, b"momentum", vector)], 1, NOW_US)

    weight = told.figure("weight_bp", strategy="momentum", region="*", venue="*", variant="canary")
    assert 500 == weight
    assert 7 == told.figure("revision", strategy="momentum")
