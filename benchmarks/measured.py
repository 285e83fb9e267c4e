"""One measured process: reads `executions` to a number of records, and says what it cost.

`python -m benchmarks.measured aggregate|plain|consume EVENTS`; settings come from the environment,
as those of any stage. The last line of the output is JSON. `aggregate` is the production stage, run
as `tradecanary run aggregation` runs it; `plain` is the same with the fastavro fold; `consume` is
the bare loop it is compared with.
"""

from __future__ import annotations

import json
import os
import resource
import signal
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

from confluent_kafka import Consumer, Message, TopicPartition

from tradecanary.processors.aggregation.fastest import fastest_fold
from tradecanary.processors.aggregation.oracle import PlainFold
from tradecanary.processors.runtime.aggregation_task import AggregationTask
from tradecanary.processors.runtime.kafka_clients import CONSUMER, CONSUMER_RULES
from tradecanary.processors.runtime.log import Log
from tradecanary.processors.runtime.settings import Settings, load_settings
from tradecanary.processors.runtime.stage_process import run_stage
from tradecanary.processors.stage import Emit, LogRecord, Polled
from tradecanary.processors.stage import TopicPartition as Place
from tradecanary.schemas.metrics import MetricsBatch
from tradecanary.schemas.topics import EXECUTIONS
from tradecanary.schemas.units import US_PER_MS

_GIVE_UP_S = 600.0


def _peak_rss_mb() -> float:
    """Return this program's peak; `ru_maxrss` begins with that of the process that started it."""
    status = Path("/proc/self/status")
    if status.exists():
        lines = status.read_text().splitlines()
        return next(int(line.split()[1]) for line in lines if line.startswith("VmHWM")) / 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


class Meter:
    """Time and CPU from the first records to the last; figures are per record after the first."""

    def __init__(self, wanted: int) -> None:
        self.wanted = wanted
        self.seen = 0
        self._began: tuple[float, float, int] | None = None
        self._ended = (0.0, 0.0)

    def count(self, records: int) -> None:
        """Count what one poll brought; the clock starts behind the first."""
        self.seen += records
        if self._began is None and records:
            self._began = (time.perf_counter(), time.process_time(), self.seen)

    def end(self) -> None:
        """Stop the clock."""
        self._ended = (time.perf_counter(), time.process_time())

    def result(self) -> dict[str, float]:
        """Return the figures; peak memory is that of the whole process so far."""
        if self._began is None or self.seen < self.wanted:
            raise RuntimeError(f"{self.wanted} records were to be read, found {self.seen}")
        wall_s, cpu_s, first = self._began
        seconds, cpu = self._ended[0] - wall_s, self._ended[1] - cpu_s
        counted = max(self.seen - first, 1)
        return {
            "events_per_s": counted / seconds,
            "cpu_us_per_event": cpu * 1e6 / counted,
            "all_cpu_us_per_event": cpu * 1e6 / self.seen,
            "seconds": seconds,
            "peak_rss_mb": _peak_rss_mb(),
        }


class MeasuredTask:
    """The aggregation task, with a meter; the process ends when all is committed."""

    name = AggregationTask.name
    inputs = AggregationTask.inputs
    side_inputs = AggregationTask.side_inputs

    def __init__(self, task: AggregationTask, meter: Meter) -> None:
        self.commit_interval_us = task.commit_interval_us
        self.transactions = 0
        self.counted = 0
        self._task = task
        self._meter = meter
        self._all_said = False

    def recover(
        self,
        assigned: frozenset[Place],
        committed: Mapping[Place, int],
        log: Log,
        now_us: int,
    ) -> Mapping[Place, int]:
        """Recover the task."""
        return self._task.recover(assigned, committed, log, now_us)

    def absorb(self, polled: Polled, now_us: int) -> None:
        """Hand on what was polled; what was said before is committed by now."""
        if self._all_said:
            self._meter.end()
            self._all_said = False
            os.kill(os.getpid(), signal.SIGTERM)
        self._task.absorb(polled, now_us)
        self._meter.count(sum(len(batch.values) for batch in polled.batches))

    def absorb_side(self, records: Sequence[LogRecord], at_end: bool, now_us: int) -> None:  # noqa: FBT001
        """Hand on the side inputs."""
        self._task.absorb_side(records, at_end, now_us)

    def flush(self, now_us: int) -> Sequence[Emit]:
        """Return what the task writes, counted: the manifests must cover every event."""
        effects = self._task.flush(now_us)
        self.transactions += bool(effects)
        for effect in effects:
            if isinstance(effect.record, MetricsBatch):
                self.counted += sum(each.events for each in effect.record.ranges)
        if effects and self._meter.seen >= self._meter.wanted:
            self._all_said = True
        return effects

    def positions(self) -> Mapping[Place, int]:
        """Return the task's positions."""
        return self._task.positions()


def aggregate(settings: Settings, wanted: int, *, plain: bool) -> dict[str, float]:
    """Run the production stage until `wanted` records are counted and committed."""
    meter = Meter(wanted)
    inner = AggregationTask(
        slot=settings.slot,
        incarnation=time.time_ns() // 1000,
        make_fold=PlainFold if plain else fastest_fold,
        commit_interval_us=settings.aggregation_commit_interval_ms * US_PER_MS,
    )
    task = MeasuredTask(inner, meter)
    code = run_stage(task, settings)
    if code or task.counted != wanted:
        raise RuntimeError(f"status {code}, {task.counted} of {wanted} events were counted")
    return {**meter.result(), "transactions": task.transactions}


def consume(settings: Settings, wanted: int) -> dict[str, float]:
    """Read `wanted` records with the stage's client settings and do nothing with them."""
    meter = Meter(wanted)
    group = {"group.id": f"{settings.topic_prefix}bare"}
    consumer = Consumer({**CONSUMER, **settings.connection(), **CONSUMER_RULES, **group})
    topic = settings.topic_prefix + EXECUTIONS.name
    consumer.assign(
        [TopicPartition(topic, number, 0) for number in range(settings.executions_partitions)]
    )
    give_up = time.monotonic() + _GIVE_UP_S
    while meter.seen < wanted and time.monotonic() < give_up:
        messages = consumer.consume(2000, 0.25)
        values = list(map(Message.value, messages))
        ends = sum(map(bool, map(Message.error, messages))) if len(values) < 2000 else 0
        meter.count(len(values) - ends)
    meter.end()
    consumer.close()
    return meter.result()


def main() -> None:
    """Run what the arguments name."""
    what, wanted = sys.argv[1], int(sys.argv[2])
    settings = load_settings(os.environ)
    if what == "consume":
        result = consume(settings, wanted)
    else:
        result = aggregate(settings, wanted, plain=what == "plain")
    print(json.dumps(result))


if __name__ == "__main__":
    main()
