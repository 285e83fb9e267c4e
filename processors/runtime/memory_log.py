"""A log in memory that keeps Kafka's promises: the demo, simulations and backtests stand on it.

Offsets with holes for transaction markers and aborted records, read-committed reads, fencing,
generations, compaction. It is deterministic, single-threaded and never waits: time is `now_us`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

from tradecanary.processors.runtime.log import GroupConsumer, OffsetLost
from tradecanary.processors.runtime.memory_broker import MemoryBroker
from tradecanary.processors.runtime.memory_group import MemoryGroup
from tradecanary.processors.runtime.memory_partition import MemoryBatch
from tradecanary.processors.stage import LogRecord, Polled, TopicPartition
from tradecanary.schemas.topics import TOPICS, Sizing, Topic

_CHUNK = 1000
_NOTHING = Polled((), frozenset())


class MemoryConsumer:
    """A member of a group; it joins when made. The session counts from its last poll."""

    def __init__(self, broker: MemoryBroker, group: MemoryGroup, topics: Sequence[str]) -> None:
        self._broker = broker
        self._topics = tuple(topics)
        self._assigned: frozenset[TopicPartition] = frozenset()
        self._positions: dict[TopicPartition, int] = {}
        self._turn = 0
        self.group = group
        self.generation = -1
        self._member = group.join(self._topics, broker.now_us())

    def poll(self, limit: int, timeout_s: float) -> Polled:  # noqa: ARG002 - it never waits
        """Return at most `limit` records that are there now; raise OffsetLost."""
        broker, group = self._broker, self.group
        broker.expire()
        group.heartbeat(self._member, broker.now_us(), broker.session_us)
        if not group.is_current(self._member, self.generation):
            return self._rejoin()
        batches: list[MemoryBatch] = []
        for place in self._next_places():
            batch = broker.partition(place).read(self._positions[place], limit)
            if batch is not None:
                batches.append(batch)
                limit -= len(batch.values)
                self._positions[place] = batch.last_offset + 1
            if limit <= 0:
                break
        ends = frozenset(place for place in self._positions if self._is_at_end(place))
        return Polled(tuple(batches), ends)

    def member_id(self) -> str:
        """Return the member id as this side knows it, empty after close."""
        return self._member

    def committed(self, partitions: Sequence[TopicPartition]) -> Mapping[TopicPartition, int]:
        """Return the committed offsets; partitions without one are absent."""
        offsets = self.group.offsets
        return {place: offsets[place] for place in partitions if place in offsets}

    def start_reading(self, positions: Mapping[TopicPartition, int]) -> None:
        """Read the assigned partitions from these offsets on; raise OffsetLost."""
        for place, position in positions.items():
            start = self._broker.partition(place).start
            if position < start:
                raise OffsetLost(f"{place}: position was {position}, the log starts at {start}")
        assigned = self._assigned
        self._positions = {p: positions[p] for p in sorted(positions) if p in assigned}

    def close(self) -> None:
        """Leave the group."""
        self.group.leave(self._member)
        self._member = ""
        self._positions = {}

    def _rejoin(self) -> Polled:
        group = self.group
        self._positions = {}
        if self._member not in group.members():
            self._member = group.join(self._topics, self._broker.now_us())
        assigned = group.assigned(self._member)
        if not group.is_stable(assigned):
            return _NOTHING
        self.generation = group.generation
        self._assigned = assigned
        return Polled((), frozenset(), assigned)

    def _next_places(self) -> list[TopicPartition]:
        places = list(self._positions)
        if not places:
            return places
        self._turn = (self._turn + 1) % len(places)
        return places[self._turn :] + places[: self._turn]

    def _is_at_end(self, place: TopicPartition) -> bool:
        position = self._positions[place]
        partition = self._broker.partition(place)
        return position >= partition.stable_end or partition.read(position, 1) is None


class MemoryProducer:
    """A transactional producer; making it fences the one before."""

    def __init__(self, broker: MemoryBroker, transactional_id: str) -> None:
        self._broker = broker
        self._id = transactional_id
        self._epoch = broker.init(transactional_id)

    def begin(self) -> None:
        """Open a transaction; raise Fenced."""
        self._broker.check(self._id, self._epoch)
        self._broker.begin(self._id)

    def send(
        self, topic: str, key: bytes, value: bytes | None, partition: int | None = None
    ) -> None:
        """Add a record; raise Fenced."""
        self._broker.check(self._id, self._epoch)
        self._broker.add(self._id, topic, key, value, partition)

    def send_offsets(self, positions: Mapping[TopicPartition, int], member: GroupConsumer) -> None:
        """Add the member's positions; raise Fenced, or Aborted when it was evicted."""
        self._broker.check(self._id, self._epoch)
        assert isinstance(member, MemoryConsumer), "a member of this log's groups"
        membership = (member.member_id(), member.generation)
        self._broker.add_offsets(self._id, member.group, membership, positions)

    def commit(self) -> None:
        """Commit; raise Fenced."""
        self._broker.check(self._id, self._epoch)
        assert self._broker.is_open(self._id), "no transaction is open"
        self._broker.finish(self._id, commit=True)

    def abort(self) -> None:
        """Abort the open transaction, if any; raise Fenced."""
        self._broker.check(self._id, self._epoch)
        self._broker.finish(self._id, commit=False)

    def close(self) -> None:
        """Give up: an open transaction is left to its timeout, or to the next with this id."""


