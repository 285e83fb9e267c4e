"""The compiled fold: one pass of machine code over a batch's bytes (`kernel_pass`).

Equal to `oracle.PlainFold` to the bit. What the pass finds bad is read again by the oracle's
reader, which names the reason: should it find the record good, the two disagree, and that is a bug
of ours that must not pass silently.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from tradecanary.processors.aggregation import kernel_sequences as at
from tradecanary.processors.aggregation.compiled_drain import partials_of
from tradecanary.processors.aggregation.compiled_tables import (
    emptied,
    grown_groups,
    grown_publishers,
    has_room,
    kept_publishers,
    new_groups,
    new_publishers,
)
from tradecanary.processors.aggregation.folding import (
    SOURCE_LIFE_US,
    BadRecord,
    Drained,
    Tally,
)
from tradecanary.processors.aggregation.kernel_bytes import PAD, Bytes, Ints
from tradecanary.processors.aggregation.kernel_decode import SCRATCH
from tradecanary.processors.aggregation.kernel_pass import DONE, FULL, OTHER_SCHEMA, remember, run
from tradecanary.processors.aggregation.oracle import EventReader
from tradecanary.processors.aggregation.sequences import (
    PartitionMemory,
    Publisher,
    restored,
    snapshot_of,
)
from tradecanary.processors.stage import Batch
from tradecanary.schemas.codec import ContractViolation, encode
from tradecanary.schemas.metrics import AggregationSnapshot, PublisherProgress

_PADDING = bytes(PAD)


def _joined(values: Sequence[bytes | None]) -> tuple[Bytes, Ints]:
    """Return the records' bytes one after another, padded, and where each ends."""
    try:
        lengths = np.fromiter(map(len, values), np.int64, len(values))  # type: ignore[arg-type]
    except TypeError:  # a null among them: no bytes are a bad record too
        return _joined([value or b"" for value in values])
    data = b"".join((*values, _PADDING))  # type: ignore[arg-type]
    return np.frombuffer(data, np.uint8), np.cumsum(lengths)


