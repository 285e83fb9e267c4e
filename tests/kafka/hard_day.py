"""A hard day on Kafka: stopped twins, garbage, a dead controller, kills and races.

Three control partitions, two of each stage. What happened is kept; the tests look at it.
"""

from __future__ import annotations

import os
import signal
import time
from dataclasses import dataclass, field
from pathlib import Path

from tests.kafka.pipeline import Pipeline, Watch
from tests.kafka.process import Process
from tests.kafka.scenarios import HEALTHY, LONG
from tests.kafka.services import CANARY, STABLE, Service
from tradecanary.processors.runtime.stage_process import FENCED
from tradecanary.processors.stage import LogRecord, TopicPartition
from tradecanary.schemas.codec import decode, encode
from tradecanary.schemas.decisions import Look, RolloutStatus
from tradecanary.schemas.metrics import MetricsBatch
from tradecanary.schemas.routing import (
    CellWeights,
    CommandKind,
    KillSwitch,
    LeaseState,
    RouterStatus,
    RoutingWeights,
    UnitKind,
    VariantWeight,
)
from tradecanary.schemas.topics import (
    COMMANDS,
    DECISION_INPUTS,
    EXECUTIONS,
    METRICS,
    ROUTER_STATUS,
    ROUTING_WEIGHTS,
)

KILLED, RACED, LAPSED, RISEN = "killed", "raced", "lapsed", "risen"
"""They lie on the control partitions 0, 1, 2 and 0."""
STRATEGIES = (KILLED, RACED, LAPSED, RISEN)
PLANTED = "old"
"""The rollout of vectors that no decider wrote."""
_LONG_S = 60.0


@dataclass
class HardDay:
    """What was left behind."""

    records: list[LogRecord] = field(default_factory=list)
    injected: set[tuple[str, int, int]] = field(default_factory=set)
    race: tuple[str, ...] = ()
    lapsed_us: int = 0
    woken_us: int = 0
    baselines: dict[str, str] = field(default_factory=dict)
    ignored: int = 0
    followed: tuple[tuple[int, int], tuple[int, int]] = ((0, 0), (0, 0))
    kill_exit: int = -1
    unkill_exit: int = -1
    killed_after_restart: bool = False


def play(bootstrap_servers: str, folder: Path) -> HardDay:
    """Play the day to its end, and return what was left behind."""
    prefix = f"hard-day.{os.getpid()}."
    pipeline = Pipeline(bootstrap_servers, prefix, folder, executions=2, control=3)
    try:
        return _play(pipeline)
    finally:
        pipeline.close()


def _play(pipeline: Pipeline) -> HardDay:
    day = HardDay()
    stages = [pipeline.stage(name) for name in ("aggregation", "decision")]
    services = pipeline.services([Service(name) for name in STRATEGIES])
    watch = pipeline.watch()
    watch.until(lambda: all(map(watch.status, STRATEGIES)), "the routers", _LONG_S)
    for name in STRATEGIES:
        pipeline.start(name, HEALTHY if name == RISEN else LONG)
    active = RolloutStatus.ACTIVE
    watch.until(lambda: all(watch.is_(n, active) for n in STRATEGIES[:3]), "starts", _LONG_S)
    _race(day, pipeline, watch)
    _inject(day, pipeline)
    watch.until(lambda: watch.is_(RISEN, RolloutStatus.PROMOTED), "the promotion", _LONG_S)
    stages += _twins(pipeline, watch, stages)
    services = _without_decider(day, pipeline, watch, stages, services)
    pipeline.stage("decision")
    valid = LeaseState.VALID
    watch.until(lambda: all(_lease(watch, n) is valid for n in STRATEGIES), "leases", _LONG_S)
    services.stop()
    watch.until(pipeline.drained, "everything to be counted", _LONG_S)
    watch.close()
    day.records = pipeline.everything()
    return day


def _lease(watch: Watch, strategy: str) -> LeaseState | None:
    status = watch.status(strategy)
    return status.lease if status else None


def _race(day: HardDay, pipeline: Pipeline, watch: Watch) -> None:
    """An increase and a promotion in flight, and an abort behind them."""
    kinds = (CommandKind.INCREASE, CommandKind.PROMOTE, CommandKind.ABORT)
    day.race = tuple(pipeline.command(RACED, kind) for kind in kinds)
    answered = set(day.race)
    watch.until(
        lambda: answered <= {one.command_id for one in watch.decisions[RACED]}, "the answers"
    )


def _inject(day: HardDay, pipeline: Pipeline) -> None:
    """Bytes that break the contract, on three topics."""
    foreign = encode(KillSwitch("nobody", killed=False, actor="", time_us=0, reason=""))
    garbage = [b"", b"garbage", None, foreign, foreign[:-3], os.urandom(900_000)]
    for topic in (EXECUTIONS.name, COMMANDS.name, ROUTER_STATUS.name):
        for number, value in enumerate(garbage):
            partition = number % pipeline.log.partitions(topic)
            offset = pipeline.append(topic, b"key", value, partition)
            day.injected.add((topic, partition, offset))


