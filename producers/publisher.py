"""ExecutionPublisher: takes events off the order path, numbers them, and hides a slow world.

`publish()` appends to a bounded buffer and returns. One other thread (the delivery's) takes events
out, gives each its partition and number, and encodes it. Numbers are gapless from 0 per partition
and used up even by a drop, so every loss shows as a hole.
"""

from __future__ import annotations

import threading
from collections import deque
from dataclasses import dataclass, replace
from pathlib import Path

from tradecanary.producers.clock import SYSTEM_CLOCK, Clock
from tradecanary.producers.spool import Outgoing, Spool
from tradecanary.schemas.codec import encode
from tradecanary.schemas.execution import ExecutionEvent
from tradecanary.schemas.partitioning import partition_of


@dataclass(frozen=True, slots=True)
class Counters:
    """Events waiting in memory, waiting on disk, and lost (their numbers are used up)."""

    backlog: int
    spooled: int
    dropped: int


class ExecutionPublisher:
    """Publishes the events of one process under `source`.

    `source` names the gateway; each start is an incarnation of its own, `gateway-7/<start us>`.
    `spool` is a file for what cannot be sent, one publisher a file; without it such events are
    dropped and counted. `buffer` events are held in memory. Raises ValueError, or OSError when
    the spool cannot be opened or belongs to another process.
    """

    def __init__(
        self,
        source: str,
        *,
        spool: Path | str | None = None,
        buffer: int = 100_000,
        clock: Clock = SYSTEM_CLOCK,
    ) -> None:
        if not source or buffer <= 0:
            raise ValueError(f"source was '{source}', buffer {buffer}: name it, and buffer > 0")
        self.source = f"{source}/{clock.wall_ns() // 1_000}"
        self.spool = None if spool is None else Spool(Path(spool))
        self._limit = buffer
        self._buffer: deque[ExecutionEvent] = deque()
        self._lock = threading.Lock()
        self._dropped = 0
        self._unnumbered_drops = 0
        self._next_seq: dict[int, int] = {}
        self.on_its_way = 0

    def publish(self, event: ExecutionEvent | None) -> None:
        """Take one event; None (an order reported before) is nothing. Never blocks or raises."""
        if event is None:
            return
        if len(self._buffer) < self._limit:
            self._buffer.append(event)
            return
        with self._lock:
            self._dropped += 1
            self._unnumbered_drops += 1

    @property
    def room(self) -> int:
        """How many more events the buffer takes now."""
        return self._limit - len(self._buffer)

    def counters(self) -> Counters:
        """Return how many events wait and how many are lost."""
        spooled = 0 if self.spool is None else self.spool.waiting
        return Counters(len(self._buffer) + self.on_its_way, spooled, self._dropped)

    def close(self) -> None:
        """Release the spool; for who delivered last."""
        if self.spool is not None:
            self.spool.close()

    def lost(self, events: int) -> None:
        """Count events that were numbered and could neither be sent nor spooled."""
        with self._lock:
            self._dropped += events

    def take(self, limit: int, partitions: int) -> list[Outgoing]:
        """Return up to `limit` events, numbered and encoded for `partitions`; one thread only.

        An event dropped at the full buffer leaves its hole on partition 0: nobody looked at it
        closely enough to know its own.
        """
        with self._lock:
            drops, self._unnumbered_drops = self._unnumbered_drops, 0
        if drops:
            self._next_seq[0] = self._next_seq.get(0, 0) + drops
        taken: list[Outgoing] = []
        while self._buffer and len(taken) < limit:
            outgoing = self._numbered(self._buffer.popleft(), partitions)
            if outgoing is not None:
                taken.append(outgoing)
        return taken

    def _numbered(self, event: ExecutionEvent, partitions: int) -> Outgoing | None:
        """Return the event's bytes; None, and a hole, when it does not fit the contract."""
        try:
            key = event.unit.encode()
            partition = partition_of(key, partitions)
        except (AttributeError, UnicodeEncodeError):
            key, partition = b"", 0
        seq = self._next_seq.get(partition, 0)
        self._next_seq[partition] = seq + 1
        try:
            value = encode(replace(event, source=self.source, source_seq=seq))
        except Exception:  # noqa: BLE001 -- the encoder's errors have no common base
            self.lost(1)
            return None
        return Outgoing(partition, key, value)
