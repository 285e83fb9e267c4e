"""A record: events of one strategy in memory, in the order of event time.

Bytes stay as they were recorded; beside them lie the columns that `kernel.index` found: about 350
bytes an event, and nearly twice that while they are sorted.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Protocol

import numpy as np

from tradecanary.backtesting import kernel as at
from tradecanary.backtesting.key_table import grown_keys, new_keys
from tradecanary.backtesting.numbering import closed_up, gapless
from tradecanary.processors.aggregation.compiled_tables import grown_publishers, new_publishers
from tradecanary.processors.aggregation.kernel_bytes import PAD, Bytes, Ints
from tradecanary.processors.aggregation.kernel_decode import SCRATCH
from tradecanary.processors.aggregation.kernel_sequences import Publishers
from tradecanary.processors.aggregation.oracle import EventReader
from tradecanary.schemas.codec import ContractViolation, encode
from tradecanary.schemas.strict import read_varint

WORST_BAD_PCT = 1.0
_SAID_BAD = 20
_PADDING = bytes(PAD)
_ANY_TIME_MS = 1 << 46
"""An append time that no event_time lies ahead of: of events that were never appended."""


class Refused(ValueError):
    """A backtest that the record cannot serve; the text says what it can."""


@dataclass(frozen=True, slots=True)
class Key:
    """One way in which orders of the record were routed."""

    strategy: str
    version: str
    variant: str
    revision: int
    weight_bp: int


@dataclass(frozen=True, slots=True)
class BadRow:
    """A row or record that breaks the contract, where it lies, and why."""

    where: str
    reason: str


class Places(Protocol):
    """Where records lie: asked only for those that are bad."""

    def __getitem__(self, index: int, /) -> object:
        """Return the name of the place."""


@dataclass(slots=True)
class Counts:
    """What was read and did not become an event of the record."""

    read: int = 0
    bad: int = 0
    duplicates: int = 0
    missing: int = 0
    not_live: int = 0
    outside: int = 0


@dataclass(frozen=True, slots=True)
class Record:
    """The LIVE events of one strategy; row i of `columns` is the i-th by event time.

    `numbers`: the events' own numbers of their publisher, renumbered so that only what the record
    lost is a hole. `partitions`: of a publisher's row. `from_start`: read from the first record on.
    """

    strategy: str
    data: Bytes
    columns: Ints
    pnl: Ints
    numbers: Ints
    keys: tuple[Key, ...]
    partitions: Ints
    from_start: bool
    counts: Counts
    bad: tuple[BadRow, ...]

    @property
    def event_times(self) -> Ints:
        """When the events ended, microseconds UTC, rising."""
        return self.columns[:, at.ENDED_AT]

    def units(self, indices: Ints) -> Iterator[str]:
        """Yield the units of events."""
        rows = self.columns[indices]
        starts, data = rows[:, at.START], memoryview(self.data)  # type: ignore[arg-type]
        places = (starts + rows[:, at.UNIT_AT], starts + rows[:, at.AFTER_UNIT])
        for start, end in zip(*(place.tolist() for place in places), strict=True):
            yield data[start:end].tobytes().decode()

    def by_account(self) -> bool:
        """Return whether every order's unit is its account."""
        return bool(len(self.columns)) and bool(self.columns[:, at.IS_ACCOUNT].all())


