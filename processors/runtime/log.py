"""What a stage may ask of a log: the protocol that memory_log and kafka_log keep.

Names of topics are the table's (`schemas/topics.py`); a prefix is the log's own business. All
reads are read-committed. Offsets may have holes: transaction markers and aborted records.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Protocol

from tradecanary.processors.stage import Batch, LogRecord, Polled, TopicPartition


class Fenced(RuntimeError):
    """Another process took over this transactional id: exit at once, commit nothing."""


class Doubt(RuntimeError):
    """A commit's outcome is unknown or was slow: rebuild the producer, recover from the log."""


class Aborted(RuntimeError):
    """The transaction was aborted; nothing of it is visible: recover from the log."""


class OffsetLost(RuntimeError):
    """A position lies before the first offset kept: stop, rather than skip data unseen."""


class Unavailable(RuntimeError):
    """The log did not answer in time: try again under one deadline."""


class Hung(RuntimeError):
    """A call into the client holds for ever: exit, and let a new process go on from the log."""


class GroupConsumer(Protocol):
    """A member of a consumer group; offsets are committed only through a transaction."""

    def poll(self, limit: int, timeout_s: float) -> Polled:
        """Return at most `limit` records, waiting at most `timeout_s`."""

    def member_id(self) -> str:
        """Return the member id, empty when this process is not a member: then never commit."""

    def committed(self, partitions: Sequence[TopicPartition]) -> Mapping[TopicPartition, int]:
        """Return the committed offsets; partitions without one are absent."""

    def start_reading(self, positions: Mapping[TopicPartition, int]) -> None:
        """Begin (or go on) reading the assigned partitions at these offsets."""

    def close(self) -> None:
        """Leave the group."""


class TransactionalProducer(Protocol):
    """One producer with a stable transactional id; creating it fences its predecessor."""

    def begin(self) -> None:
        """Open a transaction."""

    def send(
        self, topic: str, key: bytes, value: bytes | None, partition: int | None = None
    ) -> None:
        """Add a record (None: a tombstone); without `partition` murmur2 of the key decides."""

    def send_offsets(self, positions: Mapping[TopicPartition, int], member: GroupConsumer) -> None:
        """Add the consumer's positions with its group metadata as of now."""

    def commit(self) -> None:
        """Commit. Raises Fenced, Aborted or Doubt; never leaves a transaction open."""

    def abort(self) -> None:
        """Abort the open transaction, if any."""

    def close(self) -> None:
        """Release the producer within a bounded time."""


class Tail(Protocol):
    """Follows every partition of compacted topics from the beginning, without a group."""

    def poll(self, timeout_s: float) -> tuple[LogRecord, ...]:
        """Return the new records, waiting at most `timeout_s`."""

    def at_end(self) -> bool:
        """Return whether every partition is read to its end, as far as is known."""

    def close(self) -> None:
        """Stop following."""


class Log(Protocol):
    """A log: topics, partitions, offsets, transactions, groups."""

    def partitions(self, topic: str) -> int:
        """Return the partition count of `topic`."""

    def consumer(self, group: str, topics: Sequence[str]) -> GroupConsumer:
        """Return a new member of `group` on `topics` (assignor `range`)."""

    def producer(self, transactional_id: str) -> TransactionalProducer:
        """Return a producer; any earlier one with this id is fenced, its transaction aborted."""

    def tail(self, topics: Sequence[str]) -> Tail:
        """Return a follower of whole topics."""

    def read(
        self, partition: TopicPartition, start: int = 0, end: int | None = None
    ) -> Iterator[LogRecord]:
        """Yield the committed records from offset `start` up to `end` or the end as of now."""

    def batches(
        self, partition: TopicPartition, start: int = 0, end: int | None = None
    ) -> Iterator[Batch]:
        """Yield what `read` yields, without an object per record."""

    def start_offset(self, partition: TopicPartition) -> int:
        """Return the first offset still kept."""

    def end_offset(self, partition: TopicPartition) -> int:
        """Return the offset after the last committed record or marker, as of now."""
