"""The transport on Kafka: routers and publisher on the real thing.

The control thread follows `routing-weights` and `kill-switch` from the beginning (read-committed,
no group) and says the routers' status each second. The delivery thread times the open orders and
sends events. What fails is logged and tried again; meanwhile leases run out and the spool fills.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from types import TracebackType
from typing import Self

from confluent_kafka import (
    OFFSET_BEGINNING,
    Consumer,
    KafkaError,
    KafkaException,
    Message,
    Producer,
    TopicPartition,
)

from tradecanary.producers.delivery import Delivery
from tradecanary.producers.follower import FOLLOWED, Follower
from tradecanary.producers.kafka_reading import partition_count
from tradecanary.producers.kafka_settings import (
    DELIVER,
    FOLLOW,
    SAY,
    TIMEOUT_WITH_SPOOL_MS,
    TIMEOUT_WITHOUT_SPOOL_MS,
    Settings,
    client_settings,
)
from tradecanary.producers.publisher import ExecutionPublisher
from tradecanary.producers.router import OrderRouter
from tradecanary.producers.spool import Outgoing
from tradecanary.schemas.codec import encode
from tradecanary.schemas.topics import EXECUTIONS, ROUTER_STATUS

log = logging.getLogger("tradecanary.producers")

_TICK_S = 0.02
_STATUS_NS = 1_000_000_000
_RETRY_S = 0.5
_CLOSE_S = 5.0


def connect(
    routers: OrderRouter | Sequence[OrderRouter],
    publisher: ExecutionPublisher,
    *,
    bootstrap_servers: str | None = None,
    kafka: Mapping[str, str] | None = None,
    topic_prefix: str = "",
    ready_timeout_s: float = 10.0,
) -> KafkaConnection:
    """Connect routers and publisher of this process to Kafka; close it when the service ends.

    Waits up to `ready_timeout_s` until kills and weights are read to their end, so that no order
    passes a kill unseen; after that the routers serve their baseline until Kafka answers (see
    `KafkaConnection.ready`). `kafka` takes any librdkafka setting. Raises ValueError or
    KafkaException for settings that cannot work.
    """
    settings = client_settings(bootstrap_servers, kafka)
    several = [routers] if isinstance(routers, OrderRouter) else routers
    connection = KafkaConnection(several, publisher, settings, topic_prefix)
    connection.start()
    if not connection.wait_ready(ready_timeout_s):
        log.warning("Kafka did not answer within %s s: orders get the baseline", ready_timeout_s)
    return connection


class KafkaConnection:
    """A running connection. A context manager: leaving it closes."""

    def __init__(
        self,
        routers: Sequence[OrderRouter],
        publisher: ExecutionPublisher,
        settings: Settings,
        topic_prefix: str,
    ) -> None:
        """Prepare the clients; `start` begins."""
        spooled = publisher.spool is not None
        timeout_ms = TIMEOUT_WITH_SPOOL_MS if spooled else TIMEOUT_WITHOUT_SPOOL_MS
        deliver: Settings = {**DELIVER, "message.timeout.ms": timeout_ms, **settings}
        self._control = _Control(Follower(routers), publisher, settings, topic_prefix)
        self._delivery = _Deliverer(routers, publisher, deliver, topic_prefix)
        self._threads = [
            threading.Thread(target=self._delivery.run, name="tradecanary-delivery", daemon=True),
            threading.Thread(target=self._control.run, name="tradecanary-control", daemon=True),
        ]

    def start(self) -> None:
        """Start both threads."""
        for thread in self._threads:
            thread.start()

    @property
    def ready(self) -> bool:
        """Whether kills and weights were read to their end once."""
        return self._control.ready.is_set()

    def wait_ready(self, timeout_s: float) -> bool:
        """Return whether it was ready within `timeout_s`."""
        return self._control.ready.wait(timeout_s)

    def close(self) -> None:
        """Send what waits, for at most 5 s, the rest to the spool; the publisher ends with it."""
        delivery, control = self._threads
        self._delivery.stop.set()
        delivery.join(3 * _CLOSE_S)
        self._control.stop.set()  # last, so that its last status counts what was sent
        control.join(_CLOSE_S)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()


class _Control:
    """Follows the control topics and says the status; one thread."""

    def __init__(
        self, follower: Follower, publisher: ExecutionPublisher, settings: Settings, prefix: str
    ) -> None:
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


class _Deliverer:
    """Times open orders and sends events; one thread, which is also the delivery's wire."""

    def __init__(
        self,
        routers: Sequence[OrderRouter],
        publisher: ExecutionPublisher,
        settings: Settings,
        prefix: str,
    ) -> None:
        self.stop = threading.Event()
        self._routers = routers
        self._publisher = publisher
        self._topic = prefix + EXECUTIONS.name
        self._producer = Producer(settings, logger=log)
        self._delivery = Delivery(publisher, self)
        self._partitions = 0

    def run(self) -> None:
        """Deliver until told to stop, then what waits, then put the rest into the spool."""
        deadline = float("inf")
        while time.monotonic() < deadline:
            if self.stop.is_set():
                deadline = min(deadline, time.monotonic() + _CLOSE_S)
                if self._delivery.idle():
                    break
            try:
                self._work()
            except Exception:
                log.exception("delivering executions failed; trying again")
                self.stop.wait(_RETRY_S)
        self._delivery.give_up(self._partitions or 1, time.monotonic_ns())
        self._publisher.close()

    def send(self, event: Outgoing, done: Callable[[bool], None]) -> bool:
        """Hand one event to the client."""

        def delivered(error: KafkaError | None, message: Message) -> None:
            del message
            if error is not None:
                log.debug("an event was not delivered: %s", error)
            done(error is None)

        try:
            self._producer.produce(
                self._topic, event.value, event.key, event.partition, on_delivery=delivered
            )
        except BufferError:
            return False
        except KafkaException as refused:  # too large, say: it will not get smaller
            log.warning("an event was refused by the client: %s", refused)
            self._publisher.lost(1)
            done(True)  # noqa: FBT003 -- over and done with
        return True

    def take_back(self) -> None:
        """Purge what the client holds; its reports come at once."""
        self._producer.purge()
        self._producer.flush(1.0)

    def _work(self) -> None:
        for router in self._routers:
            for event in router.expired():
                self._publisher.publish(event)
        if not self._partitions:
            self._partitions = partition_count(self._producer.list_topics, self._topic)
            self._producer.poll(_TICK_S)
            return
        moved = self._delivery.pump(self._partitions, time.monotonic_ns())
        self._producer.poll(0 if moved else _TICK_S)
