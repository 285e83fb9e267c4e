"""The control thread of a connection to Kafka: what routers follow, and what they say.

It reads `routing-weights` and `kill-switch` from the beginning (read-committed, no group) and says
the routers' status each second. What fails is logged and tried again; meanwhile leases run out.
"""

from __future__ import annotations

import logging
import threading
import time

from confluent_kafka import (
    OFFSET_BEGINNING,
    Consumer,
    KafkaError,
    KafkaException,
    Message,
    Producer,
    TopicPartition,
)

from tradecanary.producers.follower import FOLLOWED, Follower
from tradecanary.producers.kafka_reading import partition_count
from tradecanary.producers.kafka_settings import FOLLOW, SAY, Settings
from tradecanary.producers.publisher import ExecutionPublisher
from tradecanary.producers.router import OrderRouter
from tradecanary.schemas.codec import encode
from tradecanary.schemas.topics import KILL_SWITCH, ROUTER_STATUS

log = logging.getLogger("tradecanary.producers")

_TICK_S = 0.02
_STATUS_NS = 1_000_000_000
_RETRY_S = 0.5


class Control:
    """Follows the control topics and says the status; one thread."""

    def __init__(
        self, follower: Follower, publisher: ExecutionPublisher, settings: Settings, prefix: str
    ) -> None:
        """Prepare the clients; `run` begins."""
        self.stop = threading.Event()
        self.ready = threading.Event()
        self._follower = follower
        self._publisher = publisher
        self._prefix = prefix
        self._consumer = Consumer(FOLLOW | settings, logger=log)
        self._producer = Producer(SAY | settings, logger=log)
        self._unread: set[tuple[str, int]] | None = None
        self._next_status_ns = 0

    def run(self) -> None:
        """Follow until told to stop."""
        clock_known_by = time.monotonic() + _RETRY_S
        while not self.stop.is_set():
            try:
                self._say_status()
                if self._unread is None and time.monotonic() < clock_known_by:
                    # Without the broker's clock no record is fresh: give the first status time.
                    self._producer.poll(_TICK_S)
                    clock_known_by = 0.0 if len(self._producer) == 0 else clock_known_by
                elif self._unread is None:
                    self._assign()
                else:
                    self._follow()
                for router in self._follower.routers:
                    router.tick()
            except Exception:
                log.exception("following the control topics failed; trying again")
                self.stop.wait(_RETRY_S)
        self._next_status_ns = 0
        self._say_status()
        self._producer.flush(1.0)
        self._consumer.close()

    def _assign(self) -> None:
        """Read every partition of the followed topics from its beginning."""
        partitions = []
        for name in FOLLOWED:
            count = partition_count(self._consumer.list_topics, self._prefix + name)
            partitions += [TopicPartition(self._prefix + name, p, OFFSET_BEGINNING)
                           for p in range(count)]  # fmt: skip
            if not count:
                self.stop.wait(_RETRY_S)
                return
        self._consumer.assign(partitions)
        self._unread = {(partition.topic, partition.partition) for partition in partitions}

    def _follow(self) -> None:
        message = self._consumer.poll(_TICK_S)
        while message is not None and not self.stop.is_set():
            self._take_in(message)
            message = self._consumer.poll(0)

    def _take_in(self, message: Message) -> None:
        error = message.error()
        topic, partition = message.topic() or "", message.partition() or 0
        if error is None:
            name = topic.removeprefix(self._prefix)
            _, append_time_ms = message.timestamp()
            wrong = self._follower.on_record(name, message.key(), message.value(), append_time_ms)
            if wrong:
                log.warning("%s", wrong)
        elif error.code() == KafkaError._PARTITION_EOF:  # noqa: SLF001 -- the client's own name
            assert self._unread is not None, "nothing ends before it is assigned"
            self._unread.discard((topic, partition))
            kills = self._prefix + KILL_SWITCH.name
            if topic == kills and kills not in {name for name, _ in self._unread}:
                self._follower.kills_read()
            if not self._unread:
                self.ready.set()
        else:
            log.warning("following %s: %s", topic, error)

    def _say_status(self) -> None:
        now_ns = time.monotonic_ns()
        if now_ns >= self._next_status_ns:
            self._next_status_ns = now_ns + _STATUS_NS
            for router in self._follower.routers:
                self._produce_status(router)
        self._producer.poll(0)

    def _produce_status(self, router: OrderRouter) -> None:
        def delivered(error: KafkaError | None, message: Message) -> None:
            kind, append_time_ms = message.timestamp()
            if error is None and kind:
                router.on_status_appended(append_time_ms)

        value = encode(router.status(self._publisher.counters()))
        topic = self._prefix + ROUTER_STATUS.name
        try:
            self._producer.produce(topic, value, router.strategy.encode(), on_delivery=delivered)
        except (BufferError, KafkaException) as full:
            log.warning("saying the status of %s: %s", router.strategy, full)