@dataclass(slots=True)
class Reading:
    """Takes in encoded events batch by batch, and gives the record of one strategy.

    `numbered`: whether repeats and losses show by the publishers' numbers (a topic), or numbers
    say nothing (a file, which may hold several partitions in one). `from_start`: whether the first
    records of the partitions are among them. Only event times in `first_us..last_us` are kept.
    """

    numbered: bool
    from_start: bool = False
    first_us: int = 0
    last_us: int = 1 << 62
    counts: Counts = field(default_factory=Counts)
    bad: list[BadRow] = field(default_factory=list)
    _reader: EventReader = field(default_factory=EventReader)
    _scratch: Ints = field(default_factory=lambda: np.zeros(SCRATCH, np.int64))
    _publishers: Publishers = field(default_factory=new_publishers)
    _keys: at.Keys = field(default_factory=new_keys)
    _data: bytearray = field(default_factory=bytearray)
    _columns: list[Ints] = field(default_factory=list)
    _pnl: list[Ints] = field(default_factory=list)
    _partitions: dict[int, int] = field(default_factory=dict)

    def add(
        self,
        values: Sequence[bytes | None],
        where: Places,
        *,
        partition: int = 0,
        times_ms: Iterable[int] | None = None,
    ) -> None:
        """Take in events of one partition, in log order. `where` names them when they are bad."""
        count = len(values)
        present = [value or b"" for value in values]
        ends = np.cumsum(np.fromiter(map(len, present), np.int64, count))
        joined = b"".join((*present, _PADDING))
        data = np.frombuffer(joined, np.uint8)
        times = (
            np.full(count, _ANY_TIME_MS, np.int64)
            if times_ms is None
            else np.fromiter(times_ms, np.int64, count)
        )
        columns = np.zeros((count, at.COLUMNS), np.int64)
        pnl = np.zeros((count, at.PNL_COLUMNS), np.int64)
        row = self._partitions.setdefault(partition, len(self._partitions))
        self._index(data, ends, times, row, columns, pnl)
        self.counts.read += count
        found = columns[:, at.FOUND]
        for index in np.flatnonzero((found == at.BAD) | (found == at.FOREIGN)).tolist():
            self._again(values[index], str(where[index]), int(times[index]), partition)
        self.counts.duplicates += int((found == at.REPEATED).sum())
        self.counts.not_live += int((found == at.NOT_LIVE).sum())
        taken = (found == at.GOOD) | (found == at.NOT_LIVE)
        columns[:, at.START] += len(self._data)
        self._data += memoryview(joined)[:-PAD]
        self._columns.append(columns[taken])
        self._pnl.append(pnl[taken])

    def _index(
        self, data: Bytes, ends: Ints, times: Ints, row: int, columns: Ints, pnl: Ints
    ) -> None:
        first, numbered = 0, self.numbered * (1 + self.from_start)
        while True:
            first, why = at.index(
                data, ends, times, first, row, numbered, self._publishers, self._keys,
                self._scratch, columns, pnl,
            )  # fmt: skip
            if why == at.DONE:
                return
            size = int(ends[first] - (ends[first - 1] if first else 0))
            self._publishers = grown_publishers(self._publishers, size)
            self._keys = grown_keys(self._keys, size)

    def _again(self, value: bytes | None, where: str, time_ms: int, partition: int) -> None:
        """Read as the oracle does what the pass did not like: an older contract, or bad bytes."""
        try:
            event, _ = self._reader.read(value, time_ms)
        except ContractViolation as broken:
            self.note_bad(where, str(broken))
        else:
            self.counts.read -= 1
            self.add([encode(event)], [where], partition=partition, times_ms=[time_ms])

    def note_bad(self, where: str, reason: str) -> None:
        """Count a bad row; the first ones are kept to be said."""
        self.counts.bad += 1
        if len(self.bad) < _SAID_BAD:
            self.bad.append(BadRow(where, reason))

    def strategies(self) -> tuple[str, ...]:
        """Return the names of all strategies read so far."""
        return tuple(sorted({key.strategy for key in self._read_keys()}))

    def record(self, strategy: str | None) -> Record:
        """Return the record of `strategy`, or of the only one; raise Refused.

        Refused: more than 1 % bad, no or several strategies, no LIVE event of it.
        """
        counts = self.counts
        if counts.bad * 100 > WORST_BAD_PCT * counts.read:
            said = "".join(f"\n  {one.where}: {one.reason}" for one in self.bad)
            raise Refused(
                f"{counts.bad:,} of {counts.read:,} records are bad, more than {WORST_BAD_PCT:g} "
                f"%: the rest would not be what happened. Mend them, or leave them out.{said}"
            )
        columns, pnl = np.concatenate(self._columns), np.concatenate(self._pnl)
        self._columns, self._pnl = [columns], [pnl]  # not twice in memory
        keys = self._read_keys()
        name = self._chosen(strategy)
        mine = np.array([key.strategy == name for key in keys], np.bool_)
        times = columns[:, at.ENDED_AT]
        live = columns[:, at.FOUND] == at.GOOD
        wanted = live & mine[columns[:, at.KEY]]
        within = (times >= self.first_us) & (times <= self.last_us)
        counts.outside = int((wanted & ~within).sum())
        chosen = np.flatnonzero(wanted & within)
        if not len(chosen):
            raise Refused(
                f"no LIVE event of strategy {name!r} was found among {counts.read:,} records "
                f"({counts.not_live:,} in another mode, {counts.outside:,} outside the period)"
            )
        chosen = chosen[np.argsort(times[chosen], kind="stable")]
        publisher, number = columns[:, at.PUBLISHER], columns[:, at.NUMBER]
        numbers, counts.missing = (
            closed_up(publisher, number, chosen, from_start=self.from_start)
            if self.numbered
            else gapless(publisher[chosen], number[chosen])
        )
        partitions = np.zeros(int(self._publishers.used[0]), np.int64)
        by_row = {row: partition for partition, row in self._partitions.items()}
        for row, publisher in enumerate(self._publishers.rows[: len(partitions), 0].tolist()):
            partitions[row] = by_row[publisher]
        return Record(
            strategy=name,
            data=np.frombuffer(self._data, np.uint8),
            columns=columns[chosen],
            pnl=pnl[chosen],
            numbers=numbers,
            keys=keys,
            partitions=partitions,
            from_start=self.from_start and self.first_us <= 0,
            counts=counts,
            bad=tuple(self.bad),
        )

    def _chosen(self, strategy: str | None) -> str:
        names = self.strategies()
        if strategy is None and len(names) == 1:
            return names[0]
        if strategy is None:
            raise Refused(f"the record holds {len(names)} strategies; name one: {', '.join(names)}")
        return strategy

    def _read_keys(self) -> tuple[Key, ...]:
        text, found = self._keys.text.tobytes(), []
        for start, _ in self._keys.rows[: int(self._keys.used[0])].tolist():
            here = start
            names = []
            for _name in range(3):
                length, here = read_varint(text, here)
                names.append(text[here : here + length].decode())
                here += length
            revision, here = read_varint(text, here)
            weight_bp, here = read_varint(text, here)
            found.append(Key(names[0], names[1], names[2], revision, weight_bp))
        return tuple(found)
