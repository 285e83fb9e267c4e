"""The spool: events that could not be sent, on disk, in the order they will be sent.

One append-only file of records `length u32 | crc32 u32 | partition i32 | key length u16 | key |
value`, little-endian. It survives the process, not the host: writes reach the operating system
and are not forced to the disk. A torn tail is cut off at the next start. What was sent is
remembered in memory only, so a crash while draining sends again: the numbers make it a duplicate.
"""

from __future__ import annotations

import fcntl
import struct
import zlib
from collections.abc import Iterable
from io import FileIO
from pathlib import Path
from typing import NamedTuple

_HEAD = struct.Struct("<II")
_BODY = struct.Struct("<iH")
MAX_BYTES = 1 << 30


class Outgoing(NamedTuple):
    """One event as it goes out: the partition is the publisher's choice and is kept."""

    partition: int
    key: bytes
    value: bytes


class Spool:
    """A queue on disk, first in, first out. `waiting` events are in it.

    Raises BlockingIOError when another process holds the file, and OSError as `open` does.
    """

    def __init__(self, path: Path, max_bytes: int = MAX_BYTES) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self.path = path
        self._file: FileIO = path.open("a+b", buffering=0)
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as held:
            self._file.close()
            raise BlockingIOError(
                f"spool {path} is used by another publisher; give each its own file"
            ) from held
        self._max_bytes = max_bytes
        self._head = 0
        self._tail = 0
        self.waiting = 0
        self._recover()

    def append(self, events: Iterable[Outgoing]) -> int:
        """Add events at the end; return how many did not fit (full, or the disk refused)."""
        refused = 0
        added = 0
        blob = bytearray()
        for event in events:
            body = _BODY.pack(event.partition, len(event.key)) + event.key + event.value
            if self._tail + len(blob) + _HEAD.size + len(body) > self._max_bytes:
                refused += 1
                continue
            blob += _HEAD.pack(len(body), zlib.crc32(body)) + body
            added += 1
        try:
            written = self._file.write(blob)
        except OSError:
            written = 0
        if written < len(blob):
            self._cut(self._tail)
            return refused + added
        self._tail += len(blob)
        self.waiting += added
        return refused

    def head(self, limit: int) -> list[Outgoing]:
        """Return up to `limit` events from the front; they stay until `advance`."""
        events: list[Outgoing] = []
        position = self._head
        while len(events) < limit:
            record = self._read(position)
            if record is None:
                break
            event, position = record
            events.append(event)
        return events

    def advance(self, events: int) -> None:
        """Forget the first `events`; an empty spool gives its space back."""
        for _ in range(events):
            record = self._read(self._head)
            assert record is not None, "only what was read is forgotten"
            self._head = record[1]
        self.waiting -= events
        if not self.waiting:
            self._cut(0)
            self._head = 0

    def close(self) -> None:
        """Release the file."""
        self._file.close()

    def _recover(self) -> None:
        """Count what an earlier process left, up to the first record that is not whole."""
        while (record := self._read(self._tail)) is not None:
            self._tail = record[1]
            self.waiting += 1
        self._cut(self._tail)

    def _cut(self, length: int) -> None:
        self._file.truncate(length)
        self._tail = length

    def _read(self, position: int) -> tuple[Outgoing, int] | None:
        self._file.seek(position)
        head = self._file.read(_HEAD.size)
        if len(head) < _HEAD.size:
            return None
        length, crc = _HEAD.unpack(head)
        body = self._file.read(length)
        if len(body) < max(length, _BODY.size) or zlib.crc32(body) != crc:
            return None
        partition, key_length = _BODY.unpack_from(body)
        value_at = _BODY.size + key_length
        event = Outgoing(partition, body[_BODY.size : value_at], body[value_at:])
        return event, position + _HEAD.size + length
