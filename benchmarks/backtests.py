"""Backtests of a recorded topic on a real Kafka, against the recorded time at 5,000 events/s.

The live run is played in simulated time on a log in memory, with the stages as they run in
production; its topics are then written to Kafka record by record. So what is measured reads Kafka,
counts anew, decides anew, and is held to the live run's bytes.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

from confluent_kafka import Producer

from benchmarks.places import Place
from benchmarks.played import Played
from tradecanary.backtesting.backtest import backtest
from tradecanary.backtesting.warm_up import warm_up
from tradecanary.processors.decision.policy import Policy
from tradecanary.processors.runtime.kafka_log import KafkaLog
from tradecanary.processors.runtime.memory_log import MemoryLog
from tradecanary.processors.stage import TopicPartition
from tradecanary.schemas.decisions import RolloutStatus
from tradecanary.schemas.execution import OrderStatus, Side
from tradecanary.schemas.topics import TOPICS
from tradecanary.schemas.units import US_PER_MS, US_PER_S

PER_S = 5_000
STRATEGY = "momentum"
_STEP_US = 50 * US_PER_MS
_PARTITIONS = 4
_GATEWAYS = 4


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


class Recorded:
    """A rollout of a healthy canary at PER_S orders a second, in simulated time."""

    def __init__(self, seconds: int) -> None:
        """Begin so that it ends now: topics keep what is not too old."""
        start_us = time.time_ns() // 1_000 - (seconds + 10) * US_PER_S
        self.played = Played((STRATEGY,), start_us, partitions=_PARTITIONS)
        self._policy = policy("live", 1_000, 5_000, seconds=seconds * 0.4)
        self._orders = 0
        self._seqs: dict[tuple[int, int], int] = {}

    def steps(self, seconds: int) -> Iterator[int]:
        """Play; yield the events so far after each simulated second."""
        played = self.played
        for step in range(seconds * US_PER_S // _STEP_US):
            before_us, played.now_us = played.now_us, played.now_us + _STEP_US
            if step % 20 == 0:
                played.attest()
            if step == 40:
                played.start(self._policy)
            for at_us in range(before_us, played.now_us, US_PER_S // PER_S):
                self._trade(at_us)
            played.step()
            if step % 20 == 19:
                yield self._orders
        played.now_us += 2 * US_PER_S
        played.step()
        played.step()

    def _trade(self, at_us: int) -> None:
        rng, number = self.played.rng, self._orders
        self._orders += 1
        partition, gateway = number % _PARTITIONS, number // _PARTITIONS % _GATEWAYS
        seq = self._seqs[gateway, partition] = self._seqs.get((gateway, partition), -1) + 1
        unfilled = {
            "status": OrderStatus.CANCELED,
            "filled_qty": 0.0,
            "avg_price": None,
            "pnl": 0.0,
        }
        self.played.trade(
            STRATEGY, number, at_us, partition, source=f"gateway-{gateway}", source_seq=seq,
            account=f"A{rng.randrange(200):05d}", venue=rng.choice(("XNAS", "ARCX", "BATS")),
            side=rng.choice((Side.BUY, Side.SELL)), **unfilled if rng.random() < 0.05 else {},
        )  # fmt: skip


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


def measure(place: Place, seconds: int) -> Iterator[tuple[str, float]]:
    """Yield `played` with the events so far, then each figure with its name."""
    recorded = Recorded(seconds)
    for events in recorded.steps(seconds):
        yield "played", events
    _copy(recorded.played.log, place)
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
