"""Telemetry counts what was committed, and nothing that was not."""

import json

from prometheus_client import CollectorRegistry

from tests.alerted import alerts_of, rolled_back
from tests.counting import Counting
from tradecanary.processors.runtime.kafka_clients import Names
from tradecanary.processors.runtime.kafka_statistics import PartitionOffsets, partition_offsets
from tradecanary.processors.runtime.log import Aborted
from tradecanary.processors.runtime.memory_log import MemoryLog
from tradecanary.processors.runtime.runner import Runner
from tradecanary.processors.runtime.telemetry import AttemptFigures, Telemetry
from tradecanary.processors.stage import Batch, Emit, Polled, TopicPartition
from tradecanary.schemas.alerts import (
    AlertDelivery,
    DeliveryOutcome,
)
from tradecanary.schemas.metrics import MetricsBatch, PublisherProgress, SourceRange
from tradecanary.schemas.topics import ALERTS, EXECUTIONS, METRICS

NOW_US = 1_700_000_010_000_000
PLACE = TopicPartition(EXECUTIONS.name, 0)


def _batch(offset: int, appended_us: int) -> Batch:
    log = MemoryLog(lambda: appended_us)
    for number in range(offset):
        log.append(EXECUTIONS.name, b"k", b"%d" % number)
    (batch,) = log.batches(PLACE, offset - 1)
    return batch


class _Told:
    """What was said, and the figures."""

    def __init__(self) -> None:
        self.lines: list[dict[str, object]] = []
        self.registry = CollectorRegistry()
        self.waiting: dict[str, int] = {}
        self.telemetry = Telemetry(
            "counting",
            self.registry,
            self._say,
            inputs=("executions",),
            waiting=lambda: self.waiting,
        )

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
    assert 0 == told.figure("lag_seconds", topic="executions", partition="0")
    assert 1 == told.figure("commit_duration_seconds_count")
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
    assert 0 == told.figure("lag_seconds", topic="executions", partition="0")
    told.telemetry.recovered(frozenset(), 1_000, NOW_US)

    assert told.figure("lag_seconds", topic="executions", partition="0") is None


def test_failures_are_counted_by_kind() -> None:
    """A failed transaction is a figure and a line with the reason."""
    told = _Told()
    told.telemetry.failed(Aborted("evicted"), NOW_US)

    assert 1 == told.figure("transactions_failed_total", kind="Aborted")
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

    assert 7 == told.figure("executions_counted_total")
    assert 2 == told.figure("executions_duplicate_total")
    assert 3 == told.figure("executions_missing_total")
    assert 1 == told.figure("executions_bad_total")
    assert 1.5 == told.figure("watermark_delay_seconds")


def test_alerts_are_counted_by_sender_and_outcome() -> None:
    """Each written delivery is a figure and a line; a failed attempt is told at once."""
    told = _Told()
    (alert,) = alerts_of(rolled_back(1))
    delivery = AlertDelivery("desk", alert, DeliveryOutcome.GIVEN_UP, 3, NOW_US, "HTTP 500")
    told.telemetry.committed([Emit(ALERTS.name, b"momentum", delivery)], 1, NOW_US)
    attempts = AttemptFigures(told.registry, told._say)
    attempts.failed("desk", "HTTP 500")

    assert 1 == told.figure("alerts_total", sender="desk", outcome="given_up")
    assert 1 == told.figure("alert_attempts_failed_total", sender="desk")
    assert ["alert", "alert not delivered"] == [line["event"] for line in told.lines]
    assert (alert.key, 3) == (told.lines[0]["key"], told.lines[0]["attempts"])


def test_what_waits_is_told_after_a_recovery_and_after_every_commit() -> None:
    """Without anything written, and no longer when another process has the strategy."""
    told = _Told()
    told.waiting = {"momentum": 2, "basket": 0}
    assert told.figure("alerts_pending", strategy="momentum") is None
    told.telemetry.recovered(frozenset({PLACE}), 1_000, NOW_US)

    assert 2 == told.figure("alerts_pending", strategy="momentum")
    assert 0 == told.figure("alerts_pending", strategy="basket")

    told.waiting = {"momentum": 1}
    told.telemetry.committed([], 1, NOW_US)

    assert 1 == told.figure("alerts_pending", strategy="momentum")
    assert told.figure("alerts_pending", strategy="basket") is None


