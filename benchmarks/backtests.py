"""Backtests of a recorded topic on a real Kafka, against the recorded time at 5,000 events/s.

The live run is played in simulated time on a log in memory, with the stages as they run in
production; its topics are then written to Kafka record by record. So what is measured reads Kafka,
counts anew, decides anew, and is held to the live run's bytes.
"""

from __future__ import annotations

import random
import time
from collections.abc import Iterator
from typing import Any

from confluent_kafka import Producer

from benchmarks.places import Place
from tradecanary.backtesting.backtest import backtest
from tradecanary.backtesting.warm_up import warm_up
from tradecanary.operator import Operator
from tradecanary.processors.aggregation.fastest import fastest_fold
from tradecanary.processors.decision.policy import Policy
from tradecanary.processors.decision.spec import RolloutSpec
from tradecanary.processors.runtime.aggregation_task import AggregationTask
from tradecanary.processors.runtime.decision_task import DecisionTask
from tradecanary.processors.runtime.kafka_log import KafkaLog
from tradecanary.processors.runtime.memory_log import MemoryLog
from tradecanary.processors.runtime.runner import Runner
from tradecanary.processors.stage import TopicPartition
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
from tradecanary.schemas.topics import EXECUTIONS, ROUTER_STATUS, ROUTING_WEIGHTS, TOPICS
from tradecanary.schemas.units import CANARY, STABLE, US_PER_MS, US_PER_S

PER_S = 5_000
STRATEGY = "momentum"
BUILDS = {STABLE: "momentum-1.0.0-9f2c41aa", CANARY: "momentum-2.0.0-77b0e3d1"}
_STEP_US = 50 * US_PER_MS
_PARTITIONS = 4
_GATEWAYS = 4
_HORIZON_US = 2 * US_PER_S


def policy(name: str, *weights_bp: int, seconds: float) -> Policy:
    """Return a ramp of equal phases with limits that no noise reaches."""
    phases: list[dict[str, Any]] = [
        {"name": f"{bp}", "weight_bp": bp, "min_duration_s": seconds} for bp in weights_bp
    ]
    wide = {"fill_rate_pp": 50, "latency_pct": 500, "slippage_bp": 50, "pnl_ratio": -1e9}
    return Policy.model_validate(
        {
            "name": name,
            "ramp": [*phases, {"name": "Full", "weight_bp": 10_000}],
            "judge": {"kind": "thresholds", **wide},
            "watch_s": 1,
        }
    )