def _twins(pipeline: Pipeline, watch: Watch, stages: list[Process]) -> list[Process]:
    """Second processes join; the first ones are stopped past their session, and wake up."""
    twins = [pipeline.stage(name, "1") for name in ("aggregation", "decision")]
    watch.until(lambda: len(_lives(pipeline)[0]) > 1, "the aggregators to share", _LONG_S)
    epochs = _lives(pipeline)[1]
    for stage in stages:
        stage.signal(signal.SIGSTOP)
    watch.until(
        lambda: all(a > b for a, b in zip(_lives(pipeline)[1], epochs, strict=True)),
        "the second decider to take over",
        _LONG_S,
    )
    watch.until(lambda: _lives(pipeline)[0] == {"1"}, "the second aggregator to take over", _LONG_S)
    for stage in stages:
        stage.signal(signal.SIGCONT)

    def back() -> bool:
        stages[:] = [_supervised(pipeline, stage) for stage in stages]
        return len(_lives(pipeline)[0]) > 1

    watch.until(back, "the first aggregator to be back", _LONG_S)
    return twins


def _supervised(pipeline: Pipeline, stage: Process) -> Process:
    """Return the stage, or its successor in the slot when it ended as a fenced one must.

    The brokers end a transaction in which a stage was stopped for more than 5 s, and fence it.
    """
    if stage.running:
        return stage
    assert stage.wait() == FENCED, stage.said()
    return pipeline.stage(stage.name.partition("-")[0])


def _lives(pipeline: Pipeline) -> tuple[set[str], list[int]]:
    """Return which aggregator slots wrote the last manifests, and each partition's epoch."""
    slots: set[str] = set()
    epochs: list[int] = []
    for number in range(3):
        inputs = TopicPartition(DECISION_INPUTS.name, number)
        looks = pipeline.log.read(inputs, max(0, pipeline.log.end_offset(inputs) - 20))
        epochs.append(max((decode(Look, one.value).epoch for one in looks), default=0))
    metrics = TopicPartition(METRICS.name, 0)
    for record in pipeline.log.read(metrics, max(0, pipeline.log.end_offset(metrics) - 12)):
        slots.add(decode(MetricsBatch, record.value).slot)
    return slots, epochs


def _without_decider(
    day: HardDay, pipeline: Pipeline, watch: Watch, stages: list[Process], services: Process
) -> Process:
    """Both deciders die: leases end, kills work, old weights do not, a router starts again."""
    for stage in stages:
        if stage.name.startswith("decision"):
            stage.kill()
    alive = (KILLED, LAPSED, RISEN)
    watch.until(
        lambda: all(_lease(watch, name) is LeaseState.LAPSED for name in alive), "the lapse"
    )
    day.lapsed_us = time.time_ns() // 1000
    day.baselines = {name: watch.statuses[name][-1].baseline for name in alive}
    newest = watch.statuses[LAPSED][-1]
    _old_weights(pipeline, newest)
    watch.until(lambda: _ignored(services) >= 2, "old weights to be ignored")
    day.ignored = _ignored(services)
    seen = len(watch.statuses[LAPSED])
    watch.until(lambda: len(watch.statuses[LAPSED]) > seen + 1, "its next statuses")
    after = watch.statuses[LAPSED][-1]
    day.followed = (newest.epoch, newest.revision), (after.epoch, after.revision)
    day.kill_exit = pipeline.cli("kill", KILLED, "--reason", "a test", "--yes").returncode
    services.stop()
    again = pipeline.services([Service(name) for name in STRATEGIES])
    before = watch.statuses[KILLED][-1].incarnation
    watch.until(
        lambda: watch.statuses[KILLED][-1].incarnation > before, "the routers again", _LONG_S
    )
    watch.until(lambda: watch.statuses[KILLED][-1].killed, "the kill to be read again")
    seen = len(watch.statuses[KILLED])
    watch.until(lambda: len(watch.statuses[KILLED]) > seen, "one more status")
    last = watch.statuses[KILLED][-1]
    day.killed_after_restart = last.killed and not last.counts
    day.unkill_exit = pipeline.cli("unkill", KILLED, "--reason", "a test", "--yes").returncode
    day.woken_us = time.time_ns() // 1000
    return again


def _old_weights(pipeline: Pipeline, newest: RouterStatus) -> None:
    """An older epoch with a newer revision, and an older revision of the same epoch."""
    everything = CellWeights("*", "*", (VariantWeight("canary", CANARY, 10_000),))
    for epoch, revision in (
        (newest.epoch - 1, newest.revision + 100),
        (newest.epoch, newest.revision - 1),
    ):
        old = RoutingWeights(
            LAPSED, epoch, revision, PLANTED, (everything,), STABLE, "salt", UnitKind.ORDER,
            10_000, 0, "a zombie", "",
        )  # fmt: skip
        pipeline.append(ROUTING_WEIGHTS.name, LAPSED.encode(), encode(old))


def _ignored(services: Process) -> int:
    lines = list(services.lines())
    return int(lines[-1][LAPSED]["ignored"]) if lines else 0