class CompiledFold:
    """The `Fold` that makes no Python object per event."""

    def __init__(self) -> None:
        """Start empty."""
        self._reader = EventReader()
        self._scratch = np.zeros(SCRATCH, np.int64)
        self._rows: dict[int, int] = {}
        self._partitions = np.zeros((0, at.PARTITION_COLUMNS), np.int64)
        self._publishers = new_publishers()
        self._groups = new_groups()

    def restore(self, snapshot: AggregationSnapshot) -> None:
        """Take on the snapshot's partition."""
        assert snapshot.partition not in self._rows, snapshot.partition
        row = self._rows[snapshot.partition] = len(self._rows)
        memory = restored(snapshot)
        facts = (memory.from_start, memory.max_us, memory.clock_us, 0, 0, 0)
        self._partitions = np.vstack([self._partitions, np.array([facts], np.int64)])
        for source, known in memory.publishers.items():
            name = source.encode()
            if not has_room(self._publishers, len(name)):
                self._publishers = grown_publishers(self._publishers, len(name))
            padded = np.frombuffer(name + _PADDING, np.uint8)
            found = remember(self._publishers, padded, len(name), row, known.heard_us)
            publisher = self._publishers.rows[found]
            publisher[at.NEXT_SEQ] = known.next_seq
            publisher[at.HOLES] = len(known.holes)
            publisher[at.ALL_EVENTS] = known.events
            publisher[at.LIVE_MAX_US] = known.live_max_us
            publisher[at.STRATEGIES] = known.strategies
            self._publishers.holes[found, : len(known.holes)] = known.holes

    def add(self, partition: int, batch: Batch, *, summed: bool) -> tuple[BadRecord, ...]:
        """Fold a batch; return its bad records."""
        values = batch.values
        data, ends = _joined(values)
        times = np.fromiter(batch.timestamps_ms, np.int64, len(values))
        return self._fold(partition, values, data, ends, times, summed=summed)

    def _fold(
        self,
        partition: int,
        values: Sequence[bytes | None],
        data: Bytes,
        ends: Ints,
        times: Ints,
        *,
        summed: bool,
    ) -> tuple[BadRecord, ...]:
        bad: list[BadRecord] = []
        indices = np.zeros(len(values), np.int64)
        tables, row, first = self._partitions, self._rows[partition], 0
        while True:
            first, why, bad_count = run(
                data, ends, times, first, row,
                tables, self._publishers, self._groups, self._scratch, indices, int(summed),
            )  # fmt: skip
            bad += [
                BadRecord(index, self._reason(values[index], int(times[index])))
                for index in indices[:bad_count].tolist()
            ]
            if why == DONE:
                return tuple(bad)
            if why == FULL:
                size = len(values[first] or b"")
                self._publishers = grown_publishers(self._publishers, size)
                self._groups = grown_groups(self._groups, size)
                continue
            assert why == OTHER_SCHEMA, why
            time = int(times[first])
            try:
                event, _ = self._reader.read(values[first], time)
            except ContractViolation as broken:
                bad.append(BadRecord(first, str(broken)))
            else:
                again = [encode(event)]
                once = np.full(1, time, np.int64)
                self._fold(partition, again, *_joined(again), once, summed=summed)
            first += 1

    def _reason(self, value: bytes | None, time_ms: int) -> str:
        try:
            self._reader.read(value, time_ms)
        except ContractViolation as broken:
            return str(broken)
        raise AssertionError(f"the compiled fold refused a good record: {value!r} at {time_ms} ms")

    def drain(self) -> Drained:
        """Return what was summed since the last drain; start anew."""
        tallies = {}
        for partition, row in self._rows.items():
            facts = self._partitions[row]
            events, duplicates, missing = facts[[at.EVENTS, at.DUPLICATES, at.MISSING]].tolist()
            tallies[partition] = Tally(events, duplicates, missing)
        self._partitions[:, [at.EVENTS, at.DUPLICATES, at.MISSING]] = 0
        partials = partials_of(self._groups)
        self._groups = emptied(self._groups)
        return Drained(tallies, self._progress(), partials)

    def _progress(self) -> tuple[PublisherProgress, ...]:
        partitions = {row: partition for partition, row in self._rows.items()}
        said = np.flatnonzero(self._publishers.rows[:, at.SAID])
        progress = []
        for row in said.tolist():
            known = self._publishers.rows[row].tolist()
            progress.append(
                PublisherProgress(
                    partition=partitions[known[at.PARTITION]],
                    source=self._name(known),
                    events=known[at.SAID],
                    top_seq=max(known[at.NEXT_SEQ] - 1, -1),
                    live_max_event_time_us=known[at.LIVE_MAX_US],
                    missing=known[at.LOST],
                    strategies=known[at.STRATEGIES],
                )
            )
        self._publishers.rows[said, at.SAID] = 0
        self._publishers.rows[said, at.LOST] = 0
        return tuple(sorted(progress, key=lambda each: (each.partition, each.source)))

    def _name(self, publisher: Sequence[int]) -> str:
        start = publisher[at.NAME_AT]
        return bytes(
            self._publishers.names[start : start + publisher[at.NAME_LENGTH]].data
        ).decode()

    def snapshot(self, partition: int, next_offset: int) -> AggregationSnapshot:
        """Return what is remembered of `partition`; forget sources whose life is over."""
        row = self._rows[partition]
        from_start, max_us, clock_us, *_ = self._partitions[row].tolist()
        rows = self._publishers.rows
        mine = (rows[:, at.PARTITION] == row) & (np.arange(len(rows)) < self._publishers.used[0])
        publishers = {}
        for each in np.flatnonzero(mine).tolist():
            known = rows[each].tolist()
            publishers[self._name(known)] = Publisher(
                heard_us=known[at.HEARD_US],
                next_seq=known[at.NEXT_SEQ],
                holes=self._publishers.holes[each, : known[at.HOLES]].tolist(),
                events=known[at.ALL_EVENTS],
                live_max_us=known[at.LIVE_MAX_US],
                strategies=known[at.STRATEGIES],
            )
        memory = PartitionMemory(bool(from_start), max_us, clock_us, publishers)
        snapshot = snapshot_of(partition, next_offset, memory)
        self._partitions[row, at.FROM_START] = snapshot.from_start
        if len(snapshot.publishers) < len(publishers):
            over = mine & (clock_us - rows[:, at.HEARD_US] > SOURCE_LIFE_US)
            keep = (np.arange(len(rows)) < self._publishers.used[0]) & ~over
            self._publishers = kept_publishers(self._publishers, keep)
        return snapshot
