"""What a transaction of the aggregator says: manifests, parts, dead letters, snapshots."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from tests.executions import T0_US, event, fold_all, log_of, merged, pieces, random_log
from tradecanary.processors.aggregation.folding import empty_snapshot
from tradecanary.processors.aggregation.manifest import PART_BYTES
from tradecanary.processors.aggregation.oracle import PlainFold
from tradecanary.processors.aggregation.step import (
    Adopt,
    Aggregation,
    End,
    Flush,
    Records,
    Start,
    new_aggregation,
    step,
)
from tradecanary.processors.runtime.aggregation_task import AggregationTask, scanned
from tradecanary.processors.runtime.memory_log import MemoryLog
from tradecanary.processors.stage import Emit, LogRecord, Polled, TopicPartition
from tradecanary.schemas.codec import encode
from tradecanary.schemas.decisions import DeadLetter
from tradecanary.schemas.metrics import AggregationSnapshot, MetricsBatch, SourceRange
from tradecanary.schemas.partitioning import partition_of
from tradecanary.schemas.topics import EXECUTIONS

NOW_US = T0_US + 10_000_000


def _adopted(first_offset: int = 0, metrics: int = 1, partitions: int = 1) -> Aggregation:
    starts = tuple(
        Start(empty_snapshot(partition, first_offset, from_start=first_offset == 0), first_offset)
        for partition in range(partitions)
    )
    return step(new_aggregation("a", PlainFold), Adopt(7, metrics, starts))[0]


def _read(state: Aggregation, records: Sequence[LogRecord]) -> None:
    for batch in scanned(records):
        step(state, Records(records[0].partition, batch))


def _flush(state: Aggregation, now_us: int = NOW_US) -> tuple[Emit, ...]:
    return step(state, Flush(now_us))[1]


def _batches(effects: Sequence[Emit], partition: int = 0) -> list[MetricsBatch]:
    return [
        each.record
        for each in effects
        if isinstance(each.record, MetricsBatch) and each.partition == partition
    ]


def _range(effects: Sequence[Emit]) -> SourceRange:
    return _batches(effects)[0].ranges[0]


def test_every_metrics_partition_gets_the_manifest_and_its_own_strategies() -> None:
    """Ranges and publishers go everywhere, a strategy's sums to murmur2 of its name only."""
    state = _adopted(metrics=3)
    names = [f"strategy-{n}" for n in range(20)]
    _read(state, log_of(encode(event(source_seq=s, strategy=n)) for s, n in enumerate(names)))
    effects = _flush(state)
    seen = []
    for partition in range(3):
        (batch,) = _batches(effects, partition)
        assert (batch.slot, batch.incarnation, batch.transaction) == ("a", 7, 0)
        assert (batch.part, batch.parts) == (0, 1)
        assert batch.ranges[0].events == batch.publishers[0].events == 20
        mine = [sums.strategy for sums in batch.partials]
        assert all(partition_of(name.encode(), 3) == partition for name in mine)
        seen += mine
    assert sorted(seen) == sorted(names)


def test_a_large_manifest_is_cut_into_parts() -> None:
    """No part is larger than 512 KiB encoded, part 0 has the ranges, nothing is lost."""
    state = _adopted()
    rng = random.Random(1)
    records = log_of(
        encode(
            event(
                source=f"gateway-{seq % 3000}-{'x' * 40}",
                source_seq=-1,
                unit=f"account-{seq}",
                account=f"account-{seq}",
                pnl=rng.gauss(0, 1e4),
            )
        )
        for seq in range(6_000)
    )
    whole, _ = fold_all(PlainFold(), records)
    _read(state, records)
    parts = _batches(_flush(state))
    assert len(parts) > 2
    assert max(len(encode(part)) for part in parts) <= PART_BYTES
    assert [(part.part, part.parts) for part in parts] == [
        (n, len(parts)) for n in range(len(parts))
    ]
    assert [len(part.ranges) for part in parts] == [1] + [0] * (len(parts) - 1)
    assert tuple(sums for part in parts for sums in part.partials) == whole.partials
    assert tuple(each for part in parts for each in part.publishers) == whole.publishers


def test_a_manifest_a_second_without_events_and_one_a_flush_with_them() -> None:
    """Silence is said once a second; transactions are numbered from 0 without holes."""
    state = _adopted()
    said = [bool(_flush(state, NOW_US + age)) for age in (0, 1, 999_999, 1_000_000, 1_999_999)]
    assert said == [True, False, False, True, False]
    _read(state, log_of([encode(event())]))
    (batch,) = _batches(_flush(state, NOW_US + 2_000_000))
    assert batch.transaction == 2
    assert not _flush(state, NOW_US + 2_000_001)
    assert not _flush(new_aggregation("a", PlainFold)), "who owns no partition has nothing to say"


