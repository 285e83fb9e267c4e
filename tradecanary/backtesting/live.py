"""What ran live, again: recorded looks folded over partial sums that are counted anew.

`decision-inputs` says what each look saw. Its manifests are made again from `executions`: a
manifest names offsets, and the aggregation's sums over offsets do not depend on who counted them or
when. So the whole way from events to decisions is run, and the decisions
are those of the live run, to the byte. Of the recorded manifests only the head is read.
"""

from __future__ import annotations

import io
from bisect import bisect_left
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import fastavro

from tradecanary.backtesting.looked import Looked
from tradecanary.processors.aggregation.fastest import fastest_fold
from tradecanary.processors.aggregation.folding import Fold, Tally, empty_snapshot
from tradecanary.processors.decision.model import LookEvent
from tradecanary.processors.decision.replay import (
    ManifestName,
    Parts,
    Unrecorded,
    event_of,
    named,
)
from tradecanary.processors.decision.step import initial, step
from tradecanary.processors.runtime.decision_recovery import commands_from, headers_of, looks_from
from tradecanary.processors.runtime.log import Log
from tradecanary.processors.stage import Batch, TopicPartition
from tradecanary.schemas.codec import (
    HEADER_BYTES,
    ContractViolation,
    contract_json,
    decode,
    header_of,
    parsed,
)
from tradecanary.schemas.metrics import MetricsBatch, SourceRange
from tradecanary.schemas.partitioning import partition_of
from tradecanary.schemas.topics import DECISION_INPUTS, DECISIONS, EXECUTIONS, METRICS

_HEAD = ("slot", "incarnation", "transaction", "part", "parts", "ranges")


class Differs(RuntimeError):
    """The topic does not say what the live run said it said."""


@dataclass(frozen=True, slots=True)
class _Slice:
    """Some records of a batch: a `Batch`."""

    whole: Batch
    first: int
    values: Sequence[bytes | None]
    timestamps_ms: Sequence[int]

    @property
    def partition(self) -> TopicPartition:
        return self.whole.partition

    @property
    def first_offset(self) -> int:
        return self.whole.offset(self.first)

    @property
    def last_offset(self) -> int:
        return self.whole.offset(self.first + len(self.values) - 1)

    def offset(self, index: int) -> int:
        return self.whole.offset(self.first + index)

    def key(self, index: int) -> bytes | None:
        return self.whole.key(self.first + index)


@dataclass(slots=True)
class _Source:
    """One partition of `executions`, read on from where the last manifest ended."""

    batches: Iterator[Batch]
    position: int
    _batch: Batch | None = None
    _used: int = 0

    def up_to(self, end: int) -> Iterator[Batch]:
        """Yield the records below offset `end` that were not yielded yet."""
        self.position = end
        while True:
            if self._batch is None or self._used == len(self._batch.values):
                self._take_next()
            batch = self._batch
            if batch is None or batch.offset(self._used) >= end:
                return
            count = len(batch.values)
            until = count
            if batch.last_offset >= end:
                until = bisect_left(range(count), end, self._used, key=batch.offset)
            part = slice(self._used, until)
            yield _Slice(batch, self._used, batch.values[part], batch.timestamps_ms[part])
            self._used = until

    def _take_next(self) -> None:
        self._batch, self._used = next(self.batches, None), 0


@dataclass(slots=True)
class Recount:
    """Makes manifests again from `executions`, in any order in which they continue."""

    log: Log
    partition: int
    partitions: int
    events: int = 0
    _fold: Fold = field(default_factory=fastest_fold)
    _sources: dict[int, _Source] = field(default_factory=dict)

    def manifest(self, head: Mapping[str, Any], parts: Sequence[bytes]) -> MetricsBatch:
        """Return the whole manifest; one that lies behind is taken as it was recorded."""
        ranges = tuple(SourceRange(**one) for one in head["ranges"])
        if any(one.first_offset != self._source(one).position for one in ranges):
            return _joined(parts)
        bad = {one.partition: self._add(one) for one in ranges}
        drained = self._fold.drain()
        for one in ranges:
            tally = drained.tallies.get(one.partition, Tally(0, 0, 0))
            found = (tally.events, tally.duplicates, tally.missing, bad[one.partition])
            said = (one.events, one.duplicates, one.missing, one.bad)
            if found != said:
                raise Differs(
                    f"{EXECUTIONS.name} partition {one.partition}, offsets {one.first_offset} to "
                    f"{one.next_offset}: counted (events, duplicates, missing, bad) {found}, the "
                    f"live run counted {said}. Were records deleted, or is this another topic?"
                )
            self.events += tally.events
        return MetricsBatch(
            slot=head["slot"],
            incarnation=head["incarnation"],
            transaction=head["transaction"],
            part=0,
            parts=1,
            ranges=ranges,
            publishers=drained.publishers,
            partials=tuple(
                sums
                for sums in drained.partials
                if partition_of(sums.strategy.encode(), self.partitions) == self.partition
            ),
        )

    def _add(self, one: SourceRange) -> int:
        source = self._source(one)
        return sum(
            len(self._fold.add(one.partition, batch, summed=True))
            for batch in source.up_to(one.next_offset)
        )

    def _source(self, one: SourceRange) -> _Source:
        source = self._sources.get(one.partition)
        if source is None:
            place = TopicPartition(EXECUTIONS.name, one.partition)
            kept = self.log.start_offset(place)
            if kept > one.first_offset:
                raise Unrecorded(
                    f"{place.topic} partition {place.partition} is kept from offset {kept} on, the "
                    f"first look saw {one.first_offset}: beyond its retention"
                )
            start = one.first_offset
            source = _Source(iter(self.log.batches(place, start)), start)
            self._sources[one.partition] = source
            self._fold.restore(empty_snapshot(one.partition, start, from_start=start == 0))
        return source


