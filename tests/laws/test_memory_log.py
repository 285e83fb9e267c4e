"""The log in memory keeps Kafka's promises."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.counting import Clock
from tests.log_laws import LAWS, PARTITIONS, SOURCE, Bench
from tradecanary.processors.runtime.log import (
    Aborted,
    Fenced,
    Log,
    OffsetLost,
    TransactionalProducer,
)
from tradecanary.processors.runtime.memory_group import range_assignment
from tradecanary.processors.runtime.memory_log import MemoryLog
from tradecanary.processors.stage import LogRecord, TopicPartition
from tradecanary.schemas.topics import EXECUTIONS, METRICS, ROUTING_WEIGHTS

WEIGHTS = TopicPartition(ROUTING_WEIGHTS.name, 0)


class _MemoryBench:
    """The bench of tests/log_laws.py in memory."""

    def __init__(self) -> None:
        self._memory = MemoryLog(Clock(), executions=PARTITIONS, control=PARTITIONS)
        self.log: Log = self._memory

    def append(
        self, topic: str, key: bytes | None, value: bytes | None, partition: int | None = None
    ) -> None:
        """Append a record at once."""
        self._memory.append(topic, key, value, partition=partition)

    def flush(self, producer: TransactionalProducer) -> None:
        """Return: in memory a record lies in the log at once."""


@pytest.mark.parametrize("law", LAWS, ids=lambda law: law.__name__)
def test_shared_law(law: Callable[[Bench], None]) -> None:
    """What tests/log_laws.py says of both logs holds in memory."""
    law(_MemoryBench())


_step = st.tuples(
    st.sampled_from(["send", "commit", "abort", "plain", "fence", "compact"]),
    st.integers(0, 1),
    st.integers(0, 3),
)


@given(st.lists(_step, max_size=60))
def test_readers_see_what_a_model_says(steps: list[tuple[str, int, int]]) -> None:
    """Records show in offset order once their transaction commits; compaction keeps the last.

    The model: a list of [key, value, state] per partition, where a transaction's end takes a
    place of its own, and readers stop at the first undecided record.
    """
    log = MemoryLog(Clock())
    producers = [log.producer(f"writer-{i}") for i in range(2)]
    is_open = [False, False]
    model: list[list[object]] = []  # key, value, state; state is "ok", "gone" or a writer
    for number, (what, who, key) in enumerate(steps):
        name, value = f"key-{key}".encode(), f"{number}".encode()
        if what == "send":
            if not is_open[who]:
                producers[who].begin()
                is_open[who] = True
            producers[who].send(WEIGHTS.topic, name, value)
            model.append([name, value, who])
        elif what in ("commit", "abort", "fence") and is_open[who]:
            if what == "fence":
                producers[who] = log.producer(f"writer-{who}")
            else:
                getattr(producers[who], what)()
            is_open[who] = False
            for row in model:
                if row[2] == who:
                    row[2] = "ok" if what == "commit" else "gone"
            model.append([None, None, "gone"])
        elif what == "plain":
            log.append(WEIGHTS.topic, name, value)
            model.append([name, value, "ok"])
        elif what == "compact":
            _compact(model)
            log.compact(WEIGHTS.topic)

    end = _stable_end(model)
    expected = [(i, k, v) for i, (k, v, state) in enumerate(model[:end]) if state == "ok"]
    assert expected == [(r.offset, r.key, r.value) for r in log.read(WEIGHTS)]
    assert expected == [(r.offset, r.key, r.value) for r in log.tail([WEIGHTS.topic]).poll(0)]
    assert end == log.end_offset(WEIGHTS)


def _stable_end(model: list[list[object]]) -> int:
    undecided = [i for i, row in enumerate(model) if isinstance(row[2], int)]
    return min(undecided, default=len(model))


def _compact(model: list[list[object]]) -> None:
    decided = [row for row in model[: _stable_end(model)] if row[2] == "ok"]
    last = {row[0]: row for row in decided}
    for row in decided:
        if last[row[0]] is not row:
            row[2] = "gone"


def test_a_growing_compacted_topic_compacts_itself() -> None:
    """Renewals for hours take bounded memory, and a new reader gets the last of each key."""
    log = MemoryLog(Clock())
    for number in range(50_000):
        log.append(WEIGHTS.topic, b"%d" % (number % 3), b"%d" % number)

    found = list(log.read(WEIGHTS))

    assert len(found) < 10_000
    assert {b"0": b"49998", b"1": b"49999", b"2": b"49997"} == {r.key: r.value for r in found}


@given(
    st.dictionaries(
        st.text("abc", min_size=1, max_size=3),
        st.sets(st.sampled_from("xyz")).map(sorted),
        max_size=5,
    ),
    st.integers(0, 7),
)
def test_range_assignment_gives_each_partition_to_one(
    members: dict[str, list[str]], count: int
) -> None:
    """Every partition of a topic somebody reads has exactly one owner, who reads that topic."""
    counts = dict.fromkeys("xyz", count)
    owned = range_assignment(members, counts)

    everything = [place for places in owned.values() for place in places]
    wanted = {topic for topics in members.values() for topic in topics}
    assert sorted(everything) == sorted(
        TopicPartition(topic, i) for topic in wanted for i in range(count)
    )
    for member, places in owned.items():
        assert {place.topic for place in places} <= set(members[member])


def test_evicted_member_cannot_commit() -> None:
    """A zombie that has not polled since its eviction is refused, and so is an old generation."""
    log = MemoryLog(Clock(), executions=2)
    zombie = log.consumer("reader", [EXECUTIONS.name])
    zombie.poll(1, 0)
    producer = log.producer("writer-0")
    producer.begin()
    log.evict("reader", zombie.member_id())
    with pytest.raises(Aborted, match="generation"):
        producer.send_offsets({SOURCE: 1}, zombie)
    zombie.poll(1, 0)
    log.consumer("reader", [EXECUTIONS.name])
    producer.begin()
    with pytest.raises(Aborted, match="generation"):
        producer.send_offsets({SOURCE: 1}, zombie)

    assert {} == zombie.committed([SOURCE])


def test_silent_member_is_evicted_after_its_session() -> None:
    """Once it has not polled for the session, the next poll of another gives away its share."""
    clock = Clock()
    log = MemoryLog(clock, session_us=6_000_000)
    silent = log.consumer("reader", [EXECUTIONS.name])
    other = log.consumer("reader", [EXECUTIONS.name])
    assert frozenset({SOURCE}) == silent.poll(1, 0).assignment
    assert frozenset() == other.poll(1, 0).assignment
    clock.us += 6_000_000
    assert other.poll(1, 0).assignment is None
    clock.us += 1

    assert frozenset({SOURCE}) == other.poll(1, 0).assignment


def test_assignment_waits_for_offsets_in_flight() -> None:
    """A new owner must not read a committed offset that an open transaction is about to move."""
    clock = Clock()
    log = MemoryLog(clock, transaction_timeout_us=5_000_000)
    owner = log.consumer("reader", [EXECUTIONS.name])
    owner.poll(1, 0)
    producer = log.producer("writer-0")
    producer.begin()
    producer.send_offsets({SOURCE: 9}, owner)
    owner.close()
    heir = log.consumer("reader", [EXECUTIONS.name])
    assert heir.poll(1, 0).assignment is None
    producer.commit()

    assert frozenset({SOURCE}) == heir.poll(1, 0).assignment
    assert {SOURCE: 9} == heir.committed([SOURCE])


def test_transaction_that_outlives_its_timeout_is_fenced() -> None:
    """As with the client's protocol: the broker aborts it, and its producer is at an end."""
    clock = Clock()
    log = MemoryLog(clock, transaction_timeout_us=5_000_000)
    producer = log.producer("writer-0")
    producer.begin()
    producer.send(METRICS.name, b"k", b"v")
    log.append(METRICS.name, b"k", b"plain")
    clock.us += 5_000_001
    assert [b"plain"] == [r.value for r in log.read(TopicPartition(METRICS.name, 0))]

    with pytest.raises(Fenced):
        producer.commit()


