"""A KafkaLog on topics of its own, for tests."""

from __future__ import annotations

import sys
from pathlib import Path

from confluent_kafka import Producer
from confluent_kafka.admin import (  # type: ignore[attr-defined] # exported without __all__
    AdminClient,
    NewTopic,
)

from tests.counting import copied, produced
from tests.kafka.process import Process
from tests.kafka.waiting import wait_until
from tests.log_laws import PARTITIONS
from tradecanary.processors.runtime.kafka_log import KafkaLog
from tradecanary.processors.runtime.kafka_producer import KafkaProducer
from tradecanary.processors.runtime.log import TransactionalProducer
from tradecanary.schemas.topics import EXECUTIONS, TOPICS, Sizing


class KafkaBench:
    """The bench of tests/log_laws.py on Kafka."""

    def __init__(self, bootstrap_servers: str, prefix: str) -> None:
        self.prefix = prefix
        self._stages: list[Process] = []
        self._create(bootstrap_servers)
        self.connection = {"bootstrap.servers": bootstrap_servers}
        self.log = KafkaLog(self.connection, prefix=prefix, slow_commit_s=60.0)
        self._producer = Producer(self.connection | {"partitioner": "murmur2"})

    def append(
        self, topic: str, key: bytes | None, value: bytes | None, partition: int | None = None
    ) -> None:
        """Append a record; return when the broker has it."""
        index = -1 if partition is None else partition
        self._producer.produce(self.prefix + topic, value, key, index)
        assert 0 == self._producer.flush(10)

    def fill(self, count: int, start: int = 0) -> None:
        """Append `count` records to `executions`, numbered from `start`."""
        for number in range(start, start + count):
            self.append(EXECUTIONS.name, b"key-%d" % number, b"value-%d" % number)

    def stage(self, folder: Path, slot: str = "0", **variables: str) -> Process:
        """Start the counting task as a stage's process in a slot."""
        environment = {
            "KAFKA_BOOTSTRAP_SERVERS": str(self.connection["bootstrap.servers"]),
            "TRADECANARY_TOPIC_PREFIX": self.prefix,
            "TRADECANARY_SLOT": slot,
            **variables,
        }
        command = [sys.executable, "-m", "tests.kafka.counting_process"]
        name = f"counting-{self.prefix}{len(self._stages)}"
        self._stages.append(Process(name, command, environment, folder))
        return self._stages[-1]

    def is_done(self) -> bool:
        """Return whether the counting task has copied all of `executions`."""
        return copied(self.log) == produced(self.log)

    def flush(self, producer: TransactionalProducer) -> None:
        """Return when what was sent so far lies in the log, its transaction still open."""
        assert isinstance(producer, KafkaProducer)
        assert 0 == producer._client.flush(10)

    def close(self) -> None:
        """End every process and release the clients."""
        for stage in self._stages:
            stage.remove()
        self.log.close()
        self._producer.close()

    def _create(self, bootstrap_servers: str) -> None:
        topics = [
            NewTopic(
                self.prefix + topic.name,
                num_partitions=1 if topic.sizing == Sizing.SINGLE else PARTITIONS,
                replication_factor=1,
                config=topic.config(),
            )
            for topic in TOPICS
        ]
        admin = AdminClient({"bootstrap.servers": bootstrap_servers})
        for future in admin.create_topics(topics).values():
            future.result(timeout=20)
        wanted = {topic.topic for topic in topics}
        wait_until(lambda: wanted <= admin.list_topics().topics.keys(), "the topics")
