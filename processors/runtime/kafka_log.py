"""The log on Kafka: the same protocol as memory_log, on the client of librdkafka."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from confluent_kafka import OFFSET_BEGINNING, Consumer, KafkaError, KafkaException

from tradecanary.processors.runtime.kafka_clients import (
    AWAY,
    CALL_S,
    CONSUMER,
    CONSUMER_RULES,
    DEADLINE_S,
    PRODUCER,
    PRODUCER_RULES,
    READER,
    Names,
    close_within,
    error_of,
    no_beat,
    unavailable,
)
from tradecanary.processors.runtime.kafka_consumer import (
    LINGER_S,
    Fetcher,
    KafkaBatch,
    KafkaConsumer,
)
from tradecanary.processors.runtime.kafka_producer import SLOW_COMMIT_S, KafkaProducer
from tradecanary.processors.runtime.kafka_statistics import Heard, told
from tradecanary.processors.runtime.log import Unavailable
from tradecanary.processors.stage import LogRecord, TopicPartition
from tradecanary.schemas.access import READER_GROUP

_CHUNK = 2000
_NO_LEADER = frozenset({KafkaError.NOT_LEADER_FOR_PARTITION, KafkaError.LEADER_NOT_AVAILABLE})
"""Of a topic that was just made, or whose leader moved: it has one in a moment."""
_LEADER_PAUSE_S = 0.1


def _records(batch: KafkaBatch) -> Iterator[LogRecord]:
    topic, partition = batch.partition
    for index, value in enumerate(batch.values):
        yield LogRecord(
            topic,
            partition,
            batch.offset(index),
            batch.timestamps_ms[index],
            batch.key(index),
            value,
        )


class KafkaTail:
    """Follows every partition of whole topics from the beginning, without a group."""

    def __init__(
        self,
        config: Mapping[str, Any],
        fetcher: Callable[[Consumer], Fetcher],
        places: Sequence[TopicPartition],
    ) -> None:
        self._were_away = False
        self._client = Consumer({**config, "error_cb": self._on_error})
        self._fetcher = fetcher(self._client)
        self._places = frozenset(places)
        self._fetcher.assign(dict.fromkeys(places, OFFSET_BEGINNING))

    def poll(self, timeout_s: float) -> tuple[LogRecord, ...]:
        """Return the new records, waiting at most `timeout_s`; raise OffsetLost, Unavailable."""
        if self._were_away:
            self._were_away = False
            self._fetcher.doubt_ends()
        batches = self._fetcher.batches(self._fetcher.fetch(_CHUNK, timeout_s))
        return tuple(record for batch in batches for record in _records(batch))

    def at_end(self) -> bool:
        """Return whether every partition is read to its end, and no broker was away since."""
        return self._places <= self._fetcher.ends

    def close(self) -> None:
        """Stop following."""
        close_within(self._client.close, "a tail")

    def _on_error(self, error: KafkaError) -> None:
        self._were_away |= error.code() in AWAY


class KafkaLog:
    """A `Log` on Kafka. `connection` is what librdkafka needs to reach it, and overrides.

    `prefix` goes before the names of topics, groups and transactional ids; `beat` is called after
    every fetch, `heard` each second with where a member of a group stands. Calls raise Unavailable
    when the brokers do not answer within 30 s.
    """

    def __init__(
        self,
        connection: Mapping[str, Any],
        *,
        prefix: str = "",
        linger_s: float = LINGER_S,
        slow_commit_s: float = SLOW_COMMIT_S,
        beat: Callable[[], None] = no_beat,
        heard: Heard | None = None,
    ) -> None:
        self._slow_commit_s = slow_commit_s
        self._names = Names(prefix)
        self._linger_s = linger_s
        self._beat = beat
        self._told = {} if heard is None else told(heard, self._names)
        self._consumer_config = {**CONSUMER, **connection, **CONSUMER_RULES}
        self._producer_config = {**PRODUCER, **connection, **PRODUCER_RULES}
        self._counts: dict[str, int] = {}
        self._idle_readers: list[Consumer] = []

    def partitions(self, topic: str) -> int:
        """Return the partition count of `topic`; raise Unavailable when it does not exist."""
        if topic not in self._counts:
            name = self._names.outside(topic)
            with self._reader() as reader:
                found = reader.list_topics(name, timeout=CALL_S).topics[name]
            if found.error is not None:
                raise unavailable(
                    f"looking up topic {name} (`tradecanary topics create` makes it)", found.error
                )
            self._counts[topic] = len(found.partitions)
        return self._counts[topic]

    def consumer(self, group: str, topics: Sequence[str]) -> KafkaConsumer:
        """Return a new member of `group` on `topics` (assignor `range`)."""
        own = {"group.id": self._names.outside(group)}
        config = {**self._consumer_config, **self._told, **own}
        return KafkaConsumer(config, topics, self._names, self._linger_s, self._beat)

    def producer(self, transactional_id: str) -> KafkaProducer:
        """Return a producer; any earlier one with this id is fenced, its transaction aborted."""
        return KafkaProducer(
            self._producer_config, transactional_id, self._names, self._slow_commit_s
        )

    def tail(self, topics: Sequence[str]) -> KafkaTail:
        """Return a follower of whole topics."""
        places = [
            TopicPartition(topic, index)
            for topic in topics
            for index in range(self.partitions(topic))
        ]
        return KafkaTail(self._reader_config({}), self._fetcher, places)

    def read(
        self, partition: TopicPartition, start: int = 0, end: int | None = None
    ) -> Iterator[LogRecord]:
        """Yield the committed records from offset `start` up to `end` or the end as of now."""
        for batch in self.batches(partition, start, end):
            yield from _records(batch)

    def batches(
        self, partition: TopicPartition, start: int = 0, end: int | None = None
    ) -> Iterator[KafkaBatch]:
        """Yield what `read` yields, without an object per record."""
        with self._reader() as reader:
            first, last = self._watermarks(reader, partition)
            stop = last if end is None else min(end, last)
            start = max(start, first)
            if start >= stop:
                return
            fetcher = self._fetcher(reader)
            fetcher.assign({partition: start})
            for batch in self._batches_to_end(fetcher, partition):
                if batch.last_offset < stop:
                    yield batch
                elif batch.first_offset < stop:
                    yield batch.below(stop)
                if batch.last_offset >= stop - 1:
                    return

    def start_offset(self, partition: TopicPartition) -> int:
        """Return the first offset still kept."""
        with self._reader() as reader:
            return self._watermarks(reader, partition)[0]

    def end_offset(self, partition: TopicPartition) -> int:
        """Return the last stable offset: where a read-committed reader stops."""
        with self._reader() as reader:
            return self._watermarks(reader, partition)[1]

    def close(self) -> None:
        """Release what `read` used."""
        while self._idle_readers:
            close_within(self._idle_readers.pop().close, "a reader")

    def _batches_to_end(self, fetcher: Fetcher, partition: TopicPartition) -> Iterator[KafkaBatch]:
        deadline_s = time.monotonic() + DEADLINE_S
        while partition not in fetcher.ends:
            batches = fetcher.batches(fetcher.fetch(_CHUNK, CALL_S))
            if batches:
                deadline_s = time.monotonic() + DEADLINE_S
            elif time.monotonic() > deadline_s:
                raise Unavailable(f"reading {partition}: nothing came for {DEADLINE_S:.0f} s")
            yield from batches

    def _watermarks(self, reader: Consumer, partition: TopicPartition) -> tuple[int, int]:
        place = self._names.client_partition(partition)
        deadline_s = time.monotonic() + CALL_S
        while True:
            try:
                found = reader.get_watermark_offsets(place, timeout=CALL_S)
            except KafkaException as failure:
                if error_of(failure).code() not in _NO_LEADER or time.monotonic() > deadline_s:
                    raise
                reader.poll(_LEADER_PAUSE_S)
                continue
            if found is None:
                raise Unavailable(f"looking up the offsets of {partition}: no answer in {CALL_S} s")
            return found

    def _fetcher(self, client: Consumer) -> Fetcher:
        return Fetcher(client, self._names, self._linger_s, self._beat)

    def _reader_config(self, settings: Mapping[str, Any]) -> dict[str, Any]:
        group = {"group.id": self._names.outside(READER_GROUP)}
        return {**self._consumer_config, **settings, **group}

    @contextmanager
    def _reader(self) -> Iterator[Consumer]:
        """Lend a client that reads without a group; making one costs a connection."""
        idle = self._idle_readers
        reader = idle.pop() if idle else Consumer(self._reader_config(READER))
        try:
            yield reader
        except (KafkaException, Unavailable) as failure:
            close_within(reader.close, "a reader")  # whoever met an outage is not lent again
            if isinstance(failure, Unavailable):
                raise
            raise unavailable("reading", error_of(failure)) from failure
        except BaseException:
            self._take_back(reader)
            raise
        else:
            self._take_back(reader)

    def _take_back(self, reader: Consumer) -> None:
        reader.unassign()
        self._idle_readers.append(reader)