def _joined(values: Sequence[bytes]) -> MetricsBatch:
    parts = Parts()
    whole = None
    for value in values:
        whole = parts.add(decode(MetricsBatch, value))
    if whole is None:
        raise Unrecorded(f"a manifest of {len(values)} parts is not whole")
    return whole


class _Heads:
    """Reads manifests' heads from `metrics`, as far as looks ask for them."""

    def __init__(self, log: Log, partition: int) -> None:
        schema = contract_json(MetricsBatch)
        first = schema["fields"][: len(_HEAD)]
        assert [one["name"] for one in first] == list(_HEAD), "the head comes first in the bytes"
        self._schema = parsed({**schema, "fields": first})
        self._header = header_of(schema)
        place = TopicPartition(METRICS.name, partition)
        self._values = (
            value
            for batch in log.batches(place, log.start_offset(place))
            for value in batch.values
            if value is not None
        )
        self._known: dict[ManifestName, tuple[dict[str, Any], list[bytes]]] = {}

    def take(self, name: ManifestName) -> tuple[dict[str, Any], list[bytes]]:
        """Return the manifest's head and its parts; raise Unrecorded when it is not there."""
        while name not in self._known or len(self._known[name][1]) < self._known[name][0]["parts"]:
            value = next(self._values, None)
            if value is None:
                raise Unrecorded(
                    f"a look names manifest {name}, which {METRICS.name} does not hold"
                )
            self._note(value)
        return self._known.pop(name)

    def _note(self, value: bytes) -> None:
        try:
            head = self._head(value)
        except ContractViolation:
            return  # the live decider sent it to dead letters
        name = head["slot"], head["incarnation"], head["transaction"]
        first, parts = self._known.setdefault(name, (head, []))
        if head["part"] == 0:
            first["ranges"] = head["ranges"]
        parts.append(value)

    def _head(self, value: bytes) -> dict[str, Any]:
        if not value.startswith(self._header):
            whole = decode(MetricsBatch, value)
            ranges = [
                {name: getattr(one, name) for name in SourceRange.__slots__} for one in whole.ranges
            ]
            return {name: getattr(whole, name) for name in _HEAD[:-1]} | {"ranges": ranges}
        stream = io.BytesIO(value)
        stream.seek(HEADER_BYTES)
        try:
            found: Any = fastavro.schemaless_reader(stream, self._schema, None)
        except Exception as broken:  # the library's errors for bad bytes have no common base
            raise ContractViolation(str(broken)) from broken
        return dict(found)


def folded(log: Log, partition: int) -> Iterator[Looked]:
    """Yield every recorded look of a control partition, taken again; raise Unrecorded, Differs.

    Unrecorded: the topics do not reach back to the first look, or miss what a look names.
    """
    place = TopicPartition(DECISION_INPUTS.name, partition)
    end = log.end_offset(place)  # first: what a look names was written before it
    recount = Recount(log, partition, log.partitions(METRICS.name))
    heads = _Heads(log, partition)
    commands = commands_from(log, partition, 0)
    headers = headers_of(log.read(TopicPartition(DECISIONS.name, partition)))
    state = initial(partition)
    for look in looks_from(log, partition, log.start_offset(place), end):
        if look.number <= state.look:
            continue
        if look.number != state.look + 1:
            raise Unrecorded(
                f"{DECISION_INPUTS.name} partition {partition} holds look {look.number} and not "
                f"{state.look + 1}: what ran live cannot be taken again from its beginning"
            )
        manifests = {name: recount.manifest(*heads.take(name)) for name in named(look)}
        event: LookEvent = event_of(look, manifests, commands, headers)
        state, effects = step(state, event)
        yield Looked(look.recorded_at_us, state, effects, event.manifests, recount.events)
