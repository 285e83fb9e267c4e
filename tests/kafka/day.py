"""One day on Kafka: a canary for each fault at once, then a healthy one through kills of stages.

It is played once a session; the tests of rollouts, replay and exactly-once each look at it.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from tests.kafka.checks import decisions
from tests.kafka.pipeline import Pipeline, Watch
from tests.kafka.process import Process
from tests.kafka.scenarios import CRASHING, FAULTY, HEALTHY, PROMOTED, SECOND
from tests.kafka.services import Service
from tradecanary.operator import Operator
from tradecanary.processors.stage import LogRecord, TopicPartition
from tradecanary.schemas.codec import decode
from tradecanary.schemas.decisions import Decision, DecisionKind, Look
from tradecanary.schemas.metrics import MetricsBatch
from tradecanary.schemas.topics import DECISION_INPUTS, METRICS

STRATEGIES = (PROMOTED, SECOND, *(one.strategy for one in FAULTY), CRASHING.strategy)
_BEGIN_S = 60.0


@dataclass
class Day:
    """What was left behind: all records and exit codes."""

    records: list[LogRecord] = field(default_factory=list)
    exits: dict[str, int] = field(default_factory=dict)
    pipeline: Pipeline | None = None

    def decisions(self, strategy: str) -> list[Decision]:
        """Return a strategy's decisions, in order."""
        return decisions(self.records)[strategy]

    @property
    def operator(self) -> Operator:
        """The hands on the day's topics."""
        assert self.pipeline is not None
        return self.pipeline.operator


def play(bootstrap_servers: str, prefix: str, folder: Path) -> Day:
    """Play the day; the caller closes its pipeline."""
    pipeline = Pipeline(bootstrap_servers, prefix, folder, executions=2, control=1)
    day = Day(pipeline=pipeline)
    try:
        _play(day, pipeline)
    except BaseException:
        pipeline.close()
        raise
    return day


def _play(day: Day, pipeline: Pipeline) -> None:
    aggregator, decider = pipeline.stage("aggregation"), pipeline.stage("decision")
    crashing = pipeline.services([CRASHING.service])
    healthy = [Service(PROMOTED), Service(SECOND)]
    services = pipeline.services([*healthy, *(one.service for one in FAULTY)])
    watch = pipeline.watch()
    watch.until(lambda: all(watch.status(name) for name in STRATEGIES), "the routers", _BEGIN_S)
    for one in (*FAULTY, CRASHING):
        pipeline.start(one.strategy, one.policy, unit=one.unit)
    pipeline.start(PROMOTED, HEALTHY)
    others = [name for name in STRATEGIES if name != SECOND]
    watch.until(lambda: all(map(watch.ended, others)), "the ends of the rollouts", _BEGIN_S)
    day.exits["crashing"] = crashing.wait()

    pipeline.start(SECOND, HEALTHY)
    watch.until(lambda: _has(watch, DecisionKind.START), "the second healthy rollout")
    aggregator = _revive(pipeline, watch, aggregator)
    watch.until(lambda: _has(watch, DecisionKind.INCREASE), "its increase")
    decider = _revive(pipeline, watch, decider)
    watch.until(lambda: watch.ended(SECOND), "its end", _BEGIN_S)
    watch.until(lambda: _all_follow(watch), "routers at the last revisions")

    day.exits["services"] = services.stop()
    watch.until(pipeline.drained, "everything to be counted")
    day.exits["aggregation"], day.exits["decision"] = aggregator.stop(), decider.stop()
    watch.close()
    day.records = pipeline.everything()


def _has(watch: Watch, kind: DecisionKind) -> bool:
    return any(one.kind is kind for one in watch.decisions.get(SECOND, ()))


def _all_follow(watch: Watch) -> bool:
    """Whether every router that lives follows its strategy's newest revision."""
    for name in STRATEGIES:
        last, status = watch.last(name), watch.status(name)
        if name == CRASHING.strategy or last is None or status is None:
            continue
        if status.revision != last.after.revision:
            return False
    return True


def _revive(pipeline: Pipeline, watch: Watch, dying: Process) -> Process:
    """Kill a stage, start it again in its slot, and wait until it works."""
    stage = dying.name.split("-")[0]
    before = newest_life(pipeline, stage)
    dying.kill()
    revived = pipeline.stage(stage)
    watch.until(lambda: newest_life(pipeline, stage) > before, f"{stage} to be back")
    return revived


def newest_life(pipeline: Pipeline, stage: str) -> int:
    """Return the newest incarnation that wrote a manifest, or the newest epoch of a look."""
    topic = METRICS.name if stage == "aggregation" else DECISION_INPUTS.name
    place = TopicPartition(topic, 0)
    newest = 0
    for record in pipeline.log.read(place, max(0, pipeline.log.end_offset(place) - 40)):
        if stage == "aggregation":
            newest = max(newest, decode(MetricsBatch, record.value).incarnation)
        else:
            newest = max(newest, decode(Look, record.value).epoch)
    return newest
