"""One partition in memory: records, markers, the last stable offset, compaction."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence

from tradecanary.processors.stage import LogRecord, TopicPartition

_COMPACT_FROM = 4096


class MemoryBatch:
    """Consecutive committed records of one partition: a `Batch`."""

    __slots__ = ("_keys", "_offsets", "_partition", "_timestamps_ms", "_values")

    def __init__(
        self,
        partition: TopicPartition,
        offsets: Sequence[int],
        timestamps_ms: Sequence[int],
        keys: Sequence[bytes | None],
        values: Sequence[bytes | None],
    ) -> None:
        self._partition = partition
        self._offsets = offsets
        self._timestamps_ms = timestamps_ms
        self._keys = keys
        self._values = values

    @property
    def partition(self) -> TopicPartition:
        """Where the records lie."""
        return self._partition

    @property
    def values(self) -> Sequence[bytes | None]:
        """The records' values, in log order."""
        return self._values

    @property
    def timestamps_ms(self) -> Sequence[int]:
        """The records' timestamps, in log order."""
        return self._timestamps_ms

    @property
    def first_offset(self) -> int:
        """Offset of the first record."""
        return self._offsets[0]

    @property
    def last_offset(self) -> int:
        """Offset of the last record."""
        return self._offsets[-1]

    def offset(self, index: int) -> int:
        """Return the offset of the record at `index`."""
        return self._offsets[index]

    def key(self, index: int) -> bytes | None:
        """Return the key of the record at `index`."""
        return self._keys[index]

    def below(self, end: int) -> MemoryBatch:
        """Return the records below offset `end`, maybe none."""
        count = bisect_left(self._offsets, end)
        columns = (self._offsets, self._timestamps_ms, self._keys, self._values)
        return MemoryBatch(self._partition, *(column[:count] for column in columns))  # type: ignore[arg-type]

    def records(self) -> list[LogRecord]:
        """Return the records as objects."""
        topic, partition = self._partition
        columns = zip(self._offsets, self._timestamps_ms, self._keys, self._values, strict=True)
        return [LogRecord(topic, partition, *row) for row in columns]


class MemoryPartition:
    """Records in offset order. What is aborted or compacted away leaves a hole, as in Kafka."""

    __slots__ = (
        "_compact_at",
        "_compacted",
        "_keys",
        "_offsets",
        "_open",
        "_place",
        "_timestamps_ms",
        "_values",
        "high_watermark",
        "start",
    )

    def __init__(self, place: TopicPartition, *, compacted: bool) -> None:
        self._place = place
        self._compacted = compacted
        self._compact_at = _COMPACT_FROM
        self._offsets: list[int] = []
        self._timestamps_ms: list[int] = []
        self._keys: list[bytes | None] = []
        self._values: list[bytes | None] = []
        self._open: dict[str, list[int]] = {}
        self.high_watermark = 0
        self.start = 0

    @property
    def stable_end(self) -> int:
        """The last stable offset: what lies below it is decided."""
        if not self._open:
            return self.high_watermark
        return min(offsets[0] for offsets in self._open.values())

    def append(
        self,
        key: bytes | None,
        value: bytes | None,
        timestamp_ms: int,
        *,
        transactional_id: str | None = None,
    ) -> int:
        """Return the offset of the record now appended, hidden while its transaction is open."""
        offset = self.high_watermark
        self._put(offset, timestamp_ms, key, value)
        if transactional_id is not None:
            self._open.setdefault(transactional_id, []).append(offset)
        self._maybe_compact()
        return offset

    def load(self, record: LogRecord) -> None:
        """Append a recorded record at its own offset; raise ValueError if that is taken."""
        if record.offset < self.high_watermark:
            raise ValueError(
                f"cannot load offset {record.offset} of {self._place}: the next free offset was "
                f"{self.high_watermark}; load records in offset order into an empty partition"
            )
        self._put(record.offset, record.timestamp_ms, record.key, record.value)

    def finish(self, transactional_id: str, *, commit: bool) -> None:
        """End a transaction here: show or drop its records; the marker takes an offset."""
        offsets = self._open.pop(transactional_id)
        self.high_watermark += 1
        if not commit:
            dropped = set(offsets)
            first = bisect_left(self._offsets, offsets[0])
            rest = range(first, len(self._offsets))
            self._keep([i for i in rest if self._offsets[i] not in dropped], first)
        self._maybe_compact()

    def read(self, position: int, limit: int) -> MemoryBatch | None:
        """Return at most `limit` committed records from `position` on, None if there are none."""
        first = bisect_left(self._offsets, position)
        last = min(first + limit, bisect_left(self._offsets, self.stable_end, first))
        if last <= first:
            return None
        return MemoryBatch(
            self._place,
            self._offsets[first:last],
            self._timestamps_ms[first:last],
            self._keys[first:last],
            self._values[first:last],
        )

    def compact(self) -> None:
        """Keep the last record of each key among the decided ones; tombstones are kept too."""
        decided = bisect_left(self._offsets, self.stable_end)
        last = {self._keys[i]: i for i in range(decided)}
        kept = [i for i in range(decided) if last[self._keys[i]] == i]
        self._keep([*kept, *range(decided, len(self._offsets))], 0)

    def _put(self, offset: int, timestamp_ms: int, key: bytes | None, value: bytes | None) -> None:
        self._offsets.append(offset)
        self._timestamps_ms.append(timestamp_ms)
        self._keys.append(key)
        self._values.append(value)
        self.high_watermark = offset + 1

    def _keep(self, indices: Sequence[int], first: int) -> None:
        self._offsets[first:] = [self._offsets[i] for i in indices]
        self._timestamps_ms[first:] = [self._timestamps_ms[i] for i in indices]
        self._keys[first:] = [self._keys[i] for i in indices]
        self._values[first:] = [self._values[i] for i in indices]

    def _maybe_compact(self) -> None:
        if self._compacted and len(self._offsets) >= self._compact_at:
            self.compact()
            self._compact_at = max(_COMPACT_FROM, 2 * len(self._offsets))
