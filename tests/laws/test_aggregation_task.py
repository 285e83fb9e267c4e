"""The aggregator on a log: whatever crashes, sums equal a plain recomputation of the topic."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import replace

import pytest

from tests.counting import Clock, Crash, crash_at
from tests.executions import T0_US, event, fold_all, log_of, merged, pieces, random_log
from tradecanary.processors.aggregation.compiled import CompiledFold
from tradecanary.processors.aggregation.folding import Fold, Tally
from tradecanary.processors.aggregation.oracle import PlainFold
from tradecanary.processors.runtime.aggregation_task import AggregationTask
from tradecanary.processors.runtime.log import OffsetLost
from tradecanary.processors.runtime.memory_log import MemoryLog
from tradecanary.processors.runtime.runner import CrashPoint, Runner, go_on
from tradecanary.processors.stage import LogRecord, TopicPartition
from tradecanary.schemas.codec import decode, encode
from tradecanary.schemas.decisions import DeadLetter
from tradecanary.schemas.metrics import AggregationSnapshot, MetricsBatch
from tradecanary.schemas.topics import AGGREGATION_STATE, DEAD_LETTERS, EXECUTIONS, METRICS

PARTITIONS = 3
SOURCES = [TopicPartition(EXECUTIONS.name, partition) for partition in range(PARTITIONS)]


def _runner(
    log: MemoryLog,
    clock: Clock,
    make_fold: Callable[[], Fold] = PlainFold,
    slot: str = "0",
    crash_point: Callable[[CrashPoint], None] = go_on,
) -> Runner:
    task = AggregationTask(slot=slot, incarnation=clock(), make_fold=make_fold)
    return Runner(task, log, clock, slot=slot, limit=100, crash_point=crash_point)


def _settle(runner: Runner, clock: Clock, steps: int = 40) -> None:
    for _ in range(steps):
        clock.us += 100_000
        runner.step()
    runner.finish()


def _manifests(log: MemoryLog, partition: int = 0) -> list[MetricsBatch]:
    records = log.read(TopicPartition(METRICS.name, partition))
    return [decode(MetricsBatch, record.value) for record in records]


def _counts(log: MemoryLog, partition: int) -> list[tuple[int, ...]]:
    """Return a partition's ranges as (first, next, events, duplicates, missing, bad, skipped)."""
    ranges = [each for batch in _manifests(log) for each in batch.ranges]
    return sorted(
        (each.first_offset, each.next_offset, each.events, each.duplicates, each.missing,
         each.bad, each.skipped)
        for each in ranges
        if each.partition == partition and each.first_offset < each.next_offset
    )  # fmt: skip


def _assert_recomputed(log: MemoryLog) -> None:
    """Compare all that was committed with one plain pass over the topic."""
    partials, bad = [], []
    for source in SOURCES:
        records = list(log.read(source))
        drained, broken = fold_all(PlainFold(), records)
        partials += drained.partials
        bad += [(source.partition, *each) for each in broken]
        counts = _counts(log, source.partition)
        assert [each[0] for each in counts] == [0, *[each[1] for each in counts[:-1]]]
        assert counts[-1][1] == records[-1].offset + 1
        events, duplicates, missing = (sum(each[i] for each in counts) for i in (2, 3, 4))
        assert Tally(events, duplicates, missing) == drained.tallies[source.partition]
        for first, following, *numbers in counts:
            assert numbers[0] + numbers[1] + numbers[3] + numbers[4] == following - first
    said = [sums for p in range(2) for batch in _manifests(log, p) for sums in batch.partials]
    assert merged(said) == merged(partials)
    letters = [
        decode(DeadLetter, record.value)
        for record in log.read(TopicPartition(DEAD_LETTERS.name, 0))
    ]
    assert sorted((each.partition, each.offset, each.reason) for each in letters) == sorted(bad)


@pytest.mark.parametrize("seed", range(8))
def test_random_crashes_of_two_processes(seed: int) -> None:
    """Two slots, one plain and one compiled, crash and rebalance: all counts exactly once."""
    rng = random.Random(seed)
    clock = Clock()
    log = MemoryLog(clock, executions=PARTITIONS, control=2)
    flows = [list(pieces(rng, random_log(rng, 150, partition))) for partition in range(PARTITIONS)]
    runners: dict[str, Runner] = {}

    def maybe_crash(_: CrashPoint) -> None:
        if rng.random() < 0.03:
            raise Crash

    for _ in range(200):
        clock.us += rng.choice([1_000, 100_000, 3_000_000])
        flow = rng.choice(flows)
        if flow and rng.random() < 0.3:
            log.load(flow.pop(0))
        slot = rng.choice(["plain", "compiled"])
        make = PlainFold if slot == "plain" else CompiledFold
        try:
            if slot not in runners:
                runners[slot] = _runner(log, clock, make, slot, maybe_crash)
            runners[slot].step()
            if rng.random() < 0.02:
                runners.pop(slot).close()
        except Crash:
            runners.pop(slot, None)
    for flow in flows:
        for piece in flow:
            log.load(piece)
    clock.us += 30_000_000
    _settle(_runner(log, clock, CompiledFold, "last"), clock)
    _assert_recomputed(log)


