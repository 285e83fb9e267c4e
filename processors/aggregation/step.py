"""The aggregation stage: `step(state, event) -> (state, effects)`.

Batches of `executions` become, once a transaction, a manifest with partial sums on every metrics
partition, dead letters for what broke the contract, and every 10 s snapshots of what duplicate
detection remembers. The state is a mutable accumulator owned by the step and handed back as it is:
copying a table of sums for each of half a million events a second would cost more than the events.
After a crash nothing of it is needed; it is rebuilt from the log.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from tradecanary.processors.aggregation.folding import Fold, Tally
from tradecanary.processors.aggregation.manifest import Transaction, manifest
from tradecanary.processors.stage import Batch, Emit
from tradecanary.schemas.decisions import DeadLetter
from tradecanary.schemas.metrics import AggregationSnapshot, SourceRange
from tradecanary.schemas.topics import AGGREGATION_STATE, DEAD_LETTERS
from tradecanary.schemas.units import US_PER_S

STAGE = "aggregation"
QUIET_MANIFEST_US = US_PER_S
"""Without events a manifest is written this often, so that readers know there were none."""
SNAPSHOT_US = 10 * US_PER_S
CAUGHT_UP_US = US_PER_S
LETTER_BYTES = 512 << 10
_NOTHING = Tally(0, 0, 0)


@dataclass(frozen=True, slots=True)
class Start:
    """Where to begin on a partition: a snapshot, and the offset of the first record to count."""

    snapshot: AggregationSnapshot
    next_offset: int


@dataclass(frozen=True, slots=True)
class Adopt:
    """Begin anew with these partitions; all that was not committed is dropped."""

    incarnation: int
    metrics_partitions: int
    starts: tuple[Start, ...]


@dataclass(frozen=True, slots=True)
class Rescan:
    """Records between a partition's snapshot and its committed offset: remembered, not counted."""

    partition: int
    batch: Batch


@dataclass(frozen=True, slots=True)
class Records:
    """Records to count."""

    partition: int
    batch: Batch


@dataclass(frozen=True, slots=True)
class End:
    """The partition is read to its end, as of this poll."""

    partition: int
    now_us: int


@dataclass(frozen=True, slots=True)
class Flush:
    """A transaction is due."""

    now_us: int


Event = Adopt | Rescan | Records | End | Flush


@dataclass(slots=True)
class Cursor:
    """How far a partition was read, and what of it the open transaction covers."""

    first_offset: int
    next_offset: int
    bad: int = 0
    skipped: int = 0
    end_us: int | None = None

    def caught_up(self, now_us: int) -> bool:
        """Return whether it was at its end within 1 s: every poll says so anew while it is."""
        return self.end_us is not None and now_us - self.end_us <= CAUGHT_UP_US

    def take_range(self, partition: int, tally: Tally, now_us: int) -> SourceRange:
        """Return what was read since the last range, and begin the next one."""
        taken = SourceRange(
            partition=partition,
            first_offset=self.first_offset,
            next_offset=self.next_offset,
            events=tally.events,
            duplicates=tally.duplicates,
            missing=tally.missing,
            bad=self.bad,
            skipped=self.skipped,
            caught_up=self.caught_up(now_us),
        )
        covered = taken.events + taken.duplicates + taken.bad + taken.skipped
        assert covered == taken.next_offset - taken.first_offset, taken
        self.first_offset = self.next_offset
        self.bad = self.skipped = 0
        return taken


@dataclass(slots=True)
class Aggregation:
    """The stage's state. `fold` is its accumulator; made by `new_aggregation`."""

    slot: str
    make_fold: Callable[[], Fold]
    fold: Fold
    incarnation: int = 0
    transaction: int = 0
    metrics_partitions: int = 1
    cursors: dict[int, Cursor] = field(default_factory=dict)
    letters: list[Emit] = field(default_factory=list)
    unsaid: bool = False
    manifest_us: int | None = None
    snapshot_us: int | None = None


def new_aggregation(slot: str, make_fold: Callable[[], Fold]) -> Aggregation:
    """Return the state of a process `slot` that owns no partition yet."""
    return Aggregation(slot=slot, make_fold=make_fold, fold=make_fold())


def step(state: Aggregation, event: Event) -> tuple[Aggregation, tuple[Emit, ...]]:
    """Return the state after `event` (the same object, changed) and what to write."""
    match event:
        case Records(partition, batch):
            _count(state, partition, batch)
        case End(partition, now_us):
            state.cursors[partition].end_us = now_us
        case Flush(now_us):
            return state, _flush(state, now_us)
        case Rescan(partition, batch):
            state.fold.add(partition, batch, summed=False)
        case Adopt():
            return _adopted(state, event), ()
    return state, ()


def _adopted(old: Aggregation, event: Adopt) -> Aggregation:
    state = new_aggregation(old.slot, old.make_fold)
    state.incarnation = event.incarnation
    state.metrics_partitions = event.metrics_partitions
    for start in event.starts:
        state.fold.restore(start.snapshot)
        state.cursors[start.snapshot.partition] = Cursor(start.next_offset, start.next_offset)
    return state


def _count(state: Aggregation, partition: int, batch: Batch) -> None:
    cursor = state.cursors[partition]
    assert batch.first_offset >= cursor.next_offset, (partition, batch.first_offset, cursor)
    next_offset = batch.last_offset + 1
    cursor.skipped += next_offset - cursor.next_offset - len(batch.values)
    cursor.next_offset = next_offset
    for record in state.fold.add(partition, batch, summed=True):
        cursor.bad += 1
        state.letters.append(_letter(batch, record.index, record.reason))
    state.unsaid = True


def _letter(batch: Batch, index: int, reason: str) -> Emit:
    value = batch.values[index]
    topic, partition = batch.partition
    letter = DeadLetter(
        stage=STAGE,
        topic=topic,
        partition=partition,
        offset=batch.offset(index),
        reason=reason,
        key=batch.key(index),
        value=None if value is None else value[:LETTER_BYTES],
        value_length=0 if value is None else len(value),
    )
    return Emit(DEAD_LETTERS.name, f"{topic}-{partition}".encode(), letter)


def _due(last_us: int | None, interval_us: int, now_us: int) -> bool:
    return last_us is None or now_us - last_us >= interval_us


def _flush(state: Aggregation, now_us: int) -> tuple[Emit, ...]:
    if not state.cursors:
        return ()
    if not (state.unsaid or _due(state.manifest_us, QUIET_MANIFEST_US, now_us)):
        return ()
    drained = state.fold.drain()
    ranges = tuple(
        cursor.take_range(partition, drained.tallies.get(partition, _NOTHING), now_us)
        for partition, cursor in sorted(state.cursors.items())
    )
    said = manifest(
        Transaction(state.slot, state.incarnation, state.transaction),
        state.metrics_partitions,
        ranges,
        drained.publishers,
        drained.partials,
    )
    emits = (*said, *state.letters, *_snapshots(state, now_us))
    state.transaction += 1
    state.letters = []
    state.unsaid, state.manifest_us = False, now_us
    return emits


def _snapshots(state: Aggregation, now_us: int) -> tuple[Emit, ...]:
    if not _due(state.snapshot_us, SNAPSHOT_US, now_us):
        return ()
    state.snapshot_us = now_us
    return tuple(
        Emit(
            AGGREGATION_STATE.name,
            str(partition).encode(),
            state.fold.snapshot(partition, cursor.next_offset),
        )
        for partition, cursor in sorted(state.cursors.items())
    )