def _positions(told: _Told, position: int, stable: int, high: int, now_us: int) -> None:
    told.telemetry.positions([PartitionOffsets(PLACE, position, stable, high)], now_us)


def test_the_lag_is_in_records_and_in_time() -> None:
    """It grows while nothing is read, is 0 at the end, and unknown of what is not owned."""
    told = _Told()
    _positions(told, 3, 10, 10, NOW_US)
    assert told.figure("lag_records", topic="executions", partition="0") is None
    told.telemetry.recovered(frozenset({PLACE}), 1_000, NOW_US)
    told.telemetry.polled(Polled((_batch(3, NOW_US - 2_000_000),), frozenset()), NOW_US)
    _positions(told, 3, 10, 10, NOW_US + 1_000_000)

    assert 7 == told.figure("lag_records", topic="executions", partition="0")
    assert 3 == told.figure("lag_seconds", topic="executions", partition="0")

    told.telemetry.polled(Polled((), frozenset({PLACE})), NOW_US + 2_000_000)
    _positions(told, 9, 10, 10, NOW_US + 3_000_000)  # the last offset is a marker

    assert 0 == told.figure("lag_records", topic="executions", partition="0")
    assert 0 == told.figure("lag_seconds", topic="executions", partition="0")


def test_a_transaction_that_hangs_is_timed() -> None:
    """The time counts while the last stable offset stands still below the high watermark."""
    told = _Told()
    told.telemetry.recovered(frozenset({PLACE}), 1_000, NOW_US)

    def after(seconds: int, stable: int, high: int) -> float | None:
        _positions(told, 0, stable, high, NOW_US + seconds * 1_000_000)
        return told.figure("open_transaction_seconds", topic="executions", partition="0")

    assert 0 == after(0, 10, 10)
    assert 0 == after(1, 10, 12)
    assert 2 == after(3, 10, 15)
    assert 0 == after(4, 12, 15)  # that one ended, the next is open
    assert 6 == after(10, 12, 99)
    assert 0 == after(11, 99, 99)


def test_the_clients_statistics_tell_the_offsets() -> None:
    """Names lose their prefix; partitions of which something is not known yet are left out."""
    known = {"app_offset": 5, "next_offset": 9, "ls_offset": 10, "hi_offset": 12}
    partitions = {
        "0": known,
        "1": {**known, "app_offset": -1001},
        "2": {**known, "hi_offset": -1001},
        "-1": dict.fromkeys(known, -1),
    }
    text = json.dumps({"topics": {"a.executions": {"partitions": partitions}}})

    assert [
        PartitionOffsets(TopicPartition("executions", 0), 5, 10, 12),
        PartitionOffsets(TopicPartition("executions", 1), 9, 10, 12),
    ] == list(partition_offsets(text, Names("a.")))


def test_dead_letters_begin_at_nought() -> None:
    """A series is there before its first rise, or no alert would see it."""
    told = _Told()

    assert 0 == told.figure("dead_letters_total", topic="executions")


def test_a_filled_hole_is_counted_apart() -> None:
    """Counters never fall: what came late after all is told by another one."""
    told = _Told()
    for missing in (3, -2):
        ranges = (SourceRange(0, 0, 10, 10, 0, missing, 0, 0, caught_up=True),)
        batch = MetricsBatch("0", 1, 1, 0, 1, ranges, (), ())
        told.telemetry.committed([Emit(METRICS.name, b"", batch, 0)], 1, NOW_US)

    assert 3 == told.figure("executions_missing_total")
    assert 2 == told.figure("executions_found_total")
    assert NOW_US / 1e6 == told.figure("last_commit_timestamp_seconds")
