"""Delivery: from the publisher's buffer to the wire, by way of the spool when the wire fails.

Theory of operation. Order per partition is everything: a reader tolerates a few holes, so what
failed must go out before what came after it. While the wire works, events go straight out. At the
first failure all that is on its way is taken back and put into the spool, in the order it was
sent; from then on every event passes through the spool, front to back, until it is empty. What
arrived nevertheless arrives again and is a duplicate by its number. Without a spool a failed
event is lost, and counted. One thread calls all of this.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from functools import partial
from typing import Protocol

from tradecanary.producers.publisher import ExecutionPublisher
from tradecanary.producers.spool import Outgoing

_BATCH = 1_000
_RETRY_NS = 500_000_000


class Wire(Protocol):
    """What carries events: a Kafka producer, or a log in memory."""

    def send(self, event: Outgoing, done: Callable[[bool], None]) -> bool:
        """Take one event and call `done(arrived)` later, or now; False: full, nothing taken."""
        ...

    def take_back(self) -> None:
        """Give up all that is on its way; what arrives after this is nobody's concern."""
        ...


class Delivery:
    """Moves events while `pump` is called."""

    def __init__(self, publisher: ExecutionPublisher, wire: Wire) -> None:
        """Move the events of `publisher` over `wire`."""
        self._publisher = publisher
        self._wire = wire
        self._sent = 0
        self._on_its_way: dict[int, Outgoing] = {}
        self._held: deque[Outgoing] = deque()
        self._failed: list[int] = []
        self._from_spool = 0
        self._retry_at_ns = 0

    def pump(self, partitions: int, now_ns: int) -> bool:
        """Move what can be moved now; return whether anything was. `now_ns` is monotonic."""
        self._settle(now_ns)
        spool = self._publisher.spool
        if spool is not None and (spool.waiting or self._from_spool):
            moved = self._by_spool(partitions, now_ns)
        else:
            moved = self._straight(partitions)
        self._count()
        return moved

    def idle(self) -> bool:
        """Return whether nothing is left to send."""
        counters = self._publisher.counters()
        return not (counters.backlog or counters.spooled)

    def give_up(self, partitions: int, now_ns: int) -> None:
        """Bring everything to safety: into the spool, or count it lost, as at a service's end."""
        self._settle(now_ns)
        self._retreat(now_ns)
        while taken := self._publisher.take(_BATCH, partitions):
            self._put_by(taken)
        self._count()

    def without_wire(self, partitions: int, now_ns: int) -> None:
        """There is no wire: what waits, or was on its way, goes into the spool.

        Without a spool it stays where it is, and goes out over the next wire.
        """
        if self._publisher.spool is not None:
            self.give_up(partitions, now_ns)
            return
        self._wire.take_back()
        self._held.extendleft(reversed(self._on_its_way.values()))
        self._on_its_way.clear()
        self._failed.clear()
        self._count()

    def _settle(self, now_ns: int) -> None:
        """Draw the consequences of what arrived and what failed."""
        if self._failed and (self._from_spool or self._publisher.spool is not None):
            self._retreat(now_ns)
        elif self._failed:
            self._publisher.lost(len(self._failed))
            for serial in self._failed:
                self._on_its_way.pop(serial, None)
            self._failed.clear()
        elif self._from_spool and not self._on_its_way:
            assert self._publisher.spool is not None, "what came from the spool has one"
            self._publisher.spool.advance(self._from_spool)
            self._from_spool = 0

    def _retreat(self, now_ns: int) -> None:
        self._wire.take_back()
        if not self._from_spool:
            self._put_by([*self._on_its_way.values(), *self._held])
        self._held.clear()
        self._on_its_way.clear()
        self._failed.clear()
        self._from_spool = 0
        self._retry_at_ns = now_ns + _RETRY_NS

    def _put_by(self, events: list[Outgoing]) -> None:
        spool = self._publisher.spool
        refused = len(events) if spool is None else spool.append(events)
        self._publisher.lost(refused)

    def _by_spool(self, partitions: int, now_ns: int) -> bool:
        spool = self._publisher.spool
        assert spool is not None, "asked for only with a spool"
        taken = self._publisher.take(_BATCH, partitions)
        if taken:
            self._put_by(taken)
        if self._from_spool or now_ns < self._retry_at_ns:
            return bool(taken)
        for event in spool.head(_BATCH):
            if not self._send(event):
                break
            self._from_spool += 1
        return bool(taken or self._from_spool)

    def _straight(self, partitions: int) -> bool:
        if not self._held:
            self._held.extend(self._publisher.take(_BATCH, partitions))
        moved = False
        while self._held and self._send(self._held[0]):
            self._held.popleft()
            moved = True
        return moved

    def _send(self, event: Outgoing) -> bool:
        serial = self._sent
        self._on_its_way[serial] = event
        if not self._wire.send(event, partial(self._done, serial)):
            del self._on_its_way[serial]
            return False
        self._sent += 1
        return True

    def _done(self, serial: int, arrived: bool) -> None:  # noqa: FBT001 -- a callback's one fact
        if serial not in self._on_its_way:
            return
        if arrived:
            del self._on_its_way[serial]
        else:
            self._failed.append(serial)

    def _count(self) -> None:
        on_its_way = 0 if self._from_spool else len(self._on_its_way)
        self._publisher.on_its_way = on_its_way + len(self._held)
