"""The delivery thread of a connection to Kafka: times the open orders and sends events.

What fails is logged and tried again; meanwhile the spool fills.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Sequence

from confluent_kafka import KafkaError, KafkaException, Message, Producer

from tradecanary.producers.delivery import Delivery
from tradecanary.producers.kafka_reading import partition_count
from tradecanary.producers.kafka_settings import Settings
from tradecanary.producers.publisher import ExecutionPublisher
from tradecanary.producers.router import OrderRouter
from tradecanary.producers.spool import Outgoing
from tradecanary.schemas.topics import EXECUTIONS

log = logging.getLogger("tradecanary.producers")

CLOSE_S = 5.0
_TICK_S = 0.02
_RETRY_S = 0.5


class Deliverer:
    """One thread, which is also the delivery's wire."""

    def __init__(
        self,
        routers: Sequence[OrderRouter],
        publisher: ExecutionPublisher,
        settings: Settings,
        prefix: str,
    ) -> None:
        """Prepare the client; `run` begins."""
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
                deadline = min(deadline, time.monotonic() + CLOSE_S)
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
