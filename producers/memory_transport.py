"""The transport on a log in memory: what the demo, stories and simulations connect with.

Nothing runs by itself: `step()` does what the Kafka transport's threads do, once.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Protocol

from tradecanary.producers.clock import Clock
from tradecanary.producers.delivery import Delivery
from tradecanary.producers.follower import Follower
from tradecanary.producers.publisher import ExecutionPublisher
from tradecanary.producers.router import OrderRouter
from tradecanary.producers.spool import Outgoing
from tradecanary.schemas.codec import encode
from tradecanary.schemas.topics import EXECUTIONS, ROUTER_STATUS

_STATUS_NS = 1_000_000_000


class Append(Protocol):
    """Writes one record to the log; without `partition` murmur2 of the key decides."""

    def __call__(
        self, topic: str, key: bytes, value: bytes, *, partition: int | None, timestamp_ms: int
    ) -> int:
        """Return the record's append time in milliseconds, by the log's clock."""
        ...


class Followed(Protocol):
    """A record read from a followed topic."""

    @property
    def topic(self) -> str:
        """Name from the table of topics."""
        ...

    @property
    def key(self) -> bytes | None:
        """The strategy, or `*`."""
        ...

    @property
    def value(self) -> bytes | None:
        """The encoded record."""
        ...

    @property
    def timestamp_ms(self) -> int:
        """The log's append time."""
        ...


class MemoryTransport:
    """Connects routers and a publisher of one (simulated) process to a log.

    `poll` returns the new records of `follower.FOLLOWED`, from the beginning on.
    """

    def __init__(
        self,
        routers: Sequence[OrderRouter],
        publisher: ExecutionPublisher,
        *,
        append: Append,
        poll: Callable[[], Iterable[Followed]],
        partitions: int,
        clock: Clock,
    ) -> None:
        """Deliver to `partitions` of `executions`."""
        self._follower = Follower(routers)
        self._publisher = publisher
        self._append = append
        self._poll = poll
        self._partitions = partitions
        self._clock = clock
        self._delivery = Delivery(publisher, self)
        self._next_status_ns = clock.monotonic_ns()
        self.problems = 0

    def step(self) -> None:
        """Say the status when it is due, obey what is new, time the orders, deliver events."""
        now_ns = self._clock.monotonic_ns()
        if now_ns >= self._next_status_ns:
            self._next_status_ns = now_ns + _STATUS_NS
            self.send_statuses()
        for record in self._poll():
            self.problems += bool(
                self._follower.on_record(
                    record.topic, record.key, record.value, record.timestamp_ms
                )
            )
        for router in self._follower.routers:
            router.tick()
            for event in router.expired():
                self._publisher.publish(event)
        while self._delivery.pump(self._partitions, now_ns):
            pass

    def send_statuses(self) -> None:
        """Append every router's status now, and learn the log's clock from it."""
        for router in self._follower.routers:
            status = router.status(self._publisher.counters())
            appended_ms = self._append(
                ROUTER_STATUS.name,
                router.strategy.encode(),
                encode(status),
                partition=None,
                timestamp_ms=status.time_us // 1_000,
            )
            router.on_status_appended(appended_ms)

    def send(self, event: Outgoing, done: Callable[[bool], None]) -> bool:
        """Append one event; the delivery's wire."""
        self._append(
            EXECUTIONS.name,
            event.key,
            event.value,
            partition=event.partition,
            timestamp_ms=self._clock.wall_ns() // 1_000_000,
        )
        done(True)  # noqa: FBT003 -- a callback's one fact
        return True

    def take_back(self) -> None:
        """Do nothing: an append is there at once."""
