"""The aggregation stage with its recovery.

Recovery is the committed offset, the newest snapshot at or below it, and a re-scan of the
difference that rebuilds what duplicate detection remembers.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import islice

from tradecanary.processors.aggregation.folding import Fold, empty_snapshot
from tradecanary.processors.aggregation.step import (
    Adopt,
    End,
    Event,
    Flush,
    Records,
    Rescan,
    Start,
    new_aggregation,
    step,
)
from tradecanary.processors.runtime.log import Log, OffsetLost
from tradecanary.processors.stage import Emit, LogRecord, Polled, TopicPartition
from tradecanary.schemas.codec import decode
from tradecanary.schemas.metrics import AggregationSnapshot
from tradecanary.schemas.topics import AGGREGATION_STATE, EXECUTIONS, METRICS

COMMIT_INTERVAL_US = 200_000
_SCAN_RECORDS = 2_000


class ScannedBatch:
    """A `Batch` over records that were read back one by one."""

    def __init__(self, records: Sequence[LogRecord]) -> None:
        """Take consecutive records of one partition, at least one."""
        self._records = records
        self.partition = TopicPartition(records[0].topic, records[0].partition)
        self.values = [record.value for record in records]
        self.timestamps_ms = [record.timestamp_ms for record in records]
        self.first_offset = records[0].offset
        self.last_offset = records[-1].offset

    def offset(self, index: int) -> int:
        """Return the offset of the record at `index`."""
        return self._records[index].offset

    def key(self, index: int) -> bytes | None:
        """Return the key of the record at `index`."""
        return self._records[index].key


def scanned(records: Iterable[LogRecord], limit: int = _SCAN_RECORDS) -> Iterator[ScannedBatch]:
    """Yield the records of one partition in batches of at most `limit`."""
    rest = iter(records)
    while chunk := list(islice(rest, limit)):
        yield ScannedBatch(chunk)


class AggregationTask:
    """Implements `Task`: drives the stage, recovers it, and knows the offsets to commit."""

    name = "aggregation"
    inputs = (EXECUTIONS.name,)
    side_inputs: tuple[str, ...] = ()

    def __init__(
        self,
        *,
        slot: str,
        incarnation: int,
        make_fold: Callable[[], Fold],
        commit_interval_us: int = COMMIT_INTERVAL_US,
    ) -> None:
        """Name the process slot; `incarnation` is its start time in microseconds.

        `make_fold` is `PlainFold` or `CompiledFold` (see `fastest_fold`).
        """
        self.commit_interval_us = commit_interval_us
        self._incarnation = incarnation - 1
        self._state = new_aggregation(slot, make_fold)

    def recover(
        self,
        assigned: frozenset[TopicPartition],
        committed: Mapping[TopicPartition, int],
        log: Log,
        now_us: int,
    ) -> Mapping[TopicPartition, int]:
        """Rebuild the state for `assigned`; return where to go on reading.

        A partition without committed offset and snapshot begins at its first kept record. Raises
        OffsetLost where there is a snapshot but no committed offset, or what follows the offset
        is not kept any more. Each recovery is a new incarnation, so that a transaction whose
        commit failed leaves no hole in the numbers.
        """
        self._incarnation = max(self._incarnation + 1, now_us if self._state.cursors else 0)
        snapshots = _snapshots_by_partition(log)
        starts = tuple(
            _start(log, source, committed.get(source), snapshots.get(source.partition, []))
            for source in sorted(assigned)
        )
        self._step(Adopt(self._incarnation, log.partitions(METRICS.name), starts))
        for start in starts:
            source = TopicPartition(EXECUTIONS.name, start.snapshot.partition)
            since = max(start.snapshot.next_offset, log.start_offset(source))
            if since < start.next_offset:
                for batch in scanned(log.read(source, since, start.next_offset)):
                    self._step(Rescan(source.partition, batch))
        return self.positions()

    def absorb(self, polled: Polled, now_us: int) -> None:
        """Take in what one poll brought."""
        for batch in polled.batches:
            self._step(Records(batch.partition.partition, batch))
        for source in sorted(polled.ends):
            self._step(End(source.partition, now_us))

    def absorb_side(self, records: Sequence[LogRecord], at_end: bool, now_us: int) -> None:  # noqa: FBT001
        """Take in nothing: there are no side inputs."""

    def flush(self, now_us: int) -> Sequence[Emit]:
        """Return what to write now; empty when this transaction would change nothing."""
        return self._step(Flush(now_us))

    def positions(self) -> Mapping[TopicPartition, int]:
        """Return the offsets to commit with the last flush, for all assigned partitions."""
        return {
            TopicPartition(EXECUTIONS.name, partition): cursor.next_offset
            for partition, cursor in sorted(self._state.cursors.items())
        }

    def _step(self, event: Event) -> tuple[Emit, ...]:
        self._state, effects = step(self._state, event)
        return effects


def _snapshots_by_partition(log: Log) -> dict[int, list[AggregationSnapshot]]:
    """Return all snapshots still kept; compaction leaves at least each partition's newest."""
    found: dict[int, list[AggregationSnapshot]] = {}
    for partition in range(log.partitions(AGGREGATION_STATE.name)):
        for record in log.read(TopicPartition(AGGREGATION_STATE.name, partition)):
            if record.value is not None:
                snapshot = decode(AggregationSnapshot, record.value)
                found.setdefault(snapshot.partition, []).append(snapshot)
    return found


def _start(
    log: Log,
    source: TopicPartition,
    committed: int | None,
    snapshots: Sequence[AggregationSnapshot],
) -> Start:
    """Return where to begin on `source`, from the newest snapshot at or below its offset."""
    first = log.start_offset(source)
    fresh = empty_snapshot(source.partition, first, from_start=first == 0)
    if committed is None:
        if snapshots:
            newest = max(snapshot.next_offset for snapshot in snapshots)
            raise OffsetLost(
                f"group 'aggregation' has no committed offset on {source.topic} partition "
                f"{source.partition}, but a snapshot at offset {newest} exists. Commit offset "
                f"{newest} for the group (kafka-consumer-groups.sh --reset-offsets), or delete "
                f"the topics {AGGREGATION_STATE.name} and {METRICS.name} to count all anew."
            )
        return Start(fresh, first)
    if committed < first:
        raise OffsetLost(
            f"the committed offset on {source.topic} partition {source.partition} is {committed}, "
            f"but the first record still kept is {first}: what lies between was never counted. To "
            f"go on without it, commit offset {first} for the group 'aggregation'; rollouts halt "
            "at the gap until they are resumed."
        )
    below = [snapshot for snapshot in snapshots if snapshot.next_offset <= committed]
    newest_below = max(below, key=lambda snapshot: snapshot.next_offset, default=fresh)
    return Start(newest_below, committed)