class Played:
    """A rollout of a healthy canary at PER_S orders a second, in simulated time."""

    def __init__(self, seconds: int) -> None:
        """Begin so that it ends now: topics keep what is not too old."""
        self._now_us = start_us = time.time_ns() // 1_000 - (seconds + 10) * US_PER_S
        self._rng = random.Random(1)
        self._orders = 0
        self._seqs: dict[tuple[int, int], int] = {}
        self.policy = policy("live", 1_000, 5_000, seconds=seconds * 0.4)
        self.log = MemoryLog(lambda: self._now_us, executions=_PARTITIONS)
        aggregation = AggregationTask(slot="0", incarnation=start_us, make_fold=fastest_fold)
        tasks = (aggregation, DecisionTask())
        self._runners = [Runner(task, self.log, lambda: self._now_us) for task in tasks]
        self._weights = self.log.tail((ROUTING_WEIGHTS.name,))
        self._vector: RoutingWeights | None = None

    def steps(self, seconds: int) -> Iterator[int]:
        """Play; yield the events so far after each simulated second."""
        for step in range(seconds * US_PER_S // _STEP_US):
            self._now_us += _STEP_US
            if step % 20 == 0:
                self._attest()
            if step == 40:
                self._start()
            self._trade()
            for runner in self._runners:
                runner.step()
            for record in self._weights.poll(0):
                self._vector = decode(RoutingWeights, record.value)
            if step % 20 == 19:
                yield self._orders
        self._now_us += 2 * US_PER_S
        for runner in self._runners * 2:
            runner.step()

    def _append(self, topic: str, key: bytes, value: bytes, partition: int | None = None) -> None:
        self.log.append(topic, key, value, partition=partition, timestamp_us=self._now_us)

    def _start(self) -> None:
        spec = RolloutSpec(
            rollout="bench",
            strategy=STRATEGY,
            stable=BUILDS[STABLE],
            canary=BUILDS[CANARY],
            policy=self.policy,
        )
        operator = Operator(
            self.log,
            self._append,
            now_us=lambda: self._now_us,
            wait=lambda _: None,
            new_id=lambda: "start",
        )
        arguments = canonical_json(spec.model_dump(mode="json"))
        operator.command(
            STRATEGY, CommandKind.START, actor="bench", reason="", arguments=arguments, timeout_s=0
        )

    def _attest(self) -> None:
        status = RouterStatus(
            router="bench", incarnation=1, strategy=STRATEGY, time_us=self._now_us,
            versions=tuple(BUILDS.values()), unit=UnitKind.ORDER, baseline=BUILDS[STABLE],
            order_horizon_us=_HORIZON_US, markout_horizon_us=_HORIZON_US, epoch=0, revision=0,
            lease=LeaseState.VALID, breaker=BreakerState.CLOSED, rearm=0, killed=False, lapses=0,
            fallback="", counts=(), withdrawals=(), backlog=0, spooled=0, dropped=0,
        )  # fmt: skip
        self._append(ROUTER_STATUS.name, STRATEGY.encode(), encode(status))

    def _trade(self) -> None:
        each_us = US_PER_S // PER_S
        for at_us in range(self._now_us - _STEP_US, self._now_us, each_us):
            event = self._order(at_us)
            self._append(EXECUTIONS.name, b"", encode(event), self._place(event))

    def _place(self, event: ExecutionEvent) -> int:
        return int(event.unit) % _PARTITIONS

    def _order(self, at_us: int) -> ExecutionEvent:
        rng, number = self._rng, self._orders
        self._orders += 1
        unit, gateway = f"{number:018d}", number // _PARTITIONS % _GATEWAYS
        place = gateway, number % _PARTITIONS
        seq = self._seqs[place] = self._seqs.get(place, -1) + 1
        variant, weight_bp, revision = self._route(unit)
        filled = rng.random() < 0.95
        latency_us = int(rng.lognormvariate(6.5, 0.5))
        return ExecutionEvent(
            source=f"gateway-{gateway}", source_seq=seq, kind=Kind.OUTCOME, mode=Mode.LIVE,
            strategy=STRATEGY, version=BUILDS[variant], variant=variant,
            routing_revision=revision, weight_bp=weight_bp, unit=unit,
            account=f"A{rng.randrange(200):05d}", region="us",
            venue=rng.choice(("XNAS", "ARCX", "BATS")), symbol="AAPL", order_id=unit,
            side=rng.choice((Side.BUY, Side.SELL)),
            status=OrderStatus.FILLED if filled else OrderStatus.CANCELED, order_qty=100.0,
            filled_qty=100.0 if filled else 0.0, arrival_mid=187.0,
            avg_price=187.0 + rng.gauss(0, 0.02) if filled else None, notional=18_700.0, fees=0.3,
            pnl=rng.gauss(0, 4) if filled else 0.0, submitted_at=at_us,
            event_time=at_us + latency_us, ack_latency_us=latency_us,
        )  # fmt: skip

    def _route(self, unit: str) -> tuple[str, int, int]:
        vector = self._vector
        if vector is None:
            return STABLE, 10_000, 0
        weights = {weight.variant: weight.weight_bp for weight in vector.cells[0].weights}
        u = coin(vector.salt, unit)
        variant = next(name for upper, name in bounds(weights) if u < upper)
        return variant, weights[variant], vector.revision


def _copy(log: MemoryLog, place: Place) -> None:
    """Write every record to the same partition of the place's topics, in order."""
    producer = Producer({**place.settings.connection(), "enable.idempotence": True})
    prefix = place.settings.topic_prefix
    for topic in TOPICS:
        for number in range(log.partitions(topic.name)):
            for record in log.read(TopicPartition(topic.name, number)):
                while True:
                    try:
                        producer.produce(
                            prefix + topic.name, record.value, record.key, number,
                            timestamp=record.timestamp_ms,
                        )  # fmt: skip
                    except BufferError:
                        producer.poll(0.1)
                    else:
                        break
                producer.poll(0)
    if producer.flush(60):
        raise RuntimeError("copying the live run to Kafka: not all records arrived")


def measure(place: Place, seconds: int) -> Iterator[tuple[str, object]]:
    """Yield `played` with the events so far, then each figure with its name."""
    played = Played(seconds)
    events = 0
    for events in played.steps(seconds):
        yield "played", events
    _copy(played.log, place)
    warm_up()
    log = KafkaLog(place.settings.connection(), prefix=place.settings.topic_prefix)
    began, cpu_began = time.perf_counter(), time.process_time()
    live = backtest(log=log)
    took_s, cpu_s = time.perf_counter() - began, time.process_time() - cpu_began
    last = live.policies[0].seen.last
    if not live.same_as_live or last is None or last.status is not RolloutStatus.PROMOTED:
        raise RuntimeError(f"the live run was not taken again: {live.policies[0].reason}")
    yield "backtest_events_per_s", round(live.events / took_s)
    yield "backtest_times_recorded_speed", round(live.events / took_s / PER_S, 1)
    yield "backtest_cpu_us_per_event", round(cpu_s * 1e6 / live.events, 2)
    other = policy("other", 500, 2_500, seconds=seconds * 0.4)
    began = time.perf_counter()
    grid = backtest([other], log=log)
    took_s = time.perf_counter() - began
    yield "backtest_grid_events_per_s", round(grid.events / took_s)
    yield "backtest_grid_times_recorded_speed", round(grid.events / took_s / PER_S, 1)
    log.close()
