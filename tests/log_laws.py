"""Laws that both logs keep: each is tried on the log in memory and on a real Kafka."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol

import pytest

from tradecanary.processors.runtime.log import (
    Aborted,
    Fenced,
    GroupConsumer,
    Log,
    Tail,
    TransactionalProducer,
)
from tradecanary.processors.stage import LogRecord, Polled, TopicPartition
from tradecanary.schemas.partitioning import partition_of
from tradecanary.schemas.topics import COMMANDS, EXECUTIONS, KILL_SWITCH, METRICS

PARTITIONS = 3
SOURCE = TopicPartition(EXECUTIONS.name, 0)
_POLLS = 300


class Bench(Protocol):
    """A log with PARTITIONS partitions per sized topic, and a plain producer beside it."""

    @property
    def log(self) -> Log:
        """The log."""

    def append(
        self, topic: str, key: bytes | None, value: bytes | None, partition: int | None = None
    ) -> None:
        """Append a record at once."""

    def flush(self, producer: TransactionalProducer) -> None:
        """Return when what was sent so far lies in the log, its transaction still open."""


def until(poll: Callable[[], object], ready: Callable[[], object], what: str) -> None:
    """Poll until `ready()`; fail after a bounded number of polls."""
    for _ in range(_POLLS):
        if ready():
            return
        poll()
    pytest.fail(f"waiting for {what}: not there after {_POLLS} polls")


def joined(member: GroupConsumer) -> frozenset[TopicPartition]:
    """Return the first assignment of `member`."""
    found: list[frozenset[TopicPartition]] = []

    def poll() -> None:
        assigned = member.poll(100, 0.1).assignment
        if assigned:
            found.append(assigned)

    until(poll, lambda: found, "an assignment")
    return found[-1]


def read_by(member: GroupConsumer, count: int) -> list[tuple[TopicPartition, int, bytes | None]]:
    """Return the next `count` records that `member` reads."""
    found: list[tuple[TopicPartition, int, bytes | None]] = []

    def poll() -> None:
        for batch in member.poll(100, 0.1).batches:
            pairs = enumerate(batch.values)
            found.extend((batch.partition, batch.offset(i), value) for i, value in pairs)

    until(poll, lambda: len(found) >= count, f"{count} records")
    return found


def values(log: Log, topic: str = EXECUTIONS.name, partition: int = 0) -> list[bytes | None]:
    """Return the committed values of one partition."""
    return [record.value for record in log.read(TopicPartition(topic, partition))]


def transaction_is_seen_whole_or_not_at_all(bench: Bench) -> None:
    """Records on several partitions and the offsets appear with the commit, or never."""
    log = bench.log
    member = log.consumer("reader", [EXECUTIONS.name])
    joined(member)
    producer = log.producer("writer-0")
    for commit in (False, True):
        producer.begin()
        producer.send(METRICS.name, b"k", b"%d" % commit, 0)
        producer.send(METRICS.name, b"k", b"%d" % commit, 1)
        producer.send_offsets({SOURCE: 7 + commit}, member)
        assert [] == values(log, METRICS.name, 0)
        producer.commit() if commit else producer.abort()

    assert [b"1"] == values(log, METRICS.name, 0)
    assert [b"1"] == values(log, METRICS.name, 1)
    assert {SOURCE: 8} == member.committed([SOURCE, TopicPartition(EXECUTIONS.name, 1)])
    member.close()
    producer.close()


def markers_and_aborted_records_take_offsets(bench: Bench) -> None:
    """One aborted record and two markers lie between two records: offsets 0 and 4."""
    producer = bench.log.producer("writer-0")
    for value, commit in ((b"a", True), (b"b", False), (b"c", True)):
        producer.begin()
        producer.send(METRICS.name, b"k", value, 0)
        bench.flush(producer)
        producer.commit() if commit else producer.abort()

    found = [(r.offset, r.value) for r in bench.log.read(TopicPartition(METRICS.name, 0))]

    assert [(0, b"a"), (4, b"c")] == found
    producer.close()


def older_producer_is_fenced(bench: Bench) -> None:
    """Who takes an id over ends its predecessor; what that had open is aborted."""
    older = bench.log.producer("writer-0")
    older.begin()
    older.send(METRICS.name, b"k", b"older", 0)
    newer = bench.log.producer("writer-0")
    newer.begin()
    newer.send(METRICS.name, b"k", b"newer", 0)
    newer.commit()

    with pytest.raises(Fenced, match="writer-0"):
        older.commit()

    assert [b"newer"] == values(bench.log, METRICS.name)
    older.close()
    newer.close()


def who_left_cannot_commit(bench: Bench) -> None:
    """A commit without membership is refused, aborted, and the producer lives on."""
    member = bench.log.consumer("reader", [EXECUTIONS.name])
    joined(member)
    member.close()
    producer = bench.log.producer("writer-0")
    producer.begin()
    producer.send(METRICS.name, b"k", b"lost", 0)

    with pytest.raises(Aborted):
        producer.send_offsets({SOURCE: 7}, member)

    producer.begin()
    producer.send(METRICS.name, b"k", b"kept", 0)
    producer.commit()
    assert [b"kept"] == values(bench.log, METRICS.name)
    producer.close()


def each_partition_has_one_owner(bench: Bench) -> None:
    """Two members share the partitions, alike for topics of equal size; one leaves: all to one."""
    topics = [METRICS.name, COMMANDS.name]
    members = [bench.log.consumer("reader", topics) for _ in range(2)]
    owned: list[frozenset[TopicPartition]] = [frozenset(), frozenset()]

    def poll() -> None:
        for index, member in enumerate(members):
            assigned = member.poll(100, 0.05).assignment
            if assigned is not None:
                owned[index] = assigned
                member.start_reading(dict.fromkeys(assigned, 0))

    total = 2 * PARTITIONS
    until(poll, lambda: all(owned) and total == len(owned[0]) + len(owned[1]), "two owners")

    assert not owned[0] & owned[1]
    for places in owned:
        assert {p for t, p in places if t == METRICS.name} == {
            p for t, p in places if t == COMMANDS.name
        }
    members.pop(0).close()
    owned.pop(0)
    until(poll, lambda: total == len(owned[0]), "one owner")
    members[0].close()


def reading_starts_where_told(bench: Bench) -> None:
    """Nothing is read before start_reading; then from the positions given, up to the end."""
    for number in range(5):
        bench.append(EXECUTIONS.name, b"k", b"%d" % number, 0)
    member = bench.log.consumer("reader", [EXECUTIONS.name])
    assigned = joined(member)
    assert () == member.poll(100, 0.2).batches
    member.start_reading(dict.fromkeys(assigned, 0) | {SOURCE: 3})
    assert [(SOURCE, 3, b"3"), (SOURCE, 4, b"4")] == read_by(member, 2)
    await_ends(member, assigned)
    bench.append(EXECUTIONS.name, b"k", b"5", 0)
    brought: list[Polled] = []
    until(
        lambda: brought.append(member.poll(100, 0.1)),
        lambda: brought and brought[-1].batches,
        "a record",
    )
    assert SOURCE in brought[-1].ends, "the poll that brings the last record says so"
    member.start_reading(dict.fromkeys(assigned, 0) | {SOURCE: 4})

    assert [(SOURCE, 4, b"4"), (SOURCE, 5, b"5")] == read_by(member, 2)
    member.close()


def await_ends(member: GroupConsumer, assigned: frozenset[TopicPartition]) -> None:
    """Poll until all of `assigned` are at their end."""
    last: list[Polled] = []
    until(
        lambda: last.append(member.poll(100, 0.1)),
        lambda: last and last[-1].ends == assigned,
        "the end of all partitions",
    )
    assert assigned == member.poll(100, 0.0).ends, "a partition stays at its end"


def open_transaction_holds_readers_back(bench: Bench) -> None:
    """A plain record behind an open transaction is read only when that has ended."""
    producer = bench.log.producer("writer-0")
    member = bench.log.consumer("reader", [METRICS.name])
    member.start_reading(dict.fromkeys(joined(member), 0))
    producer.begin()
    producer.send(METRICS.name, b"k", b"open", 0)
    bench.flush(producer)
    bench.append(METRICS.name, b"k", b"plain", 0)
    assert [] == values(bench.log, METRICS.name)
    assert () == member.poll(100, 0.3).batches
    producer.commit()

    assert [b"open", b"plain"] == [value for _, _, value in read_by(member, 2)]
    assert [b"open", b"plain"] == values(bench.log, METRICS.name)
    member.close()
    producer.close()


def key_decides_the_partition(bench: Bench) -> None:
    """Without a partition murmur2 of the key decides, as in Java."""
    keys = [b"momentum", b"a", b"", b"account-42", b"xyz" * 9]
    producer = bench.log.producer("writer-0")
    producer.begin()
    for key in keys:
        producer.send(METRICS.name, key, key)
    producer.commit()

    for partition in range(PARTITIONS):
        expected = [key for key in keys if partition_of(key, PARTITIONS) == partition]
        assert expected == values(bench.log, METRICS.name, partition)
    producer.close()


def tail_reads_all_and_follows(bench: Bench) -> None:
    """A tail starts at the beginning, says when it has seen all, and goes on; nulls pass."""
    for key, value in ((b"*", b"on"), (b"m", None), (None, b"no key")):
        bench.append(KILL_SWITCH.name if key else EXECUTIONS.name, key, value, 0)
    tail = bench.log.tail([KILL_SWITCH.name, EXECUTIONS.name])
    assert not tail.at_end()
    found = _follow(tail, 3)
    until(lambda: found.extend(tail.poll(0.1)), tail.at_end, "the end")
    assert {(b"*", b"on"), (b"m", None), (None, b"no key")} == {(r.key, r.value) for r in found}
    bench.append(KILL_SWITCH.name, b"*", b"off", 0)

    assert [(b"*", b"off", 2)] == [(r.key, r.value, r.offset) for r in _follow(tail, 1)]
    tail.close()


def _follow(tail: Tail, count: int) -> list[LogRecord]:
    found: list[LogRecord] = []
    until(lambda: found.extend(tail.poll(0.1)), lambda: len(found) >= count, f"{count} records")
    return found


def read_is_bounded(bench: Bench) -> None:
    """A scan takes offsets from start to before end, and stops at the end as of its start."""
    for number in range(6):
        bench.append(EXECUTIONS.name, b"k", b"%d" % number, 0)

    assert [b"2", b"3"] == [record.value for record in bench.log.read(SOURCE, 2, 4)]
    assert [b"5"] == [record.value for record in bench.log.read(SOURCE, 5, 99)]
    assert [] == list(bench.log.read(SOURCE, 6))
    assert [] == list(bench.log.read(SOURCE, 3, 3))
    assert 0 == bench.log.start_offset(SOURCE)
    assert PARTITIONS == bench.log.partitions(EXECUTIONS.name)


LAWS: Sequence[Callable[[Bench], None]] = (
    transaction_is_seen_whole_or_not_at_all,
    markers_and_aborted_records_take_offsets,
    older_producer_is_fenced,
    who_left_cannot_commit,
    each_partition_has_one_owner,
    reading_starts_where_told,
    open_transaction_holds_readers_back,
    key_decides_the_partition,
    tail_reads_all_and_follows,
    read_is_bounded,
)
