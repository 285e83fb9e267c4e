"""A stage with its recovery, as the runner drives it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol

from tradecanary.processors.runtime.log import Log
from tradecanary.processors.stage import Emit, LogRecord, Polled, TopicPartition


class Task(Protocol):
    """A stage with its recovery. All methods are called from the runner's one thread."""

    @property
    def name(self) -> str:
        """Group id, and the beginning of the transactional id."""

    @property
    def inputs(self) -> tuple[str, ...]:
        """Topics consumed as a group."""

    @property
    def side_inputs(self) -> tuple[str, ...]:
        """Compacted topics that every instance reads whole, without a group."""

    @property
    def commit_interval_us(self) -> int:
        """Least time between two transactions."""

    def recover(
        self,
        assigned: frozenset[TopicPartition],
        committed: Mapping[TopicPartition, int],
        log: Log,
        now_us: int,
    ) -> Mapping[TopicPartition, int]:
        """Rebuild the state for `assigned` from the log; return where to go on reading."""

    def absorb(self, polled: Polled, now_us: int) -> None:
        """Take in what one poll brought."""

    def absorb_side(self, records: Sequence[LogRecord], at_end: bool, now_us: int) -> None:  # noqa: FBT001
        """Take in new records of the side inputs, and whether they were read to their end."""

    def flush(self, now_us: int) -> Sequence[Emit]:
        """Return what to write now; empty when this transaction would change nothing."""

    def positions(self) -> Mapping[TopicPartition, int]:
        """Return the offsets to commit with the last flush, for all assigned partitions."""
