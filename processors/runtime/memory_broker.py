"""The broker of the in-memory log: topics, transactions, fencing, groups."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from tradecanary.processors.runtime.log import Aborted, Fenced
from tradecanary.processors.runtime.memory_group import MemoryGroup
from tradecanary.processors.runtime.memory_partition import MemoryPartition
from tradecanary.processors.stage import TopicPartition
from tradecanary.schemas.partitioning import partition_of
from tradecanary.schemas.topics import Sizing, Topic


@dataclass(slots=True)
class _Transaction:
    started_us: int
    places: set[TopicPartition] = field(default_factory=set)


class MemoryBroker:
    """State that clients of one in-memory log share. Single thread."""

    def __init__(
        self,
        topics: Sequence[Topic],
        counts: Mapping[Sizing, int],
        now_us: Callable[[], int],
        *,
        session_us: int,
        transaction_timeout_us: int,
    ) -> None:
        self.now_us = now_us
        self.session_us = session_us
        self._transaction_timeout_us = transaction_timeout_us
        self._counts = {topic.name: counts[topic.sizing] for topic in topics}
        self._append_time = {topic.name for topic in topics if topic.append_time}
        self._partitions = {
            TopicPartition(topic.name, index): MemoryPartition(
                TopicPartition(topic.name, index), compacted=topic.compacted
            )
            for topic in topics
            for index in range(counts[topic.sizing])
        }
        self._groups: dict[str, MemoryGroup] = {}
        self._epochs: dict[str, int] = {}
        self._transactions: dict[str, _Transaction] = {}

    def count(self, topic: str) -> int:
        """Return the partition count; raise KeyError for a topic that is not in the table."""
        if topic not in self._counts:
            raise KeyError(f"topic {topic!r} is not in the table; known: {sorted(self._counts)}")
        return self._counts[topic]

    def partition(self, place: TopicPartition) -> MemoryPartition:
        """Return one partition; raise KeyError when there is none."""
        if place not in self._partitions:
            raise KeyError(f"{place} does not exist; {place.topic} had {self.count(place.topic)}")
        return self._partitions[place]

    def places(self, topics: Sequence[str]) -> list[TopicPartition]:
        """Return all partitions of `topics`."""
        return [TopicPartition(topic, i) for topic in topics for i in range(self.count(topic))]

    def group(self, name: str) -> MemoryGroup:
        """Return the coordinator of a group."""
        if name not in self._groups:
            self._groups[name] = MemoryGroup(name, self._counts)
        return self._groups[name]

    def append(
        self,
        topic: str,
        key: bytes | None,
        value: bytes | None,
        *,
        partition: int | None = None,
        timestamp_us: int | None = None,
        transactional_id: str | None = None,
    ) -> tuple[TopicPartition, int]:
        """Return where the record now lies. Without `partition` murmur2 of the key decides."""
        if partition is None:
            partition = partition_of(key or b"", self.count(topic))
        place = TopicPartition(topic, partition)
        if timestamp_us is None or topic in self._append_time:
            timestamp_us = self.now_us()
        offset = self.partition(place).append(
            key, value, timestamp_us // 1000, transactional_id=transactional_id
        )
        return place, offset

    def init(self, transactional_id: str) -> int:
        """Return a new epoch: whoever held the id is fenced, its open transaction aborted."""
        self._finish(transactional_id, commit=False)
        epoch = self._epochs.get(transactional_id, -1) + 1
        self._epochs[transactional_id] = epoch
        return epoch

    def check(self, transactional_id: str, epoch: int) -> None:
        """Raise Fenced unless `epoch` is the newest of the id."""
        self.expire()
        newest = self._epochs[transactional_id]
        if epoch != newest:
            raise Fenced(f"{transactional_id}: epoch was {epoch}, the log is at {newest}")

    def begin(self, transactional_id: str) -> None:
        """Open a transaction."""
        assert transactional_id not in self._transactions, "a transaction is open already"
        self._transactions[transactional_id] = _Transaction(self.now_us())

    def add(
        self,
        transactional_id: str,
        topic: str,
        key: bytes,
        value: bytes | None,
        partition: int | None,
    ) -> None:
        """Append a record to the open transaction."""
        transaction = self._transactions[transactional_id]
        place, _ = self.append(
            topic, key, value, partition=partition, transactional_id=transactional_id
        )
        transaction.places.add(place)

    def add_offsets(
        self,
        transactional_id: str,
        group: MemoryGroup,
        membership: tuple[str, int],
        positions: Mapping[TopicPartition, int],
    ) -> None:
        """Add offsets; from a member of another generation: abort and raise Aborted."""
        assert transactional_id in self._transactions, "no transaction is open"
        member, generation = membership
        if not group.is_current(member, generation):
            self._finish(transactional_id, commit=False)
            raise Aborted(
                f"{transactional_id}: member {member or '(none)'} of generation {generation} is "
                f"not in generation {group.generation} of its group"
            )
        group.pending.setdefault(transactional_id, {}).update(positions)

    def is_open(self, transactional_id: str) -> bool:
        """Return whether the id has an open transaction."""
        return transactional_id in self._transactions

    def finish(self, transactional_id: str, *, commit: bool) -> None:
        """Commit or abort the open transaction, if any."""
        self._finish(transactional_id, commit=commit)

    def expire(self) -> None:
        """Abort transactions older than their timeout; their producers are fenced, as in Kafka."""
        if not self._transactions:
            return
        oldest_us = self.now_us() - self._transaction_timeout_us
        late = [name for name, open_ in self._transactions.items() if open_.started_us < oldest_us]
        for name in late:
            self.init(name)

    def _finish(self, transactional_id: str, *, commit: bool) -> None:
        transaction = self._transactions.pop(transactional_id, None)
        if transaction is None:
            return
        for place in sorted(transaction.places):
            self._partitions[place].finish(transactional_id, commit=commit)
        for group in self._groups.values():
            offsets = group.pending.pop(transactional_id, {})
            if commit:
                group.offsets.update(offsets)
