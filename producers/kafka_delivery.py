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
from tradecanary.producers.kept import Kept
from tradecanary.producers.publisher import ExecutionPublisher
from tradecanary.producers.router import OrderRouter
from tradecanary.producers.spool import Outgoing
from tradecanary.schemas.topics import EXECUTIONS

log = logging.getLogger("tradecanary.producers")

CLOSE_S = 5.0
_TICK_S = 0.02
_RETRY_S = 0.5
_RETRY_NS = 500_000_000
_LONGEST_NS = 30_000_000_000
_FINAL = frozenset({KafkaError.MSG_SIZE_TOO_LARGE, KafkaError._UNKNOWN_PARTITION})  # noqa: SLF001 -- the client's own name
"""What no further try changes for this event: it gets no smaller, and partitions never get fewer
than the client knows."""
_LAST_SENDING = 0.2
"""The part of closing that no open order is waited for: it is kept for sending their ends."""


class Deliverer:
    """One thread, which is also the delivery's wire."""

    def __init__(
        self,
        routers: Sequence[OrderRouter],
        publisher: ExecutionPublisher,
        settings: Settings,
        prefix: str,
        kept: Kept | None = None,
        close_s: float = CLOSE_S,
    ) -> None:
        """Prepare the client; `run` begins, and ends within `close_s` when told to stop."""
        self._close_s = close_s
        self.stop = threading.Event()
        self._routers = routers
        self._publisher = publisher
        self._topic = prefix + EXECUTIONS.name
        self._settings = settings
        self._ended = False
        self._pause_ns = _RETRY_NS
        self._renew_at_ns = 0
        self._producer = Producer(self._settings, logger=log)
        self._delivery = Delivery(publisher, self)
        self._kept = kept or Kept(None)
        self._partitions = 0

    def run(self) -> None:
        """Deliver until told to stop; then end the open orders, send, and spool the rest."""
        while not self.stop.is_set():
            self._try_to_work()
        end = time.monotonic() + self._close_s
        while self._any_open() and time.monotonic() < end - self._close_s * _LAST_SENDING:
            self._try_to_work()
        for router in self._routers:
            for event in router.rest():
                self._publisher.publish(event)
        self._try_to_work()  # also when all has ended: who ended the last order publishes it now
        while not self._delivery.idle() and time.monotonic() < end:
            self._try_to_work()
        self._delivery.give_up(self._last_known_partitions(), time.monotonic_ns())
        self._publisher.close()

    def _any_open(self) -> bool:
        return any(router.open_orders for router in self._routers)

    def _try_to_work(self) -> None:
        try:
            self._work()
        except Exception as wrong:
            if isinstance(wrong, KafkaException) and wrong.args[0].fatal():
                self._end_of_client(wrong.args[0])
                return
            log.exception("delivering executions failed; trying again")
            threading.Event().wait(_RETRY_S)  # also while stopping

    def _end_of_client(self, error: KafkaError) -> None:
        """Note that the client takes nothing any more; it never recovers."""
        if not self._ended:
            log.error("the client that sends executions has ended, another follows: %s", error)
        self._ended = True

    def send(self, event: Outgoing, done: Callable[[bool], None]) -> bool:
        """Hand one event to the client."""

        def delivered(error: KafkaError | None, message: Message) -> None:
            del message
            if error is None:
                self._pause_ns = _RETRY_NS
            else:
                log.debug("an event was not delivered: %s", error)
            done(error is None)

        try:
            self._producer.produce(
                self._topic, event.value, event.key, event.partition, on_delivery=delivered
            )
        except BufferError:
            return False
        except KafkaException as refused:
            return self._refused(refused.args[0], done)
        return True

    def _refused(self, error: KafkaError, done: Callable[[bool], None]) -> bool:
        """Return whether the event is over: lost, when it can never be sent, or failed for now."""
        if error.fatal() or error.code() == KafkaError._FATAL:  # noqa: SLF001 -- the client's own name
            self._end_of_client(error)
            return False
        if error.code() in _FINAL:
            log.warning("an event was refused by the client: %s", error)
            self._publisher.lost(1)
            done(True)  # noqa: FBT003 -- over and done with
        else:
            log.debug("an event was not taken by the client: %s", error)
            done(False)  # noqa: FBT003 -- as if it had not arrived
        return True

    def take_back(self) -> None:
        """Purge what the client holds; its reports come at once."""
        self._producer.purge()
        self._producer.flush(1.0)

    def _work(self) -> None:
        for router in self._routers:
            for event in router.expired():
                self._publisher.publish(event)
        now_ns = time.monotonic_ns()
        moved = False
        if self._reachable():
            moved = self._delivery.pump(self._partitions, now_ns)
        else:
            self._delivery.without_wire(self._last_known_partitions(), now_ns)
            self._renew(now_ns)
        self._kept.save()
        self._producer.poll(0 if moved else _TICK_S)

    def _reachable(self) -> bool:
        """Return whether there is a client that takes events, and Kafka said the partitions."""
        if not self._ended and not self._partitions:
            self._partitions = partition_count(self._producer.list_topics, self._topic)
            self._kept.partitions = self._partitions or self._kept.partitions
        return bool(self._partitions) and not self._ended

    def _last_known_partitions(self) -> int:
        """Return them as of an earlier start; one partition is always there."""
        return self._partitions or self._kept.partitions or 1

    def _renew(self, now_ns: int) -> None:
        """Replace the client that has ended, with a growing pause while each one ends again."""
        if not self._ended or now_ns < self._renew_at_ns:
            return
        self._producer = Producer(self._settings, logger=log)
        self._ended = False
        self._renew_at_ns = now_ns + self._pause_ns
        self._pause_ns = min(2 * self._pause_ns, _LONGEST_NS)