@pytest.mark.parametrize("point", list(CrashPoint))
def test_a_crash_between_any_two_steps(point: CrashPoint) -> None:
    """After each crash point the next process goes on where the log says."""
    rng = random.Random(5)
    clock = Clock()
    log = MemoryLog(clock, executions=PARTITIONS, control=2)
    halves = [(records[:60], records[60:]) for records in _flows(rng, 120)]
    for first, _ in halves:
        log.load(first)

    with pytest.raises(Crash):
        _settle(_runner(log, clock, crash_point=crash_at(point)), clock)
    for _, second in halves:
        log.load(second)
    clock.us += 30_000_000
    _settle(_runner(log, clock), clock)
    _assert_recomputed(log)


def _flows(rng: random.Random, count: int) -> list[list[LogRecord]]:
    return [random_log(rng, count, partition) for partition in range(PARTITIONS)]


def test_numbers_of_transactions_have_no_holes_within_an_incarnation() -> None:
    """A process that recovers begins a new incarnation at 0; both rise."""
    rng = random.Random(6)
    clock = Clock()
    log = MemoryLog(clock, executions=PARTITIONS, control=2)
    runner = _runner(log, clock)
    for flow in _flows(rng, 40):
        log.load(flow)
        _settle(runner, clock, 5)
        other = log.consumer("aggregation", [EXECUTIONS.name])
        _settle(runner, clock, 5)
        other.close()
    numbers: dict[int, list[int]] = {}
    for batch in _manifests(log):
        numbers.setdefault(batch.incarnation, []).append(batch.transaction)
    assert len(numbers) > 2
    assert list(numbers) == sorted(numbers)
    assert all(each == list(range(len(each))) for each in numbers.values())


def _log_from(start: int, clock: Clock) -> MemoryLog:
    log = MemoryLog(clock, executions=1)
    values = [encode(event(source_seq=seq)) for seq in range(start, start + 3)]
    records = [replace(each, offset=each.offset + start) for each in log_of(values)]
    log.load(records, {SOURCES[0]: start})
    return log


@pytest.mark.parametrize(("start", "from_start"), [(0, True), (5, False)])
def test_the_first_start_begins_at_the_first_kept_record(start: int, *, from_start: bool) -> None:
    """Without committed offset and snapshot what is kept is read; only offset 0 is the start."""
    clock = Clock()
    log = _log_from(start, clock)
    _settle(_runner(log, clock), clock)
    assert _counts(log, 0) == [(start, start + 3, 3, 0, 0, 0, 0)]
    state = list(log.read(TopicPartition(AGGREGATION_STATE.name, 0)))
    snapshot = decode(AggregationSnapshot, state[0].value)
    assert snapshot.from_start is from_start


def _state(log: MemoryLog, partition: int, next_offset: int) -> None:
    snapshot = AggregationSnapshot(partition, next_offset, True, -1, ())
    log.append(AGGREGATION_STATE.name, str(partition).encode(), encode(snapshot))


def test_a_snapshot_without_committed_offset_is_an_error() -> None:
    """Going on could count twice: the operator is told which offset to commit."""
    clock = Clock()
    log = _log_from(0, clock)
    _state(log, 0, 2)
    with pytest.raises(OffsetLost, match=r"Commit offset 2 for the group"):
        _settle(_runner(log, clock), clock)


def test_records_that_were_deleted_uncounted_are_an_error() -> None:
    """What lies between the committed offset and the first kept one is not skipped unseen."""
    log = _log_from(5, Clock())
    with pytest.raises(OffsetLost, match=r"is 4, but the first record still kept is 5"):
        _recovered(log, committed=4)


def test_a_partition_added_later_begins_at_its_start() -> None:
    """Snapshots of other partitions do not make a new partition an error."""
    clock = Clock()
    log = _log_from(0, clock)
    _state(log, 7, 2)
    _settle(_runner(log, clock), clock)
    assert _counts(log, 0) == [(0, 3, 3, 0, 0, 0, 0)]


def _recovered(log: MemoryLog, committed: int) -> AggregationSnapshot:
    task = AggregationTask(slot="0", incarnation=1, make_fold=PlainFold)
    assigned = frozenset(SOURCES[:1])
    assert task.recover(assigned, {SOURCES[0]: committed}, log, T0_US) == {SOURCES[0]: committed}
    written = [each.record for each in task.flush(T0_US) if each.topic == AGGREGATION_STATE.name]
    (snapshot,) = written
    assert isinstance(snapshot, AggregationSnapshot)
    return snapshot


def test_an_offset_before_every_snapshot_is_rebuilt_from_the_topic() -> None:
    """Offsets that were set back find no snapshot at or below them: all before is read again."""
    log = _log_from(0, Clock())
    _state(log, 0, 3)
    snapshot = _recovered(log, committed=2)
    assert (snapshot.next_offset, snapshot.publishers[0].next_seq) == (2, 2)


def test_the_newest_snapshot_at_or_below_the_offset_counts() -> None:
    """Among several snapshots the newest not beyond the committed offset is taken."""
    log = _log_from(0, Clock())
    for next_offset in (1, 2, 3):
        _state(log, 0, next_offset)
    snapshot = _recovered(log, committed=2)
    assert (snapshot.next_offset, snapshot.publishers) == (2, ())