class MemoryTail:
    """Follows whole topics from the beginning."""

    def __init__(self, broker: MemoryBroker, topics: Sequence[str]) -> None:
        self._broker = broker
        self._positions = {place: broker.partition(place).start for place in broker.places(topics)}
        self._polled = False

    def poll(self, timeout_s: float) -> tuple[LogRecord, ...]:  # noqa: ARG002 - it never waits
        """Return all new records that are there now."""
        self._polled = True
        self._broker.expire()
        found: list[LogRecord] = []
        for place, position in self._positions.items():
            partition = self._broker.partition(place)
            end = partition.stable_end
            if position < end:
                batch = partition.read(position, end - position)
                self._positions[place] = end
                found += batch.records() if batch else ()
        return tuple(found)

    def at_end(self) -> bool:
        """Return whether it has polled: one poll reads all there is."""
        return self._polled

    def close(self) -> None:
        """Stop following."""


class MemoryLog:
    """A `Log` in memory. `executions` and `control` are partition counts (schemas/topics.py).

    `session_us`: a member that has not polled for longer is evicted when another one polls.
    `transaction_timeout_us`: an open transaction that is older is aborted, its producer fenced.
    """

    def __init__(
        self,
        now_us: Callable[[], int],
        *,
        executions: int = 1,
        control: int = 1,
        topics: Sequence[Topic] = TOPICS,
        session_us: int = 6_000_000,
        transaction_timeout_us: int = 5_000_000,
    ) -> None:
        counts = {Sizing.EXECUTIONS: executions, Sizing.CONTROL: control, Sizing.SINGLE: 1}
        self._broker = MemoryBroker(
            topics,
            counts,
            now_us,
            session_us=session_us,
            transaction_timeout_us=transaction_timeout_us,
        )

    def partitions(self, topic: str) -> int:
        """Return the partition count of `topic`; raise KeyError when it is not in the table."""
        return self._broker.count(topic)

    def consumer(self, group: str, topics: Sequence[str]) -> MemoryConsumer:
        """Return a new member of `group` on `topics`."""
        return MemoryConsumer(self._broker, self._broker.group(group), topics)

    def producer(self, transactional_id: str) -> MemoryProducer:
        """Return a producer; any earlier one with this id is fenced, its transaction aborted."""
        return MemoryProducer(self._broker, transactional_id)

    def tail(self, topics: Sequence[str]) -> MemoryTail:
        """Return a follower of whole topics."""
        return MemoryTail(self._broker, topics)

    def read(
        self, partition: TopicPartition, start: int = 0, end: int | None = None
    ) -> Iterator[LogRecord]:
        """Yield the committed records from offset `start` up to `end` or the end as of now."""
        for batch in self.batches(partition, start, end):
            yield from batch.records()

    def batches(
        self, partition: TopicPartition, start: int = 0, end: int | None = None
    ) -> Iterator[MemoryBatch]:
        """Yield what `read` yields, without an object per record."""
        self._broker.expire()
        source = self._broker.partition(partition)
        stop = source.stable_end if end is None else min(end, source.stable_end)
        while (batch := source.read(start, _CHUNK)) is not None:
            start = batch.last_offset + 1
            if batch.last_offset >= stop:
                batch = batch.below(stop)
            if not batch.values:
                return
            yield batch

    def start_offset(self, partition: TopicPartition) -> int:
        """Return the first offset still kept."""
        return self._broker.partition(partition).start

    def end_offset(self, partition: TopicPartition) -> int:
        """Return the last stable offset: where a read-committed reader stops."""
        self._broker.expire()
        return self._broker.partition(partition).stable_end

    def append(
        self,
        topic: str,
        key: bytes | None,
        value: bytes | None,
        *,
        partition: int | None = None,
        timestamp_us: int | None = None,
    ) -> int:
        """Append a record of a plain producer at once; return its offset.

        `timestamp_us` is the record's own time; topics with append time take the log's clock.
        """
        _, offset = self._broker.append(
            topic, key, value, partition=partition, timestamp_us=timestamp_us
        )
        return offset

    def load(
        self, records: Iterable[LogRecord], starts: Mapping[TopicPartition, int] | None = None
    ) -> None:
        """Load a recorded log with its offsets, holes included; `starts` are its start offsets.

        Raises ValueError when an offset is taken already.
        """
        for place, start in (starts or {}).items():
            partition = self._broker.partition(place)
            partition.start = start
            partition.high_watermark = max(partition.high_watermark, start)
        for record in records:
            self._broker.partition(TopicPartition(record.topic, record.partition)).load(record)

    def compact(self, topic: str) -> None:
        """Compact a topic now (it also happens by itself as a compacted topic grows)."""
        for place in self._broker.places((topic,)):
            self._broker.partition(place).compact()

    def reset(self, group: str, offsets: Mapping[TopicPartition, int]) -> None:
        """Let a group have committed these offsets alone, as a person may.

        None at all: as brokers do when the group had no member for longer than they keep them.
        """
        self._broker.group(group).offsets = dict(offsets)

    def evict(self, group: str, member_id: str) -> None:
        """Throw a member out, as a broker does with one that went silent."""
        self._broker.group(group).leave(member_id)
