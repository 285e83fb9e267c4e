"""What goes into a stage and what comes out: the words that all stages share.

A stage is a pure state machine `step(state, event) -> (state, effects)` in its own folder. What is
not in the effects did not happen: the runner encodes them and sends them in one transaction with
the consumed positions.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple, Protocol


class TopicPartition(NamedTuple):
    """One partition of a topic."""

    topic: str
    partition: int


@dataclass(frozen=True, slots=True)
class LogRecord:
    """One committed record as read back."""

    topic: str
    partition: int
    offset: int
    timestamp_ms: int
    key: bytes | None
    value: bytes | None


class Batch(Protocol):
    """Consecutive committed records of one partition, without an object per record.

    `values[i]` is the value of the i-th record, `timestamps_ms[i]` its timestamp in the log (append
    time where so set); the other facts are looked up only when needed.
    """

    @property
    def partition(self) -> TopicPartition:
        """Where the records lie."""

    @property
    def values(self) -> Sequence[bytes | None]:
        """The records' values, in log order."""

    @property
    def timestamps_ms(self) -> Sequence[int]:
        """The records' timestamps, in log order."""

    @property
    def first_offset(self) -> int:
        """Offset of the first record."""

    @property
    def last_offset(self) -> int:
        """Offset of the last record."""

    def offset(self, index: int) -> int:
        """Return the offset of the record at `index`."""

    def key(self, index: int) -> bytes | None:
        """Return the key of the record at `index`."""


@dataclass(frozen=True, slots=True)
class Polled:
    """What one poll brought: batches in log order per partition, and partitions at their end.

    `assignment` is set when the membership changed during this poll: all that was absorbed and not
    committed belongs to the old assignment and must be dropped; recover, then go on.
    """

    batches: tuple[Batch, ...]
    ends: frozenset[TopicPartition]
    assignment: frozenset[TopicPartition] | None = None


@dataclass(frozen=True, slots=True)
class Emit:
    """An effect: one record for a topic. Without `partition` murmur2 of the key decides.

    `record` None is a tombstone: compaction forgets the key.
    """

    topic: str
    key: bytes
    record: object
    partition: int | None = None
