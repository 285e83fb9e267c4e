"""A member of a consumer group on Kafka, and batches without an object per record of our own."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from itertools import groupby
from typing import Any

from confluent_kafka import Consumer, KafkaError, KafkaException, Message
from confluent_kafka import TopicPartition as ClientPartition

from tradecanary.processors.runtime.deadlines import within
from tradecanary.processors.runtime.kafka_clients import (
    AWAY,
    CALL_S,
    Names,
    close_within,
    error_of,
    no_beat,
    unavailable,
)
from tradecanary.processors.runtime.log import Aborted, OffsetLost
from tradecanary.processors.stage import Polled, TopicPartition

_METADATA_MAGIC = b"CGMDv2:"
# The consumer tells of these and goes on by itself; after an eviction a rebalance follows.
_PASSING = AWAY | {KafkaError._MAX_POLL_EXCEEDED}  # noqa: SLF001 - the client's name
LINGER_S = 0.005
"""How long a poll collects further records once there are some: a small batch costs as much."""


class KafkaBatch:
    """Consecutive committed records of one partition: a `Batch` over the client's messages."""

    __slots__ = ("_messages", "_partition", "_timestamps_ms", "_values")

    def __init__(self, partition: TopicPartition, messages: Sequence[Message]) -> None:
        self._partition = partition
        self._messages = messages
        self._values: Sequence[bytes | None] = list(map(Message.value, messages))
        self._timestamps_ms: Sequence[int] | None = None

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
        if self._timestamps_ms is None:
            self._timestamps_ms = [at for _, at in map(Message.timestamp, self._messages)]
        return self._timestamps_ms

    @property
    def first_offset(self) -> int:
        """Offset of the first record."""
        return self.offset(0)

    @property
    def last_offset(self) -> int:
        """Offset of the last record."""
        return self.offset(-1)

    def offset(self, index: int) -> int:
        """Return the offset of the record at `index`."""
        offset = self._messages[index].offset()
        assert offset is not None
        return offset

    def key(self, index: int) -> bytes | None:
        """Return the key of the record at `index`."""
        return self._messages[index].key()

    def below(self, end: int) -> KafkaBatch:
        """Return the records below offset `end`, maybe none."""
        count = bisect_left(range(len(self._messages)), end, key=self.offset)
        return KafkaBatch(self._partition, self._messages[:count])


class Fetcher:
    """Fetches from a client: records by partition, and which partitions are at their end."""

    def __init__(
        self, client: Consumer, names: Names, linger_s: float, beat: Callable[[], None] = no_beat
    ) -> None:
        self._client = client
        self._names = names
        self._linger_s = linger_s
        self._beat = beat
        self._ends: dict[TopicPartition, int] = {}
        self._has_one_topic = False
        self._asked: dict[TopicPartition, ClientPartition] = {}

    @property
    def ends(self) -> frozenset[TopicPartition]:
        """The partitions read to their end, until something new comes."""
        return frozenset(self._ends)

    def assign(self, positions: Mapping[TopicPartition, int]) -> None:
        """Read these partitions from these offsets, and no others."""
        self._ends.clear()
        self._has_one_topic = len({place.topic for place in positions}) == 1
        self._client.assign(
            [self._names.client_partition(place, at) for place, at in positions.items()]
        )

    def doubt_ends(self) -> None:
        """Find out anew which partitions are at their end: the brokers were away.

        The client reports an end once. Seeking there makes it ask the broker and report again.
        """
        for place, end in self._ends.items():
            try:
                at = self._names.client_partition(place, end)
                within(CALL_S, partial(self._client.seek, at), f"seeking {place}")
            except KafkaException as failure:
                raise unavailable(f"seeking {place} to {end}", error_of(failure)) from failure
        self._ends.clear()

    def fetch(self, limit: int, timeout_s: float) -> list[Message]:
        """Return up to `limit` messages, errors among them: a full batch, or what comes first.

        `consume(n)` waits for n records or the time, so idle waits are for one record only.
        """
        linger_s = min(self._linger_s, timeout_s)
        messages = self._client.consume(limit, linger_s)
        if not messages and timeout_s > linger_s:
            messages = self._client.consume(1, timeout_s - linger_s)
        self._beat()
        return messages

    def batches(self, messages: list[Message]) -> tuple[KafkaBatch, ...]:
        """Return the records by partition, ends noted; raise OffsetLost or Unavailable."""
        if any(map(Message.error, messages)):
            messages = list(self._sift(messages))
        found = []
        for place, run in self._by_partition(messages):
            batch = KafkaBatch(place, run)
            self._note_end(place, batch.last_offset + 1)
            found.append(batch)
        return tuple(found)

    def _note_end(self, place: TopicPartition, position: int) -> None:
        """Compare with the newest answer: the client reports ends of idle partitions only."""
        asked = self._asked.get(place)
        if asked is None:
            asked = self._asked[place] = self._names.client_partition(place)
        watermarks = self._client.get_watermark_offsets(asked, cached=True)
        if watermarks is not None and position >= watermarks[1]:
            self._ends[place] = position
        elif position > self._ends.get(place, position):
            del self._ends[place]

    def _by_partition(
        self, messages: list[Message]
    ) -> Iterable[tuple[TopicPartition, list[Message]]]:
        if not messages:
            return ()
        runs: dict[TopicPartition, list[Message]] = {}
        if self._has_one_topic:
            numbers = list(map(Message.partition, messages))
            if numbers.count(numbers[0]) == len(numbers):  # as when a partition catches up
                return ((self._place(messages[0]), messages),)
        for topic, same_topic in groupby(messages, Message.topic):
            for partition, run in groupby(same_topic, Message.partition):
                assert topic is not None
                assert partition is not None
                runs.setdefault(self._names.place(topic, partition), []).extend(run)
        return runs.items()

    def _sift(self, messages: list[Message]) -> Iterable[Message]:
        for message in messages:
            error = message.error()
            if error is None:
                yield message
            elif error.code() == KafkaError._PARTITION_EOF:  # noqa: SLF001 - the client's name
                self._ends[self._place(message)] = message.offset() or 0
            elif error.code() == KafkaError._AUTO_OFFSET_RESET:  # noqa: SLF001
                raise OffsetLost(
                    f"{self._place(message)}: the position is not in the log any more, nothing "
                    f"was skipped; the error was: {error.str()}"
                )
            elif error.code() not in _PASSING:
                raise unavailable(f"reading {message.topic() or 'as a member'}", error)

    def _place(self, message: Message) -> TopicPartition:
        topic, partition = message.topic(), message.partition()
        assert topic is not None
        assert partition is not None
        return self._names.place(topic, partition)


