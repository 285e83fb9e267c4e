"""Topics on the broker for one part of the bench, and processes of ours beside it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path

from confluent_kafka import KafkaException, Producer
from confluent_kafka.admin import AdminClient

from benchmarks.flow import PARTITIONS, ROUND, fill
from tradecanary.processors.runtime.settings import Settings
from tradecanary.processors.runtime.topics_admin import create_topics
from tradecanary.schemas.topics import AGGREGATION_STATE, EXECUTIONS, METRICS, TOPICS

ROOT = Path(__file__).parents[1]
_PRODUCER = {
    "linger.ms": 20,
    "compression.type": "lz4",
    "batch.size": 1 << 20,
    "queue.buffering.max.messages": 200_000,
    "enable.idempotence": True,
}
_DEADLINE_S = 30.0


class Place:
    """The pipeline's topics under one prefix."""

    def __init__(self, bootstrap_servers: str, name: str) -> None:
        """Make the topics."""
        self.settings = Settings(
            bootstrap_servers=bootstrap_servers,
            topic_prefix=f"bench-{os.getpid()}-{name}.",
            executions_partitions=PARTITIONS,
        )
        self._admin = AdminClient(self.settings.connection())
        create_topics(self.settings)

    def environment(self, **variables: str) -> Mapping[str, str]:
        """Return what a process of ours needs to work here."""
        return {
            **os.environ,
            "KAFKA_BOOTSTRAP_SERVERS": self.settings.bootstrap_servers,
            "TRADECANARY_TOPIC_PREFIX": self.settings.topic_prefix,
            "TRADECANARY_EXECUTIONS_PARTITIONS": str(PARTITIONS),
            **variables,
        }

    def fill(self, events: int, rate: int) -> Iterator[int]:
        """Fill `executions`: in event time `rate` events a second, ending now; yield progress."""
        producer = Producer({**self.settings.connection(), **_PRODUCER})
        topic = self.settings.topic_prefix + EXECUTIONS.name
        step_us = ROUND * 1_000_000 // rate
        yield from fill(producer, topic, events, time.time_ns() // 1000, step_us)

    def forget(self) -> None:
        """Let the aggregation begin anew: without offsets, snapshots and metrics."""
        prefix = self.settings.topic_prefix
        for future in self._admin.delete_consumer_groups([f"{prefix}aggregation"]).values():
            with suppress(KafkaException):  # there is none before the first run
                future.result()
        names = [prefix + topic.name for topic in (AGGREGATION_STATE, METRICS)]
        for future in self._admin.delete_topics(names).values():
            future.result()
        deadline = time.monotonic() + _DEADLINE_S
        while any(name in self._admin.list_topics(timeout=5).topics for name in names):
            if time.monotonic() > deadline:
                raise TimeoutError(f"deleting {names}: they were still there")
        create_topics(self.settings)

    def remove(self) -> None:
        """Delete the topics: the next part needs the disk."""
        names = [self.settings.topic_prefix + topic.name for topic in TOPICS]
        for future in self._admin.delete_topics(names).values():
            future.result()

    def measured(self, what: str, events: int) -> dict[str, float]:
        """Run one measured process to its end; return its figures."""
        if what != "consume":
            self.forget()
        command = [sys.executable, "-m", "benchmarks.measured", what, str(events)]
        answer = subprocess.run(
            command, cwd=ROOT, env=self.environment(), capture_output=True, text=True, check=False
        )
        if answer.returncode:
            said = (answer.stdout + answer.stderr)[-3000:]
            raise RuntimeError(f"{' '.join(command[1:])} ended with {answer.returncode}:\n{said}")
        found: dict[str, float] = json.loads(answer.stdout.splitlines()[-1])
        return found


@contextmanager
def running(command: list[str], environment: Mapping[str, str]) -> Iterator[subprocess.Popen[str]]:
    """Give a process of ours with its output piped; terminate it afterwards."""
    process = subprocess.Popen(
        command, cwd=ROOT, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        text=True,
    )  # fmt: skip
    try:
        yield process
    finally:
        process.terminate()
        try:
            process.communicate(timeout=20)
        except subprocess.TimeoutExpired:
            process.kill()
            process.communicate()