@given(seed=st.integers(0, 1 << 32), first=st.sampled_from((0, 3)))
def test_every_offset_is_in_exactly_one_manifest(seed: int, first: int) -> None:
    """Ranges follow on one another, and events + duplicates + bad + skipped is their length."""
    rng = random.Random(seed)
    records = [replace(each, offset=each.offset + first) for each in random_log(rng, 40)]
    state = _adopted(first)
    next_offset, total, bad = first, 0, 0
    for piece in pieces(rng, records):
        _read(state, piece)
        if rng.random() < 0.5 or piece[-1] is records[-1]:
            said = _range(_flush(state))
            assert said.first_offset == next_offset
            covered = said.events + said.duplicates + said.bad + said.skipped
            assert covered == said.next_offset - said.first_offset
            next_offset, total, bad = said.next_offset, total + covered, bad + said.bad
    assert next_offset == records[-1].offset + 1
    assert total == next_offset - first
    assert bad == len(
        fold_all(PlainFold(), records, empty_snapshot(0, 0, from_start=first == 0))[1]
    )


def test_what_breaks_the_contract_becomes_a_dead_letter() -> None:
    """The letter has place, key, reason and bytes (cut to 512 KiB); the rest is counted."""
    huge = b"\xc3\x01" + bytes(1 << 20)
    records = log_of([encode(event()), None, huge, b"", encode(event(source_seq=1))])
    records = [replace(each, offset=each.offset + 40, key=b"A17") for each in records]
    state = _adopted(40)
    _read(state, records)
    effects = _flush(state)
    assert (_range(effects).events, _range(effects).bad) == (2, 3)
    letters = [each for each in effects if each.topic == "dead-letters"]
    assert {each.key for each in letters} == {b"executions-0"}
    found = [each.record for each in letters if isinstance(each.record, DeadLetter)]
    assert [(each.offset, each.value_length) for each in found] == [
        (41, 0), (42, len(huge)), (43, 0)
    ]  # fmt: skip
    assert [each.value for each in found] == [None, huge[: 512 << 10], b""]
    assert all(each.key == b"A17" and each.stage == "aggregation" for each in found)
    assert found[0].reason == "value was null, an Avro record was expected"
    assert found[2].reason == "unknown schema: header was empty"
    assert not [each for each in _flush(state, NOW_US + 1_000_000) if each.topic == "dead-letters"]


def test_snapshots_follow_every_ten_seconds() -> None:
    """The first transaction writes one for each partition, then one every 10 s, as of its end."""
    state = _adopted(partitions=2)
    _read(state, log_of([encode(event())]))
    written = {}
    for second in range(21):
        effects = _flush(state, NOW_US + second * 1_000_000)
        taken = [each for each in effects if each.topic == "aggregation-state"]
        if taken:
            written[second] = [each.key for each in taken]
        if second == 0:
            first = taken[0].record
            assert isinstance(first, AggregationSnapshot)
            assert (first.partition, first.next_offset, first.from_start) == (0, 1, True)
            assert first.publishers[0].next_seq == 1
    assert written == {0: [b"0", b"1"], 10: [b"0", b"1"], 20: [b"0", b"1"]}


def test_caught_up_is_at_the_end_a_moment_ago() -> None:
    """An end is true for a second: a partition that nobody can read any more is no quiet one."""
    state = _adopted()
    _read(state, log_of([encode(event())]))
    assert not _range(_flush(state, NOW_US)).caught_up
    step(state, End(0, NOW_US))
    _read(state, [replace(log_of([encode(event(source_seq=1))])[0], offset=1)])
    assert _range(_flush(state, NOW_US + 1_000_000)).caught_up
    assert not _range(_flush(state, NOW_US + 2_000_001)).caught_up


def test_a_quiet_partition_is_caught_up_while_polls_find_its_end() -> None:
    """As both logs do at every poll; from when they do not, it is behind."""
    log = MemoryLog(lambda: NOW_US, executions=2)
    task = AggregationTask(slot="a", incarnation=7, make_fold=PlainFold)
    places = frozenset(TopicPartition(EXECUTIONS.name, number) for number in range(2))
    task.recover(places, {}, log, NOW_US)
    found = []
    for second in range(1, 9):
        now_us = NOW_US + second * 1_000_000
        ends = places if second < 5 else places - {TopicPartition(EXECUTIONS.name, 1)}
        task.absorb(Polled((), ends), now_us)
        found.append([part.caught_up for part in _batches(task.flush(now_us))[0].ranges])

    assert [[True, True]] * 5 + [[True, False]] * 3 == found


def test_what_was_not_committed_is_dropped_with_the_assignment() -> None:
    """Adopting partitions begins anew: no sums, letters or ranges of before are said again."""
    state = _adopted()
    _read(state, log_of([encode(event()), None]))
    starts = (Start(empty_snapshot(0, 0, from_start=True), 0),)
    state, _ = step(state, Adopt(8, 1, starts))
    effects = _flush(state)
    (batch,) = _batches(effects)
    assert (batch.incarnation, batch.transaction, batch.partials) == (8, 0, ())
    assert batch.ranges == (SourceRange(0, 0, 0, 0, 0, 0, 0, 0, caught_up=False),)
    assert not [each for each in effects if each.topic == "dead-letters"]
    assert merged(batch.partials) == ()