class KafkaConsumer:
    """A member of a group. The client never picks positions: `start_reading` does."""

    def __init__(
        self,
        config: Mapping[str, Any],
        topics: Sequence[str],
        names: Names,
        linger_s: float = LINGER_S,
        beat: Callable[[], None] = no_beat,
    ) -> None:
        self._names = names
        self._were_away = False
        self._changed: frozenset[TopicPartition] | None = None
        self._closed = False
        self._client = Consumer({**config, "error_cb": self._on_error})
        self._fetcher = Fetcher(self._client, names, linger_s, beat)
        self._client.subscribe(
            [names.outside(topic) for topic in topics],
            on_assign=self._on_assign,
            on_revoke=self._on_revoke,
            on_lost=self._on_revoke,
        )

    def poll(self, limit: int, timeout_s: float) -> Polled:
        """Return what came within the time; raise OffsetLost or Unavailable."""
        if self._were_away:
            self._were_away = False
            self._fetcher.doubt_ends()
        messages = self._fetcher.fetch(limit, timeout_s)
        if self._changed is not None:  # what came with it belongs to the old assignment
            changed, self._changed = self._changed, None
            return Polled((), frozenset(), changed)
        batches = self._fetcher.batches(messages)
        return Polled(batches, self._fetcher.ends)

    def member_id(self) -> str:
        """Return the member id, empty when this process is not a member: then never commit."""
        return "" if self._closed else self._client.memberid() or ""

    def membership(self) -> Any:  # noqa: ANN401 - the client's opaque metadata
        """Return the group metadata as of now; raise Aborted when this is not a member.

        Without a member id or with generation -1 the broker would check nothing.
        """
        if not self.member_id():
            raise Aborted("committing offsets: this process is not a member of its group")
        metadata = self._client.consumer_group_metadata()
        if not is_membership(metadata):
            raise Aborted(f"committing offsets: the group metadata was {metadata!r}")
        return metadata

    def committed(self, partitions: Sequence[TopicPartition]) -> Mapping[TopicPartition, int]:
        """Return the committed offsets; partitions without one are absent. Raise Unavailable."""
        wanted = [self._names.client_partition(place) for place in partitions]
        try:
            found = self._client.committed(wanted, timeout=CALL_S)
        except KafkaException as failure:
            raise unavailable("reading committed offsets", error_of(failure)) from failure
        for each in found:
            if each.error is not None:
                raise unavailable(f"reading the committed offset of {each.topic}", each.error)
        places = {self._names.place(each.topic, each.partition): each.offset for each in found}
        return {place: offset for place, offset in places.items() if offset >= 0}

    def start_reading(self, positions: Mapping[TopicPartition, int]) -> None:
        """Begin (or go on) reading the assigned partitions at these offsets."""
        self._fetcher.assign(positions)

    def close(self) -> None:
        """Leave the group."""
        if not self._closed:
            self._closed = True
            close_within(self._client.close, "a consumer")

    def _on_assign(self, client: Consumer, partitions: list[ClientPartition]) -> None:
        client.assign([])
        self._changed = frozenset(self._names.place(p.topic, p.partition) for p in partitions)

    def _on_revoke(self, client: Consumer, _: list[ClientPartition]) -> None:
        client.unassign()
        self._changed = frozenset()

    def _on_error(self, error: KafkaError) -> None:
        self._were_away |= error.code() in AWAY


def is_membership(metadata: object) -> bool:
    """Return whether group metadata names a generation and a member.

    The client's layout: `CGMDv2:`, generation (int32, little-endian), group, NUL, member, NUL, ...
    """
    if not isinstance(metadata, bytes) or not metadata.startswith(_METADATA_MAGIC):
        return True  # another layout: the member id was checked before
    rest = metadata[len(_METADATA_MAGIC) :]
    generation = int.from_bytes(rest[:4], "little", signed=True)
    _, _, after_group = rest[4:].partition(b"\0")
    return generation >= 0 and not after_group.startswith(b"\0")
