"""Reading `executions` back from Kafka, without a group: what replay feeds on."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator

from confluent_kafka import (
    OFFSET_BEGINNING,
    Consumer,
    KafkaError,
    KafkaException,
    TopicPartition,
)

from tradecanary.producers.kafka_settings import FOLLOW, Settings
from tradecanary.schemas.codec import ContractViolation, decode
from tradecanary.schemas.execution import ExecutionEvent
from tradecanary.schemas.topics import EXECUTIONS

log = logging.getLogger("tradecanary.producers")


def partition_count(list_topics: Callable[..., object], topic: str) -> int:
    """Return the partition count of `topic`; 0 while the broker or the topic is not there."""
    try:
        return _partitions(list_topics, topic, 1.0)
    except KafkaException:
        return 0


def _partitions(list_topics: Callable[..., object], topic: str, timeout_s: float) -> int:
    """Return the partition count of `topic`; raise KafkaException when it cannot be had."""
    metadata = getattr(list_topics(topic, timeout=timeout_s), "topics", {}).get(topic)
    if metadata is None or metadata.error is not None:
        code = KafkaError.UNKNOWN_TOPIC_OR_PART if metadata is None else metadata.error.code()
        text = f"topic {topic} cannot be read (`tradecanary topics create` makes it)"
        raise KafkaException(KafkaError(code, text))
    return len(metadata.partitions)


def recorded_events(
    settings: Settings, topic_prefix: str = "", answer_s: float = 10.0
) -> Iterator[ExecutionEvent]:
    """Yield what `executions` holds now, partition after partition; unreadable bytes are left out.

    Raises KafkaException when the topic is not there, or the broker does not answer in `answer_s`.
    """
    topic = topic_prefix + EXECUTIONS.name
    consumer = Consumer(FOLLOW | settings, logger=log)
    try:
        for partition in range(_partitions(consumer.list_topics, topic, answer_s)):
            place = TopicPartition(topic, partition, OFFSET_BEGINNING)
            _, end = consumer.get_watermark_offsets(place, timeout=answer_s)
            consumer.assign([place])
            yield from _up_to(consumer, end)
    finally:
        consumer.close()


def _up_to(consumer: Consumer, end: int) -> Iterator[ExecutionEvent]:
    """Yield the events below offset `end`: a live topic must not be chased for ever."""
    while True:
        for message in consumer.consume(1_000, 0.5):
            error = message.error()
            if error is None:
                if (message.offset() or 0) >= end:
                    return
                try:
                    yield decode(ExecutionEvent, message.value())
                except ContractViolation as broken:
                    log.warning("%s/%s: %s", message.partition(), message.offset(), broken)
            elif error.code() == KafkaError._PARTITION_EOF:  # noqa: SLF001 -- as above
                return
            else:
                raise KafkaException(error)
