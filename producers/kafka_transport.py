"""The transport on Kafka: routers and publisher on the real thing.

Two threads a connection: control (`kafka_control.py`) and delivery (`kafka_delivery.py`); and one
a router, in which the service hears of withdrawals (`teller.py`).
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Mapping, Sequence
from types import TracebackType
from typing import Self

from tradecanary.producers.follower import Follower
from tradecanary.producers.kafka_control import Control
from tradecanary.producers.kafka_delivery import CLOSE_S, Deliverer
from tradecanary.producers.kafka_settings import (
    DELIVER,
    TIMEOUT_WITH_SPOOL_MS,
    TIMEOUT_WITHOUT_SPOOL_MS,
    Settings,
    client_settings,
)
from tradecanary.producers.kept import Kept
from tradecanary.producers.publisher import ExecutionPublisher
from tradecanary.producers.router import OrderRouter
from tradecanary.producers.teller import Teller

log = logging.getLogger("tradecanary.producers")

_TELL_S = 1.0


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
    `KafkaConnection.ready`), or nothing where a kill was in force at the last end: with a spool
    that is known. `kafka` takes any librdkafka setting but those our rules rest on
    (`kafka_settings.OWN_RULES`). Raises ValueError or KafkaException for settings that cannot work.
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
        self._kept = Kept(None if publisher.spool is None else publisher.spool.path)
        self._tellers = [Teller(router) for router in routers if router.tells]
        follower = Follower(routers, self._kept)
        self._control = Control(follower, publisher, settings, topic_prefix)
        self._delivery = Deliverer(routers, publisher, deliver, topic_prefix, self._kept)
        self._threads = [
            threading.Thread(target=self._delivery.run, name="tradecanary-delivery", daemon=True),
            threading.Thread(target=self._control.run, name="tradecanary-control", daemon=True),
        ]

    def start(self) -> None:
        """Start all threads."""
        for teller in self._tellers:
            teller.start()
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
        """End what is open and send what waits, within 5 s, the rest to the spool.

        Stop routing before. An order still open after 4 s is reported as it stands (WORKING, or
        TIMED_OUT without the venue's answer), so that the last status has none. The publisher
        ends with it.
        """
        delivery, control = self._threads
        self._delivery.stop.set()
        delivery.join(3 * CLOSE_S)
        self._control.stop.set()  # last, so that its last status counts what was sent
        control.join(CLOSE_S)
        self._kept.save()
        end = time.monotonic() + _TELL_S
        for teller in self._tellers:
            teller.stop(max(0.0, end - time.monotonic()))

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()