def test_recorded_log_keeps_its_offsets() -> None:
    """A recorded log is loaded with its holes; a position before its start is refused."""
    log = MemoryLog(Clock())
    recorded = [
        LogRecord(EXECUTIONS.name, 0, offset, 1000 + offset, b"k", b"%d" % offset)
        for offset in (100, 101, 105, 230)
    ]
    log.load(recorded, starts={SOURCE: 90})
    member = log.consumer("reader", [EXECUTIONS.name])
    member.poll(1, 0)

    assert recorded == list(log.read(SOURCE))
    assert recorded[2:] == list(log.read(SOURCE, 102))
    assert (90, 231) == (log.start_offset(SOURCE), log.end_offset(SOURCE))
    with pytest.raises(OffsetLost, match="starts at 90"):
        member.start_reading({SOURCE: 89})
    with pytest.raises(ValueError, match="next free offset was 231"):
        log.load(recorded)


def test_append_time_topics_take_the_logs_clock() -> None:
    """Elsewhere a record keeps the time it was given."""
    clock = Clock()
    log = MemoryLog(clock)
    log.append(EXECUTIONS.name, b"k", b"v", timestamp_us=5_000)
    log.append(METRICS.name, b"k", b"v", timestamp_us=5_000)

    assert [clock.us // 1000] == [r.timestamp_ms for r in log.read(SOURCE)]
    assert [5] == [r.timestamp_ms for r in log.read(TopicPartition(METRICS.name, 0))]


def test_unknown_topic_is_named() -> None:
    """A topic outside the table is our mistake, and the error says which one."""
    with pytest.raises(KeyError, match="'nothing' is not in the table"):
        MemoryLog(Clock()).append("nothing", b"k", b"v")
